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
from bench.runner import OURS, OURS_C, PEER, RUST, Figure, load  # noqa: E402

INTRODUCTION = """\
# Benchmarks

`./build.sh bench` runs opentelemetry-python, set up as StripePy 1.3.0 does it, and runspan in turns on one machine, and
writes this page. Absolute times move from machine to machine, and with what else the machine does; the ratios are what
counts. Times are medians, unless it says otherwise. The samples are [here]({where}).
"""
FAR = """\
## A collector that is far away

From the end of the span until the process is gone; for StripePy, whose own exit takes a second or two, what it waits
for telemetry in it. A relay delays every byte by half a round trip each way. Everything goes through a proxy, whose
CONNECT takes the round trip that TCP's handshake takes elsewhere. The limit is one round trip: the request, and its
answer.
"""
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


def far(figures: list[Figure]) -> str:
    rows = []
    for wait, share in zip(figures[::2], figures[1::2], strict=True):
        limit = number(float(wait.case["round trip"]), "ms")
        ours, peer = ([of(wait, side), f"{share.mean(side):.0%}"] for side in (OURS, PEER))
        rows.append([str(wait.case["run"]), limit, *ours, *peer, ratio(wait)])
    head = "run|>round trip: the limit|>runspan waits|>delivered by that run"
    return FAR + "\n" + table(f"{head}|>opentelemetry-python waits|>delivered|>ratio", rows)


def tool(figures: list[Figure]) -> str:
    rows = []
    for waits in (f for f in figures if f.what == "wait at exit"):
        others = {f.what: f for f in figures if f.case == waits.case}
        late, lost = others["runs until it was delivered"], others["lost"]
        left = others["left at the end of the last run"]
        longest = number(max(late.samples[OURS_C]), "runs") if late.samples[OURS_C] else "none came"
        case = (number(float(waits.case["round trip"]), "ms"), number(float(waits.case["runs"])))
        worst = number(max(waits.samples[OURS_C]), "ms")
        rows.append([*case, of(waits, OURS_C, mean=True), worst, longest, of(left, OURS_C), of(lost, OURS_C)])
    head = ">round trip|>runs|>average wait|>longest|>latest delivery: after|>left at the end|>lost"
    return "## A tool of 20 ms, again and again, far away\n\nOne home for all runs, from C.\n\n" + table(head, rows)


def start(figures: list[Figure]) -> str:
    rows = []
    for wall in (f for f in figures if f.what == "added time"):
        cpu, share = (
            next(f for f in figures if f.what == what and f.case == wall.case)
            for what in ("added processor time", "delivered by that run")
        )
        assert share.mean(OURS) == share.mean(PEER) == 1, "a run without its delivery is no measure"
        cells = [cell for f in (wall, cpu) for cell in (of(f, PEER), of(f, OURS), ratio(f))]
        rows.append([str(wall.case["program"]), str(wall.case["certificates"]), *cells])
    head = (
        "added to|certificates|>opentelemetry-python|>runspan|>ratio|>opentelemetry-python, processor|>runspan|>ratio"
    )
    others = [f for f in figures if "program" not in f.case]
    return f"## A run of one span\n\n{CERTIFICATES}\n{table(head, rows)}\n{sides(others, (PEER, OURS))}"


def sides(figures: list[Figure], columns: tuple[str, ...]) -> str:
    """A line for each figure. What a side has said stands beside its number."""
    rows = []
    for f in figures:
        cells = [of(f, s) + (f", {f.said[s]}" if s in f.said and f.samples.get(s) else "") for s in columns]
        rows.append([f.what, *cells, ratio(f) if PEER in f.samples and OURS in f.samples else ""])
    return table("|>".join(["", *columns, "ratio"]), rows)


def spans(figures: list[Figure]) -> str:
    many = number(float(one(figures, "spans in a loop: a second").case["spans"]))
    said = f"The loops are of {many} spans. The ratio is of the two in Python.\n"
    return f"## Many spans\n\n{said}\n" + sides(figures, (PEER, OURS, OURS_C, RUST))


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
