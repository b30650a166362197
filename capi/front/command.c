/* SPDX-License-Identifier: MIT
 *
 * The user's commands, as far as they need no core: to opt out never takes what
 * is opted out of. A switch is a file; what is in it has no meaning.
 */
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "commands:\n"
    "  status            whether telemetry is on, where it would be sent, and what waits\n"
    "  preview [SPAN]    an example of what a run would send\n"
    "  preview --last    the last report that was sent from here\n"
    "  show              the reports that wait\n"
    "  check             all that is wrong with the schema (exit code 1), or what it lets a run send\n"
    "  off [--all]       switch telemetry off, and remove what waits; --all: of all programs that use runspan\n"
    "  on [--all]        undo that\n"
    "  purge             remove what waits, and the last report that was sent\n"
    "  help              this list\n"
    "each with --json for programs\n"
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

/* printf to a descriptor; 0 where that can't be done. */
__attribute__((format(printf, 2, 3))) static int print(int fd, const char *format, ...) {
    char text[2 * PATH_MAX];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return n >= 0 && rs_write_all(fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static int cannot(const char *service, const char *path, int err, int fd) {
    char why[128];

    if (strerror_r(err, why, sizeof why) != 0)
        snprintf(why, sizeof why, "error %d", err);
    return print(fd, "%s: %s: %s\n", service, path, why) && 0;
}

/* The user's switch for the service, or for all. *changed: it was the other way. */
static int change_switch(const char *service, int all, int off, int fd, int *changed) {
    char folder[PATH_MAX], path[PATH_MAX];
    int made, err, n;

    if (!rs_switch_folder(folder, sizeof folder))
        return print(fd, "%s: there is no folder for the switch: HOME and XDG_CONFIG_HOME name none\n", service) && 0;
    n = snprintf(path, sizeof path, "%s/%s%s", folder, all ? "" : service, all ? "off" : ".off");
    if (n < 0 || (size_t)n >= sizeof path)
        return cannot(service, folder, ENAMETOOLONG, fd);
    if (!off) {
        *changed = unlink(path) == 0;
        return *changed || errno == ENOENT || errno == ENOTDIR || cannot(service, path, errno, fd);
    }
    if ((err = rs_make_folder(folder)) == EPERM)
        return print(fd, "%s: %s would be in another user's folder\n", service, folder) && 0;
    if (err != 0)
        return cannot(service, folder, err, fd);
    made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0 && errno != EEXIST)
        return cannot(service, path, errno, fd);
    if (made >= 0)
        close(made);
    return 1;
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
    /* What waits while telemetry is off is of a run that went on as it was switched
     * off: it goes before telemetry is on again. */
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
