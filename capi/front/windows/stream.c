/* SPDX-License-Identifier: MIT
 *
 * The stream to a core beside the host: a named pipe, since only these can be read with a
 * deadline.
 */
#include "stream.h"
#include "../beside.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define BUFFER 65536

long long rs_now_ms(void) {
    return (long long)GetTickCount64();
}

int rs_is_open(const rs_stream *stream) {
    return stream->pipe != NULL;
}

/* Nobody else can connect to it: this end is the first and the only instance, and the
 * other one is opened at once, or not at all. */
DWORD rs_make_pipe(HANDLE *own, HANDLE *of_core, int duplex) {
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = duplex};
    wchar_t name[64];
    DWORD error;

    swprintf(name, 64, L"\\\\.\\pipe\\runspan-%08x%08x%08x%08x", rs_random(), rs_random(), rs_random(), rs_random());
    *own = CreateNamedPipeW(name,
                            (duplex ? PIPE_ACCESS_DUPLEX : PIPE_ACCESS_INBOUND) | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, BUFFER, BUFFER, 0, NULL);
    if (*own == INVALID_HANDLE_VALUE)
        return GetLastError();
    *of_core = CreateFileW(name, duplex ? GENERIC_READ | GENERIC_WRITE : GENERIC_WRITE, 0, &inherited, OPEN_EXISTING,
                           SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
    if (*of_core != INVALID_HANDLE_VALUE)
        return 0;
    error = GetLastError();
    CloseHandle(*own);
    return error;
}

int rs_make_stream(rs_stream *own, rs_end *of_core) {
    *own = (rs_stream)RS_NO_STREAM;
    return rs_make_pipe(&own->pipe, of_core, 0) == 0;
}

/* The core still reads the bytes that are in the pipe. */
void rs_close_stream(rs_stream *stream) {
    if (stream->pipe != NULL)
        CloseHandle(stream->pipe);
    if (stream->process != NULL)
        CloseHandle(stream->process);
    *stream = (rs_stream)RS_NO_STREAM;
}

void rs_close_end(rs_end end) {
    if (end != NULL)
        CloseHandle(end);
}

/* Waits for a transfer that has begun, and ends it at the deadline. Returns the number of
 * bytes; 0 if none has come before the deadline, or -1 after an error. */
static long long finish(HANDLE pipe, OVERLAPPED *transfer, long long deadline) {
    long long left = deadline - rs_now_ms();
    DWORD n = 0;

    if (WaitForSingleObject(transfer->hEvent, left > 0 ? (DWORD)left : 0) != WAIT_OBJECT_0)
        CancelIoEx(pipe, transfer);
    if (GetOverlappedResult(pipe, transfer, &n, TRUE))
        return n;
    return GetLastError() == ERROR_OPERATION_ABORTED ? (long long)n : -1;
}

/* Reads or writes some bytes. Returns like finish. */
static long long transfer(HANDLE pipe, void *to, const void *from, size_t size, long long deadline) {
    OVERLAPPED o = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    DWORD some = (DWORD)(size < BUFFER ? size : BUFFER);
    long long n = -1;
    BOOL began;

    if (o.hEvent == NULL)
        return -1;
    began = to != NULL ? ReadFile(pipe, to, some, NULL, &o) : WriteFile(pipe, from, some, NULL, &o);
    if (began || GetLastError() == ERROR_IO_PENDING)
        n = finish(pipe, &o, deadline);
    CloseHandle(o.hEvent);
    return n;
}

int rs_read_all(const rs_stream *stream, void *to, size_t size, long long deadline) {
    char *at = to;
    size_t left = size;

    while (left > 0) {
        long long n = transfer(stream->pipe, at, NULL, left, deadline);

        if (n < 0)
            return -1;
        if (n == 0)
            return left == size ? 0 : -1;
        if (left == size)
            deadline = rs_now_ms() + RS_LATE_MS;
        at += n;
        left -= (size_t)n;
    }
    return 1;
}

static int write_all(HANDLE pipe, const char *from, size_t size) {
    long long deadline = rs_now_ms() + RS_WRITING_MS, n = 1;

    for (; size > 0 && n > 0; size -= n > 0 ? (size_t)n : 0, from += n > 0 ? n : 0)
        n = transfer(pipe, NULL, from, size, deadline);
    return size == 0;
}

/* Gives a handle to the core, and closes it here. Returns the core's, or 0. */
static uint64_t give(const rs_stream *stream, HANDLE own) {
    HANDLE of_core = NULL;

    DuplicateHandle(GetCurrentProcess(), own, stream->process, &of_core, 0, FALSE,
                    DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE);
    return (uint64_t)(uintptr_t)of_core;
}

/* Hands over what a call that waits needs. A command's output comes to this process: its
 * console is none of the core's. */
static int hand(const rs_stream *stream, rs_handed *handed, uint64_t numbers[2]) {
    HANDLE of_core;

    numbers[0] = give(stream, handed->answer);
    handed->answer = NULL;
    numbers[1] = 0;
    if (handed->output >= 0) {
        if (rs_make_pipe(&handed->from_core, &of_core, 0) != 0)
            return 0;
        numbers[1] = give(stream, of_core);
    }
    return numbers[0] != 0 && (handed->output < 0 || numbers[1] != 0);
}

/* The pieces become one, because each piece is a call of the system's. */
int rs_write_call(const rs_stream *stream, const rs_message *call, rs_handed *handed) {
    uint64_t numbers[2];
    size_t size = 0;
    char *bytes;
    int wrote;

    if ((handed != NULL && !hand(stream, handed, numbers)) ||
        (bytes = malloc(sizeof call->head + sizeof numbers + call->size)) == NULL)
        return 0;
    for (size_t i = 0; i < call->count; i++) {
        memcpy(bytes + size, call->pieces[i].bytes, call->pieces[i].size);
        size += call->pieces[i].size;
        if (i == 0 && handed != NULL) { /* behind the head */
            memcpy(bytes + size, numbers, sizeof numbers);
            size += sizeof numbers;
        }
    }
    wrote = write_all(stream->pipe, bytes, size);
    free(bytes);
    return wrote;
}

/* Reads all of it first: a console takes whole characters. */
void rs_pass_output(rs_handed *handed, long long deadline) {
    char *text = NULL, *more;
    size_t size = 0;
    long long n = handed->from_core == NULL ? 0 : 1;

    while (n > 0 && (more = realloc(text, size + BUFFER)) != NULL) {
        text = more;
        n = transfer(handed->from_core, text + size, NULL, BUFFER, deadline);
        size += n > 0 ? (size_t)n : 0;
    }
    if (size > 0)
        rs_write_all(handed->output, text, size);
    free(text);
    rs_close_end(handed->from_core);
    handed->from_core = NULL;
}
