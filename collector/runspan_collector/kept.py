# SPDX-License-Identifier: MIT
"""Counts of whole weeks and months that are kept for good, in a small file: no single runs, and no names of people."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from runspan_collector.files import KEPT_DAYS, replace, set_aside

Row = dict[str, Any]

WEEK = timedelta(weeks=1)
LATE = timedelta(days=1)
"""How long to wait for late reports of a week or a month."""
COUNTED = timedelta(days=KEPT_DAYS - 1)
"""How long the store has all runs of a time, from its begin: a day less than it keeps them; counting takes time."""


def whole(unit: str, since: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield begin and end of each ``week`` (from Monday) or ``month``, of UTC, that began not before ``since``.

    The last of them has ended ``LATE`` before ``now``.
    """
    begin = since.replace(hour=0, minute=0, second=0, microsecond=0)
    begin = begin.replace(day=1) if unit == "month" else begin - timedelta(days=begin.weekday())
    while (end := _next(unit, begin)) <= now - LATE:
        if begin >= since:
            yield begin, end
        begin = end


def _next(unit: str, begin: datetime) -> datetime:
    return (begin + timedelta(days=32)).replace(day=1) if unit == "month" else begin + WEEK


class Kept:
    """The file: rows by a key, which names a question and a time.

    What is in it stays. With ``again``, a later count of the same time takes the place of one with fewer runs, because
    it has the late reports; a count with fewer is of a store that was made anew. Threads and processes may share it.
    """

    def __init__(self, path: Path, *, again: bool = False) -> None:
        self._path = path
        self._again = again

    def read(self) -> dict[str, list[Row]]:
        """Return all counts. If the file is damaged: ValueError; with ``again``, set it aside and say so instead."""
        try:
            return _counts(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            if not self._again:
                raise
            aside = set_aside(self._path)
            print(
                f"kept counts: {self._path} is damaged ({error}): it is now {aside.name}; what the store still has is "
                "counted again, and runspan-store count counts the rest from the backup",
                file=sys.stderr,
                flush=True,
            )
            return {}

    def add(self, counts: Mapping[str, list[Row]]) -> None:
        """Add counts that are not there yet. OSError if the file can't be written."""
        with self._alone():
            there = self.read()
            new = {key: rows for key, rows in counts.items() if key not in there or self._better(rows, there[key])}
            if new:
                replace(self._path, json.dumps(dict(sorted((there | new).items())), indent=1), 0o640)

    def _better(self, rows: list[Row], there: list[Row]) -> bool:
        runs, before = (sum(row["runs"] for row in one) for one in (rows, there))
        return self._again and rows != there and runs >= before

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The folder, because a file for the lock would belong to who made it.
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def _counts(text: bytes) -> dict[str, list[Row]]:
    found = json.loads(text)
    groups = list(found.values()) if isinstance(found, dict) else [None]
    rows = [row for one in groups for row in (one if isinstance(one, list) else [None])]
    if not all(isinstance(row, dict) and isinstance(row.get("runs"), int) for row in rows):
        raise ValueError("not rows with numbers of runs")
    return dict(found)
