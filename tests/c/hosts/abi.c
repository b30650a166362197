/* SPDX-License-Identifier: MIT
 *
 * A C host that uses every function of the ABI, rightly and wrongly, and checks
 * each answer. c_test.go builds it with sanitizers, runs it, and looks at what
 * arrived.
 *
 *     abi SCHEMA CORE    CORE may be "" for the one beside the front
 *
 * Exit status: 0 where every check passed.
 */
#include "runspan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define SPANS_PER_THREAD 50

static int passed, failed;
static char schema[1 << 17];
static const char *core;

static void check_at(int line, const char *what, int got, int want) {
    if (got == want) {
        passed++;
        return;
    }
    failed++;
    fprintf(stderr, "abi.c:%d: %s: got %d (%s), want %d\n", line, what, got, runspan_strerror(got), want);
}
#define CHECK(call, want) check_at(__LINE__, #call, (call), (want))

/* The host's log: how often it was told something, and on which thread. */
struct log {
    pthread_t thread;
    int lines, elsewhere;
    char last[2048];
};

static void take_line(void *data, int level, const char *line) {
    struct log *log = data;

    (void)level;
    log->lines++;
    log->elsewhere += !pthread_equal(log->thread, pthread_self());
    snprintf(log->last, sizeof log->last, "%s", line);
}

static runspan_options options_with(struct log *log) {
    runspan_options options = {0};

    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    options.core = *core != '\0' ? core : NULL;
    if (log != NULL) {
        log->thread = pthread_self();
        options.log = take_line;
        options.log_data = log;
    }
    return options;
}

static int core_is_mapped(void) {
    char line[4096];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");

    if (maps == NULL)
        return -1;
    while (fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, "librunspan-core") != NULL;
    fclose(maps);
    return found;
}

/* Every function, with handles for which there is nothing to do. */
static void handles(runspan_client client, runspan_span span, int want) {
    const char *texts[] = {"chrom1"};
    runspan_span begun = 7;

    CHECK(runspan_set_resource_string(client, "os.type", "linux"), want);
    CHECK(runspan_set_resource_int(client, "os.type", 1), want);
    CHECK(runspan_set_resource_double(client, "os.type", 1), want);
    CHECK(runspan_set_resource_bool(client, "os.type", 1), want);
    CHECK(runspan_begin(client, "call", &begun), want);
    CHECK(begun != 0, 0);
    CHECK(runspan_set_name(span, "call"), want);
    CHECK(runspan_set_attr_string(span, "params.contact_map_format", "cool"), want);
    CHECK(runspan_set_attr_int(span, "params.k", 1), want);
    CHECK(runspan_set_attr_double(span, "params.glob_pers_min", 0.5), want);
    CHECK(runspan_set_attr_bool(span, "params.low_memory", 1), want);
    CHECK(runspan_set_attr_strings(span, "params.columns", texts, 1), want);
    CHECK(runspan_set_attr_null(span, "params.k"), want);
    CHECK(runspan_set_attrs(span, "params.k\0i1", sizeof "params.k\0i1"), want);
    CHECK(runspan_set_error(span, "ValueError"), want);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), want);
    CHECK(runspan_flush(client, 10000), want);
    CHECK(runspan_close(client, 10000), want);
    if (client != 0)
        CHECK(runspan_state(client), want);
}

