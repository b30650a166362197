/* SPDX-License-Identifier: MIT
 *
 * The stack and the signals of the calling thread while it runs Go code.
 */
#define _GNU_SOURCE /* pthread_getattr_np */
#include "../front.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The least stack that a call into Go needs, in bytes. Go code has stacks of its own,
 * but the call begins on this one, and Go's scheduler stays on it. */
#define STACK ((uintptr_t)32 << 10)

static _Thread_local struct {
    int known;        /* is the rest set? */
    uintptr_t bottom; /* of the stack, which grows down to here. 0: not known */
    uintptr_t top;
    sigset_t mask;
} self;

/* The beginning of the main thread's stack. Only glibc has this symbol. */
extern void *__libc_stack_end __attribute__((weak));

/* For the main thread, pthread_getattr_np would read /proc/self/maps, which is slow. */
static void find_stack(void) {
    struct rlimit limit;
    pthread_attr_t attr;
    void *bottom;
    size_t size;

    if (syscall(SYS_gettid) == getpid()) {
        if (&__libc_stack_end != NULL && getrlimit(RLIMIT_STACK, &limit) == 0) {
            self.top = (uintptr_t)__libc_stack_end;
            self.bottom = limit.rlim_cur < self.top ? self.top - (uintptr_t)limit.rlim_cur : 0;
        }
    } else if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        if (pthread_attr_getstack(&attr, &bottom, &size) == 0) {
            self.bottom = (uintptr_t)bottom;
            self.top = self.bottom + size;
        }
        pthread_attr_destroy(&attr);
    }
}

int rs_enter_go(void) {
    uintptr_t here = (uintptr_t)&here;

    if (!self.known)
        find_stack();
    if (here > self.bottom && here < self.top && here - self.bottom < STACK)
        return RUNSPAN_NO_STACK;
    if (!self.known)
        pthread_sigmask(SIG_BLOCK, NULL, &self.mask);
    return RUNSPAN_DONE;
}

/* When a thread enters Go for the first time, the runtime unblocks some signals. This
 * function restores the mask. */
void rs_leave_go(void) {
    if (!self.known) {
        pthread_sigmask(SIG_SETMASK, &self.mask, NULL);
        self.known = 1;
    }
}
