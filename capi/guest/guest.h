/* SPDX-License-Identifier: MIT
 *
 * Functions that the C files of this folder have for each other.
 */
#ifndef RUNSPAN_GUEST_H
#define RUNSPAN_GUEST_H

#include <stdint.h>

/* Maps the memory that the Go runtime needs, before it starts. Returns whether it could. */
int rs_map_memory(void);

/* Sets the bounds of the calling thread's stack. Go gets them when it asks. */
void rs_know_stack(uintptr_t bottom, uintptr_t top);

#endif