static void nulls(runspan_client client) {
    const char *texts[] = {"chrom1", NULL};
    runspan_span span;

    CHECK(runspan_set_resource_string(client, NULL, "linux"), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_resource_string(client, "os.type", NULL), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_resource_int(client, NULL, 1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_resource_double(client, NULL, 1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_resource_bool(client, NULL, 1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_begin(client, "call", NULL), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_begin(client, NULL, &span), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_begin(0, NULL, NULL), RUNSPAN_OFF);
    CHECK(runspan_begin(client, "call", &span), RUNSPAN_DONE);
    CHECK(runspan_set_name(span, NULL), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_string(span, NULL, "cool"), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_string(span, "params.contact_map_format", NULL), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_int(span, NULL, 1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_double(span, NULL, 1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_bool(span, NULL, 1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_strings(span, NULL, texts, 1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_strings(span, "params.columns", NULL, 1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_strings(span, "params.columns", texts, 2), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attr_strings(span, "params.columns", texts, (size_t)-1), RUNSPAN_E_NAME);
    CHECK(runspan_set_attr_strings(span, "params.k", texts, (size_t)-1), RUNSPAN_E_TYPE);
    CHECK(runspan_set_attr_null(span, NULL), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, NULL, 0), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, "", (size_t)-1), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_error(span, NULL), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_end(span, (runspan_status)3), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_end(span, RUNSPAN_STATUS_UNSET), RUNSPAN_DONE);
}

static void bad_opens(void) {
    static const size_t sizes[] = {0, 1, sizeof(size_t) + sizeof(char *)};
    struct log log = {0};
    runspan_client client = 7;
    runspan_options options;

    CHECK(runspan_open(NULL, &client), RUNSPAN_E_ARGUMENT);
    CHECK(client != 0, 0);
    CHECK(runspan_open(NULL, NULL), RUNSPAN_E_ARGUMENT);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        options = options_with(NULL);
        options.struct_size = sizes[i];
        CHECK(runspan_open(&options, &client), RUNSPAN_E_ARGUMENT);
    }
    options = options_with(NULL);
    options.service = NULL;
    CHECK(runspan_open(&options, &client), RUNSPAN_E_ARGUMENT);
    options.service = "";
    CHECK(runspan_open(&options, &client), RUNSPAN_E_ARGUMENT);
    options = options_with(NULL);
    options.schema = NULL;
    CHECK(runspan_open(&options, &client), RUNSPAN_E_ARGUMENT);
    options = options_with(NULL);
    options.flags = 0x80u;
    CHECK(runspan_open(&options, &client), RUNSPAN_E_ARGUMENT);

    options = options_with(&log);
    options.core = "/nowhere/librunspan-core.so";
    CHECK(runspan_open(&options, &client), RUNSPAN_NO_CORE);
    CHECK(runspan_state(0), RUNSPAN_NO_CORE);
    CHECK(log.lines, 1);
}

/* The variables count as the host has set them last. */
static void consent(void) {
    static const struct {
        const char *name, *value;
        int want;
    } cases[] = {
        {"STRIPEPY_NO_TELEMETRY", "1", RUNSPAN_OFF_SERVICE},
        {"STRIPEPY_NO_TELEMETRY", "", RUNSPAN_OFF_SERVICE},
        {"NO_TELEMETRY", "", RUNSPAN_OFF_NO_TELEMETRY},
        {"NO_TELEMETRY", "0", RUNSPAN_OFF_NO_TELEMETRY},
        {"DO_NOT_TRACK", "1", RUNSPAN_OFF_DO_NOT_TRACK},
        {"DO_NOT_TRACK", "yes", RUNSPAN_OFF_DO_NOT_TRACK},
        {"OTEL_SDK_DISABLED", "TRUE", RUNSPAN_OFF_SDK_DISABLED},
    };
    runspan_options options = options_with(NULL);
    runspan_client client = 7;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv(cases[i].name, cases[i].value, 1);
        CHECK(runspan_open(&options, &client), cases[i].want);
        CHECK(client != 0, 0);
        CHECK(runspan_state(0), cases[i].want);
        CHECK(strcmp(runspan_state_text(0), runspan_strerror(cases[i].want)), 0);
        CHECK(runspan_consent("stripepy"), cases[i].want);
        CHECK(RUNSPAN_IS_OPT_OUT(cases[i].want), 1);
        unsetenv(cases[i].name);
    }
    CHECK(runspan_consent("stripepy"), RUNSPAN_DONE);
    CHECK(runspan_consent("../no name of a schema"), RUNSPAN_DONE);
    CHECK(runspan_consent(NULL), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_consent(""), RUNSPAN_E_ARGUMENT);
    CHECK(core_is_mapped(), 0);
    handles(0, 0, RUNSPAN_OFF);
    handles(12345, 12345, RUNSPAN_E_HANDLE); /* nothing is loaded */
    CHECK(core_is_mapped(), 0);
}

/* The result and the exit status of commands. tests/python/test_commands.py tests their
 * effects. */
static void commands(void) {
    static const char *const many[] = {"preview", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    static const char *const none[] = {"purge", NULL};
    const struct {
        const char *const *words;
        int count, code, exit_status;
    } cases[] = {
        {(const char *const[]){"purge"}, 1, RUNSPAN_DONE, 0},
        {(const char *const[]){"status", "--json"}, 2, RUNSPAN_DONE, 0},
        {(const char *const[]){"preview", "none"}, 2, RUNSPAN_DONE, 1},
        {(const char *const[]){"check"}, 1, RUNSPAN_DONE, 0},
        {(const char *const[]){"check", "call"}, 2, RUNSPAN_DONE, 2},
        {(const char *const[]){"--json"}, 1, RUNSPAN_DONE, 2},
        {(const char *const[]){"off", "now"}, 2, RUNSPAN_DONE, 2},
        {NULL, 0, RUNSPAN_DONE, 2},
        {many, sizeof many / sizeof *many, RUNSPAN_DONE, 2},
        {NULL, 1, RUNSPAN_E_ARGUMENT, 1},
        {none, 2, RUNSPAN_E_ARGUMENT, 1},
        {none, -1, RUNSPAN_E_ARGUMENT, 1},
    };
    runspan_options options = options_with(NULL);
    FILE *out = tmpfile();
    int status = 7;

    for (size_t i = 0; out != NULL && i < sizeof cases / sizeof *cases; i++) {
        status = 7;
        CHECK(runspan_command(&options, cases[i].count, cases[i].words, fileno(out), &status), cases[i].code);
        CHECK(status, cases[i].exit_status);
        CHECK(runspan_command(&options, cases[i].count, cases[i].words, fileno(out), NULL), cases[i].code);
    }
    CHECK(runspan_command(&options, 1, many, -1, NULL), RUNSPAN_DONE);
    options.schema = "{}";
    CHECK(runspan_command(&options, 1, cases[3].words, fileno(out), &status), RUNSPAN_DONE);
    CHECK(status, 1);
    CHECK(runspan_command(NULL, 1, many, 1, NULL), RUNSPAN_E_ARGUMENT);
    CHECK(out == NULL || fclose(out) != 0, 0);
}

/* These are words that do not opt out. */
static void no_opt_out(void) {
    static const char *const cases[][2] = {
        {"DO_NOT_TRACK", ""},
        {"DO_NOT_TRACK", "0"},
        {"DO_NOT_TRACK", "False"},
        {"OTEL_SDK_DISABLED", "1"},
        {"OTHER_NO_TELEMETRY", "1"},
    };
    runspan_options options = options_with(NULL);
    runspan_client client;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv(cases[i][0], cases[i][1], 1);
        CHECK(runspan_open(&options, &client), RUNSPAN_DONE);
        CHECK(runspan_close(client, 0), RUNSPAN_DONE);
        unsetenv(cases[i][0]);
    }
}

static void bad_schemas(void) {
    struct log log = {0};
    runspan_options options = options_with(&log);
    runspan_client client = 7;

    options.schema = "{\n\"spans\": 1}";
    CHECK(runspan_open(&options, &client), RUNSPAN_E_SCHEMA);
    CHECK(client != 0, 0);
    CHECK(log.lines, 3); /* service and destination are missing, and spans is no object */
    CHECK(strstr(log.last, "line 2") != NULL, 1);
    options = options_with(&log);
    options.service = "hictk";
    CHECK(runspan_open(&options, &client), RUNSPAN_E_SCHEMA);
    CHECK(log.elsewhere, 0);
}

static void endpoints(void) {
    char right[256];
    runspan_options options = options_with(NULL);
    runspan_client client;

    snprintf(right, sizeof right, "%s", getenv("RUNSPAN_ENDPOINT"));
    setenv("RUNSPAN_ENDPOINT", "http://collector.example/", 1);
    CHECK(runspan_open(&options, &client), RUNSPAN_E_ENDPOINT);
    setenv("RUNSPAN_ENDPOINT", "\xff\xfe", 1);
    CHECK(runspan_open(&options, &client), RUNSPAN_E_ENDPOINT);
    setenv("RUNSPAN_ENDPOINT", right, 1);
}

/* A program built with a header that ended at log_data. */
static void older_header(void) {
    runspan_options options = options_with(NULL);
    runspan_client client = 0;

    if (options.core != NULL)
        return; /* it can't say where the core is */
    options.struct_size = offsetof(runspan_options, core);
    options.core = (const char *)-1;
    options.flags = ~0u;
    CHECK(runspan_open(&options, &client), RUNSPAN_DONE);
    CHECK(runspan_close(client, 0), RUNSPAN_DONE);
}

static void setters(runspan_client client) {
    static const char *const columns[] = {"chrom1", "start1", "no such column", "\xff"};
    static char huge[1 << 16];
    runspan_span span;

    memset(huge, 'x', sizeof huge - 1);
    CHECK(runspan_set_resource_string(client, "service.version", "1.3.0"), RUNSPAN_DONE);
    CHECK(runspan_set_resource_string(client, "service.version", huge), RUNSPAN_E_TOO_LONG);
    CHECK(runspan_set_resource_string(client, "os.version", "\xff\xfe"), RUNSPAN_E_VALUE);
    CHECK(runspan_set_resource_string(client, "telemetry.sdk.name", "mine"), RUNSPAN_E_NAME);
    CHECK(runspan_set_resource_string(client, huge, "1"), RUNSPAN_E_NAME);
    CHECK(runspan_set_resource_int(client, "os.type", 1), RUNSPAN_E_TYPE);
    CHECK(runspan_set_resource_double(client, "os.type", 1), RUNSPAN_E_TYPE);
    CHECK(runspan_set_resource_bool(client, "os.type", 1), RUNSPAN_E_TYPE);
    CHECK(runspan_begin(client, "no such span", &span), RUNSPAN_E_NAME);
    CHECK(span != 0, 0);

    CHECK(runspan_begin(client, "view", &span), RUNSPAN_DONE);
    CHECK(runspan_set_resource_string(client, "service.version", "1.3.1"), RUNSPAN_E_TOO_LATE);
    CHECK(runspan_set_attr_strings(span, "params.columns", columns, 4), RUNSPAN_DONE);
    CHECK(runspan_set_attr_strings(span, "params.columns", columns, 0), RUNSPAN_DONE);
    CHECK(runspan_set_attr_strings(span, "params.columns", columns, 3), RUNSPAN_DONE);
    CHECK(runspan_set_attr_strings(span, "params.columns", columns, 4098), RUNSPAN_E_TOO_LONG); /* they are not read */
    CHECK(runspan_set_attr_strings(span, "params.columns", columns, (size_t)-1), RUNSPAN_E_TOO_LONG);
    CHECK(runspan_set_attr_double(span, "params.relative_change_threshold", 5), RUNSPAN_DONE);
    CHECK(runspan_set_attr_int(span, "params.result_file_format_version", 3), RUNSPAN_DONE);
    CHECK(runspan_set_attr_int(span, "params.k", 3), RUNSPAN_E_NAME);
    CHECK(runspan_set_name(span, "call"), RUNSPAN_E_NAME);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_E_HANDLE);

    CHECK(runspan_begin(client, "call", &span), RUNSPAN_DONE);
    CHECK(runspan_set_attr_string(span, "params.contact_map_format", "mcool"), RUNSPAN_DONE);
    CHECK(runspan_set_attr_int(span, "params.k", 3), RUNSPAN_DONE);
    CHECK(runspan_set_attr_int(span, "params.k", 0), RUNSPAN_E_VALUE);
    CHECK(runspan_set_attr_double(span, "params.k", 3), RUNSPAN_E_TYPE);
    CHECK(runspan_set_attr_double(span, "params.glob_pers_min", 0.04), RUNSPAN_DONE);
    CHECK(runspan_set_attr_double(span, "params.glob_pers_min", 0.0 / (double)(span == 0)), RUNSPAN_E_VALUE);
    CHECK(runspan_set_attr_bool(span, "params.low_memory", -1), RUNSPAN_DONE);
    CHECK(runspan_set_attr_null(span, "params.nproc"), RUNSPAN_DONE);
    CHECK(runspan_set_attr_null(span, "user"), RUNSPAN_E_NAME);
    CHECK(runspan_set_error(span, "std::bad_alloc: /home/alice"), RUNSPAN_DONE);
    CHECK(runspan_end(span, RUNSPAN_STATUS_ERROR), RUNSPAN_DONE);
}

#define LIST(text) (text), sizeof(text)

static void lists(runspan_client client) {
    runspan_span span;

    CHECK(runspan_begin(client, "call", &span), RUNSPAN_DONE);
    CHECK(runspan_set_attrs(span, "", 0), RUNSPAN_DONE);
    CHECK(runspan_set_attrs(span, LIST("params.k\0i3\0params.nproc\0n\0params.low_memory\0b1")), RUNSPAN_DONE);
    CHECK(runspan_set_attrs(span, LIST("params.glob_pers_min\0d0.25\0params.contact_map_format\0shic")), RUNSPAN_DONE);
    CHECK(runspan_set_attrs(span, LIST("user\0salice\0params.k\0i0\0params.max_width\0i5")), RUNSPAN_E_NAME);
    CHECK(runspan_set_attrs(span, LIST("params.k\0i0")), RUNSPAN_E_VALUE);
    CHECK(runspan_set_attrs(span, LIST("params.k\0d1")), RUNSPAN_E_TYPE);
    CHECK(runspan_set_attrs(span, LIST("params.k\0i")), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, LIST("params.k\0i9223372036854775808")), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, LIST("params.k\0x1")), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, LIST("params.k\0b1")), RUNSPAN_E_TYPE);
    CHECK(runspan_set_attrs(span, LIST("params.low_memory\0btrue")), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, LIST("params.k\0nx")), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, LIST("params.k\0")), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, LIST("params.k")), RUNSPAN_E_ARGUMENT);
    CHECK(runspan_set_attrs(span, "params.k\0i4", 10), RUNSPAN_E_ARGUMENT); /* no NUL at its end */
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
}

