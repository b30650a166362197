/* SPDX-License-Identifier: MIT
 *
 * Loads the shared core into the host.
 */
#define _GNU_SOURCE /* RTLD_NODELETE */
#include "../front.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Compares the size with the one that the ELF header says. A full disk or an interrupted
 * copy leaves a file that is too short. The dynamic linker would map it, and SIGBUS would
 * end the host. For a file that is not ELF the linker has an error message. */
int rs_is_whole(const char *path) {
    ElfW(Ehdr) header;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC), whole = 1;

    if (fd < 0)
        return 1;
    if (fstat(fd, &info) == 0 && read(fd, &header, sizeof header) == (ssize_t)sizeof header &&
        memcmp(header.e_ident, ELFMAG, SELFMAG) == 0)
        whole = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize <= (size_t)info.st_size;
    close(fd);
    return whole;
}

/* ISO C has no conversion from void * to a function pointer. POSIX has one, and
 * recommends to write it like this. */
static int find(void *handle, const char *name, void *member) {
    char symbol[64];
    void *address;

    snprintf(symbol, sizeof symbol, "runspan_core_%s", name);
    address = dlsym(handle, symbol);
    memcpy(member, &address, sizeof address);
    return address != NULL;
}

static int find_all(void *handle, runspan_core *core) {
    const struct {
        const char *name;
        void *member;
    } all[] = {
#define F(type, name, arguments) {#name, &core->name},
        RUNSPAN_CORE_FUNCTIONS(F)
#undef F
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!find(handle, all[i].name, all[i].member))
            return 0;
    return 1;
}

int rs_load_into_host(const char *path, runspan_core *core, const char **why) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    int code;

    if (handle == NULL) {
        *why = dlerror();
        return RUNSPAN_NO_CORE;
    }
    if (!find(handle, "usable", &core->usable))
        return RUNSPAN_OTHER_CORE;
    code = core->usable();
    if (code != RUNSPAN_DONE)
        return code;
    if (!find(handle, "version", &core->version) || strcmp(core->version(), RUNSPAN_VERSION) != 0 || !find_all(handle, core))
        return RUNSPAN_OTHER_CORE;
    return RUNSPAN_DONE;
}
