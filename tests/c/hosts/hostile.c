/* SPDX-License-Identifier: MIT
 *
 * In place of runspan-core: greets, and then does not behave. It ends with its socket, or
 * after a minute. calls_test.go compiles it with MISBEHAVIOUR:
 *
 *     0  does not even greet      3  answers open, and then half an answer
 *     1  greets, and reads nothing 4  answers open, and ends
 *     2  answers with garbage
 */
#include "frame.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads what has come. Returns the descriptor that came with it, or -1; ends at the end. */
static int take(char *bytes, size_t size) {
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } rights;
    struct iovec piece = {bytes, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights};
    struct cmsghdr *header;
    int own = -1;

    if (recvmsg(STDIN_FILENO, &message, 0) <= 0)
        exit(0);
    header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        memcpy(&own, CMSG_DATA(header), sizeof own);
    return own;
}

static void say(int to, const void *bytes, size_t size) {
    if (write(to, bytes, size) < 0)
        exit(0);
}

int main(void) {
    static char bytes[1 << 18], garbage[64];
    const rs_answer greeting = {.size = sizeof RUNSPAN_VERSION}, done = {0};
    int opened = 0;

    alarm(60);
    memset(garbage, 0xa5, sizeof garbage);
    if (MISBEHAVIOUR > 0) {
        say(STDIN_FILENO, &greeting, sizeof greeting);
        say(STDIN_FILENO, RUNSPAN_VERSION, sizeof RUNSPAN_VERSION);
    }
    while (MISBEHAVIOUR > 1) {
        int own = take(bytes, sizeof bytes), to = own < 0 ? STDIN_FILENO : own;

        if (MISBEHAVIOUR == 2)
            say(to, garbage, sizeof garbage);
        else if (own < 0 || opened++)
            say(to, &done, 7);
        else
            say(to, &done, sizeof done);
        if (MISBEHAVIOUR == 4)
            return 0;
    }
    for (;;)
        pause();
}
