/* SPDX-License-Identifier: MIT
 *
 * Starts the core's program. Windows has no children that a host must wait for. The program
 * inherits one handle, the pipe, and neither a console nor the host's environment.
 */
#include "../beside.h"
#include "stream.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

static char program_path[RS_PATH_MAX];
static atomic_int spawn_error;

int rs_spawn_error(void) {
    return atomic_load(&spawn_error);
}

/* Returns the code of an error, which may be 0, and remembers it for rs_spawn_error. */
static int code_of(DWORD error) {
    atomic_store(&spawn_error, (int)error);
    switch (error) {
    case ERROR_SUCCESS:
        return RUNSPAN_DONE;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
        return RUNSPAN_NO_ADDRESS_SPACE;
    default:
        return RUNSPAN_NO_PROCESS;
    }
}

int rs_can_spawn(const char *core) {
    size_t folder = strlen(core);
    int n;

    while (folder > 0 && core[folder - 1] != '\\' && core[folder - 1] != '/')
        folder--;
    n = snprintf(program_path, sizeof program_path, "%.*s" RS_PROGRAM, (int)folder, core);
    if (n < 0 || (size_t)n >= sizeof program_path)
        return RUNSPAN_NO_PROCESS;
    return rs_is_readable(program_path) ? RUNSPAN_DONE : code_of(ERROR_FILE_NOT_FOUND);
}

/* Adds a variable of the host's to an environment. Returns the end of the environment. */
static wchar_t *add_variable(wchar_t *at, const wchar_t *end, const wchar_t *name) {
    size_t n = wcslen(name), room = (size_t)(end - at);
    DWORD size;

    if (room < n + 3)
        return at;
    size = GetEnvironmentVariableW(name, at + n + 1, (DWORD)(room - n - 2));
    if (size == 0 || size >= room - n - 2)
        return at;
    memcpy(at, name, n * sizeof *at);
    at[n] = L'=';
    return at + n + 1 + size + 1;
}

/* The variables that Windows' own libraries need, in the order of their names. */
static void fill_environment(wchar_t *environment, size_t size) {
    static const wchar_t *const names[] = {L"SystemDrive", L"SystemRoot", L"TEMP", L"TMP", L"windir"};
    wchar_t *at = environment;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        at = add_variable(at, environment + size - 1, names[i]);
    if (at == environment)
        *at++ = L'\0';
    *at = L'\0';
}

/* Starts the program. It is of the host's job, if that has one. */
static DWORD create(wchar_t *program, wchar_t *arguments, STARTUPINFOEXW *startup, HANDLE *process) {
    static const DWORD flags = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP | BELOW_NORMAL_PRIORITY_CLASS |
                               CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
    wchar_t environment[2048], folder[MAX_PATH];
    PROCESS_INFORMATION made;

    fill_environment(environment, sizeof environment / sizeof *environment);
    if (GetSystemWindowsDirectoryW(folder, MAX_PATH) == 0 ||
        !CreateProcessW(program, arguments, NULL, NULL, TRUE, flags, environment, folder, &startup->StartupInfo, &made))
        return GetLastError();
    CloseHandle(made.hThread);
    *process = made.hProcess;
    return 0;
}

/* Starts the program with this handle alone, of all that can be inherited. */
static DWORD start(HANDLE of_core, HANDLE *process) {
    STARTUPINFOEXW startup = {.StartupInfo = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES | STARTF_FORCEOFFFEEDBACK}};
    wchar_t program[RS_WIDE_MAX], arguments[RS_WIDE_MAX + 64];
    union {
        char bytes[256];
        void *align;
    } list;
    SIZE_T size = sizeof list;
    DWORD error;

    if (!rs_to_wide_path(program_path, program))
        return ERROR_FILENAME_EXCED_RANGE;
    swprintf(arguments, RS_WIDE_MAX + 64, L"\"%ls\" %llu %lu", program, (unsigned long long)(uintptr_t)of_core,
             GetCurrentProcessId());
    startup.lpAttributeList = (LPPROC_THREAD_ATTRIBUTE_LIST)&list;
    if (!InitializeProcThreadAttributeList(startup.lpAttributeList, 1, 0, &size))
        return GetLastError();
    error = UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &of_core, sizeof of_core, NULL,
                                      NULL)
                ? create(program, arguments, &startup, process)
                : GetLastError();
    DeleteProcThreadAttributeList(startup.lpAttributeList);
    return error;
}

/* A program that another thread of the host's starts at this moment may inherit the core's
 * end, too. Then the front learns late that the core has ended. */
int rs_spawn(rs_stream *stream) {
    HANDLE own, of_core, process = NULL;
    DWORD error = rs_make_pipe(&own, &of_core, 1);

    if (error != 0)
        return code_of(error);
    error = start(of_core, &process);
    CloseHandle(of_core);
    if (error == 0)
        *stream = (rs_stream){own, process};
    else
        CloseHandle(own);
    return code_of(error);
}
