# SPDX-License-Identifier: MIT
"""What tests of programs that run beside them need."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [int(s.getsockname()[1]) for s in sockets]


def wait_for(what: Callable[[], bool], why: str, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)
