/* SPDX-License-Identifier: MIT
 *
 * The words in which the platforms differ. front.h, beside.h and stream.h declare the
 * functions of a platform; posix/, linux/, macos/ and windows/ define them.
 */
#ifndef RUNSPAN_PLATFORM_H
#define RUNSPAN_PLATFORM_H

/* The longest path, in bytes, with its NUL. */
#define RS_PATH_MAX 4096

#if defined(_WIN32)

#define RS_PROGRAM "runspan-core.exe"
#define RS_SEPARATOR "\\"
#define RS_SITE_WORDS "%ProgramData%\\runspan"
#define RS_HOME_WORDS "LOCALAPPDATA names none"
#define RS_UNSUPPORTED_WORDS "there is no in-process core for Windows"
#define RS_NAME_TOO_LONG 206 /* ERROR_FILENAME_EXCED_RANGE */

#else

#include <errno.h>

#define RS_PROGRAM "runspan-core"
#define RS_SEPARATOR "/"
#define RS_SITE_WORDS RS_SITE_FOLDER
#define RS_HOME_WORDS "HOME and XDG_CONFIG_HOME name none"
#define RS_NAME_TOO_LONG ENAMETOOLONG

/* The switches of an administrator, for all users: docs/privacy.md. The others are in the
 * home, if no variable names another folder. */
#ifdef __APPLE__
#define RS_SITE_FOLDER "/Library/Application Support/runspan"
#define RS_STATE_IN_HOME "/Library/Application Support"
#define RS_SWITCHES_IN_HOME RS_STATE_IN_HOME
#define RS_UNSUPPORTED_WORDS "there is no in-process core for macOS"
#else
#define RS_SITE_FOLDER "/etc/runspan"
#define RS_STATE_IN_HOME "/.local/state"
#define RS_SWITCHES_IN_HOME "/.config"
#define RS_UNSUPPORTED_WORDS "this process has no glibc, or two, or is linked statically"
#define RS_SHARED_CORE "librunspan-core.so" /* only here a core can be in the host */
#endif

#endif

/* The code where there is neither a shared core nor a program. */
#ifdef RS_SHARED_CORE
#define RS_NOTHING_FOUND RUNSPAN_NO_CORE
#else
#define RS_NOTHING_FOUND RUNSPAN_NO_PROCESS
#endif

#endif
