/* SPDX-License-Identifier: MIT
 *
 * Has the user opted out? First match wins. Read from the C environment, so
 * that what the host itself has set counts.
 */
#include "front.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* https://consoledonottrack.com: any value opts out; "0" and "false" are the
 * ways in which people say no to that. */
static int do_not_track(void) {
    const char *value = getenv("DO_NOT_TRACK");

    return value != NULL && *value != '\0' && strcmp(value, "0") != 0 && strcasecmp(value, "false") != 0;
}

/* OpenTelemetry's environment variable specification: a boolean is true only
 * by the word, in any case. */
static int otel_sdk_disabled(void) {
    const char *value = getenv("OTEL_SDK_DISABLED");

    return value != NULL && strcasecmp(value, "true") == 0;
}

int rs_consent(const char *service) {
    if (service_variable_is_set(service))
        return RUNSPAN_OFF_SERVICE;
    if (getenv("NO_TELEMETRY") != NULL)
        return RUNSPAN_OFF_NO_TELEMETRY;
    if (do_not_track())
        return RUNSPAN_OFF_DO_NOT_TRACK;
    if (otel_sdk_disabled())
        return RUNSPAN_OFF_SDK_DISABLED;
    return RUNSPAN_DONE;
}
