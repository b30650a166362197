/* SPDX-License-Identifier: MIT
 *
 * The program of a core beside its host, on Linux with glibc: it loads the shared core,
 * so that a package has the Go code once. capi/front/linux/spawn.c starts it:
 *
 *     runspan-core CORE HOST
 *
 * CORE is the path of librunspan-core.so, HOST the host's process id. Descriptor 0 is the
 * socket (capi/front/frame.h).
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    int (*serve)(int, int);
    void *core, *address;

    if (argc != 3 || (core = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)) == NULL ||
        (address = dlsym(core, "runspan_core_serve")) == NULL)
        return 1;
    memcpy(&serve, &address, sizeof serve);
    return serve(0, atoi(argv[2]));
}
