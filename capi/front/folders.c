/* SPDX-License-Identifier: MIT
 *
 * Where runspan's files are, by the XDG Base Directory Specification 0.8.
 */
#include "front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int rs_is_file_name(const char *service) {
    return strspn(service, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(service) && strlen(service) < 64;
}

/* The folder that the variable names, else the one below the home, with rest
 * after it. The specification: a path that is not absolute does not count; empty
 * is as unset. A home that isn't there is not made; one of which that can't be
 * told may have the user's switch in it (consent.c). */
static int folder(const char *variable, const char *below_home, const char *rest, char *path, size_t size) {
    const char *base = getenv(variable);
    int n;

    if (base == NULL || *base != '/') {
        base = getenv("HOME");
        if (base == NULL || *base != '/' || (access(base, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)))
            return 0;
    } else {
        below_home = "";
    }
    n = snprintf(path, size, "%s%s/runspan%s", base, below_home, rest);
    return n > 0 && (size_t)n < size;
}

int rs_spool_folder(const char *service, char *path, size_t size) {
    char rest[80];

    if (!rs_is_file_name(service))
        return 0;
    snprintf(rest, sizeof rest, "/%s", service);
    return folder("XDG_STATE_HOME", "/.local/state", rest, path, size);
}

int rs_switch_folder(char *path, size_t size) {
    return folder("XDG_CONFIG_HOME", "/.config", "", path, size);
}
