/* SPDX-License-Identifier: MIT
 *
 * The parts of the user's commands that need no core, so that a user can opt out even if
 * the core can't be loaded. A switch is a file; its content does not matter.
 */
#include "front.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "commands:\n"
    "  status            whether telemetry is on, its destination, and the waiting reports\n"
    "  preview [SPAN]    an example of a report\n"
    "  preview --last    the last report that was sent\n"
    "  show              the waiting reports\n"
    "  check             all faults of the schema (exit code 1), or the data that it lets a run send\n"
    "  off [--all]       switch telemetry off, and remove the waiting reports; --all: for all programs that use runspan\n"
    "  on [--all]        switch telemetry on again\n"
    "  purge             remove the waiting reports, and the last report that was sent\n"
    "  help              this list\n"
    "option: --json      output for programs\n"
    "exit codes: 0 done, 1 could not be done, 2 no such command\n";

static int is(const rs_command *command, const char *name) {
    return strcmp(command->name, name) == 0;
}

static int is_known(const rs_command *command) {
    static const char *const names[] = {"status", "preview", "show", "check", "off", "on", "purge", "help"};
    int named = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        named |= is(command, names[i]);
    return named && (!command->all || is(command, "on") || is(command, "off")) &&
           (!command->last || is(command, "preview")) &&
           (command->count == 0 || (is(command, "preview") && !command->last));
}

rs_command rs_parse(int argc, const char *const *argv) {
    rs_command command = {.name = ""};
    const int most = (int)(sizeof command.words / sizeof *command.words);
    int words = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            command.json = 1;
        else if (strcmp(argv[i], "--all") == 0)
            command.all = 1;
        else if (strcmp(argv[i], "--last") == 0)
            command.last = 1;
        else if (words++ == 0)
            command.name = argv[i];
        else if (command.count < most)
            command.words[command.count++] = argv[i];
    }
    command.known = words - 1 <= most && is_known(&command);
    if (!command.known)
        command.name = "help";
    command.changes = is(&command, "off") || is(&command, "on") || is(&command, "purge");
    return command;
}

/* printf to a descriptor. Returns 0 after an error. */
__attribute__((format(printf, 2, 3))) static int print(int fd, const char *format, ...) {
    char text[2 * RS_PATH_MAX];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return n >= 0 && rs_write_all(fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static int cannot(const char *service, const char *path, int err, int fd) {
    char why[128];

    rs_error_words(err, why, sizeof why);
    return print(fd, "%s: %s: %s\n", service, path, why) && 0;
}

/* Sets the user's switch for the service, or for all services. For on, *changed says whether
 * the switch was off. Returns 0 after an error, whose reason it has written. */
static int change_switch(const char *service, int all, int off, int fd, int *changed) {
    char folder[RS_PATH_MAX], path[RS_PATH_MAX];
    int err, n;

    if (!rs_switch_folder(folder, sizeof folder))
        return print(fd, "%s: there is no folder for the switch: " RS_HOME_WORDS "\n", service) && 0;
    n = snprintf(path, sizeof path, "%s" RS_SEPARATOR "%s%s", folder, all ? "" : service, all ? "off" : ".off");
    if (n < 0 || (size_t)n >= sizeof path)
        return cannot(service, folder, RS_NAME_TOO_LONG, fd);
    if (!off) {
        err = rs_remove_file(path);
        *changed = err == 0;
        return err == 0 || err == RS_MISSING || cannot(service, path, err, fd);
    }
    if ((err = rs_make_folder(folder)) == RS_NOT_OURS)
        return print(fd, "%s: %s would be in another user's folder\n", service, folder) && 0;
    if (err != 0)
        return cannot(service, folder, err, fd);
    return (err = rs_make_file(path)) == 0 || cannot(service, path, err, fd);
}

static int clear(const char *service, const char *spool, int all, int fd) {
    size_t left = spool == NULL ? 0 : rs_spool_clear(spool, all);

    if (left > 0)
        print(fd, "%s: %zu files in %s could not be removed\n", service, left, spool);
    return left == 0;
}

int rs_change(const rs_command *command, const char *service, const char *spool, int fd) {
    int changed = 1;

    if (!command->changes)
        return 1;
    if (is(command, "purge"))
        return clear(service, spool, 1, fd);
    /* If reports wait while telemetry is off, they are of a run that went on when it was
     * switched off. Remove them before telemetry is on again. */
    return change_switch(service, command->all, is(command, "off"), fd, &changed) &&
           (!changed || clear(service, spool, 0, fd));
}

int rs_write_usage(int fd) {
    return rs_write_all(fd, usage, sizeof usage - 1);
}

int rs_write_consent(const rs_command *command, const char *service, const char *off, int fd) {
    const char *before = off == NULL ? "" : command->json ? ",\"why_off\":\"" : ": ";

    if (command->json)
        return print(fd, "{\"service\":\"%s\",\"on\":%s%s%s%s}\n", service, off == NULL ? "true" : "false", before,
                     off == NULL ? "" : off, off == NULL ? "" : "\"");
    return print(fd, "%s\n  telemetry  %s%s%s\n", service, off == NULL ? "on" : "off", before, off == NULL ? "" : off);
}
