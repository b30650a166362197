# SPDX-License-Identifier: MIT
"""The data folder of an installation: the collector's files, and what store and backup say of how far they are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import tempfile
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


def mark(path: Path) -> str:
    """Tells files apart by their first lines, whatever their names; nothing where there is no whole line yet."""
    try:
        with open(path, "rb") as file:
            line, end, _ = file.read(1 << 20).partition(b"\n")
    except FileNotFoundError:
        return ""
    return hashlib.sha256(line).hexdigest() if end else ""


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
    write_synced(data / "state" / f"{whose}.json", json.dumps(state, indent=1).encode(), 0o640)


def write_synced(path: Path, content: bytes, mode: int) -> None:
    """A new file, or a new content of one; on the disk when it returns.

    It is written under a name that nobody knows before, since others may put links into the folder of states.
    """
    descriptor, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """What was put into the folder, or renamed in it, is there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_back(data: Path, *more: Path) -> None:
    """What root has made here, and in more folders, becomes that user's who owns the cache: the timers run as it.

    That user can put a link in the place of a folder meanwhile: each is opened, and its entries are named from there.
    """
    owner = (data / "cache").stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return

    def give(name: str, folder: int | None = None) -> None:
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if status.st_uid == 0 and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)

    give(str(data / "state" / "backup.json"))
    for top in (data / "cache", *more):
        for _, folders, files, opened in os.fwalk(top):
            for name in folders + files:
                give(name, opened)
