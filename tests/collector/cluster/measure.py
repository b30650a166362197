# SPDX-License-Identifier: MIT
"""What a question costs for each run in the table, for collector/bin/capacity.

python -m tests.collector.cluster.measure
Takes 20,000 made-up runs of 60 days, and doubles them under other ids until there are enough.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from runspan_store import synthesize
from runspan_store.follower import Follower
from runspan_store.store import EVERYTHING, Store

ROOT = Path(__file__).resolve().parents[3]
MADE = 20_000
PARAMETERS = {**EVERYTHING, "limit": "100", "offset": "0"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        for folder in ("otlp", "keys"):
            (data / folder).mkdir()
        (data / "keys" / "store.key").write_text("0123456789abcdef" * 2 + "\n", encoding="ascii")
        rng = random.Random(1)
        synthesize.write(synthesize.make(MADE, 59, rng, int(time.time())), data / "otlp", rng, files=4)
        store = Store(data, data / "keys", ROOT / "schemas")
        follower = Follower(store, data)
        while follower.step():
            pass
        copied = "SELECT * REPLACE (lower(hex(generateUUIDv4())) AS `trace.trace_id`) FROM spans_stored"
        while (rows := int(store.query("SELECT count() AS n FROM spans")[0]["n"])) < runs:
            store._run(f"INSERT INTO spans_stored {copied}")
        print(f"{rows} runs")
        total = 0.0
        for path in sorted((ROOT / "collector" / "store" / "queries").glob("*.sql")):
            sql = path.read_text(encoding="utf-8")
            store.query(sql, PARAMETERS)
            began, cpu = time.monotonic(), time.process_time()
            store.query(sql, PARAMETERS)
            took, cpu = time.monotonic() - began, time.process_time() - cpu
            total += cpu if path.stem != "public" else 0  # that is asked once a week
            print(f"{path.stem:16} {took:6.2f} s {cpu:6.2f} s of processors {cpu / rows * 1e6:6.2f} us a run")
        print(f"all of them: {total / rows * 1e6:.2f} us a run")
        store.close()


if __name__ == "__main__":
    main()
