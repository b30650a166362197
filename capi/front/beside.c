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
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a call that only touches memory waits for its answer, which mostly takes 20 µs.
 * A later call reads an answer that comes after that. The core may take 250 ms for end. */
#define ANSWER_MS 300

/* With so many answers late, calls wait no longer: the process is stopped, or has no
 * time. So it costs the host 0.6 s at the most. */
#define LATE_MAX 2

/* How long the process may take to start, or to open a client. */
#define STARTING_MS 3000

/* The longest default wait (RUNSPAN_DEFAULT_TIMEOUT_MS). */
#define DEFAULT_WAIT_MS 2000

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
        char *lines; /* of answers that came late, for the client's next call; or NULL */
        size_t size;
    } clients[CLIENTS];
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

/* What a thread had before it took the lock. */
typedef struct {
    int cancel;
    sigset_t mask;
} before;

/* Takes the lock. Until unlock the thread can't be cancelled, and no handler runs on it: a
 * thread that is cancelled, or leaves a handler by longjmp, would keep the lock. */
static before lock(void) {
    static const int keep[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    before state;
    sigset_t block;

    sigfillset(&block);
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
        sigdelset(&block, keep[i]);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state.cancel);
    pthread_sigmask(SIG_BLOCK, &block, &state.mask);
    pthread_mutex_lock(&beside.lock);
    return state;
}

static void unlock(const before *state) {
    pthread_mutex_unlock(&beside.lock);
    pthread_sigmask(SIG_SETMASK, &state->mask, NULL);
    pthread_setcancelstate(state->cancel, NULL);
}

/* Returns the place of a client, or of 0, which is a free one; -1 if there is none. */
static int place_of(uint64_t client) {
    for (int i = 0; i < CLIENTS; i++)
        if (beside.clients[i].handle == client)
            return i;
    return -1;
}

/* Returns the place of the client that an answer is for, or -1. */
static int place_for(const rs_reply *answer) {
    return answer->head.client == 0 ? -1 : place_of(answer->head.client);
}

/* Log lines, and the log that is to get them. */
typedef struct {
    uintptr_t log, data;
    char *late; /* lines of answers that came late; or NULL */
    size_t late_size;
    char *lines; /* of the call's answer; or NULL */
    size_t size;
} told;

/* Takes the log lines of an answer, and those of its client's late answers. The call was
 * one of that client's, so clients do not affect each other. The caller holds the lock. */
static told take_lines(rs_reply *answer) {
    told taken = {.lines = answer->lines, .size = answer->head.size};
    int place = place_for(answer);

    if (place >= 0) {
        taken.log = beside.clients[place].log;
        taken.data = beside.clients[place].data;
        taken.late = beside.clients[place].lines;
        taken.late_size = beside.clients[place].size;
        beside.clients[place].lines = NULL;
        beside.clients[place].size = 0;
    }
    answer->lines = NULL;
    return taken;
}

static void give(const told *to, const char *at, size_t left) {
    rs_line line;

    while (to->log != 0 && at != NULL && left > sizeof line) {
        memcpy(&line, at, sizeof line);
        at += sizeof line;
        left -= sizeof line;
        if (line.length >= left || at[line.length] != '\0')
            break;
        rs_tell(to->log, to->data, line.level, at, line.length);
        at += line.length + 1;
        left -= line.length + 1;
    }
}

/* Gives the lines to the log, and frees them. The lock is not held: the log may call
 * runspan. */
static void tell(told *taken) {
    give(taken, taken->late, taken->late_size);
    give(taken, taken->lines, taken->size);
    free(taken->late);
    free(taken->lines);
}

/* Keeps the log lines of a late answer for the client's next call. */
static void keep(rs_reply *answer) {
    int place = place_for(answer);
    size_t size = place < 0 ? 0 : beside.clients[place].size;
    char *lines = NULL;

    if (place >= 0 && answer->lines != NULL && size <= RS_ARGUMENTS_MAX)
        lines = realloc(beside.clients[place].lines, size + answer->head.size);
    if (lines != NULL) {
        memcpy(lines + size, answer->lines, answer->head.size);
        beside.clients[place].lines = lines;
        beside.clients[place].size = size + answer->head.size;
    }
    free(answer->lines);
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
        keep(&answer);
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
    before held = lock();
    told taken;

    if (beside.socket.fd < 0) {
        answer.head.code = beside.lost ? RUNSPAN_NO_PROCESS : RUNSPAN_E_HANDLE;
    } else if (!exchange(call, &answer)) {
        lose();
        answer.head.code = RUNSPAN_NO_PROCESS;
    }
    taken = take_lines(&answer);
    unlock(&held);
    tell(&taken);
    return answer.head.code;
}

