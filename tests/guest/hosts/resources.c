/* SPDX-License-Identifier: MIT
 *
 * Situations in which the host wants nearly all that its limits allow, or may do
 * something only while it has few threads and little memory: before the client is
 * opened, or in a span.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOBODY 65534

/* Does it before open, or in the span. */
static int around(const char *when, void (*act)(char **), char **arguments) {
    if (strcmp(when, "before") == 0)
        act(arguments);
    tel_open(schema);
    tel_begin();
    tel_attr();
    if (strcmp(when, "after") == 0)
        act(arguments);
    tel_end();
    tel_close(5000);
    write(1, "done\n", 5) == 5 ? (void)0 : abort();
    return 0;
}

/* As a shell's ulimit does: there is no way back for a user. */
static void lower(int resource, rlim_t value) {
    const struct rlimit limit = {value, value};

    if (setrlimit(resource, &limit) != 0)
        abort();
}

#define PIECE 64 /* MiB */

/* Reserves 80 % of so many MiB, and touches each piece. */
static void take_memory(char **arguments) {
    int wanted = atoi(arguments[0]) * 8 / 10 / PIECE, got = 0;
    char *piece;

    while (got < wanted && (piece = mmap(NULL, (size_t)PIECE << 20, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) != MAP_FAILED) {
        *piece = 1;
        got++;
    }
    fact("%d MiB of memory", got * PIECE);
}

/* wants-memory WHEN MIB: of its address space. */
static int wants_memory(int argc, char **argv) {
    if (argc != 6)
        return 97;
    lower(RLIMIT_AS, (rlim_t)atol(argv[5]) << 20);
    return around(argv[4], take_memory, argv + 5);
}

static void take_descriptors(char **unused) {
    int got = 0;

    (void)unused;
    while (dup(facts) >= 0)
        got++;
    fact("%d descriptors", got);
}

/* wants-descriptors WHEN */
static int wants_descriptors(int argc, char **argv) {
    if (argc != 5)
        return 97;
    for (int fd = 3; fd < 64; fd++) /* whatever started the tests may leave some open */
        if (fd != facts)
            close(fd);
    lower(RLIMIT_NOFILE, 64);
    return around(argv[4], take_descriptors, NULL);
}

static void *wait_for_ever(void *unused) {
    while (pause() != 0)
        ;
    return unused;
}

static void take_threads(char **arguments) {
    int wanted = atoi(arguments[0]), got = 1; /* this one */
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 << 10);
    while (got < wanted && pthread_create(&thread, &attr, wait_for_ever, NULL) == 0)
        got++;
    fact("%d threads", got);
}

/* wants-threads WHEN NUMBER: a control group limits them. */
static int wants_threads(int argc, char **argv) {
    return argc == 6 ? around(argv[4], take_threads, argv + 5) : 97;
}

static void leave_namespace(char **arguments) {
    static const struct {
        const char *name;
        int flag;
    } all[] = {{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID},       {"net", CLONE_NEWNET},
               {"uts", CLONE_NEWUTS},   {"ipc", CLONE_NEWIPC},  {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80 /* CLONE_NEWTIME */}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, arguments[0]) == 0)
            fact("unshare: %s", unshare(all[i].flag) == 0 ? "done" : strerror(errno));
}

static void fork_twice(void) {
    for (int i = 0, pid; i < 2; i++) {
        if ((pid = fork()) == 0)
            sleep_ms(200), _exit(0);
        fact("fork: %s", pid > 0 ? "done" : strerror(errno));
    }
}

/* unshare WHEN NAMESPACE */
static int unshares(int argc, char **argv) {
    int status = argc == 6 ? around(argv[4], leave_namespace, argv + 5) : 97;

    if (argc == 6 && strcmp(argv[5], "pid") == 0)
        fork_twice();
    return status;
}

static void lock_memory(char **unused) {
    (void)unused;
    fact("mlockall: %s", mlockall(MCL_CURRENT | MCL_FUTURE) == 0 ? "done" : strerror(errno));
}

/* mlockall WHEN WHO KIB: root, or a user with that limit. */
static int locks(int argc, char **argv) {
    if (argc != 7)
        return 97;
    lower(RLIMIT_MEMLOCK, atol(argv[6]) < 0 ? RLIM_INFINITY : (rlim_t)atol(argv[6]) << 10);
    if (strcmp(argv[5], "user") == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        return 97;
    return around(argv[4], lock_memory, NULL);
}

static void *close_later(void *unused) {
    sleep_ms(50);
    tel_end();
    tel_close(5000);
    puts("done");
    return unused;
}

/* The main thread ends, and another goes on, closes the client, and ends. */
static int main_exits(int argc, char **argv) {
    pthread_t thread;

    (void)argc, (void)argv;
    tel_open(schema);
    tel_begin();
    tel_attr();
    if (pthread_create(&thread, NULL, close_later, NULL) != 0)
        return 97;
    pthread_exit(NULL);
}

const struct situation resources[] = {{"wants-memory", wants_memory},
                                      {"wants-descriptors", wants_descriptors},
                                      {"wants-threads", wants_threads},
                                      {"unshare", unshares},
                                      {"mlockall", locks},
                                      {"main-exits", main_exits},
                                      {NULL, NULL}};
