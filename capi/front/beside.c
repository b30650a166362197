/* SPDX-License-Identifier: MIT
 *
 * A core in a process of its own, beside the host: the functions of the contract, as
 * calls on a stream socket (frame.h).
 */
#include "beside.h"
#include "frame.h"
#include "front.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a call that only touches memory waits for its answer. A later call reads an
 * answer that comes after that. */
#define ANSWER_MS 50

/* With so many answers late, calls wait no longer: the process is stopped, or has no
 * time. So it costs the host a quarter of a second at the most. */
#define LATE_MAX 5

/* How long the process may take to start, or to open a client. */
#define STARTING_MS 3000

/* How long a user's command may take: its reader may be slow. */
#define COMMAND_MS 600000

#define CLIENTS 64

/* The connection of this process. One lock guards it. */
static struct {
    pthread_mutex_t lock;
    rs_socket socket;
    int lost;        /* the process has ended or does not read: telemetry is off from now on */
    unsigned late;   /* answers that have not come yet, of calls that have returned */
    unsigned opened; /* clients */
    struct {
        uint64_t handle; /* 0: the place is free */
        uintptr_t log, data;
    } logs[CLIENTS];
} beside = {.lock = PTHREAD_MUTEX_INITIALIZER, .socket = {.fd = -1}};

static atomic_uint_fast64_t last_handle;

/* The next handle. The upper half is random for the process, so that a number from
 * another source is not a valid handle. */
static uint64_t new_handle(void) {
    uint64_t none = 0, first = ((uint64_t)rs_random() | 1) << 32;

    atomic_compare_exchange_strong(&last_handle, &none, first);
    return atomic_fetch_add(&last_handle, 1) + 1;
}

static void lose(void) {
    rs_close_socket(&beside.socket);
    beside.lost = 1;
}

/* Takes the lock. The thread can't be cancelled until unlock, for it would keep the
 * lock. */
static int lock(void) {
    int state = 0;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_mutex_lock(&beside.lock);
    return state;
}

static void unlock(int state) {
    pthread_mutex_unlock(&beside.lock);
    pthread_setcancelstate(state, NULL);
}

/* Gives the answer's log lines to their logs, and frees them. The lock is not held: a log
 * may call runspan. */
static void tell(rs_reply *answer) {
    const char *at = answer->lines;
    size_t left = at == NULL ? 0 : answer->head.size;
    rs_line line;

    while (left > sizeof line) {
        uintptr_t log = 0, data = 0;
        int state;

        memcpy(&line, at, sizeof line);
        at += sizeof line;
        left -= sizeof line;
        if (line.length >= left)
            break;
        state = lock();
        for (size_t i = 0; i < CLIENTS; i++)
            if (beside.logs[i].handle == line.client) {
                log = beside.logs[i].log;
                data = beside.logs[i].data;
            }
        unlock(state);
        if (log != 0)
            rs_tell(log, data, line.level, at, line.length);
        at += line.length + 1;
        left -= line.length + 1;
    }
    free(answer->lines);
    answer->lines = NULL;
}

/* Reads the answers of calls that have returned, as far as they have come. Returns 0 when
 * the process is lost. */
static int read_late(long long deadline) {
    rs_reply answer;

    while (beside.late > 0) {
        int got = rs_read_answer(&beside.socket, &answer, deadline);

        if (got < 0)
            return 0;
        if (got == 0)
            return 1;
        free(answer.lines);
        beside.late--;
    }
    return 1;
}

/* Writes a call, and reads its answer if it comes in time. Returns 0 when the process is
 * lost. */
static int exchange(rs_message *call, rs_reply *answer) {
    long long deadline;
    int got = 0;

    if (!read_late(rs_now_ms()) || !rs_write_call(&beside.socket, call, NULL, 0))
        return 0;
    deadline = rs_now_ms() + (beside.late < LATE_MAX ? ANSWER_MS : 0);
    if (!read_late(deadline))
        return 0;
    if (beside.late == 0)
        got = rs_read_answer(&beside.socket, answer, deadline);
    if (got == 0)
        beside.late++;
    return got >= 0;
}

/* Makes a call that does not wait, and returns its code: RUNSPAN_DONE if its answer does
 * not come in time. */
