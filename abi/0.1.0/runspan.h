/* SPDX-License-Identifier: MIT
 *
 * runspan: one span for each run of a command-line tool.
 *
 * A tool opens a client, begins a span when its run begins, sets attributes,
 * ends the span with the run's outcome, and closes the client when it exits:
 *
 *     runspan_options options = {0};
 *     options.struct_size = sizeof options;
 *     options.service = "mytool";
 *     options.schema = schema_text;              // contents of mytool.json
 *
 *     runspan_client client;
 *     runspan_span span;
 *     runspan_open(&options, &client);
 *     runspan_set_resource_string(client, "service.version", "1.2.3");
 *     runspan_begin(client, "sort", &span);
 *     runspan_set_attr_int(span, "params.threads", 8);
 *     // ... the run ...
 *     runspan_end(span, RUNSPAN_STATUS_OK);
 *     runspan_close(client, RUNSPAN_DEFAULT_TIMEOUT_MS);
 *
 * No return code needs to be looked at. Where telemetry is off the handles
 * are 0, and every call takes a 0 and does nothing.
 *
 * What leaves. Only what the schema names: a span name, key, type or value
 * that it does not allow is refused where it is set, with an error code. The
 * schema is JSON; schemas/runspan.schema.json describes its form.
 *
 * When. A span that ends is written to the disk within milliseconds and sent
 * from there, both in the background. What is promised: a span that is on the
 * disk survives the end of the process, however it comes, and is delivered by
 * the next run of the same service by the same user, at least once and with the
 * same ids; so is, as aborted, a run that was killed 50 ms or more after its
 * begin, where the schema has an attribute for it. A run is taken for killed only
 * where its process is gone for certain, or has been silent for 30 minutes; one
 * that gives up its rights (setresuid) or its place (chroot) meanwhile is reported
 * as it ends. A span is lost where it was ended within the last milliseconds of a
 * process that did not call runspan_close; where the machine itself goes down
 * before it has written its files; where no folder can be written and the
 * collector can't be reached; where the schema's limits for the folder are
 * exceeded, oldest first; and where the collector refuses it for good. The folder is
 * $XDG_STATE_HOME/runspan/<service>, by default below ~/.local/state.
 *
 * Return codes. 0: done. Negative: an error, nothing was done. Positive: not
 * done, for a reason that is nobody's error. runspan_strerror has a sentence
 * for each.
 *
 * Text is UTF-8 and ends with a NUL. Invalid bytes are replaced by U+FFFD,
 * never refused. runspan copies what it is given: the caller keeps every
 * pointer it passes, and may free it when the call has returned.
 *
 * Threads. Every function may be called from any thread at any time, several
 * at once, on the same handle too. Only runspan_open, runspan_flush and
 * runspan_close may wait: open loads the core once per process (a few
 * milliseconds), flush and close wait no longer than they are told.
 *
 * Processes. After a fork, every call in the child returns RUNSPAN_FORKED at
 * once; the parent is not affected. After an exec, open anew. A span that is open
 * then is dropped where the new program opens the same service: the run goes on
 * in it. Where it opens none, or another, nobody can tell the exec from a kill, and
 * the span is reported as aborted when the process has ended: end it, with the
 * run's outcome, and call runspan_close before the exec.
 *
 * Signals. The masks, handlers and dispositions of the host stay what they are,
 * but for SIGSEGV, SIGBUS and SIGFPE: when the core is loaded it installs a handler
 * for them, which leaves all faults but its own to what was there before. A
 * thread that has called runspan has an alternate stack for signals from then on,
 * of 128 KiB, where it had none. A handler of the host's may run in the middle of
 * a call, and may end the process there, by exit too: calls of runspan from a
 * handler, or from what exit runs, return RUNSPAN_BUSY then. Where a handler
 * leaves a call by longjmp, all later calls of that thread return it.
 *
 * The host is not touched otherwise: no output, no exit, no child, no change of
 * its environment, limits, locale or working directory. docs/guest.md has what
 * was tried, and what comes of it.
 */
