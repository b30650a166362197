/* SPDX-License-Identifier: MIT
 *
 * The stream between the front and a core beside its host: on POSIX a stream socket, on
 * Windows a named pipe. stream.c of the platform has the functions. Deadlines are times of
 * rs_now_ms.
 */
#ifndef RUNSPAN_STREAM_H
#define RUNSPAN_STREAM_H

#include "frame.h"

#ifdef _WIN32

/* The front's end of a pipe. */
typedef struct rs_stream {
    void *pipe;    /* NULL: there is none */
    void *process; /* the core's, to which a call hands its handles; or NULL */
} rs_stream;

#define RS_NO_STREAM {NULL, NULL}

/* The core's end of a stream: a handle of this process. */
typedef void *rs_end;
#define RS_NO_END NULL

#else

#include <sys/types.h>

/* A socket of runspan's. The host may close its descriptor, as programs do that close all
 * descriptors, and then have a file of its own under the same number. So each use checks
 * that the file is still the socket. */
typedef struct rs_stream {
    int fd; /* -1: there is none */
    dev_t device;
    ino_t inode;
} rs_stream;

#define RS_NO_STREAM {-1, 0, 0}

/* The core's end of a stream: a descriptor. */
typedef int rs_end;
#define RS_NO_END (-1)

#endif

/* Return 1 if there is a stream. */
int rs_is_open(const rs_stream *stream);

/* Make a stream for the answer of a call that waits. Return 0 if there can be none. */
int rs_make_stream(rs_stream *own, rs_end *of_core);

/* End the stream, though a child that the host has forked may hold it as well, and close
 * it unless its descriptor is the host's now. */
void rs_close_stream(rs_stream *stream);
void rs_close_end(rs_end end);

/* Return the milliseconds of a clock that is never set. */
long long rs_now_ms(void);

/* What a call that waits hands to the core. */
typedef struct rs_handed {
    rs_end answer; /* for its answer; on Windows it is none after the call is written */
    int output;    /* a descriptor of the host's for a command's output, or -1 */
#ifdef _WIN32
    void *from_core; /* a pipe from which rs_pass_output reads the output; or NULL */
#endif
} rs_handed;

/* Pass the output of a command on to its descriptor, until the core has written all. On
 * POSIX the core writes to the descriptor itself. */
#ifdef _WIN32
void rs_pass_output(rs_handed *handed, long long deadline);
#else
#define rs_pass_output(handed, deadline) (void)(handed)
#endif

/* Write a call in at most RS_WRITING_MS. handed may be NULL. Return 0 if not all of it
 * could be written: the stream is of no use then. */
int rs_write_call(const rs_stream *stream, const rs_message *call, rs_handed *handed);

/* Read size bytes. Return 1, 0 if none has come before the deadline, or -1 if the stream
 * has ended, or if the rest takes longer than RS_LATE_MS. */
int rs_read_all(const rs_stream *stream, void *to, size_t size, long long deadline);

/* frame.c: read an answer. Return 1, 0 if none has come before the deadline, or -1 if the
 * stream has ended, or stops in the middle of an answer. */
int rs_read_answer(const rs_stream *stream, rs_reply *answer, long long deadline);

#endif
