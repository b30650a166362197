/* SPDX-License-Identifier: MIT
 *
 * Variables and files.
 */
#include "../front.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rs_variable(const char *name, char *value, size_t size) {
    const char *found = getenv(name);

    return found == NULL ? -1 : snprintf(value, size, "%s", found);
}

int rs_make_file(const char *path) {
    int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (made < 0)
        return errno == EEXIST ? 0 : errno;
    close(made);
    return 0;
}

int rs_remove_file(const char *path) {
    if (unlink(path) == 0)
        return 0;
    return errno == ENOENT || errno == ENOTDIR ? RS_MISSING : errno;
}

int rs_is_readable(const char *path) {
    return access(path, R_OK) == 0;
}

int rs_is_absolute(const char *path) {
    return *path == '/';
}

int rs_write_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, text, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        text += n;
        size -= (size_t)n;
    }
    return 1;
}

void rs_error_words(int error, char *text, size_t size) {
    if (strerror_r(error, text, size) != 0)
        snprintf(text, size, "error %d", error);
}

int rs_resolve(const char *path, char *resolved, size_t size) {
    char *found = realpath(path, NULL);
    int n = found == NULL ? -1 : snprintf(resolved, size, "%s", found);

    free(found);
    return n > 0 && (size_t)n < size;
}
