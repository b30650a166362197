/* SPDX-License-Identifier: MIT
 *
 * A reserve of address space for the Go runtime. The runtime ends the process if it
 * can't map memory. With the reserve, a host that reaches its limit (ulimit -v, -d)
 * gets the error in its own call. The core is linked with --wrap=mmap.
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

/* Writable memory counts against ulimit -d. The runtime makes its heap writable as the
 * heap grows, which could fail later. So this makes all of it writable at once, and uses
 * none of it. */
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    int writable = address != NULL && length == RS_HEAP ? PROT_READ | PROT_WRITE : 0;
    void *p = __real_mmap(address, length, protection | writable, flags, fd, offset);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (length + page - 1) & ~(page - 1), at;

    if (p != MAP_FAILED || errno != ENOMEM || flags & MAP_FIXED || fd != -1 || reserve == MAP_FAILED || size > RS_RESERVE)
        return p;
    at = atomic_fetch_add(&used, size);
    if (at > RS_RESERVE - size)
        return MAP_FAILED;
    /* The reserve counts against the limits already, so this can't exceed them. */
    return protection & PROT_WRITE ? reserve + at : __real_mmap(reserve + at, length, protection, flags | MAP_FIXED, fd, offset);
}