#ifndef RUNSPAN_H
#define RUNSPAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RUNSPAN_VERSION "0.1.0"

/* What runspan_close and runspan_flush should be told to wait at most: 0.3 s, or one
 * hundredth of the time since the first span began where that is more, but 2 s at
 * most. They do not wait where a delivery from here is known to take longer, or,
 * in a run that has no connection to the collector yet, longer than 0.15 s; one in
 * many runs waits for up to 1 s then, and delivers what the others have left: where
 * 64 reports wait, or one of 10 minutes ago. Any number of milliseconds up to
 * 0xFFFEFFFF is a time of the caller's own. */
#define RUNSPAN_DEFAULT_TIMEOUT_MS 0xFFFFFFFFu

typedef uint64_t runspan_client; /* 0: telemetry is off */
typedef uint64_t runspan_span;   /* 0: no span */

/* The outcome of a run: OpenTelemetry's span status, by its numbers. */
typedef enum runspan_status {
    RUNSPAN_STATUS_UNSET = 0,
    RUNSPAN_STATUS_OK = 1,
    RUNSPAN_STATUS_ERROR = 2
} runspan_status;

enum {
    RUNSPAN_DONE = 0,

    /* Telemetry is off because the user said so, or the site: the codes of which
     * RUNSPAN_IS_OPT_OUT is true. The first rule that holds counts: the variables in
     * this order, then the site's switch, then the user's. */
    RUNSPAN_OFF_SERVICE = 1,       /* <SERVICE>_NO_TELEMETRY is set, even empty */
    RUNSPAN_OFF_NO_TELEMETRY = 2,  /* NO_TELEMETRY is set, even empty */
    RUNSPAN_OFF_DO_NOT_TRACK = 3,  /* DO_NOT_TRACK is neither empty nor 0 nor false */
    RUNSPAN_OFF_SDK_DISABLED = 4,  /* OTEL_SDK_DISABLED is true */
    RUNSPAN_OFF_USER = 5,          /* the user's switch: see runspan_command */
    RUNSPAN_OFF_SITE = 6,          /* the site's switch: a file in /etc/runspan */

    /* Telemetry is off because runspan can't be a good guest here. */
    RUNSPAN_NO_ADDRESS_SPACE = 10, /* the core would not fit under ulimit -v, or -d */
    RUNSPAN_NO_THREADS = 11,       /* the core could not start its threads (ulimit -u) */
    RUNSPAN_NO_CORE = 12,          /* librunspan-core.so is missing or can't be loaded */
    RUNSPAN_OTHER_CORE = 13,       /* librunspan-core.so is of another version */
    RUNSPAN_FORKED = 14,           /* this is a child of the process that loaded the core */

    RUNSPAN_NO_DESCRIPTORS = 15,   /* fewer than 8 are free (ulimit -n) */
    RUNSPAN_REFUSED = 16,          /* a system call that the core needs is refused (seccomp) */
    RUNSPAN_UNSUPPORTED = 17,      /* this process has no glibc, or two (dlmopen), or is linked statically */
    RUNSPAN_NO_STACK = 18,         /* less than 32 KiB of this thread's stack is left */
    RUNSPAN_PRIVILEGED = 19,       /* this process has more rights than its user (setuid, setgid, file capabilities) */

    /* Nothing was done. */
    RUNSPAN_OFF = 20,              /* the handle is 0 */
    RUNSPAN_NOT_DELIVERED = 21,    /* the collector does not have everything yet */
    RUNSPAN_DROPPED = 22,          /* the span is not reported as it ended: too many wait to be stored */
    RUNSPAN_BUSY = 23,             /* this thread is inside a call already: see "Signals" */

