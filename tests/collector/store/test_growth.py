# SPDX-License-Identifier: MIT
"""Growth: counts of whole weeks and months that stay when the runs are gone, and that the backup gives again."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from runspan_collector.dashboard import Questions
from runspan_collector.kept import COUNTED, Kept, whole
from runspan_collector.store import synthesize
from runspan_collector.store.columns import read
from runspan_collector.store.count import CHARTS, EVER, QUERIES
from runspan_collector.store.embedded import Store
from runspan_collector.store.rows import Decoder, Row
from runspan_collector.store.synthesize import DAY, NS, Run
from tests.collector.store.conftest import BIN, KEY, ROOT, line
from tests.collector.waiting import wait_for

NOW = datetime.now(timezone.utc)
WEEK = timedelta(weeks=1)
UNITS = {"growth_weeks": "week", "growth_months": "month", "growth_versions": "week"}
LATE_DAYS = 18
JANE = "1.3.1.dev3+gdeadbee.jane"
Counts = dict[str, list[Row]]
Report = tuple[float, str, bytes]


@pytest.fixture(scope="module")
def made() -> tuple[list[Run], list[Report]]:
    """A year of runs, some of a version with somebody's name; and when each report comes, of which run, as a line.

    Some come weeks late, from machines that ran nothing meanwhile. Those that have not come yet are left out.
    """
    rng = random.Random(7)
    now = int(NOW.timestamp())
    runs = [run for run in synthesize.make(4000, 400, rng, now) if now - run.start / NS < 395 * DAY]
    for run in runs[::50]:
        run.resource["service.version"] = JANE
    reports: list[Report] = []
    for arrives, span, resource in synthesize.reports(runs, rng):
        late = rng.randrange(LATE_DAYS * DAY) if rng.random() < 0.05 else 0
        text = synthesize.request([(span, resource)])
        reports.append((arrives / NS + late, span["traceId"], text.encode() + b"\n"))
    come = sorted(report for report in reports if report[0] <= now)
    there = {trace_id for _, trace_id, _ in come}
    return [run for run in runs if run.trace_id in there], come


def counted(runs: list[Run]) -> Counts:
    """All whole weeks and months, counted in plain Python."""
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        month = run.day.replace(day=1)
        ends = {"week": run.week + WEEK, "month": (month + timedelta(days=32)).replace(day=1)}
        for name, unit in UNITS.items():
            if f"{ends[unit]}" <= f"{NOW - timedelta(days=1):%Y-%m-%d}":
                groups[name, str(run.week if unit == "week" else month)].append(run)
    return {
        f"{name} {begin}": synthesize.answers(some, some[-1].start // NS)[name]
        for (name, begin), some in sorted(groups.items())
    }


def ended(begin: str, unit: str) -> str:
    """The first day after a week or month."""
    end = datetime.fromisoformat(begin) + (WEEK if unit == "week" else timedelta(days=32))
    return f"{end if unit == 'week' else end.replace(day=1):%Y-%m-%d}"


def questions(store: Store, path: Path) -> Questions:
    return Questions(store.query, QUERIES, CHARTS, Kept(path, again=True))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Without the limit of 60 days, which goes by a clock that is not a test's."""
    (tmp_path / "store.key").write_text(KEY, encoding="ascii")
    opened = Store(tmp_path, tmp_path, ROOT / "schemas", kept_days=EVER)
    yield opened
    opened.close()


def test_weeks_and_months() -> None:
    def days(unit: str, since: str, now: str) -> list[str]:
        times = (datetime.fromisoformat(time).replace(tzinfo=timezone.utc) for time in (since, now))
        return [f"{begin:%m-%d}:{end:%m-%d}" for begin, end in whole(unit, *times)]

    assert days("week", "2026-11-02", "2026-11-17") == ["11-02:11-09", "11-09:11-16"], "Mondays"
    assert days("week", "2026-11-02T00:00:01", "2026-11-16T23:59:59") == []
    assert days("month", "2025-12-01", "2026-02-02") == ["12-01:01-01", "01-01:02-01"]
    assert days("month", "2026-01-31", "2026-03-01T12:00:00") == []
    assert days("month", "2026-02-01", "2026-03-02") == ["02-01:03-01"]


