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
 * A tool may ignore every return code. If telemetry is off, both handles are 0,
 * and every function accepts a 0 and does nothing.
 *
 * Data. The schema lists all data that may leave the machine: the names of
 * spans, and the keys, types and values of attributes. runspan refuses
 * everything else in the call that sets it, with an error code. A schema is
 * JSON; schemas/runspan.schema.json describes its form.
 *
 * Delivery. When a span ends, runspan writes it to a file within milliseconds,
 * and sends it from there. It does both in the background.
 *
 * A span that is on disk survives the end of the process, however the process
 * ends. If the process has not delivered it, the next run of the same service by
 * the same user does: at least once, and always with the same ids.
 *
 * A run that was killed 50 ms or more after its begin is reported as aborted, if
 * the schema has an attribute for that. runspan takes a run for killed only if
 * its process is gone for certain, or has been silent for 30 minutes. A run that
 * changes its user (setresuid) or its root folder (chroot) is still reported with
 * the outcome that it ends with.
 *
 * A span is lost in five cases. It ended in the last milliseconds of a process
 * that did not call runspan_close. The machine went down before it had written
 * its files. No folder is writable, and the collector can't be reached. The
 * folder exceeds the schema's limits: the oldest spans are removed. The
 * collector refuses the span for good.
 *
 * The folder is $XDG_STATE_HOME/runspan/<service>; by default XDG_STATE_HOME is
 * ~/.local/state, on macOS ~/Library/Application Support. On Windows the folder is
 * %LOCALAPPDATA%\runspan\<service>.
 *
 * Return codes. 0: done. Negative: an error; the call did nothing. Positive: the
 * call did nothing, for a reason that is not an error. runspan_strerror returns
 * a sentence for each code.
 *
 * Text is UTF-8 and ends with a NUL. runspan replaces invalid bytes by U+FFFD
 * and does not refuse them. It copies its arguments: the caller keeps the
 * ownership of every pointer, and may free the memory after the call.
 *
 * Threads. Any thread may call any function at any time; several threads may use
 * the same handle at once. Only runspan_open, runspan_flush and runspan_close may
 * block; runspan_end does for up to 250 ms if the queue is full. runspan_open
 * loads the core once per process, in a few milliseconds. runspan_flush and
 * runspan_close return when their timeout has passed.
 *
 * Processes. After a fork, every call in the child returns RUNSPAN_FORKED at
 * once; the parent is not affected. After an exec, open a new client. End the
 * span and call runspan_close before an exec. A span that is still open then has
 * one of two ends. If the new program opens the same service, runspan drops the
 * span, because the run goes on in the new program. If it does not, nobody can
 * tell the exec from a kill: the span is reported as aborted when the process
 * has ended.
 *
 * Signals. The host's signal masks, handlers and dispositions stay as they are,
 * with one exception: when the core is loaded it installs a handler for SIGSEGV,
 * SIGBUS and SIGFPE. That handler passes every fault outside the core on to the
 * previous handler. A thread that has called runspan has an alternate stack for
 * signals; runspan adds one of 128 KiB if the thread had none. The host's
 * handler may interrupt a call, and may end the process, by exit too. Calls from
 * such a handler, and from functions that exit runs, return RUNSPAN_BUSY. If a
 * handler leaves a call by longjmp, all later calls of that thread return
 * RUNSPAN_BUSY.
 *
 * Other processes. runspan starts a process in two cases: the core is not in the host
 * (runspan_open), or the schema has linger_ms, which is above 0, and the last
 * runspan_close of the process has not delivered all spans. In the second case that
 * process delivers the batches that are on disk, and ends after linger_ms at most. Each
 * is no child of the host's: no SIGCHLD, no wait and no zombie of the host's tells of
 * it, and it holds no descriptor of the host's. A host that would adopt it, such as the
 * first process of a container, has none, and neither has one with RUNSPAN_OUT_OF_PROCESS
 * set to 0 or false.
 *
 * runspan changes nothing else in the host. It writes no output (except for
 * RUNSPAN_PREVIEW and RUNSPAN_STRICT), never exits, and leaves environment, limits,
 * locale and working directory alone. docs/guest.md lists the tests of this and their
 * results.
 */