    /* Errors. */
    RUNSPAN_E_ARGUMENT = -1,       /* NULL where it may not be, or a number out of its range */
    RUNSPAN_E_HANDLE = -2,         /* never given out, or closed, or ended */
    RUNSPAN_E_SCHEMA = -3,         /* the schema is not one, or is another service's */
    RUNSPAN_E_ENDPOINT = -4,       /* RUNSPAN_ENDPOINT is neither https nor http to loopback */
    RUNSPAN_E_NAME = -5,           /* the schema does not name this span, or this key for it */
    RUNSPAN_E_TYPE = -6,           /* the schema gives the key another type */
    RUNSPAN_E_VALUE = -7,          /* the schema does not allow the value */
    RUNSPAN_E_TOO_LONG = -8,       /* longer than the schema allows */
    RUNSPAN_E_TOO_LATE = -9,       /* the resource is fixed by the first begin */
    RUNSPAN_E_TOO_MANY = -10,      /* too many clients or spans are open */
    RUNSPAN_E_INTERNAL = -11       /* a defect of runspan; the host is not affected */
};

/* Is the code of runspan_open or runspan_consent the user's choice, or the site's? */
#define RUNSPAN_IS_OPT_OUT(code) ((code) >= RUNSPAN_OFF_SERVICE && (code) <= RUNSPAN_OFF_SITE)

/* Levels of a log line. ERROR is only for the lines that RUNSPAN_STRICT asks for. */
enum { RUNSPAN_LOG_DEBUG = 0, RUNSPAN_LOG_WARNING = 1, RUNSPAN_LOG_ERROR = 3, RUNSPAN_LOG_SPAN = 2 };

/* Receives one log line: no newline, valid until the callback returns.
 * data is options.log_data. It is called only while the host is inside a
 * runspan call, on that call's thread, and may itself call runspan. It must
 * return: no longjmp, no C++ exception. */
typedef void (*runspan_log)(void *data, int level, const char *line);

/* Set the whole struct to zero, then what is needed. A program built against
 * an older header works with a newer library: fields are only ever added. */
typedef struct runspan_options {
    size_t struct_size;      /* sizeof(runspan_options) */
    const char *service;     /* the schema's service: lower-case letters, digits, - and _ */
    const char *schema;      /* the schema, JSON text */
    runspan_log log;         /* may be NULL: silence */
    void *log_data;
    const char *core;        /* path of the core; NULL: near this library, see runspan_open */
    uint32_t flags;          /* RUNSPAN_PREVIEW or 0 */
} runspan_options;

/* Flag: nothing is sent. Each span is given to the log callback when it ends,
 * at level RUNSPAN_LOG_SPAN, as the OTLP/JSON of the request that would have
 * been sent. */
#define RUNSPAN_PREVIEW 1u

/* Opens a client, or finds that telemetry is off.
 *
 * *client is 0 unless the result is RUNSPAN_DONE. Positive results say why
 * telemetry is off; where the user opted out, the core is not even loaded.
 * Errors: ARGUMENT, SCHEMA (the log callback is told each fault, with line and reason),
 * ENDPOINT, TOO_MANY (64 clients are open), INTERNAL.
 *
 * The core, librunspan-core.so, is loaded from where options.core says; else
 * from where RUNSPAN_CORE in the environment does, an absolute path; else from
 * beside the object that this function is in, or from ../lib as seen from there.
 *
 * The environment is read here, as it is now: the four variables above,
 * XDG_STATE_HOME, XDG_CONFIG_HOME and HOME (where undelivered spans are kept,
 * and where the user's switch is), RUNSPAN_ENDPOINT (a URL instead of the
 * schema's destination: https, or http to a loopback address), RUNSPAN_PREVIEW,
 * RUNSPAN_STRICT, and the network's, below. In a program that runs with more rights
 * than its user (setuid, setgid, file capabilities) none of them is: telemetry is
 * off, PRIVILEGED.
 *
 * Where a variable opts out no file is looked at, and where the site's switch
 * does, none of the user's: a home may be on a server that does not answer. The
 * reports that wait stay where they are, until runspan_command removes them.
 *
 * The proxy is the first of https_proxy, HTTPS_PROXY, all_proxy and ALL_PROXY
 * that is not blank: [SCHEME://][USER[:PASSWORD]@]HOST[:PORT], where SCHEME is
 * http (also where there is none), https, socks5 or socks5h; with both of the
 * latter the proxy looks for the destination's address. White space around it
 * does not count, nor what follows PORT; USER and PASSWORD may have any
 * character, escaped or not. Of another proxy the log is told, and nothing is
 * sent. No proxy is used for a loopback address, nor for what no_proxy or else
 * NO_PROXY lists: names, which stand for what is below them too, and addresses,
 * with or without :PORT; ranges of addresses (10.0.0.0/8); * for everything.
 *
 * Certificates are those of SSL_CERT_FILE and of SSL_CERT_DIR, folders separated
 * by colons; where these give none, of REQUESTS_CA_BUNDLE; where that gives none,
 * of CURL_CA_BUNDLE; where that gives none, the system's. What a variable names
 * may be a file (PEM) or a folder of such. The log is told of each that gives
 * none.
 *
 * RUNSPAN_PREVIEW with anything but empty, 0 or false is the user's wish to see
 * what would be sent: each span is written to standard error when it ends, and
 * nothing is sent.
 *
 * RUNSPAN_STRICT, likewise, is the wish of a tool's author to see what the schema
 * refuses. The log gets a line of level RUNSPAN_LOG_ERROR for each attribute, resource
 * attribute, span name, exception type and status that is refused: key, value, and the
 * rule; and for each fault of the schema. Where there is no log callback the lines go
 * to standard error. Without the variable no value gets into a log.
 *
 * runspan makes no other output than these two variables ask for.
 *
 * Several clients may be open at once, of one service or of several; they do
 * not see each other. */
