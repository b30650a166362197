/* SPDX-License-Identifier: MIT
 *
 * Writes calls to a core in another process, and reads its answers (frame.h).
 */
#include "frame.h"
#include "stream.h"

#include <stdlib.h>
#include <string.h>

int rs_read_answer(const rs_stream *stream, rs_reply *answer, long long deadline) {
    int got = rs_read_all(stream, &answer->head, sizeof answer->head, deadline);

    answer->lines = NULL;
    if (got == 1 && (answer->head.code < RUNSPAN_E_INTERNAL || answer->head.code > RUNSPAN_NO_REAPER))
        return -1;
    if (got != 1 || answer->head.size == 0)
        return got;
    if (answer->head.size > RS_ARGUMENTS_MAX || (answer->lines = malloc(answer->head.size)) == NULL)
        return -1;
    if (rs_read_all(stream, answer->lines, answer->head.size, rs_now_ms() + RS_LATE_MS) == 1)
        return 1;
    free(answer->lines);
    answer->lines = NULL;
    return -1;
}

void rs_add(rs_message *call, const void *bytes, size_t size) {
    call->pieces[call->count++] = (rs_piece){bytes, size};
    call->size += size;
    call->head.size = (uint32_t)call->size; /* see rs_is_too_long */
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
    call->pieces[0] = (rs_piece){&call->head, sizeof call->head};
    call->count = 1;
    call->used = 0;
    call->size = 0;
}

int rs_is_too_long(const rs_message *call) {
    return call->size > RS_ARGUMENTS_MAX;
}
