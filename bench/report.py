# SPDX-License-Identifier: MIT
"""Writes the page of the results: docs/benchmarks.md of docs/evidence/bench.

bench/report.py FOLDER PAGE
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.bars import Results, one, verdicts  # noqa: E402
from bench.runner import BESIDE, BESIDE_C, OURS, OURS_C, PAIR, PEER, RUST, SIDES, Figure, load  # noqa: E402

INTRODUCTION = """\
# Benchmarks

`./build.sh bench` runs opentelemetry-python, set up as StripePy 1.3.0 does it, and runspan in turns on one machine, and
writes this page. Absolute times move from machine to machine, and with what else the machine does; the ratios are what
counts. Times are medians, unless it says otherwise. The samples are [here]({where}).
"""
WAYS = """\
"Beside" is runspan with its core in a process of its own (`RUNSPAN_OUT_OF_PROCESS=1`); elsewhere the core is in the
host. The ratios are of runspan with its core in the host. Figures are the host's, but for those of the process beside.
"""
FAR = """\
## A collector that is far away

From the end of the span until the process is gone; for StripePy, whose own exit takes a second or two, what it waits
for telemetry in it. A relay delays every byte by half a round trip each way. Everything goes through a proxy, whose
CONNECT takes the round trip that TCP's handshake takes elsewhere. The limit is one round trip: the request, and its
answer.
"""
FAR_BESIDE = """\
The process beside the host goes on delivering after the host has gone, for three seconds at most. StripePy is
measured with the core in the host alone.
"""
TOOL = """\
One home for all runs, from C. The process beside counts as its run, and goes on after it: "that run" is either of them.
"Left" are the spans that wait when the last run has ended.
"""
STAYS = "the process beside stays"
CERTIFICATES = """\
"one": `SSL_CERT_FILE` and `REQUESTS_CA_BUNDLE` name a file with the receiver's authority alone. "system": no variable
is set. `/etc/ssl/certs`, and the file of certifi, which is what requests trusts, are copies with the receiver's
authority added, bound over the real ones in a mount namespace that all runs of both sides are in.
"""
CHARTS = {"exit": "wait.svg", "start": "start.svg", "growth": "growth.svg"}


def main() -> None:
    folder, page = map(Path, sys.argv[1:])
    read = {file.stem: load(file) for file in sorted(folder.glob("*.json"))}
    where = os.path.relpath(folder, page.parent)
    text = report({k: about for k, (about, _) in read.items()}, {k: figures for k, (_, figures) in read.items()}, where)
    page.write_text(text, encoding="utf-8")


def report(about: dict[str, dict[str, Any]], results: Results, where: str) -> str:
    parts = [INTRODUCTION.format(where=where), machines(about), bars(results)]
    if any(has(figures, BESIDE, BESIDE_C) for figures in results.values()):
        parts.insert(1, WAYS)
    sections = {"exit": far, "tool": tool, "start": start, "spans": spans, "failing": failing, "growth": growth}
    for subject, section in sections.items():
        if subject not in results:
            continue
        parts.append(section(results[subject]))
        if subject in CHARTS:
            parts.append(f"![the same as a chart]({where}/{CHARTS[subject]})\n")
    return "\n".join(parts)


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    """head: the columns' names, of which those that begin with > have numbers."""
    names = head.split("|")
    lines = [" | ".join(name.lstrip(">") for name in names)]
    lines += [" | ".join("---:" if name.startswith(">") else "---" for name in names)]
    lines += [" | ".join(row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def number(x: float, unit: str = "") -> str:
    """Three digits, and no more than there are."""
    digits = f"{x:,.0f}" if abs(x) >= 100 or x == int(x) else f"{x:.3g}"
    return f"{digits} {unit}".strip()


def of(figure: Figure, side: str, mean: bool = False) -> str:
    if side not in figure.samples or not figure.samples[side]:
        return figure.said.get(side, "")
    return number(figure.mean(side) if mean else figure.median(side), figure.unit)


def ratio(figure: Figure) -> str:
    ours, peer = figure.median(OURS), figure.median(PEER)
    return f"{ours / peer:.3f}" if peer > 0 and ours > 0 else ""


def machines(about: dict[str, dict[str, Any]]) -> str:
    def loads(a: dict[str, Any]) -> str:
        return f"{a['load before'][0]:.1f} to {a['load after'][0]:.1f}"

    rows = [
        (k, a["commit"], f"{a['system']}, {a['cores']} cores", a["python"], loads(a), number(a["seconds"], "s"))
        for k, a in about.items()
    ]
    quick = any(a["quick"] for a in about.values())
    warning = "\n**A quick run, with a few samples of each: it shows that the benchmark runs, and nothing else.**\n"
    return table("subject|commit|machine|Python|load of the machine|>took", rows) + (warning if quick else "")


def bars(results: Results) -> str:
    rows = ((v.what, v.bar, v.result, "met" if v.met else "**missed**") for v in verdicts(results))
    return "## Bars\n\n" + table("what|bar|result|", rows)


def has(figures: Iterable[Figure], *sides: str) -> bool:
    """Evidence of earlier commits has fewer sides."""
    return any(side in f.samples or side in f.said for f in figures for side in sides)


def fellow(figures: list[Figure], what: str, of_case: Figure) -> Figure:
    """Another figure of the same case."""
    (found,) = (f for f in figures if f.what == what and f.case == of_case.case)
    return found


def far(figures: list[Figure]) -> str:
    rows, beside = [], has(figures, BESIDE)
    for wait in (f for f in figures if f.what == "wait at exit"):
        share = fellow(figures, "delivered by that run", wait)
        row = [str(wait.case["run"]), number(float(wait.case["round trip"]), "ms")]
        for side in (OURS, BESIDE, PEER) if beside else (OURS, PEER):
            row += [of(wait, side), f"{share.mean(side):.0%}" if side in share.samples else ""]
            if side == BESIDE:
                row.append(of(fellow(figures, STAYS, wait), BESIDE) if side in wait.samples else "")
        rows.append([*row, ratio(wait)])
    head = "run|>round trip: the limit|>runspan waits|>delivered by that run"
    if beside:
        head += "|>beside: waits|>delivered by its process|>which stays"
    said = FAR + (FAR_BESIDE if beside else "")
    return said + "\n" + table(f"{head}|>opentelemetry-python waits|>delivered|>ratio", rows)


def tool(figures: list[Figure]) -> str:
    rows = []
    for side, way in ((OURS_C, "in the host"), (BESIDE_C, "beside")):
        for waits in (f for f in figures if f.what == "wait at exit" and has([f], side)):
            late, left, lost = (
                fellow(figures, what, waits)
                for what in ("runs until it was delivered", "left at the end of the last run", "lost")
            )
            runs, came = float(waits.case["runs"]), late.samples[side]
            own, longest = came.count(0), number(max(came), "runs") if came else "none came"
            row = [way, number(float(waits.case["round trip"]), "ms"), number(runs)]
            row += [of(waits, side, mean=True), number(max(waits.samples[side]), "ms")]
            row += [f"{own / runs:.0%}", f"{(len(came) - own) / runs:.0%}"]
            rows.append([*row, longest, of(left, side), of(lost, side)])
    head = "core|>round trip|>runs|>average wait|>longest|>delivered by that run|>by a later run"
    head += "|>latest: after|>left at the end|>lost"
    return f"## A tool of 20 ms, again and again, far away\n\n{TOOL}\n" + table(head, rows)


def start(figures: list[Figure]) -> str:
    shown = [side for side in SIDES if has(figures, side)]
    beside = BESIDE in shown
    rows = []
    for wall in (f for f in figures if f.what == "added time"):
        cpu, share = (fellow(figures, what, wall) for what in ("added processor time", "delivered by that run"))
        assert all(share.mean(side) == 1 for side in shown), "a run without its delivery is no measure"
        cells = [cell for f in (wall, cpu) for cell in (*(of(f, side) for side in shown), ratio(f))]
        process = [of(fellow(figures, "processor time of the process beside", wall), BESIDE)] if beside else []
        rows.append([str(wall.case["program"]), str(wall.case["certificates"]), *cells, *process])
    columns = "|>runspan|>beside|>ratio" if beside else "|>runspan|>ratio"
    head = f"added to|certificates|>opentelemetry-python{columns}|>opentelemetry-python, processor{columns}"
    others = [f for f in figures if "program" not in f.case]
    said = table(head + ("|>the process beside, processor" if beside else ""), rows)
    return f"## A run of one span\n\n{CERTIFICATES}\n{said}\n{sides(others, SIDES)}"


def sides(figures: list[Figure], columns: tuple[str, ...]) -> str:
    """A line for each figure. What a side has said stands beside its number."""
    columns = tuple(side for side in columns if has(figures, side))
    rows = []
    for f in figures:
        cells = [of(f, s) + (f", {f.said[s]}" if s in f.said and f.samples.get(s) else "") for s in columns]
        rows.append([f.what, *cells, ratio(f) if all(side in f.samples for side in PAIR) else ""])
    return table("|>".join(["", *columns, "ratio"]), rows)


def spans(figures: list[Figure]) -> str:
    many = number(float(one(figures, "spans in a loop: a second").case["spans"]))
    said = f"The loops are of {many} spans. The ratio is of the two in Python.\n"
    return f"## Many spans\n\n{said}\n" + sides(figures, (*SIDES, OURS_C, BESIDE_C, RUST))


def failing(figures: list[Figure]) -> str:
    rows = [[str(f.case["collector"]), of(f, PEER), f.said[PEER], of(f, OURS), f.said[OURS], ratio(f)] for f in figures]
    head = "collector|>opentelemetry-python waits|arrives with|>runspan waits|arrives with|>ratio"
    said = "From the end of the span until the process is gone, less what the same exit takes without telemetry.\n"
    return f"## Collectors that fail\n\n{said}\n" + table(head, rows)


def growth(figures: list[Figure]) -> str:
    rows = []
    for f in figures:
        spans = float(f.case["spans"])
        each = "" if f.what == "spans that arrive" else number(f.median(OURS) * 1000 / spans, _EACH[f.unit])
        rows.append([f.what, number(spans), of(f, PEER), of(f, OURS), each, ratio(f)])
    head = "what|>spans|>opentelemetry-python|>runspan|>runspan, each span|>ratio"
    said = "From Python, 20 attributes each; the whole process, with the interpreter.\n"
    return f"## Growth\n\n{said}\n" + table(head, rows)


_EACH = {"ms": "µs", "MiB": "KiB", "MB": "kB"}

if __name__ == "__main__":
    main()
