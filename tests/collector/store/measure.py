# SPDX-License-Identifier: MIT
"""The figures of collector/docs/store.md and scale-out/README.md: python -m tests.collector.store.measure --runs 100000

Takes made-up runs of 90 days into a store, checks all answers and that nothing older than 60 days stays. Exits with 1
where something is not as it should be.

With --full it measures what runs and questions cost in a table that has so many: 25,000 made-up runs of 59 days,
doubled under other ids until there are enough, and some more that come late, so that no week is a single part.

With --count it measures runspan-store count, with made-up runs of a year.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from runspan_collector.kept import Kept
from runspan_collector.store import follower, rows, synthesize
from runspan_collector.store.embedded import Store
from runspan_collector.store.follower import Follower
from tests.collector.store.conftest import BIN, EVERY_PARAMETER, QUERIES, Installation


def size(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def measure(installation: Installation, runs: int, seed: int) -> bool:
    now, rng = int(time.time()), random.Random(seed)
    made = synthesize.make(runs, 90, rng, now)
    synthesize.write(made, installation.otlp, rng, files=20)
    lines = sum(path.read_bytes().count(b"\n") for path in installation.otlp.iterdir())
    written = sum(path.stat().st_size for path in installation.otlp.iterdir())
    print(f"{runs} runs in {lines} lines, {written / 1e6:.0f} MB of OTLP/JSON")

    rows.KEPT_NS = 91 * rows.DAY_NS  # so that there are old rows to be removed; else they are not even taken
    store = installation.open()
    following = Follower(store, installation.data)
    began, cpu = time.monotonic(), time.process_time()
    while following.step():
        pass
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    print(f"taken in {took:.1f} s: {runs / took:.0f} runs a second ({cpu:.1f} s of processor time); left out: ", end="")
    print(dict(following.decoder.counts) or "nothing")

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
    right &= not following.decoder.counts and left == 0 and kept == answers["totals"][0]["runs"]
    print(f"older than 60 days: {runs - kept} runs were taken, {expired} of them wait for a merge, {left} are left")
    print(f"after a merge of all parts, which took {took:.1f} s; {kept} runs stay")
    deadline = time.monotonic() + 600
    raw = "SELECT count() AS n FROM system.parts WHERE table = 'spans_stored' AND NOT active"
    while store._run(raw)[0]["n"] and time.monotonic() < deadline:
        time.sleep(10)  # the parts that were merged are removed after 8 minutes
    used = size(installation.data / "store" / "disks")
    print(f"on the disk: {used / 1e6:.1f} MB, {used / kept:.0f} bytes a run")
    return right


def fill(installation: Installation, runs: int, seed: int) -> None:
    now, rng = int(time.time()), random.Random(seed)
    store = installation.open()
    synthesize.write(synthesize.make(25_000, 59, rng, now), installation.otlp, rng)
    installation.follow(store)
    copies = "SELECT * REPLACE (lower(hex(generateUUIDv4())) AS `trace.trace_id`) FROM spans_stored"
    while store.status()["rows"] < runs:
        store._run(f"INSERT INTO spans_stored {copies}")
    for _ in range(3):
        for path in installation.otlp.iterdir():
            path.unlink()
        synthesize.write(synthesize.make(500, 59, rng, now), installation.otlp, rng, files=1)
        installation.follow(store)
    while store._run("SELECT count() AS n FROM system.merges")[0]["n"]:
        time.sleep(1)
    installation.close()


def trickle(installation: Installation, store: Store, lines: list[bytes], seconds: float) -> None:
    """What the store takes of a processor while so many reports come in so many seconds."""
    stop = threading.Event()
    following = threading.Thread(target=Follower(store, installation.data).run, args=(stop,))
    following.start()
    while "rows" not in installation.state()["status"]:
        time.sleep(0.1)  # what it does at its start
    began, cpu = time.monotonic(), time.process_time()
    with (installation.otlp / "spans.json").open("ab", buffering=0) as file:
        for number, line in enumerate(lines):
            time.sleep(max(0, began + seconds * number / len(lines) - time.monotonic()))
            file.write(line)
    time.sleep(max(0, began + seconds - time.monotonic()))
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    stop.set()
    following.join()
    each = f", {cpu / len(lines) * 1e3:.2f} ms a report" if lines else ""
    print(f"{len(lines) / took:6.1f} reports a second: {cpu / took * 1e3:6.1f} ms of processor time a second{each}")


def full(installation: Installation, runs: int, seed: int) -> None:
    filling = multiprocessing.get_context("spawn").Process(target=fill, args=(installation, runs, seed))
    filling.start()  # by itself: its memory is not what is asked for
    filling.join()
    store = installation.open()
    rows = store.status()["rows"]
    of_parts = (
        "SELECT count() AS n, sum(bytes_on_disk) AS size FROM system.parts WHERE table = 'spans_stored' AND active"
    )
    (parts,) = store._run(of_parts)
    print(f"{rows} runs in {parts['n']} parts, {int(parts['size']) / rows:.0f} bytes a run")
    cpu = time.process_time()
    store.status()
    cpu = time.process_time() - cpu
    print(f"to count them: {cpu:.2f} s of processor time")
    follower.COUNTING = 10**9  # that comes on top: a hundredth of the time
    rng, seconds = random.Random(seed), 100
    made = synthesize.reports(synthesize.make(14_000, 1, rng, int(time.time())), rng)
    lines = [synthesize.request([(span, resource)]).encode() + b"\n" for _, span, resource in made]
    for rate in (0, 1.2, 12, 120):
        trickle(installation, store, [lines.pop() for _ in range(round(rate * seconds))], seconds)
    total = waited = 0.0
    for name in ("taken", *sorted(path.stem for path in QUERIES.glob("*.sql") if path.stem != "taken")):
        sql = (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
        began, cpu = time.monotonic(), time.process_time()
        store.query(sql, {"limit": "26", "offset": "0"})
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        if name != "public" and not name.startswith("growth"):  # which are asked once a week, and once a day
            total, waited = total + cpu, waited + took
        print(f"{name:16} {took:6.2f} s  {cpu:6.2f} s of processor time  {cpu / rows * 1e6:5.2f} us a run")
    print(f"all of them      {waited:6.2f} s  {total:6.2f} s of processor time  {total / rows * 1e6:5.2f} us a run")
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    (week,) = store._run(
        "SELECT toMonday(timestamp) AS it, count() AS runs FROM spans GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )
    cpu = time.process_time()
    store._run(f"OPTIMIZE TABLE spans_stored PARTITION '{week['it']}' FINAL")
    cpu = time.process_time() - cpu
    print(f"to merge a week of {week['runs']} runs: {cpu:.1f} s of processor time")
    assert peak
    print(f"memory: {int(peak[1]) / 1000:.0f} MB at most")


def recount(installation: Installation, runs: int, seed: int, files: int = 73) -> bool:
    now, rng = int(time.time()), random.Random(seed)
    made = synthesize.make(runs, 365, rng, now)
    synthesize.write(made, installation.otlp, rng, files=files)
    paths = sorted(installation.otlp.iterdir(), key=lambda path: (path.name == "spans.json", len(path.name), path.name))
    for number, path in enumerate(paths, 1):
        come = now - 365 * synthesize.DAY * (files - number) / files + 7 * synthesize.DAY
        os.utime(path, (come, come))
    growth = installation.folder / "growth.json"
    print(f"{runs} runs in {files} files, {sum(path.stat().st_size for path in paths) / 1e6:.0f} MB of OTLP/JSON")
    command: list[str | Path] = [BIN / "runspan-store", "count", "--from", installation.otlp, "--growth", growth]
    subprocess.run(command, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{cpu:.0f} s of processor time, {cpu / runs * 1e6:.0f} us a run")
    weeks = Counter(str(run.week) for run in made)
    kept = {key.split()[1]: rows[0]["runs"] for key, rows in Kept(growth).read().items() if "weeks" in key}
    right = len(kept) >= 51 and all(weeks[week] == number for week, number in kept.items())
    verdict = "as counted" if right else "NOT AS COUNTED"
    print(f"{len(kept)} weeks {verdict}; {growth.stat().st_size / 1000:.0f} kB are kept")
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--full", type=int, metavar="RUNS", help="what it costs in a table that has so many already")
    parser.add_argument("--count", type=int, metavar="RUNS", help="how long it takes to count so many from the backup")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder))
        try:
            if options.full:
                full(installation, options.full, options.seed)
                return 0
            if options.count:
                return 0 if recount(installation, options.count, options.seed) else 1
            return 0 if measure(installation, options.runs, options.seed) else 1
        finally:
            installation.close()


if __name__ == "__main__":
    sys.exit(main())
