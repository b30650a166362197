/* SPDX-License-Identifier: MIT
 *
 * The core's threads. The Go runtime starts threads when it needs them, and ends the
 * process if it can't (ulimit -u, pids.max). So this makes a stock of threads before
 * the runtime starts; if it can't, the runtime does not start. The core is linked with
 * --wrap for the functions below.
 */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "core.h"
#include "guest.h"
#include "limits.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How many threads the runtime may have asked for that are not started yet. */
#define LATE 64

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __real_pthread_attr_init(pthread_attr_t *);
int __wrap_pthread_attr_init(pthread_attr_t *);
void *__real_malloc(size_t);
void *__wrap_malloc(size_t);
void __real_free(void *);
void __wrap_free(void *);

struct job {
    void *(*run)(void *);
    void *argument;
};

/* Jobs that have no thread yet. */
struct queue {
    struct job jobs[LATE];
    int length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct queue given; /* jobs for the stock */
static struct queue late;  /* jobs without a thread */
static int stock;          /* threads that have no job */
static int is_short;       /* threads or memory are missing: the threads of the stock end */
static int has_threads;
static pid_t owner;        /* the process that loaded the core */

/* A program that is there for the core alone defines this. It needs no stock, which would
 * take tasks from its host's limit: a thread that can't be started is late. */
extern const char runspan_core_is_alone __attribute__((weak));

/* A function of glibc's: the size that a stack needs for the host's static thread-local
 * storage. The JVM calls it too. */
static size_t (*least)(const pthread_attr_t *);

static struct job take(struct queue *queue) {
    struct job job = {NULL, NULL};

    pthread_mutex_lock(&lock);
    while (queue->length == 0 && !is_short)
        pthread_cond_wait(&changed, &lock);
    if (!is_short)
        job = queue->jobs[--queue->length];
    pthread_mutex_unlock(&lock);
    return job;
}

/* Runs one job on a thread of the stock. The runtime's threads do not end. The bounds of
 * the stack are rough ones: glibc would allocate memory for exact ones. */
static void *serve(void *unused) {
    struct job job = take(&given);

    (void)unused;
    rs_know_stack((uintptr_t)&job - RS_STACK / 2, (uintptr_t)&job);
    return job.run == NULL ? NULL : job.run(job.argument);
}

/* Starts the late threads as soon as that is possible. */
static void *start_late(void *attr) {
    const struct timespec pause = {0, 20 * 1000 * 1000};
    struct job job;
    pthread_t thread;

    while ((job = take(&late)).run != NULL)
        while (__real_pthread_create(&thread, attr, job.run, job.argument) != 0)
            nanosleep(&pause, NULL);
    return NULL;
}

/* Makes the stock, and maps the memory. This runs before the Go runtime's constructor,
 * which has no priority. */
__attribute__((constructor(101))) static void make_stock(void) {
    static pthread_attr_t attr;
    const int wanted = &runspan_core_is_alone != NULL ? 0 : RS_THREADS;
    pthread_t thread;
    void *found;

    /* Call dlsym now. Later, a thread of the host's may hold the dynamic loader's lock
     * while it waits for a thread of the runtime's. */
    found = dlsym(RTLD_DEFAULT, "__pthread_get_minstack");
    memcpy(&least, &found, sizeof least);
    owner = getpid();
    pthread_mutex_lock(&lock);
    if (__wrap_pthread_attr_init(&attr) == 0 && pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0) {
        while (stock < wanted && __real_pthread_create(&thread, &attr, serve, NULL) == 0)
            stock++;
        has_threads = stock == wanted && __real_pthread_create(&thread, &attr, start_late, &attr) == 0;
    }
    is_short = !has_threads || !rs_map_memory();
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

const char *runspan_core_version(void); /* core.h has its type, and the next one's */
int runspan_core_usable(void);

const char *runspan_core_version(void) {
    return RUNSPAN_VERSION;
}

int runspan_core_usable(void) {
    if (getpid() != owner)
        return RUNSPAN_FORKED;
    if (!is_short)
        return RUNSPAN_DONE;
    return has_threads ? RUNSPAN_NO_ADDRESS_SPACE : RUNSPAN_NO_THREADS;
}

/* Replaces pthread_create for the runtime, which does not use the thread's id. For the
 * runtime, a late thread looks like one that the kernel has not run yet. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument) {
    struct queue *queue = NULL;
    int err = 0;

    if (is_short)
        return 0; /* the runtime does not start; the loader refuses to use the core */
    pthread_mutex_lock(&lock);
    if (stock > 0) {
        stock--;
        queue = &given;
    } else if ((err = __real_pthread_create(thread, attr, run, argument)) == EAGAIN && late.length < LATE) {
        queue = &late;
    }
    if (queue != NULL) {
        queue->jobs[queue->length++] = (struct job){run, argument};
        pthread_cond_broadcast(&changed);
        err = 0;
    }
    pthread_mutex_unlock(&lock);
    return err;
}

int __wrap_pthread_attr_init(pthread_attr_t *attr) {
    int err = __real_pthread_attr_init(attr);

    return err != 0 ? err : pthread_attr_setstacksize(attr, RS_STACK + (least == NULL ? 0 : least(attr)));
}

/* The runtime allocates a few words for each new thread, and the thread frees them. Its
 * threads make no other use of malloc, and glibc would reserve 128 MB for each of them.
 * So small blocks come from here, as long as there are any. */
static struct {
    _Alignas(max_align_t) char bytes[48];
    atomic_flag taken;
} words[LATE];

void *__wrap_malloc(size_t size) {
    for (size_t i = 0; i < LATE && size <= sizeof words->bytes; i++)
        if (!atomic_flag_test_and_set(&words[i].taken))
            return words[i].bytes;
    return __real_malloc(size);
}

void __wrap_free(void *p) {
    for (size_t i = 0; i < LATE; i++)
        if (p == words[i].bytes) {
            atomic_flag_clear(&words[i].taken);
            return;
        }
    __real_free(p);
}
