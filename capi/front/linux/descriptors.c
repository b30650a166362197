/* SPDX-License-Identifier: MIT
 *
 * The descriptors 0, 1 and 2 are the host's, even if it has closed them.
 */
#define _GNU_SOURCE /* O_PATH */
#include "../front.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define STANDARDS 3

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int users;             /* calls of rs_fill_standard that have no rs_free_standard yet */
static int filled[STANDARDS]; /* by rs_fill_standard */

/* The fillers can be neither read nor written, so that the host's calls on a closed
 * descriptor fail as before. capi/guest/_overlay does the same for the core. */
void rs_fill_standard(void) {
    int saved = errno;

    pthread_mutex_lock(&lock);
    users++;
    for (int fd = 0; fd < STANDARDS; fd++) {
        int filler = fcntl(fd, F_GETFD) < 0 ? open("/", O_PATH | O_CLOEXEC) : -1;

        if (filler >= STANDARDS)
            close(filler); /* the host was first */
        else if (filler >= 0)
            filled[filler] = 1;
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
}

/* Closes the fillers, because a program may close a descriptor so that the next file
 * gets its number. The program may have opened a file there meanwhile. */
void rs_free_standard(void) {
    int saved = errno;

    pthread_mutex_lock(&lock);
    users--;
    for (int fd = 0; fd < STANDARDS && users == 0; fd++) {
        int flags = filled[fd] ? fcntl(fd, F_GETFL) : -1;

        if (flags >= 0 && (flags & O_PATH) != 0)
            close(fd);
        filled[fd] = 0;
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
}
