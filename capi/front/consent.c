/* SPDX-License-Identifier: MIT
 *
 * Has the user opted out? First match wins. Read from the C environment, so
 * that what the host itself has set counts; and before any file.
 */
#include "front.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* <SERVICE>_NO_TELEMETRY: upper case, _ for what is no letter or digit.
 * ASCII by hand, because toupper and isalnum depend on the host's locale. */
static int service_variable_is_set(const char *service) {
    char name[128];
    size_t n = 0;

    for (; service[n] != '\0'; n++) {
        char c = service[n];

        if (n >= sizeof name - sizeof "_NO_TELEMETRY")
            return 0; /* no schema has so long a name: the core refuses it */
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            c = '_';
        name[n] = c;
    }
    memcpy(name + n, "_NO_TELEMETRY", sizeof "_NO_TELEMETRY");
    return getenv(name) != NULL;
}

int rs_is_on(const char *variable) {
    const char *value = getenv(variable);

    return value != NULL && *value != '\0' && strcmp(value, "0") != 0 && strcasecmp(value, "false") != 0;
}

/* OpenTelemetry's environment variable specification: a boolean is true only
 * by the word, in any case. */
static int otel_sdk_disabled(void) {
    const char *value = getenv("OTEL_SDK_DISABLED");

    return value != NULL && strcasecmp(value, "true") == 0;
}

/* What an administrator says for all users: docs/privacy.md. It is looked at
 * before the user's home, which may be on a server that does not answer. */
#define SITE_FOLDER "/etc/runspan"

/* Is there a file of that name? What can't be told counts as one: a switch that
 * can't be read may be there. */
static int is_there(const char *folder, const char *name, const char *extension) {
    char path[PATH_MAX];
    struct stat info;
    int n = snprintf(path, sizeof path, "%s/%s%s", folder, name, extension);

    if (n < 0 || (size_t)n >= sizeof path)
        return 0;
    return lstat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* The switches in a folder: a file off for all services, SERVICE.off for one.
 * What is in them has no meaning. */
static int is_switched_off(const char *folder, const char *service) {
    struct stat info;

    if (stat(folder, &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    return is_there(folder, "off", "") || (rs_is_file_name(service) && is_there(folder, service, ".off"));
}

int rs_consent(const char *service) {
    char folder[PATH_MAX];

    if (service_variable_is_set(service))
        return RUNSPAN_OFF_SERVICE;
    if (getenv("NO_TELEMETRY") != NULL)
        return RUNSPAN_OFF_NO_TELEMETRY;
    /* https://consoledonottrack.com: any value opts out; "0" and "false" are
     * the ways in which people say no to that. */
    if (rs_is_on("DO_NOT_TRACK"))
        return RUNSPAN_OFF_DO_NOT_TRACK;
    if (otel_sdk_disabled())
        return RUNSPAN_OFF_SDK_DISABLED;
    if (is_switched_off(SITE_FOLDER, service))
        return RUNSPAN_OFF_SITE;
    if (rs_switch_folder(folder, sizeof folder) && is_switched_off(folder, service))
        return RUNSPAN_OFF_USER;
    return RUNSPAN_DONE;
}