/* Gives the lines of a call that has waited to its log, after those of the calls before. */
static void tell_all(rs_reply *answer) {
    before held = lock();
    told taken;

    if (beside.socket.fd >= 0 && !read_late(rs_now_ms()))
        lose();
    taken = take_lines(answer);
    unlock(&held);
    tell(&taken);
}

/* Makes a call that may wait. out: a descriptor for the core, or -1. */
static int call_and_wait(rs_message *call, long long milliseconds, int out, int *exit_status) {
    rs_reply answer = {.head = {.code = RUNSPAN_NO_PROCESS}};
    int pair[2], wrote = 0, got = 0;
    rs_socket own;
    before held;

    if (rs_is_too_long(call))
        return RUNSPAN_E_SCHEMA; /* nothing else can be so long */
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
    pthread_sigmask(SIG_SETMASK, &held.mask, NULL); /* handlers may run in a long wait */
    close(pair[1]);
    if (wrote && (got = rs_read_answer(&own, &answer, rs_now_ms() + milliseconds)) != 1)
        answer.head.code = RUNSPAN_NO_PROCESS;
    rs_close_socket(&own);
    pthread_setcancelstate(held.cancel, NULL);
    if (got == 1) {
        tell_all(&answer);
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
    if (code == RUNSPAN_DONE && (answer.lines == NULL || answer.lines[answer.head.size - 1] != '\0' ||
                                 strcmp(answer.lines, RUNSPAN_VERSION) != 0))
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

/* Counts one user of the process less. The process ends when there is none. */
static void count_less(void) {
    if (--beside.opened == 0)
        rs_close_socket(&beside.socket);
}

/* Forgets a client, unless another thread has. */
static void forget(uint64_t client) {
    before state = lock();
    int place = place_of(client);

    if (place >= 0) {
        free(beside.clients[place].lines);
        memset(&beside.clients[place], 0, sizeof beside.clients[place]);
        count_less();
    }
    unlock(&state);
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
    before state = lock();
    int place = place_of(0), code = place < 0 ? RUNSPAN_E_TOO_MANY : start();

    if (code == RUNSPAN_DONE) {
        beside.opened++;
        beside.clients[place].handle = handle;
        beside.clients[place].log = config->log;
        beside.clients[place].data = config->log_data;
    }
    unlock(&state);
    if (code != RUNSPAN_DONE)
        return code;
    rs_begin_call(&call, RS_CALL_open, handle);
    add_config(&call, config);
    code = call_and_wait(&call, STARTING_MS, -1, NULL);
    if (code == RUNSPAN_DONE)
        *client = handle;
    else
        forget(handle);
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
        timeout_ms = timeout_ms - RUNSPAN_CORE_SLICE < DEFAULT_WAIT_MS ? timeout_ms - RUNSPAN_CORE_SLICE : DEFAULT_WAIT_MS;
    return call_and_wait(&call, (long long)timeout_ms + RS_LATE_MS, -1, NULL);
}

static int flush(uint64_t client, uint32_t timeout_ms) {
    return wait_for(RS_CALL_flush, client, timeout_ms);
}

static int close_client(uint64_t client, uint32_t timeout_ms) {
    int code = wait_for(RS_CALL_close, client, timeout_ms);

    if (code != RUNSPAN_E_HANDLE)
        forget(client);
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
    before held = lock();
    int code = start();

    if (code == RUNSPAN_DONE)
        beside.opened++;
    unlock(&held);
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
    code = call_and_wait(&call, COMMAND_MS, fcntl(fd, F_GETFD) < 0 ? -1 : fd, exit_status);
    held = lock();
    count_less();
    unlock(&held);
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