int runspan_open(const runspan_options *options, runspan_client *client);

/* Set an attribute of the client's resource, which all its spans share. Once
 * the first span has begun the resource is fixed: TOO_LATE.
 * Errors: ARGUMENT, HANDLE, NAME, TYPE, VALUE, TOO_LONG, TOO_LATE. */
int runspan_set_resource_string(runspan_client client, const char *key, const char *value);
int runspan_set_resource_int(runspan_client client, const char *key, int64_t value);
int runspan_set_resource_double(runspan_client client, const char *key, double value);
int runspan_set_resource_bool(runspan_client client, const char *key, int value);

/* Begins a span, now. *span is 0 unless the result is RUNSPAN_DONE.
 * Errors: ARGUMENT, HANDLE, NAME, TOO_MANY (4096 spans are open). */
int runspan_begin(runspan_client client, const char *name, runspan_span *span);

/* Gives the span another of the schema's names. NAME also where the schema
 * does not allow an attribute that has been set under that name. */
int runspan_set_name(runspan_span span, const char *name);

/* Set an attribute; a second value for a key replaces the first. Bools are 0
 * or not 0. null is an attribute that is there, without a value; any key may
 * have it. strings copies count texts; values may be NULL where count is 0.
 * Errors: ARGUMENT, HANDLE, NAME, TYPE, VALUE, TOO_LONG. */
int runspan_set_attr_string(runspan_span span, const char *key, const char *value);
int runspan_set_attr_int(runspan_span span, const char *key, int64_t value);
int runspan_set_attr_double(runspan_span span, const char *key, double value);
int runspan_set_attr_bool(runspan_span span, const char *key, int value);
int runspan_set_attr_strings(runspan_span span, const char *key, const char *const *values, size_t count);
int runspan_set_attr_null(runspan_span span, const char *key);

/* Sets several attributes in one call, for callers to whom a call is dear (an
 * interpreter's foreign functions). list is size bytes: for each attribute its
 * key, a NUL, its value, a NUL. A value is a letter and what the letter says:
 *     i  an int, in decimal          s  a text
 *     d  a double, in decimal,       b  a bool: 1 or 0
 *        or nan, inf, -inf           n  null: nothing follows
 * Attributes that the schema does not allow are left out, the others set; the
 * result is the first one's error. ARGUMENT where the list is not of this form:
 * what was read up to there is set.
 * At most 1 MiB. */
int runspan_set_attrs(runspan_span span, const char *list, size_t size);

/* Records that the run was ended by an exception of this type, as an
 * "exception" event. Give the type's name, never a message: the schema says
 * which names may leave. The status stays what runspan_end is told.
 * Errors: ARGUMENT, HANDLE, NAME (the schema has no exceptions), VALUE, TOO_LONG,
 * TOO_MANY (16 events). */
