# SPDX-License-Identifier: MIT
"""Try the installed package on any platform, with the standard library alone: short.py.

A tool's run must report, and must not where its user has opted out. A run that can't deliver leaves its report to
the next. The receiver is on this machine, and the folders are empty ones. The last line is "N passed, N failed".
"""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOOL = Path(__file__).with_name("tool.py")
ON = "telemetry is on"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Count the requests. One is protobuf in gzip; other tests read it."""

    received: list[str] = []

    def do_POST(self) -> None:
        while size := int(self.rfile.readline(), 16):  # a request comes in chunks
            self.rfile.read(size + 2)
        self.rfile.readline()
        self.received.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Write nothing."""


def environment(folder: Path, endpoint: str) -> dict[str, str]:
    """Return this environment with folders that are empty, where a platform's users have theirs."""
    own = {name: str(folder) for name in ("HOME", "LOCALAPPDATA", "XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    opted_out = ("NO_TELEMETRY", "DO_NOT_TRACK", "OTEL_SDK_DISABLED")
    kept = {name: value for name, value in os.environ.items() if not name.endswith(opted_out)}
    return {**kept, **own, "RUNSPAN_ENDPOINT": endpoint}


def run(variables: dict[str, str], **more: str) -> str:
    """Run the tool. Return what it says of its telemetry, or how it has failed."""
    done = subprocess.run(
        [sys.executable, TOOL], env={**variables, **more}, capture_output=True, text=True, timeout=120
    )
    failed = done.returncode != 0 or done.stderr
    return f"exit code {done.returncode}: {done.stderr}" if failed else done.stdout.strip()


def waits(variables: dict[str, str]) -> str:
    """Return the line of the command status that says how many reports wait."""
    command = [sys.executable, "-m", "runspan", "--service", "mytool", "status"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
    return next(
        (" ".join(line.split()) for line in done.stdout.splitlines() if "waiting" in line), done.stdout + done.stderr
    )


def main() -> int:
    results: list[bool] = []

    def check(name: str, said: str, start: str, requests: range) -> None:
        came = len(Receiver.received)
        Receiver.received.clear()
        results.append(said.startswith(start) and came in requests)
        print("ok    " if results[-1] else "FAILED", f"{name}: {said!r}, requests: {came}", flush=True)

    none, one, some = range(0, 1), range(1, 2), range(1, 1000)
    with tempfile.TemporaryDirectory() as name, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        variables = environment(Path(name), f"http://127.0.0.1:{server.server_port}/v1/traces")
        check("a run", run(variables), ON, one)
        check("a core beside its host", run(variables, RUNSPAN_OUT_OF_PROCESS="1"), ON, one)
        check("opted out", run(variables, MYTOOL_NO_TELEMETRY="1"), "telemetry is off: the service's own", none)
        check("offline", run(variables, RUNSPAN_ENDPOINT="http://127.0.0.1:9/v1/traces"), ON, none)
        check("offline, and then", waits(variables), "waiting 1 ", none)
        deadline = time.monotonic() + 60  # a failure is followed by a pause
        while time.monotonic() < deadline and "nothing" not in waits(variables):
            run(variables)
        check("the next runs", waits(variables), "waiting nothing", some)
        server.shutdown()
    print(f"\n{results.count(True)} passed, {results.count(False)} failed")
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main())
