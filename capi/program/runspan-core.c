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
#include "../front/frame.h"
#include "../front/front.h"
#include "../guest/limits.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* capi/guest/threads.c looks for this. */
extern const char runspan_core_is_alone;
const char runspan_core_is_alone = 1;

/* Finds a function of the core. member: the pointer to it. */
static int find(void *core, const char *name, void *member) {
    void *address = dlsym(core, name);

    memcpy(member, &address, sizeof address);
    return address != NULL;
}

static int load(const char *path, int (**serve)(int, int)) {
    int (*usable)(void), code = rs_can_load(RS_ADDRESS_SPACE);
    void *core;

    if (code != RUNSPAN_DONE)
        return code;
    core = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (core == NULL)
        return RUNSPAN_NO_CORE;
    if (!find(core, "runspan_core_usable", &usable) || !find(core, "runspan_core_serve", serve))
        return RUNSPAN_OTHER_CORE;
    return usable();
}

/* How often the program looks for its host, in seconds. */
#define LOOK 10

static pid_t host;

/* Ends a program that hangs: its host was gone at the last look, too. By then the program
 * has ended by itself, unless the system refuses the Go runtime a thread or a call. */
static void look(int unused) {
    static int gone;
    int saved = errno;

    (void)unused;
    if (kill(host, 0) != 0 && errno == ESRCH && gone++ > 0)
        _exit(1);
    alarm(LOOK);
    errno = saved;
}

static void watch(const char *pid) {
    struct sigaction action = {.sa_handler = look, .sa_flags = SA_ONSTACK | SA_RESTART};

    host = atoi(pid);
    sigaction(SIGALRM, &action, NULL);
    alarm(LOOK);
}

int main(int argc, char **argv) {
    int (*serve)(int, int) = NULL;
    rs_answer greeting = {.code = RUNSPAN_OTHER_CORE};

    if (argc == 3) {
        watch(argv[2]);
        greeting.code = load(argv[1], &serve);
    }
    if (greeting.code == RUNSPAN_DONE)
        return serve(STDIN_FILENO, host);
    return write(STDIN_FILENO, &greeting, sizeof greeting) < 0 ? 2 : 1;
}
