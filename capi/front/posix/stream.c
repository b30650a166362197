/* SPDX-License-Identifier: MIT
 *
 * The stream to a core beside the host: a stream socket.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

long long rs_now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

rs_stream rs_own_socket(int fd) {
    struct stat info = {0};

    return fstat(fd, &info) == 0 ? (rs_stream){fd, info.st_dev, info.st_ino} : (rs_stream){.fd = fd};
}

int rs_is_open(const rs_stream *stream) {
    return stream->fd >= 0;
}

/* Is the descriptor's file still the socket? Sets errno if not. */
static int is_own(const rs_stream *stream) {
    struct stat info;
    int own = stream->fd >= 0 && fstat(stream->fd, &info) == 0 && info.st_dev == stream->device && info.st_ino == stream->inode;

    if (!own)
        errno = EBADF;
    return own;
}

int rs_make_stream(rs_stream *own, rs_end *of_core) {
    int pair[2];

    if (rs_socket_pair(pair) != 0)
        return 0;
    *own = rs_own_socket(pair[0]);
    *of_core = pair[1];
    return 1;
}

void rs_close_stream(rs_stream *stream) {
    if (is_own(stream)) {
        shutdown(stream->fd, SHUT_RDWR);
        close(stream->fd);
    }
    stream->fd = -1;
}

void rs_close_end(rs_end end) {
    close(end);
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

int rs_read_all(const rs_stream *stream, void *to, size_t size, long long deadline) {
    char *at = to;
    size_t left = size;

    while (left > 0) {
        ssize_t n = is_own(stream) ? recv(stream->fd, at, left, MSG_DONTWAIT) : -1;

        if (n > 0) {
            if (left == size)
                deadline = rs_now_ms() + RS_LATE_MS;
            at += n;
            left -= (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            return -1;
        } else if (!ready(stream->fd, POLLIN, deadline)) {
            return left == size ? 0 : -1;
        }
    }
    return 1;
}

/* Room for the two descriptors that a call may hand over. */
typedef union {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr align;
} rights;

/* Puts the descriptors into a message. A descriptor that the host has closed is none. */
static void hand(struct msghdr *message, rights *room, const rs_handed *handed) {
    const int descriptors[] = {handed->answer, handed->output};
    size_t size = (handed->output >= 0 && fcntl(handed->output, F_GETFD) >= 0 ? 2 : 1) * sizeof(int);
    struct cmsghdr *header;

    memset(room, 0, sizeof *room);
    message->msg_control = room->bytes;
    message->msg_controllen = (socklen_t)CMSG_SPACE(size);
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = (socklen_t)CMSG_LEN(size);
    memcpy(CMSG_DATA(header), descriptors, size);
}

/* Drops the bytes that are written. */
static void drop(struct msghdr *message, size_t n) {
    message->msg_control = NULL;
    message->msg_controllen = 0;
    for (; message->msg_iovlen > 0 && n >= message->msg_iov->iov_len; message->msg_iovlen--)
        n -= message->msg_iov++->iov_len;
    if (message->msg_iovlen > 0) {
        message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + n;
        message->msg_iov->iov_len -= n;
    }
}

int rs_write_call(const rs_stream *stream, const rs_message *call, rs_handed *handed) {
    struct iovec pieces[RS_PIECES];
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = call->count};
    long long deadline = rs_now_ms() + RS_WRITING_MS;
    rights room;

    for (size_t i = 0; i < call->count; i++)
        pieces[i] = (struct iovec){.iov_base = (void *)(uintptr_t)call->pieces[i].bytes, .iov_len = call->pieces[i].size};
    if (handed != NULL)
        hand(&message, &room, handed);
    while (message.msg_iovlen > 0) {
        ssize_t n = is_own(stream) ? sendmsg(stream->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;

        if (n > 0)
            drop(&message, (size_t)n);
        else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return 0;
        else if (n < 0 && !ready(stream->fd, POLLOUT, deadline))
            return 0;
    }
    return 1;
}
