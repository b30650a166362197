# SPDX-License-Identifier: MIT
"""Draws the results as SVG, the same bytes for the same results.

    bench/charts.py FOLDER

Run with the Python of build/venv/charts, which has matplotlib.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

PEER, OURS, BESIDE = (
    "otel-python",
    "runspan",
    "runspan, beside",
)  # as in runner.py, which this Python has not what it needs for
COLOURS = {PEER: "#b25a00", OURS: "#1c6fb5", BESIDE: "#3a8f5a"}
NAMES = {PEER: "opentelemetry-python", OURS: "runspan", BESIDE: "runspan, its core beside the host"}
Figures = list[dict[str, Any]]


def main() -> None:
    folder = Path(sys.argv[1])
    matplotlib.rcParams.update({"svg.hashsalt": "runspan", "svg.fonttype": "none", "font.size": 9})
    for subject, draw in CHARTS.items():
        file = folder / f"{subject}.json"
        if file.exists():
            figure, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
            name = draw(json.loads(file.read_text(encoding="utf-8"))["figures"], axes)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
            pyplot.close(figure)


def medians(figures: Figures, side: str) -> list[float]:
    return [statistics.median(f["samples"][side]) for f in figures]


def sides(figures: Figures) -> list[str]:
    return [side for side in NAMES if all(side in f["samples"] for f in figures)]


def waits(figures: Figures, axes: Any) -> str:
    shown = [f for f in figures if f["what"] == "wait at exit" and f["case"]["run"] == "1 s"]
    distances = [f["case"]["round trip"] for f in shown]
    for side in sides(shown):
        axes.plot(distances, medians(shown, side), "o-", color=COLOURS[side], label=NAMES[side])
        mark_undelivered(figures, shown, side, axes)
    axes.plot(distances, distances, "--", color="#777777", label="the limit: one round trip")
    axes.set(xlabel="round trip, ms", ylabel="wait at exit, ms", title="A run of 1 s", ylim=(0, None))
    axes.legend(frameon=False)
    return "wait"


def mark_undelivered(figures: Figures, shown: Figures, side: str, axes: Any) -> None:
    """A short wait is no good where it delivers nothing: say what share did, where it is not all."""
    for wait in shown:
        (share,) = (f for f in figures if f["what"] == "delivered by that run" and f["case"] == wait["case"])
        delivered = statistics.fmean(share["samples"][side])
        if delivered < 1:
            place = (wait["case"]["round trip"], statistics.median(wait["samples"][side]))
            axes.annotate(f"{delivered:.0%} delivered", place, (0, 6), textcoords="offset points", ha="center")


def starts(figures: Figures, axes: Any) -> str:
    wall = [f for f in figures if f["what"] == "added time"]
    names = [f"{f['case']['program']},\n{f['case']['certificates']}" for f in wall]
    shown = sides(wall)
    width = 0.8 / len(shown)
    for k, side in enumerate(shown):
        places = [i + (k + 0.5) * width - 0.4 for i in range(len(wall))]
        bars = axes.bar(places, medians(wall, side), width, color=COLOURS[side], label=NAMES[side])
        axes.bar_label(bars, fmt="%.0f")
    axes.set_xticks(range(len(wall)), names)
    axes.margins(y=0.15 if len(shown) == 2 else 0.4)  # room for the legend
    axes.set(ylabel="ms", title="Time that one span adds to a run, by the certificates")
    axes.legend(frameon=False)
    return "start"


def growth(figures: Figures, axes: Any) -> str:
    shown = [f for f in figures if f["what"].startswith("time")]
    spans = [f["case"]["spans"] for f in shown]
    for side in sides(shown):
        each = [took * 1000 / n for took, n in zip(medians(shown, side), spans, strict=True)]
        axes.loglog(spans, each, "o-", color=COLOURS[side], label=NAMES[side])
    axes.set(xlabel="spans in a process", ylabel="µs a span", title="Time of the whole process, until all is sent")
    axes.legend(frameon=False)
    return "growth"


CHARTS: dict[str, Callable[[Figures, Any], str]] = {"exit": waits, "start": starts, "growth": growth}

if __name__ == "__main__":
    main()
