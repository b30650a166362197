/* SPDX-License-Identifier: MIT
 *
 * The resources that the core may take from its host, for C and for Go. The front checks
 * that the process has them before it loads the core (capi/front/linux/guard.c).
 * docs/guest.md tells users about them.
 */
#ifndef RUNSPAN_LIMITS_H
#define RUNSPAN_LIMITS_H

#define RS_MIB(n) ((size_t)(n) << 20)

/* The number of processors that Go code uses at a time. */
#define RS_PROCESSORS 2

/* The heap of the Go runtime, which it keeps below this as long as it can. */
#define RS_HEAP_SOFT RS_MIB(48)

/* The heap's address space. It is one arena of the runtime's, and the core needs no more. */
#define RS_HEAP RS_MIB(64)

/* For the runtime's memory outside the heap. */
#define RS_RESERVE RS_MIB(16)

/* All writable memory: the heap, the reserve, and 7 MiB of the library, its threads and the
 * runtime's tables. The rest is for the gaps between them. */
#define RS_WRITABLE RS_MIB(104)

/* When it is loaded the core maps 101 MiB; later it maps a little more. TestAddressSpace
 * tries limits around this. */
#define RS_ADDRESS_SPACE RS_MIB(128)

/* Threads. In tests the runtime starts 6 to 9. One more thread starts those that could
 * not be started at once. */
#define RS_THREADS 9

/* All tasks of the core: in the host, and in a process of its own. */
#define RS_TASKS (RS_THREADS + 1)
#define RS_TASKS_BESIDE 8

/* The stack of each thread. The threads run no code of the host's, and little C code.
 * The default would be ulimit -s. */
#define RS_STACK ((size_t)256 << 10)

/* Descriptors. The runtime's poller needs two. The spool and the courier use the others,
 * and can do without. */
#define RS_DESCRIPTORS 8

#endif
