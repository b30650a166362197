/* SPDX-License-Identifier: MIT
 *
 * A host that gets into situations. main.c runs the one that is named; what a
 * situation calls of runspan goes through tel.c, in the C host, or tel.cpp, in
 * the C++ host. In the control run those calls do nothing.
 *
 *     guest SITUATION SCHEMA FACTS [ARGUMENT...]
 *
 * With GUEST_CONTROL in the environment it is the control.
 */
#ifndef GUEST_H
#define GUEST_H

#ifdef __cplusplus
extern "C" {
#endif

/* A call's code; in the control 0. The client and its span are the process's. */
int tel_open(const char *schema); /* a fact, too */
int tel_begin(void);
int tel_attr(void);
int tel_end(void); /* OK */
int tel_close(unsigned ms);
int tel_state(void);
int tel_one(void); /* begin, attr, end of a span of its own, from any thread: the first code that is not 0 */

extern const char *schema; /* the text */
extern int is_control;
extern int facts; /* a descriptor */

/* Writes a line to FACTS, for the test to look at; "!" before it says that
 * the control has another. */
void fact(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A run of the host from end to end: open, begin, attr, end, close. */
void plain(void);

void sleep_ms(long ms);
void settle(long ms); /* so that the core has written what it has been told; longer with GUEST_SLOW, in an emulator */
double now_ms(void);
long vm_kib(const char *field); /* of /proc/self/status */

struct situation {
    const char *name;
    int (*run)(int argc, char **argv); /* what main returns */
};
extern const struct situation forks[], limits[], resources[], signals[], exits[], processes[], own[]; /* up to a name NULL */

#ifdef __cplusplus
}
#endif
#endif
