/* SPDX-License-Identifier: MIT
 *
 * Ends many spans of 20 attributes, and prints what one takes in its caller, in
 * microseconds: the median of all, each timed by itself. Waits until all have
 * been delivered.
 *
 *     span SCHEMA SPANS
 */
#include "runspan.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ATTRIBUTES 20

/* As programs.py does: twelve attributes, and the first eight of them again. */
static int set(runspan_span span, int i) {
    switch (i % 12) {
    case 0: return runspan_set_attr_string(span, "params.contact_map_format", "mcool");
    case 1: return runspan_set_attr_bool(span, "params.contact_map_raw_interactions", 1);
    case 2: return runspan_set_attr_int(span, "params.contact_map_resolution", 20000);
    case 3: return runspan_set_attr_int(span, "params.genomic_belt", 5000000);
    case 4: return runspan_set_attr_bool(span, "params.low_memory", 0);
    case 5: return runspan_set_attr_int(span, "params.max_width", 100000);
    case 6: return runspan_set_attr_double(span, "params.glob_pers_min", 0.04);
    case 7: return runspan_set_attr_bool(span, "params.constrain_heights", 0);
    case 8: return runspan_set_attr_int(span, "params.k", 3);
    case 9: return runspan_set_attr_double(span, "params.loc_pers_min", 0.33);
    case 10: return runspan_set_attr_double(span, "params.loc_trend_min", 0.25);
    default: return runspan_set_attr_int(span, "params.nproc", 4);
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

int main(int argc, char **argv) {
    static char schema[1 << 17];
    double *took;
    int spans;
    runspan_options options = {0};
    runspan_client client;
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    spans = atoi(argv[2]);
    took = spans > 0 ? malloc((size_t)spans * sizeof *took) : NULL;
    if (took == NULL)
        return 2;
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    if (runspan_open(&options, &client) != RUNSPAN_DONE)
        return 1;
    for (int i = 0; i < spans; i++) {
        double begun = microseconds();
        runspan_span span;

        runspan_begin(client, "call", &span);
        for (int k = 0; k < ATTRIBUTES; k++)
            if (set(span, k) != RUNSPAN_DONE)
                return 1;
        runspan_end(span, RUNSPAN_STATUS_OK);
        took[i] = microseconds() - begun;
    }
    runspan_flush(client, 60000);
    runspan_close(client, RUNSPAN_DEFAULT_TIMEOUT_MS);
    qsort(took, (size_t)spans, sizeof *took, by_value);
    printf("%f\n", took[spans / 2]);
    free(took);
    return 0;
}
