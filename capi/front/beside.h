/* SPDX-License-Identifier: MIT
 *
 * A core in a process of its own: what beside.c needs of the system.
 */
#ifndef RUNSPAN_BESIDE_H
#define RUNSPAN_BESIDE_H

#include "core.h"

/* beside.c: the functions of a core beside the host. */
extern const runspan_core rs_beside;

#define RS_PROGRAM "runspan-core"

/* spawn.c: find the program, and remember it for rs_spawn. core: the path of the shared
 * core, or another one in the program's folder. Return RUNSPAN_DONE, or the reason why
 * there can be no process beside this one. */
int rs_can_spawn(const char *core);

/* spawn.c: start the program, with one end of a stream socket. Return a code; after
 * RUNSPAN_DONE *socket is the other end. */
int rs_spawn(int *socket);

/* spawn.c: make a pair of stream sockets, closed by an exec. Return 0, or -1. */
int rs_socket_pair(int pair[2]);

/* process.c: return 0 after unshare(CLONE_NEWPID): the first new process would be PID 1 of
 * the new namespace, which ends with it. */
int rs_has_children_here(void);

/* process.c: a random number, or where there is none one that few processes share. */
uint32_t rs_random(void);

#endif
