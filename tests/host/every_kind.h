/* SPDX-License-Identifier: MIT
 *
 * What a host in C says of its span: each kind of value of tests/data/every-kind.json.
 * every_kind.go reads it.
 */
#include "runspan.h"

static void describe(runspan_span span) {
    static const char *const words[] = {"a", "b c"};

    runspan_set_attr_string(span, "choice", "\xc3\xa9");
    runspan_set_attr_int(span, "whole", -3000000000);
    runspan_set_attr_double(span, "real", 0.5);
    runspan_set_attr_bool(span, "flag", 1);
    runspan_set_attr_strings(span, "words", words, 2);
    runspan_set_attr_null(span, "text");
    runspan_set_error(span, "ValueError");
}