#ifndef RUNSPAN_H
#define RUNSPAN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RUNSPAN_VERSION "0.1.0"

/* The recommended timeout of runspan_flush and runspan_close. They wait for at most
 * one hundredth of the time since the first span began, but no less than 0.3 s and
 * no more than 2 s.
 *
 * They do not wait at all if a delivery from this machine is known to take longer
 * than that; or longer than 0.15 s, in a short run without a connection to the
 * collector. If 64 batches are waiting, or one for 10 minutes, such a run waits for
 * up to 1 s, and delivers the batches of the runs before it.
 *
 * Any other number, up to 0xFFFEFFFF, is a timeout in milliseconds. */
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

    /* Telemetry is off because the user or the site has opted out: RUNSPAN_IS_OPT_OUT
     * is true for these codes. The first rule that applies counts: the variables in
     * this order, then the site's switch, then the user's switch. */
    RUNSPAN_OFF_SERVICE = 1,       /* <SERVICE>_NO_TELEMETRY is set, even empty */
    RUNSPAN_OFF_NO_TELEMETRY = 2,  /* NO_TELEMETRY is set, even empty */
    RUNSPAN_OFF_DO_NOT_TRACK = 3,  /* DO_NOT_TRACK is neither empty nor 0 nor false */
    RUNSPAN_OFF_SDK_DISABLED = 4,  /* OTEL_SDK_DISABLED is true */
    RUNSPAN_OFF_USER = 5,          /* the user's switch: see runspan_command */
    RUNSPAN_OFF_SITE = 6,          /* the site's switch: a file in /etc/runspan; on macOS
                                    * /Library/Application Support/runspan, on Windows
                                    * %ProgramData%\runspan */

    /* Telemetry is off because runspan can't be a good guest in this process. */
    RUNSPAN_NO_ADDRESS_SPACE = 10, /* the core needs more than ulimit -v or -d allows */
    RUNSPAN_NO_THREADS = 11,       /* the core could not start its threads (ulimit -u) */
    RUNSPAN_NO_CORE = 12,          /* librunspan-core.so is missing or can't be loaded */
    RUNSPAN_OTHER_CORE = 13,       /* librunspan-core.so has another version */
    RUNSPAN_FORKED = 14,           /* this process is a child of the process that loaded the core */

    RUNSPAN_NO_DESCRIPTORS = 15,   /* fewer than 8 file descriptors are free (ulimit -n) */
    RUNSPAN_REFUSED = 16,          /* a filter refuses a system call that the core needs (seccomp) */
    RUNSPAN_UNSUPPORTED = 17,      /* this process has no glibc, or two (dlmopen), or is linked statically */
    RUNSPAN_NO_STACK = 18,         /* this thread has less than 32 KiB of its stack left */
    RUNSPAN_PRIVILEGED = 19,       /* this process has more rights than its user (setuid, setgid, file capabilities) */

    /* The call did nothing. */
    RUNSPAN_OFF = 20,              /* the handle is 0 */
    RUNSPAN_NOT_DELIVERED = 21,    /* the collector does not have all spans yet */
    RUNSPAN_DROPPED = 22,          /* the queue stayed full, and the span was not stored: see runspan_end */
    RUNSPAN_BUSY = 23,             /* this thread is inside another call: see "Signals" */

    /* Telemetry is off: the core can't be in this process, and can't be beside it. */
    RUNSPAN_NO_PROCESS = 24,       /* runspan-core is missing, can't be started or has ended */
    RUNSPAN_LOCKED_MEMORY = 25,    /* this process locks its memory (mlockall), and the core would be locked too */
    RUNSPAN_NO_REAPER = 26,        /* this process is PID 1, a subreaper, or has unshared its PID namespace */

    /* Errors. */
    RUNSPAN_E_ARGUMENT = -1,       /* a required pointer is NULL, or a number is out of its range */
    RUNSPAN_E_HANDLE = -2,         /* the handle was never valid, or its client is closed, or its span has ended */
    RUNSPAN_E_SCHEMA = -3,         /* the schema is not valid, or belongs to another service */
    RUNSPAN_E_ENDPOINT = -4,       /* RUNSPAN_ENDPOINT is neither https nor http to loopback */
    RUNSPAN_E_NAME = -5,           /* the schema does not have this span, or this key for it */
    RUNSPAN_E_TYPE = -6,           /* the key has another type in the schema */
    RUNSPAN_E_VALUE = -7,          /* the schema does not allow the value */
    RUNSPAN_E_TOO_LONG = -8,       /* the value is longer than the schema allows */
    RUNSPAN_E_TOO_LATE = -9,       /* the first begin has fixed the resource */
    RUNSPAN_E_TOO_MANY = -10,      /* too many clients or spans are open */
    RUNSPAN_E_INTERNAL = -11       /* a defect in runspan; the host is not affected */
};

