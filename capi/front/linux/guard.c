/* SPDX-License-Identifier: MIT
 *
 * Would the Go runtime survive in this process? When it is loaded it maps memory,
 * opens descriptors and makes system calls, and aborts the process if one fails. So
 * the front tries these first. The core itself tries the threads: capi/guest/threads.c.
 */
#define _GNU_SOURCE /* dlinfo */
#include "../front.h"
#include "../../guest/limits.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int can_map(size_t size, int protection) {
    void *p = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return 0;
    munmap(p, size);
    return 1;
}

static int has_descriptors(void) {
    int opened[RS_DESCRIPTORS], n = 0;

    while (n < RS_DESCRIPTORS && (opened[n] = eventfd(0, EFD_CLOEXEC)) >= 0)
        n++;
    for (int i = 0; i < n; i++)
        close(opened[i]);
    return n == RS_DESCRIPTORS;
}

/* Tries the system calls that must not fail for the Go runtime. A seccomp filter may
 * refuse them. */
static int is_refused(void) {
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t mask;
    stack_t stack;
    struct sigaction action;
    char random;
    int word = 0, refused, poller = epoll_create1(EPOLL_CLOEXEC), watched = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    refused = poller < 0 || watched < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, watched, &event) != 0 ||
              epoll_pwait(poller, &event, 1, 0, NULL) < 0 || sigaltstack(NULL, &stack) != 0 ||
              sigaction(SIGSEGV, NULL, &action) != 0 || pthread_sigmask(SIG_BLOCK, NULL, &mask) != 0 ||
              syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0 ||
              syscall(SYS_getrandom, &random, sizeof random, 1 /* GRND_NONBLOCK: glibc has it since 2.25 */) < 0;
    if (poller >= 0)
        close(poller);
    if (watched >= 0)
        close(watched);
    return refused;
}

/* The core needs glibc, one copy of it in the process, and the copy that the program
 * was started with. It does not work with musl, in programs that are linked statically,
 * or in libraries that dlmopen has loaded. */
static int is_supported(void) {
#ifdef __GLIBC__
    Lmid_t in = LM_ID_BASE;
    void *libc = confstr(_CS_GNU_LIBC_VERSION, NULL, 0) == 0 ? NULL : dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    int known;

    if (libc == NULL)
        return 0;
    known = dlinfo(libc, RTLD_DI_LMID, &in) == 0;
    dlclose(libc);
    return known && in == LM_ID_BASE;
#else
    return 0;
#endif
}

int rs_can_load(size_t address_space) {
    if (!is_supported())
        return RUNSPAN_UNSUPPORTED;
    if (!can_map(address_space, PROT_NONE) || !can_map(RS_WRITABLE, PROT_READ | PROT_WRITE))
        return RUNSPAN_NO_ADDRESS_SPACE;
    if (!has_descriptors())
        return errno == EMFILE || errno == ENFILE ? RUNSPAN_NO_DESCRIPTORS : RUNSPAN_REFUSED;
    if (is_refused())
        return RUNSPAN_REFUSED;
    return RUNSPAN_DONE;
}
