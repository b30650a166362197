#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""runspan beside opentelemetry-python, set up as StripePy 1.3.0 does it, in one run. Prints a table.

Run by ./build.sh bench, with any Python of the virtual environments; programs.py has what is measured.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import programs  # noqa: E402
from tests.stripepy.otlp_receiver import Receiver, receiver  # noqa: E402

REPEATS = 21
LOOP = programs.LOOP
PEER_PACKAGES = (  # that StripePy needs for its telemetry alone, by how their names begin
    "opentelemetry",
    "googleapis-common-protos",
    "protobuf",
    "requests",
    "urllib3",
    "certifi",
    "idna",
    "charset-normalizer",
)
PEER, OURS = "published", "patched"


def environment(r: Receiver) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | r.proxy_environment()


def python(side: str) -> str:
    return str(ROOT / "build" / "venv" / side / "bin" / "python")


def run(side: str, program: str, r: Receiver) -> str:
    """The program's output. It is a script of its own, so that nothing but it is measured."""
    command = [python(side), "-I", "-c", program]
    return subprocess.run(command, env=environment(r), check=True, capture_output=True, text=True).stdout


def wall(side: str, program: str, r: Receiver) -> float:
    begun = time.perf_counter()
    run(side, program, r)
    return (time.perf_counter() - begun) * 1000


def added(before: str, peer: str, ours: str, r: Receiver) -> tuple[float, float]:
    """Milliseconds that each adds to a program that does what is before, from its start to its exit.

    The median of the differences between runs that follow each other: what the machine does meanwhile falls on both.
    """
    differences: dict[str, list[float]] = {PEER: [], OURS: []}
    for _ in range(REPEATS):
        for side, program in ((PEER, peer), (OURS, ours)):
            without = wall(side, before, r)
            differences[side].append(wall(side, before + program, r) - without)
    return statistics.median(differences[PEER]), statistics.median(differences[OURS])


def printed(program: str, side: str, r: Receiver, repeats: int = 5) -> float:
    return statistics.median(float(run(side, program, r)) for _ in range(repeats))


def row(what: str, peer: float, ours: float, unit: str) -> None:
    print(f"{what:58} {peer:10.2f} {ours:10.2f} {unit:8} {ours / peer:.3f}")


def alone(what: str, ours: float, unit: str) -> None:
    """A figure that the peer has nothing like, such as one from C: the peer is in Python."""
    print(f"{what:58} {'':10} {ours:10.2f} {unit}".rstrip())


def disk(side: str, names: tuple[str, ...]) -> float:
    """Megabytes of the installed packages, by their own records."""
    program = (
        "import importlib.metadata as m, json, sys\n"
        f"names = {names!r}\n"
        "found = [d for d in m.distributions() if d.metadata['Name'].lower().startswith(names)]\n"
        "files = {f.locate() for d in found for f in d.files or ()}\n"
        "print(sum(f.stat().st_size for f in files if f.exists()))\n"
    )
    out = subprocess.run([python(side), "-c", program], check=True, capture_output=True, text=True).stdout
    return int(out) / 1e6


def main() -> None:
    program = compiled()
    with tempfile.TemporaryDirectory() as folder, receiver(Path(folder)) as r:
        print(f"{'':58} {'otel':>10} {'runspan':>10} {'':8} ratio")
        row("added time, over python -c pass", *added("pass\n", programs.PEER_RUN, programs.OUR_RUN, r), "ms")
        row("added time in StripePy", *added(programs.STRIPEPY, programs.TELEMETRY, programs.TELEMETRY, r), "ms")
        row("span's end to exit", printed_exit(PEER, r), printed_exit(OURS, r), "ms")
        row(
            "added memory",
            printed(programs.PEER_RUN + programs.RSS, PEER, r) - printed(programs.RSS, PEER, r),
            printed(programs.OUR_RUN + programs.RSS, OURS, r) - printed(programs.RSS, OURS, r),
            "MiB",
        )
        row(
            "modules imported, beyond ctypes",
            printed(programs.modules("peer"), PEER, r, 1),
            printed(programs.modules("ours"), OURS, r, 1),
            "",
        )
        row(
            "a span of 20 attributes, in the caller, from Python",
            printed(programs.PEER_SPANS, PEER, r),
            printed(programs.OUR_SPANS, OURS, r),
            "µs",
        )
        peer, ours = loop(lambda r: run(PEER, programs.PEER_LOOP, r)), loop(lambda r: run(OURS, programs.OUR_LOOP, r))
        c = loop(lambda r: from_c(program, LOOP, r))
        row(f"{LOOP:,} spans of 20 attributes in a loop: that arrive", peer[0], ours[0], "")
        alone("the same: that arrive, from C", c[0], "")
        row("the same: a second", peer[1], ours[1], "")
        alone("the same: a second, from C", c[1], "")
        row("installed", disk(PEER, PEER_PACKAGES), disk(OURS, ("runspan",)), "MB")
        span = statistics.median(from_c(program, 500, r) for _ in range(5))
        alone("a span of 20 attributes, in the caller, from C", span, "µs")
        off = statistics.median(opted_out(r) for _ in range(REPEATS))
        alone("opted out: import, open, a span, close, in Python", off, "ms")
    wheel = next((ROOT / "build" / "wheels").glob("runspan-*.whl"))
    alone("download", wheel.stat().st_size / 1e6, "MB")


def printed_exit(side: str, r: Receiver) -> float:
    """Milliseconds from the end of the span until the process is gone; the program prints when that was."""
    program = programs.PEER_RUN if side == PEER else programs.OUR_RUN
    times = []
    for _ in range(REPEATS):
        out = run(side, program + "import time; print(time.monotonic(), flush=True)\n", r)
        times.append((time.monotonic() - float(out)) * 1000)
    return statistics.median(times)


def loop(program: Callable[[Receiver], object]) -> tuple[float, float]:
    """How many spans of a program arrive, and how many a second from its start to its exit."""
    with tempfile.TemporaryDirectory() as folder:
        with receiver(Path(folder), "-lean", timeout=60) as r:
            begun = time.perf_counter()
            program(r)
            took = time.perf_counter() - begun
        arrived = {span for request in r.requests() for span in request["span_ids"]}
    return len(arrived), len(arrived) / took


def opted_out(r: Receiver) -> float:
    env = environment(r) | {"STRIPEPY_NO_TELEMETRY": ""}
    out = subprocess.run([python(OURS), "-I", "-c", programs.OPTED_OUT], env=env, check=True, capture_output=True)
    return float(out.stdout)


def compiled() -> Path:
    """span.c, built."""
    program, lib = ROOT / "build" / "bench-span", ROOT / "build" / "lib"
    source = str(ROOT / "bench" / "span.c")
    flags = ["-O2", f"-I{ROOT}/include", f"-L{lib}", f"-Wl,-rpath,{lib}", "-lrunspan"]
    subprocess.run(["cc", source, "-o", str(program), *flags], check=True)
    return program


def from_c(program: Path, spans: int, r: Receiver) -> float:
    """What span.c prints."""
    env = environment(r) | {"RUNSPAN_ENDPOINT": r.endpoint}
    command = [str(program), str(ROOT / "schemas" / "stripepy.json"), str(spans)]
    return float(subprocess.run(command, env=env, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    main()
