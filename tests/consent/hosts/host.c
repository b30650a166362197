/* SPDX-License-Identifier: MIT
 *
 * A C tool with one run. Prints the result of runspan_open, and whether the core
 * is mapped then.
 *
 *     host SCHEMA [NAME=VALUE ...]
 *
 * The variables are set by the tool itself.
 */
#include "runspan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int core_is_mapped(void) {
    char line[4096];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");

    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, "librunspan-core") != NULL;
    if (maps == NULL || fclose(maps) != 0)
        return -1;
    return found;
}

int main(int argc, char **argv) {
    static char schema[1 << 17];
    runspan_options options = {0};
    runspan_client client;
    runspan_span span;
    FILE *file = argc >= 2 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');

        if (value == NULL)
            return 2;
        *value = '\0';
        setenv(argv[i], value + 1, 1);
    }
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    printf("%d", runspan_open(&options, &client));
    printf(" %d\n", core_is_mapped());
    runspan_begin(client, "call", &span);
    runspan_end(span, RUNSPAN_STATUS_OK);
    runspan_close(client, 5000);
    return 0;
}
