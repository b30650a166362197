/* SPDX-License-Identifier: MIT
 *
 * Tells Valgrind's Memcheck that the core has written its results.
 *
 * Go's stacks lie between the objects of its heap. When Go changes to another stack,
 * Memcheck sees one stack that grows or shrinks, and takes the memory in between for
 * never written. It would report an error when the host reads a value that was copied
 * from there.
 */
#ifndef RUNSPAN_MEMCHECK_H
#define RUNSPAN_MEMCHECK_H

#include <stddef.h>
#include <stdint.h>

/* Memcheck's client requests, as memcheck.h numbers them. */
#define RS_NEVER_WRITTEN 1u /* MAKE_MEM_UNDEFINED */
#define RS_WRITTEN 2u       /* MAKE_MEM_DEFINED */

/* Marks memory for Memcheck, like valgrind.h on x86-64. Without Valgrind the five
 * instructions do nothing. Other processors are not supported yet. */
static inline void rs_memcheck(uint32_t as, const void *memory, size_t size) {
#if defined(__x86_64__) && defined(__LP64__)
    const uint64_t request[6] = {((uint64_t)'M' << 24 | (uint64_t)'C' << 16) + as, (uint64_t)memory, size};
    uint64_t result = 0;

    __asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\txchgq %%rbx, %%rbx"
                     : "+d"(result)
                     : "a"(request)
                     : "cc", "memory");
#else
    (void)as;
    (void)memory;
    (void)size;
#endif
}

#endif
