/* SPDX-License-Identifier: MIT
 *
 * Children that were forked before runspan was opened, and have a run each.
 *
 *     forks SCHEMA CHILDREN
 */
#include "runspan.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char schema[1 << 17];

static int run(void) {
    runspan_options options = {0};
    runspan_client client;
    runspan_span span;

    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    if (runspan_open(&options, &client) != RUNSPAN_DONE || runspan_begin(client, "call", &span) != RUNSPAN_DONE)
        return 1;
    runspan_end(span, RUNSPAN_STATUS_OK);
    return runspan_close(client, 20000) != RUNSPAN_DONE;
}

int main(int argc, char **argv) {
    int failed = 0, status;
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;

    if (file == NULL)
        return 2;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    for (int i = atoi(argv[2]); i > 0; i--) {
        pid_t child = fork();

        if (child == 0)
            _exit(run());
        failed |= child < 0 || waitpid(child, &status, 0) != child || status != 0;
    }
    return failed;
}
