/* SPDX-License-Identifier: MIT
 *
 * The variables that the core is told, with the host's options.
 */
#include "front.h"

#include <stdlib.h>
#include <string.h>

/* Copies the value of a variable. *value is NULL if it is not set. Returns 0 if there is
 * no memory. */
static int read_one(const char *name, const char **value) {
    int size = rs_variable(name, NULL, 0);
    char *copy;

    *value = NULL;
    if (size < 0)
        return 1;
    if ((copy = malloc((size_t)size + 1)) == NULL)
        return 0;
    *copy = '\0'; /* another thread may have changed the variable */
    *value = copy;
    return rs_variable(name, copy, (size_t)size + 1) <= size;
}

static void forget(const char *value) {
    free((void *)(uintptr_t)value);
}

/* Copies the value of the first variable that is not blank. As with curl and Go, an empty
 * variable does not hide the next one. */
static int read_first(const char *const *names, const char **name, const char **value) {
    for (; (*name = *names) != NULL; names++) {
        if (!read_one(*name, value))
            return 0;
        if (*value != NULL && (*value)[strspn(*value, " \t\r\n\v\f")] != '\0')
            return 1;
        forget(*value);
        *value = NULL;
    }
    return 1;
}

/* This does not read HTTP_PROXY: runspan uses http only for loopback, without a proxy.
 * So it is safe in a CGI program, where a request can set HTTP_PROXY. */
int rs_read_config(runspan_core_config *config, const runspan_options *options, const char *spool) {
    static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    static const char *const exceptions[] = {"no_proxy", "NO_PROXY", NULL};
    const char *of_exceptions;

    *config = (runspan_core_config){
        .service = options->service,
        .schema = options->schema,
        .spool = spool,
        .log = (uintptr_t)options->log,
        .log_data = (uintptr_t)options->log_data,
        .tell = rs_tell,
#ifdef RS_SHARED_CORE
        .spawn = rs_spawn_beside,
#endif
        .flags = options->flags,
    };
    return read_one("RUNSPAN_ENDPOINT", &config->endpoint) &&
                   read_first(proxies, &config->proxy_variable, &config->proxy) &&
                   read_first(exceptions, &of_exceptions, &config->no_proxy) &&
                   read_one("SSL_CERT_FILE", &config->cert_file) && read_one("SSL_CERT_DIR", &config->cert_dir) &&
                   read_one("REQUESTS_CA_BUNDLE", &config->requests_bundle) &&
                   read_one("CURL_CA_BUNDLE", &config->curl_bundle)
               ? RUNSPAN_DONE
               : RUNSPAN_E_INTERNAL;
}

void rs_free_config(const runspan_core_config *config) {
    forget(config->endpoint);
    forget(config->proxy);
    forget(config->no_proxy);
    forget(config->cert_file);
    forget(config->cert_dir);
    forget(config->requests_bundle);
    forget(config->curl_bundle);
}
