/* SPDX-License-Identifier: MIT
 *
 * Situations with signals.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t heard[65];

static void hear(int signal) {
    heard[signal]++;
}

static void handle(int signal, void (*handler)(int), int flags) {
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigaction(signal, &action, NULL);
}

static const char *handler_name(const struct sigaction *action) {
    if (action->sa_handler == SIG_DFL)
        return "default";
    if (action->sa_handler == SIG_IGN)
        return "ignored";
    return action->sa_handler == hear ? "the host's" : "another's";
}

static unsigned long environment; /* at first */

/* Everything of the process that a library could change. SIGSEGV, SIGBUS and
 * SIGFPE are the ones that runspan must have. */
static void look(const char *when) {
    static const int limits[] = {RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_STACK};
    char text[512], *end = text;
    unsigned long sum = 0;
    sigset_t mask, pending;
    struct itimerval timer;
    mode_t mode = umask(0);

    umask(mode);
    for (int i = 1; i < 65; i++) {
        struct sigaction action;

        if (sigaction(i, NULL, &action) != 0)
            continue;
        fact("%s%s: signal %d: %s, flags %x", i == SIGSEGV || i == SIGBUS || i == SIGFPE ? "!" : "", when, i, handler_name(&action), (unsigned)action.sa_flags);
    }
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (int i = 1; i < 65; i++)
        end += sprintf(end, "%d%d", sigismember(&mask, i), sigismember(&pending, i));
    fact("%s: masks %s", when, text);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit r;

        getrlimit((__rlimit_resource_t)limits[i], &r);
        fact("%s: limit %d: %lu %lu", when, limits[i], (unsigned long)r.rlim_cur, (unsigned long)r.rlim_max);
    }
    for (char **e = environ; *e != NULL; e++)
        for (char *c = *e; *c != '\0'; c++)
            sum = sum * 31 + (unsigned char)*c;
    if (environment == 0)
        environment = sum;
    prctl(PR_GET_NAME, text);
    fact("%s: environment %s, umask %o, locale %s, nice %d, name %s", when, sum == environment ? "as at first" : "changed", (unsigned)mode, setlocale(LC_ALL, NULL), getpriority(PRIO_PROCESS, 0), text);
    getcwd(text, sizeof text) == NULL ? abort() : (void)0;
    getitimer(ITIMER_PROF, &timer);
    fact("%s: working folder %s, children %d, dumpable %d, timer %ld", when, text, waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 1, prctl(PR_GET_DUMPABLE), (long)timer.it_value.tv_usec);
}

static int state(int argc, char **argv) {
    sigset_t some;

    (void)argc, (void)argv;
    setlocale(LC_ALL, "C.UTF-8");
    handle(SIGUSR1, hear, 0);
    handle(SIGPROF, hear, SA_RESTART);
    handle(SIGURG, hear, 0);
    handle(SIGPIPE, SIG_IGN, 0);
    sigemptyset(&some);
    sigaddset(&some, SIGCHLD);
    sigaddset(&some, SIGUSR2);
    sigaddset(&some, SIGSEGV);
    sigaddset(&some, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &some, NULL);
    raise(SIGUSR2);
    look("at first");
    tel_open(schema);
    look("open");
    tel_begin();
    tel_attr();
    look("in span");
    tel_end();
    tel_close(5000);
    look("closed");
    return 0;
}

static const int asynchronous[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD, SIGCONT,
                                   SIGTSTP, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS};

#define ASYNCHRONOUS (sizeof asynchronous / sizeof *asynchronous)

static void *call_often(void *stop) {
    while (!*(volatile int *)stop)
        tel_one();
    return NULL;
}

/* Each signal arrives at the host's handler, as often as it is sent. */
static int delivery(int argc, char **argv) {
    static int stop;
    pthread_t thread;

    (void)argc, (void)argv;
    for (size_t i = 0; i < ASYNCHRONOUS; i++)
        handle(asynchronous[i], hear, SA_RESTART);
    handle(SIGRTMIN, hear, SA_RESTART);
    tel_open(schema);
    pthread_create(&thread, NULL, call_often, &stop);
    for (int n = 0; n < 20; n++)
        for (size_t i = 0; i <= ASYNCHRONOUS; i++) {
            int signal = i < ASYNCHRONOUS ? asynchronous[i] : SIGRTMIN;

            kill(getpid(), signal);
            for (int wait = 0; wait < 2000 && heard[signal] <= n; wait++)
                sleep_ms(1);
        }
    stop = 1;
    pthread_join(thread, NULL);
    for (size_t i = 0; i < ASYNCHRONOUS; i++)
        fact("signal %d: %d", asynchronous[i], (int)heard[asynchronous[i]]);
    fact("SIGRTMIN: %d", (int)heard[SIGRTMIN]);
    tel_close(5000);
    return 0;
}

