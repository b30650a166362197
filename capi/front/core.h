/* SPDX-License-Identifier: MIT
 *
 * What the front asks of the core, and all that passes between them. The two
 * are always of one version: the loader compares runspan_core_version() with
 * RUNSPAN_VERSION before it uses anything else.
 *
 * Text comes with its length, measured here with a bound, and is not copied on
 * the way: the core copies what it keeps. Handles are the core's own.
 */
#ifndef RUNSPAN_CORE_H
#define RUNSPAN_CORE_H

#include "runspan.h"

/* A little more than the longest text that any schema may allow. */
#define RUNSPAN_TEXT_MAX 4097u

/* The longest list of attributes: more than any span could have. */
#define RUNSPAN_LIST_MAX ((size_t)1 << 20)

/* Everything that the core has to know of the host. Pointers may be NULL but
 * for service and schema, and need to last for the call only. */
typedef struct runspan_core_config {
    const char *service;
    const char *schema;
    const char *endpoint;
    const char *spool; /* the service's folder; NULL: nothing is written */
    const char *proxy;          /* what the first variable says that is set to one; NULL: none */
    const char *proxy_variable; /* its name */
    const char *no_proxy;
    const char *cert_file;
    const char *cert_dir;
    const char *requests_bundle;
    const char *curl_bundle;
    uintptr_t log;      /* a runspan_log; as a number, because a Go pointer may */
    uintptr_t log_data; /* not hold whatever a host puts into a void * */
    void (*tell)(uintptr_t log, uintptr_t log_data, int level, const char *line, size_t length);
    uint32_t flags;
} runspan_core_config;

/* With RUNSPAN_PREVIEW: spans are shown as a table, for people. */
#define RUNSPAN_CORE_TABLE 2u

/* What the schema refuses is logged, with its value. */
#define RUNSPAN_CORE_STRICT 4u

/* As a timeout, with so many milliseconds added: a slice of the wait that
 * RUNSPAN_DEFAULT_TIMEOUT_MS stands for, which goes on with the next one. */
#define RUNSPAN_CORE_SLICE 0xFFFF0000u

/* A command of the user's that shows something. Those that change something the
 * front carries out by itself: command.c. */
typedef struct runspan_core_request {
    const char *name;          /* status, preview, show or check */
    const char *const *words;  /* of preview: the words of the span's name */
    int count;                 /* of the words; 0: the schema's first span */
    int last;                  /* of preview: the last report that was sent */
    int json;
    const char *why_off;       /* why telemetry is off, in words; NULL: it is on */
} runspan_core_request;

/* A value of an attribute. kind says which members count: it is a letter of
 * runspan_set_attrs, or 't' for a list of texts, for which that has no letter. */
typedef struct runspan_core_value {
    char kind;                /* s, i, d, b, n or t */
    const char *text;         /* of s */
    const char *const *texts; /* of t; none is NULL */
    size_t length;            /* of text, in bytes; of texts, in texts */
    int64_t integer;          /* of i; of b: 0 or not */
    double number;            /* of d */
} runspan_core_value;

/* The core's functions: the type that each returns, its name after runspan_core_, and
 * its arguments. An int is a code of runspan.h. usable and version are in C: the loader
 * calls them first, before the Go runtime is known to have started. */
#define RUNSPAN_CORE_FUNCTIONS(F)                                                                                          \
    /* RUNSPAN_DONE, NO_THREADS or FORKED. Where it is not DONE, nothing else may be called. */                            \
    F(int, usable, (void))                                                                                                 \
    F(const char *, version, (void))                                                                                       \
    F(int, open, (const runspan_core_config *config, uint64_t *client))                                                    \
    F(int, set_resource, (uint64_t client, const char *key, size_t key_length, const runspan_core_value *value))           \
    F(int, begin, (uint64_t client, const char *name, size_t name_length, uint64_t *span))                                 \
    F(int, set_name, (uint64_t span, const char *name, size_t name_length))                                                \
    F(int, set, (uint64_t span, const char *key, size_t key_length, const runspan_core_value *value))                      \
    F(int, set_list, (uint64_t span, const char *list, size_t size)) /* as runspan_set_attrs describes the list */         \
    F(int, set_error, (uint64_t span, const char *type, size_t type_length))                                               \
    F(int, end, (uint64_t span, int status))                                                                               \
    F(int, flush, (uint64_t client, uint32_t timeout_ms))                                                                  \
    F(int, close, (uint64_t client, uint32_t timeout_ms))                                                                  \
    F(int, state, (uint64_t client)) /* RUNSPAN_DONE: the client is open */                                                \
    F(int, command, (const runspan_core_config *config, const runspan_core_request *request, int fd, int *exit_status))

/* The core, as the loader finds it. */
typedef struct runspan_core {
#define F(type, name, arguments) type(*name) arguments;
    RUNSPAN_CORE_FUNCTIONS(F)
#undef F
} runspan_core;

#endif
