#!/bin/sh
# Prints what the Go runtime makes Valgrind say, for it to suppress:
#
#     sh suppressions.sh >go.supp
#     valgrind --suppressions=go.supp PROGRAM
#
# An entry for the core alone is for errors in the core's own code, whose innermost
# function is there. What the front, the host or its log callback does wrong is
# reported, also where the core has called it.
set -eu

core='obj:*/librunspan-core.so'

entry() { # NAME KIND [LINE...]
    printf '{\n   %s\n' "$1"
    shift
    printf '   %s\n' "$@"
    printf '}\n'
}

call() { # NAME PARAMETER...
    name=$1
    shift
    for parameter; do
        entry "$name($parameter)" Memcheck:Param "$name($parameter)" "$core"
    done
}

# Memcheck takes for freed what is below a stack pointer, and for new what comes
# above it. Go has its stacks in pieces of its own heap, moves them, uses their
# memory for something else, and its garbage collector reads all of them. And
# Go's search for a byte reads 32 bytes at a time, up to the end of a page.
for bytes in 1 2 4 8 16 32; do
    entry "addr$bytes" "Memcheck:Addr$bytes" "$core"
done
entry value8 Memcheck:Value8 "$core"
entry cond Memcheck:Cond "$core"

# The same memory, where Go gives it to the kernel, or a number that it had put
# there. Valgrind wants an entry for each parameter of each call, by the name that
# it has for it.
call read fd buf count
call write fd buf count
call pread64 fd buf count offset
call pwrite64 fd buf count offset
call lseek fd offset whence
call openat dfd filename flags mode
call close fd
call fcntl fd cmd arg
call fstat fd buf
call fstatat dfd file_name buf
call statfs path buf
call fstatfs fd buf
call readlinkat dfd path buf bufsiz
call getdents64 fd dirp count
call renameat olddfd oldpath newdfd newpath
call unlinkat dfd pathname
call mkdirat dfd pathname mode
call fchmodat dfd path mode
call utimensat dfd filename utimes flags \
    'times[0].tv_sec' 'times[0].tv_nsec' 'times[1].tv_sec' 'times[1].tv_nsec'
call getrandom buf count flags cpu
call nanosleep req rem
call futex futex op val utime timeout uaddr2 futex2 val3
call sched_getaffinity pid len mask
call madvise start length advice
call prlimit64 pid resource new_rlim old_rlim
call prctl option arg2 arg3 arg4 arg5 name set-name
call tgkill tgid tid sig
call rt_sigprocmask how set oldset sigsetsize
call rt_sigaction signum act 'act->sa_handler' 'act->sa_flags' 'act->sa_restorer' 'act->sa_mask' oldact sigsetsize
call sigaltstack ss oss
call sys_eventfd2 count flags
call epoll_create1 flags
call epoll_ctl epfd op fd event
call epoll_pwait epfd events maxevents timeout sigmask sigsetsize
call socket domain type protocol
call connect sockfd serv_addr addrlen
call socketcall.connect serv_addr.sa_family serv_addr.sin_port serv_addr.sin_addr \
    serv_addr.sin6_port serv_addr.sin6_flowinfo serv_addr.sin6_addr serv_addr.sin6_scope_id
call sendto s msg len flags to tolen
call socketcall.sendto msg
call sendmsg s msg flags msg.msg_name msg.msg_namelen msg.msg_iov msg.msg_iovlen 'msg.msg_iov[0]' msg.msg_control \
    msg.msg_controllen msg.msg_flags
call recvfrom s buf len flags from fromlen
call socketcall.recvfrom buf from fromlen_in fromlen_out
call setsockopt s level optname optval optlen
call socketcall.setsockopt optval
call getsockopt s level optname optval '*optlen'
call socketcall.getsockopt optval optlen optlen_out
call getsockname s name namelen
call socketcall.getsockname name namelen_in namelen_out
call getpeername s name namelen
call socketcall.getpeername name namelen_in namelen_out

# Go's threads run until the process ends. Of the table of a thread's variables
# glibc keeps a pointer to its middle only; the stack and the table may be those
# of a thread of the host's that has ended, so the core need not be in the trace.
entry tls-of-go-threads Memcheck:Leak 'match-leak-kinds: possible' fun:calloc ... fun:_dl_allocate_tls

# Helgrind knows pthread's mutexes, and not the atomic operations and futexes that
# Go's are made of: to it all that Go's threads share is a race.
entry race Helgrind:Race "$core"

# Nor glibc's lock around the stacks of threads that have ended, one of which may
# be a thread of the host's, and Go's next.
entry cached-stack Helgrind:Race fun:memset ... 'fun:pthread_create*' ... "$core"
