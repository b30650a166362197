/* SPDX-License-Identifier: MIT
 *
 * A C host that calls the ABI where something else goes on in the process: signals,
 * threads that are cancelled, forks, callbacks that call back. Each situation has the same
 * answers with the core in the host and beside it.
 *
 *     calls SCHEMA SITUATION
 *
 * Exit status: 0 where every check passed.
 */
#include "runspan.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 64
#define SPANS 4096

static atomic_int passed, failed;
static char schema[1 << 17];
static int beside;      /* the core is in a process of its own */
static atomic_int slow; /* calls that have waited for their answer in vain */

static void check_at(int line, const char *what, long got, long want) {
    if (got == want) {
        passed++;
        return;
    }
    failed++;
    fprintf(stderr, "calls.c:%d: %s: got %ld, want %ld\n", line, what, got, want);
}
#define CHECK(call, want) check_at(__LINE__, #call, (long)(call), (long)(want))

/* Checks the code of a refusal. With the core beside the host it is DONE if the answer has
 * not come after 300 ms, and maybe for the calls after such a one. */
#define REFUSED(call, want)                                                                                            \
    do {                                                                                                               \
        double begun_ = now();                                                                                         \
        int code_ = (call);                                                                                            \
                                                                                                                       \
        slow += now() - begun_ >= 0.29;                                                                                \
        check_at(__LINE__, #call, beside && slow > 0 && code_ == RUNSPAN_DONE ? (want) : code_, (want));               \
    } while (0)

static double now(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static runspan_client open_client(runspan_log log, void *data) {
    runspan_options options = {0};
    runspan_client client;

    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    options.log = log;
    options.log_data = data;
    CHECK(runspan_open(&options, &client), RUNSPAN_DONE);
    return client;
}

static runspan_span begin(runspan_client client, const char *name) {
    runspan_span span;

    CHECK(runspan_begin(client, name, &span), RUNSPAN_DONE);
    return span;
}

static pthread_t start(void *(*run)(void *), void *data) {
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, run, data), 0);
    return thread;
}

static void keeps_errno(void) {
    static const int codes[] = {0, EDOM, EAGAIN};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        runspan_client client = open_client(NULL, NULL);
        runspan_span span;

        errno = codes[i];
        runspan_set_resource_string(client, "os.type", "linux");
        CHECK(errno, codes[i]);
        runspan_begin(client, "call", &span);
        CHECK(errno, codes[i]);
        runspan_set_attr_int(span, "params.k", 3);
        runspan_set_attr_int(span, "no such", 3);
        runspan_set_attrs(span, "params.k\0i4", sizeof "params.k\0i4");
        CHECK(errno, codes[i]);
        runspan_end(span, RUNSPAN_STATUS_OK);
        CHECK(errno, codes[i]);
        runspan_flush(client, 1000);
        runspan_state(client);
        CHECK(errno, codes[i]);
        runspan_close(client, 1000);
        runspan_close(client, 1000);
        CHECK(errno, codes[i]);
    }
}

/* A log that calls runspan: for each refusal of params.k, it sets params.nproc. */
struct caller {
    runspan_span span;
    int lines, code;
    pthread_t thread;
};

static void call_back(void *data, int level, const char *line) {
    struct caller *caller = data;

    CHECK(level, RUNSPAN_LOG_ERROR);
    CHECK(strstr(line, "params.k") != NULL, 1);
    CHECK(pthread_equal(caller->thread, pthread_self()) != 0, 1);
    caller->lines++;
    caller->code = runspan_set_attr_int(caller->span, "params.nproc", caller->lines);
}

