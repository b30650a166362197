/* SPDX-License-Identifier: MIT
 *
 * Prints the schema that was embedded, in C and in C++.
 */
#include "every_kind_schema.h"

#include <stdio.h>

int main(void) {
    return fputs(every_kind_schema, stdout) < 0;
}
