# SPDX-License-Identifier: MIT
"""What chdb has written down of its database, table and views: mended before chdb opens them.

chdb does not heed a write that fails. On a full disk it puts an empty or half a definition in the place of a whole one,
and opens nothing the next time. A view is made again from the schemas. So is the table's definition, with the id that
the folder of its rows is named by.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

from runspan_collector.files import replace
from runspan_collector.store import tables

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
FILES, BYTES = 16, 64 << 10  # more than a start writes, an insert's first reservation too
ROWS = "disks/plain/encrypted/store/*/*"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
DATABASE = re.compile(rf"ATTACH DATABASE _ UUID '{UUID}'\nENGINE = Atomic\n")
TABLE = re.compile(
    rf"ATTACH TABLE _ UUID '{UUID}'\n\(\n.*\n\)\nENGINE = .*\nSETTINGS storage_policy = [^\n]*\n", re.DOTALL
)
VIEW = re.compile(rf"ATTACH VIEW _ UUID '{UUID}'\n\(\n.*\n\)\nAS SELECT.*\nFROM [^\n]*\n(.*\n)?", re.DOTALL)
KINDS = {tables.TABLE: TABLE, tables.VIEW: VIEW, tables.TAKEN: VIEW}
ANY = re.compile(r".+\n", re.DOTALL)


class NoRoomError(OSError):
    """The disk is full, or its quota or its inodes are, or it may only be read."""


def need_room(folder: Path) -> None:
    """NoRoomError where what a start may write has no room. It is written and removed: no quota is to be seen else."""
    try:
        for left in folder.glob("room-*"):
            shutil.rmtree(left)
        made = Path(tempfile.mkdtemp(prefix="room-", dir=folder))
        try:
            for number in range(FILES):
                with open(made / str(number), "wb") as file:
                    file.write(os.urandom(BYTES))
                    file.flush()
                    os.fsync(file.fileno())
        finally:
            shutil.rmtree(made)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise NoRoomError(error.errno, f"no room for the store: {error.strerror}", str(folder)) from None


def broken(folder: Path) -> list[Path]:
    """The files that chdb would not open, or not as what they were."""
    files = (
        path for where in ("metadata", "store/*/*", "metadata_dropped") for path in folder.glob(f"chdb/{where}/*.sql")
    )
    return [path for path in files if not _whole(path, _kind(path))]


def mend(folder: Path, types: dict[str, str]) -> None:
    """Removes what is broken, and makes the database's and the table's definition again where there are rows."""
    for path in broken(folder):
        if path != _database(folder) and path.stem != tables.TABLE:
            path.unlink()
    database = _database(folder)
    if not _whole(database, DATABASE):
        _again(database, folder, list(folder.glob("chdb/store/*/*")), "ATTACH DATABASE _ UUID '{}'\nENGINE = Atomic\n")
    for within in folder.glob("chdb/store/*/*"):
        path = within / f"{tables.TABLE}.sql"
        if not _whole(path, TABLE):
            _again(path, folder, _rows(folder, path), tables.attach_table(types, policy="encrypted"))


def _database(folder: Path) -> Path:
    return folder / "chdb" / "metadata" / f"{tables.DATABASE}.sql"


def _kind(path: Path) -> re.Pattern[str]:
    if path.parent.name == "metadata":
        return DATABASE if path.stem == tables.DATABASE else ANY
    return ANY if path.parent.name == "metadata_dropped" else KINDS.get(path.stem, ANY)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _whole(path: Path, kind: re.Pattern[str]) -> bool:
    text = _text(path)
    return "\0" not in text and kind.fullmatch(text) is not None


def _rows(folder: Path, definition: Path) -> list[Path]:
    """Where the table's rows may be: in the folder that half a definition names, or in those that no other names."""
    found = [path for path in folder.glob(ROWS) if any(part.is_dir() for part in path.glob("[0-9]*_*"))]
    if named := re.search(UUID, _text(definition)):
        return [path for path in found if path.name == named[0]]
    others = [*folder.glob("chdb/store/*/*/*.sql"), *folder.glob("chdb/metadata_dropped/*.sql")]
    names = {name for path in others for name in re.findall(UUID, _text(path))}
    return [path for path in found if path.name not in names]


def _again(path: Path, folder: Path, candidates: list[Path], text: str) -> None:
    """Writes a definition with the id of the one folder that it can belong to. Where there is none, nothing is lost."""
    if len(candidates) > 1:
        named = ", ".join(str(candidate) for candidate in candidates)
        raise RuntimeError(f"{path} is broken, and may belong to any of {named}: make the store anew")
    if not candidates:
        path.unlink(missing_ok=True)
        return
    # Not beside it, where chdb would find what a power cut has left.
    replace(path, text.replace("{}", candidates[0].name, 1), 0o640, made_in=folder)
