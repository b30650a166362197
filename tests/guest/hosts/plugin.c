/* SPDX-License-Identifier: MIT
 *
 * A library whose constructor opens runspan: it runs inside dlopen, and the
 * dynamic loader is locked meanwhile.
 */
#include "runspan.h"
#include "stripepy_schema.h"

int plugin_opened(void);
void plugin_end(void);

static runspan_client client;
static runspan_span span;
static int code;

__attribute__((constructor)) static void begin(void) {
    const runspan_options options = {.struct_size = sizeof options, .service = "stripepy", .schema = stripepy_schema};

    code = runspan_open(&options, &client);
    runspan_begin(client, "call", &span);
}

int plugin_opened(void) {
    return code;
}

void plugin_end(void) {
    runspan_end(span, RUNSPAN_STATUS_OK);
    runspan_close(client, 5000);
}