def test_a_year_of_which_the_store_has_60_days(
    store: Store, made: tuple[list[Run], list[Report]], tmp_path: Path
) -> None:
    """Counted once a week, while reports come and runs go. What has come late is counted, too."""
    runs, reports = made
    path = tmp_path / "growth.json"
    clock = datetime.fromtimestamp(reports[0][0], timezone.utc)
    decoder = Decoder(store.services, now_ns=lambda: int(clock.timestamp() * NS))
    coming = list(reports)
    while clock < NOW:
        clock = min(clock + WEEK, NOW)
        rows: list[Row] = []
        while coming and coming[0][0] <= clock.timestamp():
            rows += decoder.line(coming.pop(0)[2])
        store.insert(rows)
        for week in store._run("SELECT DISTINCT toString(toMonday(timestamp)) AS it FROM spans_stored"):
            if week["it"] < f"{clock - timedelta(days=67):%Y-%m-%d}":
                store._run(f"ALTER TABLE spans_stored DROP PARTITION '{week['it']}'")
        questions(store, path).count(clock - COUNTED, clock)
    assert not coming and not decoder.counts
    assert store.query("SELECT count() < 1100 AS few FROM spans") == [{"few": True}] and len(runs) > 3500
    kept = Kept(path).read()
    assert kept == counted(runs) and len(kept) > 110
    before = path.read_bytes()
    questions(store, path).count(NOW - COUNTED, NOW)
    assert path.read_bytes() == before, "the same again"
    assert re.search(rb'"1\.3\.1"', before) and b"jane" not in before and b"dev" not in before

    def ask(name: str, **given: str) -> list[Row]:
        return list(questions(store, path).ask(name, given, NOW))

    for name in UNITS:
        everything = [row for key, rows in kept.items() if key.split()[0] == name for row in rows]
        assert ask(name) == ask(name, service="stripepy", **{"from": "2026-01-01"}), "whatever the time"
        assert [row | {"service": ""} for row in ask(name)] == [row for row in everything if not row["service"]]
        assert ask(name, service="nobody's") == []
    # With another filter: those that are whole in the time asked for, and of which the store has all runs.
    calls = counted([run for run in runs if run.name == "call"])
    for days, last in ((30, 0), (30, 1), (30, 11), (400, 0), (400, 3)):
        since, to = (f"{NOW - timedelta(days=ago):%Y-%m-%dT%H:%M:%S}" for ago in (days, last))
        first = max(since, f"{NOW - COUNTED:%Y-%m-%dT%H:%M:%S}")
        for name, unit in UNITS.items():
            found = [row | {"service": ""} for row in ask(name, subcommand="call", **{"from": since, "to": to})]
            expected = [rows for key, rows in calls.items() if key.split()[0] == name and key.split()[1] >= first]
            assert found == [
                row for rows in expected for row in rows if not row["service"] and ended(row[unit], unit) <= to
            ]
            assert unit == "month" or len(found) >= 1, (name, since, to)


def write(folder: Path, reports: list[Report]) -> None:
    """The files as the backup has them: with the time at which the last line came."""
    folder.mkdir(parents=True)
    for number, first in enumerate(range(0, len(reports), 200)):
        some = reports[first : first + 200]
        path = folder / f"spans-{number:04}.json"
        path.write_bytes(b"".join(text for _, _, text in some))
        os.utime(path, (some[-1][0], some[-1][0]))


