# SPDX-License-Identifier: MIT
"""A host that gets into situations, as main.c: guest.py SITUATION SCHEMA FACTS [ARGUMENT...].

With GUEST_CONTROL in the environment runspan is not even imported.
"""

from __future__ import annotations

import atexit
import faulthandler
import mmap
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable

CONTROL = "GUEST_CONTROL" in os.environ
SCHEMA = open(sys.argv[2]).read()
FACTS = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
SITUATIONS: dict[str, Callable[..., int | None]] = {}


class Nothing:
    """What stands for a client and a span in the control."""

    state = 0

    def __getattr__(self, name: str) -> Callable[..., Nothing]:
        return lambda *arguments: self

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_: object) -> None: ...


client: object = Nothing()
span: object = Nothing()


def fact(text: str) -> None:
    os.write(FACTS, text.encode() + b"\n")


def situation(f: Callable[..., int | None]) -> Callable[..., int | None]:
    SITUATIONS[f.__name__.strip("_").replace("_", "-")] = f
    return f


def settle(seconds: float) -> None:
    """Sleep so that the core has written what it has been told."""
    time.sleep(2 if "GUEST_SLOW" in os.environ else seconds)


def open_client() -> None:
    global client
    if not CONTROL:
        import runspan

        client = runspan.Client("stripepy", SCHEMA)
        fact(f"!open {client.state} {client.reason}")


def start() -> object:
    new = client.start_span("call")  # type: ignore[attr-defined]
    new.set_attribute("params.k", 3)
    new.set_status(1)
    return new


def begin() -> None:
    global span
    span = start()


def end() -> None:
    span.end()  # type: ignore[attr-defined]


def close(timeout: float = 5) -> None:
    client.close(timeout)  # type: ignore[attr-defined]


def one() -> None:
    start().end()  # type: ignore[attr-defined]


def open_and_begin() -> None:
    open_client()
    begin()


def end_and_close() -> None:
    end()
    close()


@situation
def plain(*_: str) -> None:
    open_and_begin()
    end_and_close()
    print("done")


def wait_for(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@situation
def fork_before_open() -> None:
    child = os.fork()
    open_and_begin()
    end_and_close()
    if child != 0:
        fact(f"child {wait_for(child)}")


@situation
def fork_in_span() -> int | None:
    atexit.register(end_and_close)
    open_and_begin()
    child = os.fork()
    if child == 0:
        begun = time.monotonic()
        one()
        end_and_close()
        if time.monotonic() - begun > 0.1:
            fact("the child waits")
        return 3
    begun = time.monotonic()
    fact(f"child {wait_for(child)}")
    if time.monotonic() - begun > 2:
        fact("the child's exit takes long")
    return None


@situation
def fork_by_thread() -> None:
    open_and_begin()

    def fork_often() -> None:
        bad = 0
        for _ in range(20):
            child = os.fork()
            if child == 0:
                one()
                os._exit(0)
            bad += wait_for(child) != 0
        fact(f"bad children {bad}")

    thread = threading.Thread(target=fork_often)
    thread.start()
    while thread.is_alive():
        span.set_attribute("params.k", 3)  # type: ignore[attr-defined]
    end_and_close()


@situation
def fork_child_opens() -> None:
    open_client()
    begin()
    child = os.fork()
    if child == 0:
        open_client()
        one()
        sys.exit(0)
    fact(f"child {wait_for(child)}")
    end_and_close()


@situation
def fork_exec() -> None:
    open_client()
    begin()
    command = [sys.executable, __file__, "plain", *sys.argv[2:4]]
    fact(f"child {subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode}")
    end_and_close()


@situation
def exec_itself() -> None:
    open_and_begin()
    time.sleep(0.15)
    os.execv(sys.executable, [sys.executable, __file__, "gives-up", *sys.argv[2:4], "nothing"])


@situation
def exec_another() -> None:
    open_and_begin()
    time.sleep(0.15)
    end_and_close()
    os.execv("/bin/sh", ["sh", "-c", "echo another"])


@situation
def daemon() -> None:
    if os.fork() != 0:
        return
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    open_and_begin()
    end_and_close()


def work(n: int) -> int:
    one()
    return n * n


@situation
def multiprocess(method: str) -> None:
    open_and_begin()
    with multiprocessing.get_context(method).Pool(2) as pool:
        fact(f"results {sum(pool.map(work, range(20)))}")
    end_and_close()


LIMITS = {
    "v": resource.RLIMIT_AS,
    "d": resource.RLIMIT_DATA,
    "n": resource.RLIMIT_NOFILE,
    "f": resource.RLIMIT_FSIZE,
    "t": resource.RLIMIT_CPU,
    "u": resource.RLIMIT_NPROC,
}


def used_mib(kind: str) -> int:
    name = {"v": "VmSize", "d": "VmData"}[kind]
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) >> 10


