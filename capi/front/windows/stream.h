/* SPDX-License-Identifier: MIT
 *
 * The stream of Windows, for the file that starts the program.
 */
#ifndef RUNSPAN_WINDOWS_STREAM_H
#define RUNSPAN_WINDOWS_STREAM_H

#include "../stream.h"
#include "system.h"

/* stream.c: make a pipe. duplex: for both directions, and the core's end is for a child to
 * inherit; else the core writes. Return 0, or an error of the system. */
DWORD rs_make_pipe(HANDLE *own, HANDLE *of_core, int duplex);

#endif
