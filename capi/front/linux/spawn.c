/* SPDX-License-Identifier: MIT
 *
 * Starts the core's program, so that the host does not notice it: no child, no SIGCHLD,
 * no descriptor of the host's in it.
 */
#define _GNU_SOURCE /* clone */
#include "../front.h"
#include "../posix/spawn.h"
#include "../posix/stream.h"
#include "../../guest/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* It must not take the processor from the host while the host works. */
#define NICE 5

/* close_range(2), Linux 5.9: the same number on all processors. */
#define CLOSE_RANGE 436

/* Each of the two short-lived children runs on a stack of this many bytes. */
#define STACK ((size_t)64 << 10)

/* Does the system adopt the orphans of this process? PID 1 and a subreaper adopt them
 * themselves: the core would be a child that the host notices. */
static int is_reaped(void) {
    int subreaper = 0;

    return getpid() != 1 && !(prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper) && rs_has_children_here();
}

int rs_may_spawn(void) {
    if (!is_reaped())
        return RUNSPAN_NO_REAPER;
    return rs_leaves_tasks(RS_TASKS_BESIDE) ? RUNSPAN_DONE : RUNSPAN_NO_THREADS;
}

/* The host may write to descriptors 0, 1 and 2 though it has closed them. */
int rs_socket_pair(int pair[2]) {
    int result;

    rs_fill_standard();
    result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    rs_free_standard();
    return result;
}

/* Everything that the children need, for they share the memory of the host's thread,
 * which is stopped meanwhile. */
struct plan {
    int socket;
    char *argv[4];
    char *stack; /* of the second child */
    int error;   /* an errno; 0: the program runs */
};

void rs_close_from(unsigned first) {
    struct rlimit limit;

    if (syscall(CLOSE_RANGE, first, ~0u, 0u) == 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536)
        limit.rlim_cur = 65536;
    for (int fd = (int)first; fd < (int)limit.rlim_cur; fd++)
        close(fd);
}

/* An ignored signal stays ignored in the program. It needs no more than these two: a
 * connection that has ended, and a limit of files, are errors of its calls. */
static void reset_signals(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The type of a limit's number. */
#ifdef __GLIBC__
typedef __rlimit_resource_t limit_number;
#else
typedef int limit_number;
#endif

/* The host's soft limits are for the host. */
static void raise_limits(void) {
    static const limit_number limits[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE};
    struct rlimit limit;

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (getrlimit(limits[i], &limit) == 0) {
            limit.rlim_cur = limit.rlim_max;
            setrlimit(limits[i], &limit);
        }
}

/* The child has the host's memory, and the host's thread waits for its exec or exit. A
 * tracer of the host's does not follow it: strace -f would wait for its end. Without a
 * signal for its end it is no child for SIGCHLD and for wait, but for those who ask for
 * clones, too (__WALL, __WCLONE). */
#define AS_GUEST (CLONE_VM | CLONE_VFORK | CLONE_UNTRACED)

/* AddressSanitizer knows no such stacks, and says so when a function does not return. */
#define ON_OWN_STACK __attribute__((no_sanitize("address")))

ON_OWN_STACK static int become_program(void *argument) {
    static char *const no_environment[] = {NULL};
    struct plan *plan = argument;
    int null;

    setsid();
    reset_signals();
    raise_limits();
    null = open("/dev/null", O_RDWR);
    if (null >= 0 && dup2(plan->socket, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2 && chdir("/") == 0) {
        rs_close_from(3);
        if (getpriority(PRIO_PROCESS, 0) < NICE) /* root could raise it */
            setpriority(PRIO_PROCESS, 0, NICE);
        execve(plan->argv[0], plan->argv, no_environment);
    }
    plan->error = errno;
    _exit(1);
}

/* The first child leaves the second one to the system's reaper. */
ON_OWN_STACK static int become_orphan(void *argument) {
    struct plan *plan = argument;

    if (clone(become_program, plan->stack + STACK, AS_GUEST, plan) < 0)
        plan->error = errno;
    _exit(0);
}

static int spawn(struct plan *plan, char *stack) {
    pid_t child = clone(become_orphan, stack + STACK, AS_GUEST, plan);

    if (child < 0)
        return rs_code_of(errno);
    while (waitpid(child, NULL, __WALL) < 0 && errno == EINTR)
        ;
    return rs_code_of(plan->error);
}

int rs_start(char *program, char *core, int socket) {
    char pid[16], *stacks;
    struct plan plan = {.socket = socket, .argv = {program, core, pid, NULL}};
    sigset_t all, before;
    int code;

    if (!is_reaped()) /* rs_may_spawn was perhaps long ago */
        return RUNSPAN_NO_REAPER;
    stacks = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stacks == MAP_FAILED)
        return RUNSPAN_NO_ADDRESS_SPACE;
    snprintf(pid, sizeof pid, "%ld", (long)syscall(SYS_getpid));
    plan.stack = stacks;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    code = spawn(&plan, stacks + STACK);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stacks, 2 * STACK);
    return code;
}
