/* SPDX-License-Identifier: MIT
 *
 * A C tool that reports its run and goes on whatever becomes of that. Prints
 * the code of runspan_open; its exit status is always 0.
 *
 *     run SCHEMA [MS]
 *
 * MS is how long it may wait at its end, in milliseconds; without it as long as by default.
 */
#include "runspan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define SPANS 500

static void *report(void *data) {
    runspan_client client = *(runspan_client *)data;

    for (int i = 0; i < SPANS; i++) {
        runspan_span span;

        runspan_begin(client, "call", &span);
        runspan_set_attr_int(span, "params.k", 3);
        runspan_end(span, RUNSPAN_STATUS_OK);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static char schema[1 << 17];
    runspan_options options = {0};
    runspan_client client;
    pthread_t threads[THREADS];
    int started = 0;
    FILE *file = argc == 2 || argc == 3 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    printf("%d\n", runspan_open(&options, &client));
    while (started < THREADS && pthread_create(&threads[started], NULL, report, &client) == 0)
        started++;
    while (started > 0)
        pthread_join(threads[--started], NULL);
    report(&client);
    runspan_close(client, argc == 3 ? (unsigned)atoi(argv[2]) : RUNSPAN_DEFAULT_TIMEOUT_MS);
    return 0;
}
