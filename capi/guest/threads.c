/* SPDX-License-Identifier: MIT
 *
 * The core's threads. The Go runtime starts them when it needs them, and ends
 * the process where it can't (ulimit -u, pids.max): so there is a stock of them
 * before the runtime starts, or it does not start at all. The core is linked
 * with --wrap for the functions below.
 */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "core.h"
#include "limits.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Threads that the runtime has asked for and that could not be started yet. */
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
static struct queue given; /* to the stock */
static struct queue late;  /* for which there was no thread */
static int stock;          /* threads that have no job */
static int is_short;       /* the stock could not be made: all of it ends */
static pid_t owner;        /* the process that loaded the core */

/* What a stack needs for the host's static thread-local storage: glibc's own
 * function; the JVM asks it, too. */
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

/* A thread's first job is its only one: the runtime's threads do not end. */
static void *serve(void *unused) {
    struct job job = take(&given);

    (void)unused;
    return job.run == NULL ? NULL : job.run(job.argument);
}

/* Starts late threads when that is possible again. */
static void *start_late(void *attr) {
    const struct timespec pause = {0, 20 * 1000 * 1000};
    struct job job;
    pthread_t thread;

    while ((job = take(&late)).run != NULL)
        while (__real_pthread_create(&thread, attr, job.run, job.argument) != 0)
            nanosleep(&pause, NULL);
    return NULL;
}

/* Before the Go runtime's own constructor, which has no priority. */
__attribute__((constructor(101))) static void make_stock(void) {
    static pthread_attr_t attr;
    pthread_t thread;
    void *found;
    int all = 0;

    /* Not later: a host's thread may have the dynamic loader's lock while it waits
     * for one of the runtime's. */
    found = dlsym(RTLD_DEFAULT, "__pthread_get_minstack");
    memcpy(&least, &found, sizeof least);
    owner = getpid();
    pthread_mutex_lock(&lock);
    if (__wrap_pthread_attr_init(&attr) == 0 && pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0) {
        while (stock < RS_THREADS && __real_pthread_create(&thread, &attr, serve, NULL) == 0)
            stock++;
        all = stock == RS_THREADS && __real_pthread_create(&thread, &attr, start_late, &attr) == 0;
    }
    is_short = !all;
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
    return is_short ? RUNSPAN_NO_THREADS : RUNSPAN_DONE;
}

/* As pthread_create, for the runtime, which has no use for the thread's id. To
 * it a thread that is late is one that the kernel does not run yet. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument) {
    struct queue *queue = NULL;
    int err = 0;

    if (is_short)
        return 0; /* the runtime does not start, and nobody calls it */
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

/* The runtime allocates a few words for each thread that it starts, which that
 * thread frees. It is all that its threads have to do with malloc, and glibc
 * would reserve 128 MB for it of each. So what is this small is taken from here,
 * while there is some. */
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
