/* SPDX-License-Identifier: MIT
 *
 * A host that loads more than one library, by dlopen. Linked with main.c.
 */
#define _GNU_SOURCE
#include "guest.h"
#include "runspan.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A loaded front. */
struct copy {
    void *library;
    int (*open)(const runspan_options *, runspan_client *);
    int (*begin)(runspan_client, const char *, runspan_span *);
    int (*set)(runspan_span, const char *, int64_t);
    int (*end)(runspan_span, runspan_status);
    int (*close)(runspan_client, uint32_t);
    const char *(*strerror)(int);
    const char *(*version)(void);
    runspan_client client;
    runspan_span span;
};

static void find(void *library, const char *name, void *function) {
    void *address = dlsym(library, name);

    if (address == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(95);
    }
    memcpy(function, &address, sizeof address);
}

static struct copy found(void *library) {
    struct copy c = {0};

    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(94);
    }
    c.library = library;
    find(library, "runspan_open", &c.open);
    find(library, "runspan_begin", &c.begin);
    find(library, "runspan_set_attr_int", &c.set);
    find(library, "runspan_end", &c.end);
    find(library, "runspan_close", &c.close);
    find(library, "runspan_strerror", &c.strerror);
    find(library, "runspan_version", &c.version);
    return c;
}

static void begin(struct copy *c) {
    runspan_options options = {0};
    int code;

    options.struct_size = sizeof options;
    options.service = "stripepy";
    options.schema = schema;
    code = c->open(&options, &c->client);
    fact("!open %d %s", code, c->strerror(code));
    c->begin(c->client, "call", &c->span);
    c->set(c->span, "params.k", 3);
}

static void end(struct copy *c) {
    c->end(c->span, RUNSPAN_STATUS_OK);
    c->close(c->client, 5000);
}

/* copies global|local PATH PATH: both at once. */
static int copies(int argc, char **argv) {
    int flags = RTLD_NOW | (strcmp(argv[4], "global") == 0 ? RTLD_GLOBAL : RTLD_LOCAL);
    struct copy one, two;

    if (argc != 7)
        return 97;
    if (is_control)
        return 0;
    one = found(dlopen(argv[5], flags));
    two = found(dlopen(argv[6], flags));
    begin(&one);
    begin(&two);
    fact("!versions %s %s, clients %d", one.version(), two.version(), one.client != 0 && two.client != 0);
    end(&one);
    end(&two);
    return 0;
}

/* again PATH: closed, and loaded once more. */
static int again(int argc, char **argv) {
    for (int i = 0; i < 2 && !is_control; i++) {
        struct copy c = found(dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL));

        begin(&c);
        end(&c);
        dlclose(c.library);
    }
    return 0;
}

/* plugin PATH: runspan is opened by its constructor. */
static int plugin(int argc, char **argv) {
    void (*done)(void);
    int (*opened)(void);
    void *library;

    if (is_control)
        return 0;
    alarm(20);
    library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return 94;
    find(library, "plugin_opened", &opened);
    find(library, "plugin_end", &done);
    fact("!open %d %s", opened(), "");
    done();
    return 0;
}

/* namespace PATH: with a C library of its own. */
static int in_namespace(int argc, char **argv) {
    struct copy c;

    if (is_control)
        return 0;
    c = found(dlmopen(LM_ID_NEWLM, argv[argc - 1], RTLD_NOW | RTLD_LOCAL));
    begin(&c);
    end(&c);
    return 0;
}

/* shared PATH PATH: the second front's core is the same file; the child of a fork
 * opens by it. */
static int shared(int argc, char **argv) {
    struct copy one, two;
    int status;
    pid_t child;

    if (is_control || argc != 6)
        return 0;
    one = found(dlopen(argv[4], RTLD_NOW | RTLD_LOCAL));
    two = found(dlopen(argv[5], RTLD_NOW | RTLD_LOCAL));
    begin(&one);
    child = fork();
    if (child == 0) {
        alarm(20);
        begin(&two);
        end(&two);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        return 93;
    end(&one);
    return 0;
}

static int good;

static void use_go(int (*recovers)(void)) {
    for (int i = 0; i < 50; i++)
        good += recovers();
}

/* go first|last LIBRARY PATH: beside another library in Go, whose panics it
 * recovers from. */
static int with_go(int argc, char **argv) {
    int first = argc == 7 && strcmp(argv[4], "first") == 0;
    int (*recovers)(void);
    struct copy c = {0};
    void *other;

    if (!first && !is_control)
        begin((c = found(dlopen(argv[6], RTLD_NOW | RTLD_LOCAL)), &c));
    other = dlopen(argv[5], RTLD_NOW | RTLD_GLOBAL);
    if (other == NULL)
        return 94;
    find(other, "guest_recovers", &recovers);
    use_go(recovers);
    if (first && !is_control)
        begin((c = found(dlopen(argv[6], RTLD_NOW | RTLD_LOCAL)), &c));
    use_go(recovers);
    fact("recovered %d", good);
    if (!is_control)
        end(&c);
    return 0;
}

const struct situation forks[] = {{NULL, NULL}}, limits[] = {{NULL, NULL}}, resources[] = {{NULL, NULL}}, signals[] = {{NULL, NULL}}, exits[] = {{NULL, NULL}}, processes[] = {{NULL, NULL}};
const struct situation own[] = {{"copies", copies}, {"again", again}, {"plugin", plugin}, {"namespace", in_namespace}, {"shared", shared}, {"go", with_go}, {NULL, NULL}};

int tel_open(const char *text) { return text == NULL; }
int tel_begin(void) { return 0; }
int tel_attr(void) { return 0; }
int tel_end(void) { return 0; }
int tel_close(unsigned ms) { return ms == 0; }
int tel_state(void) { return 0; }
int tel_one(void) { return 0; }
