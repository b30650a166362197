# SPDX-License-Identifier: MIT
"""Follows the collector's files into the store, or into a cluster.

How far it is, it writes down after the rows are on the disk. Killed between the two, it takes the same lines again, and
the store folds what it has twice: so a run is in the store once, whenever this is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from runspan_collector.files import CURRENT, OTLP, replace, state_file
from runspan_collector.store.cluster import Cluster
from runspan_collector.store.embedded import Store
from runspan_collector.store.rows import Decoder, Row

BATCH_BYTES = 4 << 20
LONGEST_LINE = 64 << 20
COUNTING = 100  # the more runs, the longer it takes to count them: that gets a hundredth of the time
MARKED = 4096
"""How much of a file's first line its mark is made of. The collector's journal has the same."""
REMEMBERED = 200
"""Of so many files that are gone it is known how far they were taken: as many as the journal tells of."""


@dataclass
class Progress:
    """How far a file was taken. The inode is how the file being written is known under its rotated name.

    The mark is of its first line: another file may have been put in its place, into the same inode too.
    """

    offset: int
    size: int
    inode: int
    mark: str = ""


class Follower:
    """One folder of files, one OTLP/JSON request a line."""

    def __init__(self, store: Store | Cluster, data: Path, *, decoder: Decoder | None = None) -> None:
        self._store = store
        self._otlp = data / OTLP
        self._state = state_file(data, "store")
        self._state.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.decoder = decoder or Decoder(store.services)
        self.files: dict[str, Progress] = {}
        self.gone: dict[str, int] = {}
        """How far files were taken that are not there any more, by their marks."""
        self.unread: str | None = None
        """Why a file could not be opened."""
        self.caught_up = threading.Event()
        """Set once a pass has come to the end of every file. Until then, counts of past weeks may grow."""
        self._counted: dict[str, Any] = {}
        self._read_state()

    def run(self, stop: threading.Event, *, pause: float = 1) -> None:
        """Follows until told to stop. What goes wrong is said in the state's ``error``, and tried again.

        What comes within a pause is taken together: each insert costs, whether of one run or of a thousand.
        """
        cleaned = written = count_again = float("-inf")
        while not stop.is_set():
            now, taken, counted, error = time.monotonic(), 0, False, None
            due = now - written > 10
            try:
                taken = self.step()
                error = self.unread
                if now - cleaned > 3600:
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
                    pass  # it is old then, which status sees
            if taken < BATCH_BYTES:
                if error is None:
                    self.caught_up.set()
                stop.wait(pause if error is None else 5)

    def _count(self) -> float:
        """Has the store say how it is, for the state. How many seconds that took."""
        began = time.monotonic()
        self._counted = self._store.status()
        return time.monotonic() - began

    def step(self) -> int:
        """Takes at most one batch of each file. How many bytes there were."""
        taken, self.unread = 0, None
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
        """The files' sizes, the oldest file first. What is no file is passed over, whatever its name."""
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
            self.unread = str(error)  # the others are taken meanwhile
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
                # The collector may not have synced it yet. After a power cut other lines would be in its place, and
                # be taken for these.
                os.fsync(file.fileno())
                self._store.insert(rows)
            except BaseException:
                self.decoder.counts = counted  # the same lines will be counted when they are taken
                raise
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
            # Only the file that was written gets another name. Another one's inode may have been used again.
            current = self.files.get(CURRENT)
            if name != CURRENT and current is not None and continues(current, status, first):
                found.offset = current.offset
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
                name: Progress(f["offset"], f["size"], f["inode"], f.get("mark", ""))
                for name, f in state["files"].items()
            }
            self.gone = dict(state.get("gone", {}))
            self.decoder.counts.update(state.get("counts", {}))
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError):
            self.files, self.gone = {}, {}  # everything is taken again, and folded

    def write_state(self, *, error: str | None = None) -> None:
        """``files`` is for what removes files, ``files`` and ``gone`` for status; the rest is for people."""
        nothing = Progress(0, 0, 0)
        lag = sum(max(0, size - self.files.get(name, nothing).offset) for name, size in self._present().items())
        state = {
            "files": {name: vars(progress) for name, progress in sorted(self.files.items())},
            "gone": self.gone,
            "counts": dict(sorted(self.decoder.counts.items())),
            "status": self._counted
            | {"error": error, "lag_bytes": lag, "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
        }
        replace(self._state, json.dumps(state, indent=1), 0o640)


def mark(file: BinaryIO) -> str:
    """Of the first line, once there is a whole one."""
    file.seek(0)
    start = file.read(MARKED)
    line, end, _ = start.partition(b"\n")
    return hashlib.sha256(line).hexdigest()[:16] if end or len(start) == MARKED else ""


def continues(progress: Progress, status: os.stat_result, first: str) -> bool:
    """Whether it is the file of this progress, as it was or with more behind it."""
    same = progress.mark in ("", first)
    return same and progress.inode == status.st_ino and progress.offset <= status.st_size
