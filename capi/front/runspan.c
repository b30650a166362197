/* SPDX-License-Identifier: MIT
 *
 * The ABI of include/runspan.h. Each function checks its arguments as far as it can
 * without the core, and then calls the core.
 */
#include "front.h"
#include "memcheck.h"

#include <stdatomic.h>
#include <string.h>

/* The code of the last runspan_open that left telemetry off. */
static atomic_int off_reason = RUNSPAN_OFF;

/* Prepares a call into the core. ok: the call's arguments are valid. After RUNSPAN_DONE
 * *core is set, and the caller must call leave. */
static int enter(uint64_t handle, int ok, const runspan_core **core) {
    if (handle == 0)
        return RUNSPAN_OFF;
    if (rs_forked())
        return RUNSPAN_FORKED;
    *core = rs_core();
    if (*core == NULL)
        return RUNSPAN_E_HANDLE;
    return ok ? rs_enter() : RUNSPAN_E_ARGUMENT;
}

static int leave(int code) {
    rs_memcheck(RS_WRITTEN, &code, sizeof code);
    rs_leave();
    return code;
}

/* leave after a call that has made a handle. */
static int leave_with(int code, const uint64_t *handle) {
    rs_memcheck(RS_WRITTEN, handle, sizeof *handle);
    return leave(code);
}

static size_t length(const char *text) {
    return strnlen(text, RUNSPAN_TEXT_MAX);
}

/* Sets the length of a value's text. */
static const runspan_core_value *measured(runspan_core_value *value) {
    if (value->kind == 's')
        value->length = length(value->text);
    return value;
}

/* Copies the host's options. The struct of an older header is shorter: the other
 * members are 0 then. */
static int read_options(const runspan_options *given, runspan_options *options) {
    size_t size;

    memset(options, 0, sizeof *options);
    if (given == NULL)
        return RUNSPAN_E_ARGUMENT;
    size = given->struct_size;
    if (size < offsetof(runspan_options, log))
        return RUNSPAN_E_ARGUMENT;
    memcpy(options, given, size < sizeof *options ? size : sizeof *options);
    if (options->service == NULL || *options->service == '\0' || options->schema == NULL ||
        (options->flags & ~(RUNSPAN_PREVIEW | RUNSPAN_OUT_OF_PROCESS)) != 0)
        return RUNSPAN_E_ARGUMENT;
    return RUNSPAN_DONE;
}

/* Checks and copies the host's options. A program that has more rights than its user
 * (setuid, file capabilities) would make, remove and send, with those rights, files that
 * the user's variables name. So runspan does not read the variables there. */
static int accept_options(const runspan_options *given, runspan_options *options) {
    int code = read_options(given, options);

    if (code != RUNSPAN_DONE || !rs_is_privileged())
        return code;
    if (options->log != NULL)
        options->log(options->log_data, RUNSPAN_LOG_DEBUG, runspan_strerror(RUNSPAN_PRIVILEGED));
    return RUNSPAN_PRIVILEGED;
}

/* Which way do the host and the user want the core to run? */
static rs_way asked_way(const runspan_options *options) {
    if ((options->flags & RUNSPAN_OUT_OF_PROCESS) != 0 || rs_is_on("RUNSPAN_OUT_OF_PROCESS"))
        return RS_BESIDE;
    return rs_variable("RUNSPAN_OUT_OF_PROCESS", NULL, 0) > 0 ? RS_IN_HOST : RS_BY_RULE;
}

/* Loads the core and prepares a call into it. After RUNSPAN_DONE the caller must call
 * leave, and rs_free_standard after the first call, in which the Go runtime makes its
 * first descriptors. */
static int enter_loaded(const runspan_options *options) {
    const char *why = NULL;
    int code = rs_claim_process();

    if (code == RUNSPAN_DONE && (code = rs_enter()) == RUNSPAN_DONE) {
        rs_fill_standard();
        code = rs_load(options->core, asked_way(options), &why);
        if (code != RUNSPAN_DONE) {
            rs_free_standard();
            rs_leave();
        }
    }
    if (code != RUNSPAN_DONE && options->log != NULL)
        options->log(options->log_data, RUNSPAN_LOG_DEBUG, why == NULL ? rs_describe(code) : why);
    return code;
}

static int open_core(const runspan_options *options, runspan_client *client) {
    char folder[RS_PATH_MAX];
    const char *spool = rs_spool_folder(options->service, folder, sizeof folder) ? folder : NULL;
    runspan_core_config config;
    int code = enter_loaded(options);

    if (code != RUNSPAN_DONE)
        return code;
    code = rs_read_config(&config, options, spool);
    if (code == RUNSPAN_DONE)
        code = rs_core()->open(&config, client);
    rs_free_config(&config);
    rs_free_standard();
    code = leave_with(code, client);
    if (code <= 0)
        return code;
    rs_no_process(code);
    if (options->log != NULL)
        options->log(options->log_data, RUNSPAN_LOG_DEBUG, rs_describe(code));
    return code;
}

