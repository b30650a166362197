/* SPDX-License-Identifier: MIT
 *
 * The bounds of a thread's stack. Go asks for them if a call comes from outside the
 * bounds that it knows: for a coroutine with a stack of its own, that is each call. For
 * the main thread glibc reads /proc/self/maps then, which takes hundreds of times as
 * long as the call. For other threads it makes a system call, and allocates memory. A
 * thread's own stack does not move, so this asks glibc once. The core is linked with
 * --wrap=x_cgo_getstackbound.
 *
 * Go uses the bounds only if they contain the stack pointer. For a coroutine it assumes
 * that 32 KiB are left.
 */
#include "guest.h"

void __real_x_cgo_getstackbound(uintptr_t bounds[2]);
void __wrap_x_cgo_getstackbound(uintptr_t bounds[2]);

/* initial-exec: the dynamic linker would allocate other variables of a thread by malloc. */
static _Thread_local __attribute__((tls_model("initial-exec"))) uintptr_t known[2];

void rs_know_stack(uintptr_t bottom, uintptr_t top) {
    known[0] = bottom;
    known[1] = top;
}

void __wrap_x_cgo_getstackbound(uintptr_t bounds[2]) {
    if (known[1] == 0)
        __real_x_cgo_getstackbound(known);
    bounds[0] = known[0];
    bounds[1] = known[1];
}
