#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs real StripePy on real data, reported through runspan, and shows what arrived.

Run by ./build.sh demo with the Python of build/venv/patched. Everything stays on this machine: the receiver is also
the proxy that StripePy is told to use, and ends TLS for StripePy's destination itself.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import programs  # noqa: E402
from tests.ambient import neutral  # noqa: E402
from tests.stripepy import table  # noqa: E402
from tests.stripepy.otlp_receiver import Receiver, receiver  # noqa: E402

MATRIX = ROOT / "tests" / "data" / "CN.mm9.1000kb.mcool"
PAGE = ROOT / "tests" / "data" / "page-fields.txt"
OPTIONS = ["1000000", "--genomic-belt", "50000000", "--max-width", "5000000", "--verbosity", "error"]
REPEATS = 15


def environment(r: Receiver, **more: str) -> dict[str, str]:
    """This process's, but for what would lead elsewhere."""
    return neutral() | r.proxy_environment() | more


def stripepy_call(env: dict[str, str]) -> str:
    """Run it in a folder of its own, and return the command as a person would type it."""
    stripepy = Path(sys.executable).with_name("stripepy")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([stripepy, "call", MATRIX, *OPTIONS, "-o", "result.hdf5"], cwd=folder, env=env, check=True)
    return " ".join(["stripepy call", MATRIX.name, *OPTIONS])


def added_milliseconds(env: dict[str, str]) -> float:
    """What telemetry adds to a program, from start to exit: the median of differences between runs in turn."""

    def wall(program: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], env=env, check=True, stdout=subprocess.DEVNULL)
        return (time.perf_counter() - begun) * 1000

    before, telemetry = programs.STRIPEPY, programs.TELEMETRY
    return statistics.median(wall(before + telemetry) - wall(before) for _ in range(REPEATS))


def show(rows: dict[str, str]) -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    width = max(map(len, rows))
    print(f"{'Field':{width}}  Value")
    for field in page:
        print(f"{field:{width}}  {rows[field]}")
    print("\nBesides, since StripePy 1.3.0 or by runspan:")
    for field in rows:
        if field not in page:
            print(f"{field:{width}}  {rows[field]}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with receiver(Path(folder) / "on") as r:
            command = stripepy_call(environment(r))
            requests = r.requests()
        with receiver(Path(folder) / "off") as r:
            stripepy_call(environment(r, STRIPEPY_NO_TELEMETRY="1"))
            silent = r.requests()
        with receiver(Path(folder) / "time") as r:
            added = added_milliseconds(environment(r))
    if len(requests) != 1 or silent:
        raise SystemExit(f"demo.py: {len(requests)} requests with telemetry, {len(silent)} without")
    (request,) = requests
    print(f"$ {command}\n\nOne request arrived, for {request['host']}:\n")
    show(table.rows(request["body"]))
    print(f"\nSent: {request['wire_bytes']} bytes of compressed OTLP.")
    print(f"Added time: {added:.0f} ms from start to exit (median of {REPEATS} runs with telemetry, less one without).")
    print(f"The same run with STRIPEPY_NO_TELEMETRY=1 sent {len(silent)} requests.")


if __name__ == "__main__":
    main()
