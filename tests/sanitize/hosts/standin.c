/* SPDX-License-Identifier: MIT
 *
 * A stand-in for the core, in C, which a tool sees through: it reads every byte
 * that the front passes on, and sends nothing. What it gives back Memcheck takes
 * for never written, as it may what comes from Go. At the end of the process it
 * writes how many calls there were.
 */
#include "core.h"
#include "memcheck.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define F(type, name, arguments) type runspan_core_##name arguments;
RUNSPAN_CORE_FUNCTIONS(F)
#undef F

#define CLIENTS 64u

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct shown {
    void (*tell)(uintptr_t log, uintptr_t log_data, int level, const char *line, size_t length);
    uintptr_t log, log_data;
} shown[CLIENTS]; /* what shows the spans of a client with RUNSPAN_PREVIEW */
static atomic_uint calls, handles;

static void read_bytes(const void *bytes, size_t size) {
    volatile unsigned char sum = 0; /* or Valgrind leaves the reads out */

    for (size_t i = 0; i < size; i++)
        sum ^= ((const unsigned char *)bytes)[i];
}

/* A text of that length, without a NUL in it. */
static void read_text(const char *text, size_t length) {
    if (length > RUNSPAN_TEXT_MAX || memchr(text, '\0', length) != NULL) {
        fprintf(stderr, "stand-in: a text is not as long as it is said to be\n");
        abort();
    }
}

static void read_string(const char *text) {
    if (text != NULL)
        read_bytes(text, strlen(text));
}

static void read_config(const runspan_core_config *config) {
    const char *const all[] = {
        config->service,  config->schema,    config->endpoint, config->spool,
        config->proxy,    config->no_proxy,  config->proxy_variable,
        config->cert_dir, config->cert_file, config->requests_bundle, config->curl_bundle,
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        read_string(all[i]);
}

static int called(void) {
    int code = RUNSPAN_DONE;

    calls++;
    rs_memcheck(RS_NEVER_WRITTEN, &code, sizeof code);
    return code;
}

__attribute__((destructor)) static void finish(void) {
    fprintf(stderr, "stand-in: %u calls\n", atomic_load(&calls));
}

int runspan_core_usable(void) {
    return RUNSPAN_DONE;
}

const char *runspan_core_version(void) {
    return RUNSPAN_VERSION;
}

int runspan_core_open(const runspan_core_config *config, uint64_t *client) {
    unsigned slot = handles++ % CLIENTS;

    read_config(config);
    pthread_mutex_lock(&mutex);
    shown[slot].tell = (config->flags & RUNSPAN_PREVIEW) != 0 && config->log != 0 ? config->tell : NULL;
    shown[slot].log = config->log;
    shown[slot].log_data = config->log_data;
    pthread_mutex_unlock(&mutex);
    *client = CLIENTS + slot;
    rs_memcheck(RS_NEVER_WRITTEN, client, sizeof *client);
    return called();
}

/* Reads the members that the value's kind names, and no others. */
static void read_value(const runspan_core_value *value) {
    switch (value->kind) {
    case 's':
        read_text(value->text, value->length);
        break;
    case 't':
        for (size_t i = 0; i < value->length && value->length <= RUNSPAN_TEXT_MAX; i++)
            read_string(value->texts[i]);
        break;
    case 'i':
    case 'b':
        read_bytes(&value->integer, sizeof value->integer);
        break;
    case 'd':
        read_bytes(&value->number, sizeof value->number);
        break;
    case 'n':
        break;
    default:
        fprintf(stderr, "stand-in: a value is of no kind\n");
        abort();
    }
}

int runspan_core_set_resource(uint64_t client, const char *key, size_t key_length, const runspan_core_value *value) {
    (void)client;
    read_text(key, key_length);
    read_value(value);
    return called();
}

int runspan_core_begin(uint64_t client, const char *name, size_t name_length, uint64_t *span) {
    read_text(name, name_length);
    *span = (uint64_t)(handles++ + 1) * CLIENTS + client % CLIENTS;
    rs_memcheck(RS_NEVER_WRITTEN, span, sizeof *span);
    return called();
}

int runspan_core_set_name(uint64_t span, const char *name, size_t name_length) {
    (void)span;
    read_text(name, name_length);
    return called();
}

int runspan_core_set(uint64_t span, const char *key, size_t key_length, const runspan_core_value *value) {
    return runspan_core_set_resource(span, key, key_length, value);
}

int runspan_core_set_list(uint64_t span, const char *list, size_t size) {
    (void)span;
    read_bytes(list, size);
    return called();
}

int runspan_core_set_error(uint64_t span, const char *type, size_t type_length) {
    return runspan_core_set_name(span, type, type_length);
}

int runspan_core_end(uint64_t span, int status) {
    struct shown to;

    read_bytes(&status, sizeof status);
    pthread_mutex_lock(&mutex);
    to = shown[span % CLIENTS];
    pthread_mutex_unlock(&mutex);
    if (to.tell != NULL) {
        int level = RUNSPAN_LOG_SPAN;
        size_t length = strlen("{}");
        char *line = malloc(length + 1); /* as the core's: gone when the log has returned */

        if (line == NULL)
            abort();
        memcpy(line, "{}", length + 1);
        rs_memcheck(RS_NEVER_WRITTEN, line, length + 1);
        rs_memcheck(RS_NEVER_WRITTEN, &level, sizeof level);
        rs_memcheck(RS_NEVER_WRITTEN, &length, sizeof length);
        to.tell(to.log, to.log_data, level, line, length);
        free(line);
    }
    return called();
}

int runspan_core_flush(uint64_t client, uint32_t timeout_ms) {
    (void)client;
    (void)timeout_ms;
    return called();
}

int runspan_core_close(uint64_t client, uint32_t timeout_ms) {
    return runspan_core_flush(client, timeout_ms);
}

int runspan_core_state(uint64_t client) {
    return runspan_core_flush(client, 0);
}

int runspan_core_command(const runspan_core_config *config, const runspan_core_request *asked, int fd, int *exit_status) {
    read_config(config);
    read_string(asked->name);
    read_string(asked->why_off);
    for (int i = 0; i < asked->count; i++)
        read_string(asked->words[i]);
    *exit_status = write(fd, "stand-in\n", 9) != 9;
    rs_memcheck(RS_NEVER_WRITTEN, exit_status, sizeof *exit_status);
    return called();
}
