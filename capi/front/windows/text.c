/* SPDX-License-Identifier: MIT
 *
 * UTF-8 and UTF-16.
 */
#include "system.h"

#include <string.h>

int rs_to_wide(const char *text, wchar_t *wide, int size) {
    return MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, size) > 0;
}

int rs_from_wide(const wchar_t *wide, char *text, size_t size) {
    return WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, (int)size, NULL, NULL) > 0;
}

/* A path of MAX_PATH characters or more needs a prefix. A folder's leaves room for a name. */
int rs_to_wide_path(const char *path, wchar_t *wide) {
    static const wchar_t local[] = L"\\\\?\\", remote[] = L"\\\\?\\UNC\\";
    const DWORD room = RS_PATH_MAX;
    wchar_t given[RS_PATH_MAX];
    DWORD size;

    if (!rs_to_wide(path, given, RS_PATH_MAX))
        return 0;
    size = GetFullPathNameW(given, room, wide, NULL);
    if (size == 0 || size >= room)
        return 0;
    if (size < MAX_PATH - 12 || wcsncmp(wide, local, 4) == 0)
        return 1;
    if (wcsncmp(wide, L"\\\\", 2) == 0) {
        memmove(wide + 8, wide + 2, (size - 1) * sizeof *wide);
        memcpy(wide, remote, 8 * sizeof *wide);
    } else {
        memmove(wide + 4, wide, (size + 1) * sizeof *wide);
        memcpy(wide, local, 4 * sizeof *wide);
    }
    return 1;
}
