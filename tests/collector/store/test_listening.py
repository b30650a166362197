# SPDX-License-Identifier: MIT
"""The store goes on where its page can't be served, and the page listens at what the machine has."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.collector.store.conftest import BIN, Installation, line

WITHOUT_IPV6 = """
import errno, os, socket, sys
class Socket(socket.socket):
    def __init__(self, family=-1, *more, **others):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        super().__init__(family, *more, **others)
socket.socket = Socket
from runspan_collector.store.command import main
main()
"""


def free() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def running(at: Installation, *more: str, code: str = "") -> Iterator[Path]:
    """Run the store with keys of its own; yield its log."""
    subprocess.run([BIN / "runspan-keys", at.keys, "tls", "localhost"], check=True, capture_output=True)
    log = at.folder / "log"
    start: list[str | Path] = [sys.executable, "-c", code] if code else [BIN / "runspan-store"]
    with open(log, "wb") as file:
        process = subprocess.Popen([*start, "--data", at.data, "--keys", at.keys, *more], stderr=file)
    try:
        yield log
    finally:
        process.terminate()
        assert process.wait(30) == 0


def wait_for(at: Installation, what: Any, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if what():
                return
        except (OSError, KeyError, ValueError):
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def taken(at: Installation) -> bool:
    return bool(at.state()["status"]["rows"] == 1)


def shown(port: int) -> bool:
    return bool(ssl.get_server_certificate(("127.0.0.1", port), timeout=5))


def test_without_ipv6(installation: Installation) -> None:
    """A kernel without it knows no such sockets; the units listen at [::]."""
    (installation.otlp / "spans.json").write_bytes(line(1))
    port = free()
    with running(installation, "--dashboard", f"[::]:{port}", code=WITHOUT_IPV6) as log:
        wait_for(installation, lambda: taken(installation) and shown(port), log)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::]"])
def test_a_port_that_another_program_has(installation: Installation, host: str) -> None:
    """Of [::] too, where this is another failure than a kernel without IPv6."""
    (installation.otlp / "spans.json").write_bytes(line(1))
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with running(installation, "--dashboard", f"{host}:{port}") as log:
            wait_for(installation, lambda: taken(installation), log)
            said = f"store: --dashboard {host.strip('[]')}:{port}: [Errno {errno.EADDRINUSE}]"
            wait_for(installation, lambda: said in log.read_text(), log)
            wait_for(installation, lambda: "no page" in "".join(installation.state()["faults"]), log)
            other.close()
            wait_for(installation, lambda: shown(port), log)
            wait_for(installation, lambda: installation.state()["faults"] == [], log)
            assert log.read_text().count(said) == 1


def test_a_name_that_is_none(installation: Installation) -> None:
    (installation.otlp / "spans.json").write_bytes(line(1))
    with running(installation, "--dashboard", f"a..b:{free()}") as log:
        wait_for(installation, lambda: taken(installation) and "no page" in log.read_text(), log)


def test_a_certificate_that_is_missing(installation: Installation) -> None:
    (installation.otlp / "spans.json").write_bytes(line(1))
    port = free()
    elsewhere = installation.folder / "tls.crt"
    with running(installation, "--dashboard", f"127.0.0.1:{port}", code=AWAY) as log:
        wait_for(installation, lambda: taken(installation) and "no page" in log.read_text(), log)
        os.rename(elsewhere, installation.keys / "tls.crt")
        wait_for(installation, lambda: shown(port), log)


AWAY = """
import pathlib, sys
keys = pathlib.Path(sys.argv[sys.argv.index("--keys") + 1])
(keys / "tls.crt").rename(keys.parent / "tls.crt")
from runspan_collector.store.command import main
main()
"""
