# SPDX-License-Identifier: MIT
"""The questions: NAME.sql in one folder, NAME.vl.json in another. The page itself uses the queries without a chart."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from itertools import chain
from pathlib import Path
from typing import Any

from runspan_collector.kept import COUNTED, LATE, WEEK, Kept, whole

Row = dict[str, Any]
Query = Callable[[str, dict[str, str]], list[Row]]

FILTERS = ("service", "subcommand", "version")
PAGE_ROWS = 25

SHOWN_WEEKS = 8
DAY = 86400.0


class BadFilterError(ValueError):
    """A filter's value is not valid."""


def parameters(given: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Return the queries' parameters. An empty filter matches every value; the default time is the last 30 days."""
    found = {name: given.get(name, "")[:128] for name in FILTERS}
    to = moment(given["to"]) if given.get("to") else now
    since = moment(given["from"]) if given.get("from") else to - timedelta(days=30)
    return found | {"from": f"{since:%Y-%m-%d %H:%M:%S}", "to": f"{to:%Y-%m-%d %H:%M:%S}"}


def moment(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise BadFilterError("a time is like 2026-01-31 or 2026-01-31T12:00:00Z") from None
    if value.tzinfo is not None or not datetime(1971, 1, 1) <= value <= datetime(2100, 1, 1):
        raise BadFilterError("a time is in UTC, and of this age")
    return value.replace(tzinfo=timezone.utc)


class Questions:
    """The questions of the page. They run one after the other, because an embedded store has one session."""

    public = False
    _more: tuple[str, ...] = ("taken", "totals", "choices", "fields", "runs", "run")  # besides the charts

    def __init__(
        self, query: Query, queries: Path, charts: Path, kept: Kept | None = None, *, programs: Iterable[str] = ()
    ) -> None:
        """Make the questions. With ``kept``, some are answered from the counts that ``count`` puts there."""
        self.programs = sorted(programs)
        few = " and ".join([", ".join(self.programs[:-1]), *self.programs[-1:]]).removeprefix(" and ")
        self.title = f"Runs of {few}" if 0 < len(self.programs) < 4 else "Runs"
        self._query = query
        self._kept = kept
        self._lock = threading.Lock()
        self._there: set[str] = set()  # the fields that the schemas have, as the page was last told; empty before
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
        """Return the names for ``ask``."""
        return ["charts", *(name for name in self._more if name != "fields"), *self.charts]

    def ask(self, name: str, given: Mapping[str, str], now: datetime | None = None) -> Any:
        """Return the answer for one of ``names()``. BadFilterError if a filter is not valid."""
        if name == "charts":
            return self._page()
        return self._rows(name, given, now or datetime.now(timezone.utc))

    def _page(self) -> dict[str, Any]:
        """Return the charts, and those that are left out: no schema has a field that they need."""
        there = self._there = self._fields()
        lacks = {name: _lacking(spec, there) for name, spec in self.charts.items()}
        return {
            "public": self.public,
            "title": self.title,
            "programs": self.programs,
            "charts": [{"name": name, "spec": spec} for name, spec in self.charts.items() if not lacks[name]],
            "left_out": [{"title": self.charts[name]["title"], "lacks": of} for name, of in lacks.items() if of],
        }

    def _fields(self) -> set[str]:
        (types,) = self._asked("fields", {})
        return {name.removeprefix("toTypeName(")[:-1] for name, of in types.items() if "Nothing" not in of}

    def _rows(self, name: str, given: Mapping[str, str], now: datetime) -> list[Row]:
        if name == "run":
            if not re.fullmatch("[0-9a-f]{16}", given.get("span_id", "")):
                raise BadFilterError("a run is named by 16 hexadecimal digits")
            return self._asked(name, {"span_id": given["span_id"]})
        asked = parameters(given, now)
        if self._there and name in self.charts and _lacking(self.charts[name], self._there):
            return []
        if name in self.units():
            return self._growth(name, given, now)
        if name == "runs":
            page = given.get("page", "0")
            if not re.fullmatch("[0-9]{1,6}", page):
                raise BadFilterError("a page is a number of at most 6 digits")
            # One row more than the page shows, to know whether there is another page.
            asked |= {"limit": str(PAGE_ROWS + 1), "offset": str(int(page) * PAGE_ROWS)}
        return self._asked(name, asked)

    def units(self) -> dict[str, str]:
        """Return the questions whose answers are kept for good, and whether by ``week`` or ``month``."""
        return {name: spec["usermeta"]["kept"] for name, spec in self.charts.items() if "kept" in spec["usermeta"]}

    def _growth(self, name: str, given: Mapping[str, str], now: datetime) -> list[Row]:
        """Return what is kept, for the service alone; with another filter, the whole weeks of the time shown."""
        if self._kept and not given.get("subcommand") and not given.get("version"):
            kept = self._kept.read()
            rows = [row for key in sorted(kept) if key.split()[0] == name for row in kept[key]]
        else:
            rows = self._whole(name, parameters(given, now), now)
        mine = [row for row in rows if row.get("service") == given.get("service", "")]
        return [{key: value for key, value in row.items() if key != "service"} for row in mine]

    def _whole(self, name: str, asked: dict[str, str], now: datetime) -> list[Row]:
        """Return the rows of the weeks or months that are whole in the time asked for, and in the store's time."""
        unit = self.units()[name]
        since, to = max(moment(asked["from"]), now - COUNTED), min(moment(asked["to"]) + LATE, now)
        there = {f"{begin:%Y-%m-%d}" for begin, _ in whole(unit, since, to)}
        return [row for row in self._asked(name, asked) if row[unit] in there]

    def count(self, since: datetime, now: datetime) -> None:
        """Count the whole weeks and months from ``since`` on, and keep the counts of those that have runs."""
        assert self._kept
        for name, unit in self.units().items():
            for begin, end in whole(unit, since, now):
                time = {"from": f"{begin:%Y-%m-%d}", "to": f"{end:%Y-%m-%d}"}
                if rows := self._asked(name, parameters(time, now)):
                    self._kept.add({f"{name} {begin:%Y-%m-%d}": rows})

    def keep(self, stop: threading.Event, complete: Callable[[], bool], every: float = DAY) -> None:
        """Until ``stop``, count as soon as the store is ``complete``, and once a day, to count late reports too."""
        wait = 0.0
        while not stop.wait(wait):
            wait = 1.0
            if complete():
                now = datetime.now(timezone.utc)
                try:
                    self.count(now - COUNTED, now)
                    wait = every
                except (OSError, RuntimeError) as error:  # a full disk, for one
                    wait = every / 24
                    if not stop.is_set():
                        print(f"kept counts: {error}", file=sys.stderr, flush=True)

    def _asked(self, name: str, asked: dict[str, str]) -> list[Row]:
        with self._lock:
            return self._query(self._sql[name], asked)


def _lacking(spec: dict[str, Any], there: set[str]) -> list[str | list[str]]:
    """Return what a chart needs and no schema has. A list in ``needs`` is of fields one of which is enough."""
    needs = spec["usermeta"].get("needs", [])
    return [need for need in needs if there.isdisjoint([need] if isinstance(need, str) else need)]


class PublicQuestions(Questions):
    """The counts for everyone, without filters, all from ``public.sql``. Each of its questions has a chart.

    A whole week (Monday to Sunday, UTC) is counted once, and never again. Two answers for times that overlap, or for
    one week before and after a late report, would differ by few runs. The counts are in the file ``published``, and
    the page shows only sums of them. No week is counted before the store is ``complete``.
    """

    public = True
    _more: tuple[str, ...] = ("totals",)

    def __init__(
        self,
        query: Query,
        queries: Path,
        charts: Path,
        published: Path,
        complete: Callable[[], bool] = lambda: True,
        *,
        programs: Iterable[str] = (),
    ) -> None:
        super().__init__(query, queries, charts, programs=programs)
        self._published = Kept(published)
        self._complete = complete
        self._counting = threading.Lock()

    def _needed(self) -> set[str]:
        return {"public", "fields"}

    def _rows(self, name: str, given: Mapping[str, str], now: datetime) -> list[Row]:
        weeks = self._weeks(now)
        if name == "totals":
            return [{"runs": sum(row["runs"] for row in self._summed(weeks, "week")), "weeks": len(weeks)}]
        return self._summed(weeks, name)

    def _summed(self, weeks: list[list[Row]], question: str) -> list[Row]:
        found: Counter[str] = Counter()
        for row in chain.from_iterable(weeks):
            if row["question"] == question:
                found[row["answer"]] += row["runs"]
        return [{"answer": answer, "runs": runs} for answer, runs in found.most_common()]

    def _weeks(self, now: datetime) -> list[list[Row]]:
        """Count the weeks that can be counted now, and return the counts of each week that the page shows."""
        weeks = whole_weeks(now)
        with self._counting:
            counted = self._published.read()
            new = [week for week in weeks if f"{week:%Y-%m-%d}" not in counted and week > now - COUNTED]
            if new and self._complete():
                for week in new:
                    time = {"from": f"{week:%Y-%m-%d}", "to": f"{week + WEEK:%Y-%m-%d}"}
                    counted[time["from"]] = self._asked("public", parameters(time, now))
                self._published.add(counted)
        return [counted[week] for week in (f"{week:%Y-%m-%d}" for week in weeks) if week in counted]


def whole_weeks(now: datetime) -> list[datetime]:
    """Return the first days of the weeks that the public page shows, the newest first."""
    weeks = [begin for begin, _ in whole("week", now - (SHOWN_WEEKS + 2) * WEEK, now)]
    return weeks[: -SHOWN_WEEKS - 1 : -1]
