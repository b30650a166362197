/* SPDX-License-Identifier: MIT
 *
 * Would the host feel the core? It may take a sixteenth of each of the host's limits,
 * and no more, and no memory of a host that locks its memory. docs/guest.md tells users
 * about the rule.
 */
#include "../front.h"
#include "../../guest/limits.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define SHARE 16

/* Is need at most the share of the limit? */
static int is_small(unsigned long long limit, unsigned long long need) {
    return limit / SHARE >= need;
}

static int leaves(int resource, size_t need) {
    struct rlimit limit;

    return getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || is_small(limit.rlim_cur, need);
}

/* Reads the first line of a file. Returns 0 if there is none. */
static int read_line(const char *path, char *line, int size) {
    FILE *file = fopen(path, "re");
    int got = file != NULL && fgets(line, size, file) != NULL;

    if (file != NULL)
        fclose(file);
    return got;
}

/* Is the limit of tasks of a control group large enough? A file that is not there, and
 * the word max, are no limit. */
static int group_leaves(const char *root, const char *group, unsigned need) {
    char path[PATH_MAX], line[32], *end;
    unsigned long long limit;
    int n = snprintf(path, sizeof path, "%s%s/pids.max", root, group);

    if (n < 0 || (size_t)n >= sizeof path || !read_line(path, line, sizeof line))
        return 1;
    limit = strtoull(line, &end, 10);
    return end == line || is_small(limit, need);
}

/* The same for the group and all groups above it. A container may see the path of its
 * group without the folders of that path; its own limit is at the root then. */
static int groups_leave(const char *root, char *group, unsigned need) {
    char *slash;

    while ((slash = strrchr(group, '/')) != NULL) {
        if (slash[1] != '\0' && !group_leaves(root, group, need))
            return 0;
        *slash = '\0';
    }
    return group_leaves(root, "", need);
}

/* Finds the control group in a line of /proc/self/cgroup, NUMBER:CONTROLLERS:PATH. */
static int line_leaves(char *line, unsigned need) {
    char *controllers = strchr(line, ':'), *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');

    if (path == NULL)
        return 1;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    if (controllers[1] == '\0')
        return groups_leave("/sys/fs/cgroup", path, need);
    return strcmp(controllers + 1, "pids") != 0 || groups_leave("/sys/fs/cgroup/pids", path, need);
}

/* Root may have more tasks than RLIMIT_NPROC says. */
int rs_leaves_tasks(unsigned need) {
    char line[PATH_MAX];
    int leaves_enough = geteuid() == 0 || leaves(RLIMIT_NPROC, need);
    FILE *groups = leaves_enough ? fopen("/proc/self/cgroup", "re") : NULL;

    if (groups == NULL)
        return leaves_enough;
    while (leaves_enough && fgets(line, sizeof line, groups) != NULL)
        leaves_enough = line_leaves(line, need);
    fclose(groups);
    return leaves_enough;
}

/* Is new memory locked (mlockall)? Only then can't the kernel invalidate it. */
static int is_locked(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int locked = p != MAP_FAILED && msync(p, page, MS_INVALIDATE) != 0 && errno == EBUSY;

    if (p != MAP_FAILED)
        munmap(p, page);
    return locked;
}

int rs_is_felt(void) {
    if (!leaves(RLIMIT_AS, RS_ADDRESS_SPACE) || !leaves(RLIMIT_DATA, RS_WRITABLE))
        return RUNSPAN_NO_ADDRESS_SPACE;
    if (!leaves(RLIMIT_NOFILE, RS_DESCRIPTORS))
        return RUNSPAN_NO_DESCRIPTORS;
    if (!rs_leaves_tasks(RS_TASKS))
        return RUNSPAN_NO_THREADS;
    return is_locked() ? RUNSPAN_LOCKED_MEMORY : RUNSPAN_DONE;
}
