# SPDX-License-Identifier: MIT
"""The benchmark runs, says what was measured, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bench import bars, report, tool
from bench.exit import CONTAINER
from bench.runner import BESIDE, OURS, OURS_C, PEER, RUST, Figure, Lab, load, run, save
from tests.stripepy.otlp_receiver import ROOT, Receiver

EVIDENCE = ROOT / "docs" / "evidence" / "bench"
SUBJECTS = {"start", "spans", "failing", "growth", "tool", "exit"}


def read(folder: Path) -> bars.Results:
    return {file.stem: load(file)[1] for file in folder.glob("*.json")}


def test_quick() -> None:
    """All subjects, a few runs each; without a word of how long anything took."""
    shutil.rmtree(ROOT / "build" / "bench" / "quick", ignore_errors=True)
    done = subprocess.run([ROOT / "scripts" / "bench.sh", "--quick"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    folder = ROOT / "build" / "bench" / "quick"
    results = read(folder)
    assert set(results) == SUBJECTS
    for figure in (f for figures in results.values() for f in figures):
        assert figure.samples, figure
        assert all(figure.samples.values()) or figure.what == "runs until it was delivered", figure
    beside = {figure.what: figure.samples[BESIDE] for figure in results["start"] if BESIDE in figure.samples}
    assert min(beside["memory of the process beside"]) > 1 and set(beside["added threads"]) == {0}
    has_rust = shutil.which("cargo") is not None
    for figure in results["spans"]:
        assert (RUST in figure.samples) == has_rust and (RUST in figure.said) != has_rust, figure
    kinds = {figure.case.get("certificates") for figure in results["start"]}
    namespaces = "no mount namespace" not in done.stderr
    assert kinds == ({None, "one", "system"} if namespaces else {None, "one"})

    page = (folder / "benchmarks.md").read_text(encoding="utf-8")
    assert "A quick run" in page
    assert page.count("\n## ") == 7
    for verdict in bars.verdicts(results):
        assert f"| {verdict.what} | {verdict.bar} | {verdict.result} |" in done.stdout

    charts = {name: (folder / name).read_bytes() for name in report.CHARTS.values()}
    command = [ROOT / "build" / "venv" / "charts" / "bin" / "python", ROOT / "bench" / "charts.py", folder]
    subprocess.run(command, check=True)
    assert charts == {name: (folder / name).read_bytes() for name in charts}


def test_page_is_of_the_evidence() -> None:
    loaded = {file.stem: load(file) for file in sorted(EVIDENCE.glob("*.json"))}
    assert set(loaded) == SUBJECTS
    about = {subject: said for subject, (said, _) in loaded.items()}
    assert not any(said["quick"] for said in about.values())
    page = report.report(about, {k: figures for k, (_, figures) in loaded.items()}, "evidence/bench")
    assert page == (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"), "run ./build.sh bench"
    for chart in report.CHARTS.values():
        assert (EVIDENCE / chart).exists()


def test_saved_is_loaded(tmp_path: Path) -> None:
    figures = [Figure("wait", "ms", {OURS: [1.25, 2.0], PEER: [3.0]}, {"round trip": 20.0}, {PEER: "never"})]
    save(tmp_path / "new" / "x.json", "x", {"quick": False}, figures)
    assert load(tmp_path / "new" / "x.json") == ({"subject": "x", "quick": False}, figures)


def test_the_request_tells_who_has_delivered(tmp_path: Path) -> None:
    """Of three runs, the first delivers for itself, and the third for the second; then the first one's comes again."""

    def request(sender: int, run: int) -> str:
        attribute = {"key": tool.MARK, "value": {"intValue": str(run + 1)}}
        scopes = [{"spans": [{"attributes": [attribute]}]}]
        host = f"telemetry.example.com:{tool.FIRST_PORT + sender}"
        return json.dumps({"host": host, "body": {"resourceSpans": [{"scopeSpans": scopes}]}})

    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join([request(0, 0), request(2, 1), request(2, 0)]))
    assert tool.later(Receiver("", "", tmp_path, file)) == {0: 0, 1: 1}


