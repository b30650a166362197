#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""This build beside an earlier one, in turns, from C: what a change costs.

    bench/against.py BEFORE

BEFORE is the build/lib of another checkout. Run after ./build.sh bench has built the programs, with the Python of
build/venv/patched. Writes a table, in Markdown, to standard output: medians, and what the second is of the first.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import c  # noqa: E402
from bench.runner import SCHEMA, Lab, environment, own_spans, relay, run, through, turns  # noqa: E402

NOBODY = "http://127.0.0.1:9"  # a proxy that is not there: the report stays on the disk
WORK_MS = 200
FAR_MS = 160

Measure = Callable[[Path], tuple[float, ...]]


def main() -> None:
    libraries = {"before": Path(sys.argv[1]).resolve() / "librunspan.so", "after": c.RUNSPAN}
    with tempfile.TemporaryDirectory(prefix="runspan-bench-") as folder:
        lab = Lab(Path(folder), quick=False, system_certificates=False)
        spans, tools = (
            [c.compiled(name, variant=f"-{side}", library=library) for side, library in libraries.items()]
            for name in ("span", "tool")
        )
        print("| | before | after | ratio |\n| --- | ---: | ---: | ---: |")
        started(lab, spans)
        many(lab, spans)
        for round_trip in (0, FAR_MS):
            ended(lab, tools, round_trip)
        in_turns(5, spans, ("disk, one report, bytes", "disk, 500 reports, bytes"), partial(disk, lab))
        in_turns(1, libraries.values(), ("front, bytes", "core, bytes"), library_bytes)


def in_turns(repeats: int, programs: Iterable[Path], names: Iterable[str], measure: Measure) -> None:
    """A row of the table for each name: the medians of what measure returns, for the one and the other."""
    found = turns(repeats, *(partial(measure, program) for program in programs))
    for i, name in enumerate(names):
        before, after = (statistics.median(sample[i] for sample in samples) for samples in found)
        print(f"| {name} | {before:.6g} | {after:.6g} | {after / before if before else 1:.2f} |", flush=True)


def started(lab: Lab, programs: list[Path]) -> None:
    nothing = c.compiled("span", "-DNOTHING", variant="-nothing", library=None)
    with lab.receiver() as r:
        env = environment(lab.fresh(), **through(r))

        def added(program: Path) -> tuple[float, ...]:
            without, with_it = run([nothing, SCHEMA, "0"], env), run([program, SCHEMA, "1"], env)
            return with_it.wall - without.wall, with_it.cpu - without.cpu

        in_turns(31, programs, ("added time, ms", "added processor time, ms"), added)


def many(lab: Lab, programs: list[Path]) -> None:
    with lab.receiver("-lean") as r:
        env = environment(lab.fresh(), **through(r))

        def loop(program: Path) -> tuple[float, ...]:
            ran = run([program, SCHEMA, "20000"], env)
            return float(ran.out), ran.wall, ran.cpu

        names = ("a span, in its caller, µs", "20,000 spans until delivered, ms", "their processor, ms")
        in_turns(7, programs, names, loop)


def ended(lab: Lab, programs: list[Path], round_trip: float) -> None:
    with lab.receiver() as r, relay(r.proxy, round_trip) as proxy:
        home = lab.fresh()

        def wait(program: Path) -> tuple[float, ...]:
            ran = run([program, SCHEMA, "1", str(WORK_MS)], environment(home, **through(r, proxy)))
            return ran.wait(), own_spans(r, ran)

        where = f"collector {round_trip} ms away, run of {WORK_MS} ms"
        in_turns(15, programs, (f"{where}: wait at exit, ms", f"{where}: delivered by it"), wait)


def disk(lab: Lab, program: Path) -> tuple[float, ...]:
    """Bytes in the service's folder when nothing can be sent."""

    def left(spans: int) -> float:
        home = lab.fresh()
        run([program, SCHEMA, str(spans)], environment(home, HTTPS_PROXY=NOBODY))
        return sum(file.stat().st_size for file in home.rglob("*") if file.is_file())

    return left(1), left(500)


def library_bytes(front: Path) -> tuple[float, ...]:
    return tuple(float(file.stat().st_size) for file in (front, front.with_name("librunspan-core.so")))


if __name__ == "__main__":
    main()