/* Needs RUNSPAN_STRICT. */
static void calls_from_a_log(void) {
    struct caller caller = {.thread = pthread_self()};
    runspan_client client = open_client(call_back, &caller);

    caller.span = begin(client, "call");
    for (int i = 1; i <= 100; i++) {
        REFUSED(runspan_set_attr_int(caller.span, "params.k", -1), RUNSPAN_E_VALUE);
        CHECK(beside && slow > 0 ? i : caller.lines, i);
        CHECK(caller.code, RUNSPAN_DONE);
    }
    CHECK(runspan_end(caller.span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_flush(client, 30000), RUNSPAN_DONE);
    CHECK(caller.lines, 100); /* those that came late, too */
    CHECK(runspan_close(client, 30000), RUNSPAN_DONE);
}

struct logger {
    runspan_span span;
    pthread_t thread; /* that calls for the client */
    atomic_int lines, done;
};

static void count_line(void *data, int level, const char *line) {
    struct logger *logger = data;

    (void)level;
    (void)line;
    CHECK(pthread_equal(pthread_self(), logger->thread) != 0, 1);
    logger->lines++;
}

static void *refused_often(void *data) {
    struct logger *logger = data;

    logger->thread = pthread_self();
    while (!atomic_load(&logger->done))
        REFUSED(runspan_set_attr_int(logger->span, "params.k", -1), RUNSPAN_E_VALUE);
    return NULL;
}

/* A client's log is called only inside the calls for that client: the owner of the log may
 * free it after close, whatever other clients do. Needs RUNSPAN_STRICT. */
static void clients_have_their_own_lines(void) {
    struct logger busy = {0}, quiet = {.thread = pthread_self()};
    runspan_client client = open_client(count_line, &busy), other = open_client(count_line, &quiet);
    runspan_span span = begin(other, "call");
    pthread_t thread;

    busy.span = begin(client, "call");
    thread = start(refused_often, &busy);
    while (atomic_load(&busy.lines) == 0)
        usleep(1000);
    for (int i = 0; i < 500; i++) {
        CHECK(runspan_set_attr_int(span, "params.k", 1), RUNSPAN_DONE);
        CHECK(atomic_load(&quiet.lines), 0);
    }
    CHECK(runspan_set_attr_int(span, "params.k", 0), RUNSPAN_E_VALUE);
    CHECK(atomic_load(&quiet.lines), 1);
    atomic_store(&busy.done, 1);
    pthread_join(thread, NULL);
    busy.thread = pthread_self();
    CHECK(runspan_close(client, 1000) <= RUNSPAN_NOT_DELIVERED, 1);
    CHECK(runspan_close(other, 1000) <= RUNSPAN_NOT_DELIVERED, 1);
    CHECK(atomic_load(&quiet.lines), 1);
}

static void *call_for_ever(void *data) {
    runspan_span span = *(runspan_span *)data;

    for (;;) {
        runspan_set_attr_int(span, "params.k", 3);
        pthread_testcancel();
    }
    return NULL;
}

static void threads_are_cancelled(void) {
    runspan_client client = open_client(NULL, NULL);
    runspan_span span = begin(client, "call");

    for (int i = 0; i < 50; i++) {
        pthread_t thread = start(call_for_ever, &span);

        usleep(1000);
        CHECK(pthread_cancel(thread), 0);
        CHECK(pthread_join(thread, NULL), 0);
        CHECK(runspan_set_attr_int(span, "params.k", 4), RUNSPAN_DONE);
    }
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_close(client, 30000), RUNSPAN_DONE);
}

static runspan_span of_handler;
static atomic_int handled, odd;

static void on_alarm(int signal) {
    int code = runspan_set_attr_int(of_handler, "params.nproc", 2);

    (void)signal;
    handled++;
    if (code != RUNSPAN_BUSY && code != RUNSPAN_DONE)
        odd++;
}

static void take_alarms(void (*handler)(int), suseconds_t microseconds) {
    struct sigaction action = {.sa_handler = handler}; /* without SA_RESTART */
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};

    CHECK(sigaction(SIGALRM, &action, NULL), 0);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void stop_alarms(void) {
    struct itimerval none = {{0, 0}, {0, 0}};

    CHECK(setitimer(ITIMER_REAL, &none, NULL), 0);
    signal(SIGALRM, SIG_IGN);
}

