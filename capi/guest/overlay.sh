#!/usr/bin/env bash
# overlay.sh FOLDER
#
# Changes lines of Go's standard library for the core, where Go has no option for what a guest needs. It writes the changed files
# to the folder, and an overlay for go build -overlay. If a release of Go has another line in such a place, the build stops.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
goroot=$(go env GOROOT)
folder=$(realpath -m "$1")
mkdir -p "$folder"
declare -A copies # the changed copy of each of Go's files, by its path; and new files

change() { # FILE OLD NEW
    local source=$goroot/src/$1 copy text
    copy=$folder/$(tr /. __ <<<"$1") # no .go, which ./... would find
    [ -n "${copies[$source]:-}" ] || cat "$source" >"$copy" # which may be written: in the module cache no file may
    copies[$source]=$copy
    [ "$(grep -cF -- "$2" "$copy")" = 1 ] || { echo "overlay.sh: $(go env GOVERSION) has no, or more than one, in $1: $2" >&2; exit 1; }
    text=$(<"$copy")
    printf '%s\n' "${text/"$2"/"$3"}" >"$copy"
}

# The runtime unblocks signals on every thread that runs Go code, also on the host's threads in a call. Among them are SIGCHLD,
# SIGPROF and SIGRTMIN, which a host may block because it waits for them. Only signals that become panics need to be unblocked.
change runtime/signal_unix.go 'if flags&_SigUnblock != 0 {' 'if flags&_SigPanic != 0 {'
# When a thread ends that has called runspan, the runtime restores the mask that the thread had in its first call. The host may have
# blocked signals since then. A host in Go has blocked all, and its handler would end the process.
change runtime/proc.go 'sigmask := mp.sigmask' $'var sigmask sigset\n\tsigsave(&sigmask)'
# The runtime interrupts its threads with SIGURG, which also interrupts system calls of the host's. The goroutines here yield by
# themselves.
change runtime/signal_unix.go 'const preemptMSupported = true' 'const preemptMSupported = false'
# A signal handler of the host's may run while its thread is in a call: on the stack of Go code, or, with SA_ONSTACK, on the
# stack for signals that Go gives to threads without one. Both are so small that only Go's own handlers fit.
change runtime/proc.go 'gp := malg(4096)' 'gp := malg(128 * 1024)'
change runtime/os_linux.go 'mp.gsignal = malg(32 * 1024)' 'mp.gsignal = malg(128 * 1024)'
change runtime/stack.go 'if debug.gcshrinkstackoff > 0 {' 'if true {'
# Go raises the limit of open files, which is the host's.
change syscall/rlimit.go 'err == nil && lim.Max > 0' 'false && err == nil && lim.Max > 0'
# GODEBUG in the host's environment is for the host. Settings such as gctrace print to standard error.
change runtime/runtime1.go $'\tparsegodebug(godebug, nil)' $'\t_ = godebug'
change runtime/runtime1.go '*p = gogetenv("GODEBUG")' '*p = ""'
# A host may close all descriptors, those of the runtime's poller too. Then the poller must only serve timers, and must not use
# the descriptors again: their numbers may belong to files of the host's.
change runtime/netpoll_epoll.go 'println("runtime: epollwait on fd", epfd, "failed with", errno)' $'epfd = -1\n\t\t\treturn gList{}, 0'
change runtime/netpoll_epoll.go 'if epfd == -1 {' $'if epfd == -1 {\n\t\tif delay != 0 {\n\t\t\tusleep(10 * 1000)\n\t\t}'
change runtime/netpoll_epoll.go 'println("runtime: netpollBreak write failed with", -n)' 'return'
copies[$goroot/src/runtime/runspan_eventfd.go]=$PWD/_overlay/runtime_eventfd.go
change runtime/netpoll_epoll.go 'var one uint64 = 1' $'if !isEventfd(netpollEventFd) {\n\t\treturn\n\t}\n\tvar one uint64 = 1'

# The tables of Go's heap take 1.1 GiB of address space (_overlay/runtime_heap.go), and the memory for an entropy source that
# only FIPS mode uses has 32 MiB.
copies[$goroot/src/runtime/runspan_heap.go]=$PWD/_overlay/runtime_heap.go
change runtime/malloc.go 'heapAddrBits = (_64bit*(1-goarch.IsWasm)*(1-goos.IsIos*goarch.IsArm64))*48 + (1-_64bit+goarch.IsWasm)*(32-(goarch.IsMips+goarch.IsMipsle)) + 40*goos.IsIos*goarch.IsArm64' \
    'heapAddrBits = 40'
change runtime/malloc.go 'arenaBaseOffset = 0xffff800000000000*goarch.IsAmd64 + 0x0a00000000000000*goos.IsAix' ''
change runtime/malloc.go 'arenaBaseOffsetUintptr = uintptr(arenaBaseOffset)' ''
change runtime/malloc.go $'\tmheap_.init()' $'\tplaceHeap()\n\tmheap_.init()'
change runtime/malloc.go 'hintList := &mheap_.arenaHints' $'p = heapHint(i)\n\t\t\thintList := &mheap_.arenaHints'
change crypto/internal/fips140/drbg/entropy_fips140.go 'var memory entropy.ScratchBuffer' ''
change crypto/internal/fips140/drbg/entropy_fips140.go 'err := entropy.Seed(&memory)' 'err := entropy.Seed(new(entropy.ScratchBuffer))'
change crypto/internal/fips140/drbg/entropy_fips140.go 'err = entropy.Seed(&memory)' 'err = entropy.Seed(new(entropy.ScratchBuffer))'

# The core must not get descriptor 0, 1 or 2: a host that has closed them may still write to them.
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
