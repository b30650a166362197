/* SPDX-License-Identifier: MIT
 *
 * The functions between the front's files. runspan.c has the ABI, and calls the others.
 * A function of the platform is in a file of that name in posix/, linux/, macos/ or
 * windows/.
 */
#ifndef RUNSPAN_FRONT_H
#define RUNSPAN_FRONT_H

#include "core.h"
#include "platform.h"

/* consent.c: return RUNSPAN_DONE, or the RUNSPAN_OFF_ code of the first variable or
 * switch that opts out. */
int rs_consent(const char *service);

/* consent.c: return 1 if the variable is set, and is not empty, 0 or false. */
int rs_is_on(const char *variable);

/* config.c: put together what the core is told. spool may be NULL. Return RUNSPAN_DONE or
 * E_INTERNAL. After either the caller calls rs_free_config. */
int rs_read_config(runspan_core_config *config, const runspan_options *options, const char *spool);
void rs_free_config(const runspan_core_config *config);

/* print.c: write a span or an error to standard error. It is a runspan_log. */
void rs_print(void *unused, int level, const char *line);

/* print.c: write an error to standard error. It is a runspan_log. */
void rs_print_error(void *unused, int level, const char *line);

/* print.c: write to standard error why telemetry is off. */
void rs_print_off(const char *service, const char *reason);

/* folders.c: return 1 if the service's name may be part of a path. The core allows
 * fewer names. */
int rs_is_file_name(const char *service);

/* folders.c: find the folder of the service's undelivered spans. Return 0 if there is
 * none, or if its file system does not answer. */
int rs_spool_folder(const char *service, char *path, size_t size);

/* folders.c: return 1 if a file of the spool is to be removed. all: the report that was
 * sent last is, too. */
int rs_is_undelivered(const char *name, int all);

/* folders.c of the platform: find the folder of all services' spools, of the user's
 * switches, or of the site's. Return 0 if there is none. */
int rs_state_folder(char *path, size_t size);
int rs_switch_folder(char *path, size_t size);
int rs_site_folder(char *path, size_t size);

/* Results of the functions below other than 0 and the system's errors. */
#define RS_MISSING (-1)
#define RS_NOT_OURS (-2)
#define RS_SILENT (-3)

/* folders.c of the platform: make the folder at an absolute path, and its missing
 * parents. Return 0, an error of the system, or RS_NOT_OURS if they would be in another
 * user's folder. */
int rs_make_folder(const char *path);

/* spool.c of the platform: remove the waiting reports in the folder, and then the folder
 * if it is empty. all: as in rs_is_undelivered. Return the number of files that could not
 * be removed. */
size_t rs_spool_clear(const char *path, int all);

/* files.c of the platform: copy the value of a variable, with a NUL, if it fits. Return its
 * length in bytes, or -1 if it is not set. */
int rs_variable(const char *name, char *value, size_t size);

/* linux/look.c, or process.c or files.c of the platform: return 0 if there is a file of that
 * name, RS_MISSING if there is none, RS_SILENT if its file system does not answer in half a
 * second, or an error of the system. A link is not followed. */
int rs_look(const char *path);

/* files.c of the platform: make an empty file unless there is one; remove one. Return 0,
 * an error of the system, or RS_MISSING if there is none to remove. */
int rs_make_file(const char *path);
int rs_remove_file(const char *path);

/* files.c of the platform: return 1 if the file can be read; if the path is absolute. */
int rs_is_readable(const char *path);
int rs_is_absolute(const char *path);

/* files.c of the platform: write all of the text. Return 0 after an error. */
int rs_write_all(int fd, const char *text, size_t size);

/* files.c of the platform: say in words what an error of the system is. */
void rs_error_words(int error, char *text, size_t size);

/* process.c of the platform: write a text to standard error. A pipe without a reader does
 * not end the host. */
void rs_write_error(const char *text);

/* process.c of the platform: return 1 in a program that has more rights than its user
 * (setuid, file capabilities). */
int rs_is_privileged(void);

/* process.c of the platform: make this process the one that loads the core. Return DONE,
 * NO_ADDRESS_SPACE, or FORKED in a child of the process that did so. */
int rs_claim_process(void);

/* process.c of the platform: return 1 in a child of the process that began to load the
 * core. */
int rs_forked(void);

/* process.c of the platform: find the file that contains this function: the shared
 * library, or the program if the front is linked into it. Return 0 if it is not known. */
int rs_own_file(char *path, size_t size);

