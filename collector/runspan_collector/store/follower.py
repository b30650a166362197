# SPDX-License-Identifier: MIT
"""Read the collector's files into the store, or into a cluster, as they grow.

The follower writes its progress after the rows are on the disk. If it is killed between the two, it reads the same
lines again, and the store merges the duplicates. So a run is in the store once, whenever the follower is killed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from runspan_collector.files import CURRENT, OTLP, doubtful, replace, state_file
from runspan_collector.store.cluster import Cluster
from runspan_collector.store.embedded import Store
from runspan_collector.store.rows import DAY_NS, Decoder, Row, begun, kept

BATCH_BYTES = 4 << 20
LONGEST_LINE = 64 << 20
COUNTING = 100  # with many runs a count takes long, so counting gets a hundredth of the time
MARKED = 4096
"""How many bytes of a file's first line are in its mark. The collector's journal has the same number."""
REMEMBERED = 200
"""For how many files that are gone the progress is kept: as many as the collector's metric has."""

FRESH_NS = 2 * DAY_NS
"""A clock is right if a run has ended so recently by it, because programs send most runs within minutes."""
IDLE_SECONDS = 7 * 86400
"""A clock is taken for right after this time without a run that says so."""
CLOCK_SET_NS = 60 * 10**9
"""A clock that has moved by more than this against the monotonic one was set."""


@dataclass
class Progress:
    """The progress in a file. The inode identifies the current file after it was renamed.

    The mark is a hash of the first line, because another file may have the same name, and even the same inode. ``runs``
    counts those that were read; ``old`` and ``future`` count those of them that were left out because of their times.
    ``newest`` is the last begin of the old ones, ``soonest`` the first end of the future ones, in nanoseconds.
    """

    offset: int
    size: int
    inode: int
    mark: str = ""
    runs: int = 0
    old: int = 0
    future: int = 0
    newest: int = 0
    soonest: int = 0

    def judge(self, runs: int, old: list[int], future: list[int]) -> None:
        """Add runs that were read, and the times of those that were left out."""
        self.runs += runs
        self.newest = max([self.newest, *old]) if self.old else max(old, default=0)
        self.soonest = min([self.soonest, *future]) if self.future else min(future, default=0)
        self.old += len(old)
        self.future += len(future)

    def in_time(self, now: int) -> bool:
        """Return whether a run was left out that is not too old or too far in the future now."""
        return bool(self.old and kept(self.newest, now) or self.future and begun(self.soonest, now))