/* Sends the preview that the user asked for to standard error, not to the host. */
static void show_user(runspan_options *options) {
    options->flags |= RUNSPAN_PREVIEW | RUNSPAN_CORE_TABLE;
    options->log = rs_print;
    options->log_data = NULL;
}

/* Has the schema's refusals logged: to the host, or else to standard error. */
static void be_strict(runspan_options *options) {
    options->flags |= RUNSPAN_CORE_STRICT;
    if (options->log == NULL)
        options->log = rs_print_error;
}

int runspan_open(const runspan_options *given, runspan_client *client) {
    runspan_options options;
    int code, shown = rs_is_on("RUNSPAN_PREVIEW");

    if (client == NULL)
        return RUNSPAN_E_ARGUMENT;
    *client = 0;
    code = accept_options(given, &options);
    if (code == RUNSPAN_DONE) {
        code = rs_consent(options.service);
        if (shown)
            show_user(&options);
        if (rs_is_on("RUNSPAN_STRICT"))
            be_strict(&options);
        if (code == RUNSPAN_DONE)
            code = open_core(&options, client);
        if (shown && code > 0)
            rs_print_off(options.service, rs_why_off(code));
    }
    if (code != RUNSPAN_DONE)
        atomic_store(&off_reason, code);
    return code;
}

static int set_resource(runspan_client client, const char *key, int ok, runspan_core_value value) {
    const runspan_core *core;
    int code = enter(client, key != NULL && ok, &core);

    return code != RUNSPAN_DONE ? code : leave(core->set_resource(client, key, length(key), measured(&value)));
}

int runspan_set_resource_string(runspan_client client, const char *key, const char *value) {
    return set_resource(client, key, value != NULL, (runspan_core_value){.kind = 's', .text = value});
}

int runspan_set_resource_int(runspan_client client, const char *key, int64_t value) {
    return set_resource(client, key, 1, (runspan_core_value){.kind = 'i', .integer = value});
}

int runspan_set_resource_double(runspan_client client, const char *key, double value) {
    return set_resource(client, key, 1, (runspan_core_value){.kind = 'd', .number = value});
}

int runspan_set_resource_bool(runspan_client client, const char *key, int value) {
    return set_resource(client, key, 1, (runspan_core_value){.kind = 'b', .integer = value});
}

int runspan_begin(runspan_client client, const char *name, runspan_span *span) {
    const runspan_core *core;
    int code;

    if (span == NULL)
        return client == 0 ? RUNSPAN_OFF : RUNSPAN_E_ARGUMENT;
    *span = 0;
    code = enter(client, name != NULL, &core);
    return code != RUNSPAN_DONE ? code : leave_with(core->begin(client, name, length(name), span), span);
}

int runspan_set_name(runspan_span span, const char *name) {
    const runspan_core *core;
    int code = enter(span, name != NULL, &core);

    return code != RUNSPAN_DONE ? code : leave(core->set_name(span, name, length(name)));
}

static int set(runspan_span span, const char *key, int ok, runspan_core_value value) {
    const runspan_core *core;
    int code = enter(span, key != NULL && ok, &core);

    return code != RUNSPAN_DONE ? code : leave(core->set(span, key, length(key), measured(&value)));
}

int runspan_set_attr_string(runspan_span span, const char *key, const char *value) {
    return set(span, key, value != NULL, (runspan_core_value){.kind = 's', .text = value});
}

int runspan_set_attr_int(runspan_span span, const char *key, int64_t value) {
    return set(span, key, 1, (runspan_core_value){.kind = 'i', .integer = value});
}

int runspan_set_attr_double(runspan_span span, const char *key, double value) {
    return set(span, key, 1, (runspan_core_value){.kind = 'd', .number = value});
}

int runspan_set_attr_bool(runspan_span span, const char *key, int value) {
    return set(span, key, 1, (runspan_core_value){.kind = 'b', .integer = value});
}

int runspan_set_attr_strings(runspan_span span, const char *key, const char *const *values, size_t count) {
    int ok = values != NULL || count == 0;

    for (size_t i = 0; ok && count <= RUNSPAN_TEXT_MAX && i < count; i++)
        ok = values[i] != NULL;
    return set(span, key, ok, (runspan_core_value){.kind = 't', .texts = values, .length = count});
}

