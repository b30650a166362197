/* SPDX-License-Identifier: MIT
 *
 * Situations with other processes: children, those who wait for them, and descriptors
 * that reach them.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static atomic_int over, known, strangers;

/* runs: three of the host's from open to close, each with a span that lasts. */
static void run_three_times(void) {
    for (int i = 0; i < 3; i++) {
        tel_open(schema);
        tel_begin();
        tel_attr();
        sleep_ms(50);
        tel_end();
        tel_close(5000);
    }
}

/* The host's own children end with 42: who ends otherwise is a stranger. */
static void start_child(void) {
    pid_t child = fork();

    if (child == 0) {
        sleep_ms(5);
        _exit(42);
    }
}

static const char *way_of_waiting;

static int wait_once(void) {
    int status = 0, options = WEXITED;
    siginfo_t info = {0};
    pid_t found;

    if (strcmp(way_of_waiting, "wait") == 0) {
        found = wait(&status);
        return found > 0 ? WEXITSTATUS(status) : -1;
    }
    if (strcmp(way_of_waiting, "at-once") == 0)
        options |= WNOHANG;
    if (strcmp(way_of_waiting, "all") == 0)
        options |= __WALL;
    if (strcmp(way_of_waiting, "clones") == 0)
        options |= __WCLONE;
    return waitid(P_ALL, 0, &info, options) == 0 && info.si_pid > 0 ? info.si_status : -1;
}

static void *wait_for_all(void *unused) {
    (void)unused;
    while (!atomic_load(&over)) {
        int status = wait_once();

        if (status == 42)
            atomic_fetch_add(&known, 1);
        else if (status >= 0)
            atomic_fetch_add(&strangers, 1);
        else
            sched_yield();
    }
    return NULL;
}

/* waits HOW: a thread waits for every child from before open until after close. */
static int waits(int argc, char **argv) {
    pthread_t waiter;

    way_of_waiting = argv[argc - 1];
    pthread_create(&waiter, NULL, wait_for_all, NULL);
    for (int i = 0; i < 3; i++)
        start_child();
    run_three_times();
    for (int i = 0; i < 3; i++)
        start_child();
    sleep_ms(100);
    atomic_store(&over, 1);
    start_child(); /* whose end wakes the waiter */
    pthread_join(waiter, NULL);
    if (strcmp(way_of_waiting, "clones") != 0)
        fact("children %d", atomic_load(&known) > 6 ? 6 : atomic_load(&known));
    /* Who waits for clones can find the one that starts the core's process. */
    fact(way_of_waiting[0] == 'w' || strcmp(way_of_waiting, "at-once") == 0 ? "strangers %d" : "!strangers %d", atomic_load(&strangers));
    if (atomic_load(&strangers) > 3)
        fact("more strangers than opens");
    return 0;
}

static void count_child(int number) {
    (void)number;
    atomic_fetch_add(&known, 1);
}

/* sigchld HOW: what the host does with the signal, and that it comes for its own
 * children alone. */
static int sigchld(int argc, char **argv) {
    const char *how = argv[argc - 1];
    struct sigaction action = {0}, now;
    int status = 0;
    pid_t found;

    action.sa_handler = strcmp(how, "ignored") == 0 ? SIG_IGN : count_child;
    action.sa_flags = SA_RESTART | (strcmp(how, "no-wait") == 0 ? SA_NOCLDWAIT : 0);
    sigaction(SIGCHLD, &action, NULL);
    run_three_times();
    start_child();
    found = waitpid(-1, &status, 0);
    sigaction(SIGCHLD, NULL, &now);
    fact("found %d, status %d, signals %d", found > 0, status, atomic_load(&known));
    fact("same %d", now.sa_handler == action.sa_handler && (now.sa_flags & SA_NOCLDWAIT) == (action.sa_flags & SA_NOCLDWAIT));
    return 0;
}

/* adopts: the orphans of this process are its own. Nobody is a child but its own. */
static int adopts(int argc, char **argv) {
    int status;

    (void)argc, (void)argv;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    signal(SIGCHLD, count_child);
    run_three_times();
    sleep_ms(200);
    fact("children %d, signals %d", waitpid(-1, &status, WNOHANG) >= 0, atomic_load(&known));
    return 0;
}

/* How many sockets are open? */
static int sockets(void) {
    struct stat info;
    int n = 0;

    for (int fd = 3; fd < 256; fd++)
        n += fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
    return n;
}

static int count_sockets(int argc, char **argv) {
    (void)argc, (void)argv;
    return sockets();
}

static char **own_argv;

/* Has children all the time, which count the sockets that they have got. */
static void *spawn_for_ever(void *unused) {
    char *command[] = {own_argv[0], "sockets", own_argv[2], own_argv[3], NULL};
    int status;
    pid_t child;

    while (!atomic_load(&over)) {
        if (posix_spawn(&child, own_argv[0], NULL, NULL, command, environ) != 0 || waitpid(child, &status, 0) != child)
            atomic_fetch_add(&strangers, 1000);
        else if (WEXITSTATUS(status) != 0)
            atomic_fetch_add(&strangers, 1);
    }
    return unused;
}

