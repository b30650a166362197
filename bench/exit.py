# SPDX-License-Identifier: MIT
"""What a run waits at its exit where the collector is far away, and whether that run itself has delivered its span.

Everything goes through a proxy, as with StripePy's tests, and the relay stands before the proxy: the round trip of
CONNECT is in the place of the one of TCP's own handshake, which loopback has for nothing.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import programs
from bench.runner import (
    BESIDE,
    PAIR,
    PEER,
    SIDES,
    Figure,
    Lab,
    Run,
    by_side,
    environment,
    own_spans,
    python,
    relay,
    run,
    through,
    turns,
)
from bench.runner import interpreter as interpreter_of
from tests.stripepy.otlp_receiver import Receiver
from tests.stripepy.parity import CALL, CONTACT_MAP

ROUND_TRIPS = (0, 20, 50, 100, 160, 250, 300)
CONTAINER = "1.5 s, fresh home"
# A run, and how often a full bench does it on each side at each distance.
REPEATS = {"20 ms": 4, "1 s": 4, "stripepy view": 2, "stripepy call": 1, CONTAINER: 4}
QUICK_ROUND_TRIPS = {"20 ms": (50,), "1 s": (0, 50), "stripepy view": (50,), "stripepy call": (50,)}
WORK = {"20 ms": 0.02, "1 s": 1.0, CONTAINER: 1.5}
COMMANDS = {"stripepy view": "view result.hdf5", "stripepy call": f"{CALL} --force -o new.hdf5"}

# A run, and the milliseconds that it waited at its exit.
Waited = tuple[Run, float]


def measure(lab: Lab) -> list[Figure]:
    data = contacts(lab)
    figures = []
    for kind in ("20 ms", "1 s", "stripepy view", "stripepy call"):
        for round_trip in QUICK_ROUND_TRIPS[kind] if lab.quick else ROUND_TRIPS:
            figures += distance(lab, kind, round_trip, data)
    return [*figures, *distance(lab, CONTAINER, 160, data)]


def contacts(lab: Lab) -> Path:
    """A folder with what StripePy reads."""
    folder = lab.fresh()
    shutil.copy(CONTACT_MAP, folder / "contacts.mcool")
    stripepy = interpreter_of(PEER).with_name("stripepy")
    off = environment(lab.fresh(), STRIPEPY_NO_TELEMETRY="1")
    run([stripepy, *shlex.split(CALL), "-o", "result.hdf5"], off, folder)
    return folder


def distance(lab: Lab, kind: str, round_trip: float, data: Path) -> list[Figure]:
    case: dict[str, str | float] = {"run": kind, "round trip": round_trip}
    sides = SIDES if kind in WORK else PAIR
    homes = {side: lab.fresh() for side in sides}
    with lab.receiver() as r, relay(r.proxy, round_trip) as proxy:

        def once(side: str) -> tuple[float, ...]:
            home = lab.fresh() if kind == CONTAINER else homes[side]
            did, wait = host(kind, side, environment(home, **through(r, proxy)), data)()
            return wait, delivered(r, did, round_trip), did.stays

        results = turns(1 if lab.quick else REPEATS[kind], *(partial(once, side) for side in sides))
    figures = [
        Figure("wait at exit", "ms", by_side(sides, results, 0), case),
        Figure("delivered by that run", "", by_side(sides, results, 1), case),
    ]
    if BESIDE in sides:
        figures.append(Figure("the process beside stays", "ms", {BESIDE: by_side(sides, results, 2)[BESIDE]}, case))
    return figures


def host(kind: str, side: str, env: dict[str, str], data: Path) -> Callable[[], Waited]:
    def works() -> Waited:
        did = python(side, programs.one_span(side, WORK[kind]) + programs.NOW, env)
        return did, did.wait()

    def stripepy() -> Waited:
        program = programs.stripepy(side, shlex.split(COMMANDS[kind]))
        did = run([interpreter_of(side), "-I", "-c", program], env, data)
        return did, sum(map(float, did.out.split()))

    return works if kind in WORK else stripepy


def delivered(r: Receiver, did: Run, round_trip: float) -> float:
    """1 where the run's own span has come; what was on its way when it ended has half a round trip to come.

    With a core beside, the run has ended when that process has.
    """
    time.sleep(round_trip / 2000 + 0.05)
    return float(own_spans(r, did) > 0)
