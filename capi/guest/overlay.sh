#!/usr/bin/env bash
# Changes Go's standard library where a guest needs it to behave otherwise, for the core alone: writes the changed files
# and an overlay for go build -overlay to the folder. overlay.sh FOLDER
#
# Go has no switch for these. Each is a line; where a release of Go has another line there the build stops.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
goroot=$(go env GOROOT)
folder=$(realpath -m "$1")
mkdir -p "$folder"
declare -A copies # of files of Go's, by their paths; and files that are added

change() { # FILE OLD NEW
    local source=$goroot/src/$1 copy text
    copy=$folder/$(tr /. __ <<<"$1") # no .go, which ./... would find
    [ -n "${copies[$source]:-}" ] || cat "$source" >"$copy" # which may be written: in the module cache no file may
    copies[$source]=$copy
    [ "$(grep -cF -- "$2" "$copy")" = 1 ] || { echo "overlay.sh: $(go env GOVERSION) has no, or more than one, in $1: $2" >&2; exit 1; }
    text=$(<"$copy")
    printf '%s\n' "${text/"$2"/"$3"}" >"$copy"
}

# A thread that runs Go code has these signals unblocked, the host's threads in a call among them: SIGCHLD, SIGPROF and
# SIGRTMIN too, which a host may have blocked because it waits for them. Only those that become panics need to be.
change runtime/signal_unix.go 'if flags&_SigUnblock != 0 {' 'if flags&_SigPanic != 0 {'
# The runtime interrupts its own threads with SIGURG, system calls of the host's among what is interrupted. Its goroutines
# here give way by themselves.
change runtime/signal_unix.go 'const preemptMSupported = true' 'const preemptMSupported = false'
# A signal handler of the host's may run while its thread is in a call: on the stack of Go's code, or, with SA_ONSTACK, on
# that for signals, which Go gives to threads that have none. Both are made for Go's handlers, and so small that another
# one would write past their end.
change runtime/proc.go 'gp := malg(4096)' 'gp := malg(128 * 1024)'
change runtime/os_linux.go 'mp.gsignal = malg(32 * 1024)' 'mp.gsignal = malg(128 * 1024)'
change runtime/stack.go 'if debug.gcshrinkstackoff > 0 {' 'if true {'
# The limit of open files is the host's: Go raises it.
change syscall/rlimit.go 'err == nil && lim.Max > 0' 'false && err == nil && lim.Max > 0'
# GODEBUG in the host's environment is for the host: settings such as gctrace print to standard error.
change runtime/runtime1.go $'\tparsegodebug(godebug, nil)' $'\t_ = godebug'
change runtime/runtime1.go '*p = gogetenv("GODEBUG")' '*p = ""'
# A host may close all descriptors, those of the runtime's poller too. Without them it looks after its timers alone, and
# does not try again: their numbers may become files of the host's.
change runtime/netpoll_epoll.go 'println("runtime: epollwait on fd", epfd, "failed with", errno)' $'epfd = -1\n\t\t\treturn gList{}, 0'
change runtime/netpoll_epoll.go 'if epfd == -1 {' $'if epfd == -1 {\n\t\tif delay != 0 {\n\t\t\tusleep(10 * 1000)\n\t\t}'
change runtime/netpoll_epoll.go 'println("runtime: netpollBreak write failed with", -n)' 'return'

# No descriptor of the core's is 0, 1 or 2: a host that has closed these may still write to them.
copies[$goroot/src/syscall/runspan_descriptors.go]=$PWD/_overlay/syscall_descriptors.go
calls=syscall/zsyscall_linux_$(go env GOARCH).go
change "$calls" 'Syscall6(SYS_OPENAT,' 'CreateDescriptor(SYS_OPENAT,'
change "$calls" 'RawSyscall(SYS_SOCKET, uintptr(domain), uintptr(typ), uintptr(proto))' \
    'CreateDescriptor(SYS_SOCKET, uintptr(domain), uintptr(typ), uintptr(proto), 0, 0, 0)'
change internal/syscall/unix/at.go 'syscall.Syscall6(openatTrap,' 'syscall.CreateDescriptor(openatTrap,'
change internal/poll/fd_unix.go 'unix.Fcntl(fd, syscall.F_DUPFD_CLOEXEC, 0)' 'unix.Fcntl(fd, syscall.F_DUPFD_CLOEXEC, 3)'

{
    echo '{"Replace": {'
    separator=
    for source in "${!copies[@]}"; do
        printf '%s"%s": "%s"' "$separator" "$source" "${copies[$source]}"
        separator=$',\n'
    done
    echo '}}'
} >"$folder/overlay.json"