def lower(kind: str, value: int) -> None:
    if kind in "vd":
        value <<= 20
    elif kind == "n":
        fd = os.dup(0)
        os.close(fd)
        value += fd
    elif kind == "u" and os.getuid() == 0:
        os.setuid(65534)
    resource.setrlimit(LIMITS[kind], (value, resource.getrlimit(LIMITS[kind])[1]))


@situation
def limit(kind: str, value: str) -> None:
    if not CONTROL:
        import ctypes  # noqa: F401  which takes descriptors and memory of its own

        import runspan  # noqa: F401
    lower(kind, int(value))
    plain()


@situation
def limit_after(kind: str, number: str) -> None:
    open_and_begin()
    lower(kind, used_mib(kind) + 64 if kind in "vd" else 1000 if kind == "t" else 0)
    kept = []
    try:
        while kind in "vd":
            kept.append(bytearray(1 << 20))
    except MemoryError:
        kept.pop()
    for _ in range(int(number) // 4):
        one()
    end_and_close()
    print("done")


@situation
def gives_up(what: str) -> None:
    open_and_begin()
    settle(0.15)
    if what == "rights":
        os.setgid(12345)
        os.setuid(12345)
    if what == "for-a-while":
        os.seteuid(12345)
    if what == "root":
        os.chroot("/var")
    end()
    settle(0.1)
    if what == "for-a-while":
        os.seteuid(0)
    close(0.3)


@situation
def limit_cpu() -> None:
    open_and_begin()
    lower("t", 1)
    while True:
        span.set_attribute("params.k", 3)  # type: ignore[attr-defined]


@situation
def closes_standard(when: str) -> None:
    over, written = threading.Event(), 0

    def write() -> None:
        nonlocal written
        while not over.is_set():
            for fd in range(3):
                try:
                    os.write(fd, b"secret.cool: no such file\n")
                    written += 1
                except OSError:
                    pass

    writer = threading.Thread(target=write)

    def close_standard() -> None:
        for fd in range(3):
            os.close(fd)
        writer.start()

    if when == "before":
        close_standard()
    open_and_begin()
    if when != "before":
        close_standard()
    for _ in range(20):
        time.sleep(0.02)
        one()
    end_and_close()
    over.set()
    writer.join()
    fact(f"written {written}")
    sys.stdout = sys.stderr = None


@situation
def stack() -> None:
    fact(f"stack {resource.getrlimit(resource.RLIMIT_STACK)[0]}")
    plain()


def around(when: str, act: Callable[[], None]) -> None:
    """Do it before open, or in the span."""
    if when == "before":
        act()
    open_and_begin()
    if when == "after":
        act()
    end_and_close()
    print("done")


@situation
def wants_memory(when: str, mib: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (int(mib) << 20, int(mib) << 20))
    piece, kept = 64, list[mmap.mmap]()
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE

    def take() -> None:
        try:
            while len(kept) < int(mib) * 8 // 10 // piece:
                kept.append(mmap.mmap(-1, piece << 20, flags=flags))
                kept[-1][0] = 1
        except (OSError, MemoryError):
            pass
        fact(f"{len(kept) * piece} MiB of memory")

    around(when, take)


@situation
def wants_threads(when: str, number: str) -> None:
    over = threading.Event()

    def take() -> None:
        try:
            while threading.active_count() < int(number):
                threading.Thread(target=over.wait, daemon=True).start()
        except RuntimeError:
            pass
        fact(f"{threading.active_count()} threads")

    around(when, take)
    over.set()


@situation
def mlockall(when: str, who: str, kib: str) -> None:
    limit = int(kib) << 10 if int(kib) >= 0 else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
    if who == "user":
        os.setgid(65534)
        os.setuid(65534)

    def lock() -> None:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.mlockall(3)  # MCL_CURRENT | MCL_FUTURE
        fact(f"mlockall: {os.strerror(ctypes.get_errno()) if failed else 'done'}")

    around(when, lock)


@situation
def fork_with_warnings() -> None:
    warnings.simplefilter("always")
    open_and_begin()
    child = os.fork()
    if child == 0:
        os._exit(0)
    fact(f"child {wait_for(child)}")
    end_and_close()


@situation
def atexit_() -> None:
    atexit.register(end_and_close)
    open_and_begin()


@situation
def exit_at_once() -> None:
    open_and_begin()
    settle(0.2)
    os._exit(4)


@situation
def after_close() -> None:
    open_and_begin()
    end_and_close()
    end_and_close()
    one()
    fact(f"!after close: state {client.state}")  # type: ignore[attr-defined]


def report_for_ever() -> None:
    while True:
        one()


@situation
def threads_run_on() -> int:
    open_client()
    for _ in range(4):
        threading.Thread(target=report_for_ever, daemon=True).start()
    time.sleep(0.05)
    return 6


class AtShutdown:
    """Reports when the interpreter takes its modules apart."""

    def __del__(self) -> None:
        one()
        end_and_close()


kept: AtShutdown | None = None


@situation
def at_shutdown() -> None:
    global kept
    kept = AtShutdown()
    open_and_begin()


@situation
def small_stacks() -> None:
    open_client()
    threading.stack_size(max(64 << 10, os.sysconf("SC_THREAD_STACK_MIN")))  # which is 128 KiB for arm64
    thread = threading.Thread(target=one)
    thread.start()
    thread.join()
    close()


@situation
def fault(kind: str, where: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if kind.startswith("faulthandler"):
        faulthandler.enable()
    open_and_begin()
    if kind == "faulthandler-later":
        faulthandler.enable()

    def here() -> None:
        one()
        settle(0.2)
        import ctypes

        if kind.startswith("faulthandler") or kind == "segv":
            ctypes.string_at(8)
        elif kind == "abrt":
            os.abort()
        elif kind == "sent":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif kind == "term":
            os.kill(os.getpid(), signal.SIGTERM)
        elif kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(2)

    if where == "thread":
        thread = threading.Thread(target=here)
        thread.start()
        thread.join()
    else:
        here()


@situation
def pipe(how: str) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL if how == "default" else signal.SIG_IGN)
    open_and_begin()
    settle(0.2)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        os.write(writing, b"x")
    except BrokenPipeError:
        fact("broken pipe")
    end_and_close()


@situation
def delivery() -> None:
    heard: dict[int, int] = {}

    def hear(number: int, _: object) -> None:
        heard[number] = heard.get(number, 0) + 1

    names = ("HUP", "INT", "QUIT", "USR1", "USR2", "PIPE", "ALRM", "TERM", "CHLD", "CONT", "URG", "PROF", "WINCH", "IO")
    numbers = [getattr(signal, "SIG" + name) for name in names] + [signal.SIGRTMIN]
    for number in numbers:
        signal.signal(number, hear)
    open_client()
    for n in range(1, 11):
        for number in numbers:
            os.kill(os.getpid(), number)
            one()
            patience = time.monotonic() + 2
            while heard.get(number, 0) < n and time.monotonic() < patience:
                time.sleep(0.001)
    fact(f"heard {sorted(heard.items())}")
    close()


@situation
def waited_for() -> None:
    numbers = {signal.SIGCHLD, signal.SIGPROF, signal.SIGUSR1, signal.SIGALRM, signal.SIGRTMIN}
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    open_client()
    threading.Thread(target=one).start()
    heard = 0
    for number in sorted(numbers) * 10:
        one()
        os.kill(os.getpid(), number)
        heard += signal.sigtimedwait({number}, 2) is not None
    fact(f"heard {heard}")
    close()


@situation
def copies(*libraries: str) -> None:
    if not CONTROL:
        import runspan

        clients = [runspan.Client("stripepy", SCHEMA, library=library) for library in libraries]
        for c in clients:
            fact(f"!open {c.state} {c.reason}")
            with c.start_span("call") as s:
                s.set_status(1)
        for c in clients:
            c.close(5)


@situation
def in_close(how: str) -> int:
    """A Ctrl-C while the host waits in close."""
    if how == "default":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    elif how == "exit":
        signal.signal(signal.SIGINT, lambda *_: sys.exit(9))
    else:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    atexit.register(close, 2)
    open_and_begin()
    end()

    def interrupt() -> None:
        settle(0.15)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    begun = time.monotonic()
    try:
        close(10)
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        if time.monotonic() - begun > 3:
            fact("it was not heard at once")
        return 10


def run_three_times() -> None:
    for _ in range(3):
        open_and_begin()
        time.sleep(0.05)
        end_and_close()


def start_child() -> None:
    """Start a child that ends with 42: another status is a stranger's."""
    os.posix_spawn("/bin/sh", ["sh", "-c", "exit 42"], os.environ)


@situation
def waits(how: str) -> None:
    """A thread waits for every child from before open until after close."""
    over = threading.Event()
    found: list[int] = []

    def wait_for_all() -> None:
        while not over.is_set():
            try:
                if how == "wait":
                    found.append(os.waitstatus_to_exitcode(os.wait()[1]))
                elif (child := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)) is not None:
                    found.append(child.si_status)
            except ChildProcessError:
                time.sleep(0.001)

    waiter = threading.Thread(target=wait_for_all)
    waiter.start()
    for _ in range(3):
        start_child()
    run_three_times()
    for _ in range(3):
        start_child()
    time.sleep(0.2)
    over.set()
    start_child()  # whose end wakes the waiter
    waiter.join()
    fact(f"children {found[:6]}, strangers {[status for status in found if status != 42]}")


@situation
def sigchld(how: str) -> None:
    heard = 0

    def hear(*_: object) -> None:
        nonlocal heard
        heard += 1

    signal.signal(signal.SIGCHLD, signal.SIG_IGN if how == "ignored" else hear)
    run_three_times()
    start_child()
    try:
        fact(f"found {os.waitstatus_to_exitcode(os.waitpid(-1, 0)[1])}")
    except ChildProcessError:
        fact("found none")
    fact(f"heard {heard}")


if __name__ == "__main__":
    sys.exit(SITUATIONS[sys.argv[1]](*sys.argv[4:]))