class Follower:
    """The reader of one folder of files. Each line is one OTLP/JSON request."""

    def __init__(self, store: Store | Cluster, data: Path, *, decoder: Decoder | None = None) -> None:
        self._store = store
        self._otlp = data / OTLP
        self._state = state_file(data, "store")
        self._state.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.decoder = decoder or Decoder(store.services, types=store.types)
        self.files: dict[str, Progress] = {}
        self.gone: dict[str, int] = {}
        """The progress in files that no longer exist, by their marks."""
        self.faults: Callable[[], list[str]] = list
        """Returns what is wrong beside the store: with its pages. The state file has it, for the status."""
        self.unread: str | None = None
        """The reason why a file could not be opened."""
        self.caught_up = threading.Event()
        """Set once a pass has come to the end of every file. Until then, counts of past weeks may grow."""
        self._counted: dict[str, Any] = {}
        self._clock = 0.0  # nanoseconds between the clock and the monotonic one
        self._judged = float("-inf")
        self._set = time.monotonic()  # when the clock was last set, as far as is known
        self._read_state()

    def run(self, stop: threading.Event, *, pause: float = 1) -> None:
        """Read until ``stop`` is set. After an error, write it to the state's ``error``, and try again.

        Lines that arrive within ``pause`` seconds are inserted together, because an insert costs the same for one run
        as for a thousand.
        """
        cleaned = written = count_again = float("-inf")
        while not stop.is_set():
            now, taken, counted, error = time.monotonic(), 0, False, None
            due = now - written > 10
            try:
                taken = self.step()
                error = self.unread
                if now - cleaned > 3600 and self.sure():
                    cleaned = now
                    self._store.clean()
                if now >= count_again and (taken or due):
                    count_again, counted = now + COUNTING * self._count(), True
            except (OSError, RuntimeError) as e:  # a full disk, for one
                error = str(e).splitlines()[0]
            if counted or error or due:
                written = now
                try:
                    self.write_state(error=error)
                except OSError:
                    pass  # the state file gets old, and status reports that
            if taken < BATCH_BYTES:
                if error is None:
                    self.caught_up.set()
                stop.wait(pause if error is None else 5)

    def doubtful(self) -> bool:
        """Return whether the clock here may be wrong: too many runs of a file have times out of the store's range."""
        return any(doubtful(vars(progress)) for progress in self.files.values())

    def sure(self) -> bool:
        """Return whether the clock here is right, as the runs say. Runs may be removed and weeks be counted then.

        A clock that is ahead by less than the store keeps runs leaves none out. But no run is new by it.
        """
        fresh = self.decoder.now_ns() - self.decoder.newest < FRESH_NS
        return not self.doubtful() and (fresh or time.monotonic() - self._set > IDLE_SECONDS)

    def complete(self) -> bool:
        """Return whether the counts of past weeks can't grow any more: every line is read, and the clock is right."""
        return self.caught_up.is_set() and self.sure()

    def _read_again(self) -> None:
        """Begin files anew of which a run was left out that is in time now: once an hour, and if the clock was set."""
        now, elapsed = self.decoder.now_ns(), time.monotonic()
        clock = now - elapsed * 1e9
        if abs(clock - self._clock) < CLOCK_SET_NS and elapsed - self._judged < 3600:
            return
        if abs(clock - self._clock) >= CLOCK_SET_NS:
            self._set = elapsed
        if not begun(self.decoder.newest, now):  # it came while the clock was ahead
            self.decoder.newest = 0
        self._clock, self._judged = clock, elapsed
        for progress in self.files.values():
            if progress.in_time(now):
                self.decoder.counts -= Counter(old_spans=progress.old, future_spans=progress.future)
                progress.offset = progress.runs = progress.old = progress.future = 0

    def _count(self) -> float:
        """Refresh the status for the state file; return the seconds that it took."""
        began = time.monotonic()
        self._counted = self._store.status()
        return time.monotonic() - began

    def step(self) -> int:
        """Read at most one batch of each file; return the number of bytes."""
        taken, self.unread = 0, None
        self._read_again()
        present = self._present()
        for name in present:
            taken += self._take(name)
        gone = self.files.keys() - set(present)
        if gone:
            for name in gone:
                self._leave(self.files.pop(name))
            self.write_state()
        return taken

    def _present(self) -> dict[str, int]:
        """Return the files' sizes, the oldest file first. Ignore links and folders, whatever their names."""
        found = []
        for path in self._otlp.glob("*.json"):
            try:
                status = path.stat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime_ns, path.name, status.st_size))
        return {name: size for _, name, size in sorted(found)}

    def _take(self, name: str) -> int:
        try:
            file = open(self._otlp / name, "rb")
        except FileNotFoundError:
            return 0
        except OSError as error:
            self.unread = str(error)  # go on with the other files
            return 0
        with file:
            status = os.fstat(file.fileno())
            progress = self._known(name, status, mark(file))
            progress.size = status.st_size
            if progress.offset >= status.st_size:
                return 0
            file.seek(progress.offset)
            rows: list[Row] = []
            counted = self.decoder.counts.copy()
            self.decoder.old, self.decoder.future = [], []
            took = 0
            while took < BATCH_BYTES:
                line = file.readline(LONGEST_LINE)
                unfinished = not line.endswith(b"\n") and len(line) < LONGEST_LINE
                if not line or unfinished and name == CURRENT:
                    break  # the collector is writing it
                took += len(line)
                if line.strip():
                    rows += self.decoder.line(line)
            if not took:
                return 0
            try:
                # The collector may not have synced these lines yet. After a power cut, other lines could be in their
                # place, and would count as read.
                os.fsync(file.fileno())
                self._store.insert(rows)
            except BaseException:
                self.decoder.counts = counted  # the next try will count the same lines
                raise
        old, future = self.decoder.old, self.decoder.future
        progress.judge(len(rows) + len(old) + len(future), old, future)
        progress.offset += took
        progress.size = max(progress.size, progress.offset)
        self.write_state()
        return took

    def _known(self, name: str, status: os.stat_result, first: str) -> Progress:
        found = self.files.get(name)
        if found is None or not continues(found, status, first):
            if found is not None:
                self._leave(found)
            found = Progress(0, status.st_size, status.st_ino)
            # The collector renames only the current file. The inode of another file may have been used again.
            current = self.files.get(CURRENT)
            if name != CURRENT and current is not None and continues(current, status, first):
                found = dataclasses.replace(current, size=status.st_size)
            self.files[name] = found
        found.mark = found.mark or first
        return found

    def _leave(self, progress: Progress) -> None:
        if progress.mark:
            self.gone[progress.mark] = max(self.gone.pop(progress.mark, 0), progress.offset)
        for oldest in list(self.gone)[:-REMEMBERED]:
            del self.gone[oldest]

    def _read_state(self) -> None:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            self.files = {
                name: Progress(**{key: f[key] for key in f.keys() & Progress.__dataclass_fields__.keys()})
                for name, f in state["files"].items()
            }
            self.gone, counts, newest = (
                dict(state.get("gone", {})),
                dict(state.get("counts", {})),
                state.get("newest", 0),
            )
            said = [value for one in self.files.values() for key, value in vars(one).items() if key != "mark"]
            if not all(type(number) is int for number in (*said, *self.gone.values(), *counts.values(), newest)):
                raise ValueError("not numbers")
            self.decoder.counts.update(counts)
            self.decoder.newest = newest
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError):
            self.files, self.gone = {}, {}  # read everything again; the store merges the duplicates

    def write_state(self, *, error: str | None = None) -> None:
        """Write the state file. tidy reads ``files``, status reads all but ``counts`` and ``newest``."""
        nothing = Progress(0, 0, 0)
        lag = sum(max(0, size - self.files.get(name, nothing).offset) for name, size in self._present().items())
        state = {
            "files": {name: vars(progress) for name, progress in sorted(self.files.items())},
            "gone": self.gone,
            "counts": dict(sorted(self.decoder.counts.items())),
            "newest": self.decoder.newest,
            "faults": self.faults(),
            "status": self._counted
            | {"error": error, "lag_bytes": lag, "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
        }
        replace(self._state, json.dumps(state, indent=1), 0o640)


def mark(file: BinaryIO) -> str:
    """Return a hash of the file's first line; empty if it has no whole line yet."""
    file.seek(0)
    start = file.read(MARKED)
    line, end, _ = start.partition(b"\n")
    return hashlib.sha256(line).hexdigest()[:16] if end or len(start) == MARKED else ""


def continues(progress: Progress, status: os.stat_result, first: str) -> bool:
    """Return whether the progress is of this file, which may have grown since."""
    same = progress.mark in ("", first)
    return same and progress.inode == status.st_ino and progress.offset <= status.st_size
