#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A run of 20 ms under a quota of a processor: without runspan, and with each of its two ways.

    bench/quota.py [PERCENT] [TURNS]

Makes a control group, so it needs root. Run after ./build.sh build, with the Python of build/venv/dev. Writes a table,
in Markdown, to standard output: medians.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import c  # noqa: E402
from bench.runner import SCHEMA, Lab, environment, own_spans, run, through, turns  # noqa: E402

WORK_MS = 20
PERIOD_US = 100_000


@contextmanager
def group(percent: int) -> Iterator[Path]:
    """A control group of either version, whose processes have so much of one processor."""
    root = Path("/sys/fs/cgroup")
    quota = PERIOD_US * percent // 100
    first = root / "cpu"
    folder = Path(tempfile.mkdtemp(prefix="runspan-", dir=first if first.exists() else root))
    try:
        if first.exists():
            (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (folder / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        yield folder
    finally:
        while (folder / "cgroup.procs").read_text():  # the core beside the host stays for 3 s at most
            time.sleep(0.1)
        folder.rmdir()


def main() -> None:
    percent, repeats = (int(text) for text in (sys.argv[1:] + ["5", "15"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory(prefix="runspan-bench-") as folder, group(percent) as limited:
        lab = Lab(Path(folder), quick=False, system_certificates=False)
        tool = c.compiled("tool")
        inside = ["sh", "-c", f'echo $$ >{limited}/cgroup.procs && exec "$@"', "sh"]
        with lab.receiver() as r:
            home = lab.fresh()
            env = environment(home, **through(r))

            def measure(command: list[str | Path], more: dict[str, str]) -> tuple[float, ...]:
                ran = run([*inside, *command], env | more, linger=False)
                return ran.wall, ran.cpu, own_spans(r, ran)

            ways: dict[str, tuple[list[str | Path], dict[str, str]]] = {
                "without runspan (sleep)": (["sleep", str(WORK_MS / 1000)], {}),
                "in the host": ([tool, SCHEMA, "1", str(WORK_MS)], {"RUNSPAN_OUT_OF_PROCESS": "0"}),
                "beside the host": ([tool, SCHEMA, "1", str(WORK_MS)], {"RUNSPAN_OUT_OF_PROCESS": "1"}),
            }
            found = turns(repeats, *(partial(measure, *way) for way in ways.values()))
        print(f"| {WORK_MS} ms, {percent} % of a processor | ms | processor time of the host, ms | delivered by it |")
        print("| --- | ---: | ---: | ---: |")
        for way, samples in zip(ways, found, strict=True):
            wall, cpu, delivered = (statistics.median(sample[i] for sample in samples) for i in range(3))
            print(f"| {way} | {wall:.0f} | {cpu:.1f} | {delivered:.0f} |")


if __name__ == "__main__":
    main()
