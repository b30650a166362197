/* SPDX-License-Identifier: MIT
 * Counts the lines of files, and reports that it did, but not whose. */
#include "linecount_schema.h"
#include "runspan.h"

#include <stdio.h>

int main(int argc, char **argv) {
    runspan_options options = {.struct_size = sizeof options, .service = "linecount", .schema = linecount_schema};
    runspan_client client;
    runspan_span span;
    int failed = 0;

    runspan_open(&options, &client);
    runspan_set_resource_string(client, "service.version", "1.0.0");
    runspan_begin(client, "count", &span);
    runspan_set_attr_int(span, "params.files", argc - 1);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "r");
        long lines = 0;

        if (file == NULL) {
            perror(argv[i]);
            failed = 1;
            continue;
        }
        for (int c; (c = getc(file)) != EOF;)
            lines += c == '\n';
        fclose(file);
        printf("%ld %s\n", lines, argv[i]);
    }
    runspan_end(span, failed ? RUNSPAN_STATUS_ERROR : RUNSPAN_STATUS_OK);
    runspan_close(client, RUNSPAN_DEFAULT_TIMEOUT_MS);
    return failed;
}
