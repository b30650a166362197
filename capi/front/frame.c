/* SPDX-License-Identifier: MIT
 *
 * Writes calls to a core in another process, and reads its answers (frame.h).
 */
#include "frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long a call may take to be written. */
#define WRITING_MS 2000

long long rs_now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

rs_socket rs_own_socket(int fd) {
    struct stat info = {0};

    return fstat(fd, &info) == 0 ? (rs_socket){fd, info.st_dev, info.st_ino} : (rs_socket){.fd = fd};
}

/* Is the descriptor's file still the socket? Sets errno if not. */
static int is_own(const rs_socket *socket) {
    struct stat info;
    int own = socket->fd >= 0 && fstat(socket->fd, &info) == 0 && info.st_dev == socket->device && info.st_ino == socket->inode;

    if (!own)
        errno = EBADF;
    return own;
}

void rs_close_socket(rs_socket *socket) {
    if (is_own(socket)) {
        shutdown(socket->fd, SHUT_RDWR);
        close(socket->fd);
    }
    socket->fd = -1;
}

/* Waits until the socket is ready. Returns 0 after the deadline. */
static int ready(int socket, short events, long long deadline) {
    struct pollfd p = {.fd = socket, .events = events};
    int n;

    do {
        long long left = deadline - rs_now_ms();

        n = poll(&p, 1, left > 0 ? (int)left : 0);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

/* Reads size bytes. Returns 1, 0 if none has come before the deadline, or -1 if the
 * stream has ended, or if the rest takes longer than RS_LATE_MS. */
static int read_all(const rs_socket *socket, void *to, size_t size, long long deadline) {
    char *at = to;
    size_t left = size;

    while (left > 0) {
        ssize_t n = is_own(socket) ? recv(socket->fd, at, left, MSG_DONTWAIT) : -1;

        if (n > 0) {
            if (left == size)
                deadline = rs_now_ms() + RS_LATE_MS;
            at += n;
            left -= (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            return -1;
        } else if (!ready(socket->fd, POLLIN, deadline)) {
            return left == size ? 0 : -1;
        }
    }
    return 1;
}

int rs_read_answer(const rs_socket *socket, rs_reply *answer, long long deadline) {
    int got = read_all(socket, &answer->head, sizeof answer->head, deadline);

    answer->lines = NULL;
    if (got == 1 && (answer->head.code < RUNSPAN_E_INTERNAL || answer->head.code > RUNSPAN_NO_REAPER))
        return -1;
    if (got != 1 || answer->head.size == 0)
        return got;
    if (answer->head.size > RS_ARGUMENTS_MAX || (answer->lines = malloc(answer->head.size)) == NULL)
        return -1;
    if (read_all(socket, answer->lines, answer->head.size, rs_now_ms() + RS_LATE_MS) == 1)
        return 1;
    free(answer->lines);
    answer->lines = NULL;
    return -1;
}

void rs_add(rs_message *call, const void *bytes, size_t size) {
    call->pieces[call->count++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    call->size += size;
}

void rs_add_number(rs_message *call, const void *bytes, size_t size) {
    memcpy(call->own + call->used, bytes, size);
    rs_add(call, call->own + call->used, size);
    call->used += size;
}

void rs_add_number32(rs_message *call, uint32_t n) {
    rs_add_number(call, &n, sizeof n);
}

void rs_add_bytes(rs_message *call, const char *bytes, size_t length) {
    rs_add_number32(call, bytes == NULL ? RS_NULL : (uint32_t)length);
    if (bytes != NULL && length > 0)
        rs_add(call, bytes, length);
}

void rs_add_text(rs_message *call, const char *bytes) {
    rs_add_bytes(call, bytes, bytes == NULL ? 0 : strlen(bytes));
}

void rs_begin_call(rs_message *call, uint32_t function, uint64_t handle) {
    call->head = (rs_call){.call = function, .handle = handle};
    call->pieces[0] = (struct iovec){.iov_base = &call->head, .iov_len = sizeof call->head};
    call->count = 1;
    call->used = 0;
    call->size = 0;
}

int rs_is_too_long(const rs_message *call) {
    return call->size > RS_ARGUMENTS_MAX;
}

int rs_write_call(const rs_socket *socket, rs_message *call, const int *descriptors, int count) {
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } rights = {{0}};
    struct msghdr message = {.msg_iov = call->pieces, .msg_iovlen = call->count};
    long long deadline = rs_now_ms() + WRITING_MS;

    call->head.size = (uint32_t)call->size;
    if (count > 0) {
        struct cmsghdr *header;

        message.msg_control = rights.bytes;
        message.msg_controllen = (socklen_t)CMSG_SPACE((size_t)count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = (socklen_t)CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, (size_t)count * sizeof(int));
    }
    while (message.msg_iovlen > 0) {
        ssize_t n = is_own(socket) ? sendmsg(socket->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;

        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return 0;
        if (n < 0 && !ready(socket->fd, POLLOUT, deadline))
            return 0;
        if (n <= 0)
            continue;
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
