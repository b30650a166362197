/* SPDX-License-Identifier: MIT
 *
 * What the core may take of its host: each number once, for C and for Go. The front
 * asks before it loads the core whether the process still has so much
 * (capi/front/linux/guard.c); docs/guest.md says what users see of it.
 */
#ifndef RUNSPAN_LIMITS_H
#define RUNSPAN_LIMITS_H

#define RS_MIB(n) ((size_t)(n) << 20)

/* Processors that Go code runs on at a time. */
#define RS_PROCESSORS 2

/* The heap of the Go runtime, which it keeps below this as long as it can. */
#define RS_HEAP_SOFT RS_MIB(48)

/* The runtime reserves the first 64 MB of its heap when it starts, and the core
 * needs no more. */
#define RS_HEAP RS_MIB(64)

/* For what the runtime keeps beside the heap. */
#define RS_RESERVE RS_MIB(16)

/* Memory that can be written, all in all: the library's own 34 MB, the heap, the
 * reserve, and what lies between. */
#define RS_WRITABLE RS_MIB(160)

/* The core maps 1.29 GiB when it is loaded, nearly all of it reservations of the
 * Go runtime's, and a little later. TestAddressSpace tries limits around this. */
#define RS_ADDRESS_SPACE RS_MIB(1408)

/* Threads: the runtime was seen to start 6 to 9. One more starts those that come
 * late. */
#define RS_THREADS 9

/* The stack of each. They run no code of the host's, and little in C. By default
 * they would have ulimit -s of it. */
#define RS_STACK ((size_t)256 << 10)

/* Descriptors: two are the runtime's poller, the others the spool's and the
 * courier's, which can do without. */
#define RS_DESCRIPTORS 8

#endif
