/* SPDX-License-Identifier: MIT
 *
 * A core in a process of its own, beside the host: the functions of the contract, as
 * calls on a stream socket (frame.h).
 */
#include "beside.h"
#include "frame.h"
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* How long a call that only touches memory waits for its answer, in milliseconds. A
 * later call reads an answer that comes after that. */
#define PATIENCE 50

/* How long a call may take to be written, in milliseconds, before the process counts as
 * lost. */
#define WRITING 2000

/* How long the process may take to start, or to open a client, in milliseconds. */
#define STARTING 3000

/* How long the process may take beyond a call's own timeout, in milliseconds. */
#define ANSWERING 1000

/* How long a user's command may take, in milliseconds: its reader may be slow. */
#define COMMAND 600000

#define CLIENTS 64

/* The connection of this process. One lock guards it. */
static struct {
    pthread_mutex_t lock;
    int socket;      /* -1: there is none */
    int lost;        /* the process has ended or does not read: telemetry is off from now on */
    unsigned late;   /* answers that have not come yet, of calls that have returned */
    unsigned opened; /* clients */
    struct {
        uint64_t handle; /* 0: the place is free */
        uintptr_t log, data;
    } logs[CLIENTS];
} beside = {.lock = PTHREAD_MUTEX_INITIALIZER, .socket = -1};

static atomic_uint_fast64_t last_handle;

/* The next handle. The upper half is random for the process, so that a number from
 * another source is not a valid handle. */
static uint64_t new_handle(void) {
    uint64_t none = 0, first = ((uint64_t)rs_random() | 1) << 32;

    atomic_compare_exchange_strong(&last_handle, &none, first);
    return atomic_fetch_add(&last_handle, 1) + 1;
}