/* spawns: other threads have children while this one opens and closes. */
static int spawns(int argc, char **argv) {
    pthread_t threads[2];

    (void)argc;
    own_argv = argv;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, spawn_for_ever, NULL);
    run_three_times();
    atomic_store(&over, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    fact("children with sockets %d", atomic_load(&strangers));
    return 0;
}

/* many-descriptors: all but a few that the hard limit allows are open. */
static int many_descriptors(int argc, char **argv) {
    struct rlimit limit;
    rlim_t n = 0;

    (void)argc, (void)argv;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 97;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 97;
    while (n < 100000 && n + 100 < limit.rlim_cur && dup(facts) >= 0)
        n++;
    fact("descriptors %lu", (unsigned long)n);
    plain();
    return 0;
}

/* takes-over HOW: files of the host's get the numbers of runspan's sockets. What is in
 * the files, nobody reads or writes but the host. */
static int takes_over(int argc, char **argv) {
    int closes = strcmp(argv[argc - 1], "closes") == 0, ours[2], wrote = 0, left;
    ssize_t found;
    char text[64];

    tel_open(schema);
    tel_begin();
    sleep_ms(100);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ours) != 0 || dup2(ours[1], 200) != 200 || dup2(ours[0], 201) != 201)
        return 97;
    for (int fd = 3; closes && fd < 200; fd++)
        if (fd != facts)
            close(fd);
    for (int fd = 3; fd < 200; fd++) /* of each number, the host has a descriptor of this socket */
        if (fd != facts)
            dup2(200, fd);
    for (int i = 0; i < 10; i++)
        wrote += write(201, "of the host's ..", 16) == 16;
    for (int i = 0; i < 20; i++) {
        tel_one();
        sleep_ms(1);
    }
    tel_attr();
    tel_end();
    tel_close(300);
    for (left = 0; recv(200, text, 16, MSG_DONTWAIT) == 16;)
        left += memcmp(text, "of the host's ..", 16) == 0;
    found = recv(201, text, sizeof text, MSG_DONTWAIT);
    fact("wrote %d, left %d", wrote, left);
    fact("from others %zd", found);
    fact("open %d", fcntl(3, F_GETFD) >= 0);
    return 0;
}

static void count_tick(int number) {
    (void)number;
    atomic_fetch_add(&known, 1);
}

/* ticks: a signal each 200 µs while the host opens and closes. */
static int ticks(int argc, char **argv) {
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {0};

    (void)argc, (void)argv;
    action.sa_handler = count_tick;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    run_three_times();
    setitimer(ITIMER_REAL, &never, NULL);
    fact("ticks %d", atomic_load(&known) > 100);
    return 0;
}

/* session: is it a leader still, of the group that it has been? */
static int session(int argc, char **argv) {
    pid_t of_session, group;

    (void)argc, (void)argv;
    setpgid(0, 0);
    of_session = getsid(0), group = getpgrp();
    run_three_times();
    fact("same %d", getsid(0) == of_session && getpgrp() == group);
    return 0;
}

/* forked: a child lives on and holds what it has got, after close and the host's end. */
static int forked(int argc, char **argv) {
    int gate[2];
    pid_t child;

    (void)argc, (void)argv;
    if (pipe(gate) != 0)
        return 97;
    tel_open(schema);
    tel_begin();
    child = fork();
    if (child == 0) {
        int code = tel_one();
        char byte;

        fact("!the child's code %d", code);
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 1);
    }
    tel_attr();
    tel_end();
    tel_close(5000);
    fact("!close waits for no child");
    close(gate[1]);
    waitpid(child, NULL, 0);
    return 0;
}

/* obeys: makes each call that a line of its input names, and answers with the code and
 * the milliseconds that it took. */
static int obeys(int argc, char **argv) {
    char line[64], word[32];
    unsigned ms;

    (void)argc, (void)argv;
    while (fgets(line, sizeof line, stdin) != NULL) {
        double begun = now_ms();
        int code = -99;

        ms = 0;
        if (sscanf(line, "%31s %u", word, &ms) < 1)
            continue;
        if (strcmp(word, "open") == 0)
            code = tel_open(schema);
        else if (strcmp(word, "begin") == 0)
            code = tel_begin();
        else if (strcmp(word, "attr") == 0)
            code = tel_attr();
        else if (strcmp(word, "end") == 0)
            code = tel_end();
        else if (strcmp(word, "one") == 0)
            code = tel_one();
        else if (strcmp(word, "close") == 0)
            code = tel_close(ms);
        else if (strcmp(word, "exec") == 0)
            code = execl("/bin/cat", "cat", (char *)NULL);
        else if (strcmp(word, "gate") == 0)
            code = (int)read(3, word, 1); /* which the test opens */
        else if (strcmp(word, "fork") == 0)
            code = fork() == 0 ? pause() : 0; /* a child that lives on */
        printf("%d %.0f\n", code, now_ms() - begun);
        fflush(stdout);
    }
    return 0;
}

const struct situation processes[] = {{"waits", waits},
                                      {"sigchld", sigchld},
                                      {"adopts", adopts},
                                      {"sockets", count_sockets},
                                      {"spawns", spawns},
                                      {"many-descriptors", many_descriptors},
                                      {"takes-over", takes_over},
                                      {"ticks", ticks},
                                      {"session", session},
                                      {"forked", forked},
                                      {"obeys", obeys},
                                      {NULL, NULL}};
