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
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a file system may take, in milliseconds. */
#define ANSWER_MS 500

/* The same numbers on all processors. */
#define CLOSE_RANGE 436 /* Linux 5.9 */
#define OPENAT2 437     /* Linux 5.6 */
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

/* The same from the kernel's cache, or a local disk: EAGAIN if it is in neither. Without
 * such a call, or a descriptor for it, this asks the file system. */
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

    if (socket != 3)
        dup2(socket, 3);
    syscall(CLOSE_RANGE, 0u, 2u, 0u);
    syscall(CLOSE_RANGE, 4u, ~0u, 0u);
    setsid();
    result = look(path);
    _exit(write(3, &result, sizeof result) < 0);
}

/* Reads the other process's result. Returns ETIMEDOUT if there is none in time, and EAGAIN
 * if that process has ended: a debugger's breakpoints end it. */
static int read_look(int socket) {
    struct pollfd other = {.fd = socket, .events = POLLIN};
    long long now = rs_now_ms(), deadline = now + ANSWER_MS;
    int result = ETIMEDOUT, n = -1;

    for (; n < 0 && now < deadline; now = rs_now_ms())
        n = poll(&other, 1, (int)(deadline - now));
    if (n == 1 && read(socket, &result, sizeof result) != sizeof result)
        result = EAGAIN;
    return result;
}

/* The other process is no child for SIGCHLD, and for wait only if asked for clones. It has
 * a copy of the host's memory, or it would keep the memory of a host that has ended. */
static int look_from_outside(const char *path, const int pair[2]) {
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_UNTRACED, 0, 0, 0, 0);
    int result;

    if (child == 0)
        send_look(path, pair[1]);
    close(pair[1]);
    result = child < 0 ? EAGAIN : read_look(pair[0]);
    close(pair[0]);
    if (child > 0)
        waitpid(child, NULL, __WALL | (result == ETIMEDOUT ? WNOHANG : 0));
    return result;
}

int rs_look(const char *path) {
    int pair[2], saved = errno, result = look_near(path);
    sigset_t all, before;

    if (result == EAGAIN && rs_has_children_here() && rs_socket_pair(pair) == 0) {
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        result = look_from_outside(path, pair);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (result == EAGAIN) /* there is no other process */
        result = look(path);
    errno = saved;
    if (result == ETIMEDOUT)
        return RS_SILENT;
    return result == ENOENT || result == ENOTDIR ? RS_MISSING : result;
}
