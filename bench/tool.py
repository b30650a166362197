# SPDX-License-Identifier: MIT
"""A tool of 20 ms, a thousand times by one user, with the collector far away: what it waits, and what becomes of it.

From C, for it is runspan alone that has anything to remember between runs. opentelemetry-python's wait is exit.py's.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.c import compiled
from bench.runner import OURS_C, SCHEMA, Figure, Lab, Run, environment, relay, run, spans, through
from tests.stripepy.otlp_receiver import Receiver

ROUND_TRIPS = (90, 160, 300)
RUNS = 1000
WORK_MS = 20
MARK = "params.contact_map_resolution"
PATIENCE = 60
"""Seconds without a span, once runs come that may wait, after which what has not come is lost."""


def measure(lab: Lab) -> list[Figure]:
    """All distances at once, each in a home of its own: they are asleep most of the time."""
    program = compiled("tool")
    with ThreadPoolExecutor(len(ROUND_TRIPS)) as threads:
        found = threads.map(lambda round_trip: repeated(lab, program, round_trip), ROUND_TRIPS)
        return [figure for figures in found for figure in figures]


def repeated(lab: Lab, program: Path, round_trip: float) -> list[Figure]:
    home, many = lab.fresh(), 10 if lab.quick else RUNS
    with lab.receiver() as r, relay(r.proxy, round_trip) as proxy:
        env = environment(home, **through(r, proxy))
        done = [run([program, SCHEMA, str(i + 1), str(WORK_MS)], env) for i in range(many)]
        came = arrivals(r)
        late = later(done, came)
        # Near by, or what is left would take a round trip each.
        lost = many - catch_up(program, environment(home, **through(r)), r, many)
    case: dict[str, str | float] = {"round trip": round_trip, "runs": many}

    def figure(what: str, unit: str, values: list[float]) -> Figure:
        return Figure(what, unit, {OURS_C: values}, case)

    return [
        figure("wait at exit", "ms", [did.wait() for did in done]),
        figure("runs until it was delivered", "runs", late),
        figure("left at the end of the last run", "spans", [many - len(late)]),
        figure("lost", "spans", [lost]),
    ]


def arrivals(r: Receiver) -> dict[int, int]:
    """When each span first came, by the number of its run."""
    found: dict[int, int] = {}
    for when, _, span in spans(r):
        for attribute in span["attributes"]:
            if attribute["key"] == MARK:
                number = int(attribute["value"]["intValue"]) - 1
                found[number] = min(when, found.get(number, when))
    return found


def later(done: list[Run], came: dict[int, int]) -> list[float]:
    """How many runs after its own each span came that did, while there were runs: 0 is its own."""
    found = []
    for number, when in sorted(came.items()):
        in_run = next((i for i in range(number, len(done)) if done[i].gone_ns >= when), len(done) - 1)
        found.append(float(in_run - number))
    return found


def catch_up(program: Path, env: dict[str, str], r: Receiver, many: int) -> int:
    """How many spans have come once runs come that may wait for long, until all have, or no more do."""
    came, since = len(arrivals(r)), time.monotonic()
    while came < many and time.monotonic() - since < PATIENCE:
        run([program, SCHEMA, "0", "0", "10000"], env)
        time.sleep(0.1)
        now = len(arrivals(r))
        if now > came:
            came, since = now, time.monotonic()
    return came
