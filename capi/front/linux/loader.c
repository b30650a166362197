/* SPDX-License-Identifier: MIT
 *
 * Finds and loads the Go core, once per process. It remembers the process, because a Go
 * runtime does not survive a fork.
 */
#define _GNU_SOURCE /* dladdr, RTLD_NODELETE, secure_getenv */
#include "../beside.h"
#include "../front.h"
#include "../../guest/limits.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CORE_NAME "librunspan-core.so"

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static runspan_core core;
static atomic_int loaded;
static char core_to_spawn[PATH_MAX]; /* see rs_spawn_beside; empty: no process is to be there */

/* Why the core is not in the host, and not beside it. DONE: it is, or nobody has tried. */
static atomic_int not_in_host, not_beside;

/* The process that has begun to load the core. Its mark is 1; in a child the mark is 0,
 * because the kernel wipes the page on every fork (MADV_WIPEONFORK, Linux 4.14). On
 * older kernels the front compares process ids instead, which needs a system call each
 * time. */
struct owner {
    atomic_int mark;
};
static _Atomic(struct owner *) owner; /* NULL: no thread has begun */
static atomic_int owner_pid;          /* 0: the kernel wipes the page */

/* qemu-user accepts any advice, and ignores it if it does not know it. So try an advice
 * that does not exist, too. */
static int is_wiped_on_fork(void *page, size_t size) {
    const int nonsense = 0x7fffff;

    return madvise(page, size, MADV_WIPEONFORK) == 0 && madvise(page, size, nonsense) != 0;
}

static int claim(void) {
    struct owner *none = NULL;
    struct owner *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return RUNSPAN_NO_ADDRESS_SPACE;
    if (!is_wiped_on_fork(page, sizeof *page))
        atomic_store(&owner_pid, (int)getpid());
    atomic_store(&page->mark, 1);
    if (!atomic_compare_exchange_strong(&owner, &none, page))
        munmap(page, sizeof *page); /* another thread was first */
    return RUNSPAN_DONE;
}

int rs_claim_process(void) {
    int code = atomic_load(&owner) == NULL ? claim() : RUNSPAN_DONE;

    return code == RUNSPAN_DONE && rs_forked() ? RUNSPAN_FORKED : code;
}

int rs_forked(void) {
    struct owner *page = atomic_load_explicit(&owner, memory_order_acquire);
    int pid;

    if (page == NULL)
        return 0;
    pid = atomic_load_explicit(&owner_pid, memory_order_relaxed);
    return pid != 0 ? pid != (int)getpid() : atomic_load_explicit(&page->mark, memory_order_relaxed) == 0;
}

const runspan_core *rs_core(void) {
    return atomic_load_explicit(&loaded, memory_order_acquire) ? &core : NULL;
}

/* Finds the file that contains this function: the shared library, or the program if the
 * front is linked into it. For a program dladdr returns argv[0], which may not be a
 * path. */
static int own_file(char *path, size_t size) {
    Dl_info self, program;
    ssize_t n;

    if (dladdr(&loading, &self) == 0 || self.dli_fname == NULL)
        return 0;
    if (dladdr((void *)getauxval(AT_PHDR), &program) != 0 && program.dli_fbase == self.dli_fbase) {
        n = readlink("/proc/thread-self/exe", path, size - 1); /* the first thread may have ended */
        if (n < 0)                                             /* before Linux 3.17 */
            n = readlink("/proc/self/exe", path, size - 1);
        path[n < 0 ? 0 : n] = '\0';
    } else {
        n = snprintf(path, size, "%s", self.dli_fname);
    }
    return n > 0 && (size_t)n < size && strchr(path, '/') != NULL;
}

/* Finds the core near a file: the first of the places that exists. A package without a
 * shared core has only the program. */
static int core_near(const char *file, char *path, size_t size) {
    static const char *const places[] = {"/" CORE_NAME, "/../lib/" CORE_NAME, "/" RS_PROGRAM, "/../lib/" RS_PROGRAM};
    int folder = (int)(strrchr(file, '/') - file);

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int n = snprintf(path, size, "%.*s%s", folder, file, places[i]);

        if (n > 0 && (size_t)n < size && access(path, R_OK) == 0)
            return 1;
    }
    return 0;
}

/* Finds the core near the front. The front may have been loaded by a link to its file. */
static int core_near_front(char *path, size_t size) {
    char own[PATH_MAX], resolved[PATH_MAX];

    return own_file(own, sizeof own) &&
           (core_near(own, path, size) || (realpath(own, resolved) != NULL && core_near(resolved, path, size)));
}

/* Returns the core that the environment names. A program with more rights than its user
 * must not load the user's code, so secure_getenv returns NULL there. */
static const char *core_of_user(void) {
    const char *path = secure_getenv("RUNSPAN_CORE");

    return path != NULL && *path == '/' ? path : NULL;
}

/* Blocks the signals that the core's threads do not need. A thread inherits the mask of
 * the thread that starts it, so the host's signals reach only the host's threads. The
 * runtime needs the signals that it turns into panics. */
