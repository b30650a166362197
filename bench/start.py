# SPDX-License-Identifier: MIT
"""What a run of one span costs, with a collector beside it: time, processor, memory, modules, disk."""

from __future__ import annotations

import statistics
from functools import partial

from bench import certificates, programs
from bench.runner import (
    BESIDE,
    OURS,
    PAIR,
    PEER,
    SIDES,
    Figure,
    Lab,
    by_side,
    environment,
    interpreter,
    own_spans,
    python,
    run,
    through,
    turns,
    without,
)
from tests.stripepy.otlp_receiver import ROOT, Receiver

PEER_PACKAGES = (  # that StripePy needs for its telemetry alone, by how their names begin
    "opentelemetry",
    "googleapis-common-protos",
    "protobuf",
    "requests",
    "urllib3",
    "certifi",
    "idna",
    "charset-normalizer",
)
PACKAGES = {PEER: PEER_PACKAGES, OURS: ("runspan",)}


def measure(lab: Lab) -> list[Figure]:
    with lab.receiver() as r:
        home = lab.fresh()
        figures = []
        plain = {side: ("pass\n", programs.one_span(side)) for side in SIDES}
        in_stripepy = {side: (programs.STRIPEPY, programs.STRIPEPY + programs.TELEMETRY) for side in SIDES}
        kinds = ["one"]
        if lab.system_certificates:
            certificates.trust(r.ca)
            kinds.append("system")
        for kind in kinds:
            env = environment(home, **through(r, certificates=kind))
            figures += added(r, lab.repeats(15), plain, env, {"program": "python -c pass", "certificates": kind})
            figures += added(r, lab.repeats(7), in_stripepy, env, {"program": "StripePy", "certificates": kind})
        env = environment(home, **through(r))
        figures += inside(lab, env)
        figures.append(opted_out(lab, env))
    return [*figures, *sizes()]


def added(
    r: Receiver,
    repeats: int,
    program: dict[str, tuple[str, str]],
    env: dict[str, str],
    case: dict[str, str | float],
) -> list[Figure]:
    """Milliseconds that each adds to a program that does without.

    A sample is the difference between runs that follow each other: what the machine does meanwhile falls on both.
    """

    def difference(side: str) -> tuple[float, ...]:
        before, did = without(side, program[side][0], env), python(side, program[side][1], env)
        return did.wall - before.wall, did.cpu - before.cpu, own_spans(r, did), did.beside_cpu

    results = turns(repeats, *(partial(difference, side) for side in SIDES))
    figures = (("added time", "ms"), ("added processor time", "ms"), ("delivered by that run", ""))
    beside = {BESIDE: by_side(SIDES, results, 3)[BESIDE]}
    return [
        *(Figure(what, unit, by_side(SIDES, results, i), case) for i, (what, unit) in enumerate(figures)),
        Figure("processor time of the process beside", "ms", beside, case),
    ]


def inside(lab: Lab, env: dict[str, str]) -> list[Figure]:
    """What the process itself can tell."""

    def added(side: str) -> tuple[float, ...]:
        before = without(side, programs.INSIDE, env).out.split()
        after = python(side, programs.one_span(side) + programs.INSIDE, env).out.split()
        return tuple(float(b) - float(a) for a, b in zip(before, after, strict=True))

    def modules(side: str) -> float:
        return float(python(side, programs.modules(side), env).out)

    results = turns(lab.repeats(7), *(partial(added, side) for side in SIDES))
    return [
        Figure("added memory", "MiB", by_side(SIDES, results, 0)),
        Figure("memory of the process beside", "MiB", {BESIDE: by_side(SIDES, results, 2)[BESIDE]}),
        Figure("added threads", "", by_side(SIDES, results, 1)),
        Figure("modules imported, beyond ctypes", "", {side: [modules(side)] for side in PAIR}),
    ]


def opted_out(lab: Lab, env: dict[str, str]) -> Figure:
    off = env | {"STRIPEPY_NO_TELEMETRY": ""}
    told = [python(OURS, programs.OPTED_OUT, off).out.split() for _ in range(lab.repeats(21))]
    imports, whole = ([float(pair[i]) for pair in told] for i in (0, 1))
    said = {OURS: f"of which import ctypes {statistics.median(imports):.1f} ms"}
    return Figure("opted out: import, open, a span, close", "ms", {OURS: whole}, said=said)


def sizes() -> list[Figure]:
    wheel = next((ROOT / "build" / "wheels").glob("runspan-*.whl"))
    return [
        Figure("installed", "MB", {side: [disk(side)] for side in PAIR}),
        Figure("download", "MB", {OURS: [wheel.stat().st_size / 1e6]}),
    ]


def disk(side: str) -> float:
    """Megabytes of the installed packages, by their own records."""
    program = (
        "import importlib.metadata as m\n"
        f"names = {PACKAGES[side]!r}\n"
        "found = [d for d in m.distributions() if d.metadata['Name'].lower().startswith(names)]\n"
        "files = {f.locate() for d in found for f in d.files or ()}\n"
        "print(sum(f.stat().st_size for f in files if f.exists()))\n"
    )
    return int(run([interpreter(side), "-c", program], {}).out) / 1e6