/* Does the code of runspan_open or runspan_consent say that the user or the site
 * has opted out? */
#define RUNSPAN_IS_OPT_OUT(code) ((code) >= RUNSPAN_OFF_SERVICE && (code) <= RUNSPAN_OFF_SITE)

/* The levels of log lines. Only the lines of RUNSPAN_STRICT have the level ERROR. */
enum { RUNSPAN_LOG_DEBUG = 0, RUNSPAN_LOG_WARNING = 1, RUNSPAN_LOG_ERROR = 3, RUNSPAN_LOG_SPAN = 2 };

/* Receives one log line, without a newline; line is valid until the callback
 * returns. data is options.log_data. runspan calls it only inside a call of the
 * host's, on the thread of that call. The callback may call runspan. It must
 * return: it may not use longjmp or throw a C++ exception. */
typedef void (*runspan_log)(void *data, int level, const char *line);

/* Set the whole struct to zero, then the members that you need. A program that was
 * built with an older header works with a newer library: later versions only add
 * members. */
typedef struct runspan_options {
    size_t struct_size;      /* sizeof(runspan_options) */
    const char *service;     /* the schema's service: lower-case letters, digits, - and _ */
    const char *schema;      /* the schema, JSON text */
    runspan_log log;         /* receives log lines; may be NULL */
    void *log_data;
    const char *core;        /* path of the core; NULL: near this library, see runspan_open */
    uint32_t flags;          /* 0, or RUNSPAN_PREVIEW and RUNSPAN_OUT_OF_PROCESS */
} runspan_options;

/* Flag: send nothing. When a span ends, the log callback receives the request that
 * would have been sent, as OTLP/JSON, at level RUNSPAN_LOG_SPAN. */
#define RUNSPAN_PREVIEW 1u

/* Flag: run the core in a process of its own, beside the host, and not in the host: for
 * a host that forks, enters a sandbox or locks its memory later, or that wants no Go
 * runtime in it. Without the flag runspan decides: runspan_open says how. That process
 * is no child of the host's, and ends at most 3 s after the last client has closed, or
 * sooner if the schema's linger_ms says so. If the host ends with a span open, the
 * process reports the span as aborted at once. A call that would only touch memory may
 * block for up to 300 ms there, and returns DONE if the process has not answered by then:
 * log lines about a refusal come in a later call for the same client. The first client of
 * a process decides. The variable RUNSPAN_OUT_OF_PROCESS does the same; if it is 0 or
 * false, the core is in the host, or nowhere. */
#define RUNSPAN_OUT_OF_PROCESS 8u

