# SPDX-License-Identifier: MIT
"""A span of 20 attributes in its caller; a hundred thousand of them; and what C adds to a program of one span.

From Python beside opentelemetry-python, and from C beside opentelemetry-rust where the machine can build it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import c, programs
from bench.runner import (
    BESIDE,
    BESIDE_C,
    OURS_C,
    RUST,
    SCHEMA,
    SIDES,
    WAYS,
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
    tools[BESIDE_C] = tools[OURS_C]
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


def from_c(side: str, program: Path, spans: int) -> Program:
    return lambda env: run([program, SCHEMA, str(spans)], env | WAYS.get(side, {}))


def from_python(side: str, text: str) -> Program:
    return lambda env: python(side, text, env)


def in_caller(lab: Lab, tools: dict[str, Path], said: dict[str, str]) -> Figure:
    hosts = {side: from_python(side, programs.timed(side, TIMED)) for side in SIDES}
    hosts |= {side: from_c(side, program, TIMED) for side, program in tools.items()}
    with lab.receiver() as r:
        env = environment(lab.fresh(), **through(r))
        took = turns(lab.repeats(9), *(partial(printed, host, env) for host in hosts.values()))
    return Figure("a span of 20 attributes, in its caller", "µs", dict(zip(hosts, took, strict=True)), said=said)


def printed(host: Program, env: dict[str, str]) -> float:
    return float(host(env).out)


def loops(lab: Lab, tools: dict[str, Path], said: dict[str, str]) -> list[Figure]:
    """With the core beside a tenth of the spans, for each call has to wait for an answer."""
    spans = LOOP // 50 if lab.quick else LOOP
    fewer = {side: spans // 10 for side in (BESIDE, BESIDE_C)}
    hosts = {side: from_python(side, programs.loop(side, fewer.get(side, spans))) for side in SIDES}
    hosts |= {side: from_c(side, program, fewer.get(side, spans)) for side, program in tools.items()}
    results = turns(lab.repeats(2), *(partial(loop, lab, host) for host in hosts.values()))
    said = said | {side: f"of {many:,}" for side, many in fewer.items()}
    return [
        Figure("spans in a loop: that arrive", "", by_side(hosts, results, 0), {"spans": spans}, said),
        Figure("spans in a loop: a second", "", by_side(hosts, results, 1), {"spans": spans}, said),
    ]


def loop(lab: Lab, host: Program) -> tuple[float, ...]:
    """How many spans of a program arrive, and how many a second from its start to its exit."""
    with lab.receiver("-lean") as r:
        took = host(environment(lab.fresh(), **through(r))).wall / 1000
    arrived = len({span for request in r.requests() for span in request["span_ids"]})
    return arrived, arrived / took


def starts(lab: Lab, tools: dict[str, Path], said: dict[str, str]) -> list[Figure]:
    """Over a program that is linked with nothing."""
    nothing = c.compiled("span", "-DNOTHING", variant="-nothing", library=None)
    with lab.receiver() as r:
        env = environment(lab.fresh(), **through(r))

        def added(side: str) -> tuple[float, ...]:
            before, did = run([nothing, SCHEMA, "0"], env), from_c(side, tools[side], 1)(env)
            return did.wall - before.wall, did.cpu - before.cpu

        results = turns(lab.repeats(15), *(partial(added, side) for side in tools))
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
