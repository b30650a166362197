# SPDX-License-Identifier: MIT
"""Collectors that fail: what a run waits at its exit, and when its span arrives."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

from bench import programs
from bench.runner import OURS, PAIR, PEER, Figure, Lab, Run, environment, own_spans, python, turns
from tests.stripepy.otlp_receiver import Receiver

THIS, NEXT, LATER, NEVER = "this run", "the next run", "a later run", "never"
DRIP_SECONDS, QUICK_DRIP_SECONDS = 2.0, 0.1
LATER_RUNS = {OURS: 70, PEER: 1}
"""How many runs after the failure a span is waited for, a tenth of a second apart: a failure has runspan pause, and
after an attempt that the exit has cut off short runs do not wait until 64 reports do. The peer keeps nothing on disk
that a later run could send."""

# What a program is told, and the receiver that takes its span, where there is one.
Told = tuple[dict[str, str], "Receiver | None"]
Collector = Callable[[], AbstractContextManager[Told]]


def measure(lab: Lab) -> list[Figure]:
    drip = QUICK_DRIP_SECONDS if lab.quick else DRIP_SECONDS
    collectors: dict[str, tuple[int, Collector]] = {
        "up": (5, partial(answering, lab, 200)),
        "connection refused": (3, refusing),
        "accepts, never answers": (2, partial(listening, swallow)),
        "answers a byte every 2 s": (1, partial(listening, partial(trickle, drip))),
        "503": (3, partial(answering, lab, 503)),
    }
    return [failing(lab, name, 1 if lab.quick else n, collector) for name, (n, collector) in collectors.items()]


def failing(lab: Lab, name: str, repeats: int, collector: Collector) -> Figure:
    """The waits, less what the same exit takes without telemetry."""

    def once(side: str) -> tuple[float, str]:
        home = environment(lab.fresh())
        control = python(side, silent(side), home | {"STRIPEPY_NO_TELEMETRY": ""}).wait()
        with collector() as (told, takes):
            did = python(side, programs.one_span(side) + programs.NOW, home | told)
            came = takes is not None and own_spans(takes, did) > 0
        return did.wait() - control, THIS if came else arrival(lab, side, did, home)

    results = dict(zip(PAIR, turns(repeats, *(partial(once, side) for side in PAIR)), strict=True))
    waits = {side: [wait for wait, _ in found] for side, found in results.items()}
    said = {side: " or ".join(sorted({when for _, when in found})) for side, found in results.items()}
    return Figure("wait at exit", "ms", waits, {"collector": name}, said)


def silent(side: str) -> str:
    """A program that has imported as much and has nothing to send: runspan is told so by a variable."""
    whole = programs.one_span(side) if side == OURS else programs.SETUP[side].partition("provider =")[0]
    return whole + programs.NOW


def arrival(lab: Lab, side: str, did: Run, home: dict[str, str]) -> str:
    """With which of the runs that follow, with a collector that is well."""
    with lab.receiver() as well:
        for later in range(LATER_RUNS[side]):
            python(side, programs.one_span(side), home | to(well))
            if own_spans(well, did) > 0:
                return NEXT if later == 0 else LATER
            time.sleep(0.1)
    return NEVER


def to(r: Receiver) -> dict[str, str]:
    return {"RUNSPAN_ENDPOINT": r.endpoint, "SSL_CERT_FILE": str(r.ca), "REQUESTS_CA_BUNDLE": str(r.ca)}


@contextmanager
def answering(lab: Lab, status: int) -> Iterator[Told]:
    with lab.receiver("-status", str(status)) as r:
        yield to(r), r if status == 200 else None


@contextmanager
def refusing() -> Iterator[Told]:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    yield {"RUNSPAN_ENDPOINT": f"https://127.0.0.1:{port}/v1/traces"}, None


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[Told]:
    """A listener that does this with each connection, until its caller is done with it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):  # it has been shut down
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=served, args=(serve, connection), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield {"RUNSPAN_ENDPOINT": f"http://127.0.0.1:{server.getsockname()[1]}/v1/traces"}, None
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def served(serve: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with connection, suppress(OSError):  # the other end may go at any time
        serve(connection)


def swallow(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def trickle(seconds: float, connection: socket.socket) -> None:
    connection.recv(1 << 16)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(seconds)