/* Open a client. *client is 0 unless the result is RUNSPAN_DONE.
 *
 * A positive result says why telemetry is off. If the user or the site has opted
 * out, runspan does not even load the core. Errors: ARGUMENT, SCHEMA (the log says
 * the line and the reason of each fault), ENDPOINT, TOO_MANY (64 clients are open), INTERNAL.
 *
 * The core is in the host where the host does not notice it. It is in a process of its
 * own where the Go runtime can't be in the host (no glibc, a filter of system calls), and
 * where it would take more than a sixteenth of one of the host's limits: address space
 * and writable memory (ulimit -v, -d), file descriptors (ulimit -n), tasks (ulimit -u,
 * pids.max of the control group); and where it would be locked into memory (mlockall).
 * There is no such process if it would take more than a sixteenth of the tasks, or if
 * the system does not adopt the host's orphans (NO_REAPER): telemetry is off then.
 * runspan_state_text says where the core is, and why.
 *
 * The core is librunspan-core.so. Its path is options.core, or else the absolute
 * path in the variable RUNSPAN_CORE. Without either, runspan looks in the folder
 * of the file that contains this function, and then in ../lib beside that folder;
 * if the file was loaded by a link, it looks near the link first. On macOS and Windows
 * there is only the program runspan-core, which is looked for in the same places: the
 * core is always in a process of its own there, and RUNSPAN_OUT_OF_PROCESS=0 switches
 * telemetry off (UNSUPPORTED).
 *
 * runspan reads these variables now: the four that opt out (see RUNSPAN_OFF_SERVICE
 * and the next three codes); XDG_STATE_HOME, XDG_CONFIG_HOME and HOME, for the
 * folder of undelivered spans and for the user's switch, or on Windows LOCALAPPDATA,
 * and ProgramData for the site's; RUNSPAN_ENDPOINT, a URL
 * that replaces the schema's destination (https, or http to a loopback address);
 * RUNSPAN_PREVIEW; RUNSPAN_STRICT; RUNSPAN_OUT_OF_PROCESS; and the network's
 * variables, below. It reads none of them in a program that has more rights than its
 * user (setuid, setgid, file capabilities): telemetry is off there, PRIVILEGED.
 *
 * If a variable opts out, runspan looks at no file; if the site's switch is on, at
 * no file of the user's, because a home folder may be on a server that does not
 * answer. Undelivered reports then stay in their folder until runspan_command
 * removes them.
 *
 * Proxy. runspan takes the first of https_proxy, HTTPS_PROXY, all_proxy and ALL_PROXY
 * that is not blank: [SCHEME://][USER[:PASSWORD]@]HOST[:PORT]. SCHEME is http (the
 * default), https, socks5 or socks5h; with the last two the proxy looks up the
 * destination's address. runspan ignores white space around the value, and text
 * after PORT. USER and PASSWORD may have any character, escaped or not. If the
 * value is no such proxy, runspan logs that and sends nothing.
 *
 * runspan uses no proxy for a loopback address, nor for the entries of no_proxy or
 * else NO_PROXY: a name, which covers the names below it too; an address; a range
 * of addresses (10.0.0.0/8); or * for every destination. A name or an address may
 * have :PORT.
 *
 * Certificates. runspan takes those in the file SSL_CERT_FILE and in the folders
 * SSL_CERT_DIR, which colons separate. If there are none, it takes REQUESTS_CA_BUNDLE,
 * then CURL_CA_BUNDLE, then the system's certificates. Each variable may name a PEM
 * file or a folder of PEM files. runspan logs each variable that gives no
 * certificate.
 *
 * If RUNSPAN_PREVIEW is set, and is not empty, 0 or false, the user wants to see the
 * reports: runspan writes each span to standard error when it ends, and sends
 * nothing.
 *
 * If RUNSPAN_STRICT is set in the same way, a tool's author wants to see refusals. For
 * each refused attribute, resource attribute, span name, exception type and status,
 * and for each fault of the schema, runspan logs a line of level RUNSPAN_LOG_ERROR
 * with the key, the value and the rule. If there is no log callback, it writes these
 * lines to standard error. Without the variable it logs no values.
 *
 * runspan makes no other output.
 *
 * Several clients may be open at once, for one service or for several. They do not
 * affect each other. */
