/* SPDX-License-Identifier: MIT
 *
 * Output. Without a command of the user's, runspan writes only for RUNSPAN_PREVIEW and
 * RUNSPAN_STRICT.
 */
#include "front.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int rs_write_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, text, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        text += n;
        size -= (size_t)n;
    }
    return 1;
}

/* If standard error is a pipe without a reader, SIGPIPE would end the host. So this
 * function blocks SIGPIPE, and removes it if the write has caused it. */
static void print(const char *text) {
    sigset_t pipe, before, pending;
    int was_pending, saved = errno;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    rs_write_all(STDERR_FILENO, text, strlen(text));
    if (!was_pending)
        rs_take_signal(&pipe);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
}

void rs_print(void *unused, int level, const char *line) {
    if (level == RUNSPAN_LOG_SPAN)
        print(line);
    rs_print_error(unused, level, line);
}

void rs_print_error(void *unused, int level, const char *line) {
    char text[1100]; /* the core cuts a line at 1,000 bytes */

    (void)unused;
    if (level != RUNSPAN_LOG_ERROR)
        return;
    snprintf(text, sizeof text, "runspan: %s\n", line);
    print(text);
}

void rs_print_off(const char *service, const char *reason) {
    char line[256];

    snprintf(line, sizeof line, "runspan: %.64s reports nothing: %s\n", service, reason);
    print(line);
}
