# SPDX-License-Identifier: MIT
"""Each query's answers are those that synthesize counted from the runs, in Python, without the store."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.store import synthesize
from runspan_collector.store.embedded import Store
from runspan_collector.store.synthesize import Run
from tests.collector.store.conftest import EVERY_PARAMETER, QUERIES, ROOT, Installation

NOW = int(time.time())


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[Run], Installation]]:
    """A store with runs of 90 days, and the runs."""
    rng = random.Random(20260131)
    installation = Installation(tmp_path_factory.mktemp("queries"))
    runs = synthesize.make(3000, 90, rng, NOW)
    synthesize.write(runs, installation.otlp, rng)
    store = installation.open()
    follower = installation.follow(store)
    assert set(follower.decoder.counts) == {"old_spans"}
    yield store, runs, installation
    installation.close()


def utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


FILTERS: list[dict[str, str]] = [
    {},
    {"service": "stripepy", "subcommand": "call"},
    {"version": "1.2.0"},
    {"subcommand": "view", "version": "1.3.0"},
    {"from": utc(NOW - 30 * 86400), "to": utc(NOW - 10 * 86400)},
    {"service": "nobody's"},
]


def let_through(run: Run, given: dict[str, str]) -> bool:
    began = utc(run.start / 10**9)
    return (
        given.get("service", "stripepy") == "stripepy"
        and given.get("subcommand", run.name) == run.name
        and given.get("version", run.version) == run.version
        and given.get("from", "") <= began < given.get("to", "9")
    )


@pytest.mark.parametrize("given", FILTERS, ids=lambda given: " ".join(given) or "all")
def test_answers(asked: tuple[Store, list[Run], Installation], given: dict[str, str]) -> None:
    store, runs, _ = asked
    expected = synthesize.answers([run for run in runs if let_through(run, given)], NOW)
    heeded = {key: value for key, value in given.items() if key in ("service", "from", "to")}
    expected["public"] = synthesize.answers([run for run in runs if let_through(run, heeded)], NOW)["public"]
    queries = {path.stem: path.read_text(encoding="utf-8") for path in QUERIES.glob("*.sql")}
    assert set(queries) == set(expected) | {"fields", "run", "runs", "taken"}
    for name, rows in expected.items():
        assert store.query(queries[name], EVERY_PARAMETER | given) == rows, name


def test_every_parameter_of_the_schema_has_its_default() -> None:
    schema = json.loads((ROOT / "schemas" / "stripepy.json").read_text(encoding="utf-8"))
    expected = {
        (span, key)
        for key, field in schema["attributes"].items()
        for span in field["spans"]
        # Text says what was read or written, and the resolution has to be given: neither has a default.
        if field.get("as_text") and key != "params.contact_map_resolution"
    }
    sql = (QUERIES / "parameters.sql").read_text(encoding="utf-8")
    assert set(re.findall(r"\('([a-z ]+)', '(params\.\w+)'", sql)) == expected


def test_single_runs_are_paged(asked: tuple[Store, list[Run], Installation]) -> None:
    store, runs, _ = asked
    calls = [run for run in runs if run.name == "call" and NOW - run.start / 1e9 < 60 * 86400]
    expected = sorted(calls, key=lambda run: -run.start)
    sql = (QUERIES / "runs.sql").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = []
    while page := store.query(sql, {"subcommand": "call", "limit": "400", "offset": str(len(found))}):
        found += page
    assert [row["span_id"] for row in found] == [run.span_id for run in expected]
    assert [row["outcome"] for row in found] == [run.outcome for run in expected]
    assert [row["time"] for row in found] == [utc(run.start // 10**9) for run in expected]
    one = next(run for run in expected if run.outcome == "failed")
    (row,) = store.query((QUERIES / "run.sql").read_text(encoding="utf-8"), {"span_id": one.span_id})
    assert row["exception.type"] == one.exception and row["trace.trace_id"] == one.trace_id
    assert {key: row[key] for key in one.attributes} == one.attributes
    assert {key: row[key] for key in one.resource} == one.resource
    assert row["duration_ms"] == one.duration / 1e6


def test_after_60_days_rows_are_gone(asked: tuple[Store, list[Run], Installation]) -> None:
    store, runs, _ = asked
    kept = sum(NOW - run.start / 1e9 < 60 * 86400 for run in runs)
    assert 0 < kept < len(runs)
    count = "SELECT count() AS n FROM spans"
    assert store.query(count) == [{"n": kept}]
    old = {"trace.trace_id": "0" * 32, "name": "call", "service.name": "stripepy", "service.version": "0"}
    ages = {60 * 86400 + 30: False, 61 * 86400: False, 75 * 86400: False, 60 * 86400 - 600: True}
    for number, age in enumerate(ages):
        store.insert([old | {"trace.span_id": f"{number:016x}", "timestamp": utc(time.time() - age)}])
    of_them = " WHERE `service.version` = '0'"
    assert store.query(count + of_them) == [{"n": 1}]
    store.optimize()
    assert store.expired() == 0
    raw = store._run("SELECT `trace.span_id` AS id FROM spans_stored WHERE `service.version` = '0'")
    assert raw == [{"id": f"{3:016x}"}]
    assert store.query(count) == [{"n": kept + 1}]


def test_questions_about_stripepy_are_not_of_others(asked: tuple[Store, list[Run], Installation]) -> None:
    store, _, _ = asked
    row = {"name": "call", "service.name": "stripepy", "timestamp": utc(NOW), "status_code": 1, "duration_ms": 1000}
    row |= {"service.version": "9", "params.nproc": 2, "params.contact_map_resolution": 5000}
    others = [{}, {"service.name": "hictk"}, {"name": "view"}]
    store.insert([row | one | {"trace.trace_id": f"{n:032x}"} for n, one in enumerate(others)])
    for question, expected in (
        ("durations", {"nproc": 2, "runs": 1}),
        ("parameters", {"subcommand": "call", "runs": 1}),
    ):
        (found,) = store.query((QUERIES / f"{question}.sql").read_text(encoding="utf-8"), {"version": "9"})
        assert found | expected == found


def test_the_command_makes_the_same_again(tmp_path: Path) -> None:
    rng = random.Random(4)
    runs = synthesize.make(50, 90, rng, NOW)
    synthesize.write(runs, tmp_path / "a", rng)
    command = [
        sys.executable,
        "-m",
        "runspan_collector.store.synthesize",
        "--runs",
        "50",
        "--seed",
        "4",
        "--now",
        str(NOW),
    ]
    done = subprocess.run([*command, str(tmp_path / "b")], capture_output=True, check=True)
    assert json.loads(done.stdout) == synthesize.answers(runs, NOW)
    texts = [b"".join(path.read_bytes() for path in sorted((tmp_path / folder).iterdir())) for folder in "ab"]
    assert texts[0] == texts[1] and len(texts[0]) > 50_000


@pytest.mark.parametrize(
    "there",
    [
        ["otlp/spans.json"],
        ["otlp/spans-2026-11-24T10-00-00.000.json"],
        ["otlp/else"],
        ["otlp/"],  # nothing has come yet
        [],
    ],
)
def test_made_up_runs_are_not_put_where_real_ones_are(tmp_path: Path, there: list[str]) -> None:
    data = tmp_path / "data"
    (data / "state").mkdir(parents=True)
    for name in there:
        path = data / name
        path.parent.mkdir(exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_bytes(b"real\n")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "runspan_collector.store.synthesize", "--runs", "50", str(data / "otlp")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "has its data" in done.stderr and done.stdout == ""
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    command[-1] = str(tmp_path / "made" / "otlp")
    for code in (0, 2):  # the second time it is there
        assert subprocess.run(command, capture_output=True).returncode == code


@pytest.mark.parametrize("name", ["spans.json", "spans-2026-01-05T00-00-00.000.json", "spans-2026-11-24.json"])
def test_made_up_runs_write_over_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"real\n")
    rng = random.Random(4)
    with pytest.raises(FileExistsError):
        synthesize.write(synthesize.make(50, 90, rng, NOW), tmp_path, rng)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"real\n"]
