/* SPDX-License-Identifier: MIT
 *
 * Situations with limits: before the client is opened, or after.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static int limit(int resource, long value) {
    struct rlimit r;

    getrlimit(resource, &r);
    r.rlim_cur = (rlim_t)value;
    return setrlimit(resource, &r);
}

static int set(const char *kind, long value) {
    int fd;

    if (strcmp(kind, "v") == 0) /* MiB */
        return limit(RLIMIT_AS, value << 20);
    if (strcmp(kind, "d") == 0)
        return limit(RLIMIT_DATA, value << 20);
    if (strcmp(kind, "n") == 0) { /* so many more than there are */
        fd = dup(0);
        close(fd);
        return limit(RLIMIT_NOFILE, fd + value);
    }
    if (strcmp(kind, "f") == 0)
        return limit(RLIMIT_FSIZE, value);
    if (strcmp(kind, "t") == 0)
        return limit(RLIMIT_CPU, value);
    if (strcmp(kind, "u") == 0) /* the superuser has no such limit */
        return (getuid() == 0 && setuid(NOBODY) != 0) ? -1 : limit(RLIMIT_NPROC, value);
    return -1;
}

/* limit KIND VALUE */
static int before(int argc, char **argv) {
    if (argc != 6 || set(argv[4], atol(argv[5])) != 0)
        return 97;
    plain();
    puts("done");
    return 0;
}

