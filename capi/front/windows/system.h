/* SPDX-License-Identifier: MIT
 *
 * Windows' header, and the conversion of text for it: the ABI's text is UTF-8.
 */
#ifndef RUNSPAN_WINDOWS_SYSTEM_H
#define RUNSPAN_WINDOWS_SYSTEM_H

#define WIN32_LEAN_AND_MEAN
#define UNICODE
#include <windows.h>

#include "../front.h"

/* A path of RS_PATH_MAX bytes, with a prefix. */
#define RS_WIDE_MAX (RS_PATH_MAX + 8)

/* text.c: convert a text, with its NUL. Return 0 if it does not fit. */
int rs_to_wide(const char *text, wchar_t *wide, int size);
int rs_from_wide(const wchar_t *wide, char *text, size_t size);

/* text.c: convert a path, which may be longer than MAX_PATH. wide has RS_WIDE_MAX
 * elements. Return 0 if it does not fit. */
int rs_to_wide_path(const char *path, wchar_t *wide);

/* files.c: write all of the text to a file or a console. Return 0 after an error. */
int rs_write_handle(HANDLE file, const char *text, size_t size);

#endif