static int call_now(rs_message *call) {
    rs_reply answer = {.head = {.code = RUNSPAN_DONE}};
    int held = lock();

    if (beside.socket.fd < 0) {
        answer.head.code = beside.lost ? RUNSPAN_NO_PROCESS : RUNSPAN_E_HANDLE;
    } else if (!exchange(call, &answer)) {
        lose();
        answer.head.code = RUNSPAN_NO_PROCESS;
    }
    unlock(held);
    tell(&answer);
    return answer.head.code;
}

/* Makes a call that may wait. out: a descriptor for the core, or -1. */
static int call_and_wait(rs_message *call, long long milliseconds, int out, int *exit_status) {
    rs_reply answer = {.head = {.code = RUNSPAN_NO_PROCESS}};
    int pair[2], held, wrote = 0, got = 0;
    rs_socket own;

    if (rs_socket_pair(pair) != 0)
        return RUNSPAN_NO_DESCRIPTORS;
    own = rs_own_socket(pair[0]);
    held = lock();
    if (beside.socket.fd >= 0) {
        const int descriptors[] = {pair[1], out};

        wrote = rs_write_call(&beside.socket, call, descriptors, out < 0 ? 1 : 2);
        if (!wrote)
            lose();
    } else if (!beside.lost) {
        answer.head.code = RUNSPAN_E_HANDLE;
    }
    pthread_mutex_unlock(&beside.lock);
    close(pair[1]);
    if (wrote)
        got = rs_read_answer(&own, &answer, rs_now_ms() + milliseconds);
    rs_close_socket(&own);
    pthread_setcancelstate(held, NULL);
    if (got == 1) {
        tell(&answer);
        if (exit_status != NULL)
            *exit_status = answer.head.exit_status;
    }
    return answer.head.code;
}

/* Reads the greeting of a new process, and compares the versions. */
static int greeted(const rs_socket *socket) {
    rs_reply answer;
    int code, got = rs_read_answer(socket, &answer, rs_now_ms() + STARTING_MS);

    if (got != 1)
        return RUNSPAN_NO_PROCESS;
    code = answer.head.code;
    if (code == RUNSPAN_DONE && (answer.lines == NULL || strncmp(answer.lines, RUNSPAN_VERSION, answer.head.size) != 0))
        code = RUNSPAN_OTHER_CORE;
    free(answer.lines);
    return code;
}

/* Starts the process unless it runs. The caller holds the lock. */
static int start(void) {
    int fd, code = RUNSPAN_DONE;

    if (beside.lost)
        return RUNSPAN_NO_PROCESS;
    if (beside.socket.fd >= 0)
        return code;
    code = rs_spawn(&fd);
    if (code != RUNSPAN_DONE)
        return code;
    beside.socket = rs_own_socket(fd);
    code = greeted(&beside.socket);
    if (code != RUNSPAN_DONE)
        rs_close_socket(&beside.socket);
    beside.late = 0;
    return code;
}

/* Counts a client. The process ends when there is none. */
static void count_closed(uint64_t handle) {
    int state = lock();

    for (size_t i = 0; handle != 0 && i < CLIENTS; i++)
        if (beside.logs[i].handle == handle)
            beside.logs[i].handle = 0;
    if (beside.opened > 0 && --beside.opened == 0)
        rs_close_socket(&beside.socket);
    unlock(state);
}

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
    uint64_t handle = new_handle();
    rs_message call;
    int code, place = -1, state = lock();

    rs_begin_call(&call, RS_CALL_open, handle);
    for (int i = 0; i < CLIENTS; i++)
        if (beside.logs[i].handle == 0)
            place = i;
    code = place < 0 ? RUNSPAN_E_TOO_MANY : start();
    if (code == RUNSPAN_DONE) {
        beside.opened++;
        beside.logs[place].handle = handle;
        beside.logs[place].log = config->log;
        beside.logs[place].data = config->log_data;
    }
    unlock(state);
    if (code != RUNSPAN_DONE)
        return code;
    add_config(&call, config);
    code = call.head.size > RS_ARGUMENTS_MAX ? RUNSPAN_E_SCHEMA : call_and_wait(&call, STARTING_MS, -1, NULL);
    if (code == RUNSPAN_DONE)
        *client = handle;
    else
        count_closed(handle);
    return code;
}

