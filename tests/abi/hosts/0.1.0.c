/* SPDX-License-Identifier: MIT
 *
 * A program of the time of 0.1.0: uses every function that there was then, and
 * options as short as they may be.
 *
 *     program SCHEMA    of every-kind
 */
#include "runspan.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int passed, failed;
static char schema[1 << 16];

static void check_at(int line, const char *what, int got, int want) {
    if (got == want) {
        passed++;
        return;
    }
    failed++;
    fprintf(stderr, "0.1.0.c:%d: %s: got %d (%s), want %d\n", line, what, got, runspan_strerror(got), want);
}
#define CHECK(call, want) check_at(__LINE__, #call, (call), (want))

static void count_lines(void *data, int level, const char *line) {
    (void)line;
    *(int *)data += level == RUNSPAN_LOG_SPAN;
}

static runspan_options options_with(int *spans) {
    runspan_options options = {0};

    options.struct_size = sizeof options;
    options.service = "every-kind";
    options.schema = schema;
    options.log = spans == NULL ? NULL : count_lines;
    options.log_data = spans;
    return options;
}

static void report(void) {
    static const char *const words[] = {"a", "b"};
    runspan_options options = options_with(NULL);
    runspan_client client;
    runspan_span span;

    CHECK(runspan_state(0), RUNSPAN_OFF);
    CHECK(strcmp(runspan_state_text(0), "telemetry is off"), 0);
    CHECK(runspan_open(&options, &client), RUNSPAN_DONE);
    CHECK(runspan_state(client), RUNSPAN_DONE);
    CHECK(strncmp(runspan_state_text(client), "telemetry is on", 15), 0);
    CHECK(runspan_set_resource_string(client, "service.version", "1.2"), RUNSPAN_DONE);
    CHECK(runspan_set_resource_int(client, "bits", 64), RUNSPAN_DONE);
    CHECK(runspan_set_resource_double(client, "load", 0.5), RUNSPAN_DONE);
    CHECK(runspan_set_resource_bool(client, "container", 1), RUNSPAN_DONE);
    CHECK(runspan_set_resource_string(client, "os.type", "linux"), RUNSPAN_DONE);
    CHECK(runspan_begin(client, "run", &span), RUNSPAN_DONE);
    CHECK(runspan_set_name(span, "other run"), RUNSPAN_DONE);
    CHECK(runspan_set_attr_string(span, "text", "x"), RUNSPAN_DONE);
    CHECK(runspan_set_attr_int(span, "count", 3), RUNSPAN_DONE);
    CHECK(runspan_set_attr_int(span, "count", 10), RUNSPAN_E_VALUE);
    CHECK(runspan_set_attr_double(span, "at_least", 0.5), RUNSPAN_DONE);
    CHECK(runspan_set_attr_strings(span, "words", words, 2), RUNSPAN_DONE);
    CHECK(runspan_set_attr_null(span, "fallback"), RUNSPAN_DONE);
    CHECK(runspan_set_attrs(span, "version\0i3", sizeof "version\0i3"), RUNSPAN_DONE);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_flush(client, 30000), RUNSPAN_DONE);
    CHECK(runspan_begin(client, "run", &span), RUNSPAN_DONE);
    CHECK(runspan_set_attr_bool(span, "flag", 1), RUNSPAN_DONE);
    CHECK(runspan_set_error(span, "ValueError"), RUNSPAN_DONE);
    CHECK(runspan_end(span, RUNSPAN_STATUS_ERROR), RUNSPAN_DONE);
    CHECK(runspan_close(client, 30000), RUNSPAN_DONE);
    CHECK(runspan_close(client, 0), RUNSPAN_E_HANDLE);
}

static void preview(void) {
    int spans = 0;
    runspan_options options = options_with(&spans);
    runspan_client client;
    runspan_span span;

    options.flags = RUNSPAN_PREVIEW;
    CHECK(runspan_open(&options, &client), RUNSPAN_DONE);
    CHECK(runspan_begin(client, "run", &span), RUNSPAN_DONE);
    CHECK(runspan_end(span, RUNSPAN_STATUS_OK), RUNSPAN_DONE);
    CHECK(runspan_close(client, RUNSPAN_DEFAULT_TIMEOUT_MS), RUNSPAN_DONE);
    CHECK(spans, 1);
}

/* Options that end after each of their fields, at the end of a page: what is
 * beyond can't be read. */
static void short_options(void) {
    static const size_t sizes[] = {
        offsetof(runspan_options, log), offsetof(runspan_options, log_data), offsetof(runspan_options, core),
        offsetof(runspan_options, flags), sizeof(runspan_options)};
    const runspan_options whole = options_with(NULL);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *place = pages + page - sizes[i];
        runspan_client client;

        memcpy(place, &whole, sizes[i]);
        memcpy(place, &sizes[i], sizeof sizes[i]);
        CHECK(runspan_open(place, &client), RUNSPAN_DONE);
        CHECK(runspan_close(client, 0), RUNSPAN_DONE);
    }
}

int main(int argc, char **argv) {
    static const char *const words[] = {"status"};
    const runspan_options options = options_with(NULL);
    FILE *file = argc != 2 ? NULL : fopen(argv[1], "rb");
    int exit_status = -1;

    if (file == NULL || fread(schema, 1, sizeof schema - 1, file) == 0)
        return 2;
    fclose(file);
    CHECK(strcmp(RUNSPAN_VERSION, "0.1.0"), 0);
    CHECK(runspan_version()[0], '0');
    report();
    preview();
    short_options();
    CHECK(runspan_consent("stripepy"), RUNSPAN_DONE);
    CHECK(RUNSPAN_IS_OPT_OUT(RUNSPAN_DONE), 0);
    CHECK(runspan_command(&options, 1, words, STDERR_FILENO, &exit_status), RUNSPAN_DONE);
    CHECK(exit_status, 0);
    CHECK(strcmp(runspan_strerror(RUNSPAN_DONE), "done"), 0);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
