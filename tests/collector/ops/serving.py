# SPDX-License-Identifier: MIT
"""./build.sh serve, after it has built, in a folder and on ports of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import secrets
import ssl
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collector.ops.conftest import BIN, ROOT
from tests.collector.waiting import free_ports, wait_for

BUILT = [ROOT / "build" / path for path in ("collector/otelcol", "collector/restic", "collector/static/vega.min.js")]


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


def deliver(connection: http.client.HTTPSConnection, body: bytes) -> None:
    """As a program would: what is not acknowledged is sent again."""

    def acknowledged() -> bool:
        try:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            return answer.status == 200
        except (OSError, http.client.HTTPException):
            connection.close()  # it opens again by itself
            return False

    wait_for(acknowledged, "a report was not taken")


class Serve:
    """The running command. ``prepare`` is called with it before it starts."""

    def __init__(self, folder: Path, *more: str, prepare: Callable[[Serve], object] = lambda _: None) -> None:
        for path in BUILT:
            assert path.exists(), f"no {path}: ./build.sh serve builds it"
        self.folder, self.data, self.keys = folder, folder / "data", folder / "keys"
        self.reports, self.dashboard, self.metrics, self.health = free_ports(4)
        self.output = ""
        folder.mkdir(exist_ok=True)
        prepare(self)
        ports = ["--port", self.reports, "--dashboard-port", self.dashboard]
        ports += ["--metrics-port", self.metrics, "--health-port", self.health]
        self.process = subprocess.Popen(
            [BIN / "runspan-serve", "--folder", folder, "--backup-every", "3", *map(str, ports), *more],
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
        """As Ctrl-C: the pieces end in order, and a last backup is made."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.keys / "ca.crt"))

    @contextlib.contextmanager
    def connection(self, port: int) -> Iterator[http.client.HTTPSConnection]:
        made = http.client.HTTPSConnection("localhost", port, timeout=30, context=self.context())
        try:
            yield made
        finally:
            made.close()

    def send(self, count: int) -> set[str]:
        """Reports of ``count`` runs; their span ids."""
        sent = set()
        for _ in range(count):
            span_id = secrets.token_bytes(8)
            with self.connection(self.reports) as connection:
                deliver(connection, report(span_id))
            sent.add(span_id.hex())
        return sent

    def login(self, name: str, password: str) -> tuple[int, str]:
        """The answer's status, and the session's cookie."""
        form = urllib.parse.urlencode({"name": name, "password": password})
        with self.connection(self.dashboard) as connection:
            connection.request("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Set-Cookie", "").partition(";")[0]

    @property
    def password(self) -> str:
        """The one that serve made, as it said."""
        found = re.search(r"as maintainer, password (\S+)", self.output)
        assert found, self.output
        return found[1]

    def rows(self) -> int:
        try:
            return int(json.loads((self.data / "state" / "store.json").read_bytes())["status"]["rows"])
        except (OSError, KeyError, ValueError):
            return -1

    def table(self, sql: str) -> list[dict[str, Any]]:
        """What the store's database says, when no store is running."""
        asks = (
            "import json, sys; from pathlib import Path; from runspan_collector.store.embedded import Store;"
            "print(json.dumps(Store(*map(Path, sys.argv[1:4]))._run(sys.argv[4])))"
        )
        command: list[str | Path] = [BIN / "python", "-c", asks]
        command += [self.data, self.keys, ROOT / "schemas", sql]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    def piece(self, name: str) -> int:
        """The process id of a piece: of a child of serve's, by what is in its command."""
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            if name.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        raise AssertionError(f"no {name} runs")

    def shown(self, port: int) -> str:
        return ssl.get_server_certificate(("127.0.0.1", port))

    def status(self) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [
            BIN / "runspan-status",
            "--data",
            self.data,
            "--collector",
            f"127.0.0.1:{self.reports}",
        ]
        command += ["--health", f"127.0.0.1:{self.health}", "--metrics", f"127.0.0.1:{self.metrics}"]
        return subprocess.run(command, capture_output=True, text=True, check=False)
