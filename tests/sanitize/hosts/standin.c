/* SPDX-License-Identifier: MIT
 *
 * A stand-in for the core, in C, which a tool sees through: it reads every byte
 * that the front passes on, and sends nothing. At the end of the process it
 * writes how many calls there were.
 */
#include "core.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS 64u

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    runspan_log log;
    void *data;
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
        config->service,    config->schema,   config->endpoint,  config->spool,    config->https_proxy,
        config->http_proxy, config->no_proxy, config->cert_file, config->cert_dir,
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        read_string(all[i]);
}

static int called(void) {
    calls++;
    return RUNSPAN_DONE;
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
    int preview = (config->flags & RUNSPAN_PREVIEW) != 0;

    read_config(config);
    pthread_mutex_lock(&mutex);
    shown[slot].log = preview ? (runspan_log)config->log : NULL;
    shown[slot].data = (void *)config->log_data;
    pthread_mutex_unlock(&mutex);
    *client = CLIENTS + slot;
    return called();
}

int runspan_core_set_resource_string(uint64_t client, const char *key, size_t key_len, const char *value, size_t value_len) {
    (void)client;
    read_text(key, key_len);
    read_text(value, value_len);
    return called();
}

int runspan_core_set_resource_int(uint64_t client, const char *key, size_t key_len, int64_t value) {
    (void)client;
    read_text(key, key_len);
    read_bytes(&value, sizeof value);
    return called();
}

int runspan_core_set_resource_double(uint64_t client, const char *key, size_t key_len, double value) {
    (void)client;
    read_text(key, key_len);
    read_bytes(&value, sizeof value);
    return called();
}

int runspan_core_set_resource_bool(uint64_t client, const char *key, size_t key_len, int value) {
    return runspan_core_set_resource_int(client, key, key_len, value);
}

int runspan_core_begin(uint64_t client, const char *name, size_t name_len, uint64_t *span) {
    read_text(name, name_len);
    *span = (uint64_t)(handles++ + 1) * CLIENTS + client % CLIENTS;
    return called();
}

int runspan_core_set_name(uint64_t span, const char *name, size_t name_len) {
    (void)span;
    read_text(name, name_len);
    return called();
}

int runspan_core_set_attr_string(uint64_t span, const char *key, size_t key_len, const char *value, size_t value_len) {
    return runspan_core_set_resource_string(span, key, key_len, value, value_len);
}

int runspan_core_set_attr_int(uint64_t span, const char *key, size_t key_len, int64_t value) {
    return runspan_core_set_resource_int(span, key, key_len, value);
}

int runspan_core_set_attr_double(uint64_t span, const char *key, size_t key_len, double value) {
    return runspan_core_set_resource_double(span, key, key_len, value);
}

int runspan_core_set_attr_bool(uint64_t span, const char *key, size_t key_len, int value) {
    return runspan_core_set_resource_int(span, key, key_len, value);
}

int runspan_core_set_attr_strings(uint64_t span, const char *key, size_t key_len, const char *const *values, size_t count) {
    (void)span;
    read_text(key, key_len);
    for (size_t i = 0; i < count; i++)
        read_string(values[i]);
    return called();
}

int runspan_core_set_attr_null(uint64_t span, const char *key, size_t key_len) {
    return runspan_core_set_name(span, key, key_len);
}

int runspan_core_set_attrs(uint64_t span, const char *list, size_t size) {
    (void)span;
    read_bytes(list, size);
    return called();
}

int runspan_core_set_error(uint64_t span, const char *type, size_t type_len) {
    return runspan_core_set_name(span, type, type_len);
}

int runspan_core_end(uint64_t span, int status) {
    runspan_log log;
    void *data;

    read_bytes(&status, sizeof status);
    pthread_mutex_lock(&mutex);
    log = shown[span % CLIENTS].log;
    data = shown[span % CLIENTS].data;
    pthread_mutex_unlock(&mutex);
    if (log != NULL) {
        char *line = malloc(sizeof "{}"); /* as the core's: gone when the log has returned */

        if (line == NULL)
            abort();
        log(data, RUNSPAN_LOG_SPAN, strcpy(line, "{}"));
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

int runspan_core_command(const runspan_core_config *config, const runspan_core_user *user, int argc, const char *const *argv, int fd) {
    read_config(config);
    read_string(user->switches);
    read_string(user->why_off(config->service));
    for (int i = 0; i < argc; i++)
        read_string(argv[i]);
    return write(fd, "stand-in\n", 9) == 9 ? called() : 1;
}