int runspan_set_error(runspan_span span, const char *type);

/* Ends a span, now, with the run's outcome, and hands it over for delivery in
 * the background. The handle is of no use any more. Where 4096 spans that have
 * ended could not be stored yet it waits for room, at most 250 ms and once.
 * DROPPED: there was none, and the span is not reported as it ended; where it was
 * on the disk already, as a run that might be killed, a later run reports it as
 * aborted.
 * Errors: ARGUMENT (no such status), HANDLE. */
int runspan_end(runspan_span span, runspan_status status);

/* Waits until nothing is left to send: of the spans that have ended, of those that
 * other threads end meanwhile, and of what earlier runs have left; but at most
 * timeout_ms milliseconds. 0 does not wait.
 * Returns early where waiting has no point: an attempt has failed, of this run
 * or of an earlier one, and the collector is left alone for a while.
 * DONE: nothing of this client is left to deliver. What the collector refused
 * for good (400, 401, 413 and others) is lost and counts as delivered.
 * NOT_DELIVERED: it does not have all spans of this client; delivery goes on. */
int runspan_flush(runspan_client client, uint32_t timeout_ms);

/* Ends spans that have not ended, as aborted where the schema has an attribute
 * for it, else they are discarded; then as runspan_flush; then the client is closed: its handle, and
 * those of its spans, are of no use any more. Where the timeout has passed and
 * something is not written yet, it gives the disk up to 100 ms more. After
 * NOT_DELIVERED a later run delivers what is on disk. */
int runspan_close(runspan_client client, uint32_t timeout_ms);

/* Has the user opted out of the service's telemetry, or the site? Asks what
 * runspan_open asks first, and does no more: no core is loaded, no file written.
 * DONE: no. Else the code that runspan_open would return.
 * Errors: ARGUMENT. */
int runspan_consent(const char *service);

/* Carries out a command of the user's about the telemetry of options' service,
 * so that a tool can offer it under a name of its own, such as "mytool telemetry
 * status". argv are argc words: a command (status, preview, show, check,
 * on, off, purge, help) and its options (--json; any other word has the list written).
 * Text, UTF-8, is written to the file descriptor fd. Nothing is sent. The user's
 * switches are files in $XDG_CONFIG_HOME/runspan, by default ~/.config/runspan:
 * off for all services, SERVICE.off for one.
 *
 * check is for the author of a schema. It writes all that is wrong with options.schema,
 * a line for each fault: the line's number, the reason, and the word that was perhaps
 * meant; *exit_status is 1 then. Where the schema is valid it writes what a report may
 * have: destination, limits, the fields of the resource and of each span, derived
 * fields. The schema may be another service's, and telemetry may be off.
 *
 * off, on and purge do their work before any core is loaded. Where none can be,
 * status says whether telemetry is on, and no more, and so do they.
 *
 * DONE: the command was understood; *exit_status is 0 where it was carried out, 1
 * where it could not be (why is written), 2 where there is no such command.
 * exit_status may be NULL. Else it is 1, and nothing was written: preview and show
 * return a code from RUNSPAN_NO_ADDRESS_SPACE to RUNSPAN_PRIVILEGED, or BUSY, where
 * the core can't be loaded. Errors: ARGUMENT, INTERNAL. */
int runspan_command(const runspan_options *options, int argc, const char *const *argv, int fd, int *exit_status);

/* A sentence for a return code, in English: a static string, never NULL. */
const char *runspan_strerror(int code);

/* RUNSPAN_DONE where the client is open. For 0: why the last runspan_open of
 * this process left telemetry off (RUNSPAN_OFF where there was none). For a
 * client after a fork: RUNSPAN_FORKED. Else HANDLE. */
int runspan_state(runspan_client client);

/* The version of the library that is running, "MAJOR.MINOR.PATCH": a static
 * string. RUNSPAN_VERSION is the one of this header. */
const char *runspan_version(void);

#ifdef __cplusplus
}
#endif

#endif
