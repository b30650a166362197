/* SPDX-License-Identifier: MIT
 *
 * Removes a service's undelivered spans when telemetry is switched off. That must work
 * without the core.
 */
#include "system.h"

#include <stdio.h>
#include <string.h>

/* Opens a folder, which may not be a link. While it is open nobody can put another one in
 * its place. */
static HANDLE open_folder(const char *path) {
    wchar_t wide[RS_WIDE_MAX];
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE folder;

    if (!rs_to_wide_path(path, wide))
        return INVALID_HANDLE_VALUE;
    folder = CreateFileW(wide, FILE_LIST_DIRECTORY, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                         FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (folder != INVALID_HANDLE_VALUE &&
        (!GetFileInformationByHandle(folder, &info) || (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0 ||
         (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0)) {
        CloseHandle(folder);
        folder = INVALID_HANDLE_VALUE;
    }
    return folder;
}

static size_t clear(const char *path, int all) {
    char pattern[RS_PATH_MAX], name[RS_PATH_MAX], file[RS_PATH_MAX];
    wchar_t wide[RS_WIDE_MAX];
    WIN32_FIND_DATAW entry;
    HANDLE list;
    size_t left = 0;
    int n = snprintf(pattern, sizeof pattern, "%s\\*", path), error;

    if (n < 0 || (size_t)n >= sizeof pattern || !rs_to_wide_path(pattern, wide) ||
        (list = FindFirstFileW(wide, &entry)) == INVALID_HANDLE_VALUE)
        return 0;
    do {
        if (!rs_from_wide(entry.cFileName, name, sizeof name) || !rs_is_undelivered(name, all))
            continue;
        n = snprintf(file, sizeof file, "%s\\%s", path, name);
        error = n < 0 || (size_t)n >= sizeof file ? RS_NAME_TOO_LONG : rs_remove_file(file);
        left += error != 0 && error != RS_MISSING;
    } while (FindNextFileW(list, &entry));
    FindClose(list);
    return left;
}

size_t rs_spool_clear(const char *path, int all) {
    char parent[RS_PATH_MAX];
    wchar_t wide[RS_WIDE_MAX];
    HANDLE above, folder = INVALID_HANDLE_VALUE;
    const char *end = strrchr(path, '\\');
    size_t left = 0;

    if (end == NULL)
        return 0;
    snprintf(parent, sizeof parent, "%.*s", (int)(end - path), path);
    above = open_folder(parent);
    if (above != INVALID_HANDLE_VALUE)
        folder = open_folder(path);
    if (folder != INVALID_HANDLE_VALUE) {
        left = clear(path, all);
        CloseHandle(folder);
        /* this fails, as it should, if the folder is not empty */
        if (rs_to_wide_path(path, wide))
            RemoveDirectoryW(wide);
    }
    if (above != INVALID_HANDLE_VALUE)
        CloseHandle(above);
    return left;
}
