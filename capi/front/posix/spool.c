/* SPDX-License-Identifier: MIT
 *
 * Removes a service's undelivered spans when telemetry is switched off. That must work
 * without the core.
 */
#include "../front.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens the folder and its parent as internal/spool does: neither may be a link.
 * Returns -1 if there is no folder. */
static int open_folder(const char *path, int *above) {
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];

    if (slash == NULL || (size_t)(slash - path) >= sizeof parent)
        return -1;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    *above = open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *above < 0 ? -1 : openat(*above, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static size_t clear(DIR *dir, int all) {
    const struct dirent *entry;
    size_t left = 0;

    while ((entry = readdir(dir)) != NULL)
        if (rs_is_undelivered(entry->d_name, all))
            left += unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT;
    return left;
}

size_t rs_spool_clear(const char *path, int all) {
    struct stat info;
    DIR *dir = NULL;
    size_t left = 0;
    int above = -1, folder = open_folder(path, &above);

    if (folder >= 0 && fstat(folder, &info) == 0 && info.st_uid == geteuid())
        dir = fdopendir(folder);
    if (dir != NULL) {
        left = clear(dir, all);
        closedir(dir);
        /* this fails, as it should, if the folder is not empty */
        unlinkat(above, strrchr(path, '/') + 1, AT_REMOVEDIR);
    } else if (folder >= 0) {
        close(folder);
    }
    if (above >= 0)
        close(above);
    return left;
}
