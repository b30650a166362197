/* SPDX-License-Identifier: MIT
 *
 * The locks of loader.c and connection.c.
 */
#include "../beside.h"

#include <pthread.h>

static pthread_mutex_t locks[] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

/* A thread inherits the mask of the thread that starts it: the host's signals reach only
 * the host's threads, not those of a core in the host. The Go runtime needs the signals
 * that it turns into panics, the first three. */
static void block_signals(rs_lock_name name, sigset_t *before) {
    static const int keep[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    size_t count = name == RS_LOADING ? 3 : sizeof keep / sizeof *keep;
    sigset_t block;

    sigfillset(&block);
    for (size_t i = 0; i < count; i++)
        sigdelset(&block, keep[i]);
    pthread_sigmask(SIG_BLOCK, &block, before);
}

rs_held rs_lock(rs_lock_name name) {
    rs_held held = {.name = name};

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &held.cancel);
    block_signals(name, &held.mask);
    pthread_mutex_lock(&locks[name]);
    return held;
}

void rs_unlock(const rs_held *held) {
    rs_unlock_to_wait(held);
    rs_end_wait(held);
}

void rs_unlock_to_wait(const rs_held *held) {
    pthread_mutex_unlock(&locks[held->name]);
    pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
}

void rs_end_wait(const rs_held *held) {
    pthread_setcancelstate(held->cancel, NULL);
}
