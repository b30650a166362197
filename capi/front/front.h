/* SPDX-License-Identifier: MIT
 *
 * The parts of the front: runspan.c is the ABI, and calls the rest.
 */
#ifndef RUNSPAN_FRONT_H
#define RUNSPAN_FRONT_H

#include "core.h"

/* consent.c: RUNSPAN_DONE, or the RUNSPAN_OFF_ code of the first variable or
 * switch that opts out. */
int rs_consent(const char *service);

/* consent.c: is the variable set to anything but empty, 0 or false? */
int rs_is_on(const char *variable);

/* print.c: a runspan_log that writes spans to standard error. */
void rs_print(void *unused, int level, const char *line);

/* print.c: the same, where there is none because telemetry is off. */
void rs_print_off(const char *service, const char *reason);

/* folders.c: may the name of the service be a part of a path? The core allows
 * fewer names still. */
int rs_is_file_name(const char *service);

/* folders.c: the folder in which the service's undelivered spans are kept. 0
 * where there is none. */
int rs_spool_folder(const char *service, char *path, size_t size);

/* folders.c: the folder of the user's switches. 0 where there is none. */
int rs_switch_folder(char *path, size_t size);

/* spool.c: removes what waits in the folder, and the folder where it is empty then. */
void rs_spool_clear(const char *path);

/* guard.c: RUNSPAN_DONE, or why the Go runtime would abort this process if it
 * were loaded now. */
int rs_can_load(void);

/* thread.c: before and after the core is called. BUSY: this thread is inside a
 * call already, whose signal handler this is. NO_STACK: it has too little left. */
int rs_enter(void);
void rs_leave(void);

/* thread.c: a line for a runspan_log of the host's, which may call runspan. */
void rs_tell(uintptr_t log, uintptr_t data, int level, const char *line, size_t length);

/* loader.c: loads the core once per process. path may be NULL. On failure
 * *why is a text for the log, valid until the next call on this thread, or NULL. */
int rs_load(const char *path, const char **why);

/* loader.c: the core, or NULL where it is not loaded in this process. */
const runspan_core *rs_core(void);

/* loader.c: not 0 in a child of the process that began to load the core. */
int rs_forked(void);

#endif
