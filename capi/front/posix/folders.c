/* SPDX-License-Identifier: MIT
 *
 * The folders of runspan's files, by the XDG Base Directory Specification 0.8.
 */
#include "../front.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Finds a folder: the variable's, or else below_home in the home. By the specification a
 * relative path and an empty variable do not count. runspan does not make a home that is
 * missing. If the system does not say whether it is missing, it may have the user's switch
 * in it (consent.c). */
static int folder(const char *variable, const char *below_home, char *path, size_t size) {
    const char *base = getenv(variable);
    int n;

    if (base == NULL || *base != '/') {
        base = getenv("HOME");
        if (base == NULL || *base != '/' || rs_look(base) == RS_MISSING)
            return 0;
    } else {
        below_home = "";
    }
    n = snprintf(path, size, "%s%s/runspan", base, below_home);
    return n > 0 && (size_t)n < size;
}

int rs_state_folder(char *path, size_t size) {
    return folder("XDG_STATE_HOME", RS_STATE_IN_HOME, path, size);
}

int rs_switch_folder(char *path, size_t size) {
    return folder("XDG_CONFIG_HOME", RS_SWITCHES_IN_HOME, path, size);
}

int rs_site_folder(char *path, size_t size) {
    return size >= sizeof RS_SITE_FOLDER && memcpy(path, RS_SITE_FOLDER, sizeof RS_SITE_FOLDER) != NULL;
}

/* Returns 0 if runspan may make folders in this one: it must be the user's, or root's,
 * as /tmp is. If sudo keeps HOME, root's folders there would lock out the home's owner. */
static int may_have_ours(const char *path) {
    struct stat info;

    if (stat(path, &info) != 0)
        return errno;
    if (!S_ISDIR(info.st_mode))
        return ENOTDIR;
    return info.st_uid == geteuid() || info.st_uid == 0 ? 0 : RS_NOT_OURS;
}

/* Makes one folder. Its owner can use it whatever the umask is, because other programs
 * have files there too. */
static int make_one(const char *path) {
    struct stat info;

    if (mkdir(path, S_IRWXU) != 0)
        return errno == EEXIST ? 0 : errno; /* another process was first */
    if (lstat(path, &info) != 0)
        return errno;
    return (info.st_mode & S_IRWXU) == S_IRWXU || chmod(path, S_IRWXU) == 0 ? 0 : errno;
}

int rs_make_folder(const char *path) {
    char part[PATH_MAX];
    size_t size = strlen(path), end = size;
    int err;

    if (*path != '/' || size >= sizeof part)
        return ENAMETOOLONG;
    memcpy(part, path, size + 1);
    while ((err = may_have_ours(end == 0 ? "/" : part)) == ENOENT && end > 0) {
        while (part[--end] != '/')
            ;
        part[end] = '\0';
    }
    while (err == 0 && end < size) {
        part[end] = path[end];
        end += strlen(part + end);
        err = make_one(part);
    }
    return err;
}
