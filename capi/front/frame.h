/* SPDX-License-Identifier: MIT
 *
 * The contract of core.h between two processes: the bytes on the stream between
 * the front and a core beside its host. internal/serve is the other side.
 *
 * The core first sends a greeting: an answer whose code is RUNSPAN_DONE and whose lines
 * are the text of its version, or whose code says why there is no core. The front then
 * sends calls. The core answers them on the same stream, in their order. The calls that
 * may wait (open, flush, close, command) carry a stream of their own, on which the core
 * answers them. command also carries a file for its output.
 *
 * On POSIX the stream is a socket, and a call carries descriptors (SCM_RIGHTS). On Windows
 * the stream is a named pipe. Behind the head of a call that may wait, and not counted in
 * its size, are two uint64_t there: the core's own handles of the pipe for the answer and
 * of that for the output, which is 0 if there is none. The core closes both after its
 * answer.
 *
 * Numbers have the machine's byte order. A text is its length, a uint32_t, and its bytes;
 * RS_NULL stands for the length of NULL. The front chooses the handles.
 *
 * The end of the stream is the end of the host: the core then reports its open spans as
 * aborted, and ends.
 */
#ifndef RUNSPAN_FRAME_H
#define RUNSPAN_FRAME_H

#include "core.h"

#define RS_NULL UINT32_MAX

/* The calls: the functions of the contract, in its order. */
enum {
#define F(type, name, arguments) RS_CALL_##name,
    RUNSPAN_CORE_FUNCTIONS(F)
#undef F
};

/* A call. Its arguments follow:
 *
 *     open          uint32_t flags, and the texts of the config from service to
 *                   curl_bundle; the flag RS_LOG: the client has a log. A core in its
 *                   host that hands over sends only this call, without a socket for the
 *                   answer. It sets the flag RS_HANDED_OVER, and puts its version before
 *                   the texts
 *     set_resource  text key, value
 *     begin         uint64_t the new span, text name
 *     set_name      text name
 *     set           text key, value
 *     set_list      the list
 *     set_error     text type
 *     end           int32_t status
 *     flush, close  uint32_t milliseconds
 *     state         nothing
 *     command       as open; then uint32_t last, uint32_t json, texts name, why_off
 *                   and core, uint32_t count, and so many texts
 *
 * A value is its kind (a byte), and then for s a text, for i and b an int64_t, for d a
 * double, for n nothing, for t a uint32_t count and so many texts; RS_NULL stands for the
 * count of a list that is longer than any schema allows, whose texts are not sent. */
typedef struct rs_call {
    uint32_t size; /* of the arguments, in bytes */
    uint32_t call;
    uint64_t handle; /* of the client or the span; of open: the new client */
} rs_call;

/* The most bytes of arguments, or of log lines: a little more than RUNSPAN_TEXT_MAX texts
 * of RUNSPAN_TEXT_MAX bytes. A longer schema is refused. */
#define RS_ARGUMENTS_MAX ((uint32_t)17 << 20)

#define RS_LOG (1u << 31)
#define RS_HANDED_OVER (1u << 30)

/* An answer. size bytes of log lines follow, each with a header. */
typedef struct rs_answer {
    uint32_t size;
    int32_t code;
    int32_t exit_status; /* of command */
    uint32_t unused;
    uint64_t client; /* the call's, which has logged the lines; 0: there is none */
} rs_answer;

/* A log line: this, length bytes, and a NUL. */
typedef struct rs_line {
    int32_t level;
    uint32_t length;
} rs_line;

/* How long the rest of an answer may take once it has begun, and an answer beyond the
 * timeout of its call, in milliseconds. */
#define RS_LATE_MS 1000

/* How long a call may take to be written, in milliseconds. */
#define RS_WRITING_MS 2000

/* The front's side: frame.c. */

/* A piece of a call. */
typedef struct rs_piece {
    const void *bytes;
    size_t size;
} rs_piece;

/* A call that is being put together. Its pieces are not copied, except numbers. */
#define RS_PIECES 64
typedef struct rs_message {
    rs_call head;
    rs_piece pieces[RS_PIECES];
    uint8_t count;
    char own[RS_PIECES * 8]; /* the numbers */
    size_t used;
    size_t size; /* of the arguments */
} rs_message;

/* An answer. The caller frees the log lines, which may be NULL. */
typedef struct rs_reply {
    rs_answer head;
    char *lines;
} rs_reply;

/* Begin a call without arguments. */
void rs_begin_call(rs_message *call, uint32_t function, uint64_t handle);

/* Add an argument: bytes that last until the call is written; a number, of at most 8
 * bytes; a text, which may be NULL, with and without its length. */
void rs_add(rs_message *call, const void *bytes, size_t size);
void rs_add_number(rs_message *call, const void *bytes, size_t size);
void rs_add_number32(rs_message *call, uint32_t n);
void rs_add_bytes(rs_message *call, const char *bytes, size_t length);
void rs_add_text(rs_message *call, const char *bytes);

/* Return 1 if the arguments are longer than RS_ARGUMENTS_MAX. */
int rs_is_too_long(const rs_message *call);

#endif
