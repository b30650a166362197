# SPDX-License-Identifier: MIT
"""Environments for hosts, without what the caller's says of telemetry, proxies and certificates.

Where HOST_BESIDE is set, the hosts' cores are in processes of their own: tests/host reads it, too.
"""

from __future__ import annotations

import glob
import os
import re
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_LINES = Path(__file__).with_name("ambient.txt").read_text(encoding="utf-8").splitlines()
_AMBIENT = re.compile("|".join(line for line in _LINES if not line.startswith("#")), re.IGNORECASE)

WAY = {"RUNSPAN_OUT_OF_PROCESS": "1"} if os.environ.get("HOST_BESIDE") else {}
os.environ.update(WAY)  # many tests are hosts themselves


def await_cores() -> None:
    """Wait until the processes of this library have ended that work for hosts which have ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(map(_is_orphan, glob.glob("/proc/[0-9]*/cmdline"))):
        time.sleep(0.02)


def _is_orphan(path: str) -> bool:
    try:
        program, _, host, *_ = Path(path).read_text(encoding="utf-8").split("\0")
    except (OSError, ValueError):  # it has ended, or is another program
        return False
    return program.startswith(str(_ROOT)) and program.endswith("/runspan-core") and not Path("/proc", host).exists()


def ambient() -> list[str]:
    """Return the names of this process's variables that ambient.txt names, but for WAY."""
    return [name for name in os.environ if _AMBIENT.search(name) and name not in WAY]


def neutral() -> dict[str, str]:
    """Return this process's environment without them."""
    hidden = ambient()
    return {name: value for name, value in os.environ.items() if name not in hidden}
