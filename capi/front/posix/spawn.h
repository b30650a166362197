/* SPDX-License-Identifier: MIT
 *
 * The functions between posix/spawn.c and the platform's spawn.c.
 */
#ifndef RUNSPAN_POSIX_SPAWN_H
#define RUNSPAN_POSIX_SPAWN_H

/* The platform's: return RUNSPAN_DONE, or the reason why this process can't start one
 * beside it. */
int rs_may_spawn(void);

/* The platform's: start the program in a session of its own, with the socket as descriptor
 * 0, and the arguments CORE and the host's process id. Return a code. */
int rs_start(char *program, char *core, int socket);

/* posix/spawn.c: return the code of an errno, which may be 0, and remember it for
 * rs_spawn_error. */
int rs_code_of(int error);

#endif
