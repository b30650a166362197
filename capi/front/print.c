/* SPDX-License-Identifier: MIT
 *
 * Output. Without a command of the user's, runspan writes only for RUNSPAN_PREVIEW and
 * RUNSPAN_STRICT.
 */
#include "front.h"

#include <stdio.h>

void rs_print(void *unused, int level, const char *line) {
    if (level == RUNSPAN_LOG_SPAN)
        rs_write_error(line);
    rs_print_error(unused, level, line);
}

void rs_print_error(void *unused, int level, const char *line) {
    char text[1100]; /* the core cuts a line at 1,000 bytes */

    (void)unused;
    if (level != RUNSPAN_LOG_ERROR)
        return;
    snprintf(text, sizeof text, "runspan: %s\n", line);
    rs_write_error(text);
}

void rs_print_off(const char *service, const char *reason) {
    char line[256];

    snprintf(line, sizeof line, "runspan: %.64s reports nothing: %s\n", service, reason);
    rs_write_error(line);
}
