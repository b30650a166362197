/* SPDX-License-Identifier: MIT
 *
 * Leaves the host's signals to the host. The core is linked with --wrap=sigaction, so
 * that the Go runtime's calls of sigaction come here.
 *
 * A Go library installs handlers for SIGSEGV, SIGBUS and SIGFPE, which it turns into
 * panics, and for SIGPIPE and SIGURG; and it adds SA_ONSTACK to the host's handlers.
 * Here it gets only the first three signals, and only for faults in its own code. A
 * fault in other code goes to the handler that would have got it without runspan, with
 * the same siginfo and at the same instruction.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

int __real_sigaction(int, const struct sigaction *, struct sigaction *);
int __wrap_sigaction(int, const struct sigaction *, struct sigaction *);

/* The linker's symbols for the beginning and the end of this library's code. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

typedef void (*action)(int, siginfo_t *, void *);

/* A signal, the runtime's handler for it, and the handler before that. */
struct fault {
    int signal;
    atomic_int ours; /* is our handler installed? */
    action go;
    struct sigaction host;
};
static struct fault faults[] = {{.signal = SIGSEGV}, {.signal = SIGBUS}, {.signal = SIGFPE}};

static struct fault *find(int signal) {
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].signal == signal)
            return &faults[i];
    return NULL;
}

static int is_ours(const ucontext_t *context) {
#if defined(__x86_64__)
    uintptr_t at = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    uintptr_t at = (uintptr_t)context->uc_mcontext.pc;
#else
#error "where is the program counter?"
#endif
    return at >= (uintptr_t)__ehdr_start && at < (uintptr_t)etext;
}

/* Lets the kernel carry out the default action, so that the exit status and the core
 * dump are the same as without runspan. When the handler returns, the faulting
 * instruction runs again; a signal that was sent is sent again. */
static void by_default(const struct fault *fault, const siginfo_t *info) {
    struct sigaction none = {.sa_handler = SIG_DFL};

    __real_sigaction(fault->signal, &none, NULL);
    if (info->si_code <= 0)
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), fault->signal);
}

static void pass_on(const struct fault *fault, siginfo_t *info, ucontext_t *context) {
    const struct sigaction *host = &fault->host;
    int sent = info->si_code <= 0; /* by a process. A fault is fatal even if it is ignored. */
    struct sigaction none = {.sa_handler = SIG_DFL};
    sigset_t mask;

    if (!(host->sa_flags & SA_SIGINFO) && host->sa_handler == SIG_IGN && sent)
        return;
    if (!(host->sa_flags & SA_SIGINFO) && (host->sa_handler == SIG_IGN || host->sa_handler == SIG_DFL)) {
        by_default(fault, info);
        return;
    }
    if (host->sa_flags & (int)SA_RESETHAND)
        __real_sigaction(fault->signal, &none, NULL);
    sigorset(&mask, &context->uc_sigmask, &host->sa_mask);
    if (!(host->sa_flags & SA_NODEFER))
        sigaddset(&mask, fault->signal);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (host->sa_flags & SA_SIGINFO)
        host->sa_sigaction(fault->signal, info, context);
    else
        host->sa_handler(fault->signal);
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    const struct fault *fault = find(signal);
    int saved = errno;

    if (info->si_code > 0 && is_ours(context))
        fault->go(signal, info, context);
    else
        pass_on(fault, info, context);
    errno = saved;
}

/* Replaces sigaction for the Go runtime. It reports success, and installs nothing but
 * the handlers for faults. Only a SIG_DFL is carried out, because the runtime uses it
 * when it ends the process. */
int __wrap_sigaction(int signal, const struct sigaction *act, struct sigaction *old) {
    struct fault *fault = find(signal);
    struct sigaction ours;

    if (act == NULL || (!(act->sa_flags & SA_SIGINFO) && act->sa_handler == SIG_DFL))
        return __real_sigaction(signal, act, old);
    if (fault == NULL || atomic_exchange(&fault->ours, 1))
        return __real_sigaction(signal, NULL, old);
    if (__real_sigaction(signal, NULL, &fault->host) != 0)
        return -1;
    if (old != NULL)
        *old = fault->host;
    fault->go = act->sa_sigaction;
    ours = *act;
    ours.sa_sigaction = on_fault;
    return __real_sigaction(signal, &ours, NULL);
}
