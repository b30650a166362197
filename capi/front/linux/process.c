/* SPDX-License-Identifier: MIT
 *
 * The process: what only Linux tells of it, or does in this way.
 */
#define _GNU_SOURCE /* sigtimedwait */
#include "../beside.h"
#include "../front.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int rs_is_privileged(void) {
    return getauxval(AT_SECURE) != 0;
}

void rs_take_signal(const sigset_t *signals) {
    const struct timespec at_once = {0, 0};

    while (sigtimedwait(signals, NULL, &at_once) == -1 && errno == EINTR)
        ;
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
