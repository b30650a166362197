/* SPDX-License-Identifier: MIT
 *
 * The process: what only Linux tells of it, or does in this way.
 */
#define _GNU_SOURCE /* dladdr, sigtimedwait */
#include "../beside.h"
#include "../front.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The process that has begun to load the core. Its mark is 1; in a child the mark is 0,
 * because the kernel wipes the page on every fork (MADV_WIPEONFORK, Linux 4.14). On
 * older kernels the front compares process ids instead, which needs a system call each
 * time. */
struct owner {
    atomic_int mark;
};
static _Atomic(struct owner *) owner; /* NULL: no thread has begun */
static atomic_int owner_pid;          /* 0: the kernel wipes the page */

/* qemu-user accepts any advice, and ignores it if it does not know it. So try an advice
 * that does not exist, too. */
static int is_wiped_on_fork(void *page, size_t size) {
    const int nonsense = 0x7fffff;

    return madvise(page, size, MADV_WIPEONFORK) == 0 && madvise(page, size, nonsense) != 0;
}

static int claim(void) {
    struct owner *none = NULL;
    struct owner *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return RUNSPAN_NO_ADDRESS_SPACE;
    if (!is_wiped_on_fork(page, sizeof *page))
        atomic_store(&owner_pid, (int)getpid());
    atomic_store(&page->mark, 1);
    if (!atomic_compare_exchange_strong(&owner, &none, page))
        munmap(page, sizeof *page); /* another thread was first */
    return RUNSPAN_DONE;
}

int rs_claim_process(void) {
    int code = atomic_load(&owner) == NULL ? claim() : RUNSPAN_DONE;

    return code == RUNSPAN_DONE && rs_forked() ? RUNSPAN_FORKED : code;
}

int rs_forked(void) {
    struct owner *page = atomic_load_explicit(&owner, memory_order_acquire);
    int pid;

    if (page == NULL)
        return 0;
    pid = atomic_load_explicit(&owner_pid, memory_order_relaxed);
    return pid != 0 ? pid != (int)getpid() : atomic_load_explicit(&page->mark, memory_order_relaxed) == 0;
}

/* For a program dladdr returns argv[0], which may not be a path. */
int rs_own_file(char *path, size_t size) {
    Dl_info self, program;
    ssize_t n;

    if (dladdr(&owner, &self) == 0 || self.dli_fname == NULL)
        return 0;
    if (dladdr((void *)getauxval(AT_PHDR), &program) != 0 && program.dli_fbase == self.dli_fbase) {
        n = readlink("/proc/thread-self/exe", path, size - 1); /* the first thread may have ended */
        if (n < 0)                                             /* before Linux 3.17 */
            n = readlink("/proc/self/exe", path, size - 1);
        path[n < 0 ? 0 : n] = '\0';
    } else {
        n = snprintf(path, size, "%s", self.dli_fname);
    }
    return n > 0 && (size_t)n < size && strchr(path, '/') != NULL;
}

int rs_is_privileged(void) {
    return getauxval(AT_SECURE) != 0;
}

static void take_signal(const sigset_t *signals) {
    const struct timespec at_once = {0, 0};

    while (sigtimedwait(signals, NULL, &at_once) == -1 && errno == EINTR)
        ;
}

/* If standard error is a pipe without a reader, SIGPIPE would end the host. So this
 * function blocks SIGPIPE, and removes it if the write has caused it. */
void rs_write_error(const char *text) {
    sigset_t pipe, before, pending;
    int was_pending, saved = errno;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    rs_write_all(STDERR_FILENO, text, strlen(text));
    if (!was_pending)
        take_signal(&pipe);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
}

/* This thread says it: the links of the process are its first thread's, which may have ended. */
int rs_has_children_here(void) {
    static const char children[] = "/proc/thread-self/ns/pid_for_children"; /* since Linux 4.12 */
    char own[64], of_children[64];
    struct stat info;
    ssize_t n, m;

    n = readlink("/proc/thread-self/ns/pid", own, sizeof own);
    m = readlink(children, of_children, sizeof of_children);
    if (n < 0 || m < 0)
        return lstat(children, &info) != 0; /* a link that can't be read: there is no PID 1 yet */
    return n == m && memcmp(own, of_children, (size_t)n) == 0;
}

uint32_t rs_random(void) {
    uint32_t number;

    if (syscall(SYS_getrandom, &number, sizeof number, 0) != (long)sizeof number)
        number = (uint32_t)getpid() * 2654435761u;
    return number;
}
