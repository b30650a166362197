/* SPDX-License-Identifier: MIT
 *
 * Ends many spans of 20 attributes, and prints what one takes in its caller, in
 * microseconds: the median of all, each timed by itself. Waits until all have
 * been delivered. With 0 spans it opens nothing, and prints 0.
 *
 *     span SCHEMA SPANS
 *
 * With -DPEER, through opentelemetry-rust instead of runspan; with -DNOTHING it
 * is linked with neither, and can do 0 spans alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef NOTHING

#ifdef PEER
#include "rust/peer.h"

typedef peer_client *client_of;
typedef peer_span *span_of;

static int open_client(const char *schema, client_of *client) {
    const char *endpoint = getenv("RUNSPAN_ENDPOINT");

    (void)schema;
    *client = peer_open("stripepy", endpoint ? endpoint : "https://stripepy-telemetry.paulsenlab.com:4319/v1/traces");
    return *client == NULL;
}
static void begin(client_of client, span_of *span) { *span = peer_begin(client, "call"); }
static int set_string(span_of s, const char *key, const char *value) { return peer_set_string(s, key, value), 0; }
static int set_int(span_of s, const char *key, int64_t value) { return peer_set_int(s, key, value), 0; }
static int set_double(span_of s, const char *key, double value) { return peer_set_double(s, key, value), 0; }
static int set_bool(span_of s, const char *key, int value) { return peer_set_bool(s, key, value), 0; }
static void end(span_of span) { peer_end(span); }
static void close_client(client_of client, int spans) {
    (void)spans; /* it waits until all has been sent that it has kept, for one or for many */
    peer_close(client);
}
#else
#include "runspan.h"

typedef runspan_client client_of;
typedef runspan_span span_of;

static int open_client(const char *schema, client_of *client) {
    runspan_options options = {0};

    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    return runspan_open(&options, client);
}
static void begin(client_of client, span_of *span) { runspan_begin(client, "call", span); }
static int set_string(span_of s, const char *key, const char *value) { return runspan_set_attr_string(s, key, value); }
static int set_int(span_of s, const char *key, int64_t value) { return runspan_set_attr_int(s, key, value); }
static int set_double(span_of s, const char *key, double value) { return runspan_set_attr_double(s, key, value); }
static int set_bool(span_of s, const char *key, int value) { return runspan_set_attr_bool(s, key, value); }
static void end(span_of span) { runspan_end(span, RUNSPAN_STATUS_OK); }
static void close_client(client_of client, int spans) {
    if (spans > 1)
        runspan_flush(client, 600000);
    runspan_close(client, RUNSPAN_DEFAULT_TIMEOUT_MS);
}
#endif

#define ATTRIBUTES 20

/* As programs.py does: twelve attributes, and the first eight of them again. */
static int set(span_of span, int i) {
    switch (i % 12) {
    case 0: return set_string(span, "params.contact_map_format", "mcool");
    case 1: return set_bool(span, "params.contact_map_raw_interactions", 1);
    case 2: return set_int(span, "params.contact_map_resolution", 20000);
    case 3: return set_int(span, "params.genomic_belt", 5000000);
    case 4: return set_bool(span, "params.low_memory", 0);
    case 5: return set_int(span, "params.max_width", 100000);
    case 6: return set_double(span, "params.glob_pers_min", 0.04);
    case 7: return set_bool(span, "params.constrain_heights", 0);
    case 8: return set_int(span, "params.k", 3);
    case 9: return set_double(span, "params.loc_pers_min", 0.33);
    case 10: return set_double(span, "params.loc_trend_min", 0.25);
    default: return set_int(span, "params.nproc", 4);
    }
}

static double microseconds(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Returns what one takes, or -1. */
static double measured(const char *schema, int spans) {
    double *took = malloc((size_t)spans * sizeof *took), median;
    client_of client;

    if (took == NULL || open_client(schema, &client) != 0)
        return -1;
    for (int i = 0; i < spans; i++) {
        double begun = microseconds();
        span_of span;

        begin(client, &span);
        for (int k = 0; k < ATTRIBUTES; k++)
            if (set(span, k) != 0)
                return -1;
        end(span);
        took[i] = microseconds() - begun;
    }
    close_client(client, spans);
    qsort(took, (size_t)spans, sizeof *took, by_value);
    median = took[spans / 2];
    free(took);
    return median;
}

#else

static double measured(const char *schema, int spans) {
    (void)schema;
    return -spans;
}

#endif

int main(int argc, char **argv) {
    static char schema[1 << 17];
    int spans;
    double median;
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    spans = atoi(argv[2]);
    median = spans > 0 ? measured(schema, spans) : 0;
    printf("%f\n", median);
    return median < 0;
}
