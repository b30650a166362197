# SPDX-License-Identifier: MIT
"""What was aimed at, and whether the results reach it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.exit import CONTAINER
from bench.failing import LATER, NEVER, NEXT, THIS
from bench.runner import OURS, OURS_C, PEER, Figure
from tests.stripepy.otlp_receiver import ROOT

Results = dict[str, list[Figure]]
"""The figures of each subject that was measured."""

OVER_ROUND_TRIP = 15  # ms
TOOL_WAIT = 30  # ms, on average
TIME_RATIO, AIM = 1 / 15, 1 / 20
MEMORY = 10  # MiB
SPAN_FROM_C = 6  # µs
OPTED_OUT = 2  # ms
RATE_RATIO = 8
FAILING_MARGIN = 20  # ms that a busy machine may add to what docs/delivery.md has
SOONEST = (THIS, NEXT, LATER, NEVER)


@dataclass(frozen=True)
class Verdict:
    what: str
    bar: str
    result: str
    met: bool


def verdicts(results: Results) -> list[Verdict]:
    """One for each bar whose subject was measured."""
    bars: tuple[tuple[str, Callable[[list[Figure]], Iterable[Verdict]]], ...] = (
        ("exit", far),
        ("tool", short_tool),
        ("exit", container),
        ("start", added),
        ("start", inside),
        ("spans", spans),
        ("failing", failing),
    )
    return [verdict for subject, bar in bars if subject in results for verdict in bar(results[subject])]


def named(figures: list[Figure], what: str, **case: str | float) -> list[Figure]:
    case = {key.replace("_", " "): value for key, value in case.items()}
    return [f for f in figures if f.what == what and case.items() <= f.case.items()]


def one(figures: list[Figure], what: str, **case: str | float) -> Figure:
    (figure,) = named(figures, what, **case)
    return figure


def far(figures: list[Figure]) -> Iterable[Verdict]:
    waits = [f for f in named(figures, "wait at exit", run="1 s") if 20 <= float(f.case["round trip"]) <= 250]
    shares = [f for f in named(figures, "delivered by that run", run="1 s") if 20 <= float(f.case["round trip"]) <= 250]
    over = max(f.median(OURS) - float(f.case["round trip"]) for f in waits)
    share = statistics.fmean(x for f in shares for x in f.samples[OURS])
    yield Verdict(
        "wait at exit, a run of 1 s, 20 to 250 ms away",
        f"one round trip + {OVER_ROUND_TRIP} ms; all delivered by that run",
        f"one round trip + {over:.0f} ms at worst (medians); {share:.0%} delivered by that run",
        over <= OVER_ROUND_TRIP and share == 1,
    )


def short_tool(figures: list[Figure]) -> Iterable[Verdict]:
    for waits in named(figures, "wait at exit"):
        lost = one(figures, "lost", **_words(waits)).samples[OURS_C][0]
        yield Verdict(
            f"a tool of 20 ms, {waits.case['round trip']:g} ms away, {waits.case['runs']:g} runs",
            f"average wait {TOOL_WAIT} ms; none lost",
            f"average wait {waits.mean(OURS_C):.0f} ms; {lost:g} lost",
            waits.mean(OURS_C) <= TOOL_WAIT and lost == 0,
        )


def _words(figure: Figure) -> dict[str, str | float]:
    return {key.replace(" ", "_"): value for key, value in figure.case.items()}


def container(figures: list[Figure]) -> Iterable[Verdict]:
    samples = one(figures, "delivered by that run", run=CONTAINER).samples[OURS]
    result = f"{sum(samples):g} of {len(samples)}"
    yield Verdict(
        "a container: 1.5 s, a fresh home, 160 ms away", "all delivered", result, sum(samples) == len(samples)
    )


def added(figures: list[Figure]) -> Iterable[Verdict]:
    for figure in named(figures, "added time", program="python -c pass"):
        ratio = figure.median(OURS) / figure.median(PEER)
        kind = {"one": "one certificate", "system": "the system's certificates"}[str(figure.case["certificates"])]
        yield Verdict(
            f"added time, a run of one span, {kind}",
            f"1/{1 / TIME_RATIO:.0f} of opentelemetry-python's; aim 1/{1 / AIM:.0f}",
            f"1/{1 / ratio:.1f}",
            ratio <= TIME_RATIO,
        )


def inside(figures: list[Figure]) -> Iterable[Verdict]:
    memory = one(figures, "added memory").median(OURS)
    yield Verdict("added memory", f"{MEMORY} MiB", f"{memory:.1f} MiB", memory <= MEMORY)
    off = one(figures, "opted out: import, open, a span, close")
    result = f"{off.median(OURS):.1f} ms, {off.said[OURS]}"
    yield Verdict("opted out, from Python", f"{OPTED_OUT} ms", result, off.median(OURS) <= OPTED_OUT)


def spans(figures: list[Figure]) -> Iterable[Verdict]:
    span = one(figures, "a span of 20 attributes, in its caller")
    c, ours, peer = span.median(OURS_C), span.median(OURS), span.median(PEER)
    yield Verdict("a span of 20 attributes, from C", f"{SPAN_FROM_C} µs", f"{c:.1f} µs", c <= SPAN_FROM_C)
    yield Verdict("the same from Python", "opentelemetry-python's", f"{ours:.1f} µs; {peer:.1f} µs", ours <= peer)
    arrive, rate = one(figures, "spans in a loop: that arrive"), one(figures, "spans in a loop: a second")
    many, fewest = float(arrive.case["spans"]), min(arrive.samples[OURS])
    ratio = rate.median(OURS) / rate.median(PEER)
    yield Verdict(
        f"{many:,.0f} spans in a loop",
        f"none lost; {RATE_RATIO} times opentelemetry-python's rate",
        f"{many - fewest:,.0f} lost; {ratio:.1f} times",
        fewest == many and ratio >= RATE_RATIO,
    )


def failing(figures: list[Figure]) -> Iterable[Verdict]:
    documented = in_delivery((ROOT / "docs" / "delivery.md").read_text(encoding="utf-8"))
    for figure in figures:
        wait, when = documented[str(figure.case["collector"])]
        median, came = figure.median(OURS), figure.said[OURS]
        yield Verdict(
            f"collector: {figure.case['collector']}",
            f"as delivery.md has it: {wait:g} ms, {when}",
            f"{max(median, 0):.0f} ms, {came}",
            median <= wait + FAILING_MARGIN and came in SOONEST[: SOONEST.index(when) + 1],
        )


def in_delivery(page: str) -> dict[str, tuple[float, str]]:
    """What a Python host waits, and when its span arrives, by the collector.

    "With the next run" is there with the one that comes when the pause after the failure is over: not all of the runs
    that follow at once are sent.
    """
    lines = re.findall(r"^\| (.+?) \| .+? ms \| (\d+) ms \| .+? ms \| (.+?) \|$", page, re.MULTILINE)
    assert lines, "docs/delivery.md has another table"
    soonest = {"at once": THIS, "with the next run": LATER}
    return {name: (float(wait), soonest.get(when, NEVER)) for name, wait, when in lines}
