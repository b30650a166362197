/* SPDX-License-Identifier: MIT
 *
 * A core in a process of its own, beside the host: the functions of the contract, as
 * calls on its connection.
 */
#include "beside.h"
#include "front.h"

#include <stdlib.h>
#include <string.h>

/* The longest default wait (RUNSPAN_DEFAULT_TIMEOUT_MS). */
#define DEFAULT_WAIT_MS 2000

/* How long a user's command may take: its reader may be slow. */
#define COMMAND_MS 600000

static void add_config(rs_message *call, const runspan_core_config *config) {
    rs_add_number32(call, config->flags | (config->log != 0 ? RS_LOG : 0));
    rs_add_text(call, config->service);
    rs_add_text(call, config->schema);
    rs_add_text(call, config->endpoint);
    rs_add_text(call, config->spool);
    rs_add_text(call, config->proxy);
    rs_add_text(call, config->proxy_variable);
    rs_add_text(call, config->no_proxy);
    rs_add_text(call, config->cert_file);
    rs_add_text(call, config->cert_dir);
    rs_add_text(call, config->requests_bundle);
    rs_add_text(call, config->curl_bundle);
}

static int usable(void) {
    return RUNSPAN_DONE;
}

static const char *version(void) {
    return RUNSPAN_VERSION;
}

static int open_client(const runspan_core_config *config, uint64_t *client) {
    uint64_t handle = rs_new_handle();
    rs_message call;
    int code = rs_begin_use(handle, config->log, config->log_data);

    if (code != RUNSPAN_DONE)
        return code;
    rs_begin_call(&call, RS_CALL_open, handle);
    add_config(&call, config);
    code = rs_call_and_wait(&call, RS_STARTING_MS, -1, NULL);
    if (code == RUNSPAN_DONE)
        *client = handle;
    else
        rs_end_use(handle);
    return code;
}

/* Returns a list of texts in the form of frame.h, which the caller frees, or NULL. */
static char *packed(const runspan_core_value *value, size_t *size) {
    int known = value->length <= RUNSPAN_TEXT_MAX;
    uint32_t length = known ? (uint32_t)value->length : RS_NULL;
    size_t count = known ? value->length : 0;
    char *list, *at;

    *size = sizeof length;
    for (size_t i = 0; i < count; i++)
        *size += sizeof length + strnlen(value->texts[i], RUNSPAN_TEXT_MAX);
    if ((at = list = malloc(*size)) == NULL)
        return NULL;
    memcpy(at, &length, sizeof length);
    at += sizeof length;
    for (size_t i = 0; i < count; i++) {
        length = (uint32_t)strnlen(value->texts[i], RUNSPAN_TEXT_MAX);
        memcpy(at, &length, sizeof length);
        memcpy(at + sizeof length, value->texts[i], length);
        at += sizeof length + length;
    }
    return list;
}

static int set_value(uint32_t function, uint64_t handle, const char *key, size_t length, const runspan_core_value *value) {
    rs_message call;
    char *list = NULL;
    size_t size;
    int code;

    rs_begin_call(&call, function, handle);
    rs_add_bytes(&call, key, length);
    rs_add_number(&call, &value->kind, 1);
    switch (value->kind) {
    case 's':
        rs_add_bytes(&call, value->text, value->length);
        break;
    case 'i':
    case 'b':
        rs_add_number(&call, &value->integer, sizeof value->integer);
        break;
    case 'd':
        rs_add_number(&call, &value->number, sizeof value->number);
        break;
    case 't':
        if ((list = packed(value, &size)) == NULL)
            return RUNSPAN_E_INTERNAL;
        rs_add(&call, list, size);
        break;
    }
    code = rs_call_now(&call);
    free(list);
    return code;
}

static int set_resource(uint64_t client, const char *key, size_t length, const runspan_core_value *value) {
    return set_value(RS_CALL_set_resource, client, key, length, value);
}

static int begin(uint64_t client, const char *name, size_t length, uint64_t *span) {
    uint64_t handle = rs_new_handle();
    rs_message call;
    int code;

    rs_begin_call(&call, RS_CALL_begin, client);
    rs_add_number(&call, &handle, sizeof handle);
    rs_add_bytes(&call, name, length);
    code = rs_call_now(&call);
    if (code == RUNSPAN_DONE)
        *span = handle;
    return code;
}

static int set_name(uint64_t span, const char *name, size_t length) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_set_name, span);
    rs_add_bytes(&call, name, length);
    return rs_call_now(&call);
}

static int set(uint64_t span, const char *key, size_t length, const runspan_core_value *value) {
    return set_value(RS_CALL_set, span, key, length, value);
}

static int set_list(uint64_t span, const char *list, size_t size) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_set_list, span);
    if (size > 0)
        rs_add(&call, list, size);
    return rs_call_now(&call);
}

static int set_error(uint64_t span, const char *type, size_t length) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_set_error, span);
    rs_add_bytes(&call, type, length);
    return rs_call_now(&call);
}

static int end(uint64_t span, int status) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_end, span);
    rs_add_number32(&call, (uint32_t)status);
    return rs_call_now(&call);
}

static int wait_for(uint32_t function, uint64_t client, uint32_t timeout_ms) {
    rs_message call;

    rs_begin_call(&call, function, client);
    rs_add_number32(&call, timeout_ms);
    if (timeout_ms >= RUNSPAN_CORE_SLICE)
        timeout_ms = timeout_ms - RUNSPAN_CORE_SLICE < DEFAULT_WAIT_MS ? timeout_ms - RUNSPAN_CORE_SLICE : DEFAULT_WAIT_MS;
    return rs_call_and_wait(&call, (long long)timeout_ms + RS_LATE_MS, -1, NULL);
}

static int flush(uint64_t client, uint32_t timeout_ms) {
    return wait_for(RS_CALL_flush, client, timeout_ms);
}

static int close_client(uint64_t client, uint32_t timeout_ms) {
    int code = wait_for(RS_CALL_close, client, timeout_ms);

    if (code != RUNSPAN_E_HANDLE)
        rs_end_use(client);
    return code;
}

static int state(uint64_t client) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_state, client);
    return rs_call_now(&call);
}

/* A user's command: it may need the process without a client. */
static int command(const runspan_core_config *config, const runspan_core_request *request, int fd, int *exit_status) {
    rs_message call;
    int code = rs_begin_use(0, 0, 0);

    if (code != RUNSPAN_DONE)
        return code;
    rs_begin_call(&call, RS_CALL_command, 0);
    add_config(&call, config);
    rs_add_number32(&call, (uint32_t)request->last);
    rs_add_number32(&call, (uint32_t)request->json);
    rs_add_text(&call, request->name);
    rs_add_text(&call, request->why_off);
    rs_add_text(&call, request->core);
    rs_add_number32(&call, (uint32_t)request->count);
    for (int i = 0; i < request->count; i++)
        rs_add_text(&call, request->words[i]);
    code = rs_call_and_wait(&call, COMMAND_MS, fd, exit_status);
    rs_end_use(0);
    return code;
}

const runspan_core rs_beside = {
    .usable = usable,
    .version = version,
    .open = open_client,
    .set_resource = set_resource,
    .begin = begin,
    .set_name = set_name,
    .set = set,
    .set_list = set_list,
    .set_error = set_error,
    .end = end,
    .flush = flush,
    .close = close_client,
    .state = state,
    .command = command,
};
