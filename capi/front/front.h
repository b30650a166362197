/* SPDX-License-Identifier: MIT
 *
 * The parts of the front: runspan.c is the ABI, and calls the rest.
 */
#ifndef RUNSPAN_FRONT_H
#define RUNSPAN_FRONT_H

#include "core.h"

#include <signal.h>

/* consent.c: RUNSPAN_DONE, or the RUNSPAN_OFF_ code of the first variable or
 * switch that opts out. */
int rs_consent(const char *service);

/* consent.c: is the variable set to anything but empty, 0 or false? */
int rs_is_on(const char *variable);

/* print.c: a runspan_log that writes spans and errors to standard error. */
void rs_print(void *unused, int level, const char *line);

/* print.c: a runspan_log that writes errors to standard error. */
void rs_print_error(void *unused, int level, const char *line);

/* print.c: the same, where there is none because telemetry is off. */
void rs_print_off(const char *service, const char *reason);

/* print.c: writes all of the text. 0 where it can't be. */
int rs_write_all(int fd, const char *text, size_t size);

/* folders.c: may the name of the service be a part of a path? The core allows
 * fewer names still. */
int rs_is_file_name(const char *service);

/* folders.c: the folder in which the service's undelivered spans are kept. 0
 * where there is none. */
int rs_spool_folder(const char *service, char *path, size_t size);

/* folders.c: the folder of the user's switches. 0 where there is none. */
int rs_switch_folder(char *path, size_t size);

/* folders.c: makes the folder at an absolute path, and those above it. 0, or an
 * errno: EPERM where they would be in another user's. */
int rs_make_folder(const char *path);

/* spool.c: removes the reports that wait in the folder, and the folder where it
 * is empty then. all: the last report that was sent, too. Returns how many could
 * not be removed. */
size_t rs_spool_clear(const char *path, int all);

/* command.c: a command of the user's, as its words say it. */
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

/* descriptors.c: keeps 0, 1 and 2 from becoming descriptors of runspan's, until
 * rs_free_standard. */
void rs_fill_standard(void);
void rs_free_standard(void);

/* process.c: not 0 in a program that runs with more rights than its user (setuid,
 * file capabilities). */
int rs_is_privileged(void);

/* process.c: takes one of the signals, if one is pending, and does not wait. */
void rs_take_signal(const sigset_t *signals);

/* guard.c: RUNSPAN_DONE, or why the Go runtime would abort this process if it
 * were loaded now. */
int rs_can_load(void);

/* thread.c: before and after the core is called. BUSY: this thread is inside a
 * call already, whose signal handler this is. NO_STACK: it has too little left. */
int rs_enter(void);
void rs_leave(void);

/* thread.c: a line for a runspan_log of the host's, which may call runspan. */
void rs_tell(uintptr_t log, uintptr_t data, int level, const char *line, size_t length);

/* loader.c: takes the core's loading for this process. DONE, FORKED where it is
 * the child of one that had begun, NO_ADDRESS_SPACE. */
int rs_claim_process(void);

/* loader.c: loads the core once per process, which is claimed. path may be NULL. On failure
 * *why is a text for the log, valid until the next call on this thread, or NULL. */
int rs_load(const char *path, const char **why);

/* loader.c: the core, or NULL where it is not loaded in this process. */
const runspan_core *rs_core(void);

/* loader.c: not 0 in a child of the process that began to load the core. */
int rs_forked(void);

#endif
