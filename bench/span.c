/* SPDX-License-Identifier: MIT
 *
 * Prints what a span of 20 attributes takes in its caller, in microseconds: the
 * median of many, each timed by itself.
 *
 *     span SCHEMA
 */
#include "runspan.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SPANS 500
#define ATTRIBUTES 20

static double microseconds(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    static char schema[1 << 17];
    static double took[SPANS];
    runspan_options options = {0};
    runspan_client client;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    if (runspan_open(&options, &client) != RUNSPAN_DONE)
        return 1;
    for (int i = 0; i < SPANS; i++) {
        double begun = microseconds();
        runspan_span span;

        runspan_begin(client, "call", &span);
        for (int k = 1; k <= ATTRIBUTES; k++)
            if (runspan_set_attr_int(span, "params.k", k) != RUNSPAN_DONE)
                return 1;
        runspan_end(span, RUNSPAN_STATUS_OK);
        took[i] = microseconds() - begun;
    }
    qsort(took, SPANS, sizeof *took, by_value);
    printf("%f\n", took[SPANS / 2]);
    runspan_close(client, RUNSPAN_DEFAULT_TIMEOUT_MS);
    return 0;
}
