# SPDX-License-Identifier: MIT
"""The paths in the data folder of an installation and in the checkout, and functions that read and replace files.

The collector writes to ``otlp``, ``queue`` and ``tls``, the store to ``store`` and its state file, the backup to
``cache`` and its state file. Several users share ``state``: each may make files there, and none can remove another's.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
SCHEMAS = ROOT / "schemas"
STATIC = BUILD / "collector" / "static"

OTLP, QUEUE, TLS, STATE, STORE, CACHE, BACKUP = "otlp", "queue", "tls", "state", "store", "cache", "backup"
FOLDERS = (OTLP, QUEUE, TLS, STATE, STORE, CACHE, BACKUP)
"""``backup`` is the repository if it is on the same machine."""
CURRENT = "spans.json"
"""The file in ``otlp`` that the collector writes to. It has set the others aside."""
NAME = re.compile(r"spans(-[0-9A-Za-z.-]+)?\.json")
KEPT_DAYS = 60
"""How many days the store keeps a run, from the run's begin."""


class BrokenStateError(Exception):
    """A state file is not valid."""


def otlp_files(data: Path) -> dict[str, os.stat_result]:
    """Return the collector's files by name, without links and folders."""
    found = {}
    for entry in os.scandir(data / OTLP):
        status = entry.stat(follow_symlinks=False)
        if NAME.fullmatch(entry.name) and stat.S_ISREG(status.st_mode):
            found[entry.name] = status
    return found


def doubtful(file: dict[str, Any]) -> bool:
    """Return whether the store has left out at least half of a file's runs because of their times.

    ``file`` is what the store's state says of it. A client's clock may be wrong, but those of half of them are not: the
    clock here may be wrong.
    """
    left_out = file.get("old", 0) + file.get("future", 0)
    return bool(left_out and 2 * left_out >= file.get("runs", 0))


def state_file(data: Path, whose: str) -> Path:
    """Return the path of a state file: of ``store``, ``backup``, or ``public``, which has the counts for everyone."""
    return data / STATE / f"{whose}.json"


def read_state(data: Path, whose: str) -> dict[str, Any]:
    """Return the state of ``store`` or ``backup``, empty if there is no file. BrokenStateError if it is not valid."""
    path = state_file(data, whose)
    try:
        state = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BrokenStateError(f"{path}: {error}: remove it, and it is made anew") from error
    files = state.get("files", {}) if isinstance(state, dict) else None
    if not isinstance(files, dict) or not all(isinstance(file, dict) for file in files.values()):
        raise BrokenStateError(f"{path}: not a list of files: remove it, and it is made anew")
    return dict(state)


def write_state(data: Path, whose: str, state: dict[str, Any]) -> None:
    """Replace a state file. The group can read it: the other parts are in the group."""
    replace(state_file(data, whose), json.dumps(state, indent=1), 0o640)


def replace(path: Path, text: str, mode: int, *, made_in: Path | None = None) -> None:
    """Replace a file atomically, and sync it to the disk.

    The temporary file has a random name, because others could put a link with a known name into the folder. It is
    beside ``path``, or in the folder ``made_in``.
    """
    descriptor, new = tempfile.mkstemp(dir=made_in or path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """Sync a folder, so that new and renamed files survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(path: Path) -> Path:
    """Give a damaged file another name, so that people can look at it. Return the name."""
    aside = path.with_name(f"{path.name}-damaged-{time.time_ns()}")
    os.rename(path, aside)
    return aside