static void *many_spans(void *data) {
    runspan_client client = *(runspan_client *)data;
    intptr_t bad = 0;

    for (int i = 0; i < SPANS_PER_THREAD; i++) {
        runspan_span span;

        bad += runspan_begin(client, "call", &span) != RUNSPAN_DONE;
        bad += runspan_set_attr_int(span, "params.k", i + 1) != RUNSPAN_DONE;
        bad += runspan_set_attr_string(span, "params.contact_map_format", "hic") != RUNSPAN_DONE;
        bad += runspan_set_attr_int(span ^ 1u, "params.k", 1) == RUNSPAN_E_TYPE;
        bad += runspan_end(span, RUNSPAN_STATUS_OK) != RUNSPAN_DONE;
        if (i % 16 == 0)
            bad += runspan_flush(client, 0) < 0;
    }
    return (void *)bad;
}

static void threads(runspan_client client) {
    pthread_t all[THREADS];
    void *bad;

    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&all[i], NULL, many_spans, &client), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(all[i], &bad), 0);
        CHECK((int)(intptr_t)bad, 0);
    }
}

static void fork_in_a_span(runspan_client client) {
    runspan_span span;
    pid_t child;
    int status = -1;

    CHECK(runspan_begin(client, "download", &span), RUNSPAN_DONE);
    child = fork();
    if (child == 0) {
        runspan_options options = options_with(NULL);
        runspan_client anew = 7;

        passed = failed = 0;
        handles(client, span, RUNSPAN_FORKED);
        CHECK(runspan_state(client), RUNSPAN_FORKED);
        CHECK(runspan_open(&options, &anew), RUNSPAN_FORKED);
        CHECK(anew != 0, 0);
        _exit(failed);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0, 1);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
}