def count(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [BIN / "runspan-store", "count", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_backup_gives_the_same_counts(made: tuple[list[Run], list[Report]], tmp_path: Path) -> None:
    runs, reports = made
    write(tmp_path / "restored" / "otlp", reports)
    growth, expected = tmp_path / "growth.json", counted(runs)
    weeks = [key for key in expected if key.startswith("growth_weeks")]
    # A count that missed late reports; one that has more than the backup, whose last hour was lost; one from before.
    less, more_runs = ([row | {"runs": row["runs"] + n} for row in expected[weeks[n]]] for n in (-1, 1))
    there = {weeks[-1]: less, weeks[1]: more_runs, "growth_weeks 2019-12-30": [{"service": "", "runs": 5}]}
    there[weeks[-1]] = [row | {"runs": row["runs"] - 1} for row in expected[weeks[-1]]]
    growth.write_text(json.dumps(there), encoding="utf-8")
    done = count("--from", tmp_path / "restored", "--growth", growth)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{len(runs)} runs counted in \d+ s\n", done.stdout)
    del there[weeks[-1]]
    assert Kept(growth).read() == expected | there
    before = growth.read_bytes()
    assert count("--from", tmp_path / "restored" / "otlp", "--growth", growth).returncode == 0
    assert growth.read_bytes() == before, "twice"
    assert sorted(path.name for path in (tmp_path / "restored").rglob("*")) == [
        "otlp",
        *sorted(path.name for path in (tmp_path / "restored" / "otlp").iterdir()),
    ], "nothing is left beside the files"


def test_files_that_lost_their_times_are_told(made: tuple[list[Run], list[Report]], tmp_path: Path) -> None:
    write(tmp_path / "otlp", made[1][:300])
    for path in (tmp_path / "otlp").iterdir():
        os.utime(path)
    done = count("--from", tmp_path, "--growth", tmp_path / "growth.json")
    assert done.returncode == 1 and "before the time of their file" in done.stderr
    assert not (tmp_path / "growth.json").exists()


def test_a_run_with_a_wrong_clock_is_left_out(made: tuple[list[Run], list[Report]], tmp_path: Path) -> None:
    """As it was when it came."""
    reports = made[1][:400]
    write(tmp_path / "otlp", [*reports[:-1], (reports[-1][0], "", line(1, days_ago=600))])
    done = count("--from", tmp_path, "--growth", tmp_path / "growth.json")
    assert done.returncode == 0 and "left out: {'old_spans': 1}" in done.stdout
    assert min(key.split()[1] for key in Kept(tmp_path / "growth.json").read()) >= f"{NOW - timedelta(days=405):%Y-%m}"


def test_what_can_not_be_counted(tmp_path: Path) -> None:
    done = count("--from", tmp_path / "none", "--growth", tmp_path / "growth.json")
    assert done.returncode == 1 and "no files" in done.stderr and not (tmp_path / "growth.json").exists()
    done = count("--from", tmp_path, "--data", tmp_path)
    assert done.returncode == 2 and "state" in done.stderr


def test_fewer_runs_do_not_replace_more(tmp_path: Path) -> None:
    growth = Kept(tmp_path / "growth.json", again=True)
    growth.add({"a 1": [{"runs": 5}], "b 1": [{"runs": 1}]})
    growth.add({"a 1": [{"runs": 4}], "b 1": [{"runs": 2}, {"runs": 1}], "a 2": [{"runs": 0}]})
    assert growth.read() == {"a 1": [{"runs": 5}], "b 1": [{"runs": 2}, {"runs": 1}], "a 2": [{"runs": 0}]}
    once = Kept(tmp_path / "once.json")
    once.add({"week": [{"runs": 5}]})
    once.add({"week": [{"runs": 6}]})
    assert once.read() == {"week": [{"runs": 5}]}


def test_many_add_at_once(tmp_path: Path) -> None:
    path = tmp_path / "growth.json"

    def add(n: int) -> None:
        for i in range(5):
            Kept(path, again=True).add({f"{n} {i}": [{"runs": i}]})

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Kept(path).read()) == 40


@pytest.mark.parametrize(
    "text", [b"", b'{"growth_weeks 2026-11-02": [{"ru', b"\0" * 4096, b"[]", b'{"a": 1}', b'{"a": [1]}', b'{"a": [{}]}']
)
def test_a_damaged_file_is_set_aside_and_said(
    store: Store, tmp_path: Path, text: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "growth.json"
    path.write_bytes(text)
    store.insert(Decoder(store.services).line(line(1, days_ago=20)))
    asked = questions(store, path)
    assert asked.ask("growth_weeks", {}, NOW) == []
    (aside,) = tmp_path.glob("growth.json-damaged-*")
    said = capfd.readouterr().err
    assert aside.read_bytes() == text and aside.name in said and "runspan-store count" in said
    asked.count(NOW - COUNTED, NOW)
    assert [row["runs"] for row in asked.ask("growth_weeks", {}, NOW)] == [1]


def test_the_store_counts_by_itself(store: Store, tmp_path: Path) -> None:
    """And goes on after an error, such as a full disk."""
    store.insert(Decoder(store.services).line(line(1, days_ago=20)))
    asked, stop, complete = questions(store, tmp_path / "state" / "growth.json"), threading.Event(), threading.Event()
    thread = threading.Thread(target=asked.keep, args=(stop, complete.is_set, 1))
    thread.start()
    try:
        assert not (tmp_path / "state").exists()
        complete.set()
        (tmp_path / "state").mkdir()
        wait_for((tmp_path / "state" / "growth.json").exists, "nothing is counted")
    finally:
        stop.set()
        thread.join()


def test_another_tool_alone(tmp_path: Path) -> None:
    """A schema without StripePy's fields, without any that says what it ran on."""
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "count.json").write_bytes((ROOT / "examples" / "count" / "linecount.json").read_bytes())
    (tmp_path / "store.key").write_text(KEY, encoding="ascii")
    store = Store(tmp_path, tmp_path, schemas)
    try:
        (name,) = read(schemas)
        base: Row = {"name": "count", "service.name": name, "service.version": "1.0.0"}
        began = f"{NOW - timedelta(days=20):%Y-%m-%d %H:%M:%S}"
        ids = [{"trace.trace_id": f"{n:032x}", "params.files": n % 30} for n in range(100)]
        store.insert([base | {"timestamp": began} | one for one in ids])
        asked = questions(store, tmp_path / "growth.json")
        asked.count(NOW - COUNTED, NOW)
        (week,) = asked.ask("growth_weeks", {"service": name}, NOW)
        assert (week["runs"], week["environments"], week["releases"]) == (100, None, ["1.0.0"])
        sql = (QUERIES / "values.sql").read_text(encoding="utf-8")
        values = {row["value"]: row["runs"] for row in store.query(sql)}
        # Of 30 values the first ten come four times; of the others, the ten that are first as text.
        assert sum(values.values()) == 100 and values["9"] == 4 and values["other"] == 30 and len(values) == 21
        assert list(values) == sorted(values, key=lambda text: (text == "other", text.zfill(9)))
        assert {row["field"] for row in store.query(sql)} == {"params.files"}
        assert store.query((QUERIES / "over_time.sql").read_text(encoding="utf-8")) == []
    finally:
        store.close()
