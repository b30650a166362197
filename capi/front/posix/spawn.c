/* SPDX-License-Identifier: MIT
 *
 * The program of a core beside its host: where it is, and its start with a socket.
 */
#include "../beside.h"
#include "../front.h"
#include "spawn.h"
#include "stream.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char core_path[RS_PATH_MAX];
static char program_path[RS_PATH_MAX];
static atomic_int spawn_error;

int rs_spawn_error(void) {
    return atomic_load(&spawn_error);
}

int rs_code_of(int error) {
    atomic_store(&spawn_error, error);
    switch (error) {
    case 0:
        return RUNSPAN_DONE;
    case EAGAIN:
        return RUNSPAN_NO_THREADS;
    case ENOMEM:
        return RUNSPAN_NO_ADDRESS_SPACE;
    case EMFILE:
    case ENFILE:
        return RUNSPAN_NO_DESCRIPTORS;
    case EPERM:
    case ENOSYS:
        return RUNSPAN_REFUSED;
    default:
        return RUNSPAN_NO_PROCESS;
    }
}

int rs_can_spawn(const char *core) {
    const char *slash = strrchr(core, '/');
    int n = slash == NULL ? -1 : snprintf(program_path, sizeof program_path, "%.*s/" RS_PROGRAM, (int)(slash - core), core);

    if (n < 0 || (size_t)n >= sizeof program_path)
        return RUNSPAN_NO_PROCESS;
    if (access(program_path, X_OK) != 0)
        return rs_code_of(errno);
    n = snprintf(core_path, sizeof core_path, "%s", core);
    if (n < 0 || (size_t)n >= sizeof core_path)
        return RUNSPAN_NO_PROCESS;
    return rs_may_spawn();
}

int rs_spawn(rs_stream *stream) {
    int pair[2], code, saved = errno;

    if (rs_socket_pair(pair) != 0)
        return RUNSPAN_NO_DESCRIPTORS;
    code = rs_start(program_path, core_path, pair[1]);
    close(pair[1]);
    if (code == RUNSPAN_DONE)
        *stream = rs_own_socket(pair[0]);
    else
        close(pair[0]);
    errno = saved;
    return code;
}
