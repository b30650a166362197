/* SPDX-License-Identifier: MIT
 *
 * A core in a process of its own: the functions between its files.
 */
#ifndef RUNSPAN_BESIDE_H
#define RUNSPAN_BESIDE_H

#include "stream.h"

#ifndef _WIN32
#include <signal.h>
#endif

/* beside.c: the functions of a core beside the host. */
extern const runspan_core rs_beside;

/* connection.c: start the process unless it runs, for one user of it more: a client, or a
 * command, which has the handle 0. Return a code. After RUNSPAN_DONE the caller calls
 * rs_end_use. The process ends after the last one. */
int rs_begin_use(uint64_t client, uintptr_t log, uintptr_t log_data);
void rs_end_use(uint64_t client);

/* connection.c: make a call that only touches memory. Return its code: RUNSPAN_DONE if its
 * answer does not come in time. */
int rs_call_now(rs_message *call);

/* connection.c: make a call that may wait. output is a descriptor for the core, or -1;
 * exit_status may be NULL. */
int rs_call_and_wait(rs_message *call, long long milliseconds, int output, int *exit_status);

/* connection.c: return the next handle. */
uint64_t rs_new_handle(void);

/* How long the process may take to start, or to open a client. */
#define RS_STARTING_MS 3000

/* clients.c: add a client; return 0 if there are too many. Forget one; return 0 if it is
 * forgotten already. The caller of this and the next functions holds the connection's
 * lock, but for rs_give_lines. */
int rs_add_client(uint64_t handle, uintptr_t log, uintptr_t log_data);
int rs_forget_client(uint64_t handle);

/* Log lines, and the log that is to get them. */
typedef struct rs_lines {
    uintptr_t log, data;
    char *late; /* lines of answers that came late; or NULL */
    size_t late_size;
    char *lines; /* of the call's answer; or NULL */
    size_t size;
} rs_lines;

/* clients.c: take the log lines of an answer, and those of its client's late answers. */
rs_lines rs_take_lines(rs_reply *answer);

/* clients.c: give the lines to the log, which may call runspan, and free them. */
void rs_give_lines(rs_lines *taken);

/* clients.c: keep the log lines of a late answer for the client's next call. */
void rs_keep_lines(rs_reply *answer);

/* lock.c of the platform: two locks. While a thread holds one it can't be cancelled, and no
 * handler runs on it: a thread that is cancelled, or leaves a handler by longjmp, would
 * keep the lock. */
typedef enum { RS_LOADING, RS_CONNECTION } rs_lock_name;
typedef struct rs_held {
    rs_lock_name name;
#ifndef _WIN32
    int cancel; /* the thread's state before */
    sigset_t mask;
#endif
} rs_held;
rs_held rs_lock(rs_lock_name name);
void rs_unlock(const rs_held *held);

/* lock.c of the platform: let go of the lock for a long wait, in which handlers may run;
 * and after the wait. */
void rs_unlock_to_wait(const rs_held *held);
void rs_end_wait(const rs_held *held);

/* spawn.c of the platform: find the program, and remember it for rs_spawn. core: the path
 * of the shared core, or another one in the program's folder. Return RUNSPAN_DONE, or the
 * reason why there can be no process beside this one. */
int rs_can_spawn(const char *core);

/* spawn.c of the platform: start the program, with one end of a stream. Return a code;
 * after RUNSPAN_DONE *stream is the other end. */
int rs_spawn(rs_stream *stream);

/* process.c of the platform: a random number, or where there is none one that few
 * processes share. */
uint32_t rs_random(void);

#endif
