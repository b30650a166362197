/* SPDX-License-Identifier: MIT
 *
 * The Go runtime's memory. The runtime ends the process if it can't map memory. So this
 * maps the heap, and a reserve, before the runtime starts; if it can't, the runtime does
 * not start. A host that later reaches its limit (ulimit -v, -d) gets the error in its
 * own call. The core is linked with --wrap=mmap.
 */
#define _GNU_SOURCE
#include "guest.h"
#include "limits.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);

/* The first address that Go tries for a heap, in each terabyte. */
#if defined(__aarch64__)
#define FIRST ((uintptr_t)0x40 << 32)
#else
#define FIRST ((uintptr_t)0xc0 << 32)
#endif
#define TERABYTES 128

/* Where the heap is. Go reads it: _overlay/runtime_heap.go. */
uintptr_t runspan_heap __attribute__((visibility("hidden")));

static atomic_int heap_given; /* has the runtime got the heap? */
static char *reserve;
static atomic_size_t used;

static char *map(uintptr_t address, size_t size) {
    void *p = __real_mmap((void *)address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Maps the heap at one of Go's addresses. Another library in Go may have the first ones.
 * Under the address sanitizer only those from 17 TB up are free. */
static uintptr_t map_heap(void) {
    for (uintptr_t i = 0; i < TERABYTES; i++) {
        uintptr_t hint = FIRST + (i << 40);
        char *p = map(hint, RS_HEAP);

        if ((uintptr_t)p == hint)
            return hint;
        if (p != NULL)
            munmap(p, RS_HEAP);
    }
    return 0;
}

/* Maps the heap anywhere. It has to be aligned, so this maps twice as much, and gives the
 * rest back. */
static uintptr_t map_heap_anywhere(void) {
    char *p = map(0, 2 * RS_HEAP);
    size_t before = (RS_HEAP - (uintptr_t)p % RS_HEAP) % RS_HEAP;

    if (p == NULL)
        return 0;
    if (before != 0)
        munmap(p, before);
    munmap(p + before + RS_HEAP, RS_HEAP - before);
    return (uintptr_t)p + before;
}

int rs_map_memory(void) {
    reserve = map(0, RS_RESERVE);
    if (reserve == NULL)
        return 0;
    runspan_heap = map_heap();
    if (runspan_heap == 0)
        runspan_heap = map_heap_anywhere();
    return runspan_heap != 0;
}

/* Writable memory counts against ulimit -d. The runtime makes its heap writable as the
 * heap grows, which could fail later. So all of it is writable from the start, and none
 * of it is used. */
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (length + page - 1) & ~(page - 1), at;
    void *p;

    if ((uintptr_t)address == runspan_heap && length == RS_HEAP && !(flags & MAP_FIXED) && !atomic_exchange(&heap_given, 1))
        return address;
    p = __real_mmap(address, length, protection, flags, fd, offset);
    if (p != MAP_FAILED || errno != ENOMEM || flags & MAP_FIXED || fd != -1 || size > RS_RESERVE)
        return p;
    at = atomic_fetch_add(&used, size);
    if (at > RS_RESERVE - size)
        return MAP_FAILED;
    /* The reserve counts against the limits already, so this can't exceed them. */
    return protection & PROT_WRITE ? reserve + at : __real_mmap(reserve + at, length, protection, flags | MAP_FIXED, fd, offset);
}
