/* SPDX-License-Identifier: MIT
 *
 * A C tool with one run, or several in a loop, that ends in one of several
 * ways. Says when with CLOCK_REALTIME, in nanoseconds.
 *
 *     tool SCHEMA MARK SPANS WAIT_MS HOW TIMEOUT_MS
 *
 * MARK, plus the number of the span, is an attribute of it. WAIT_MS is how long
 * each lasts. HOW is end, or what the tool does instead of ending its span:
 * _exit, abort, exit. Its exit status is 0 but for abort. With thread it ends as
 * with end, but all is done by a thread, and the first one has ended before. With
 * subreaper it adopts orphans. With wait it looks for children after the close, and says
 * the errno.
 */
#include "runspan.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void say(const char *what, int code) {
    printf("%s %lld %d\n", what, now(), code);
    fflush(stdout);
}

static void wait_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    if (ms > 0)
        nanosleep(&t, NULL);
}

static int run(int argc, char **argv) {
    static char schema[1 << 17];
    runspan_options options = {0};
    runspan_client client;
    long mark, spans, length;
    int code = 0;
    FILE *file = argc == 7 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    mark = atol(argv[2]);
    spans = atol(argv[3]);
    length = atol(argv[4]);
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    if (strcmp(argv[5], "subreaper") == 0)
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    say("opened", runspan_open(&options, &client));
    for (long i = 0; i < spans; i++) {
        runspan_span span;
        int failed;

        failed = runspan_begin(client, "call", &span);
        failed |= runspan_set_attr_int(span, "params.contact_map_resolution", mark + i);
        if (i == 0)
            say("begun", failed);
        wait_ms(length);
        if (strcmp(argv[5], "_exit") == 0)
            _exit(0);
        if (strcmp(argv[5], "abort") == 0)
            abort();
        if (strcmp(argv[5], "exit") == 0)
            return 0;
        failed = runspan_end(span, RUNSPAN_STATUS_OK);
        if (failed != RUNSPAN_DONE)
            code = failed;
    }
    say("ended", code);
    code = runspan_close(client, (uint32_t)atol(argv[6]));
    say("closed", code);
    if (strcmp(argv[5], "wait") == 0)
        say("waited", waitpid(-1, NULL, __WALL) < 0 ? errno : 0);
    return 0;
}

static char **words;

static void *run_and_exit(void *unused) {
    (void)unused;
    exit(run(7, words));
}

int main(int argc, char **argv) {
    pthread_t thread;

    if (argc != 7 || strcmp(argv[5], "thread") != 0)
        return run(argc, argv);
    words = argv;
    if (pthread_create(&thread, NULL, run_and_exit, NULL) != 0)
        return 3;
    pthread_exit(NULL);
}
