# SPDX-License-Identifier: MIT
"""One span in a process, ten, a thousand, a hundred thousand, a million: time, memory and disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import programs
from bench.runner import PAIR, Figure, Lab, by_side, environment, python, through, turns

SPANS = {1: 5, 10: 5, 1_000: 5, 100_000: 1, 1_000_000: 1}  # and how often, in a full bench
QUICK = (1, 1_000)
FIGURES = (
    ("time, until all is sent", "ms"),
    ("processor time", "ms"),
    ("memory, at most", "MiB"),
    ("disk, at most", "MB"),
    ("spans that arrive", ""),
)


def measure(lab: Lab) -> list[Figure]:
    return [figure for spans in (QUICK if lab.quick else SPANS) for figure in grown(lab, spans)]


def grown(lab: Lab, spans: int) -> list[Figure]:
    results = turns(lab.repeats(SPANS[spans]), *(partial(once, lab, side, spans) for side in PAIR))
    case: dict[str, str | float] = {"spans": spans}
    return [Figure(what, unit, by_side(PAIR, results, i), case) for i, (what, unit) in enumerate(FIGURES)]


def once(lab: Lab, side: str, spans: int) -> tuple[float, ...]:
    home = lab.fresh()
    with lab.receiver("-lean") as r, watched(home / "state") as most:
        did = python(side, programs.loop(side, spans), environment(home, **through(r)))
    arrived = len({span for request in r.requests() for span in request["span_ids"]})
    return did.wall, did.cpu, float(did.out), most[0] / 1e6, arrived


@contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """The most bytes that were in the folder, looked at as often as does no harm."""
    most, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            most[0] = max(most[0], bytes_in(folder))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def bytes_in(folder: Path) -> int:
    total = 0
    for below, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(below, name)).st_size
            except FileNotFoundError:  # it has been sent meanwhile
                pass
    return total
