/* SPDX-License-Identifier: MIT
 *
 * The process: what only macOS tells of it, or does in this way.
 */
#include "../beside.h"
#include "../front.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <mach-o/dyld.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int owner; /* the process that has begun to use a core; 0: none */

int rs_claim_process(void) {
    int none = 0;

    atomic_compare_exchange_strong(&owner, &none, (int)getpid());
    return rs_forked() ? RUNSPAN_FORKED : RUNSPAN_DONE;
}

int rs_forked(void) {
    int pid = atomic_load_explicit(&owner, memory_order_relaxed);

    return pid != 0 && pid != (int)getpid();
}

/* For a program dladdr returns the path that it was started with, which may be relative. */
int rs_own_file(char *path, size_t size) {
    uint32_t room = (uint32_t)size;
    Dl_info self;
    int n;

    if (dladdr(&owner, &self) == 0 || self.dli_fname == NULL)
        return 0;
    if (self.dli_fbase == (const void *)_dyld_get_image_header(0))
        return _NSGetExecutablePath(path, &room) == 0;
    n = snprintf(path, size, "%s", self.dli_fname);
    return n > 0 && (size_t)n < size && strchr(path, '/') != NULL;
}

int rs_look(const char *path) {
    struct stat info;

    if (lstat(path, &info) == 0)
        return 0;
    return errno == ENOENT || errno == ENOTDIR ? RS_MISSING : errno;
}

int rs_is_privileged(void) {
    return issetugid();
}

/* If standard error is a pipe without a reader, SIGPIPE would end the host. macOS sends it
 * to the process, so that to block it in this thread is not enough. */
void rs_write_error(const char *text) {
    int saved = errno, before = fcntl(STDERR_FILENO, F_GETNOSIGPIPE);

    if (before == 0)
        fcntl(STDERR_FILENO, F_SETNOSIGPIPE, 1);
    rs_write_all(STDERR_FILENO, text, strlen(text));
    if (before == 0)
        fcntl(STDERR_FILENO, F_SETNOSIGPIPE, 0);
    errno = saved;
}

uint32_t rs_random(void) {
    return arc4random();
}

/* rs_socket_pair moves its descriptors. */
void rs_fill_standard(void) {
}

void rs_free_standard(void) {
}
