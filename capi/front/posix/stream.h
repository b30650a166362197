/* SPDX-License-Identifier: MIT
 *
 * The stream of POSIX, for the files that make one.
 */
#ifndef RUNSPAN_POSIX_STREAM_H
#define RUNSPAN_POSIX_STREAM_H

#include "../stream.h"

/* stream.c: return the stream of a new descriptor. */
rs_stream rs_own_socket(int fd);

/* spawn.c of the platform: make a pair of stream sockets, closed by an exec, neither of
 * which is descriptor 0, 1 or 2. Return 0, or -1. */
int rs_socket_pair(int pair[2]);

#endif
