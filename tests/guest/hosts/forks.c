/* SPDX-License-Identifier: MIT
 *
 * Situations with fork.
 */
#include "guest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's exit status, or 1000 and the signal. */
static int wait_for(pid_t child) {
    int status;

    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int before_open(int argc, char **argv) {
    pid_t child = fork();

    (void)argc, (void)argv;
    if (child == 0) {
        plain();
        exit(0);
    }
    plain();
    fact("child %d", wait_for(child));
    return 0;
}

static void close_at_exit(void) {
    tel_close(5000);
}

/* All that the child does is done at once, up to its exit. */
static void in_child(void) {
    double begun = now_ms();
    int attr = tel_attr(), end = tel_end(), one = tel_one(), closed = tel_close(5000);

    fact("!child: attr %d, end %d, one %d, close %d", attr, end, one, closed);
    atexit(close_at_exit);
    if (now_ms() - begun > 100)
        fact("the child waits");
    exit(3);
}

static int in_span(int argc, char **argv) {
    double begun;
    pid_t child;

    (void)argc, (void)argv;
    tel_open(schema);
    tel_begin();
    child = fork();
    if (child == 0)
        in_child();
    begun = now_ms();
    fact("child %d", wait_for(child));
    if (now_ms() - begun > 2000)
        fact("the child's exit takes long");
    tel_attr();
    tel_end();
    tel_close(5000);
    return 0;
}

static atomic_int over;

static void *fork_often(void *unused) {
    int bad = 0;

    (void)unused;
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        int code;

        if (child == 0)
            _exit(is_control ? 14 : tel_one());
        code = wait_for(child);
        bad += code != 14 && code != 20; /* forked; off, as there is no span */
    }
    fact("bad children %d", bad);
    over = 1;
    return NULL;
}

static int by_thread(int argc, char **argv) {
    pthread_t thread;

    (void)argc, (void)argv;
    tel_open(schema);
    tel_begin();
    pthread_create(&thread, NULL, fork_often, NULL);
    while (!over)
        tel_attr();
    pthread_join(thread, NULL);
    tel_end();
    tel_close(5000);
    return 0;
}

/* Children of a process in which another thread is about to open: each opens,
 * and is on, or off because it is a fork. */
static void *fork_and_open(void *unused) {
    int bad = 0;

    (void)unused;
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        int code;

        if (child == 0) {
            alarm(20);
            code = tel_open(schema);
            tel_close(0);
            _exit(code);
        }
        code = wait_for(child);
        bad += code != 0 && code != 14;
    }
    fact("bad children %d", bad);
    return NULL;
}

static int during_open(int argc, char **argv) {
    pthread_t thread;

    (void)argc, (void)argv;
    pthread_create(&thread, NULL, fork_and_open, NULL);
    tel_open(schema);
    tel_one();
    pthread_join(thread, NULL);
    tel_close(5000);
    return 0;
}

static int child_opens(int argc, char **argv) {
    pid_t child;

    (void)argc, (void)argv;
    tel_open(schema);
    tel_begin();
    child = fork();
    if (child == 0) {
        tel_open(schema);
        tel_one();
        exit(0);
    }
    fact("child %d", wait_for(child));
    tel_end();
    tel_close(5000);
    return 0;
}

static int and_exec(int argc, char **argv) {
    pid_t child;

    (void)argc;
    tel_open(schema);
    tel_begin();
    child = fork();
    if (child == 0) {
        execl("/proc/self/exe", argv[0], "plain", argv[2], argv[3], (char *)NULL);
        _exit(1);
    }
    fact("child %d", wait_for(child));
    fact("system %d", system("exit 5"));
    tel_end();
    tel_close(5000);
    return 0;
}

/* The run goes on in another program of the same process. */
static int exec_itself(int argc, char **argv) {
    (void)argc;
    tel_open(schema);
    tel_begin();
    tel_attr();
    sleep_ms(150);
    execl("/proc/self/exe", argv[0], "gives-up", argv[2], argv[3], "nothing", (char *)NULL);
    return 1;
}

/* It goes on in a program that knows nothing of runspan. */
static int exec_another(int argc, char **argv) {
    (void)argc, (void)argv;
    tel_open(schema);
    tel_begin();
    tel_attr();
    sleep_ms(150);
    tel_end();
    tel_close(5000);
    execl("/bin/sh", "sh", "-c", "echo another", (char *)NULL);
    return 1;
}

/* As daemon(3): two forks, and a session of its own. */
static int daemonize(int argc, char **argv) {
    (void)argc, (void)argv;
    if (fork() != 0)
        return 0;
    setsid();
    if (fork() != 0)
        _exit(0);
    plain();
    return 0;
}

const struct situation forks[] = {{"fork-before-open", before_open},
                                  {"fork-in-span", in_span},
                                  {"fork-by-thread", by_thread},
                                  {"fork-during-open", during_open},
                                  {"fork-child-opens", child_opens},
                                  {"fork-exec", and_exec},
                                  {"exec-itself", exec_itself},
                                  {"exec-another", exec_another},
                                  {"daemon", daemonize},
                                  {NULL, NULL}};
