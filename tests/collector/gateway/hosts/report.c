/* SPDX-License-Identifier: MIT
 *
 * A C tool that reports 1000 runs with fields of each type, and waits until they have arrived. Exits with 0 where they
 * have.
 *
 *     report SCHEMA
 */
#include "runspan.h"

#include <stdio.h>

#define SPANS 1000
#define PATIENCE_MS 60000

int main(int argc, char **argv) {
    static char schema[1 << 17];
    const char *columns[] = {"chrom1", "start1", "elsewhere"};
    runspan_options options = {.struct_size = sizeof options, .service = "stripepy", .schema = schema};
    runspan_client client;
    runspan_span span;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    if (runspan_open(&options, &client) != 0)
        return 3;
    runspan_set_resource_string(client, "service.version", "1.3.0");
    runspan_set_resource_string(client, "os.type", "plan9");
    for (int i = 0; i < SPANS; i++) {
        runspan_begin(client, i % 2 ? "call" : "view", &span);
        if (i % 2) {
            runspan_set_attr_int(span, "params.k", 3);
            runspan_set_attr_double(span, "params.loc_pers_min", 0.33);
            runspan_set_attr_bool(span, "params.low_memory", 1);
            runspan_set_attr_string(span, "params.contact_map_format", "mcool");
        } else {
            runspan_set_attr_strings(span, "params.columns", columns, 3);
            runspan_set_error(span, "ValueError");
        }
        runspan_end(span, i % 2 ? RUNSPAN_STATUS_OK : RUNSPAN_STATUS_ERROR);
    }
    return runspan_close(client, PATIENCE_MS) == 0 ? 0 : 4;
}