/* Takes everything that the limits leave. */
static void take_all(void) {
    while (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
        ;
    while (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
        ;
}

/* limit-after KIND NUMBER: as before, but the client is open and a span has begun when
 * the host comes to its limit: nothing is left of it. So many spans follow. */
static int after(int argc, char **argv) {
    int bad = 0;

    tel_open(schema);
    tel_begin();
    if (argc != 6)
        return 97;
    const char *used = *argv[4] == 'd' ? "VmData" : "VmSize";
    if (set(argv[4], strchr("vd", *argv[4]) != NULL ? (vm_kib(used) >> 10) + 1 : strcmp(argv[4], "t") == 0 ? 1000 : 0) != 0)
        return 97;
    if (strchr("vd", *argv[4]) != NULL)
        take_all();
    for (int i = 0; i < atoi(argv[5]); i++)
        bad += tel_one() < 0;
    fact("errors %d", bad);
    tel_end();
    tel_close(5000);
    write(1, "done\n", 5) == 5 ? (void)0 : abort();
    return 0;
}

/* limit-waiting NUMBER: spans that can neither be written nor sent, and nothing is left
 * for the memory that they take. */
static int waiting(int argc, char **argv) {
    int lost = 0, spans = atoi(argv[argc - 1]);

    setenv("XDG_STATE_HOME", "/proc/none", 1);
    setenv("RUNSPAN_ENDPOINT", "http://127.0.0.1:9/v1/traces", 1);
    tel_open(schema);
    set("v", (vm_kib("VmSize") >> 10) + 1);
    take_all();
    for (int i = 0; i < spans; i++)
        lost += tel_one() > 0;
    fact("!lost %d", lost > 0);
    tel_close(100);
    write(1, "done\n", 5) == 5 ? (void)0 : abort();
    return 0;
}

/* Also those of runspan's. */
static int closes_all(int argc, char **argv) {
    (void)argc, (void)argv;
    tel_open(schema);
    tel_begin();
    for (int fd = 3; fd < 256; fd++)
        if (fd != facts)
            close(fd);
    for (int i = 0; i < 100; i++) {
        tel_one();
        sleep_ms(1);
    }
    tel_end();
    tel_close(300);
    fact("closed");
    puts("done");
    return 0;
}

static atomic_int over, let_through;

/* Writes to what is closed, and reads from it: both fail, each time. */
static void *use_closed(void *unused) {
    static const char text[] = "secret.cool: no such file\n";
    char byte;

    (void)unused;
    while (!atomic_load(&over))
        for (int fd = 0; fd < 3; fd++)
            if (write(fd, text, sizeof text - 1) >= 0 || errno != EBADF || read(fd, &byte, 1) >= 0 || errno != EBADF)
                atomic_fetch_add(&let_through, 1);
    return NULL;
}

static void close_standard(pthread_t *user) {
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    if (pthread_create(user, NULL, use_closed, NULL) != 0)
        abort();
}

/* closes-standard WHEN: descriptors 0, 1 and 2 are closed before open, or in a
 * span; a thread goes on to use them, as of a host that prints an error. */
static int closes_standard(int argc, char **argv) {
    pthread_t user;
    int early = argc == 5 && strcmp(argv[4], "before") == 0;

    if (early)
        close_standard(&user);
    tel_open(schema);
    tel_begin();
    if (!early)
        close_standard(&user);
    for (int i = 0; i < 20; i++) {
        sleep_ms(20);
        tel_one();
    }
    tel_end();
    tel_close(5000);
    atomic_store(&over, 1);
    pthread_join(user, NULL);
    fact("let through %d", atomic_load(&let_through));
    sleep_ms(50); /* or a thread of runspan is at work still */
    fact("the next file is %d", open("/", O_RDONLY));
    return 0;
}

/* In a span the host gives up what it has had at the beginning; or nothing. */
static int gives_up(int argc, char **argv) {
    const char *what = argv[argc - 1];
    int failed = 0;

    tel_open(schema);
    tel_begin();
    tel_attr();
    settle(150);
    if (strcmp(what, "rights") == 0)
        failed = setgid(12345) != 0 || setuid(12345) != 0;
    if (strcmp(what, "for-a-while") == 0)
        failed = seteuid(12345);
    if (strcmp(what, "root") == 0)
        failed = chroot("/var");
    tel_attr();
    tel_end();
    settle(100);
    if (strcmp(what, "for-a-while") == 0)
        failed = seteuid(0);
    tel_close(300);
    fact("failed %d", failed);
    return 0;
}

/* The time is over in the middle of the run. */
static int cpu(int argc, char **argv) {
    (void)argc, (void)argv;
    tel_open(schema);
    tel_begin();
    set("t", 1);
    while (tel_attr() < 1000)
        for (volatile int i = 0; i < 200000; i++) /* the time that calls of a core beside the host take is not the host's */
            ;
    return 0;
}

/* Whatever the limit of the stack is, as the shell has set it. */
static int stack(int argc, char **argv) {
    struct rlimit r;

    (void)argc, (void)argv;
    getrlimit(RLIMIT_STACK, &r);
    fact("stack %ld", (long)r.rlim_cur);
    plain();
    return 0;
}

static const struct {
    const char *name;
    int number;
} calls[] = {
    {"epoll_create1", SYS_epoll_create1}, {"eventfd2", SYS_eventfd2},     {"epoll_ctl", SYS_epoll_ctl},
    {"epoll_pwait", SYS_epoll_pwait},     {"sigaltstack", SYS_sigaltstack}, {"getrandom", SYS_getrandom},
    {"madvise", SYS_madvise},             {"sched_getaffinity", SYS_sched_getaffinity},
    {"prctl", SYS_prctl},                 {"socket", SYS_socket},         {"clone", SYS_clone},
    {"prlimit64", SYS_prlimit64},         {"readlinkat", SYS_readlinkat}, {"mkdirat", SYS_mkdirat},
    {"getdents64", SYS_getdents64},       {"renameat2", SYS_renameat2},   {"uname", SYS_uname},
    {"setsid", SYS_setsid},               {"execve", SYS_execve},         {"setpriority", SYS_setpriority},
    {"close_range", 436},
};

/* seccomp CALL: a filter that refuses the system call. */
static int seccomp(int argc, char **argv) {
    for (size_t i = 0; argc == 5 && i < sizeof calls / sizeof *calls; i++) {
        struct sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)SYS_clone3, 2, 0), /* as container engines do it */
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 2, 0),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        };
        struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

        if (strcmp(calls[i].name, argv[4]) != 0)
            continue;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
            return 97;
        plain();
        puts("done");
        return 0;
    }
    return 96;
}

/* As qemu-user does: advice is taken and not followed, whatever it is. The core
 * still has to know a fork. */
static int advice(int argc, char **argv) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, MADV_WIPEONFORK, 0, 1), /* what the Go runtime asks for is below */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    int status = 0;
    pid_t child;

    (void)argc, (void)argv;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 97;
    tel_open(schema);
    tel_begin();
    child = fork();
    if (child == 0) {
        alarm(20); /* ends it where a call waits for a thread that the child has not */
        tel_one();
        tel_close(300);
        _exit(0);
    }
    waitpid(child, &status, 0);
    fact("child %d", status);
    tel_end();
    tel_close(5000);
    puts("done");
    return 0;
}

const struct situation limits[] = {{"limit", before},   {"limit-after", after},   {"limit-cpu", cpu},
                                   {"limit-waiting", waiting}, {"closes-all", closes_all},
                                   {"closes-standard", closes_standard}, {"advice", advice},
                                   {"stack", stack},     {"seccomp", seccomp}, {"gives-up", gives_up}, {NULL, NULL}};