static void signals_interrupt(void) {
    runspan_client client = open_client(NULL, NULL);

    of_handler = begin(client, "call");
    take_alarms(on_alarm, 500);
    for (int i = 0; i < 3000 || atomic_load(&handled) < 20; i++)
        CHECK(runspan_set_attr_int(of_handler, "params.k", 3), RUNSPAN_DONE);
    for (int i = 0; i < 20; i++) {
        runspan_span span = begin(client, "call");

        CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
        CHECK(runspan_flush(client, 30000), RUNSPAN_DONE);
    }
    stop_alarms();
    CHECK(odd, 0);
    CHECK(runspan_end(of_handler, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_close(client, 30000), RUNSPAN_DONE);
}

static sigjmp_buf out;
static pthread_t jumper;

static void jump(int signal) {
    (void)signal;
    if (!pthread_equal(pthread_self(), jumper))
        pthread_kill(jumper, SIGALRM);
    else
        siglongjmp(out, 1);
}

/* Jumps out of whatever call it is in, as a program does that gives up after a time.
 * Returns when it has jumped out of one. */
static void *jump_out(void *data) {
    runspan_span span = *(runspan_span *)data;
    volatile int code = RUNSPAN_DONE;
    double deadline = now() + 20;

    jumper = pthread_self();
    take_alarms(jump, 300);
    while (code != RUNSPAN_BUSY && now() < deadline)
        if (sigsetjmp(out, 1) == 0)
            for (;;)
                code = runspan_set_attr_int(span, "params.k", 3);
        else
            code = runspan_set_attr_int(span, "params.k", 3);
    stop_alarms();
    return NULL;
}

/* Beside the host only: Go code that a handler leaves may stop the Go runtime. */
static void a_handler_jumps_out(void) {
    runspan_client client = open_client(NULL, NULL);
    runspan_span span = begin(client, "call");
    sigset_t alarm, before;
    double begun;

    CHECK(pthread_join(start(jump_out, &span), NULL), 0);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, &before);
    begun = now();
    for (int i = 0; i < 100; i++)
        CHECK(runspan_set_attr_int(span, "params.k", 4), RUNSPAN_DONE);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_close(client, 10000), RUNSPAN_DONE);
    CHECK(now() - begun < 15, 1);
}

static void *fork_often(void *data) {
    runspan_span span = *(runspan_span *)data;

    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        int status = -1;

        if (child == 0) {
            runspan_client client;
            runspan_options options = {0};

            alarm(20);
            options.struct_size = sizeof options;
            options.service = "stripepy";
            options.schema = schema;
            _exit(runspan_set_attr_int(span, "params.k", 5) != RUNSPAN_FORKED || runspan_open(&options, &client) != RUNSPAN_FORKED ||
                  runspan_end(span, RUNSPAN_STATUS_OK) != RUNSPAN_FORKED);
        }
        CHECK(waitpid(child, &status, 0), child);
        CHECK(status, 0);
    }
    return NULL;
}

static void a_thread_forks(void) {
    runspan_client client = open_client(NULL, NULL);
    runspan_span span = begin(client, "call");
    pthread_t threads[2] = {start(fork_often, &span), start(fork_often, &span)};

    for (int i = 0; i < 5000; i++)
        CHECK(runspan_set_attr_int(span, "params.k", 4), RUNSPAN_DONE);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL), 0);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_close(client, 30000), RUNSPAN_DONE);
}

static pthread_barrier_t together;

static void *close_at_once(void *data) {
    pthread_barrier_wait(&together);
    return (void *)(intptr_t)runspan_close(*(runspan_client *)data, 2000);
}

/* One thread closes the client, the others find it closed, and another client goes on. */
static void threads_close_at_once(void) {
    runspan_client other = open_client(NULL, NULL);

    pthread_barrier_init(&together, NULL, 8);
    for (int round = 0; round < 20; round++) {
        runspan_client client = open_client(NULL, NULL);
        pthread_t threads[8];
        int closed = 0, gone = 0;
        runspan_span span;

        CHECK(runspan_end(begin(client, "call"), RUNSPAN_STATUS_OK), RUNSPAN_DONE);
        for (int i = 0; i < 8; i++)
            threads[i] = start(close_at_once, &client);
        for (int i = 0; i < 8; i++) {
            void *code;

            pthread_join(threads[i], &code);
            closed += (intptr_t)code == RUNSPAN_DONE || (intptr_t)code == RUNSPAN_NOT_DELIVERED;
            gone += (intptr_t)code == RUNSPAN_E_HANDLE;
        }
        CHECK(closed, 1);
        CHECK(gone, 7);
        CHECK(runspan_state(other), RUNSPAN_DONE);
        span = begin(other, "call");
        CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    }
    CHECK(runspan_close(other, 30000), RUNSPAN_DONE);
}