/* process.c of the platform: resolve the links in a path. Return 0 if it can't. */
int rs_resolve(const char *path, char *resolved, size_t size);

/* descriptors.c of the platform: make sure that runspan gets no descriptor 0, 1 or 2 until
 * rs_free_standard. */
void rs_fill_standard(void);
void rs_free_standard(void);

/* command.c: a command of the user's. */
typedef struct rs_command {
    const char *name;      /* of the list; help where there is no such command */
    const char *words[8];  /* the others, but for options */
    int count;             /* of the words */
    int json, all, last;   /* options */
    int known;             /* is there such a command? */
    int changes;           /* is it off, on or purge? */
} rs_command;

/* command.c: reads the words of a command. */
rs_command rs_parse(int argc, const char *const *argv);

/* command.c: carries out what changes something: off, on, purge. 0 where it can't
 * be done, and why has been written to fd. spool may be NULL. */
int rs_change(const rs_command *command, const char *service, const char *spool, int fd);

/* command.c: writes the list of commands. 0 where it can't be. */
int rs_write_usage(int fd);

/* command.c: writes what there is to know without a core: is telemetry on? off is
 * why it is not, or NULL. 0 where it can't be written. */
int rs_write_consent(const rs_command *command, const char *service, const char *off, int fd);

/* reason.c: return a code's reason: the part of its sentence after the colon. */
const char *rs_reason(int code);

/* reason.c: return a sentence about telemetry as it is after runspan_open with that
 * result. It is valid until the thread's next call. */
const char *rs_describe(int code);

/* reason.c: the same without "telemetry is off: ". */
const char *rs_why_off(int code);

/* A reason for a core beside the host that is no code of the ABI. */
#define RS_WANTED 1001

/* thread.c: call these before and after a call into the core. BUSY: this is a signal
 * handler, and the thread is inside a call already. NO_STACK: the thread has too little
 * stack left. */
int rs_enter(void);
void rs_leave(void);

/* thread.c: pass a line to the host's runspan_log, which may call runspan. */
void rs_tell(uintptr_t log, uintptr_t data, int level, const char *line, size_t length);

/* loader.c: which way the core is to run. */
typedef enum { RS_BY_RULE, RS_IN_HOST, RS_BESIDE } rs_way;

/* loader.c: load the core once per process, after rs_claim_process, or prepare for one
 * in a process of its own. path may be NULL. After a failure *why is NULL or a text for
 * the log, which is valid until the next call on this thread. */
int rs_load(const char *path, rs_way asked, const char **why);

/* loader.c: note that there is no process for the core, for a reason. */
void rs_no_process(int code);

/* loader.c: return 1 if the code is a reason why the core can be neither in the host nor
 * beside it. */
int rs_is_nowhere(int code);

/* loader.c: say in words where the core is, and why it is not in the host; or why it is
 * nowhere. */
void rs_where(char *text, size_t size);

/* loader.c: return the core, or NULL if it is not loaded in this process. */
const runspan_core *rs_core(void);

/* spawn.c of the platform: return the system's error with which the core's program could
 * not be started, or 0. */
int rs_spawn_error(void);

#ifdef RS_SHARED_CORE

/* linux/guard.c: return RUNSPAN_DONE, or the reason why the Go runtime would abort this
 * process if it were loaded now. address_space: its need, in bytes. */
int rs_can_load(size_t address_space);

/* linux/limits.c: return RUNSPAN_DONE, or the reason why the host would feel the core in
 * it. */
int rs_is_felt(void);

/* linux/limits.c: return 1 if so many tasks are a small part of the limits. */
int rs_leaves_tasks(unsigned need);

/* linux/process.c: return 0 after unshare(CLONE_NEWPID): the first new process would be PID
 * 1 of the new namespace, which ends with it. */
int rs_has_children_here(void);

/* linux/spawn.c: close all descriptors from first on. */
void rs_close_from(unsigned first);

/* linux/stack.c: prepare the thread for Go code. Return NO_STACK if it has too little. */
int rs_enter_go(void);
void rs_leave_go(void);

/* linux/in_host.c: return 0 if the file is cut short. */
int rs_is_whole(const char *path);

/* linux/in_host.c: load the shared core into this process. *why is as in rs_load. */
int rs_load_into_host(const char *path, runspan_core *core, const char **why);

/* loader.c: start a process beside a host that has the core in it, for what the core can't
 * deliver before the host ends. Return a socket to it, or -1: RUNSPAN_OUT_OF_PROCESS
 * forbids it, or there is a reason why there can be none. */
int rs_spawn_beside(void);

#endif

#endif
