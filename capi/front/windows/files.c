/* SPDX-License-Identifier: MIT
 *
 * Variables, files and folders.
 */
#include "system.h"

#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A host that changes its environment by the C library changes this one, too. */
int rs_variable(const char *name, char *value, size_t size) {
    wchar_t wide_name[128], *wide;
    DWORD room;
    int length = 0;

    if (!rs_to_wide(name, wide_name, 128) || (room = GetEnvironmentVariableW(wide_name, NULL, 0)) == 0)
        return -1;
    if (size > 0)
        *value = '\0';
    wide = calloc(room, sizeof *wide);
    if (wide == NULL)
        return 0;
    if (GetEnvironmentVariableW(wide_name, wide, room) < room) {
        length = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL) - 1;
        if ((size_t)length < size)
            rs_from_wide(wide, value, size);
    }
    free(wide);
    return length;
}

/* Returns whether the system says that there is no such file. */
static int is_missing(DWORD error) {
    return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
}

/* Returns the attributes of a file, or INVALID_FILE_ATTRIBUTES. */
static DWORD attributes(const char *path) {
    wchar_t wide[RS_WIDE_MAX];

    SetLastError(ERROR_INVALID_NAME);
    return rs_to_wide_path(path, wide) ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;
}

int rs_look(const char *path) {
    if (attributes(path) != INVALID_FILE_ATTRIBUTES)
        return 0;
    return is_missing(GetLastError()) ? RS_MISSING : (int)GetLastError();
}

int rs_is_readable(const char *path) {
    DWORD found = attributes(path);

    return found != INVALID_FILE_ATTRIBUTES && (found & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

int rs_is_absolute(const char *path) {
    int letter = (*path >= 'A' && *path <= 'Z') || (*path >= 'a' && *path <= 'z');

    return (letter && path[1] == ':' && (path[2] == '\\' || path[2] == '/')) || strncmp(path, "\\\\", 2) == 0;
}

/* A package's core is beside its DLL. */
int rs_resolve(const char *path, char *resolved, size_t size) {
    (void)path;
    (void)resolved;
    (void)size;
    return 0;
}

int rs_make_file(const char *path) {
    wchar_t wide[RS_WIDE_MAX];
    HANDLE file;

    if (!rs_to_wide_path(path, wide))
        return RS_NAME_TOO_LONG;
    file = CreateFileW(wide, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, CREATE_NEW,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return GetLastError() == ERROR_FILE_EXISTS || GetLastError() == ERROR_ALREADY_EXISTS ? 0 : (int)GetLastError();
    CloseHandle(file);
    return 0;
}

int rs_remove_file(const char *path) {
    wchar_t wide[RS_WIDE_MAX];

    if (!rs_to_wide_path(path, wide))
        return RS_NAME_TOO_LONG;
    if (DeleteFileW(wide))
        return 0;
    return is_missing(GetLastError()) ? RS_MISSING : (int)GetLastError();
}

/* Finds the folder of a variable's. runspan does not make the variable's folder. */
static int folder(const char *variable, char *path, size_t size) {
    int n = rs_variable(variable, path, size);

    if (n <= 0 || (size_t)n + sizeof "\\runspan" > size || !rs_is_absolute(path) || rs_look(path) == RS_MISSING)
        return 0;
    memcpy(path + n, "\\runspan", sizeof "\\runspan");
    return 1;
}

int rs_state_folder(char *path, size_t size) {
    return folder("LOCALAPPDATA", path, size);
}

int rs_switch_folder(char *path, size_t size) {
    return folder("LOCALAPPDATA", path, size);
}

/* The site's switch counts also in a process without the variable. */
int rs_site_folder(char *path, size_t size) {
    wchar_t windows[MAX_PATH];

    if (folder("ProgramData", path, size))
        return 1;
    return GetSystemWindowsDirectoryW(windows, MAX_PATH) > 0 &&
           snprintf(path, size, "%c:\\ProgramData\\runspan", (char)windows[0]) < (int)size;
}

int rs_make_folder(const char *path) {
    wchar_t wide[RS_WIDE_MAX];
    char parent[RS_PATH_MAX];
    const char *end = strrchr(path, '\\');
    int error;

    if (!rs_to_wide_path(path, wide))
        return RS_NAME_TOO_LONG;
    if (CreateDirectoryW(wide, NULL) || GetLastError() == ERROR_ALREADY_EXISTS)
        return 0;
    if (GetLastError() != ERROR_PATH_NOT_FOUND || end == NULL || end == path)
        return (int)GetLastError();
    snprintf(parent, sizeof parent, "%.*s", (int)(end - path), path);
    if ((error = rs_make_folder(parent)) != 0)
        return error;
    return CreateDirectoryW(wide, NULL) || GetLastError() == ERROR_ALREADY_EXISTS ? 0 : (int)GetLastError();
}

/* A console takes UTF-16. */
static int write_console(HANDLE console, const char *text, size_t size) {
    int length = MultiByteToWideChar(CP_UTF8, 0, text, (int)size, NULL, 0), done = 0;
    wchar_t *wide = length > 0 ? malloc((size_t)length * sizeof *wide) : NULL;
    DWORD n;

    if (wide == NULL)
        return size == 0;
    MultiByteToWideChar(CP_UTF8, 0, text, (int)size, wide, length);
    while (done < length && WriteConsoleW(console, wide + done, (DWORD)(length - done), &n, NULL) && n > 0)
        done += (int)n;
    free(wide);
    return done == length;
}

int rs_write_handle(HANDLE file, const char *text, size_t size) {
    DWORD mode, n;

    if (GetConsoleMode(file, &mode))
        return write_console(file, text, size);
    for (; size > 0; text += n, size -= n)
        if (!WriteFile(file, text, (DWORD)(size < 1u << 20 ? size : 1u << 20), &n, NULL) || n == 0)
            return 0;
    return 1;
}

/* The C library has it; mingw-w64's header does not. */
_CRTIMP _invalid_parameter_handler __cdecl _set_thread_local_invalid_parameter_handler(_invalid_parameter_handler handler);

/* Without a handler of its own the C library would end the host if there is no such
 * descriptor. */
static void ignore(const wchar_t *expression, const wchar_t *function, const wchar_t *file, unsigned line, uintptr_t unused) {
    (void)expression;
    (void)function;
    (void)file;
    (void)line;
    (void)unused;
}

int rs_write_all(int fd, const char *text, size_t size) {
    _invalid_parameter_handler before = _set_thread_local_invalid_parameter_handler(ignore);
    intptr_t file = _get_osfhandle(fd);

    _set_thread_local_invalid_parameter_handler(before);
    return file != -1 && file != -2 && rs_write_handle((HANDLE)file, text, size); /* -2: it has no file */
}

/* The system ends its sentence with a full stop and a new line. */
void rs_error_words(int error, char *text, size_t size) {
    wchar_t wide[256];
    DWORD n = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, (DWORD)error, 0, wide, 256, NULL);

    while (n > 0 && (wide[n - 1] == L'.' || wide[n - 1] <= L' '))
        wide[--n] = L'\0';
    if (n == 0 || !rs_from_wide(wide, text, size))
        snprintf(text, size, "error %d", error);
}