static void *use_client(void *data) {
    runspan_client client = *(runspan_client *)data;

    for (int i = 0; i < 10; i++) {
        runspan_span span = begin(client, "call");

        CHECK(runspan_set_attr_int(span, "params.k", 3), RUNSPAN_DONE);
        REFUSED(runspan_set_attr_int(span, "params.k", 0), RUNSPAN_E_VALUE);
        CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
        REFUSED(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_E_HANDLE);
    }
    return NULL;
}

static void many_clients(void) {
    runspan_client clients[CLIENTS], more;
    pthread_t threads[CLIENTS];
    runspan_options options = {.struct_size = sizeof options, .service = "stripepy", .schema = schema};

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CLIENTS; i++)
            clients[i] = open_client(NULL, NULL);
        CHECK(runspan_open(&options, &more), RUNSPAN_E_TOO_MANY);
        for (int i = 0; i < CLIENTS; i++)
            threads[i] = start(use_client, &clients[i]);
        for (int i = 0; i < CLIENTS; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < CLIENTS; i++)
            CHECK(runspan_close(clients[i], round == 0 ? 0 : 30000) <= RUNSPAN_NOT_DELIVERED, 1);
    }
}

static void many_spans(void) {
    static runspan_span spans[SPANS];
    runspan_client stays = open_client(NULL, NULL);
    runspan_span more;

    for (int round = 0; round < 2; round++) {
        runspan_client client = open_client(NULL, NULL);

        for (int i = 0; i < SPANS; i++)
            spans[i] = begin(client, "call");
        REFUSED(runspan_begin(client, "call", &more), RUNSPAN_E_TOO_MANY);
        CHECK(runspan_end(spans[7], RUNSPAN_STATUS_OK), RUNSPAN_DONE);
        spans[7] = begin(client, "call");
        CHECK(runspan_close(client, 0) <= RUNSPAN_NOT_DELIVERED, 1);
        REFUSED(runspan_set_attr_int(spans[7], "params.k", 3), RUNSPAN_E_HANDLE);
        REFUSED(runspan_end(spans[SPANS - 1], RUNSPAN_STATUS_OK), RUNSPAN_E_HANDLE);
    }
    CHECK(runspan_close(stays, 0) <= RUNSPAN_NOT_DELIVERED, 1);
}

static char last_line[2048];

static void keep_line(void *data, int level, const char *line) {
    (void)data;
    (void)level;
    snprintf(last_line, sizeof last_line, "%s", line);
}

/* Waits for a log line. With the core in the host the refused call has logged it. */
static int has_line(runspan_client client, const char *part) {
    double deadline = now() + (beside ? 10 : 0);

    while (strstr(last_line, part) == NULL && now() < deadline)
        runspan_state(client);
    return strstr(last_line, part) != NULL;
}

/* A schema of 4 MiB and more, the longest list of the longest texts, and lists that no
 * schema allows. Needs RUNSPAN_STRICT. */
