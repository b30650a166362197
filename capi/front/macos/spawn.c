/* SPDX-License-Identifier: MIT
 *
 * Starts the core's program, so that the host has no child while the program runs: a host
 * that waits for all its children would wait for the program, which waits for the end of
 * the host. A shell starts the program and ends at once. So the host has a child for some
 * milliseconds, inside of runspan_open, and gets its SIGCHLD. macOS has no way to start a
 * child without that; and to fork a host with threads is no better.
 */
#include "../front.h"
#include "../posix/spawn.h"
#include "../posix/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The shell gives a job in the background /dev/null as descriptor 0. So the socket has
 * another one at first. The core must not take the processor from the host while the host
 * works. */
#define SOCKET 3
static const char script[] = "cd / && { /usr/bin/nice -n 5 \"$0\" \"$@\" <&3 3<&- & }";

int rs_may_spawn(void) {
    return RUNSPAN_DONE;
}

/* The host may write to descriptors 0, 1 and 2 though it has closed them. Returns the
 * descriptor's copy, and closes it. */
static int above_standard(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, SOCKET + 1);

    close(fd);
    return copy;
}

/* There is no SOCK_CLOEXEC: a program that another thread starts at this moment inherits
 * the sockets. */
int rs_socket_pair(int pair[2]) {
    const int yes = 1;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        pair[i] = above_standard(pair[i]);
        if (pair[i] >= 0)
            setsockopt(pair[i], SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
    }
    if (pair[0] >= 0 && pair[1] >= 0)
        return 0;
    close(pair[0]);
    close(pair[1]);
    return -1;
}

/* The program gets no descriptor, no ignored or blocked signal and no terminal of the
 * host's. An ignored SIGPIPE and SIGXFSZ are not needed: Go has handlers for both. */
static int describe(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *files, int socket) {
    sigset_t all, none;
    int error;

    sigfillset(&all);
    sigemptyset(&none);
    if ((error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_CLOEXEC_DEFAULT |
                                                          POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)) == 0 &&
        (error = posix_spawnattr_setsigdefault(attributes, &all)) == 0 &&
        (error = posix_spawnattr_setsigmask(attributes, &none)) == 0 &&
        (error = posix_spawn_file_actions_adddup2(files, socket, SOCKET)) == 0 &&
        (error = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDWR, 0)) == 0 &&
        (error = posix_spawn_file_actions_adddup2(files, 0, 1)) == 0)
        error = posix_spawn_file_actions_adddup2(files, 0, 2);
    return error;
}

/* Runs the script. Returns an errno. */
static int run(char *const argv[], int socket) {
    char *no_environment[] = {NULL};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    pid_t shell;
    int error = posix_spawnattr_init(&attributes);

    if (error != 0)
        return error;
    if ((error = posix_spawn_file_actions_init(&files)) == 0) {
        if ((error = describe(&attributes, &files, socket)) == 0)
            error = posix_spawn(&shell, argv[0], &files, &attributes, argv, no_environment);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attributes);
    /* A handler of the host's may wait for the shell before this does. */
    while (error == 0 && waitpid(shell, NULL, 0) < 0 && errno == EINTR)
        ;
    return error;
}

int rs_start(char *program, char *core, int socket) {
    static char shell[] = "/bin/sh", option[] = "-c";
    char pid[16];

    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    return rs_code_of(run((char *const[]){shell, option, (char *)(uintptr_t)script, program, core, pid, NULL}, socket));
}
