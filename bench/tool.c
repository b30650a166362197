/* SPDX-License-Identifier: MIT
 *
 * A tool with one run of so many milliseconds, which ends as the header tells a
 * tool to. Prints when its span had ended, by CLOCK_MONOTONIC, in seconds.
 *
 *     tool SCHEMA MARK WORK_MS [TIMEOUT_MS]
 *
 * MARK is an attribute of the span. With 0 there is no span: what earlier runs
 * have left is sent.
 */
#include "runspan.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv) {
    static char schema[1 << 17];
    runspan_options options = {0};
    runspan_client client;
    runspan_span span;
    struct timespec t;
    uint32_t timeout = argc == 5 ? (uint32_t)atol(argv[4]) : RUNSPAN_DEFAULT_TIMEOUT_MS;
    FILE *file = argc >= 4 ? fopen(argv[1], "rb") : NULL;
    long mark, work;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    mark = atol(argv[2]);
    work = atol(argv[3]);
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    if (runspan_open(&options, &client) != RUNSPAN_DONE)
        return 1;
    if (mark > 0) {
        runspan_begin(client, "call", &span);
        runspan_set_attr_int(span, "params.contact_map_resolution", mark);
        t.tv_sec = work / 1000;
        t.tv_nsec = work % 1000 * 1000000;
        nanosleep(&t, NULL);
        if (runspan_end(span, RUNSPAN_STATUS_OK) != RUNSPAN_DONE)
            return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &t);
    printf("%lld.%09ld\n", (long long)t.tv_sec, t.tv_nsec);
    fflush(stdout);
    runspan_close(client, timeout);
    return 0;
}
