# SPDX-License-Identifier: MIT
"""All of it together on this machine: ./build.sh serve, its pieces killed and its keys changed while reports come."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collector.dashboard.chromium import chromium
from tests.collector.ops.conftest import ROOT

BIN = ROOT / "collector" / "bin"
BUILT = [ROOT / "build" / path for path in ("collector/otelcol", "collector/restic", "collector/static/vega.min.js")]


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [int(s.getsockname()[1]) for s in sockets]


def report(span_id: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for key, value in (("service.name", "stripepy"), ("service.version", "1.3.0")):
        attribute = resource.resource.attributes.add()
        attribute.key, attribute.value.string_value = key, value
    scope = resource.scope_spans.add()
    scope.scope.name = json.loads((ROOT / "schemas" / "stripepy.json").read_bytes())["scope"]
    now = time.time_ns()
    span = scope.spans.add()
    span.name, span.kind, span.trace_id, span.span_id = (
        "call",
        span.SPAN_KIND_INTERNAL,
        secrets.token_bytes(16),
        span_id,
    )
    span.start_time_unix_nano, span.end_time_unix_nano = now - 10**9, now
    span.status.code = span.status.STATUS_CODE_OK
    return request.SerializeToString()


def wait_for(what: Callable[[], bool], why: str, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


class Serve:
    """./build.sh serve after it has built, on ports of its own."""

    def __init__(self, folder: Path, prepare: Callable[[Serve], object] = lambda _: None) -> None:
        self.folder, self.data, self.keys = folder, folder / "data", folder / "keys"
        self.reports, self.dashboard, self.metrics, self.health = free_ports(4)
        self.output = ""
        folder.mkdir()
        prepare(self)
        ports = ["--port", self.reports, "--dashboard-port", self.dashboard]
        ports += ["--metrics-port", self.metrics, "--health-port", self.health]
        self.process = subprocess.Popen(
            [BIN / "serve", "--folder", folder, "--backup-every", "3", *map(str, ports)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def wait_until_up(self) -> None:
        try:
            wait_for(lambda: "Ctrl-C" in self.output or self.process.poll() is not None, "", 90)
            assert self.process.poll() is None
        except AssertionError:
            logs = "".join(path.read_text()[-2000:] for path in sorted((self.folder / "log").glob("*")))
            raise AssertionError(f"it did not come up: {self.output}{logs}") from None

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.keys / "ca.crt"))

    def post(self, address: str, body: bytes, kind: str) -> int:
        class Answers(urllib.request.HTTPErrorProcessor):
            def http_response(self, request: object, response: object) -> object:
                return response  # a redirection is not followed

            https_response = http_response

        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.context()), Answers()]
        request = urllib.request.Request(address, body, {"Content-Type": kind})
        with urllib.request.build_opener(*handlers).open(request, timeout=10) as answer:
            return int(answer.status)

    def send(self, count: int) -> set[str]:
        """As a program would: what is not answered is sent again."""
        sent = set()
        for _ in range(count):
            span_id = secrets.token_bytes(8)

            def acknowledged(span_id: bytes = span_id) -> bool:
                try:
                    address = f"https://localhost:{self.reports}/v1/traces"
                    return self.post(address, report(span_id), "application/x-protobuf") == 200
                except OSError:
                    return False

            wait_for(acknowledged, "a report was not taken")
            sent.add(span_id.hex())
        return sent

    def login(self, name: str, password: str) -> int:
        form = urllib.parse.urlencode({"name": name, "password": password}).encode()
        return self.post(f"https://localhost:{self.dashboard}/login", form, "application/x-www-form-urlencoded")

    def rows(self) -> int:
        try:
            return int(json.loads((self.data / "state" / "store.json").read_bytes())["status"]["rows"])
        except (OSError, KeyError, ValueError):
            return -1

    def piece(self, name: str) -> int:
        """The process id of a piece: of a child of serve's, by what is in its command."""
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            if name.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        raise AssertionError(f"no {name} runs")

    def shown(self, port: int) -> str:
        return ssl.get_server_certificate(("127.0.0.1", port))

    def status(self) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [BIN / "status", "--data", self.data, "--collector", f"127.0.0.1:{self.reports}"]
        command += ["--health", f"127.0.0.1:{self.health}", "--metrics", f"127.0.0.1:{self.metrics}"]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    for path in BUILT:
        assert path.exists(), f"no {path}: ./build.sh serve builds it"
    running = Serve(tmp_path / "serve")
    try:
        running.wait_until_up()
        yield running
    finally:
        running.stop()


