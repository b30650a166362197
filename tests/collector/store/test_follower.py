# SPDX-License-Identifier: MIT
"""Every run that the collector wrote is in the store once: whatever is repeated, rotated, torn or killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.store import synthesize
from runspan_collector.store.columns import columns, read
from runspan_collector.store.embedded import Store
from runspan_collector.store.follower import Follower, mark
from runspan_collector.store.rows import Decoder, Row
from tests.collector.store.conftest import BIN, NS, ROOT, Installation, line

ROTATED = "spans-2026-11-24T10-00-00.000.json"


def ids(store: Store) -> list[int]:
    return [int(row["id"], 16) for row in store.query("SELECT `trace.span_id` AS id FROM spans ORDER BY 1")]


def test_repeats_are_folded(installation: Installation) -> None:
    store = installation.open()
    (installation.otlp / ROTATED).write_bytes(line(1) + line(1) + line(2))
    (installation.otlp / "spans.json").write_bytes(line(2) + line(3))
    installation.follow(store)
    assert ids(store) == [1, 2, 3]
    store.optimize()
    assert ids(store) == [1, 2, 3]


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("order", ["aborted first", "whole first", "one line"])
def test_a_whole_report_goes_before_an_aborted_one(installation: Installation, order: str, merged: bool) -> None:
    began: dict[str, Any] = {"startTimeUnixNano": str(time.time_ns() - 10**12)}
    aborted = line(1, {"aborted": True}, status={"code": 2}, endTimeUnixNano=str(time.time_ns()), **began)
    whole = line(1, {"params.k": 5}, endTimeUnixNano=str(time.time_ns()), **began)
    store = installation.open()
    for number, part in enumerate([whole, aborted] if order == "whole first" else [aborted, whole]):
        with (installation.otlp / "spans.json").open("ab") as file:
            file.write(part + line(7, {"aborted": True}, status={"code": 2}, **began))
        if order != "one line" or number == 1:
            installation.follow(store)
    if merged:
        store.optimize()
    rows = store.query("SELECT aborted, status_code, `params.k` AS k FROM spans ORDER BY `trace.span_id`")
    assert rows == [{"aborted": None, "status_code": 1, "k": 5}, {"aborted": True, "status_code": 2, "k": None}]


def test_progress_is_written_and_goes_with_the_file(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = installation.open()
    live, rotated = installation.otlp / "spans.json", installation.otlp / ROTATED
    live.write_bytes(line(1) + line(2)[:-20])  # the collector is about to write the rest
    follower = installation.follow(store)
    first = len(line(1))
    assert (follower.files["spans.json"].offset, follower.decoder.counts) == (first, {})
    assert installation.state()["files"]["spans.json"]["offset"] == first
    with live.open("ab") as file:
        file.write(line(2)[-20:])
    live.rename(rotated)
    live.write_bytes(line(3))
    follower = Follower(store, installation.data)  # as after a restart
    taken = []
    insert = store.insert

    def count(rows: list[dict[str, Any]]) -> None:
        taken.extend(rows)
        insert(rows)

    monkeypatch.setattr(store, "insert", count)
    while follower.step():
        pass
    assert ids(store) == [1, 2, 3] and len(taken) == 2  # run 1 was not taken again
    files = installation.state()["files"]
    assert {name: f["offset"] - f["size"] for name, f in files.items()} == {rotated.name: 0, "spans.json": 0}
    rotated.unlink()
    assert not follower.step()
    assert set(installation.state()["files"]) == {"spans.json"}


def test_a_file_that_has_another_ones_inode_is_read_from_its_start(installation: Installation) -> None:
    store = installation.open()
    (installation.otlp / ROTATED).write_bytes(line(1) + line(2))
    follower = installation.follow(store)
    old = (installation.otlp / ROTATED).stat()
    os.rename(installation.otlp / ROTATED, installation.otlp / "spans.json")  # the same inode, another file
    (installation.otlp / "spans.json").open("wb").write(line(3) + line(4) + line(5))
    assert (installation.otlp / "spans.json").stat().st_ino == old.st_ino
    while follower.step():
        pass
    assert ids(store) == [1, 2, 3, 4, 5]


FIRST = [line(n) for n in range(1, 4)]


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def shorter(path: Path) -> None:
    path.write_bytes(line(4))


def longer(path: Path) -> None:
    """The same inode, and more than was taken before the store looks again."""
    path.write_bytes(b"".join(line(n) for n in range(4, 9)))


def as_long(path: Path) -> None:
    path.write_bytes(b"".join(line(n) for n in range(4, 7)))


def replaced(path: Path) -> None:
    path.with_suffix(".new").write_bytes(b"".join(line(n) for n in range(4, 9)))
    path.with_suffix(".new").rename(path)


def saved(path: Path) -> None:
    """As an editor does it: another inode with the same lines."""
    path.with_suffix(".new").write_bytes(b"".join(FIRST) + line(4))
    path.with_suffix(".new").rename(path)


def renamed(path: Path) -> None:
    path.rename(path.with_name("spans-by-hand.json"))
    path.write_bytes(line(4))


def set_aside_cut(path: Path) -> None:
    """What the journal does with a file that somebody has cut short."""
    path.write_bytes(line(4))
    path.rename(path.with_name(ROTATED))
    path.write_bytes(line(5))


@pytest.mark.parametrize(
    "change, found",
    [
        (emptied, 0),
        (shorter, 1),
        (longer, 5),
        (as_long, 3),
        (replaced, 5),
        (saved, 1),
        (renamed, 1),
        (set_aside_cut, 2),
        (lambda path: path.rename(path.with_suffix(".1")), 0),
        (Path.unlink, 0),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_is_not_the_one_it_was(
    installation: Installation, change: Any, found: int, restarted: bool
) -> None:
    """Whatever was done to it, each line that is there then is taken, and what was taken before stays."""
    store = installation.open()
    path = installation.otlp / "spans.json"
    path.write_bytes(b"".join(FIRST))
    follower = installation.follow(store)
    first = follower.files["spans.json"].mark
    change(path)
    if restarted:
        follower = Follower(store, installation.data)
    while follower.step():
        pass
    follower.write_state()
    assert ids(store) == list(range(1, 4 + found))
    assert follower.decoder.counts == {}
    state = installation.state()
    known = {file["mark"]: file["offset"] for file in state["files"].values()}
    assert max(known.get(first, 0), state["gone"].get(first, 0)) >= sum(map(len, FIRST))
    assert all(file["offset"] == file["size"] for file in state["files"].values())


def test_the_mark_is_the_journals(tmp_path: Path) -> None:
    """collector/journalexporter/place_test.go has the same."""
    for content, expected in ((b"{}\nnext", "44136fa355b3678a"), (b"{}", ""), (b"", ""), (b"\n", "e3b0c44298fc1c14")):
        (tmp_path / "file").write_bytes(content)
        with (tmp_path / "file").open("rb") as file:
            assert mark(file) == expected
    (tmp_path / "file").write_bytes(b"x" * 4096)
    with (tmp_path / "file").open("rb") as one:
        half = mark(one)
    (tmp_path / "file").write_bytes(b"x" * 5000 + b"\n")
    with (tmp_path / "file").open("rb") as one:
        assert mark(one) == half != ""


def test_what_is_gone_is_remembered_for_a_while(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runspan_collector.store.follower.REMEMBERED", 2)
    store = installation.open()
    marks = []
    for number in range(1, 5):
        (installation.otlp / "spans.json").write_bytes(line(number))
        marks.append(installation.follow(store).files["spans.json"].mark)
    assert list(installation.state()["gone"]) == marks[1:3]


def test_what_is_no_file_stops_nothing(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    store = installation.open()
    otlp = installation.otlp
    (otlp / "spans-folder.json").mkdir()
    os.mkfifo(otlp / "spans-pipe.json")
    (otlp / "spans-loop.json").symlink_to("spans-loop.json")
    (otlp / "spans-nothing.json").symlink_to("nothing")
    (otlp / "spans-secret.json").write_bytes(line(1))
    (otlp / "spans.json").write_bytes(line(2))
    real = open

    def refused(file: Any, *more: Any, **others: Any) -> Any:
        if Path(file).name == "spans-secret.json":
            raise PermissionError(13, "Permission denied", "spans-secret.json")
        return real(file, *more, **others)

    monkeypatch.setattr("builtins.open", refused)
    follower = installation.follow(store)
    assert ids(store) == [2] and "spans-secret.json" in str(follower.unread)
    monkeypatch.undo()
    while follower.step():
        pass
    assert ids(store) == [1, 2] and follower.unread is None


def test_broken_lines_are_counted_and_stop_nothing(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runspan_collector.store.follower.LONGEST_LINE", 10_000)
    parts = [b"\x00\xff\n", line(1), b"x" * 25_000 + b"\n", line(2)[:100], line(3), b"{}\n", b"\n", line(4), b'{"torn']
    (installation.otlp / ROTATED).write_bytes(b"".join(parts))
    (installation.otlp / "spans.json").write_bytes(line(5))
    (installation.otlp / "notes.txt").write_bytes(line(6))
    store = installation.open()
    follower = installation.follow(store)
    assert ids(store) == [1, 3, 4, 5]
    # The long line counts as three pieces.
    assert follower.decoder.counts == {"broken_lines": 1 + 3 + 1 + 1 + 1}
    state = installation.state()
    assert state["files"][ROTATED]["offset"] == sum(map(len, parts)) == state["files"][ROTATED]["size"]
    assert state["counts"] == {"broken_lines": 7}


@pytest.mark.parametrize(
    "state",
    [
        "",
        "{}",
        "[]",
        '{"files": {"spans.json": 3}}',
        '{"files": {"spans.json": {"offset": "9", "size": 9, "inode": 9}}}',
        '{"files": {}, "counts": {"foreign_spans": null}}',
        '{"files": {}, "newest": "now"}',
        "\x00" * 100,
    ],
)
def test_a_broken_state_means_to_begin_anew(installation: Installation, state: str) -> None:
    (installation.otlp / "spans.json").write_bytes(line(1) + line(2))
    store = installation.open()
    installation.follow(store)
    (installation.data / "state" / "store.json").write_text(state, encoding="utf-8")
    installation.follow(store)
    assert ids(store) == [1, 2]


def start(installation: Installation) -> subprocess.Popen[bytes]:
    command: list[str | Path] = [BIN / "runspan-store", "--data", installation.data, "--keys", installation.keys]
    return subprocess.Popen([*command, "--schemas", installation.schemas])


def behind(installation: Installation) -> int:
    """Bytes that are not taken yet, by the files and the state; the state may know a file by its old name."""
    try:
        known = {f["inode"]: f["offset"] for f in installation.state()["files"].values()}
    except FileNotFoundError:
        known = {}
    found = [path.stat() for path in installation.otlp.glob("*.json")]
    return sum(status.st_size - known.get(status.st_ino, 0) for status in found)


def test_killed_under_load_it_loses_and_doubles_nothing(installation: Installation) -> None:
    rng = random.Random(8)
    runs = synthesize.make(4000, 50, rng, int(time.time()))
    synthesize.write(runs, installation.folder / "made", rng, files=1)
    lines = (installation.folder / "made" / "spans.json").read_bytes().splitlines(keepends=True)
    live = installation.otlp / "spans.json"
    wrote = kills = under_load = 0

    def write(count: int) -> None:
        nonlocal wrote
        with live.open("ab") as file:
            file.write(b"".join(lines[wrote : wrote + count]))
        wrote += count
        if rng.random() < 0.3:
            live.rename(installation.otlp / f"spans-2026-11-24T10-00-00.{wrote:06}.json")

    write(1000)
    while wrote < len(lines) - 500:
        process = start(installation)
        end = time.monotonic() + rng.uniform(0.5, 1.5)
        while time.monotonic() < end:
            write(10)
            time.sleep(0.1)
        write(120)
        time.sleep(rng.uniform(0, 0.6) if kills % 2 else 0)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        kills += 1
        under_load += behind(installation) > 0
    write(len(lines))
    process = start(installation)
    deadline = time.monotonic() + 60
    while behind(installation) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.terminate()
    assert process.wait(20) == 0
    assert behind(installation) == 0 and under_load >= 2, (kills, under_load)
    store = installation.open()
    assert ids(store) == sorted(int(run.span_id, 16) for run in runs)
    assert store.query("SELECT countIf(ifNull(aborted, false)) AS n FROM spans") == [
        {"n": sum(run.outcome == "aborted" for run in runs)}
    ]


def test_the_service_says_how_it_is(installation: Installation) -> None:
    (installation.otlp / "spans.json").write_bytes(line(1, days_ago=2) + line(2) + b"?\n")
    process = start(installation)
    try:
        deadline = time.monotonic() + 30
        while behind(installation) and time.monotonic() < deadline:
            time.sleep(0.05)
        second = start(installation)
        assert second.wait(30) != 0  # one process has it
        with (installation.otlp / "spans.json").open("ab") as file:
            file.write(line(3))
        while installation.state()["status"].get("rows") != 3 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        process.terminate()
    assert process.wait(20) == 0
    state = installation.state()
    assert state["counts"] == {"broken_lines": 1}
    status = state["status"]
    assert (status["rows"], status["lag_bytes"], status["error"]) == (3, 0, None)
    last = datetime.fromisoformat(status["last"].replace("Z", "+00:00")).timestamp()
    assert abs(time.time() - 24 * 3600 - last) < 60


def test_a_full_disk_is_waited_for(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    store = installation.open()
    (installation.otlp / "spans.json").write_bytes(line(1) + b"?\n")
    follower = Follower(store, installation.data)
    insert = store.insert

    def full(rows: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(store, "insert", full)
    with pytest.raises(OSError):
        follower.step()
    assert ids(store) == [] and follower.files["spans.json"].offset == 0
    follower._count()
    follower.write_state(error="full")
    assert installation.state()["status"] | {"written": ""} == {
        "rows": 0,
        "last": None,
        "error": "full",
        "lag_bytes": len(line(1)) + 2,
        "written": "",
    }
    monkeypatch.setattr(store, "insert", insert)
    assert follower.step()
    assert ids(store) == [1] and follower.decoder.counts == {"broken_lines": 1}


class Slow:
    """A store that takes half a second to count its runs, and the time, which passes by that and by waiting.

    In the first half of it three runs come in a second.
    """

    services = read(ROOT / "schemas")
    types = columns(services)

    def __init__(self, installation: Installation, seconds: float) -> None:
        self.now = 0.0
        self.half, self.end = seconds / 2, seconds
        self.inserts: list[int] = []
        self.counts = 0
        self.silent = 0.0  # the longest that the state was not written
        self._live = installation.otlp / "spans.json"
        self._state = installation.data / "state" / "store.json"
        self._written = 0, 0.0

    def monotonic(self) -> float:
        return self.now

    def insert(self, rows: list[Row]) -> None:
        self.inserts.append(len(rows))

    def status(self) -> dict[str, Any]:
        self.counts += 1
        self.now += 0.5
        return {"rows": sum(self.inserts), "last": None}

    def clean(self) -> None:
        pass

    def is_set(self) -> bool:
        return self.now >= self.end

    def wait(self, seconds: float) -> None:
        self.now += seconds
        if self.now < self.half:
            with self._live.open("ab") as file:
                file.write(b"".join(line(int(self.now * 1000) + i) for i in range(round(3 * seconds))))
        if (changed := self._state.stat().st_ino) != self._written[0]:
            self._written = changed, self.now
        self.silent = max(self.silent, self.now - self._written[1])


def follow(slow: Any, installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("runspan_collector.store.follower.time.monotonic", slow.monotonic)
        Follower(slow, installation.data).run(slow)


def test_a_trickle_is_taken_by_the_second_and_seldom_counted(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(installation, 400)
    follow(slow, installation, monkeypatch)
    assert sum(slow.inserts) > 500 and max(slow.inserts) == 3
    assert slow.counts <= 1 + slow.end / 50  # a hundredth of the time
    assert slow.silent <= 12
    assert installation.state()["status"]["rows"] == sum(slow.inserts)


def test_what_is_there_is_taken_without_a_pause(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runspan_collector.store.follower.BATCH_BYTES", 4 * len(line(1)))
    slow = Slow(installation, 2)
    (installation.otlp / ROTATED).write_bytes(b"".join(line(i) for i in range(10_000, 10_200)))
    follow(slow, installation, monkeypatch)
    assert slow.inserts[:50] == [4] * 50


def test_caught_up_when_every_line_has_been_taken(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before: the last of several batches may hold runs of a week that is counted once, and for good."""
    monkeypatch.setattr("runspan_collector.store.follower.BATCH_BYTES", 4 * len(line(1)))
    slow = Slow(installation, 2)
    (installation.otlp / ROTATED).write_bytes(b"".join(line(i) for i in range(10_000, 10_200)))
    taken: list[tuple[int, bool]] = []

    def insert(rows: list[Row]) -> None:
        taken.append((len(rows), follower.caught_up.is_set()))

    monkeypatch.setattr(slow, "insert", insert)
    with monkeypatch.context() as patch:
        patch.setattr("runspan_collector.store.follower.time.monotonic", slow.monotonic)
        follower = Follower(slow, installation.data)  # type: ignore[arg-type]
        follower.run(slow)  # type: ignore[arg-type]
    assert taken[:50] == [(4, False)] * 50 and follower.caught_up.is_set()


