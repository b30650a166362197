/* SPDX-License-Identifier: MIT
 *
 * A host that reports a run: host SCHEMA plain|killed. Or it carries out a user's command:
 * host SCHEMA COMMAND. host.cpp is the same in C++, python_host.py in Python.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "../../host/every_kind.h"

int main(int argc, char **argv) {
    static char schema[1 << 16];
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    runspan_options options = {.struct_size = sizeof options, .service = "every-kind", .schema = schema};
    runspan_client client;
    runspan_span span;

    if (file == NULL)
        return 99;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    if (strcmp(argv[2], "plain") != 0 && strcmp(argv[2], "killed") != 0) {
        int exit_status = -1, code = runspan_command(&options, argc - 2, (const char *const *)(argv + 2), 1, &exit_status);

        return code == RUNSPAN_DONE ? exit_status : 100 + code;
    }
    printf("open %d\n", runspan_open(&options, &client));
    fflush(stdout);
    runspan_set_resource_string(client, "service.version", "1.2");
    runspan_begin(client, "run", &span);
    describe(span);
    if (strcmp(argv[2], "killed") == 0)
        Sleep(120000); /* the test kills it */
    runspan_end(span, RUNSPAN_STATUS_ERROR);
    runspan_close(client, 5000);
    return 0;
}