def test_serve(serve: Serve, tmp_path: Path) -> None:
    sent = serve.send(20)
    wait_for(lambda: serve.rows() == 20, "the store has not taken 20 runs")
    wait_for(lambda: serve.status().returncode == 0, f"{serve.status().stdout}", 30)
    assert re.search(r"spans 20 accepted, 20 written, 0 failed", serve.status().stdout), serve.status().stdout

    # Each piece is killed while reports come.
    for piece in ("otelcol", "bin/store"):
        before = serve.piece(piece)
        os.kill(before, signal.SIGKILL)
        sent |= serve.send(10)
        wait_for(lambda piece=piece, before=before: running(serve, piece, before), f"{piece} was not started again")  # type: ignore[misc]
    assert serve.output.count("was ended by SIGKILL: started again") == 2
    wait_for(lambda: serve.rows() == len(sent), "the store has not taken all runs")

    # A new certificate, which both show without a restart.
    old = serve.shown(serve.reports)
    subprocess.run([BIN / "keys", serve.keys, "tls", "localhost", "127.0.0.1"], check=True)
    new = (serve.keys / "tls.crt").read_text()
    for port in (serve.reports, serve.dashboard):
        wait_for(lambda port=port: serve.shown(port) == new, f"{port} shows an old certificate")  # type: ignore[misc]
    assert new != old
    sent |= serve.send(5)

    # A new password for the dashboard.
    first = re.search(r"as maintainer, password (\S+)", serve.output)
    assert first and serve.login("maintainer", first[1]) == 303
    passwd: list[str | Path] = ["passwd", "--users", serve.keys / "dashboard.users", "maintainer"]
    command: list[str | Path] = [ROOT / "build/venv/collector/bin/python", "-m", "runspan_dashboard", *passwd]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "collector" / "dashboard")}
    subprocess.run(command, env=environment, input="correct horse battery\n", text=True, check=True)
    assert serve.login("maintainer", first[1]) == 401
    assert serve.login("maintainer", "correct horse battery") == 303

    # Ctrl-C ends it in order, and the backup has what came last.
    children = [serve.piece("otelcol"), serve.piece("bin/store")]
    serve.process.send_signal(signal.SIGINT)
    assert serve.process.wait(60) == 0, serve.output
    wait_for(lambda: serve.output.endswith("all ended\n"), serve.output)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    restored = tmp_path / "restored"
    command = [BIN / "backup", "restore", restored, "--config", serve.folder / "backup.ini"]
    subprocess.run(command, check=True)
    text = b"".join(path.read_bytes() for path in (restored / "otlp").iterdir()).decode()
    assert set(re.findall(r'"spanId":"([0-9a-f]{16})"', text)) == sent and len(sent) == 45

    # A machine that has nothing but the backup and the keys: its store is made anew from what is restored.
    again = Serve(tmp_path / "again", lambda at: shutil.move(restored, at.data))
    try:
        wait_for(lambda: again.rows() == len(sent), f"the new store has not {len(sent)} runs: {again.output}")
    finally:
        again.stop()


def running(serve: Serve, piece: str, before: int) -> bool:
    try:
        return serve.piece(piece) != before
    except (AssertionError, OSError):
        return False


def test_stripepy_is_shown(serve: Serve, tmp_path: Path) -> None:
    """From StripePy's command line, through runspan, to a maintainer's browser."""
    matrix = ROOT / "tests" / "data" / "CN.mm9.1000kb.mcool"
    command: list[str | Path] = [ROOT / "build/venv/patched/bin/stripepy", "call", matrix, "1000000"]
    command += ["--genomic-belt", "50000000", "--max-width", "5000000", "--verbosity", "error"]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_TELEMETRY")} | {
        "RUNSPAN_ENDPOINT": f"https://localhost:{serve.reports}/v1/traces",
        "SSL_CERT_FILE": str(serve.keys / "ca.crt"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    password = re.search(r"as maintainer, password (\S+)", serve.output)
    assert password
    serve.send(1)
    wait_for(lambda: serve.rows() == 1, "the store has not taken a run")
    with chromium(tmp_path / "chromium") as tab:
        runs = "document.querySelector('[data-total=\"Runs\"] dd').textContent"
        tab.size(1360, 900)
        tab.log_in(f"https://localhost:{serve.dashboard}/", "maintainer", password[1])
        assert tab.run(runs) == "1"
        subprocess.run([*command, "-o", tmp_path / "out.hdf5"], env=environment, check=True)
        wait_for(lambda: tab.run(runs) == "2", f"it is not shown: {serve.rows()} runs in the store", 60)