def test_caught_up_by_no_file_that_cannot_be_read(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(installation, 2)
    follower = Follower(slow, installation.data)  # type: ignore[arg-type]

    def step() -> int:
        follower.unread = "it may not be read"
        return 0

    monkeypatch.setattr(follower, "step", step)
    follower.run(slow)  # type: ignore[arg-type]
    assert not follower.caught_up.is_set()


def test_what_is_too_old_is_removed_from_its_own_week(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runspan_collector.store.rows.KEPT_NS", 91 * 24 * 3600 * 10**9)
    store = installation.open()
    (installation.otlp / "spans.json").write_bytes(line(1, days_ago=70) + line(2, days_ago=30) + line(3))
    installation.follow(store)
    asked = []

    def write_down(sql: str, parameters: Mapping[str, str] | None = None) -> list[Row]:
        asked.append(sql)
        return Store._run(store, sql, parameters)

    store.close()
    store = installation.open()
    time.sleep(0.5)  # ClickHouse would remove it by itself
    assert store.expired() == 1
    monkeypatch.setattr(store, "_run", write_down)
    store.clean()
    monday = datetime.now(timezone.utc).date() - timedelta(days=70)
    monday -= timedelta(days=monday.weekday())
    assert [sql for sql in asked if "OPTIMIZE" in sql] == [f"OPTIMIZE TABLE spans_stored PARTITION '{monday}' FINAL"]
    assert store.expired() == 0 and ids(store) == [2, 3]


def test_a_week_that_is_one_part_is_not_folded_again(installation: Installation) -> None:
    store = installation.open()

    def folds() -> bool:
        plan = store._run("EXPLAIN PIPELINE SELECT count() FROM spans")
        return "Replacing" in json.dumps(plan)

    for _ in range(2):
        (installation.otlp / "spans.json").write_bytes(line(1, days_ago=20) + line(2, days_ago=8) + line(3))
        (installation.data / "state" / "store.json").unlink(missing_ok=True)
        installation.follow(store)
    assert folds() and ids(store) == [1, 2, 3]
    store.optimize()
    assert not folds() and ids(store) == [1, 2, 3]


def test_what_is_taken_is_on_the_disk(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut that took lines back would let the store pass over those that come in their place."""
    store = installation.open()
    path = installation.otlp / "spans.json"
    path.write_bytes(line(1))
    synced: list[tuple[int, int]] = []
    taken = []
    fsync, insert = os.fsync, store.insert

    def sync(file: int) -> None:
        fsync(file)
        status = os.fstat(file)
        synced.append((status.st_ino, status.st_size))

    def look(rows: list[dict[str, Any]]) -> None:
        assert (path.stat().st_ino, path.stat().st_size) in synced
        taken.append(len(rows))
        insert(rows)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(store, "insert", look)
    installation.follow(store)
    with path.open("ab") as file:
        file.write(line(2) + line(3))
    installation.follow(store)
    assert taken == [1, 2]


def test_what_is_merged_is_on_the_disk(installation: Installation) -> None:
    store = installation.open()
    for number in (1, 2):
        (installation.otlp / "spans.json").write_bytes(line(number))
        installation.follow(store)

    def syncs() -> int:
        (found,) = store._run("SELECT sum(value) AS n FROM system.events WHERE event = 'FileSync'")
        return int(found["n"])

    before = syncs()
    store.optimize()
    assert syncs() > before + 5  # a part has more files than that


DAYS = 86400 * NS


class Clock:
    """The clock of a follower: it is off by so many days."""

    def __init__(self, days: float) -> None:
        self.days = days

    def __call__(self) -> int:
        return time.time_ns() + round(self.days * DAYS)


def by(clock: Clock, store: Store, installation: Installation) -> Follower:
    follower = Follower(store, installation.data, decoder=Decoder(store.services, clock))
    while follower.step():
        pass
    return follower


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("days", [-2, 90, -1000, 1000])
def test_a_wrong_clock_loses_no_run(installation: Installation, days: int, restarted: bool) -> None:
    """Runs are left out, which is said, until the clock is right. Then they are taken, each once."""
    store, clock = installation.open(), Clock(days)
    (installation.otlp / ROTATED).write_bytes(line(1, days_ago=0) + line(2, days_ago=0))
    (installation.otlp / "spans.json").write_bytes(line(3, days_ago=0))
    follower = by(clock, store, installation)
    follower.caught_up.set()
    assert ids(store) == [] and follower.doubtful() and not follower.complete()
    left = [file["old"] + file["future"] for file in installation.state()["files"].values()]
    assert sum(left) == 3 and sum(follower.decoder.counts.values()) == 3
    clock.days = 0
    if restarted:
        follower = by(clock, store, installation)
        follower.caught_up.set()
    while follower.step():
        pass
    assert ids(store) == [1, 2, 3] and follower.complete()
    assert [file["old"] + file["future"] for file in installation.state()["files"].values()] == [0, 0]
    assert not follower.decoder.counts


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_ahead_removes_and_counts_nothing(installation: Installation, restarted: bool) -> None:
    """By less than the store keeps runs: it leaves out none, but no run is new. With a new run it is right."""
    store, clock = installation.open(), Clock(0)
    (installation.otlp / "spans.json").write_bytes(line(1, days_ago=0))
    follower = by(clock, store, installation)
    follower.caught_up.set()
    assert follower.complete()
    clock.days = 30
    for span in (2, 3):
        with open(installation.otlp / "spans.json", "ab") as file:
            file.write(line(span, days_ago=0))
        if restarted:
            follower = by(clock, store, installation)
            follower.caught_up.set()
        while follower.step():
            pass
        assert not follower.doubtful() and not follower.sure() and not follower.complete()
    clock.days = 0
    if restarted:
        follower = by(clock, store, installation)
        follower.caught_up.set()
    assert follower.step() == 0 and follower.sure() and follower.complete() and ids(store) == [1, 2, 3]


def test_a_clock_is_right_after_a_week_without_runs(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = by(Clock(0), installation.open(), installation)
    assert not follower.sure()
    later = time.monotonic() + 7 * 86400 + 60
    monkeypatch.setattr("runspan_collector.store.follower.time.monotonic", lambda: later)
    assert follower.sure()


def test_a_clients_wrong_clock_is_not_the_stores(installation: Installation) -> None:
    """Its runs are left out and counted, and the others' counts are complete."""
    store = installation.open()
    others = b"".join(line(n) for n in range(1, 8))
    odd = line(8, days_ago=-3) + line(9, days_ago=70) + line(10, days_ago=0, endTimeUnixNano=str(2**64 - 1))
    (installation.otlp / "spans.json").write_bytes(others + odd)
    follower = by(Clock(0), store, installation)
    follower.caught_up.set()
    assert ids(store) == [1, 2, 3, 4, 5, 6, 7] and follower.complete()
    assert follower.decoder.counts == {"future_spans": 2, "old_spans": 1}


def test_files_are_not_read_again_and_again(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may send runs each of which is in time a second later than the one before."""
    store, clock = installation.open(), Clock(0)
    (installation.otlp / "spans.json").write_bytes(line(1, days_ago=-1.0001))
    follower = by(clock, store, installation)
    clock.days = 0.0003  # within what two clocks may differ by
    assert follower.step() == 0 and ids(store) == []
    later = time.monotonic() + 3601
    monkeypatch.setattr("runspan_collector.store.follower.time.monotonic", lambda: later)
    assert follower.step() > 0 and ids(store) == [1]


def test_progress_follows_a_file_that_is_set_aside(installation: Installation) -> None:
    store, clock = installation.open(), Clock(90)
    live = installation.otlp / "spans.json"
    live.write_bytes(line(1, days_ago=0))
    follower = by(clock, store, installation)
    live.rename(installation.otlp / ROTATED)
    live.write_bytes(line(2, days_ago=0))
    while follower.step():
        pass
    assert {name: file["old"] for name, file in installation.state()["files"].items()} == {ROTATED: 1, "spans.json": 1}
