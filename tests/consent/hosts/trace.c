/* SPDX-License-Identifier: MIT
 *
 * Runs a program, and writes to a file what it asked of the kernel that a
 * program without telemetry would not: sockets, changes of files, and processes that no
 * tracer follows, as that of a core beside its host.
 *
 *     trace FILE PROGRAM ...
 *
 * A line each: "socket", "change PATH", or "untraced". Exits as the program does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

static void read_text(pid_t pid, unsigned long address, char *text, size_t size) {
    struct iovec here = {text, size - 1}, there = {(void *)address, size - 1};
    ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

    text[n < 0 ? 0 : n] = '\0';
}

static void look(pid_t pid, FILE *out) {
    struct ptrace_syscall_info info;
    unsigned long path = 0;
    char text[4096];

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    switch (info.entry.nr) {
    case SYS_socket:
    case SYS_connect:
        fputs("socket\n", out);
        return;
    case SYS_openat:
        if ((info.entry.args[2] & (O_WRONLY | O_RDWR | O_CREAT)) == 0)
            return;
        path = info.entry.args[1];
        break;
#ifdef SYS_open
    case SYS_open:
        if ((info.entry.args[1] & (O_WRONLY | O_RDWR | O_CREAT)) == 0)
            return;
        path = info.entry.args[0];
        break;
    case SYS_mkdir:
    case SYS_creat:
    case SYS_rename:
        path = info.entry.args[0];
        break;
#endif
    case SYS_clone:
        /* A copy of the host looks for a file, and ends: capi/front/linux/look.c. */
        if ((info.entry.args[0] & CLONE_UNTRACED) != 0 && (info.entry.args[0] & CLONE_VM) != 0)
            fputs("untraced\n", out);
        return;
    case SYS_mkdirat:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_linkat:
    case SYS_symlinkat:
        path = info.entry.args[1];
        break;
    default:
        return;
    }
    read_text(pid, path, text, sizeof text);
    fprintf(out, "change %s\n", text);
}

int main(int argc, char **argv) {
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK;
    FILE *out = argc > 2 ? fopen(argv[1], "we") : NULL;
    pid_t child = out == NULL ? -1 : fork();
    int status;

    if (child < 0)
        return 100;
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(argv[2], argv + 2);
        _exit(101);
    }
    if (waitpid(child, &status, 0) != child || ptrace(PTRACE_SETOPTIONS, child, 0, options) != 0)
        return 102;
    ptrace(PTRACE_SYSCALL, child, 0, 0);
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        int signal = 0;

        if (pid < 0)
            return 103;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (pid != child)
                continue;
            fclose(out);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 104;
        }
        if (WSTOPSIG(status) == (SIGTRAP | 0x80))
            look(pid, out);
        else if (WSTOPSIG(status) != SIGSTOP && status >> 16 == 0)
            signal = WSTOPSIG(status);
        ptrace(PTRACE_SYSCALL, pid, 0, (long)signal);
    }
}
