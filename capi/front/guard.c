/* SPDX-License-Identifier: MIT
 *
 * Would the Go runtime survive in this process? It reserves address space and
 * starts threads as soon as it is loaded, and aborts the process when it can't.
 * So the front tries first what the core is going to need.
 */
#include "front.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

/* The core was seen to map up to 1.9 GB: Go's reservations, the stacks of its
 * threads, and the 64 to 128 MB that glibc's malloc reserves for each thread.
 * With less it starts, and aborts later. TestAddressSpace tries limits around
 * this. */
#define ADDRESS_SPACE ((size_t)2304 << 20)

/* The core was seen to run 6 to 8 threads. */
#define THREADS 10

static int has_address_space(void) {
    void *p = mmap(NULL, ADDRESS_SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return 0;
    munmap(p, ADDRESS_SPACE);
    return 1;
}

static void *wait_at(void *gate) {
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* All THREADS at once, held at a gate, so that they count against ulimit -u
 * together. */
static int has_threads(void) {
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[THREADS];
    pthread_attr_t attr;
    size_t started = 0;

    if (pthread_attr_init(&attr) != 0)
        return 0;
    pthread_attr_setstacksize(&attr, (size_t)128 << 10);
    pthread_mutex_lock(&gate);
    while (started < THREADS && pthread_create(&threads[started], &attr, wait_at, &gate) == 0)
        started++;
    pthread_mutex_unlock(&gate);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attr);
    return started == THREADS;
}

int rs_can_load(void) {
    if (!has_address_space())
        return RUNSPAN_NO_ADDRESS_SPACE;
    if (!has_threads())
        return RUNSPAN_NO_THREADS;
    return RUNSPAN_DONE;
}
