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

/* The runtime reserves the first 64 MB of its heap when it starts, and the core
 * needs no more. */
#define RS_HEAP RS_MIB(64)

/* For the runtime's memory outside the heap. */
#define RS_RESERVE RS_MIB(16)

/* All writable memory: the library's 34 MB, the heap, the reserve, and the gaps between
 * them. */
#define RS_WRITABLE RS_MIB(160)

/* When it is loaded the core maps 1.29 GiB, nearly all of it reservations of the Go
 * runtime's; later it maps a little more. TestAddressSpace tries limits around this. */
#define RS_ADDRESS_SPACE RS_MIB(1408)

/* Where there is less, the runtime does without a reservation of 512 MiB. A process that
 * is there for the core alone can live with so much, the program's own 10 MiB included. */
#define RS_ADDRESS_SPACE_LITTLE RS_MIB(960)

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