static void long_arguments(void) {
    static const char *texts[4097];
    static char text[5000], huge[(5 << 20) + 1], list[1 << 20];
    size_t length = strlen(schema);
    runspan_options options = {.struct_size = sizeof options, .service = "stripepy", .schema = huge, .log = keep_line};
    runspan_client client;
    runspan_span span;

    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 4097; i++)
        texts[i] = text;
    memcpy(huge, schema, length);
    memset(huge + length, ' ', sizeof huge - 1 - length);
    CHECK(runspan_open(&options, &client), RUNSPAN_DONE);
    span = begin(client, "view");
    for (size_t count = 4096; count <= 4098; count++) {
        last_line[0] = '\0';
        REFUSED(runspan_set_attr_strings(span, "params.columns", texts, count), RUNSPAN_E_TOO_LONG);
        CHECK(has_line(client, "refused: attribute params.columns: "), 1);
        CHECK(strstr(last_line, "a list of 4097 texts or more") != NULL, count >= 4097);
    }
    REFUSED(runspan_set_attr_strings(span, "no such", texts, 1 << 20), RUNSPAN_E_NAME);
    CHECK(has_line(client, "refused: attribute no such: a list"), 1);
    for (size_t at = 0; at + 17 <= sizeof list; at += 17) /* a long list is one call */
        memcpy(list + at, "params.columns\0n", 17);
    CHECK(runspan_set_attrs(span, list, sizeof list / 17 * 17), RUNSPAN_DONE);
    REFUSED(runspan_set_attrs(span, list, sizeof list), RUNSPAN_E_ARGUMENT); /* it ends inside a key */
    REFUSED(runspan_set_attrs(span, "\0\0\0", 3), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_close(client, 30000), RUNSPAN_DONE);
}

/* Waits return when their time has passed, or before: give or take what a busy machine
 * needs. The collector does not answer. */
static void timeouts(void) {
    static const struct {
        uint32_t timeout;
        double seconds;
    } waits[] = {{0, 1}, {50, 1}, {0xFFFF0000u, 1}, {0xFFFF0000u + 50, 1}, {RUNSPAN_DEFAULT_TIMEOUT_MS, 3}};

    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        runspan_client client = open_client(NULL, NULL);
        double begun;

        CHECK(runspan_end(begin(client, "call"), RUNSPAN_STATUS_OK), RUNSPAN_DONE);
        usleep(50000);
        begun = now();
        CHECK(runspan_flush(client, waits[i].timeout), RUNSPAN_NOT_DELIVERED);
        CHECK(now() - begun <= waits[i].seconds, 1);
        begun = now();
        CHECK(runspan_close(client, waits[i].timeout), RUNSPAN_NOT_DELIVERED);
        CHECK(now() - begun <= waits[i].seconds, 1);
    }
}

/* Whatever the process beside does, the host's calls take a bounded time and have codes of
 * the ABI, and in the end telemetry is off. */
static void a_hostile_process(void) {
    runspan_options options = {.struct_size = sizeof options, .service = "stripepy", .schema = schema};
    double begun = now();
    runspan_client client;
    runspan_span span = 0;
    int code = runspan_open(&options, &client);

    CHECK(code >= 0, 1);
    CHECK((code == RUNSPAN_DONE) == (client != 0), 1);
    runspan_begin(client, "call", &span);
    for (int i = 0; i < 100000; i++) {
        code = runspan_set_attr_int(span, "params.k", 3);
        if (strcmp(runspan_strerror(code), "unknown code") == 0)
            CHECK(code, RUNSPAN_DONE);
    }
    runspan_end(span, RUNSPAN_STATUS_OK);
    CHECK(runspan_flush(client, 100) > 0, 1);
    CHECK(runspan_close(client, RUNSPAN_DEFAULT_TIMEOUT_MS) > 0, 1);
    CHECK(now() - begun < 15, 1);
    CHECK(runspan_open(&options, &client) > 0, 1);
    CHECK(now() - begun < 20, 1);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } situations[] = {
        {"errno", keeps_errno},
        {"log", calls_from_a_log},
        {"lines", clients_have_their_own_lines},
        {"cancel", threads_are_cancelled},
        {"signals", signals_interrupt},
        {"longjmp", a_handler_jumps_out},
        {"fork", a_thread_forks},
        {"close", threads_close_at_once},
        {"clients", many_clients},
        {"spans", many_spans},
        {"long", long_arguments},
        {"timeouts", timeouts},
        {"hostile", a_hostile_process},
    };
    FILE *file;

    if (argc != 3 || (file = fopen(argv[1], "rb")) == NULL) {
        fprintf(stderr, "usage: calls SCHEMA SITUATION\n");
        return 2;
    }
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    beside = getenv("RUNSPAN_OUT_OF_PROCESS") != NULL;
    for (size_t i = 0; i < sizeof situations / sizeof *situations; i++)
        if (strcmp(argv[2], situations[i].name) == 0)
            situations[i].run();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