int runspan_set_attr_null(runspan_span span, const char *key) {
    return set(span, key, 1, (runspan_core_value){.kind = 'n'});
}

int runspan_set_attrs(runspan_span span, const char *list, size_t size) {
    const runspan_core *core;
    int code = enter(span, list != NULL && size <= RUNSPAN_LIST_MAX, &core);

    return code != RUNSPAN_DONE ? code : leave(core->set_list(span, list, size));
}

int runspan_set_error(runspan_span span, const char *type) {
    const runspan_core *core;
    int code = enter(span, type != NULL, &core);

    return code != RUNSPAN_DONE ? code : leave(core->set_error(span, type, length(type)));
}

int runspan_end(runspan_span span, runspan_status status) {
    const runspan_core *core;
    int code = enter(span, 1, &core);

    return code != RUNSPAN_DONE ? code : leave(core->end(span, (int)status));
}

int runspan_flush(runspan_client client, uint32_t timeout_ms) {
    const runspan_core *core;
    int code = enter(client, 1, &core);

    return code != RUNSPAN_DONE ? code : leave(core->flush(client, timeout_ms));
}

int runspan_close(runspan_client client, uint32_t timeout_ms) {
    const runspan_core *core;
    int code = enter(client, 1, &core);

    return code != RUNSPAN_DONE ? code : leave(core->close(client, timeout_ms));
}

int runspan_consent(const char *service) {
    if (service == NULL || *service == '\0')
        return RUNSPAN_E_ARGUMENT;
    return rs_is_privileged() ? RUNSPAN_PRIVILEGED : rs_consent(service);
}

/* Calls the core for a command that shows something. */
static int ask_core(const runspan_options *options, const rs_command *command, const char *spool, const char *off,
                    int fd, int *exit_status) {
    runspan_core_config config;
    char where[384];
    const runspan_core_request asked = {
        .core = where,
        .name = command->name,
        .words = command->words,
        .count = command->count,
        .last = command->last,
        .json = command->json,
        .why_off = off,
    };
    int code = enter_loaded(options);

    if (code != RUNSPAN_DONE)
        return code;
    rs_where(where, sizeof where);
    code = rs_read_config(&config, options, spool);
    if (code == RUNSPAN_DONE)
        code = rs_core()->command(&config, &asked, fd, exit_status);
    rs_free_config(&config);
    rs_free_standard();
    rs_memcheck(RS_WRITTEN, exit_status, sizeof *exit_status);
    return leave(code);
}

/* Shows something. After a change that is the status. */
static int show(const runspan_options *options, rs_command command, const char *spool, int fd, int *exit_status) {
    int code = rs_consent(options->service);
    const char *off = code == RUNSPAN_DONE ? NULL : rs_reason(code);

    if (command.changes)
        command.name = "status";
    code = ask_core(options, &command, spool, off, fd, exit_status);
    if (code <= 0 || strcmp(command.name, "status") != 0)
        return code;
    *exit_status = !rs_write_consent(&command, options->service, off == NULL ? rs_why_off(code) : off, fd);
    return RUNSPAN_DONE;
}

/* A command works even if the user has opted out, because it sends nothing. */
int runspan_command(const runspan_options *given, int argc, const char *const *argv, int fd, int *exit_status) {
    runspan_options options;
    rs_command command;
    char folder[RS_PATH_MAX];
    const char *spool;
    int unused, code = accept_options(given, &options);

    if (exit_status == NULL)
        exit_status = &unused;
    *exit_status = 1;
    if (code != RUNSPAN_DONE)
        return code;
    if (argc < 0 || (argv == NULL && argc > 0) || !rs_is_file_name(options.service))
        return RUNSPAN_E_ARGUMENT;
    for (int i = 0; i < argc; i++)
        if (argv[i] == NULL)
            return RUNSPAN_E_ARGUMENT;
    command = rs_parse(argc, argv);
    if (strcmp(command.name, "help") == 0) {
        *exit_status = !rs_write_usage(fd) ? 1 : command.known ? 0 : 2;
        return RUNSPAN_DONE;
    }
    spool = rs_spool_folder(options.service, folder, sizeof folder) ? folder : NULL;
    return rs_change(&command, options.service, spool, fd) ? show(&options, command, spool, fd, exit_status) : RUNSPAN_DONE;
}

int runspan_state(runspan_client client) {
    const runspan_core *core;
    int code = enter(client, 1, &core);

    if (code == RUNSPAN_OFF)
        return atomic_load(&off_reason);
    return code != RUNSPAN_DONE ? code : leave(core->state(client));
}

const char *runspan_state_text(runspan_client client) {
    return rs_describe(runspan_state(client));
}

const char *runspan_version(void) {
    return RUNSPAN_VERSION;
}
