/* SPDX-License-Identifier: MIT
 *
 * Situations at the end of the process, and with threads.
 */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static void open_and_begin(void) {
    tel_open(schema);
    tel_begin();
    tel_attr();
}

static void end_and_close(void) {
    int attr = tel_attr(), end = tel_end(), closed = tel_close(5000);

    fact("!at exit: attr %d, end %d, close %d", attr, end, closed);
}

static int at_exit(int argc, char **argv) {
    (void)argc, (void)argv;
    atexit(end_and_close);
    open_and_begin();
    return 0;
}

static int without_a_word(int argc, char **argv) {
    (void)argc, (void)argv;
    open_and_begin();
    settle(200);
    _exit(4);
}

static int quick(int argc, char **argv) {
    (void)argc, (void)argv;
    at_quick_exit(end_and_close);
    open_and_begin();
    quick_exit(5);
}

static int after_close(int argc, char **argv) {
    int attr, end, one, closed;

    (void)argc, (void)argv;
    plain();
    attr = tel_attr(), end = tel_end(), one = tel_one(), closed = tel_close(5000);
    fact("!after close: attr %d, end %d, one %d, close %d, state %d", attr, end, one, closed, tel_state());
    return 0;
}

static void *report_for_ever(void *unused) {
    while (tel_one() < 1000)
        ;
    return unused;
}

/* Threads that are inside calls while the process exits. */
static int threads_run_on(int argc, char **argv) {
    pthread_t thread;

    (void)argc, (void)argv;
    tel_open(schema);
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, report_for_ever, NULL);
    sleep_ms(50);
    return 6;
}

static void *exit_soon(void *unused) {
    (void)unused;
    settle(100);
    exit(7);
}

/* Another thread exits while this one waits in close. */
static int exit_by_thread(int argc, char **argv) {
    pthread_t thread;

    (void)argc, (void)argv;
    open_and_begin();
    tel_end();
    atexit(end_and_close);
    pthread_create(&thread, NULL, exit_soon, NULL);
    tel_close(3000);
    while (pause() != 0)
        ;
    return 0;
}

static void *begin_and_end(void *unused) {
    (void)unused;
    return (void *)(long)(tel_one() + 100);
}

/* Threads with small stacks. */
static int small_stacks(int argc, char **argv) {
    (void)argc, (void)argv;
    tel_open(schema);
    for (size_t kib = 16; kib <= 256; kib += kib < 64 ? 4 : 64) {
        pthread_attr_t attr;
        pthread_t thread;
        void *code;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, kib << 10);
        if (pthread_create(&thread, &attr, begin_and_end, NULL) != 0 || pthread_join(thread, &code) != 0)
            return 97;
        fact("!%zu KiB: %ld", kib, (long)code - 100);
        pthread_attr_destroy(&attr);
    }
    tel_close(5000);
    return 0;
}

static void *open_on_thread(void *unused) {
    (void)unused;
    plain();
    return NULL;
}

/* All of it on a thread with a stack of 128 KiB, of which the main thread knows nothing. */
static int on_thread(int argc, char **argv) {
    pthread_attr_t attr;
    pthread_t thread;

    (void)argc, (void)argv;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 << 10);
    pthread_create(&thread, &attr, open_on_thread, NULL);
    pthread_join(thread, NULL);
    return 0;
}

/* How often the calling thread has read from a file. */
static long reads(void) {
    char text[512];
    const char *line;
    int fd = open("/proc/thread-self/io", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);

    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    line = strstr(text, "syscr:");
    return line == NULL ? -1 : atol(line + 6);
}

/* Calls from two coroutines in turns, each with a stack of its own. */
#define CALLS 500
static _Thread_local ucontext_t coroutines[2], around;
static _Thread_local int failed;

static void call_in_turns(int self) {
    for (int i = 0; i < CALLS; i++) {
        failed += tel_attr() < 0;
        swapcontext(&coroutines[self], &coroutines[1 - self]);
    }
}

static void *run_coroutines(void *stacks) {
    long before;

    tel_attr();
    before = reads();
    for (int i = 0; i < 2; i++) {
        getcontext(&coroutines[i]);
        coroutines[i].uc_stack.ss_sp = (char *)stacks + i * (64 << 10);
        coroutines[i].uc_stack.ss_size = 64 << 10;
        coroutines[i].uc_link = &around;
        makecontext(&coroutines[i], (void (*)(void))call_in_turns, 1, i);
    }
    swapcontext(&around, &coroutines[0]);
    fact("%d calls fail, and the thread reads %ld times", failed, reads() - before);
    return NULL;
}

static int in_coroutines(int argc, char **argv) {
    static char stacks[2][2 * (64 << 10)];
    pthread_t thread;

    (void)argc, (void)argv;
    if (reads() < 0) /* a kernel without CONFIG_TASK_IO_ACCOUNTING */
        return 97;
    open_and_begin();
    run_coroutines(stacks[0]);
    pthread_create(&thread, NULL, run_coroutines, stacks[1]);
    pthread_join(thread, NULL);
    run_coroutines(stacks[0]);
    tel_end();
    tel_close(5000);
    return 0;
}

/* Everybody's, of the process. */
static long switches(void) {
    long sum = 0;
    char path[300];
    DIR *tasks = opendir("/proc/self/task");

    for (struct dirent *e; tasks != NULL && (e = readdir(tasks)) != NULL;) {
        char line[128];
        FILE *status;

        snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
        status = fopen(path, "r");
        while (status != NULL && fgets(line, sizeof line, status) != NULL)
            if (strstr(line, "ctxt_switches") != NULL)
                sum += atol(strchr(line, ':') + 1);
        if (status != NULL)
            fclose(status);
    }
    closedir(tasks);
    return sum;
}

/* idle SECONDS: a host with a span that lasts, and what it costs meanwhile. */
static int idle(int argc, char **argv) {
    long before, memory, length = atol(argv[argc - 1]);

    open_and_begin();
    sleep_ms(3000);
    memory = vm_kib("VmRSS");
    before = switches();
    sleep_ms(length * 1000);
    fact("!switches %ld, KiB %ld, threads %ld, resident %ld", switches() - before, vm_kib("VmRSS") - memory, vm_kib("Threads"), memory);
    tel_end();
    tel_close(5000);
    return 0;
}

const struct situation exits[] = {{"idle", idle},
                                  {"atexit", at_exit},
                                  {"exit-at-once", without_a_word},
                                  {"quick_exit", quick},
                                  {"after-close", after_close},
                                  {"threads-run-on", threads_run_on},
                                  {"exit-by-thread", exit_by_thread},
                                  {"small-stacks", small_stacks},
                                  {"on-thread", on_thread},
                                  {"coroutines", in_coroutines},
                                  {NULL, NULL}};
