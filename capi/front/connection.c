/* SPDX-License-Identifier: MIT
 *
 * The connection to a core in a process of its own: its start and end, and calls on a
 * stream (frame.h).
 */
#include "beside.h"
#include "front.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How long a call that only touches memory waits for its answer, which mostly takes 20 µs.
 * A later call reads an answer that comes after that. The core may take 250 ms for end. */
#define ANSWER_MS 300

/* With so many answers late, calls wait no longer: the process is stopped, or has no
 * time. So it costs the host 0.6 s at the most. */
#define LATE_MAX 2

/* The connection of this process. Its lock is RS_CONNECTION. */
static struct {
    rs_stream stream;
    int lost;       /* the process has ended or does not read: telemetry is off from now on */
    unsigned late;  /* answers that have not come yet, of calls that have returned */
    unsigned users; /* clients, and commands */
} connection = {.stream = RS_NO_STREAM};

static atomic_uint_fast64_t last_handle;

/* The upper half is random for the process, so that a number from another source is not a
 * valid handle. */
uint64_t rs_new_handle(void) {
    uint64_t none = 0, first = ((uint64_t)rs_random() | 1) << 32;

    atomic_compare_exchange_strong(&last_handle, &none, first);
    return atomic_fetch_add(&last_handle, 1) + 1;
}

static void lose(void) {
    rs_close_stream(&connection.stream);
    connection.lost = 1;
}

/* Reads the answers of calls that have returned, as far as they have come. Returns 0 when
 * the process is lost. */
static int read_late(long long deadline) {
    rs_reply answer;

    while (connection.late > 0) {
        int got = rs_read_answer(&connection.stream, &answer, deadline);

        if (got < 0)
            return 0;
        if (got == 0)
            return 1;
        rs_keep_lines(&answer);
        connection.late--;
    }
    return 1;
}

/* Writes a call, and reads its answer if it comes in time. Returns 0 when the process is
 * lost. */
static int exchange(rs_message *call, rs_reply *answer) {
    long long deadline;
    int got = 0;

    if (!read_late(rs_now_ms()) || !rs_write_call(&connection.stream, call, NULL))
        return 0;
    deadline = rs_now_ms() + (connection.late < LATE_MAX ? ANSWER_MS : 0);
    if (!read_late(deadline))
        return 0;
    if (connection.late == 0)
        got = rs_read_answer(&connection.stream, answer, deadline);
    if (got == 0)
        connection.late++;
    return got >= 0;
}

int rs_call_now(rs_message *call) {
    rs_reply answer = {.head = {.code = RUNSPAN_DONE}};
    rs_held held = rs_lock(RS_CONNECTION);
    rs_lines taken;

    if (!rs_is_open(&connection.stream)) {
        answer.head.code = connection.lost ? RUNSPAN_NO_PROCESS : RUNSPAN_E_HANDLE;
    } else if (!exchange(call, &answer)) {
        lose();
        answer.head.code = RUNSPAN_NO_PROCESS;
    }
    taken = rs_take_lines(&answer);
    rs_unlock(&held);
    rs_give_lines(&taken);
    return answer.head.code;
}

/* Gives the lines of a call that has waited to its log, after those of the calls before. */
static void give_all(rs_reply *answer) {
    rs_held held = rs_lock(RS_CONNECTION);
    rs_lines taken;

    if (rs_is_open(&connection.stream) && !read_late(rs_now_ms()))
        lose();
    taken = rs_take_lines(answer);
    rs_unlock(&held);
    rs_give_lines(&taken);
}

/* Writes a call that may wait. Returns its code if it can't be written. */
static int write_call(rs_message *call, rs_handed *handed) {
    if (!rs_is_open(&connection.stream))
        return connection.lost ? RUNSPAN_NO_PROCESS : RUNSPAN_E_HANDLE;
    if (rs_write_call(&connection.stream, call, handed))
        return RUNSPAN_DONE;
    lose();
    return RUNSPAN_NO_PROCESS;
}

int rs_call_and_wait(rs_message *call, long long milliseconds, int output, int *exit_status) {
    rs_reply answer;
    rs_handed handed = {.output = output};
    rs_stream own;
    rs_held held;
    long long deadline;
    int code, got = 0;

    if (rs_is_too_long(call))
        return RUNSPAN_E_SCHEMA; /* nothing else can be so long */
    if (!rs_make_stream(&own, &handed.answer))
        return RUNSPAN_NO_DESCRIPTORS;
    held = rs_lock(RS_CONNECTION);
    code = write_call(call, &handed);
    rs_unlock_to_wait(&held);
    rs_close_end(handed.answer);
    deadline = rs_now_ms() + milliseconds;
    rs_pass_output(&handed, code == RUNSPAN_DONE ? deadline : 0);
    if (code == RUNSPAN_DONE)
        got = rs_read_answer(&own, &answer, deadline);
    rs_close_stream(&own);
    rs_end_wait(&held);
    if (got != 1)
        return code == RUNSPAN_DONE ? RUNSPAN_NO_PROCESS : code;
    give_all(&answer);
    if (exit_status != NULL)
        *exit_status = answer.head.exit_status;
    return answer.head.code;
}

/* Reads the greeting of a new process, and compares the versions. */
static int greeted(const rs_stream *stream) {
    rs_reply answer;
    int code, got = rs_read_answer(stream, &answer, rs_now_ms() + RS_STARTING_MS);

    if (got != 1)
        return RUNSPAN_NO_PROCESS;
    code = answer.head.code;
    if (code == RUNSPAN_DONE && (answer.lines == NULL || answer.lines[answer.head.size - 1] != '\0' ||
                                 strcmp(answer.lines, RUNSPAN_VERSION) != 0))
        code = RUNSPAN_OTHER_CORE;
    free(answer.lines);
    return code;
}

/* Starts the process unless it runs. The caller holds the lock. */
static int start(void) {
    int code;

    if (connection.lost)
        return RUNSPAN_NO_PROCESS;
    if (rs_is_open(&connection.stream))
        return RUNSPAN_DONE;
    code = rs_spawn(&connection.stream);
    if (code != RUNSPAN_DONE)
        return code;
    code = greeted(&connection.stream);
    if (code != RUNSPAN_DONE)
        rs_close_stream(&connection.stream);
    connection.late = 0;
    return code;
}

int rs_begin_use(uint64_t client, uintptr_t log, uintptr_t log_data) {
    rs_held held = rs_lock(RS_CONNECTION);
    int code = client == 0 || rs_add_client(client, log, log_data) ? start() : RUNSPAN_E_TOO_MANY;

    if (code == RUNSPAN_DONE)
        connection.users++;
    else
        rs_forget_client(client);
    rs_unlock(&held);
    return code;
}

/* Another thread may have ended the use of the client already. */
void rs_end_use(uint64_t client) {
    rs_held held = rs_lock(RS_CONNECTION);

    if ((client == 0 || rs_forget_client(client)) && --connection.users == 0)
        rs_close_stream(&connection.stream);
    rs_unlock(&held);
}
