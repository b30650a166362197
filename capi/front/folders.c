/* SPDX-License-Identifier: MIT
 *
 * The names of a service's folder and files.
 */
#include "front.h"

#include <stdio.h>
#include <string.h>

int rs_is_file_name(const char *service) {
    return strspn(service, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(service) && strlen(service) < 64;
}

int rs_spool_folder(const char *service, char *path, size_t size) {
    size_t n;
    int more;

    if (!rs_is_file_name(service) || !rs_state_folder(path, size))
        return 0;
    n = strlen(path);
    more = snprintf(path + n, size - n, RS_SEPARATOR "%s", service);
    return more > 0 && (size_t)more < size - n && rs_look(path) != RS_SILENT;
}

/* The names of internal/spool/name.go begin with 16 hex digits and a dash, except for
 * two: the pause, and the report that was delivered last, which stays for the user to
 * read. */
int rs_is_undelivered(const char *name, int all) {
    return strcmp(name, "pause") == 0 || (strspn(name, "0123456789abcdef") == 16 && name[16] == '-') ||
           (all && strcmp(name, "delivered") == 0);
}
