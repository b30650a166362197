/* SPDX-License-Identifier: MIT
 *
 * What comes from the core, for a host that runs under Valgrind's Memcheck.
 */
#include "front.h"

/* Go's stacks lie between the objects of its heap. Where it goes from one to
 * another Memcheck sees one stack that grows or shrinks, and takes what lies
 * between for never written. What is copied from there it would report where the
 * host reads it. This is Valgrind's client request MAKE_MEM_DEFINED, as
 * valgrind.h and memcheck.h have it for x86-64: without Valgrind the five
 * instructions do nothing. For other processors there is none yet. */
void rs_written(const void *memory, size_t size) {
#if defined(__x86_64__) && defined(__LP64__)
    const uint64_t request[6] = {((uint64_t)'M' << 24 | (uint64_t)'C' << 16) + 2, (uint64_t)memory, size};
    uint64_t result = 0;

    __asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\txchgq %%rbx, %%rbx"
                     : "+d"(result)
                     : "a"(request)
                     : "cc", "memory");
#else
    (void)memory;
    (void)size;
#endif
}
