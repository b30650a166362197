/* SPDX-License-Identifier: MIT
 *
 * A C tool that hands runspan what its schema does not allow, everywhere where
 * a host can hand it something.
 *
 *     tool SCHEMA ATTRIBUTE VALUE NAME TYPE INPUT OUTPUT...
 *
 * ATTRIBUTE is a key that no schema has, VALUE and NAME a value and a span's
 * name that it does not have, TYPE an exception's type.
 */
#include "runspan.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv) {
    static char schema[1 << 17], list[1 << 12];
    const char *values[1];
    const struct timespec a_while = {0, 100000000};
    runspan_options options = {0};
    runspan_client client;
    runspan_span span, other;
    size_t size;
    FILE *file = argc > 5 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    if (runspan_open(&options, &client) != RUNSPAN_DONE)
        return 3;
    runspan_set_resource_string(client, argv[2], argv[3]);
    runspan_set_resource_string(client, "host.arch", argv[3]);
    runspan_begin(client, argv[4], &other);
    if (runspan_begin(client, "call", &span) != RUNSPAN_DONE)
        return 4;
    runspan_set_attr_int(span, "params.contact_map_resolution", 1000000);
    runspan_set_attr_int(span, argv[2], 1);
    runspan_set_attr_null(span, argv[2]);
    runspan_set_attr_string(span, argv[2], argv[3]);
    runspan_set_attr_string(span, "params.contact_map_format", argv[3]);
    runspan_set_attr_string(span, "params.contact_map_resolution", argv[3]);
    values[0] = argv[3];
    runspan_set_attr_strings(span, "params.columns", values, 1);
    size = (size_t)snprintf(list, sizeof list, "%s%cs%s%cparams.contact_map_format%cs%s%c", argv[2], 0, argv[3], 0, 0, argv[3], 0);
    runspan_set_attrs(span, list, size);
    runspan_set_name(span, argv[4]);
    runspan_set_error(span, argv[5]);
    nanosleep(&a_while, NULL); /* while it goes on it has a record in the spool */
    runspan_end(span, RUNSPAN_STATUS_ERROR);
    runspan_close(client, 3000);
    return 0;
}
