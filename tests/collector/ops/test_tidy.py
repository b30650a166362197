# SPDX-License-Identifier: MIT
"""What may be removed, in every combination of what store and backup say."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.backup.tidy import tidy
from runspan_collector.files import BrokenStateError

SIZE, TIME = 100, 1_795_557_221_327_807_466
NAMES = ["spans.json", "spans-2026-11-24T10-00-00.000.json"]

# What each may say of a file, and whether that is all of it.
STORE: list[tuple[str, Any, bool]] = [
    ("nothing", None, False),
    ("all", {"offset": SIZE, "size": SIZE}, True),
    ("half", {"offset": SIZE // 2, "size": SIZE}, False),
    ("all of what it was", {"offset": SIZE - 1, "size": SIZE - 1}, False),
    ("more", {"offset": SIZE + 1, "size": SIZE + 1}, False),
    ("text", {"offset": str(SIZE), "size": str(SIZE)}, False),
    ("true", {"offset": True, "size": True}, False),
    ("no offset", {"size": SIZE}, False),
    ("no numbers", {}, False),
]
BACKUP: list[tuple[str, Any, bool]] = [
    ("nothing", None, False),
    ("all", {"size": SIZE, "mtime_ns": TIME}, True),
    ("less", {"size": SIZE - 1, "mtime_ns": TIME}, False),
    ("more", {"size": SIZE + 1, "mtime_ns": TIME}, False),
    ("of another time", {"size": SIZE, "mtime_ns": TIME - 1}, False),
    ("no time", {"size": SIZE}, False),
    ("a fraction", {"size": float(SIZE), "mtime_ns": TIME}, False),
    ("no numbers", {}, False),
]


def folder(tmp_path: Path, states: dict[str, Any], names: list[str] = NAMES) -> Path:
    (tmp_path / "otlp").mkdir()
    (tmp_path / "state").mkdir()
    for name in names:
        path = tmp_path / "otlp" / name
        path.write_bytes(b"x" * SIZE)
        os.utime(path, ns=(TIME, TIME))
    for whose, files in states.items():
        (tmp_path / "state" / f"{whose}.json").write_text(json.dumps({"files": files}))
    return tmp_path


def left(data: Path) -> list[str]:
    return sorted(os.listdir(data / "otlp"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("store", "backup"), list(itertools.product(STORE, BACKUP)), ids=lambda case: str(case[0]))
def test_every_combination(
    tmp_path: Path, name: str, store: tuple[str, Any, bool], backup: tuple[str, Any, bool]
) -> None:
    states = {w: {name: says} for w, says in (("store", store[1]), ("backup", backup[1])) if says is not None}
    data = folder(tmp_path, states, [name])
    may_go = name != "spans.json" and store[2] and backup[2]
    assert tidy(data, dry_run=True) == ([name] if may_go else [])
    assert left(data) == [name]
    assert tidy(data) == ([name] if may_go else [])
    assert left(data) == ([] if may_go else [name])


GOOD = {"store": {NAMES[1]: STORE[1][1]}, "backup": {NAMES[1]: BACKUP[1][1]}}


@pytest.mark.parametrize("whose", ["store", "backup"])
@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"files": []}', '{"files": {"a": 1}}', "\x00" * 20, "caf\xe9"]
)
def test_a_state_that_cannot_be_believed(tmp_path: Path, whose: str, content: str) -> None:
    data = folder(tmp_path, GOOD)
    (data / "state" / f"{whose}.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BrokenStateError, match=f"{whose}.json"):
        tidy(data)
    assert left(data) == sorted(NAMES)


@pytest.mark.parametrize("whose", ["store", "backup"])
def test_a_state_that_is_not_there(tmp_path: Path, whose: str) -> None:
    data = folder(tmp_path, GOOD)
    (data / "state" / f"{whose}.json").unlink()
    assert tidy(data) == []
    assert left(data) == sorted(NAMES)


@pytest.mark.parametrize(
    ("runs", "old", "future", "days", "stays"),
    [
        (10, 0, 0, 0, False),
        (10, 4, 0, 0, False),  # so many clients' clocks may be wrong
        (10, 5, 0, 0, True),
        (10, 2, 3, 0, True),
        (1, 0, 1, 6.9, True),
        (1, 0, 1, 7.1, False),
        (1, 0, 1, -400, True),  # the clock was ahead, and is right now
    ],
)
def test_a_file_of_doubtful_times_stays_for_a_week(
    tmp_path: Path, runs: int, old: int, future: int, days: float, stays: bool
) -> None:
    """The store takes the runs when the clock is right."""
    name, mtime_ns = NAMES[1], time.time_ns() - round(days * 86400e9)
    said = {"offset": SIZE, "size": SIZE, "runs": runs, "old": old, "future": future}
    states = {"store": {name: said}, "backup": {name: {"size": SIZE, "mtime_ns": mtime_ns}}}
    data = folder(tmp_path, states, [name])
    os.utime(data / "otlp" / name, ns=(mtime_ns, mtime_ns))
    assert tidy(data) == ([] if stays else [name])


def change_size(path: Path) -> None:
    path.write_bytes(b"x" * (SIZE + 1))
    os.utime(path, ns=(TIME, TIME))


def change_content(path: Path) -> None:
    path.write_bytes(b"y" * SIZE)


def make_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [change_size, change_content, make_link, make_folder])
def test_changed_since(tmp_path: Path, change: Any) -> None:
    data = folder(tmp_path, GOOD)
    change(data / "otlp" / NAMES[1])
    before = left(data)
    assert tidy(data) == []
    assert left(data) == before


@pytest.mark.parametrize("name", ["spans-../state/store.json", "other.json", "spans-x.json.gz", ".spans-x.json"])
def test_names_of_others(tmp_path: Path, name: str) -> None:
    """Both states name it: that is not enough."""
    data = folder(tmp_path, {w: {name: next(iter(GOOD[w].values()))} for w in GOOD}, [])
    if "/" not in name:
        path = data / "otlp" / name
        path.write_bytes(b"x" * SIZE)
        os.utime(path, ns=(TIME, TIME))
    before = left(data)
    assert tidy(data) == []
    assert left(data) == before and len(os.listdir(data / "state")) == 2
