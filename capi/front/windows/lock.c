/* SPDX-License-Identifier: MIT
 *
 * The locks of loader.c and connection.c. Windows has neither signals nor cancellation.
 */
#include "../beside.h"
#include "system.h"

static SRWLOCK locks[] = {SRWLOCK_INIT, SRWLOCK_INIT};

rs_held rs_lock(rs_lock_name name) {
    AcquireSRWLockExclusive(&locks[name]);
    return (rs_held){name};
}

void rs_unlock(const rs_held *held) {
    ReleaseSRWLockExclusive(&locks[held->name]);
}

void rs_unlock_to_wait(const rs_held *held) {
    rs_unlock(held);
}

void rs_end_wait(const rs_held *held) {
    (void)held;
}
