# SPDX-License-Identifier: MIT
"""Runs to look at: the same ones every time, but for the day that the last of them is on."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]

VERSIONS = (("1.1.1", 90), ("1.2.0", 50), ("1.3.0", 18), ("1.3.1", 5))  # and how many days before the end it came out
SYSTEMS = (("linux", "x86_64", 70), ("linux", "aarch64", 6), ("darwin", "arm64", 18), ("windows", "AMD64", 6))
SUBCOMMANDS = (("call", 55), ("view", 15), ("plot cm", 12), ("download", 10), ("plot hist", 5), ("plot pd", 3))
DEVELOPMENT = [f"1.3.2.dev{n}+g{n * 7919 + 4096:07x}" for n in range(1, 13)]
EXCEPTIONS = (("RuntimeError", 5), ("FileNotFoundError", 4), ("MemoryError", 2), ("KeyError", 1))


def pick(rng: random.Random, of: Any) -> Any:
    return rng.choices([one[:-1] if len(one) > 2 else one[0] for one in of], [one[-1] for one in of])[0]


def runs(count: int, end: datetime, days: int = 59, seed: int = 8) -> list[Row]:
    rng = random.Random(seed)
    return [run(rng, n, end, days) for n in range(count)]


def developers(rows: list[Row], share: float = 0.08, seed: int = 8) -> list[Row]:
    """The same runs, some of the last 18 days of development versions."""
    rng = random.Random(seed)
    last = max(row["timestamp"] for row in rows)
    since = f"{datetime.fromisoformat(last) - timedelta(days=18):%Y-%m-%d}"
    return [
        row | {"service.version": rng.choice(DEVELOPMENT)} if row["timestamp"] > since and rng.random() < share else row
        for row in rows
    ]


def counted_lines(count: int, end: datetime, seed: int = 8) -> list[Row]:
    """Runs of examples/count."""
    rng = random.Random(seed)
    return [
        {
            "timestamp": f"{end - timedelta(seconds=rng.random() ** 1.5 * 40 * 86400):%Y-%m-%d %H:%M:%S.%f}",
            "trace.span_id": f"{rng.getrandbits(64):016x}",
            "trace.trace_id": f"{rng.getrandbits(128):032x}",
            "service.name": "linecount",
            "service.version": rng.choice(["1.0.0", "1.0.0", "1.1.0"]),
            "name": "count",
            "status_code": rng.choice([1] * 20 + [2]),
            "duration_ms": 20 * rng.lognormvariate(0, 0.8),
            "params.files": rng.randrange(1, 9),
        }
        for _ in range(count)
    ]


def of_week(rows: list[Row], monday: str) -> list[Row]:
    after = f"{datetime.fromisoformat(monday) + timedelta(weeks=1):%Y-%m-%d}"
    return [row for row in rows if monday <= row["timestamp"] < after]


def run(rng: random.Random, n: int, end: datetime, days: int) -> Row:
    while True:  # fewer at weekends, more towards the end
        start = end - timedelta(seconds=days * 86400 * (1 - rng.random() ** 0.8))
        if start.weekday() < 5 or rng.random() < 0.3:
            break
    age = (end - start).total_seconds() / 86400
    released = [(v, max(0.5, min(came - age, 20)) if came > age else 0.0) for v, came in VERSIONS]
    name, (system, arch) = pick(rng, SUBCOMMANDS), pick(rng, SYSTEMS)
    row: Row = {
        "timestamp": f"{start:%Y-%m-%d %H:%M:%S.%f}",
        "trace.span_id": f"{rng.getrandbits(64):016x}",
        "trace.trace_id": f"{rng.getrandbits(128):032x}",
        "service.name": "stripepy",
        "service.version": pick(rng, released),
        "name": name,
        "status_code": 1,
        "duration_ms": 800 * rng.lognormvariate(0, 0.6),
        "os.type": system,
        "os.version": rng.choice(["6.1.0", "6.8.0", "6.11.0"]),
        "host.arch": arch,
        "process.runtime.name": "CPython",
        "process.runtime.version": f"3.{rng.choice([10, 11, 11, 12, 12, 12, 13, 13])}.{rng.randrange(3)}",
        "process.runtime.description": "GCC 12.2.0",
    }
    if name == "call":
        nproc, resolution = rng.choice([1, 1, 2, 4, 4, 8, 8, 16, 32]), rng.choice([5000, 10000, 10000, 20000, 50000])
        row |= {
            "params.contact_map_format": rng.choice(["mcool", "mcool", "mcool", "hic", "cool"]),
            "params.contact_map_resolution": resolution,
            "params.nproc": nproc,
            "params.k": rng.choice([3] * 12 + [5]),
            "params.genomic_belt": rng.choice([5000000] * 6 + [2000000]),
            "params.glob_pers_min": rng.choice([0.04] * 4 + [0.1]),
            "params.loc_pers_min": rng.choice([0.33] * 9 + [0.2]),
            "params.loc_trend_min": 0.25,
            "params.max_width": rng.choice([100000] * 15 + [50000]),
            "params.constrain_heights": rng.random() < 0.08,
            "duration_ms": 9e8 / resolution / (0.15 + 0.85 * nproc**0.85) * 5 * rng.lognormvariate(0, 0.3),
        }
    elif name == "download":
        row |= {"params.dataset_format": rng.choice(["mcool", "hic"]), "params.list_only": rng.random() < 0.3}
    luck = rng.random()
    if luck < {"call": 0.035, "download": 0.08}.get(name, 0.015):
        row |= {"status_code": 2, "exception.type": pick(rng, EXCEPTIONS)}
    elif luck > 0.985 and name == "call":
        row |= {"status_code": 0, "aborted": True, "duration_ms": None}
    return row