static long long now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until the socket is ready. Returns 0 after the deadline. */
static int ready(int socket, short events, long long deadline) {
    struct pollfd p = {.fd = socket, .events = events};
    int n;

    do {
        long long left = deadline - now_ms();

        n = poll(&p, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

/* Reads size bytes. Returns 1, 0 if none has come before the deadline, or -1 if the
 * stream has ended, or stops in the middle. */
static int read_all(int socket, void *to, size_t size, long long deadline) {
    char *at = to;
    size_t left = size;

    while (left > 0) {
        ssize_t n = recv(socket, at, left, MSG_DONTWAIT);

        if (n > 0) {
            at += n;
            left -= (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            return -1;
        } else if (!ready(socket, POLLIN, left == size ? deadline : now_ms() + ANSWERING)) {
            return left == size ? 0 : -1;
        }
    }
    return 1;
}

/* An answer, with its log lines, which the caller frees. */
struct answer {
    rs_answer head;
    char *lines;
};

static int read_answer(int socket, struct answer *answer, long long deadline) {
    int got = read_all(socket, &answer->head, sizeof answer->head, deadline);

    answer->lines = NULL;
    if (got != 1 || answer->head.size == 0)
        return got;
    if (answer->head.size > RS_ARGUMENTS_MAX || (answer->lines = malloc(answer->head.size)) == NULL)
        return -1;
    if (read_all(socket, answer->lines, answer->head.size, now_ms() + ANSWERING) == 1)
        return 1;
    free(answer->lines);
    answer->lines = NULL;
    return -1;
}

/* The arguments of a call, as pieces. Small pieces are in own. */
#define PIECES 64
struct call {
    rs_call head;
    struct iovec pieces[PIECES];
    int count;
    char own[PIECES * 8];
    size_t used;
};

static void piece(struct call *call, const void *bytes, size_t size) {
    call->pieces[call->count++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    call->head.size += (uint32_t)size;
}

/* Adds a number, or other small thing, which need not last. */
static void number(struct call *call, const void *bytes, size_t size) {
    memcpy(call->own + call->used, bytes, size);
    piece(call, call->own + call->used, size);
    call->used += size;
}

static void number32(struct call *call, uint32_t n) {
    number(call, &n, sizeof n);
}

static void text(struct call *call, const char *bytes, size_t length) {
    number32(call, bytes == NULL ? RS_NULL : (uint32_t)length);
    if (bytes != NULL && length > 0)
        piece(call, bytes, length);
}

static void whole_text(struct call *call, const char *bytes) {
    text(call, bytes, bytes == NULL ? 0 : strlen(bytes));
}

static struct call new_call(uint32_t function, uint64_t handle) {
    struct call call;

    call.head = (rs_call){.call = function, .handle = handle};
    call.pieces[0] = (struct iovec){.iov_base = NULL, .iov_len = sizeof call.head};
    call.count = 1;
    call.used = 0;
    return call;
}

/* Writes a call, with up to two descriptors. Returns 0 if nothing could be written, and
 * -1 if only a part was. */
static int write_call(int socket, struct call *call, const int *descriptors, int count) {
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } rights = {{0}};
    struct msghdr message = {.msg_iov = call->pieces, .msg_iovlen = (size_t)call->count};
    long long deadline = now_ms() + WRITING;
    int begun = 0;

    call->pieces[0].iov_base = &call->head;
    if (count > 0) {
        struct cmsghdr *header;

        message.msg_control = rights.bytes;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, (size_t)count * sizeof(int));
    }
    while (message.msg_iovlen > 0) {
        ssize_t n = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return begun ? -1 : 0;
        if (n < 0 && !ready(socket, POLLOUT, deadline))
            return begun ? -1 : 0;
        if (n <= 0)
            continue;
        begun = 1;
        message.msg_control = NULL;
        message.msg_controllen = 0;
        for (; message.msg_iovlen > 0 && (size_t)n >= message.msg_iov->iov_len; message.msg_iovlen--)
            n -= (ssize_t)message.msg_iov++->iov_len;
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + n;
            message.msg_iov->iov_len -= (size_t)n;
        }
    }
    return 1;
}

static void lose(void) {
    if (beside.socket >= 0)
        close(beside.socket);
    beside.socket = -1;
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
static void tell(struct answer *answer) {
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
    struct answer answer;

    while (beside.late > 0) {
        int got = read_answer(beside.socket, &answer, deadline);

        if (got < 0)
            return 0;
        if (got == 0)
            return 1;
        free(answer.lines);
        beside.late--;
    }
    return 1;
}

/* Makes a call that does not wait, and returns its code: RUNSPAN_DONE if its answer does
 * not come in time. */
static int call_now(struct call *call) {
    struct answer answer = {.head = {.code = RUNSPAN_DONE}};
    long long deadline = now_ms() + PATIENCE;
    int state = lock(), got = -1, wrote = 0;

    if (beside.socket < 0) {
        answer.head.code = beside.lost ? RUNSPAN_NO_CORE : RUNSPAN_E_HANDLE;
        unlock(state);
        return answer.head.code;
    }
    if (read_late(now_ms()) && (wrote = write_call(beside.socket, call, NULL, 0)) == 1) {
        got = read_late(deadline) ? (beside.late > 0 ? 0 : read_answer(beside.socket, &answer, deadline)) : -1;
        if (got == 0)
            beside.late++;
    }
    if (got < 0) {
        lose();
        answer.head.code = RUNSPAN_NO_CORE;
    }
    unlock(state);
    tell(&answer);
    return answer.head.code;
}

/* Makes a call that may wait. out: a descriptor for the core, or -1. */
static int call_and_wait(struct call *call, long long milliseconds, int out, int *exit_status) {
    struct answer answer = {.head = {.code = RUNSPAN_NO_CORE}};
    int own[2], state, wrote = 0, got = -1;

    if (rs_socket_pair(own) != 0)
        return RUNSPAN_NO_DESCRIPTORS;
    state = lock();
    if (beside.socket >= 0) {
        const int descriptors[] = {own[1], out};

        wrote = write_call(beside.socket, call, descriptors, out < 0 ? 1 : 2);
        if (wrote != 1)
            lose();
    } else if (!beside.lost) {
        answer.head.code = RUNSPAN_E_HANDLE;
    }
    pthread_mutex_unlock(&beside.lock);
    close(own[1]);
    if (wrote == 1)
        got = read_answer(own[0], &answer, now_ms() + milliseconds);
    close(own[0]);
    pthread_setcancelstate(state, NULL);
    if (got == 1) {
        tell(&answer);
        if (exit_status != NULL)
            *exit_status = answer.head.exit_status;
    }
    return answer.head.code;
}

/* Reads the greeting of a new process, and compares the versions. */
static int greeted(int socket) {
    struct answer answer;
    int code, got = read_answer(socket, &answer, now_ms() + STARTING);

    if (got != 1)
        return RUNSPAN_NO_CORE;
    code = answer.lines != NULL && strncmp(answer.lines, RUNSPAN_VERSION, answer.head.size) == 0 ? RUNSPAN_DONE
                                                                                                 : RUNSPAN_OTHER_CORE;
    free(answer.lines);
    return code;
}

/* Starts the process unless it runs. The caller holds the lock. */
static int start(void) {
    int code = RUNSPAN_DONE;

    if (beside.lost)
        return RUNSPAN_NO_CORE;
    if (beside.socket >= 0)
        return code;
    code = rs_spawn(&beside.socket);
    if (code == RUNSPAN_DONE && (code = greeted(beside.socket)) != RUNSPAN_DONE) {
        close(beside.socket);
        beside.socket = -1;
    }
    beside.late = 0;
    return code;
}

/* Counts a client. The process ends when there is none. */
static void count_closed(uint64_t handle) {
    int state = lock();

    for (size_t i = 0; handle != 0 && i < CLIENTS; i++)
        if (beside.logs[i].handle == handle)
            beside.logs[i].handle = 0;
    if (beside.opened > 0 && --beside.opened == 0 && beside.socket >= 0) {
        close(beside.socket);
        beside.socket = -1;
    }
    unlock(state);
}

static void add_config(struct call *call, const runspan_core_config *config) {
    number32(call, config->flags | (config->log != 0 ? RS_LOG : 0));
    whole_text(call, config->service);
    whole_text(call, config->schema);
    whole_text(call, config->endpoint);
    whole_text(call, config->spool);
    whole_text(call, config->proxy);
    whole_text(call, config->proxy_variable);
    whole_text(call, config->no_proxy);
    whole_text(call, config->cert_file);
    whole_text(call, config->cert_dir);
    whole_text(call, config->requests_bundle);
    whole_text(call, config->curl_bundle);
}

static int usable(void) {
    return RUNSPAN_DONE;
}

static const char *version(void) {
    return RUNSPAN_VERSION;
}

static int open_client(const runspan_core_config *config, uint64_t *client) {
    uint64_t handle = new_handle();
    struct call call = new_call(RS_CALL_open, handle);
    int code, place = -1, state = lock();

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
    number(&call, &handle, sizeof handle);
    add_config(&call, config);
    code = call.head.size > RS_ARGUMENTS_MAX ? RUNSPAN_E_SCHEMA : call_and_wait(&call, STARTING, -1, NULL);
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
    struct call call = new_call(function, handle);
    char *list = NULL;
    size_t size;
    int code;

    text(&call, key, length);
    number(&call, &value->kind, 1);
    switch (value->kind) {
    case 's':
        text(&call, value->text, value->length);
        break;
    case 'i':
    case 'b':
        number(&call, &value->integer, sizeof value->integer);
        break;
    case 'd':
        number(&call, &value->number, sizeof value->number);
        break;
    case 't':
        if (value->length > RUNSPAN_TEXT_MAX)
            return RUNSPAN_E_TOO_LONG;
        if ((list = packed(value, &size)) == NULL)
            return RUNSPAN_E_INTERNAL;
        piece(&call, list, size);
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
    struct call call = new_call(RS_CALL_begin, client);
    int code;

    number(&call, &handle, sizeof handle);
    text(&call, name, length);
    code = call_now(&call);
    if (code == RUNSPAN_DONE)
        *span = handle;
    return code;
}

static int set_name(uint64_t span, const char *name, size_t length) {
    struct call call = new_call(RS_CALL_set_name, span);

    text(&call, name, length);
    return call_now(&call);
}

static int set(uint64_t span, const char *key, size_t length, const runspan_core_value *value) {
    return set_value(RS_CALL_set, span, key, length, value);
}

static int set_list(uint64_t span, const char *list, size_t size) {
    struct call call = new_call(RS_CALL_set_list, span);

    if (size > 0)
        piece(&call, list, size);
    return call_now(&call);
}

static int set_error(uint64_t span, const char *type, size_t length) {
    struct call call = new_call(RS_CALL_set_error, span);

    text(&call, type, length);
    return call_now(&call);
}

static int end(uint64_t span, int status) {
    struct call call = new_call(RS_CALL_end, span);

    number32(&call, (uint32_t)status);
    return call_now(&call);
}

static int wait_for(uint32_t function, uint64_t client, uint32_t timeout_ms) {
    struct call call = new_call(function, client);

    number32(&call, timeout_ms);
    return call_and_wait(&call, (timeout_ms < RUNSPAN_CORE_SLICE ? timeout_ms : timeout_ms - RUNSPAN_CORE_SLICE) + (long long)ANSWERING, -1, NULL);
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
    struct call call = new_call(RS_CALL_state, client);

    return call_now(&call);
}

/* A user's command: it may need the process without a client. */
static int command(const runspan_core_config *config, const runspan_core_request *request, int fd, int *exit_status) {
    struct call call = new_call(RS_CALL_command, 0);
    int code, held = lock();

    code = start();
    if (code == RUNSPAN_DONE)
        beside.opened++;
    unlock(held);
    if (code != RUNSPAN_DONE)
        return code;
    add_config(&call, config);
    number32(&call, (uint32_t)request->last);
    number32(&call, (uint32_t)request->json);
    whole_text(&call, request->name);
    whole_text(&call, request->why_off);
    number32(&call, (uint32_t)request->count);
    for (int i = 0; i < request->count; i++)
        whole_text(&call, request->words[i]);
    code = call_and_wait(&call, COMMAND, fcntl(fd, F_GETFD) < 0 ? -1 : fd, exit_status);
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
