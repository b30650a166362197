/* SPDX-License-Identifier: MIT
 *
 * A run that reports nothing of its own, and delivers what earlier ones left.
 *
 *     deliver SERVICE SCHEMA
 */
#include "runspan.h"

#include <stdio.h>

int main(int argc, char **argv) {
    static char schema[1 << 17];
    runspan_options options = {0};
    runspan_client client;
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    options.struct_size = sizeof options;
    options.service = argv[1];
    options.schema = schema;
    return runspan_open(&options, &client) != RUNSPAN_DONE || runspan_close(client, 10000) < 0;
}