def far(over: float, came: float) -> list[Figure]:
    return [
        figure
        for distance in (0, 20, 250, 300)
        for figure in (
            Figure("wait at exit", "ms", {OURS: [distance + over] * 3}, {"run": "1 s", "round trip": distance}),
            Figure("delivered by that run", "", {OURS: [1, 1, came]}, {"run": "1 s", "round trip": distance}),
        )
    ]


@pytest.mark.parametrize(("over", "came", "met"), [(15, 1, True), (16, 1, False), (1, 0, False)])
def test_bar_of_a_far_collector(over: float, came: float, met: bool) -> None:
    (verdict,) = bars.far(far(over, came))
    assert verdict.met == met


@pytest.mark.parametrize(("waits", "lost", "met"), [([0, 60], 0, True), ([0, 61], 0, False), ([0, 0], 1, False)])
def test_bar_of_a_short_tool(waits: list[float], lost: float, met: bool) -> None:
    case: dict[str, str | float] = {"round trip": 160, "runs": 2}
    figures = [
        Figure("wait at exit", "ms", {OURS_C: waits}, case),
        Figure("lost", "spans", {OURS_C: [lost]}, case),
    ]
    assert [v.met for v in bars.short_tool(figures)] == [met]


@pytest.mark.parametrize(("came", "met"), [([1, 1, 1, 1], True), ([1, 1, 1, 0], False)])
def test_bar_of_a_container(came: list[float], met: bool) -> None:
    figures = [Figure("delivered by that run", "", {OURS: came}, {"run": CONTAINER, "round trip": 160})]
    assert [v.met for v in bars.container(figures)] == [met]


@pytest.mark.parametrize(("ours", "met"), [(10, True), (10.1, False)])
def test_bar_of_the_added_time(ours: float, met: bool) -> None:
    case: dict[str, str | float] = {"program": "python -c pass", "certificates": "system"}
    assert [v.met for v in bars.added([Figure("added time", "ms", {OURS: [ours], PEER: [150]}, case)])] == [met]


def test_bars_of_spans() -> None:
    case: dict[str, str | float] = {"spans": 100}
    figures = [
        Figure("a span of 20 attributes, in its caller", "µs", {OURS: [9], PEER: [10], OURS_C: [6]}),
        Figure("spans in a loop: that arrive", "", {OURS: [100, 99], PEER: [10, 10]}, case),
        Figure("spans in a loop: a second", "", {OURS: [80, 80], PEER: [10, 10]}, case),
    ]
    assert [v.met for v in bars.spans(figures)] == [True, True, False]
    figures[1].samples[OURS][1] = 100
    assert [v.met for v in bars.spans(figures)] == [True, True, True]


@pytest.mark.parametrize(
    ("wait", "came", "met"),
    [(302, "the next run", True), (322, "a later run", True), (400, "the next run", False), (5, "never", False)],
)
def test_bar_of_a_failing_collector(wait: float, came: str, met: bool) -> None:
    case: dict[str, str | float] = {"collector": "accepts, never answers"}
    assert [v.met for v in bars.failing([Figure("wait at exit", "ms", {OURS: [wait]}, case, {OURS: came})])] == [met]


def test_bars_of_failing_collectors_are_in_the_docs() -> None:
    documented = bars.in_delivery((ROOT / "docs" / "delivery.md").read_text(encoding="utf-8"))
    assert documented["up"][1] == "this run"
    assert documented["503"][1] == "a later run"
    assert documented["400"][1] == "never"


def test_a_failing_program_is_no_measure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit code 3.*\n.*wrong"):
        run(["sh", "-c", "echo wrong >&2; exit 3"], {})
    with pytest.raises(RuntimeError, match="0 processes, instead of one"):
        run(["true"], {"RUNSPAN_OUT_OF_PROCESS": "1"})
    assert Lab(tmp_path, True, False).repeats(9) == 2