/* A host that blocks signals in all its threads, and waits for them: none is lost
 * to a thread of runspan's. By default most of them would end the process. */
static int waited_for(int argc, char **argv) {
    const struct timespec patience = {2, 0};
    static int stop;
    pthread_t thread;
    sigset_t all;

    (void)argc, (void)argv;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    tel_open(schema);
    pthread_create(&thread, NULL, call_often, &stop);
    sleep_ms(50);
    for (int n = 0; n < 10; n++)
        for (size_t i = 0; i <= ASYNCHRONOUS; i++) {
            int signal = i < ASYNCHRONOUS ? asynchronous[i] : SIGRTMIN + 1;
            sigset_t one;

            if (signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT)
                handle(signal, hear, 0); /* else the kernel drops it */
            sigemptyset(&one);
            sigaddset(&one, signal);
            kill(getpid(), signal);
            heard[0] += sigtimedwait(&one, NULL, &patience) == signal;
        }
    stop = 1;
    pthread_join(thread, NULL);
    fact("heard %d", (int)heard[0]);
    tel_close(5000);
    return 0;
}

static void do_fault(const char *kind) {
    volatile int zero = 0;
    char path[] = "/tmp/guest-XXXXXX";
    int fd;

    if (strcmp(kind, "segv") == 0)
        *(volatile int *)(uintptr_t)8 = 1;
    if (strcmp(kind, "bus") == 0) {
        fd = mkstemp(path);
        unlink(path);
        *(volatile char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) = 1;
    }
    if (strcmp(kind, "fpe") == 0)
        zero = 100 / zero;
    if (strcmp(kind, "fpe") == 0) /* arm64 goes on */
        raise(SIGFPE);
    if (strcmp(kind, "trap") == 0)
        raise(SIGTRAP);
    if (strcmp(kind, "abrt") == 0)
        abort();
    if (strcmp(kind, "sent") == 0)
        kill(getpid(), SIGSEGV);
    if (strcmp(kind, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(kind, "term") == 0)
        kill(getpid(), SIGTERM);
    sleep_ms(2000); /* another thread may have to get it */
}

static void *fault_here(void *kind) {
    tel_one();
    settle(200);
    do_fault(kind);
    return NULL;
}

/* fault KIND main|thread: what ends the host is its own. */
static int fault(int argc, char **argv) {
    const struct rlimit no_core = {0, 0};
    pthread_t thread;

    setrlimit(RLIMIT_CORE, &no_core);
    tel_open(schema);
    tel_begin();
    tel_attr();
    if (argc == 6 && strcmp(argv[5], "thread") == 0) {
        pthread_create(&thread, NULL, fault_here, argv[4]);
        pthread_join(thread, NULL);
    } else {
        fault_here(argv[4]);
    }
    return 1;
}

static sigjmp_buf back;
static volatile uintptr_t fault_address;

static void jump_back(int signal, siginfo_t *info, void *context) {
    (void)context;
    heard[signal]++;
    fault_address = (uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

static int survives_fault(uintptr_t address) {
    fault_address = 0;
    if (sigsetjmp(back, 1) == 0)
        *(volatile int *)address = 1;
    return fault_address == address;
}

/* Hosts that handle their faults, as garbage collectors and emulators do. */
static int handles_faults(int argc, char **argv) {
    struct sigaction action;
    int good = 0;

    (void)argc, (void)argv;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = jump_back;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, NULL);
    good += survives_fault(16);
    tel_open(schema);
    for (uintptr_t i = 1; i <= 100; i++) {
        good += survives_fault(i * 16);
        tel_one();
    }
    sigaction(SIGSEGV, &action, NULL);
    for (uintptr_t i = 1; i <= 100; i++) {
        good += survives_fault(i * 16);
        tel_one();
    }
    fact("good %d, heard %d", good, (int)heard[SIGSEGV]);
    tel_close(5000);
    return 0;
}

/* pipe default|ignored */
static int broken_pipe(int argc, char **argv) {
    int ends[2];
    ssize_t n;

    if (strcmp(argv[argc - 1], "ignored") == 0)
        handle(SIGPIPE, SIG_IGN, 0);
    tel_open(schema);
    tel_begin();
    tel_attr();
    settle(200);
    pipe(ends) == 0 ? (void)close(ends[0]) : abort();
    n = write(ends[1], "x", 1);
    fact("write %d, %d", (int)n, errno == EPIPE);
    tel_end();
    tel_close(5000);
    return 0;
}

#define DEEP (40 << 10)

static void hear_deeply(int signal) {
    volatile char stack[DEEP];

    memset((char *)stack, signal, sizeof stack);
    heard[signal] += stack[DEEP / 2] == signal;
}

/* timer onstack|plain: a thousand times a second a handler that needs much stack,
 * installed after open, while spans begin and end: profilers do that. */
static int timer(int argc, char **argv) {
    const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    int flags = SA_RESTART | (strcmp(argv[argc - 1], "onstack") == 0 ? SA_ONSTACK : 0), bad = 0;

    tel_open(schema);
    handle(SIGALRM, hear_deeply, flags);
    handle(SIGPROF, hear_deeply, flags);
    setitimer(ITIMER_REAL, &often, NULL);
    setitimer(ITIMER_PROF, &often, NULL);
    tel_begin();
    for (double begun = now_ms(); now_ms() - begun < 1500;) {
        bad += tel_one() < 0;
        for (int i = 0; i < 1000; i++)
            bad += tel_attr() < 0;
    }
    tel_end();
    setitimer(ITIMER_REAL, &never, NULL);
    setitimer(ITIMER_PROF, &never, NULL);
    fact("errors %d, heard %d", bad, heard[SIGALRM] > 100 && heard[SIGPROF] > 10);
    tel_close(5000);
    return 0;
}

static char own_stack[256 << 10];
static volatile int was_on_own;

static void where(int signal) {
    char here;

    heard[signal]++;
    was_on_own += &here >= own_stack && &here < own_stack + sizeof own_stack;
}

/* A host with an alternate stack for signals: its handlers run there. */
static int alternate_stack(int argc, char **argv) {
    stack_t given, found;

    (void)argc, (void)argv;
    memset(&given, 0, sizeof given);
    given.ss_sp = own_stack;
    given.ss_size = sizeof own_stack;
    sigaltstack(&given, NULL);
    handle(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    tel_open(schema);
    raise(SIGUSR1);
    tel_begin();
    raise(SIGUSR1);
    tel_end();
    raise(SIGUSR1);
    sigaltstack(NULL, &found);
    fact("on its own %d of %d, its stack %d", was_on_own, (int)heard[SIGUSR1], found.ss_sp == own_stack && found.ss_size == sizeof own_stack);
    tel_close(5000);
    return 0;
}

static void *signal_soon(void *signal) {
    settle(150);
    kill(getpid(), *(int *)signal);
    return NULL;
}

static void call_at_exit(void) {
    int one = tel_one(), closed = tel_close(2000);

    fact("!at exit: one %d, close %d", one, closed);
}

static void exit_now(int signal) {
    (void)signal;
    exit(9);
}

static void leave_by_jump(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

/* in-close default|exit|jump: a Ctrl-C while the host waits in close. */
static int in_close(int argc, char **argv) {
    static int interrupt = SIGINT;
    const char *how = argv[argc - 1];
    pthread_t thread;
    double begun = now_ms();

    handle(SIGINT, strcmp(how, "exit") == 0 ? exit_now : strcmp(how, "jump") == 0 ? leave_by_jump : SIG_DFL, 0);
    tel_open(schema);
    tel_begin();
    tel_attr();
    tel_end();
    atexit(call_at_exit);
    pthread_create(&thread, NULL, signal_soon, &interrupt);
    if (sigsetjmp(back, 1) == 0) {
        tel_close(10000);
        for (;;)
            pause();
    }
    if (now_ms() - begun > 3000)
        fact("it was not heard at once");
    fact("!after the jump: one %d", tel_one());
    return 10;
}

/* A thread that has called runspan, ends with a signal that it has blocked. */
static void *block_and_end(void *unused) {
    sigset_t set;

    (void)unused;
    tel_one();
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_kill(pthread_self(), SIGUSR1);
    return NULL;
}

static int blocked_at_end(int argc, char **argv) {
    pthread_t thread;

    (void)argc, (void)argv;
    handle(SIGUSR1, hear, 0);
    tel_open(schema);
    pthread_create(&thread, NULL, block_and_end, NULL);
    pthread_join(thread, NULL);
    fact("handler called %d times", heard[SIGUSR1]);
    tel_close(5000);
    return 0;
}

const struct situation signals[] = {{"state", state},
                                    {"delivery", delivery},
                                    {"waited-for", waited_for},
                                    {"fault", fault},
                                    {"handles-faults", handles_faults},
                                    {"pipe", broken_pipe},
                                    {"timer", timer},
                                    {"altstack", alternate_stack},
                                    {"blocked-at-end", blocked_at_end},
                                    {"in-close", in_close},
                                    {NULL, NULL}};
