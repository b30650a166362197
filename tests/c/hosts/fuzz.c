/* SPDX-License-Identifier: MIT
 *
 * Calls the ABI at random, from several threads at once: handles that are open,
 * closed, or made up; texts of the schema's, of any bytes, too long, NULL; sizes
 * that are wild. Pointers are valid, or NULL. Prints how many calls there were.
 *
 *     fuzz SCHEMA SEED SECONDS [CORE]
 */
#include "runspan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 4
#define POOL 64
#define LONG ((size_t)1 << 21)

static char schema[1 << 17];
static char *long_text;
static const char *core;
static double deadline;
static unsigned long long seed;
/* Handles that were given out, by whichever thread; races are a part of it. */
static _Atomic uint64_t clients[POOL], spans[POOL];

static const char *const words[] = {
    "call",
    "view",
    "plot",
    "params.k",
    "params.nproc",
    "params.columns",
    "params.contact_map_format",
    "params.low_memory",
    "params.loc_pers_min",
    "service.version",
    "os.type",
    "aborted",
    "mcool",
    "RuntimeError",
    "chrom1",
    "",
    "\xff\xfe\x80",
    "\xed\xa0\x80",
    "a\nb\x1b[31m",
};

static double now(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* xorshift64: the same numbers for the same seed. */
static unsigned long long next(unsigned long long *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static unsigned below(unsigned long long *state, unsigned n) {
    return (unsigned)(next(state) >> 33) % n;
}

static const char *text(unsigned long long *state) {
    unsigned pick = below(state, 40);

    if (pick == 0)
        return NULL;
    if (pick == 1)
        return long_text + below(state, LONG - 1);
    return words[below(state, sizeof words / sizeof *words)];
}

static uint64_t handle(unsigned long long *state, _Atomic uint64_t *pool) {
    switch (below(state, 12)) {
    case 0:
        return 0;
    case 1:
        return next(state);
    case 2:
        return pool[below(state, POOL)] ^ (1ull << below(state, 64));
    default:
        return pool[below(state, POOL)];
    }
}

static double number(unsigned long long *state) {
    double any;
    unsigned long long bits = next(state);

    memcpy(&any, &bits, sizeof any);
    return below(state, 2) ? any : (double)below(state, 10);
}

/* A list as runspan_set_attrs takes it, with something wrong now and then. */
static size_t list(unsigned long long *state, char *buffer, size_t size) {
    size_t n = 0;

    for (unsigned i = below(state, 6); i > 0 && n + 64 < size; i--) {
        int m = snprintf(buffer + n, 64, "%s%c%c%d%c", words[3 + below(state, 9)], '\0', "idsbnx"[below(state, 6)],
                         (int)below(state, 9), '\0');

        n += m > 0 && m < 64 ? (size_t)m : 0;
    }
    if (n > 0 && below(state, 4) == 0)
        buffer[below(state, (unsigned)n)] = (char)next(state);
    return below(state, 8) == 0 ? below(state, (unsigned)size) : n;
}

static int open_client(unsigned long long *state) {
    runspan_options options;
    runspan_client client = 7;
    int code;

    memset(&options, 0, sizeof options);
    options.struct_size = below(state, 20) == 0 ? next(state) : sizeof options;
    options.service = below(state, 10) == 0 ? text(state) : "stripepy";
    options.schema = below(state, 10) == 0 ? text(state) : schema;
    options.core = core;
    options.flags = below(state, 20) == 0 ? (uint32_t)next(state) : below(state, 4) == 0 ? RUNSPAN_PREVIEW : 0;
    if (options.struct_size > sizeof options && options.struct_size < LONG)
        options.struct_size = sizeof options;
    code = runspan_open(below(state, 30) == 0 ? NULL : &options, below(state, 30) == 0 ? NULL : &client);
    if (client != 7 && client != 0)
        clients[below(state, POOL)] = client;
    return code;
}

static int call(unsigned long long *state) {
    static const char *const lists[] = {"chrom1", "end2", "\xff", "no column of any"};
    char buffer[512];
    runspan_span span = 0;
    int code;

    switch (below(state, 24)) {
    case 0:
        return below(state, 10) == 0 ? open_client(state) : 0;
    case 1:
        return below(state, 40) == 0 ? runspan_close(handle(state, clients), below(state, 3)) : 0;
    case 2:
        return below(state, 40) == 0 ? runspan_flush(handle(state, clients), below(state, 3)) : 0;
    case 3:
    case 4:
    case 5:
        code = runspan_begin(handle(state, clients), text(state), below(state, 50) == 0 ? NULL : &span);
        if (span != 0)
            spans[below(state, POOL)] = span;
        return code;
    case 6:
    case 7:
        return runspan_end(handle(state, spans), (runspan_status)(below(state, 20) == 0 ? next(state) : below(state, 3)));
    case 8:
        return runspan_set_name(handle(state, spans), text(state));
    case 9:
        return runspan_set_error(handle(state, spans), text(state));
    case 10:
        return runspan_set_resource_string(handle(state, clients), text(state), text(state));
    case 11:
        return runspan_set_resource_int(handle(state, clients), text(state), (int64_t)next(state));
    case 12:
        return runspan_set_resource_double(handle(state, clients), text(state), number(state));
    case 13:
        return runspan_set_resource_bool(handle(state, clients), text(state), (int)next(state));
    case 14:
        return runspan_set_attr_null(handle(state, spans), text(state));
    case 15:
        return runspan_set_attr_bool(handle(state, spans), text(state), (int)next(state));
    case 16:
        return runspan_set_attr_double(handle(state, spans), text(state), number(state));
    case 17:
        return runspan_set_attr_strings(handle(state, spans), text(state), below(state, 9) == 0 ? NULL : lists,
                                        below(state, 9) == 0 ? SIZE_MAX - below(state, 9) : below(state, 5));
    case 18:
        return runspan_set_attrs(handle(state, spans), below(state, 50) == 0 ? NULL : buffer,
                                 below(state, 50) == 0 ? SIZE_MAX - below(state, 9) : list(state, buffer, sizeof buffer));
    case 19:
        return runspan_state(handle(state, clients)) == 99;
    case 20:
        return strlen(runspan_strerror((int)next(state))) == 0;
    case 21:
        return runspan_set_attr_int(handle(state, spans), text(state), (int64_t)next(state));
    default:
        return runspan_set_attr_string(handle(state, spans), text(state), text(state));
    }
}

static void *work(void *argument) {
    unsigned long long state = seed * 2654435761u + (unsigned long long)(size_t)argument + 1, calls = 0;

    for (; now() < deadline; calls++) {
        int code = call(&state);

        if (code < RUNSPAN_E_INTERNAL + 1 || code > RUNSPAN_DROPPED) {
            fprintf(stderr, "a call returned %d: %s\n", code, runspan_strerror(code));
            abort();
        }
    }
    return (void *)(size_t)calls;
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    size_t calls = 0;
    FILE *file = argc >= 4 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    seed = strtoull(argv[2], NULL, 10);
    deadline = now() + atof(argv[3]);
    core = argc > 4 ? argv[4] : NULL;
    long_text = malloc(LONG);
    if (long_text == NULL)
        return 2;
    memset(long_text, 'x', LONG - 1);
    long_text[LONG - 1] = '\0';
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (size_t i = 0; i < THREADS; i++) {
        void *counted;

        pthread_join(threads[i], &counted);
        calls += (size_t)counted;
    }
    free(long_text);
    printf("%zu calls\n", calls);
    return 0;
}
