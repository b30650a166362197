/* SPDX-License-Identifier: MIT
 *
 * The program of a core beside its host, on Linux with glibc: it loads the shared core,
 * so that a package has the Go code once. capi/front/linux/spawn.c starts it:
 *
 *     runspan-core CORE HOST
 *
 * CORE is the path of librunspan-core.so, HOST the host's process id. Descriptor 0 is the
 * socket (capi/front/frame.h). If the core can't be loaded, the greeting has the reason.
 */
#define _GNU_SOURCE /* POLLRDHUP */
#include "../front/frame.h"
#include "../front/front.h"
#include "../guest/limits.h"

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int runspan_program_is_over(void);

/* capi/guest/threads.c calls this. */
int runspan_program_is_over(void) {
    struct pollfd host = {.fd = STDIN_FILENO, .events = POLLRDHUP};

    return poll(&host, 1, 0) > 0;
}

/* Finds a function of the core. member: the pointer to it. */
static int find(void *core, const char *name, void *member) {
    void *address = dlsym(core, name);

    memcpy(member, &address, sizeof address);
    return address != NULL;
}

static int load(const char *path, int (**serve)(int, int)) {
    int (*usable)(void), code = rs_can_load(RS_ADDRESS_SPACE);
    void *core;

    signal(SIGPIPE, SIG_IGN); /* a host that hands over does not read the greeting */
    if (code != RUNSPAN_DONE)
        return code;
    core = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (core == NULL)
        return RUNSPAN_NO_CORE;
    if (!find(core, "runspan_core_usable", &usable) || !find(core, "runspan_core_serve", serve))
        return RUNSPAN_OTHER_CORE;
    return usable();
}

int main(int argc, char **argv) {
    int (*serve)(int, int);
    rs_answer greeting = {.code = argc == 3 ? load(argv[1], &serve) : RUNSPAN_OTHER_CORE};

    signal(SIGPIPE, SIG_IGN); /* the host may end before it has read its answer */
    if (greeting.code == RUNSPAN_DONE)
        return serve(STDIN_FILENO, atoi(argv[2]));
    return write(STDIN_FILENO, &greeting, sizeof greeting) < 0 ? 2 : 1;
}
