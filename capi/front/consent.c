/* SPDX-License-Identifier: MIT
 *
 * Has the user opted out? The first rule that applies counts. This reads the C
 * environment, which has the changes of the host, and reads it before any file.
 */
#include "front.h"

#include <stdio.h>
#include <string.h>

static int is_set(const char *variable) {
    return rs_variable(variable, NULL, 0) >= 0;
}

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
    return is_set(name);
}

/* Is the value of the variable this word, in any case? strcasecmp depends on the locale. */
static int has_word(const char *variable, const char *word) {
    char value[8];
    int size = rs_variable(variable, value, sizeof value);

    if (size < 0 || (size_t)size != strlen(word) || (size_t)size >= sizeof value)
        return 0;
    for (int i = 0; i < size; i++)
        if (value[i] != word[i] && (value[i] < 'A' || value[i] > 'Z' || value[i] - 'A' + 'a' != word[i]))
            return 0;
    return 1;
}

int rs_is_on(const char *variable) {
    return is_set(variable) && !has_word(variable, "") && !has_word(variable, "0") && !has_word(variable, "false");
}

/* By OpenTelemetry's specification of variables, a boolean is true only if it is the
 * word "true", in any case. */
static int otel_sdk_disabled(void) {
    return has_word("OTEL_SDK_DISABLED", "true");
}

/* Is there a file of that name? If the system does not say, assume that there is a
 * switch. */
static int is_there(const char *folder, const char *name, const char *extension) {
    char path[RS_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s" RS_SEPARATOR "%s%s", folder, name, extension);

    return n > 0 && (size_t)n < sizeof path && rs_look(path) != RS_MISSING;
}

/* Looks for the switches in a folder: the file off for all services, SERVICE.off for
 * one. Their content does not matter. */
static int is_switched_off(const char *folder, const char *service) {
    return rs_look(folder) != RS_MISSING &&
           (is_there(folder, "off", "") || (rs_is_file_name(service) && is_there(folder, service, ".off")));
}

int rs_consent(const char *service) {
    char folder[RS_PATH_MAX];

    if (service_variable_is_set(service))
        return RUNSPAN_OFF_SERVICE;
    if (is_set("NO_TELEMETRY"))
        return RUNSPAN_OFF_NO_TELEMETRY;
    /* https://consoledonottrack.com: any value opts out. But a user who sets it to "0"
     * or "false" does not want to opt out. */
    if (rs_is_on("DO_NOT_TRACK"))
        return RUNSPAN_OFF_DO_NOT_TRACK;
    if (otel_sdk_disabled())
        return RUNSPAN_OFF_SDK_DISABLED;
    /* The site's switches come before the user's home, which may be on a server that does
     * not answer. */
    if (rs_site_folder(folder, sizeof folder) && is_switched_off(folder, service))
        return RUNSPAN_OFF_SITE;
    if (rs_switch_folder(folder, sizeof folder) && is_switched_off(folder, service))
        return RUNSPAN_OFF_USER;
    return RUNSPAN_DONE;
}
