/* SPDX-License-Identifier: MIT
 *
 * Finds the core, decides where it is to run, and loads it or prepares for its process,
 * once per process.
 */
#include "beside.h"
#include "front.h"
#ifdef RS_SHARED_CORE
#include "../guest/limits.h"
#endif

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static runspan_core core;
static atomic_int loaded;

/* Why the core is not in the host, and not beside it. DONE: it is, or nobody has tried. */
static atomic_int not_in_host, not_beside;

const runspan_core *rs_core(void) {
    return atomic_load_explicit(&loaded, memory_order_acquire) ? &core : NULL;
}

/* Finds the core near a file: the first of the places that exists. A package without a
 * shared core has only the program. */
static int core_near(const char *file, char *path, size_t size) {
    static const char *const places[] = {
#ifdef RS_SHARED_CORE
        RS_SHARED_CORE, "../lib/" RS_SHARED_CORE,
#endif
        RS_PROGRAM, ".." RS_SEPARATOR "lib" RS_SEPARATOR RS_PROGRAM};
    int folder = (int)(strrchr(file, *RS_SEPARATOR) - file) + 1;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int n = snprintf(path, size, "%.*s%s", folder, file, places[i]);

        if (n > 0 && (size_t)n < size && rs_is_readable(path))
            return 1;
    }
    return 0;
}

/* Finds the core near the front. The front may have been loaded by a link to its file. */
static int core_near_front(char *path, size_t size) {
    char own[RS_PATH_MAX], resolved[RS_PATH_MAX];

    return rs_own_file(own, sizeof own) &&
           (core_near(own, path, size) || (rs_resolve(own, resolved, sizeof resolved) && core_near(resolved, path, size)));
}

/* Finds the core that the environment names. A program with more rights than its user must
 * not load the user's code. */
static int core_of_user(char *path, size_t size) {
    int n = rs_is_privileged() ? -1 : rs_variable("RUNSPAN_CORE", path, size);

    return n > 0 && (size_t)n < size && rs_is_absolute(path);
}

/* Finds the core. Returns its path, which may be in found, or NULL. */
static const char *find_core(const char *path, char *found, size_t size) {
    if (path == NULL && (core_of_user(found, size) || core_near_front(found, size)))
        path = found;
    return path != NULL && rs_is_readable(path) ? path : NULL;
}

#ifdef RS_SHARED_CORE

/* The core to start a process for, from a host that has the core in it. Empty: none is to
 * be started. */
static char core_to_spawn[RS_PATH_MAX];

/* Returns the reason why the core is not to be in the host, or RUNSPAN_DONE. */
static int against_host(const char *path, rs_way asked) {
    const char *slash = strrchr(path, '/');
    int code = asked == RS_BESIDE ? RS_WANTED : rs_can_load(RS_ADDRESS_SPACE);

    if (code == RUNSPAN_DONE && strcmp(slash == NULL ? path : slash + 1, RS_PROGRAM) == 0)
        code = RUNSPAN_NO_CORE;
    return code == RUNSPAN_DONE && asked == RS_BY_RULE ? rs_is_felt() : code;
}

static int load_into_host(const char *path, rs_way asked, const char **why) {
    if (asked == RS_BY_RULE)
        snprintf(core_to_spawn, sizeof core_to_spawn, "%s", path);
    return rs_load_into_host(path, &core, why);
}

int rs_spawn_beside(void) {
    rs_stream stream = RS_NO_STREAM;

    rs_fill_standard();
    if (rs_can_spawn(core_to_spawn) == RUNSPAN_DONE)
        rs_spawn(&stream);
    rs_free_standard();
    return stream.fd;
}

#else

static int against_host(const char *path, rs_way asked) {
    (void)path;
    return asked == RS_BESIDE ? RS_WANTED : RUNSPAN_UNSUPPORTED;
}

#endif

/* The rule: the core is in the host where it can live there without being felt, else
 * beside the host. Where it can be in neither, telemetry is off. */
static int load(const char *path, rs_way asked, const char **why) {
    char found[RS_PATH_MAX];
    int in_host, beside = RUNSPAN_DONE;

    path = find_core(path, found, sizeof found);
    if (path == NULL)
        return RS_NOTHING_FOUND;
#ifdef RS_SHARED_CORE
    if (!rs_is_whole(path)) {
        *why = RS_SHARED_CORE " is cut short";
        return RUNSPAN_NO_CORE;
    }
#endif
    in_host = against_host(path, asked);
    if (in_host != RUNSPAN_DONE && asked != RS_IN_HOST)
        beside = rs_can_spawn(path);
    atomic_store(&not_in_host, in_host);
    atomic_store(&not_beside, beside);
#ifdef RS_SHARED_CORE
    if (in_host == RUNSPAN_DONE)
        return load_into_host(path, asked, why);
#else
    (void)why;
#endif
    if (asked == RS_IN_HOST)
        return in_host;
    if (beside == RUNSPAN_DONE)
        core = rs_beside;
    return beside == RUNSPAN_DONE || in_host == RS_WANTED ? beside : in_host;
}

int rs_load(const char *path, rs_way asked, const char **why) {
    rs_held held = rs_lock(RS_LOADING);
    int code = RUNSPAN_DONE;

    if (rs_core() == NULL) {
        code = load(path, asked, why);
        if (code == RUNSPAN_DONE)
            atomic_store_explicit(&loaded, 1, memory_order_release);
    }
    rs_unlock(&held);
    return code;
}

void rs_no_process(int code) {
    if (atomic_load(&not_in_host) != RUNSPAN_DONE)
        atomic_store(&not_beside, code);
}

int rs_is_nowhere(int code) {
    int beside = atomic_load(&not_beside);

    return beside != RUNSPAN_DONE && (code == beside || code == atomic_load(&not_in_host));
}

void rs_where(char *text, size_t size) {
    int in_host = atomic_load(&not_in_host), beside = atomic_load(&not_beside);

    if (in_host == RUNSPAN_DONE)
        snprintf(text, size, "in the host");
    else if (beside == RUNSPAN_DONE)
        snprintf(text, size, "beside the host: %s", rs_reason(in_host));
    else if (beside == in_host)
        snprintf(text, size, "%s, nor can it be beside the host", rs_reason(in_host));
    else
        snprintf(text, size, "%s; beside the host: %s", rs_reason(in_host), rs_reason(beside));
}
