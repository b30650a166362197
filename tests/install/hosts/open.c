/* SPDX-License-Identifier: MIT
 *
 * Says what runspan_open and the dynamic linker say of the core, and whether it
 * runs with more rights than its user; if so, what runspan_command says, too.
 *
 *     open SCHEMA [CORE]    of linecount
 *
 * Exit status: 7, whatever runspan does.
 */
#include "runspan.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/auxv.h>

static void say(void *data, int level, const char *line) {
    (void)data;
    (void)level;
    printf("log %s\n", line);
}

int main(int argc, char **argv) {
    static char schema[1 << 16];
    runspan_options options = {0};
    runspan_client client;
    runspan_span span;
    FILE *file = argc < 2 ? NULL : fopen(argv[1], "rb");

    if (file == NULL || fread(schema, 1, sizeof schema - 1, file) == 0)
        return 2;
    options.struct_size = sizeof options;
    options.service = "linecount";
    options.schema = schema;
    options.log = say;
    printf("open %d\n", runspan_open(&options, &client));
    printf("state %d\n", runspan_state(client));
    runspan_begin(client, "count", &span);
    runspan_end(span, RUNSPAN_STATUS_OK);
    runspan_close(client, 10000);
    if (argc > 2)
        printf("dlopen %s\n", dlopen(argv[2], RTLD_NOW) == NULL ? dlerror() : "can");
    if (getauxval(AT_SECURE) != 0)
        printf("command %d\n", runspan_command(&options, 0, NULL, 1, NULL));
    printf("secure %lu\n", getauxval(AT_SECURE));
    return 7;
}