int runspan_open(const runspan_options *options, runspan_client *client);

/* Set an attribute of the client's resource. All spans of the client share the
 * resource. The first span fixes it: after that the result is TOO_LATE.
 * Errors: ARGUMENT, HANDLE, NAME, TYPE, VALUE, TOO_LONG, TOO_LATE. */
int runspan_set_resource_string(runspan_client client, const char *key, const char *value);
int runspan_set_resource_int(runspan_client client, const char *key, int64_t value);
int runspan_set_resource_double(runspan_client client, const char *key, double value);
int runspan_set_resource_bool(runspan_client client, const char *key, int value);

/* Begin a span, now. *span is 0 unless the result is RUNSPAN_DONE.
 * Errors: ARGUMENT, HANDLE, NAME, TOO_MANY (4096 spans are open). */
int runspan_begin(runspan_client client, const char *name, runspan_span *span);

/* Rename the span to another span of the schema. The result is NAME also if the
 * schema does not allow an attribute of this span under the new name. */
int runspan_set_name(runspan_span span, const char *name);

/* Set an attribute of the span; a second value for a key replaces the first. A
 * bool is 0 or not 0. runspan_set_attr_null sets an attribute without a value; any
 * key may have none. runspan_set_attr_strings copies count texts; values may be NULL
 * if count is 0.
 * Errors: ARGUMENT, HANDLE, NAME, TYPE, VALUE, TOO_LONG. */
int runspan_set_attr_string(runspan_span span, const char *key, const char *value);
int runspan_set_attr_int(runspan_span span, const char *key, int64_t value);
int runspan_set_attr_double(runspan_span span, const char *key, double value);
int runspan_set_attr_bool(runspan_span span, const char *key, int value);
int runspan_set_attr_strings(runspan_span span, const char *key, const char *const *values, size_t count);
int runspan_set_attr_null(runspan_span span, const char *key);

/* Set several attributes in one call, for callers whose calls are slow, such as an
 * interpreter's foreign functions. list has size bytes, at most 1 MiB: for each
 * attribute its key, a NUL, its value and a NUL. A value is a letter and a text:
 *     i  an int, in decimal          s  a text
 *     d  a double, in decimal,       b  a bool: 1 or 0
 *        or nan, inf, -inf           n  null: nothing follows
 * runspan sets the attributes that the schema allows and leaves the others out; the
 * result is the error of the first one that it left out. If the list does not have
 * this form, the result is ARGUMENT, and the attributes before the fault are set. */
int runspan_set_attrs(runspan_span span, const char *list, size_t size);

/* Add an "exception" event: an exception of this type ended the run. Pass the name
 * of the type, never a message; the schema lists the names that may leave. This does
 * not change the status that runspan_end sets.
 * Errors: ARGUMENT, HANDLE, NAME (the schema has no exceptions), VALUE, TOO_LONG,
 * TOO_MANY (16 events). */
int runspan_set_error(runspan_span span, const char *type);

/* End a span, now, with the run's outcome, and queue it for delivery in the
 * background. The handle is no longer valid. If the queue is full (4096 ended spans
 * that are not stored yet), wait for room, at most 250 ms and once.
 * DROPPED: the queue stayed full, and the span was not stored. If its standby (the
 * report of a run that might be killed) is on disk, a later run reports the span as
 * aborted.
 * Errors: ARGUMENT (no such status), HANDLE. */
int runspan_end(runspan_span span, runspan_status status);

