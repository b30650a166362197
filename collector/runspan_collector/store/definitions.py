# SPDX-License-Identifier: MIT
"""Repair the files with chdb's definitions of database, table and views, before chdb opens them.

chdb ignores a failed write. On a full disk it replaces a definition by an empty or incomplete one, and can't open it
the next time. The store makes views again from the schemas. It makes the table's definition again too, with the id that
is in the name of the folder with its rows.
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
KINDS = {tables.TABLE: TABLE, tables.VIEW: VIEW, tables.RUNS: VIEW, tables.TAKEN: VIEW}
ANY = re.compile(r".+\n", re.DOTALL)


class NoRoomError(OSError):
    """The disk, the quota or the inodes are used up, or the disk is read-only."""


def need_room(folder: Path) -> None:
    """Raise NoRoomError if there is no room for the files of a start. Write some to see: quotas are not visible."""
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
    """Return the files that chdb could not open, or would open as something else."""
    files = (
        path for where in ("metadata", "store/*/*", "metadata_dropped") for path in folder.glob(f"chdb/{where}/*.sql")
    )
    # Meanwhile chdb removes what it has dropped.
    return [path for path in files if not _whole(path, _kind(path)) and path.exists()]


def mend(folder: Path, types: dict[str, str]) -> None:
    """Remove broken files, and make the definitions of database and table again if there are rows."""
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
    """Return the folders that may have the table's rows: the one in the incomplete definition, or those in no other."""
    found = [path for path in folder.glob(ROWS) if any(part.is_dir() for part in path.glob("[0-9]*_*"))]
    if named := re.search(UUID, _text(definition)):
        return [path for path in found if path.name == named[0]]
    others = [*folder.glob("chdb/store/*/*/*.sql"), *folder.glob("chdb/metadata_dropped/*.sql")]
    names = {name for path in others for name in re.findall(UUID, _text(path))}
    return [path for path in found if path.name not in names]


def _again(path: Path, folder: Path, candidates: list[Path], text: str) -> None:
    """Write a definition with the id of the only folder that it can belong to. Without a folder there are no rows."""
    if len(candidates) > 1:
        named = ", ".join(str(candidate) for candidate in candidates)
        raise RuntimeError(f"{path} is broken, and may belong to any of {named}: make the store anew")
    if not candidates:
        path.unlink(missing_ok=True)
        return
    # Make the temporary file elsewhere: beside the path, chdb would find the rest that a power cut leaves.
    replace(path, text.replace("{}", candidates[0].name, 1), 0o640, made_in=folder)
