/* SPDX-License-Identifier: MIT
 *
 * A C host with an error of its own beside the core, for the tool to report: in
 * a function that has the error's name. With "none" it has none.
 *
 *     wrong ERROR SCHEMA
 */
#include "runspan.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static runspan_client client;
static runspan_span span;
static const char *error;
static int lines;

/* The addresses go through this, so that no compiler sees the error. */
static void *volatile hidden;

static void leak(void) {
    for (int i = 0; i < 8; i++)
        hidden = malloc(1000);
    hidden = NULL;
}

static void freed_text(void) {
    hidden = strcpy(malloc(8), "cool");
    free(hidden);
    runspan_set_attr_string(span, "params.contact_map_format", hidden);
}

static void uninitialised_text(void) {
    hidden = malloc(8);
    runspan_set_attr_string(span, "params.contact_map_format", hidden);
    free(hidden);
}

static void freed_list(void) {
    static const char list[] = "params.k\0i3";

    hidden = memcpy(malloc(sizeof list), list, sizeof list);
    free(hidden);
    runspan_set_attrs(span, hidden, sizeof list);
}

static void overflow(void) {
    volatile int n = INT_MAX;

    runspan_set_attr_int(span, "params.k", n + 1);
}

/* In the host's log, which the core calls. */
static void freed_in_log(void) {
    hidden = strcpy(malloc(8), "cool");
    free(hidden);
    lines += *(char *)hidden;
}

static void race_in_log(void) {
    lines++;
}

static void take_line(void *data, int level, const char *line) {
    (void)data;
    (void)level;
    (void)line;
    if (strcmp(error, "freed_in_log") == 0)
        freed_in_log();
    if (strcmp(error, "race_in_log") == 0)
        race_in_log();
}

static void race(void) {
    lines++;
}

static void *begin_and_end(void *unused) {
    runspan_span mine;

    (void)unused;
    for (int i = 0; i < 20; i++) {
        runspan_begin(client, "call", &mine);
        if (strcmp(error, "race") == 0)
            race();
        runspan_end(mine, RUNSPAN_STATUS_OK);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static char schema[1 << 17];
    static const struct {
        const char *name;
        void (*run)(void);
    } errors[] = {
        {"leak", leak},
        {"freed_text", freed_text},
        {"uninitialised_text", uninitialised_text},
        {"freed_list", freed_list},
        {"overflow", overflow},
    };
    runspan_options options = {0};
    pthread_t threads[2];
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    error = argv[1];
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    options.log = take_line;
    options.flags = RUNSPAN_PREVIEW; /* nothing is sent */
    if (runspan_open(&options, &client) != RUNSPAN_DONE)
        return 3;
    runspan_begin(client, "call", &span);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(error, errors[i].name) == 0)
            errors[i].run();
    for (size_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, begin_and_end, NULL);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    runspan_end(span, RUNSPAN_STATUS_OK);
    return runspan_close(client, 10000) < 0;
}
