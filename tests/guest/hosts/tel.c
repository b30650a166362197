/* SPDX-License-Identifier: MIT
 *
 * The C host's calls of runspan.
 */
#include "guest.h"
#include "runspan.h"

#include <stddef.h>
#include <stdlib.h>

static runspan_client client;
static runspan_span span;

static void write_log(void *data, int level, const char *line) {
    (void)data, (void)level;
    fact("!log %s", line);
}

int tel_open(const char *text) {
    runspan_options options = {0};
    int code;

    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = text;
    if (getenv("GUEST_LOG") != NULL)
        options.log = write_log;
    if (is_control)
        return 0;
    code = runspan_open(&options, &client);
    fact("!open %d %s", code, runspan_state_text(client));
    return code;
}

int tel_begin(void) {
    return is_control ? 0 : runspan_begin(client, "call", &span);
}

int tel_attr(void) {
    return is_control ? 0 : runspan_set_attr_int(span, "params.k", 3);
}

int tel_end(void) {
    return is_control ? 0 : runspan_end(span, RUNSPAN_STATUS_OK);
}

int tel_close(unsigned ms) {
    return is_control ? 0 : runspan_close(client, ms);
}

int tel_state(void) {
    return is_control ? 0 : runspan_state(client);
}

int tel_one(void) {
    runspan_span one;
    int code;

    if (is_control)
        return 0;
    code = runspan_begin(client, "call", &one);
    if (code == RUNSPAN_DONE)
        code = runspan_set_attr_int(one, "params.k", 3);
    if (code == RUNSPAN_DONE)
        code = runspan_end(one, RUNSPAN_STATUS_OK);
    return code;
}

const struct situation own[] = {{NULL, NULL}};
