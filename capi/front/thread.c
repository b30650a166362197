/* SPDX-License-Identifier: MIT
 *
 * The state of the calling thread while it is inside a call into the core.
 */
#include "front.h"
#include "memcheck.h"

#include <errno.h>
#include <signal.h>

static _Thread_local struct {
    volatile sig_atomic_t inside;
    int error; /* the host's errno */
} self;

/* Only Go code in this process has needs of its own. */
#ifndef RS_SHARED_CORE
#define rs_enter_go() RUNSPAN_DONE
#define rs_leave_go() (void)0
#endif

int rs_enter(void) {
    int code = self.inside ? RUNSPAN_BUSY : rs_enter_go();

    if (code == RUNSPAN_DONE) {
        self.inside = 1;
        self.error = errno;
    }
    return code;
}

void rs_leave(void) {
    rs_leave_go();
    errno = self.error;
    self.inside = 0;
}

void rs_tell(uintptr_t log, uintptr_t data, int level, const char *line, size_t length) {
    rs_memcheck(RS_WRITTEN, &log, sizeof log);
    rs_memcheck(RS_WRITTEN, &data, sizeof data);
    rs_memcheck(RS_WRITTEN, &level, sizeof level);
    rs_memcheck(RS_WRITTEN, &line, sizeof line);
    rs_memcheck(RS_WRITTEN, &length, sizeof length);
    rs_memcheck(RS_WRITTEN, line, length + 1);
    self.inside = 0;
    ((runspan_log)log)((void *)data, level, line);
    self.inside = 1;
}
