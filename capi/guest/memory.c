/* SPDX-License-Identifier: MIT
 *
 * A reserve of address space for the Go runtime, which ends the process where
 * it can't map memory: a host that has come close to its limit (ulimit -v, -d)
 * after it opened runspan shall have the error itself. The core is linked with
 * --wrap=mmap.
 */
#define _GNU_SOURCE
#include "limits.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);

static char *reserve;
static atomic_size_t used;

__attribute__((constructor(101))) static void make_reserve(void) {
    reserve = __real_mmap(NULL, RS_RESERVE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* The runtime would make its heap writable as that grows, which counts against
 * ulimit -d: so it is so at once. None of it is touched. */
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    int writable = address != NULL && length == RS_HEAP ? PROT_READ | PROT_WRITE : 0;
    void *p = __real_mmap(address, length, protection | writable, flags, fd, offset);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (length + page - 1) & ~(page - 1), at;

    if (p != MAP_FAILED || errno != ENOMEM || flags & MAP_FIXED || fd != -1 || reserve == MAP_FAILED || size > RS_RESERVE)
        return p;
    at = atomic_fetch_add(&used, size);
    if (at > RS_RESERVE - size)
        return MAP_FAILED;
    /* Neither this nor what is mapped over it counts against a limit again. */
    return protection & PROT_WRITE ? reserve + at : __real_mmap(reserve + at, length, protection, flags | MAP_FIXED, fd, offset);
}
