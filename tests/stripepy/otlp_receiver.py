# SPDX-License-Identifier: MIT
"""Starts tests/cmd/receiver: an OTLP receiver on loopback that writes down every request that it is sent.

It is also a CONNECT proxy that stands in for one host, the one that StripePy sends its telemetry to, and refuses every
other. A program that is given the environment of ``Receiver.proxy_environment`` therefore needs no change to be
listened to, and can reach nobody.
"""

import json
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.ambient import WAY

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / "build" / "bin" / "receiver"
COLLECTOR = "stripepy-telemetry.paulsenlab.com"

Request: TypeAlias = dict[str, Any]
"""A line of requests.jsonl: the request, with its OTLP body as JSON, or ``{"refused": "host:port"}``."""


@dataclass(frozen=True)
class Receiver:
    endpoint: str
    """Where the receiver itself takes OTLP over HTTPS."""
    proxy: str
    ca: Path
    """The certificate that both of them are trusted by."""
    requests_file: Path

    def proxy_environment(self) -> dict[str, str]:
        """What a program needs in its environment to send through the proxy, whichever TLS library it uses.

        What it keeps on disk is in folders next to the receiver's files.
        """
        return {
            "XDG_STATE_HOME": str(self.requests_file.parent / "state"),
            "XDG_CONFIG_HOME": str(self.requests_file.parent / "config"),
            "HTTPS_PROXY": self.proxy,
            **WAY,
            "SSL_CERT_FILE": str(self.ca),
            "REQUESTS_CA_BUNDLE": str(self.ca),
        }

    def requests(self) -> list[Request]:
        """What was received until now; complete once the receiver has stopped."""
        if not self.requests_file.exists():
            return []
        return [json.loads(line) for line in self.requests_file.read_text(encoding="utf-8").splitlines()]


@contextmanager
def receiver(folder: Path, *options: str, timeout: float = 10, stderr: int | None = None) -> Iterator[Receiver]:
    """Run a receiver that keeps its files in folder. After the with statement it has stopped.

    options are more of the command's own; stderr is for what it says of connections that broke.
    """
    if not BINARY.exists():
        raise FileNotFoundError(f"{BINARY} has not been built")
    with subprocess.Popen(
        [BINARY, "-dir", folder, "-proxy-for", COLLECTOR, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], timeout)
            line = process.stdout.readline() if ready else ""
            if not line:
                raise RuntimeError(f"the receiver was not ready within {timeout} s")
            said = json.loads(line)
            yield Receiver(said["endpoint"], said["proxy"], Path(said["ca"]), Path(said["requests"]))
            process.stdin.close()
            if process.wait(timeout) != 0:
                raise RuntimeError(f"the receiver ended with exit code {process.returncode}")
        finally:
            # Whatever went wrong above, Popen must not wait for a receiver that goes on.
            process.kill()
