# shellcheck shell=bash disable=SC2034
# How the core is compiled and linked, for build.sh, which reads this file.

# HTTP/1.1 alone; and Go looks names and users up by itself, not by the host's C library.
GUEST_TAGS=nethttpomithttp2,netgo,osusergo
# What the C files here stand before. Go adds -s and then -g, and of the two zig heeds the last: -s comes first of all, where it
# is for good.
GUEST_LDFLAGS='-s -Wl,--wrap=sigaction,--wrap=pthread_create,--wrap=pthread_attr_init,--wrap=malloc,--wrap=free,--wrap=mmap'
# Without inlining but where calls into the core pass: that is a twentieth of its size.
GUEST_GCFLAGS=(-gcflags=all=-l -gcflags=runtime/...= -gcflags=internal/runtime/...= -gcflags=runspan/...=)
GUEST_EXPERIMENT=norandomizedheapbase64