/* Returns a list of texts in the form of frame.h, which the caller frees, or NULL. */
static char *packed(const runspan_core_value *value, size_t *size) {
    uint32_t length = (uint32_t)value->length;
    char *list, *at;

    *size = sizeof length;
    for (size_t i = 0; i < value->length; i++)
        *size += sizeof length + strnlen(value->texts[i], RUNSPAN_TEXT_MAX);
    if ((at = list = malloc(*size)) == NULL)
        return NULL;
    memcpy(at, &length, sizeof length);
    at += sizeof length;
    for (size_t i = 0; i < value->length; i++) {
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
        if (value->length > RUNSPAN_TEXT_MAX)
            return RUNSPAN_E_TOO_LONG;
        if ((list = packed(value, &size)) == NULL)
            return RUNSPAN_E_INTERNAL;
        rs_add(&call, list, size);
        break;
    }
    code = call_now(&call);
    free(list);
    return code;
}

static int set_resource(uint64_t client, const char *key, size_t length, const runspan_core_value *value) {
    return set_value(RS_CALL_set_resource, client, key, length, value);
}

static int begin(uint64_t client, const char *name, size_t length, uint64_t *span) {
    uint64_t handle = new_handle();
    rs_message call;
    int code;

    rs_begin_call(&call, RS_CALL_begin, client);
    rs_add_number(&call, &handle, sizeof handle);
    rs_add_bytes(&call, name, length);
    code = call_now(&call);
    if (code == RUNSPAN_DONE)
        *span = handle;
    return code;
}

static int set_name(uint64_t span, const char *name, size_t length) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_set_name, span);
    rs_add_bytes(&call, name, length);
    return call_now(&call);
}

static int set(uint64_t span, const char *key, size_t length, const runspan_core_value *value) {
    return set_value(RS_CALL_set, span, key, length, value);
}

static int set_list(uint64_t span, const char *list, size_t size) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_set_list, span);
    if (size > 0)
        rs_add(&call, list, size);
    return call_now(&call);
}

static int set_error(uint64_t span, const char *type, size_t length) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_set_error, span);
    rs_add_bytes(&call, type, length);
    return call_now(&call);
}

static int end(uint64_t span, int status) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_end, span);
    rs_add_number32(&call, (uint32_t)status);
    return call_now(&call);
}

static int wait_for(uint32_t function, uint64_t client, uint32_t timeout_ms) {
    rs_message call;

    rs_begin_call(&call, function, client);
    rs_add_number32(&call, timeout_ms);
    if (timeout_ms >= RUNSPAN_CORE_SLICE)
        timeout_ms -= RUNSPAN_CORE_SLICE;
    return call_and_wait(&call, (long long)timeout_ms + RS_LATE_MS, -1, NULL);
}

static int flush(uint64_t client, uint32_t timeout_ms) {
    return wait_for(RS_CALL_flush, client, timeout_ms);
}

static int close_client(uint64_t client, uint32_t timeout_ms) {
    int code = wait_for(RS_CALL_close, client, timeout_ms);

    if (code != RUNSPAN_E_HANDLE)
        count_closed(client);
    return code;
}

static int state(uint64_t client) {
    rs_message call;

    rs_begin_call(&call, RS_CALL_state, client);
    return call_now(&call);
}

/* A user's command: it may need the process without a client. */
static int command(const runspan_core_config *config, const runspan_core_request *request, int fd, int *exit_status) {
    rs_message call;
    int code, held = lock();

    rs_begin_call(&call, RS_CALL_command, 0);
    code = start();
    if (code == RUNSPAN_DONE)
        beside.opened++;
    unlock(held);
    if (code != RUNSPAN_DONE)
        return code;
    add_config(&call, config);
    rs_add_number32(&call, (uint32_t)request->last);
    rs_add_number32(&call, (uint32_t)request->json);
    rs_add_text(&call, request->name);
    rs_add_text(&call, request->why_off);
    rs_add_text(&call, request->core);
    rs_add_number32(&call, (uint32_t)request->count);
    for (int i = 0; i < request->count; i++)
        rs_add_text(&call, request->words[i]);
    code = call_and_wait(&call, COMMAND_MS, fcntl(fd, F_GETFD) < 0 ? -1 : fd, exit_status);
    count_closed(0);
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
