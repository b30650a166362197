# SPDX-License-Identifier: MIT
"""What everyone may see, against those who subtract one number from another, or have a name for a version."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.dashboard import PublicQuestions
from runspan_collector.store.embedded import Store
from tests.collector.store.conftest import QUERIES, ROOT, Installation

CHARTS = ROOT / "collector" / "runspan_collector" / "dashboard" / "charts" / "public"
Counts = dict[str, dict[str, int]]
DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc).replace(microsecond=0)
MONDAY = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=28 + NOW.weekday())


@dataclass
class Runs:
    """A store to put runs into, and what is public of it."""

    store: Store
    published: Path
    ids: Iterator[int] = field(default_factory=itertools.count)

    def take(self, count: int, environments: int, began: datetime = NOW - DAY, **fields: str) -> None:
        """Runs like one another, but for the kernel: of some of their environment nothing is known."""
        row = {"trace.trace_id": "1" * 32, "timestamp": f"{began:%Y-%m-%d %H:%M:%S}", "name": "call"}
        row |= {"service.name": "stripepy", "service.version": "1.3.0"}
        row |= {{"os": "os.type", "version": "service.version"}.get(key, key): value for key, value in fields.items()}
        each = [
            {"trace.span_id": f"{next(self.ids):016x}", "os.version": f"6.{n % environments}"} for n in range(count)
        ]
        self.store.insert([row | one for one in each])

    def counted(self) -> Counts:
        """All of it, as if it were one week's."""
        found: Counts = defaultdict(dict)
        for row in self.store.query((QUERIES / "public.sql").read_text(encoding="utf-8")):
            assert row["runs"] > 0 and row["runs"] % 10 == 0
            found[row["question"]][row["answer"]] = row["runs"]
        return found

    def shown(self, now: datetime, *, complete: bool = True) -> dict[str, Any]:
        """The whole page, by a server that was started only now."""
        questions = PublicQuestions(self.store.query, QUERIES, CHARTS, self.published, complete=lambda: complete)
        return {name: questions.ask(name, {}, now) for name in questions.names() if name != "charts"}


@pytest.fixture
def runs(installation: Installation) -> Runs:
    return Runs(installation.open(), installation.folder / "public.json")


def test_what_is_hidden_is_not_the_rest(runs: Runs) -> None:
    """123 less 100 less 20 would be three runs on Windows."""
    runs.take(100, 5, os="linux")
    runs.take(20, 5, os="darwin")
    without = runs.counted()
    assert without["os"] == {"linux": 100, "darwin": 20} and list(without["week"].values()) == [120]
    runs.take(3, 3, os="windows")
    assert runs.counted() == without
    runs.take(6, 6, os="windows")
    assert runs.counted() == without, "nine, which round down to none"
    runs.take(1, 1, os="windows")
    assert runs.counted()["os"] == {"linux": 100, "darwin": 20, "windows": 10}


def test_many_runs_of_few_environments_are_not_the_rest(runs: Runs) -> None:
    runs.take(100, 5, os="linux")
    runs.take(20, 5, os="darwin")
    runs.take(40, 2, os="windows")
    assert runs.counted()["os"] == {"linux": 100, "other": 60}, "darwin is in it: else 40 would be missing"
    runs.take(1, 1, os="freebsd")
    assert runs.counted()["os"] == {"linux": 100, "other": 40, "darwin": 20}, "other has three environments by itself"


def test_nothing_is_public_of_one_who_runs_much(runs: Runs) -> None:
    runs.take(500, 2, os="linux")
    assert runs.counted() == {}
    runs.take(9, 9, os="linux", name="view")
    assert runs.counted()["subcommand"] == {"other": 500}


def test_only_releases_are_named(runs: Runs) -> None:
    names = ["1.3.1.dev3+gdeadbee.jane", "jane", "1.3.0rc1", "1.3.0+jane", "1.3.0\n", "\n1.3.0", "2!1.3.0", "1.3.0.1"]
    names += ["4479", "12345.1", "1.2345", "v1.3.0", "1.3.", "٣.1", "01234567890123456789", "1." * 60 + "1"]
    for name in names:
        runs.take(10, 5, version=name)
    assert runs.counted()["version"] == {"other": 10 * len(names)}
    for name in ("1.3.0", "1.4", "2026.11.0"):
        runs.take(10, 5, version=name)
    assert runs.counted()["version"] == {"1.3.0": 10, "1.4": 10, "2026.11.0": 10, "other": 10 * len(names)}


def test_two_answers_do_not_differ_by_a_run(runs: Runs) -> None:
    """Asked on each day, of a server that was started anew, while single runs and late reports come in."""
    runs.take(40, 5, MONDAY - 3 * DAY, os="linux")
    assert runs.shown(MONDAY + timedelta(hours=23))["os"] == [], "late reports are waited for"
    first = runs.shown(MONDAY + DAY)
    assert first["totals"] == [{"runs": 40, "weeks": 8}] and first["os"] == [{"answer": "linux", "runs": 40}]
    windows = {"os": "windows", "host.arch": "x86_64", "params.contact_map_format": "hic"}
    runs.take(1, 1, MONDAY + 2 * DAY, **windows)
    for day in range(2, 15):
        runs.take(1, 1, MONDAY - 3 * DAY, os="linux")
        assert runs.shown(MONDAY + day * DAY) == first, day
    runs.take(30, 5, MONDAY + 7 * DAY, os="darwin")
    runs.take(1, 1, MONDAY + 7 * DAY, **windows)
    assert runs.shown(MONDAY + 15 * DAY)["os"] == [{"answer": "linux", "runs": 40}, {"answer": "darwin", "runs": 30}]


def test_no_week_is_counted_while_the_store_is_filled(runs: Runs) -> None:
    assert runs.shown(NOW, complete=False)["totals"] == [{"runs": 0, "weeks": 0}]
    runs.take(40, 5, MONDAY)
    assert runs.shown(NOW)["totals"][0]["runs"] == 40
    assert runs.shown(NOW, complete=False) == runs.shown(NOW), "what has been counted is shown"


def test_what_was_published_is_not_counted_again_where_it_can_not_be_read(runs: Runs) -> None:
    runs.published.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="Expecting"):
        runs.shown(NOW)
    assert runs.published.read_text(encoding="utf-8") == "{"