static void block_signals(sigset_t *before) {
    static const int keep[] = {SIGSEGV, SIGBUS, SIGFPE};
    sigset_t block;

    sigfillset(&block);
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
        sigdelset(&block, keep[i]);
    pthread_sigmask(SIG_BLOCK, &block, before);
}

/* ISO C has no conversion from void * to a function pointer. POSIX has one, and
 * recommends to write it like this. */
static int find(void *handle, const char *name, void *member) {
    char symbol[64];
    void *address;

    snprintf(symbol, sizeof symbol, "runspan_core_%s", name);
    address = dlsym(handle, symbol);
    memcpy(member, &address, sizeof address);
    return address != NULL;
}

static int find_all(void *handle) {
    const struct {
        const char *name;
        void *member;
    } all[] = {
#define F(type, name, arguments) {#name, &core.name},
        RUNSPAN_CORE_FUNCTIONS(F)
#undef F
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!find(handle, all[i].name, all[i].member))
            return 0;
    return 1;
}

/* Is the file as long as its ELF header says? A full disk or an interrupted copy leaves
 * a file that is too short. The dynamic linker would map it, and SIGBUS would end the
 * host. For a file that is not ELF the linker has an error message. */
static int is_whole(const char *path) {
    ElfW(Ehdr) header;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC), whole = 1;

    if (fd < 0)
        return 1;
    if (fstat(fd, &info) == 0 && read(fd, &header, sizeof header) == (ssize_t)sizeof header &&
        memcmp(header.e_ident, ELFMAG, SELFMAG) == 0)
        whole = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize <= (size_t)info.st_size;
    close(fd);
    return whole;
}

/* Finds the core. Returns its path, which may be in near, or NULL. */
static const char *find_core(const char *path, char *near, size_t size, const char **why) {
    if (path == NULL)
        path = core_of_user();
    if (path == NULL && core_near_front(near, size))
        path = near;
    if (path == NULL || access(path, R_OK) != 0)
        return NULL;
    if (!is_whole(path)) {
        *why = CORE_NAME " is cut short";
        return NULL;
    }
    return path;
}

static int load_into_host(const char *path, const char **why) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    int code;

    if (handle == NULL) {
        *why = dlerror();
        return RUNSPAN_NO_CORE;
    }
    if (!find(handle, "usable", &core.usable))
        return RUNSPAN_OTHER_CORE;
    code = core.usable();
    if (code != RUNSPAN_DONE)
        return code;
    if (!find(handle, "version", &core.version) || strcmp(core.version(), RUNSPAN_VERSION) != 0 || !find_all(handle))
        return RUNSPAN_OTHER_CORE;
    return RUNSPAN_DONE;
}

/* Returns the reason why the core is not to be in the host, or RUNSPAN_DONE. */
static int against_host(const char *path, rs_way asked) {
    const char *slash = strrchr(path, '/');
    int code = asked == RS_BESIDE ? RS_WANTED : rs_can_load(RS_ADDRESS_SPACE);

    if (code == RUNSPAN_DONE && strcmp(slash == NULL ? path : slash + 1, RS_PROGRAM) == 0)
        code = RUNSPAN_NO_CORE;
    return code == RUNSPAN_DONE && asked == RS_BY_RULE ? rs_is_felt() : code;
}

/* The rule: the core is in the host where it can live there without being felt, else
 * beside the host. Where it can be in neither, telemetry is off. */
static int load(const char *path, rs_way asked, const char **why) {
    char near[PATH_MAX];
    int in_host, beside = RUNSPAN_DONE;

    path = find_core(path, near, sizeof near, why);
    if (path == NULL)
        return RUNSPAN_NO_CORE;
    in_host = against_host(path, asked);
    if (in_host != RUNSPAN_DONE && asked != RS_IN_HOST)
        beside = rs_can_spawn(path);
    atomic_store(&not_in_host, in_host);
    atomic_store(&not_beside, beside);
    if (in_host == RUNSPAN_DONE) {
        if (asked == RS_BY_RULE)
            snprintf(core_to_spawn, sizeof core_to_spawn, "%s", path);
        return load_into_host(path, why);
    }
    if (asked == RS_IN_HOST)
        return in_host;
    if (beside == RUNSPAN_DONE)
        core = rs_beside;
    return beside == RUNSPAN_DONE || in_host == RS_WANTED ? beside : in_host;
}

int rs_load(const char *path, rs_way asked, const char **why) {
    sigset_t before;
    int code = RUNSPAN_DONE;

    pthread_mutex_lock(&loading);
    if (rs_core() == NULL) {
        block_signals(&before);
        code = load(path, asked, why);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (code == RUNSPAN_DONE)
            atomic_store_explicit(&loaded, 1, memory_order_release);
    }
    pthread_mutex_unlock(&loading);
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

int rs_spawn_beside(void) {
    int socket = -1;

    rs_fill_standard();
    if (rs_can_spawn(core_to_spawn) != RUNSPAN_DONE || rs_spawn(&socket) != RUNSPAN_DONE)
        socket = -1;
    rs_free_standard();
    return socket;
}
