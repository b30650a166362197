/* SPDX-License-Identifier: MIT
 *
 * A library in the place of the core, that is of another version; without
 * VERSION, one that is something else. It says where it is loaded.
 */
#include <unistd.h>

#ifdef VERSION
const char *runspan_core_version(void);
const char *runspan_core_version(void) {
    return VERSION;
}
#endif

__attribute__((constructor)) static void say(void) {
    static const char loaded[] = "loaded\n";

    if (write(STDOUT_FILENO, loaded, sizeof loaded - 1) < 0)
        _exit(1);
}
