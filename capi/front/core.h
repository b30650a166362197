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

/* As a timeout, with so many milliseconds added: a slice of the wait that
 * RUNSPAN_DEFAULT_TIMEOUT_MS stands for, which goes on with the next one. */
#define RUNSPAN_CORE_SLICE 0xFFFF0000u

/* A command of the user's that shows something. Those that change something the
 * front carries out by itself: command.c. */
typedef struct runspan_core_request {
    const char *name;          /* status, preview or show */
    const char *const *words;  /* of preview: the words of the span's name */
    int count;                 /* of the words; 0: the schema's first span */
    int last;                  /* of preview: the last report that was sent */
    int json;
    const char *why_off;       /* why telemetry is off, in words; NULL: it is on */
} runspan_core_request;

/* The core's functions, as the loader finds them. The names are
 * runspan_core_ and then the member's. */
typedef struct runspan_core {
    int (*usable)(void); /* RUNSPAN_DONE, NO_THREADS or FORKED; in C. Where it is not, nothing else may be called */
    const char *(*version)(void); /* in C, as well */
    int (*open)(const runspan_core_config *, uint64_t *client);
    int (*set_resource_string)(uint64_t client, const char *key, size_t key_len, const char *value, size_t value_len);
    int (*set_resource_int)(uint64_t client, const char *key, size_t key_len, int64_t value);
    int (*set_resource_double)(uint64_t client, const char *key, size_t key_len, double value);
    int (*set_resource_bool)(uint64_t client, const char *key, size_t key_len, int value);
    int (*begin)(uint64_t client, const char *name, size_t name_len, uint64_t *span);
    int (*set_name)(uint64_t span, const char *name, size_t name_len);
    int (*set_attr_string)(uint64_t span, const char *key, size_t key_len, const char *value, size_t value_len);
    int (*set_attr_int)(uint64_t span, const char *key, size_t key_len, int64_t value);
    int (*set_attr_double)(uint64_t span, const char *key, size_t key_len, double value);
    int (*set_attr_bool)(uint64_t span, const char *key, size_t key_len, int value);
    int (*set_attr_strings)(uint64_t span, const char *key, size_t key_len, const char *const *values, size_t count);
    int (*set_attr_null)(uint64_t span, const char *key, size_t key_len);
    int (*set_attrs)(uint64_t span, const char *list, size_t size);
    int (*set_error)(uint64_t span, const char *type, size_t type_len);
    int (*end)(uint64_t span, int status);
    int (*flush)(uint64_t client, uint32_t timeout_ms);
    int (*close)(uint64_t client, uint32_t timeout_ms);
    int (*state)(uint64_t client);
    int (*command)(const runspan_core_config *, const runspan_core_request *, int fd, int *exit_status);
} runspan_core;

/* capi/threads.c */
int runspan_core_usable(void);
const char *runspan_core_version(void);

#endif
