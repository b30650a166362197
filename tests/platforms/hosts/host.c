/* SPDX-License-Identifier: MIT
 *
 * A host that says where it runs, and then does one thing: host SCHEMA WHAT. host.py is the same in Python.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "../../host/every_kind.h"

static runspan_client client;
static runspan_span span;

/* The child's calls do nothing, and it exits at once. */
static void fork_here(void) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        describe(span);
        runspan_end(span, RUNSPAN_STATUS_OK);
        runspan_close(client, 5000);
        exit(3);
    }
    waitpid(child, &status, 0);
    printf("child %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void say_where(const char *machine) {
#ifdef __GLIBC__
    printf("%s, glibc %s\n", machine, gnu_get_libc_version());
#else
    printf("%s, musl\n", machine);
#endif
}

int main(int argc, char **argv) {
    static char schema[1 << 16];
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    runspan_options options = {.struct_size = sizeof options, .service = "every-kind", .schema = schema};
    struct utsname machine;
    int code;

    if (file == NULL || uname(&machine) != 0)
        return 99;
    schema[fread(schema, 1, sizeof schema - 1, file)] = '\0';
    fclose(file);
    code = runspan_open(&options, &client);
    say_where(machine.machine);
    printf("open %d\n", code);
    fflush(stdout);
    runspan_set_resource_string(client, "service.version", "1.2");
    runspan_begin(client, "run", &span);
    describe(span);
    if (strcmp(argv[2], "killed") == 0)
        sleep(120); /* the test kills it */
    if (strcmp(argv[2], "forks") == 0)
        fork_here();
    runspan_end(span, RUNSPAN_STATUS_ERROR);
    runspan_close(client, 5000);
    return 0;
}
