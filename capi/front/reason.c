/* SPDX-License-Identifier: MIT
 *
 * The codes in words.
 */
#include "front.h"

#include <stdio.h>
#include <string.h>

/* Returns the reason in a sentence: the part after the colon. */
static const char *reason_in(const char *sentence) {
    const char *colon = strstr(sentence, ": ");

    return colon == NULL ? sentence : colon + 2;
}

const char *rs_reason(int code) {
    return code == RS_WANTED ? "RUNSPAN_OUT_OF_PROCESS asks for it" : reason_in(runspan_strerror(code));
}

/* Says why the program could not be started, in the system's words. */
static void add_error(char *text, size_t size, int code) {
    size_t n = strlen(text);
    int error = rs_spawn_error();

    if (code == RUNSPAN_NO_PROCESS && error != 0 && n + 2 < size) {
        memcpy(text + n, ": ", 3);
        rs_error_words(error, text + n + 2, size - n - 2);
    }
}

const char *rs_describe(int code) {
    static _Thread_local char text[512];
    char where[384];

    if (code != RUNSPAN_DONE && !rs_is_nowhere(code))
        return runspan_strerror(code);
    rs_where(where, sizeof where);
    snprintf(text, sizeof text, code == RUNSPAN_DONE ? "telemetry is on, the core %s" : "telemetry is off: %s", where);
    add_error(text, sizeof text, code);
    return text;
}

const char *rs_why_off(int code) {
    return reason_in(rs_describe(code));
}

const char *runspan_strerror(int code) {
    switch (code) {
    case RUNSPAN_DONE:
        return "done";
    case RUNSPAN_OFF_SERVICE:
        return "telemetry is off: the service's own _NO_TELEMETRY variable is set";
    case RUNSPAN_OFF_NO_TELEMETRY:
        return "telemetry is off: NO_TELEMETRY is set";
    case RUNSPAN_OFF_DO_NOT_TRACK:
        return "telemetry is off: DO_NOT_TRACK is set";
    case RUNSPAN_OFF_SDK_DISABLED:
        return "telemetry is off: OTEL_SDK_DISABLED is true";
    case RUNSPAN_OFF_USER:
        return "telemetry is off: the user switched it off";
    case RUNSPAN_OFF_SITE:
        return "telemetry is off: the site's administrators switched it off, in " RS_SITE_WORDS;
    case RUNSPAN_NO_ADDRESS_SPACE:
        return "telemetry is off: too little address space (ulimit -v, -d)";
    case RUNSPAN_NO_THREADS:
        return "telemetry is off: too few threads (ulimit -u)";
    case RUNSPAN_NO_CORE:
        return "telemetry is off: librunspan-core.so is missing or can't be loaded";
    case RUNSPAN_OTHER_CORE:
        return "telemetry is off: librunspan-core.so is of another version";
    case RUNSPAN_FORKED:
        return "telemetry is off: this process is a fork of the one that opened it";
    case RUNSPAN_NO_DESCRIPTORS:
        return "telemetry is off: too few file descriptors (ulimit -n)";
    case RUNSPAN_REFUSED:
        return "telemetry is off: a system call that it needs is refused (seccomp)";
    case RUNSPAN_UNSUPPORTED:
        return "telemetry is off: " RS_UNSUPPORTED_WORDS;
    case RUNSPAN_LOCKED_MEMORY:
        return "telemetry is off: this process locks its memory (mlockall)";
    case RUNSPAN_NO_PROCESS:
        return "telemetry is off: " RS_PROGRAM " is missing, can't be started or has ended";
    case RUNSPAN_NO_REAPER:
        return "telemetry is off: the system adopts no orphans of this process (PID 1, a subreaper, an unshared PID namespace)";
    case RUNSPAN_PRIVILEGED:
        return "telemetry is off: this process has more rights than its user (setuid, file capabilities)";
    case RUNSPAN_NO_STACK:
        return "this thread has too little stack left";
    case RUNSPAN_BUSY:
        return "this thread is inside another call of runspan";
    case RUNSPAN_OFF:
        return "telemetry is off";
    case RUNSPAN_NOT_DELIVERED:
        return "the collector does not have all spans yet";
    case RUNSPAN_DROPPED:
        return "the span was dropped: the queue stayed full";
    case RUNSPAN_E_ARGUMENT:
        return "an argument is NULL or out of its range";
    case RUNSPAN_E_HANDLE:
        return "no such client or span is open";
    case RUNSPAN_E_SCHEMA:
        return "the schema is not valid, or belongs to another service";
    case RUNSPAN_E_ENDPOINT:
        return "the endpoint is neither https nor http to a loopback address";
    case RUNSPAN_E_NAME:
        return "the schema does not have this name";
    case RUNSPAN_E_TYPE:
        return "the value has another type in the schema";
    case RUNSPAN_E_VALUE:
        return "the schema does not allow the value";
    case RUNSPAN_E_TOO_LONG:
        return "the value is longer than the schema allows";
    case RUNSPAN_E_TOO_LATE:
        return "the first span has fixed the resource";
    case RUNSPAN_E_TOO_MANY:
        return "too many clients or spans are open";
    case RUNSPAN_E_INTERNAL:
        return "a defect in runspan";
    default:
        return "unknown code";
    }
}
