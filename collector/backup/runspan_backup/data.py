# SPDX-License-Identifier: MIT
"""The data folder of an installation: the collector's files, and what store and backup say of how far they are."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

CURRENT = "spans.json"
NAME = re.compile(r"spans(-[0-9A-Za-z.-]+)?\.json")


class BrokenStateError(Exception):
    """A state file that can't be believed."""


def otlp_files(data: Path) -> dict[str, os.stat_result]:
    """The collector's files by name; of links and folders nothing is said, whatever their name."""
    found = {}
    for entry in os.scandir(data / "otlp"):
        status = entry.stat(follow_symlinks=False)
        if NAME.fullmatch(entry.name) and stat.S_ISREG(status.st_mode):
            found[entry.name] = status
    return found


def read_state(data: Path, whose: str) -> dict[str, Any]:
    """What ``store`` or ``backup`` has written; nothing where it has written nothing yet."""
    path = data / "state" / f"{whose}.json"
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
    """The old state or the new one is there at any moment. Readable for the group, which the other parts are in."""
    path = data / "state" / f"{whose}.json"
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """What was put into it, or renamed in it, is there after a power cut."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