static void preview(void) {
    struct log log = {0};
    runspan_options options = options_with(&log);
    runspan_client client;
    runspan_span span;

    options.flags = RUNSPAN_PREVIEW;
    CHECK(runspan_open(&options, &client), RUNSPAN_DONE);
    CHECK(runspan_begin(client, "plot", &span), RUNSPAN_DONE);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(log.lines, 1);
    CHECK(strstr(log.last, "\"name\":\"plot\"") != NULL, 1);
    CHECK(runspan_close(client, 0), RUNSPAN_DONE);
    CHECK(log.elsewhere, 0);
}

static void limits(void) {
    static runspan_span spans[4097];
    struct rusage before, after;
    runspan_client clients[65];
    runspan_options options = options_with(NULL);
    int n = 0, code;

    while (n < 65 && (code = runspan_open(&options, &clients[n])) == RUNSPAN_DONE)
        n++;
    CHECK(n, 64);
    CHECK(code, RUNSPAN_E_TOO_MANY);
    while (--n > 0)
        CHECK(runspan_close(clients[n], 0), RUNSPAN_DONE);
    while (n < 4097 && (code = runspan_begin(clients[0], "call", &spans[n])) == RUNSPAN_DONE)
        n++;
    CHECK(n, 4096);
    CHECK(code, RUNSPAN_E_TOO_MANY);
    getrusage(RUSAGE_SELF, &before);
    for (n = 0; n < 20000; n++)
        code |= runspan_begin(clients[0], "call", &spans[4096]) ^ RUNSPAN_E_TOO_MANY;
    getrusage(RUSAGE_SELF, &after);
    CHECK(code, RUNSPAN_E_TOO_MANY);
    CHECK(after.ru_maxrss - before.ru_maxrss < 20 * 1024, 1); /* what was refused leaves nothing */
    CHECK(runspan_close(clients[0], 0), RUNSPAN_NOT_DELIVERED); /* its spans, as aborted */
    CHECK(runspan_set_attr_int(spans[17], "params.k", 1), RUNSPAN_E_HANDLE);
}

