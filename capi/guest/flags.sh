# shellcheck shell=bash disable=SC2034
# The options for compiling and linking the core. build.sh reads this file.

# HTTP/1.1 only. Go resolves host names and users itself, not with the host's C library.
GUEST_TAGS=nethttpomithttp2,netgo,osusergo
# The functions that the C files here replace. Go adds -s and then -g, and zig follows the later one. A -s before all others
# stays in force.
GUEST_LDFLAGS='-s -Wl,--wrap=sigaction,--wrap=pthread_create,--wrap=pthread_attr_init,--wrap=malloc,--wrap=free,--wrap=mmap,--wrap=x_cgo_getstackbound'
# No inlining, except in the packages that every call runs through. That saves a twentieth of the core's size. OpenTelemetry's
# are smaller with it: then its hundreds of variables that nothing uses are not computed at the start, but left out.
GUEST_GCFLAGS=(-gcflags=all=-l -gcflags=runtime/...= -gcflags=internal/runtime/...= -gcflags=runspan/...= -gcflags=go.opentelemetry.io/otel/...=)
GUEST_EXPERIMENT=norandomizedheapbase64
