/* SPDX-License-Identifier: MIT
 *
 * Where a service's undelivered spans are on the user's disk (internal/spool
 * writes and reads them), and their removal where telemetry is switched off:
 * that has to happen without the core.
 */
#include "front.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name becomes a part of a path. The core allows fewer names still. */
static int is_file_name(const char *service) {
    return strspn(service, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(service) && strlen(service) < 64;
}

/* XDG Base Directory Specification 0.8: a path that is not absolute does not
 * count; empty is as unset. A home that isn't there is not made. */
int rs_spool_folder(const char *service, char *path, size_t size) {
    const char *base = getenv("XDG_STATE_HOME");
    const char *below = "";
    int n;

    if (!is_file_name(service))
        return 0;
    if (base == NULL || *base != '/') {
        base = getenv("HOME");
        below = "/.local/state";
        if (base == NULL || *base != '/' || access(base, F_OK) != 0)
            return 0;
    }
    n = snprintf(path, size, "%s%s/runspan/%s", base, below, service);
    return n > 0 && (size_t)n < size;
}

/* internal/spool/name.go: all its names but one begin with 16 hex digits and a
 * dash. */
static int is_ours(const char *name) {
    return strcmp(name, "pause") == 0 || (strspn(name, "0123456789abcdef") == 16 && name[16] == '-');
}

void rs_spool_clear(const char *path) {
    struct stat info;
    struct dirent *entry;
    DIR *dir;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (folder < 0)
        return;
    dir = fstat(folder, &info) == 0 && info.st_uid == geteuid() ? fdopendir(folder) : NULL;
    if (dir == NULL) {
        close(folder);
        return;
    }
    while ((entry = readdir(dir)) != NULL)
        if (is_ours(entry->d_name))
            unlinkat(folder, entry->d_name, 0);
    closedir(dir);
    rmdir(path); /* fails, rightly, where somebody else has put something there */
}
