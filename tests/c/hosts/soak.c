/* SPDX-License-Identifier: MIT
 *
 * Begins and ends spans, and prints ten times what the process has: a line of
 * resident memory in KiB, threads, descriptors.
 *
 *     soak SCHEMA CYCLES
 */
#include "runspan.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long entries(const char *folder) {
    DIR *dir = opendir(folder);
    long n = 0;

    while (dir != NULL && readdir(dir) != NULL)
        n++;
    if (dir != NULL)
        closedir(dir);
    return n;
}

static long resident(void) {
    long pages = 0, ignored;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (statm == NULL || fscanf(statm, "%ld %ld", &ignored, &pages) != 2)
        return -1;
    fclose(statm);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv) {
    static char schema[1 << 17];
    runspan_options options = {0};
    runspan_client client;
    long cycles;
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    cycles = atol(argv[2]);
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    if (runspan_open(&options, &client) != RUNSPAN_DONE)
        return 1;
    for (long i = 1; i <= cycles; i++) {
        runspan_span span;

        if (runspan_begin(client, "call", &span) != RUNSPAN_DONE ||
            runspan_set_attr_int(span, "params.contact_map_resolution", i) != RUNSPAN_DONE ||
            runspan_end(span, RUNSPAN_STATUS_OK) != RUNSPAN_DONE)
            return 1;
        if (i % (cycles / 10) == 0)
            printf("%ld %ld %ld\n", resident(), entries("/proc/self/task"), entries("/proc/self/fd"));
    }
    return runspan_close(client, 60000);
}
