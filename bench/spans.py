# SPDX-License-Identifier: MIT
"""A span of 20 attributes in its caller; a hundred thousand of them; and what C adds to a program of one span.

From Python beside opentelemetry-python, and from C beside opentelemetry-rust where the machine can build it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import c, programs
from bench.runner import (
    OURS,
    OURS_C,
    PEER,
    RUST,
    SCHEMA,
    Figure,
    Lab,
    Run,
    by_side,
    environment,
    python,
    run,
    through,
    turns,
)

TIMED = 500
LOOP = 100_000

Program = Callable[[dict[str, str]], Run]


def measure(lab: Lab) -> list[Figure]:
    libraries = {OURS_C: c.RUNSPAN, RUST: c.rust()}
    tools = {side: tool(side, library) for side, library in libraries.items() if library is not None}
    said = {} if RUST in tools else {RUST: c.NO_CARGO}
    return [
        in_caller(lab, tools, said),
        *loops(lab, tools, said),
        *starts(lab, tools, said),
        *sizes({side: library for side, library in libraries.items() if library is not None}, said),
    ]


def tool(side: str, library: Path) -> Path:
    flags = ("-DPEER",) if side == RUST else ()
    return c.compiled("span", *flags, variant="-rust" if side == RUST else "", library=library)


def from_c(program: Path, spans: int) -> Program:
    return lambda env: run([program, SCHEMA, str(spans)], env)


def from_python(side: str, text: str) -> Program:
    return lambda env: python(side, text, env)


def in_caller(lab: Lab, tools: dict[str, Path], said: dict[str, str]) -> Figure:
    hosts = {side: from_python(side, programs.timed(side, TIMED)) for side in (PEER, OURS)}
    hosts |= {side: from_c(program, TIMED) for side, program in tools.items()}
    with lab.receiver() as r:
        env = environment(lab.fresh(), **through(r))
        took = turns(lab.repeats(9), *(partial(printed, host, env) for host in hosts.values()))
    return Figure("a span of 20 attributes, in its caller", "µs", dict(zip(hosts, took, strict=True)), said=said)


def printed(host: Program, env: dict[str, str]) -> float:
    return float(host(env).out)


def loops(lab: Lab, tools: dict[str, Path], said: dict[str, str]) -> list[Figure]:
    spans = LOOP // 50 if lab.quick else LOOP
    hosts = {side: from_python(side, programs.loop(side, spans)) for side in (PEER, OURS)}
    hosts |= {side: from_c(program, spans) for side, program in tools.items()}
    results = turns(lab.repeats(2), *(partial(loop, lab, host) for host in hosts.values()))
    case: dict[str, str | float] = {"spans": spans}
    return [
        Figure("spans in a loop: that arrive", "", by_side(hosts, results, 0), case, said),
        Figure("spans in a loop: a second", "", by_side(hosts, results, 1), case, said),
    ]


def loop(lab: Lab, host: Program) -> tuple[float, ...]:
    """How many spans of a program arrive, and how many a second from its start to its exit."""
    with lab.receiver("-lean") as r:
        begun = time.perf_counter()
        host(environment(lab.fresh(), **through(r)))
        took = time.perf_counter() - begun
    arrived = len({span for request in r.requests() for span in request["span_ids"]})
    return arrived, arrived / took


def starts(lab: Lab, tools: dict[str, Path], said: dict[str, str]) -> list[Figure]:
    """Over a program that is linked with nothing."""
    nothing = c.compiled("span", "-DNOTHING", variant="-nothing", library=None)
    with lab.receiver() as r:
        env = environment(lab.fresh(), **through(r))

        def added(program: Path) -> tuple[float, ...]:
            without, with_it = from_c(nothing, 0)(env), from_c(program, 1)(env)
            return with_it.wall - without.wall, with_it.cpu - without.cpu

        results = turns(lab.repeats(15), *(partial(added, program) for program in tools.values()))
    return [
        Figure("added time, from C", "ms", by_side(tools, results, 0), said=said),
        Figure("added processor time, from C", "ms", by_side(tools, results, 1), said=said),
    ]


def sizes(libraries: dict[str, Path], said: dict[str, str]) -> list[Figure]:
    """Of what is loaded: runspan's front and its core."""
    files = {side: [library] for side, library in libraries.items()}
    files[OURS_C].append(libraries[OURS_C].with_name("librunspan-core.so"))
    installed = {side: [sum(f.stat().st_size for f in found) / 1e6] for side, found in files.items()}
    packed = {side: [c.packed(found)] for side, found in files.items()}
    return [Figure("library", "MB", installed, said=said), Figure("library, compressed", "MB", packed, said=said)]
