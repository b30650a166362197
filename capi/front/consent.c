/* SPDX-License-Identifier: MIT
 *
 * Has the user opted out? The first rule that applies counts. This reads the C
 * environment, which has the changes of the host, and reads it before any file.
 */
#include "front.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Is <SERVICE>_NO_TELEMETRY set? The name is in upper case, with _ for all characters
 * other than letters and digits. toupper and isalnum depend on the host's locale, so
 * this does not use them. */
static int service_variable_is_set(const char *service) {
    char name[128];
    size_t n = 0;

    for (; service[n] != '\0'; n++) {
        char c = service[n];

        if (n >= sizeof name - sizeof "_NO_TELEMETRY")
            return 0; /* the core refuses a schema with so long a name */
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

/* By OpenTelemetry's specification of variables, a boolean is true only if it is the
 * word "true", in any case. */
static int otel_sdk_disabled(void) {
    const char *value = getenv("OTEL_SDK_DISABLED");

    return value != NULL && strcasecmp(value, "true") == 0;
}

/* The switches of an administrator, for all users: docs/privacy.md. They come before
 * the user's home, which may be on a server that does not answer. */
#define SITE_FOLDER "/etc/runspan"

/* Is there a file of that name? If the system does not say, assume that there is a
 * switch. */
static int is_there(const char *folder, const char *name, const char *extension) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s%s", folder, name, extension);

    return n > 0 && (size_t)n < sizeof path && !rs_is_missing(path);
}

/* Looks for the switches in a folder: the file off for all services, SERVICE.off for
 * one. Their content does not matter. */
static int is_switched_off(const char *folder, const char *service) {
    if (rs_is_missing(folder))
        return 0;
    return is_there(folder, "off", "") || (rs_is_file_name(service) && is_there(folder, service, ".off"));
}

int rs_consent(const char *service) {
    char folder[PATH_MAX];

    if (service_variable_is_set(service))
        return RUNSPAN_OFF_SERVICE;
    if (getenv("NO_TELEMETRY") != NULL)
        return RUNSPAN_OFF_NO_TELEMETRY;
    /* https://consoledonottrack.com: any value opts out. But a user who sets it to "0"
     * or "false" does not want to opt out. */
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
