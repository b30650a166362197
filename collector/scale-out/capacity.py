#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What so many runs a day take of machines and disks: capacity RUNS_PER_DAY...

Prints a Markdown table. The figures below were measured (collector/scale-out/README.md says how); prices are options.
"""

from __future__ import annotations

import argparse
from math import ceil

# Microseconds of one processor that a run takes.
EDGE, KAFKA, INGEST, STORE = 1474, 114, 27, 290
# Microseconds that an insert takes besides, of one run or of many. Who follows files has one a second; a shard has as
# many as there are followers, which is little beside the questions.
INSERT = 33_000
# Bytes of a run: on the wire (both ways, TLS and all), in Kafka, in the collector's files, in the table, in the backup.
WIRE, TOPIC, FILE, TABLE, BACKUP = 4614, 70, 2180, 114, 170
# Microseconds of one processor that all questions of the dashboard together take for each run in the table.
QUESTIONS = 5.6

CORES = 2  # of a machine
BUSY = 0.5  # of its processors, at the peak: the rest is for what nobody foresaw
COPIES = 3  # of what Kafka has
REPLICAS = 2  # of a shard
PATIENCE = 60  # seconds that all questions together may take; the dashboard's page rests ten times as long
DAYS_KAFKA, DAYS_FILES, DAYS_TABLE = 3, 1, 60


def gigabytes(total: float) -> str:
    total /= 1e9
    return f"{total:,.0f}" if total >= 10 else f"{total:.1f}" if total >= 0.1 else "<0.1"


def machines(runs_a_second: float, *microseconds: float, follows: bool = False) -> int:
    return ceil(runs_a_second * sum(microseconds) / (CORES * BUSY * 1e6 - follows * INSERT))


def column(runs: int, options: argparse.Namespace) -> dict[str, str]:
    peak = runs / 86400 * options.peak
    page = runs * DAYS_TABLE * QUESTIONS / 1e6 / CORES
    table = runs * DAYS_TABLE * TABLE
    backup = runs * 365 * BACKUP
    one = machines(peak, EDGE, STORE, follows=True) <= 1 and page <= PATIENCE
    if one:
        parts = {"edges": 0, "kafka": 0, "ingest": 0, "store": 0}
        total = shards = copies = 1
        disk = table + runs * DAYS_FILES * FILE
    else:
        # Each has one that may fail: what is left bears the peak, busier than is good.
        shards = max(machines(peak, STORE), ceil(page / PATIENCE))
        parts = {
            "edges": max(2, machines(peak, EDGE)),
            "kafka": max(COPIES, machines(peak * COPIES, KAFKA)),
            "ingest": max(2, machines(peak, INGEST, STORE, follows=True)),
            "store": shards * REPLICAS,
        }
        copies = REPLICAS
        total = sum(parts.values()) + 2  # balancers
        disk = table * REPLICAS + runs * (DAYS_FILES * FILE + DAYS_KAFKA * COPIES * TOPIC)
    cost = total * options.machine + disk / 1e9 * options.disk + backup / 1e9 * options.backup
    return {
        "requests a second, mean": f"{runs / 86400:,.1f}",
        f"requests a second, peak (× {options.peak:g})": f"{peak:,.0f}",
        "received, GB a day": gigabytes(runs * WIRE),
        "machines": f"{total}",
        "– balancers, edges": "–" if one else f"2, {parts['edges']}",
        "– Kafka": "–" if one else f"{parts['kafka']}",
        "– ingesting": "–" if one else f"{parts['ingest']}",
        "– store: shards × replicas": "–" if one else f"{shards} × {REPLICAS}",
        "all questions of the dashboard, s": f"{page / shards:.1f}",
        f"collectors' files, {DAYS_FILES} day, GB": gigabytes(runs * DAYS_FILES * FILE),
        f"Kafka, {DAYS_KAFKA} days × {COPIES}, GB": "–" if one else gigabytes(runs * DAYS_KAFKA * COPIES * TOPIC),
        f"table, {DAYS_TABLE} days × replicas, GB": gigabytes(table * copies),
        "backup, GB more each year": gigabytes(backup),
        "price a month, at the end of the first year": f"{cost:,.0f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="+", metavar="RUNS_PER_DAY")
    parser.add_argument("--peak", type=float, default=10, help="the busiest second's requests, of a mean second's (10)")
    parser.add_argument(
        "--machine", type=float, default=10, help="price of a machine with 2 cores and 4 GB a month (10)"
    )
    parser.add_argument("--disk", type=float, default=0.1, help="price of a GB of disk a month (0.1)")
    parser.add_argument("--backup", type=float, default=0.02, help="price of a GB of backup a month (0.02)")
    options = parser.parse_args()
    if min(options.runs) < 1:
        parser.error("a day has a run at least")
    columns = [column(runs, options) for runs in options.runs]
    print("| runs a day | " + " | ".join(f"{runs:,}" for runs in options.runs) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for label in columns[0]:
        print(f"| {label} | " + " | ".join(one[label] for one in columns) + " |")


if __name__ == "__main__":
    main()
