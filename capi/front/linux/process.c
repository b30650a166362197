/* SPDX-License-Identifier: MIT
 *
 * The process: what only Linux tells of it, or does in this way.
 */
#define _GNU_SOURCE /* sigtimedwait */
#include "../beside.h"
#include "../front.h"

#include <errno.h>
#include <sys/auxv.h>
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
uint32_t rs_random(void) {
    uint32_t number;

    if (syscall(SYS_getrandom, &number, sizeof number, 0) != (long)sizeof number)
        number = (uint32_t)getpid() * 2654435761u;
    return number;
}
