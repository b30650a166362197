/* SPDX-License-Identifier: MIT
 *
 * The process. It can't be forked, and no program has more rights than the user who
 * starts it.
 */
#define _CRT_RAND_S
#include <stdlib.h>

#include "../beside.h"
#include "system.h"

#include <string.h>

int rs_claim_process(void) {
    return RUNSPAN_DONE;
}

int rs_forked(void) {
    return 0;
}

int rs_is_privileged(void) {
    return 0;
}

int rs_own_file(char *path, size_t size) {
    static const char here;
    wchar_t wide[RS_PATH_MAX];
    HMODULE module;
    DWORD n;

    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (const wchar_t *)(const void *)&here, &module))
        return 0;
    n = GetModuleFileNameW(module, wide, RS_PATH_MAX);
    return n > 0 && n < RS_PATH_MAX && rs_from_wide(wide, path, size) && strchr(path, '\\') != NULL;
}

void rs_write_error(const char *text) {
    HANDLE file = GetStdHandle(STD_ERROR_HANDLE);

    if (file != NULL && file != INVALID_HANDLE_VALUE)
        rs_write_handle(file, text, strlen(text));
}

uint32_t rs_random(void) {
    unsigned number;

    return rand_s(&number) == 0 ? number : GetCurrentProcessId() * 2654435761u;
}

/* The descriptors of the C library are not the system's handles. */
void rs_fill_standard(void) {
}

void rs_free_standard(void) {
}
