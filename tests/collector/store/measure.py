# SPDX-License-Identifier: MIT
"""The figures of collector/docs/store.md: python -m tests.collector.store.measure --runs 100000

Takes made-up runs of 90 days into a store, checks all answers and that nothing older than 60 days stays. Exits with 1
where something is not as it should be.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from runspan_store import rows, synthesize
from runspan_store.follower import Follower
from tests.collector.store.conftest import EVERY_PARAMETER, QUERIES, Installation


def size(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def measure(installation: Installation, runs: int, seed: int) -> bool:
    now, rng = int(time.time()), random.Random(seed)
    made = synthesize.make(runs, 90, rng, now)
    synthesize.write(made, installation.otlp, rng, files=20)
    lines = sum(path.read_bytes().count(b"\n") for path in installation.otlp.iterdir())
    written = sum(path.stat().st_size for path in installation.otlp.iterdir())
    print(f"{runs} runs in {lines} lines, {written / 1e6:.0f} MB of OTLP/JSON")

    rows.KEEP_DAYS = 91  # so that there are old rows to be removed; else they are not even taken
    store = installation.open()
    follower = Follower(store, installation.data)
    began, cpu = time.monotonic(), time.process_time()
    while follower.step():
        pass
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    print(f"taken in {took:.1f} s: {runs / took:.0f} runs a second ({cpu:.1f} s of processor time); left out: ", end="")
    print(dict(follower.decoder.counts) or "nothing")

    right = True
    answers = synthesize.answers(made, now)
    for name, expected in sorted(answers.items()):
        sql, times = (QUERIES / f"{name}.sql").read_text(encoding="utf-8"), []
        for _ in range(5):
            began = time.monotonic()
            found = store.query(sql, EVERY_PARAMETER)
            times.append(time.monotonic() - began)
        right &= found == expected
        verdict = "as counted" if found == expected else "NOT AS COUNTED"
        print(f"{name:16} {len(found):5} rows  {statistics.median(times) * 1e3:5.0f} ms  {verdict}")

    expired = store.expired()
    began = time.monotonic()
    store.optimize()
    took = time.monotonic() - began
    left, kept = store.expired(), store.status()["rows"]
    right &= not follower.decoder.counts and left == 0 and kept == answers["totals"][0]["runs"]
    print(f"older than 60 days: {runs - kept} runs were taken, {expired} of them wait for a merge, {left} are left")
    print(f"after a merge of all parts, which took {took:.1f} s; {kept} runs stay")
    deadline = time.monotonic() + 600
    raw = "SELECT count() AS n FROM system.parts WHERE table = 'spans_stored' AND NOT active"
    while store._run(raw)[0]["n"] and time.monotonic() < deadline:
        time.sleep(10)  # the parts that were merged are removed after 8 minutes
    used = size(installation.data / "store" / "disks")
    print(f"on the disk: {used / 1e6:.1f} MB, {used / kept:.0f} bytes a run")
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder))
        try:
            return 0 if measure(installation, options.runs, options.seed) else 1
        finally:
            installation.close()


if __name__ == "__main__":
    sys.exit(main())