/* Wait until nothing is left to send, at most timeout_ms milliseconds; 0 does not
 * wait. That includes spans that other threads end meanwhile, and the batches of
 * earlier runs.
 * Return early if waiting has no point: an attempt of this run or of an earlier one
 * has failed, and the pause after it is not over.
 * DONE: all spans of this client are delivered. Spans that the collector refused for
 * good (400, 401, 413 and others) are lost and count as delivered.
 * NOT_DELIVERED: the collector does not have all spans of this client; delivery goes
 * on. */
int runspan_flush(runspan_client client, uint32_t timeout_ms);

/* End the client's open spans, flush as runspan_flush does, and close the client.
 * The open spans end as aborted if the schema has an attribute for that; else they
 * are discarded. The handles of the client and of its spans are no longer valid. If
 * a batch is not written when the timeout has passed, wait for the disk for up to
 * 100 ms more. After NOT_DELIVERED a later run delivers the batches that are on
 * disk; or a process beside the host does at once, if the schema's linger_ms lets it. To
 * start it takes the last close a millisecond or two. */
int runspan_close(runspan_client client, uint32_t timeout_ms);

/* Ask whether the user or the site has opted out of the service's telemetry, as
 * runspan_open does first. This loads no core and writes no file.
 * DONE: neither has. Else the code that runspan_open would return.
 * Errors: ARGUMENT. */
int runspan_consent(const char *service);

/* Carry out a command of the user's about the telemetry of options' service. A tool
 * can offer it under its own name, such as "mytool telemetry status". argv has argc
 * words: a command (status, preview, show, check, on, off, purge, help) and its options,
 * such as --json. runspan_command writes UTF-8 text to the file descriptor fd, and sends
 * nothing. For other words it writes the list of commands. The user's switches are files
 * in $XDG_CONFIG_HOME/runspan, by default ~/.config/runspan, on macOS ~/Library/
 * Application Support/runspan; on Windows in %LOCALAPPDATA%\runspan: off for all
 * services, SERVICE.off for one. On Windows fd is a descriptor of the C library
 * ucrtbase.dll.
 *
 * check is for the author of a schema. It writes a line for each fault of
 * options.schema: the number of the schema's line, the reason, and the word that was
 * perhaps meant. Then *exit_status is 1. If the schema is valid, check writes the data
 * that a report may have: destination, limits, the fields of the resource and of each
 * span, and derived fields. The schema may be another service's, and telemetry may be
 * off.
 *
 * off, on and purge do their work before the core is loaded. If the core can't be
 * loaded, they and status only write whether telemetry is on.
 *
 * DONE: there is such a command, or not; *exit_status is 0 if the command was carried
 * out, 1 if it could not be (the reason is written), 2 if there is no such command.
 * After any other result *exit_status is 1, and nothing was written: preview, show and
 * check return a code from RUNSPAN_NO_ADDRESS_SPACE to RUNSPAN_PRIVILEGED, from
 * NO_PROCESS to NO_REAPER, or BUSY, if the core can't be loaded. exit_status may be NULL. Errors: ARGUMENT, INTERNAL. */
int runspan_command(const runspan_options *options, int argc, const char *const *argv, int fd, int *exit_status);

/* Return an English sentence for a return code: a static string, never NULL. */
const char *runspan_strerror(int code);

/* Return the state of a client: RUNSPAN_DONE if it is open, RUNSPAN_FORKED in a child
 * of the process that opened it, else HANDLE. For 0: the reason why the last
 * runspan_open of this process left telemetry off; RUNSPAN_OFF if there was no such
 * call. */
int runspan_state(runspan_client client);

/* Return an English sentence about the state of a client: for an open client where the
 * core is (in the host or beside it) and why; for 0 why telemetry is off. Where the core
 * can be in neither place it has both reasons. The text is valid until the thread's next
 * call. It is never NULL. */
const char *runspan_state_text(runspan_client client);

/* Return the version of the loaded library, "MAJOR.MINOR.PATCH": a static string.
 * RUNSPAN_VERSION is the version of this header. */
const char *runspan_version(void);

#ifdef __cplusplus
}
#endif

#endif
