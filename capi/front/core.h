/* SPDX-License-Identifier: MIT
 *
 * The functions and types between the front and the core. Both have the same
 * version: the loader compares runspan_core_version() with RUNSPAN_VERSION before it
 * uses anything else.
 *
 * The front passes each text with its length, which it measures with a bound. The
 * core copies the texts that it keeps. The core makes the handles.
 */
#ifndef RUNSPAN_CORE_H
#define RUNSPAN_CORE_H

/* The front exports the functions of this header, and no other (-fvisibility=hidden). */
#ifdef _WIN32
#pragma clang attribute push(__declspec(dllexport), apply_to = function)
#else
#pragma GCC visibility push(default)
#endif
#include "runspan.h"
#ifdef _WIN32
#pragma clang attribute pop
#else
#pragma GCC visibility pop
#endif

/* A little more than the longest text that any schema may allow. */
#define RUNSPAN_TEXT_MAX 4097u

/* The longest list of attributes: more than any span could have. */
#define RUNSPAN_LIST_MAX ((size_t)1 << 20)

/* The host's options and environment. Only service and schema may not be NULL. The
 * pointers are valid for the time of the call. */
typedef struct runspan_core_config {
    const char *service;
    const char *schema;
    const char *endpoint;
    const char *spool;          /* the service's folder; NULL: the core writes no files */
    const char *proxy;          /* the value of the first proxy variable that is set; NULL: none */
    const char *proxy_variable; /* the name of that variable */
    const char *no_proxy;
    const char *cert_file;
    const char *cert_dir;
    const char *requests_bundle;
    const char *curl_bundle;
    uintptr_t log;      /* a runspan_log. Both are numbers, because a Go pointer may */
    uintptr_t log_data; /* not have every value that a host puts into a void * */
    void (*tell)(uintptr_t log, uintptr_t log_data, int level, const char *line, size_t length);
    int (*spawn)(void); /* starts a core beside the host, and returns a socket to it, or -1 */
    uint32_t flags;
} runspan_core_config;

/* A flag with RUNSPAN_PREVIEW: show spans as tables, for people. */
#define RUNSPAN_CORE_TABLE 2u

/* A flag: log each refusal of the schema, with the value. */
#define RUNSPAN_CORE_STRICT 4u

/* This number plus milliseconds is a timeout too: a slice of the wait of
 * RUNSPAN_DEFAULT_TIMEOUT_MS. The next call goes on with the same wait. */
#define RUNSPAN_CORE_SLICE 0xFFFF0000u

/* A command of the user's that shows something. The front carries out the commands that
 * change something: command.c. */
typedef struct runspan_core_request {
    const char *name;          /* status, preview, show or check */
    const char *const *words;  /* of preview: the words of the span's name */
    int count;                 /* of the words; 0: the schema's first span */
    int last;                  /* of preview: the last report that was sent */
    int json;
    const char *why_off;       /* why telemetry is off, in words; NULL: it is on */
    const char *core;          /* where the core is, in words */
} runspan_core_request;

/* The value of an attribute. kind says which members have it: a letter of
 * runspan_set_attrs, or 't' for a list of texts. */
typedef struct runspan_core_value {
    char kind;                /* s, i, d, b, n or t */
    const char *text;         /* of s */
    const char *const *texts; /* of t; none is NULL */
    size_t length;            /* of text, in bytes; of texts, in texts */
    int64_t integer;          /* of i; of b: 0 or not */
    double number;            /* of d */
} runspan_core_value;

/* The core's functions: the return type, the name after runspan_core_, and the
 * arguments. An int is a code of runspan.h. usable and version are written in C, because
 * the loader calls them before it knows that the Go runtime has started. */
#define RUNSPAN_CORE_FUNCTIONS(F)                                                                                          \
    /* RUNSPAN_DONE, NO_ADDRESS_SPACE, NO_THREADS or FORKED. Unless it is DONE, call no other function. */                 \
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

/* The core's functions, as the loader has found them. */
typedef struct runspan_core {
#define F(type, name, arguments) type(*name) arguments;
    RUNSPAN_CORE_FUNCTIONS(F)
#undef F
} runspan_core;

#endif
