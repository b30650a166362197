# SPDX-License-Identifier: MIT
"""The questions: NAME.sql in one folder, NAME.vl.json in another. A query without a chart is for the page itself."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Query = Callable[[str, dict[str, str]], list[Row]]

FILTERS = ("service", "subcommand", "version")
KEPT_DAYS = 60
SMALLEST_GROUP = 5
PAGE_ROWS = 25


class BadFilterError(ValueError):
    """A filter's value is not of its kind."""


def parameters(given: Mapping[str, str], now: datetime) -> dict[str, str]:
    """The queries' parameters: an empty filter is every value, and the time is the last 30 days where none is given."""
    found = {name: given.get(name, "")[:128] for name in FILTERS}
    to = moment(given["to"]) if given.get("to") else now
    since = moment(given["from"]) if given.get("from") else to - timedelta(days=30)
    return found | {"from": f"{since:%Y-%m-%d %H:%M:%S}", "to": f"{to:%Y-%m-%d %H:%M:%S}"}


def moment(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise BadFilterError("a time is like 2026-01-31 or 2026-01-31T12:00:00Z") from None
    if value.tzinfo is not None or not 1971 <= value.year < 2100:
        raise BadFilterError("a time is in UTC, and of this age")
    return value.replace(tzinfo=timezone.utc)


class Questions:
    """Asks the store, one question after the other: an embedded store has one session."""

    public = False
    _more: tuple[str, ...] = ("totals", "choices", "runs", "run")  # what the page asks besides its charts

    def __init__(self, query: Query, queries: Path, charts: Path) -> None:
        self._query = query
        self._lock = threading.Lock()
        self._sql = {path.stem: path.read_text(encoding="utf-8") for path in queries.glob("*.sql")}
        specs = {path.name.removesuffix(".vl.json"): json.loads(path.read_bytes()) for path in charts.glob("*.vl.json")}
        for spec in specs.values():
            spec.pop("$schema", None)  # for editors
        self.charts = dict(sorted(specs.items(), key=lambda item: int(item[1]["usermeta"]["order"])))
        if missing := self._needed() - self._sql.keys():
            raise FileNotFoundError(f"no query {', '.join(sorted(missing))} in {queries}")

    def _needed(self) -> set[str]:
        return {*self._more, *self.charts}

    def names(self) -> list[str]:
        """What can be asked for."""
        return ["charts", *self._more, *self.charts]

    def ask(self, name: str, given: Mapping[str, str], now: datetime | None = None) -> Any:
        """What the page is sent, for one of ``names()``."""
        if name == "charts":
            return {"public": self.public, "charts": [{"name": n, "spec": spec} for n, spec in self.charts.items()]}
        return self._rows(name, given, now or datetime.now(timezone.utc))

    def _rows(self, name: str, given: Mapping[str, str], now: datetime) -> list[Row]:
        if name == "run":
            if not re.fullmatch("[0-9a-f]{16}", given.get("span_id", "")):
                raise BadFilterError("a run is named by 16 hexadecimal digits")
            return self._asked(name, {"span_id": given["span_id"]})
        asked = parameters(given, now)
        if name == "runs":
            page = given.get("page", "0")
            if not re.fullmatch("[0-9]{1,6}", page):
                raise BadFilterError("a page is a number of at most 6 digits")
            # One more than are shown: whether there is another page.
            asked |= {"limit": str(PAGE_ROWS + 1), "offset": str(int(page) * PAGE_ROWS)}
        return self._asked(name, asked)

    def _asked(self, name: str, asked: dict[str, str]) -> list[Row]:
        with self._lock:
            return self._query(self._sql[name], asked)


class PublicQuestions(Questions):
    """Counts for everyone to see, all from ``public.sql``, which hides small groups: it has a chart for each question.

    There are no filters, and whole days (UTC) are counted, those that the store keeps all of today: what two answers
    differ by would be the runs between.
    """

    public = True
    _more: tuple[str, ...] = ("totals",)

    def __init__(self, query: Query, queries: Path, charts: Path) -> None:
        super().__init__(query, queries, charts)
        self._day = ""
        self._counted: list[Row] = []

    def _needed(self) -> set[str]:
        return {"public"}

    def _rows(self, name: str, given: Mapping[str, str], now: datetime) -> list[Row]:
        if (today := f"{now:%Y-%m-%d}") != self._day:
            whole_days = {"from": f"{now - timedelta(days=KEPT_DAYS - 1):%Y-%m-%d}", "to": today}
            asked = parameters(whole_days, now) | {"smallest": str(SMALLEST_GROUP)}
            rows = self._asked("public", asked)
            self._counted = [row for row in rows if row["runs"] >= SMALLEST_GROUP]
            self._day = today
        if name == "totals":
            return [{"runs": sum(row["runs"] for row in self._counted if row["question"] == "subcommand")}]
        return [{"answer": r["answer"], "runs": r["runs"]} for r in self._counted if r["question"] == name]
