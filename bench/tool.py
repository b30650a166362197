# SPDX-License-Identifier: MIT
"""A tool of 20 ms, a thousand times by one user, with the collector far away: what it waits, and what becomes of it.

From C, for it is runspan alone that has anything to remember between runs. opentelemetry-python's wait is exit.py's.
Each run sends to a port of its own, which tells by whom a span was delivered.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.c import compiled
from bench.runner import BESIDE_C, OURS_C, SCHEMA, WAYS, Figure, Lab, environment, reaped, relay, run, spans, through
from tests.stripepy.otlp_receiver import COLLECTOR, Receiver

ROUND_TRIPS = (90, 160, 300)
RUNS = 1000
WORK_MS = 20
MARK = "params.contact_map_resolution"
FIRST_PORT = 10_000
FIGURES = (
    ("wait at exit", "ms"),
    ("runs until it was delivered", "runs"),
    ("left at the end of the last run", "spans"),
    ("lost", "spans"),
)
PATIENCE = 60
"""Seconds without a span, once runs come that may wait, after which what has not come is lost."""


def measure(lab: Lab) -> list[Figure]:
    """All distances at once, each in a home of its own: they are asleep most of the time.

    With the core beside the host afterwards, so that its processes don't take the processor from the other way.
    """
    program, many = compiled("tool"), 10 if lab.quick else RUNS
    found = {side: distances(lab, program, side, many) for side in (OURS_C, BESIDE_C)}
    return [
        Figure(what, unit, {side: found[side][k][i] for side in found}, {"round trip": round_trip, "runs": many})
        for k, round_trip in enumerate(ROUND_TRIPS)
        for i, (what, unit) in enumerate(FIGURES)
    ]


def distances(lab: Lab, program: Path, side: str, many: int) -> list[tuple[list[float], ...]]:
    with ThreadPoolExecutor(len(ROUND_TRIPS)) as threads:
        return list(threads.map(lambda round_trip: repeated(lab, program, side, round_trip, many), ROUND_TRIPS))


def repeated(lab: Lab, program: Path, side: str, round_trip: float, many: int) -> tuple[list[float], ...]:
    """The samples of FIGURES."""
    home, waits = lab.fresh(), []
    with lab.receiver() as r, relay(r.proxy, round_trip) as proxy:
        env = environment(home, **through(r, proxy), **WAYS[side])
        for i in range(many):
            command = (program, SCHEMA, str(i + 1), str(WORK_MS))
            own = {"RUNSPAN_ENDPOINT": f"https://{COLLECTOR}:{FIRST_PORT + i}/v1/traces"}
            waits.append(run(command, env | own, linger=False).wait())
            if i % 50 == 0:
                reaped(os.WNOHANG)
        reaped()  # the last runs have not ended before their processes have
        late = list(later(r).values())
        # Near by, or what is left would take a round trip each.
        lost = many - catch_up(program, environment(home, **through(r), **WAYS[OURS_C]), r, many)
    return waits, late, [many - len(late)], [lost]


def later(r: Receiver) -> dict[int, float]:
    """How many runs after its own each span that has come was delivered, by the number of its run: 0 is its own."""
    found: dict[int, float] = {}
    for request, span in spans(r):
        for attribute in span["attributes"]:
            if attribute["key"] == MARK:
                number = int(attribute["value"]["intValue"]) - 1
                found.setdefault(number, float(int(request["host"].rpartition(":")[2]) - FIRST_PORT - number))
    return found


def catch_up(program: Path, env: dict[str, str], r: Receiver, many: int) -> int:
    """How many spans have come once runs come that may wait for long, until all have, or no more do."""
    came, since = len(later(r)), time.monotonic()
    while came < many and time.monotonic() - since < PATIENCE:
        run([program, SCHEMA, "0", "0", "10000"], env)
        time.sleep(0.1)
        now = len(later(r))
        if now > came:
            came, since = now, time.monotonic()
    return came
