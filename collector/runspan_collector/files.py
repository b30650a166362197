# SPDX-License-Identifier: MIT
"""The data folder of an installation, what is written there, and where the checkout has what is not Python.

The collector writes ``otlp`` and ``queue``, the store ``store`` and its state, the backup ``cache`` and its state.
Several users share ``state``: each may make files there, and none can remove another's.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
SCHEMAS = ROOT / "schemas"
STATIC = BUILD / "collector" / "static"

OTLP, QUEUE, STATE, STORE, CACHE, BACKUP = "otlp", "queue", "state", "store", "cache", "backup"
FOLDERS = (OTLP, QUEUE, STATE, STORE, CACHE, BACKUP)
"""``backup`` is the repository where that is on the same machine."""
CURRENT = "spans.json"
"""The file of ``otlp`` that the collector writes to; the others it has set aside."""
NAME = re.compile(r"spans(-[0-9A-Za-z.-]+)?\.json")
KEPT_DAYS = 60
"""How long a run is in the store, from its beginning."""


class BrokenStateError(Exception):
    """A state file that can't be believed."""


def otlp_files(data: Path) -> dict[str, os.stat_result]:
    """The collector's files by name; of links and folders nothing is said, whatever their name."""
    found = {}
    for entry in os.scandir(data / OTLP):
        status = entry.stat(follow_symlinks=False)
        if NAME.fullmatch(entry.name) and stat.S_ISREG(status.st_mode):
            found[entry.name] = status
    return found


def state_file(data: Path, whose: str) -> Path:
    """What ``store`` or ``backup`` writes of how far it is, or the store ``public``: the counts for everyone."""
    return data / STATE / f"{whose}.json"


def read_state(data: Path, whose: str) -> dict[str, Any]:
    """What ``store`` or ``backup`` has written; nothing where it has written nothing yet."""
    path = state_file(data, whose)
    try:
        state = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BrokenStateError(f"{path}: {error}") from error
    files = state.get("files", {}) if isinstance(state, dict) else None
    if not isinstance(files, dict) or not all(isinstance(file, dict) for file in files.values()):
        raise BrokenStateError(f"{path}: not a list of files")
    return dict(state)


def write_state(data: Path, whose: str, state: dict[str, Any]) -> None:
    """Replace a state file. It is readable for the group, which the other parts are in."""
    replace(state_file(data, whose), json.dumps(state, indent=1), 0o640)


def replace(path: Path, text: str, mode: int, *, made_in: Path | None = None) -> None:
    """Write a file, which is on the disk when this returns. The old content or the new one is there at any moment.

    It is written under a name that nobody knows before, since others may put links into the folder of states. That is
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
    """Let what was put into the folder, or renamed in it, be there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
