/* SPDX-License-Identifier: MIT
 *
 * The clients of a core beside the host, and the log lines for them.
 */
#include "beside.h"
#include "front.h"

#include <stdlib.h>
#include <string.h>

#define CLIENTS 64

static struct {
    uint64_t handle; /* 0: the place is free */
    uintptr_t log, data;
    char *lines; /* of answers that came late, for the client's next call; or NULL */
    size_t size;
} clients[CLIENTS];

/* Returns the place of a client, or of 0, which is a free one; -1 if there is none. */
static int place_of(uint64_t client) {
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i].handle == client)
            return i;
    return -1;
}

int rs_add_client(uint64_t handle, uintptr_t log, uintptr_t log_data) {
    int place = place_of(0);

    if (place < 0)
        return 0;
    clients[place].handle = handle;
    clients[place].log = log;
    clients[place].data = log_data;
    return 1;
}

int rs_forget_client(uint64_t handle) {
    int place = place_of(handle);

    if (place < 0)
        return 0;
    free(clients[place].lines);
    memset(&clients[place], 0, sizeof clients[place]);
    return 1;
}

/* Returns the place of the client that an answer is for, or -1. */
static int place_for(const rs_reply *answer) {
    return answer->head.client == 0 ? -1 : place_of(answer->head.client);
}

/* The call was one of that client's, so clients do not affect each other. */
rs_lines rs_take_lines(rs_reply *answer) {
    rs_lines taken = {.lines = answer->lines, .size = answer->head.size};
    int place = place_for(answer);

    if (place >= 0) {
        taken.log = clients[place].log;
        taken.data = clients[place].data;
        taken.late = clients[place].lines;
        taken.late_size = clients[place].size;
        clients[place].lines = NULL;
        clients[place].size = 0;
    }
    answer->lines = NULL;
    return taken;
}

static void give(const rs_lines *to, const char *at, size_t left) {
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

void rs_give_lines(rs_lines *taken) {
    give(taken, taken->late, taken->late_size);
    give(taken, taken->lines, taken->size);
    free(taken->late);
    free(taken->lines);
}

void rs_keep_lines(rs_reply *answer) {
    int place = place_for(answer);
    size_t size = place < 0 ? 0 : clients[place].size;
    char *lines = NULL;

    if (place >= 0 && answer->lines != NULL && size <= RS_ARGUMENTS_MAX)
        lines = realloc(clients[place].lines, size + answer->head.size);
    if (lines != NULL) {
        memcpy(lines + size, answer->lines, answer->head.size);
        clients[place].lines = lines;
        clients[place].size = size + answer->head.size;
    }
    free(answer->lines);
}