int main(int argc, char **argv) {
    struct log log = {0};
    runspan_options options;
    runspan_client client, other;
    runspan_span span;
    FILE *file;

    if (argc != 3 || (file = fopen(argv[1], "rb")) == NULL) {
        fprintf(stderr, "usage: abi SCHEMA CORE\n");
        return 2;
    }
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    core = argv[2];

    CHECK(strcmp(runspan_version(), RUNSPAN_VERSION), 0);
    CHECK(runspan_state(0), RUNSPAN_OFF);
    consent();
    bad_opens();
    bad_schemas();
    endpoints();
    older_header();
    no_opt_out();
    commands();
    limits();
    preview();

    options = options_with(&log);
    CHECK(runspan_open(&options, &client), RUNSPAN_DONE);
    CHECK(core_is_mapped(), getenv("RUNSPAN_OUT_OF_PROCESS") == NULL);
    CHECK(runspan_state(client), RUNSPAN_DONE);
    CHECK(strcmp(runspan_state_text(client), getenv("RUNSPAN_OUT_OF_PROCESS") == NULL
                     ? "telemetry is on, the core in the host"
                     : "telemetry is on, the core beside the host: RUNSPAN_OUT_OF_PROCESS asks for it"), 0);
    options = options_with(NULL);
    options.struct_size += 64; /* of a newer header */
    CHECK(runspan_open(&options, &other), RUNSPAN_DONE);
    CHECK(runspan_begin(other, "hands off", &span), RUNSPAN_E_NAME);
    handles(client ^ (1ull << 40), 99, RUNSPAN_E_HANDLE);
    setters(client);
    lists(client);
    nulls(client);
    threads(client);
    fork_in_a_span(client);
    CHECK(runspan_close(other, 0), RUNSPAN_DONE);
    CHECK(runspan_begin(client, "plot", &span), RUNSPAN_DONE);
    CHECK(runspan_flush(client, 30000), RUNSPAN_DONE);
    CHECK(runspan_close(client, 30000), RUNSPAN_DONE);
    handles(client, span, RUNSPAN_E_HANDLE);
    CHECK(log.elsewhere, 0);

    for (int code = -20; code <= 30; code++)
        CHECK(runspan_strerror(code) == NULL, 0);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
