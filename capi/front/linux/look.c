/* SPDX-License-Identifier: MIT
 *
 * Looks for a file in a file system that may not answer, as a network home does whose
 * server is away. Each call to it would hold the host up, and nothing could end the host.
 */
#define _GNU_SOURCE /* CLONE_UNTRACED, O_PATH */
#include "../beside.h"
#include "../front.h"
#include "../posix/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a file system may take, in milliseconds. */
#define ANSWER_MS 500

#define OPENAT2 437     /* openat2(2), Linux 5.6: the same number on all processors */
#define IF_CACHED 0x20u /* RESOLVE_CACHED, Linux 5.12 */

/* A longer path is not read part by part. */
#define PARTS_MAX 64

#define STATX_DONT_SYNC 0x4000

static int look(const char *path) {
    struct stat info;

    return lstat(path, &info) == 0 ? 0 : errno;
}

/* Opens a path in the kernel's cache: EAGAIN if it is not there. */
static int open_cached(const char *path) {
    const struct {
        uint64_t flags, mode, resolve;
    } how = {O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, IF_CACHED};

    return (int)syscall(OPENAT2, AT_FDCWD, path, &how, sizeof how);
}

/* Is the file on a disk of this machine? All else has no device of its own. */
static int is_local(int fd) {
    struct {
        unsigned char before[136];
        uint32_t major; /* stx_dev_major of statx(2) */
        unsigned char after[116];
    } info = {.major = 0};

    return syscall(SYS_statx, fd, "", AT_EMPTY_PATH | STATX_DONT_SYNC, 0u, &info) == 0 && info.major != 0;
}

/* Has the kernel read the first part of a path that it does not know, if that is on a
 * local disk. A link there is not followed. Returns 0 if it is not local. */
static int read_local(const char *path) {
    char known[PATH_MAX], *slash;
    size_t size = strlen(path), end = size;
    int fd = -1, part, local;

    if (size >= sizeof known)
        return 0;
    memcpy(known, path, size + 1);
    while (fd < 0 && (slash = strrchr(known, '/')) != NULL) {
        end = strlen(known);
        *slash = '\0';
        fd = open_cached(*known == '\0' ? "/" : known);
    }
    if (fd < 0)
        return 0;
    memcpy(known, path, end);
    known[end] = '\0';
    local = is_local(fd);
    if (local && (part = openat(fd, strrchr(known, '/') + 1, O_PATH | O_CLOEXEC | O_NOFOLLOW)) >= 0)
        close(part);
    close(fd);
    return local;
}

/* Looks for the file in the kernel's cache, then on a local disk: EAGAIN if it can be on
 * neither. A kernel without openat2, or a host without a descriptor for it, has this ask the
 * file system. */
static int look_near(const char *path) {
    int fd = open_cached(path);

    for (int parts = 0; fd < 0 && errno == EAGAIN && parts < PARTS_MAX && read_local(path); parts++)
        fd = open_cached(path);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    return errno == EAGAIN || errno == ENOENT || errno == ENOTDIR ? errno : look(path);
}

/* Looks in a process of its own, which may stay as long as the file system does not
 * answer. So it keeps no file of the host's. */
_Noreturn static void send_look(const char *path, int socket) {
    int result;

    dup2(socket, 0);
    rs_close_from(1);
    setsid();
    result = look(path);
    _exit(write(0, &result, sizeof result) < 0);
}

/* Returns the other process's result: ETIMEDOUT if there is none in time, EAGAIN if that
 * process has ended without one, as under a debugger's breakpoints. It is no child for
 * SIGCHLD, and for wait only if asked for clones. It has a copy of the host's memory, or it
 * would keep the memory of a host that has ended. */
static int look_from_outside(const char *path) {
    int result = EAGAIN, got = -1;
    rs_stream own;
    rs_end of_other;
    pid_t child;

    if (!rs_make_stream(&own, &of_other))
        return EAGAIN;
    child = (pid_t)syscall(SYS_clone, CLONE_UNTRACED, 0, 0, 0, 0);
    if (child == 0)
        send_look(path, of_other);
    rs_close_end(of_other);
    if (child > 0)
        got = rs_read_all(&own, &result, sizeof result, rs_now_ms() + ANSWER_MS);
    rs_close_stream(&own);
    if (child > 0)
        waitpid(child, NULL, __WALL | (got == 0 ? WNOHANG : 0));
    return got == 0 ? ETIMEDOUT : got < 0 ? EAGAIN : result;
}

int rs_look(const char *path) {
    int saved = errno, result = look_near(path);
    sigset_t all, before;

    if (result == EAGAIN && rs_has_children_here()) {
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        result = look_from_outside(path);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (result == EAGAIN) /* there is no other process */
        result = look(path);
    errno = saved;
    if (result == ETIMEDOUT)
        return RS_SILENT;
    return result == ENOENT || result == ENOTDIR ? RS_MISSING : result;
}
