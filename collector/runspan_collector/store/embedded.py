# SPDX-License-Identifier: MIT
"""The table in chdb, on an encrypted disk, and queries of it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from chdb.session import Session

from runspan_collector.files import KEPT_DAYS, STORE, sync
from runspan_collector.store import tables
from runspan_collector.store.columns import KINDS, columns, quoted, read, stored
from runspan_collector.store.definitions import NoRoomError, broken, mend, need_room
from runspan_collector.store.each import expanded
from runspan_collector.store.rows import Row, encode

# The values of parameters that are empty or missing.
EVERYTHING = {"from": "1970-01-01 00:00:00", "to": "2106-01-01 00:00:00"}
LIFETIME = 240  # seconds that the sources of a merged part stay; the store checks the merged part in that time
KEEP = f"SYSTEM STOP TTL MERGES {tables.TABLE}"
EXPIRED = f"toDateTime(timestamp) + INTERVAL {KEPT_DAYS} DAY < now()"
TAB_SEPARATED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": r"\0"})


class RefusedError(Exception):
    """The query is not a plain SELECT from the store's views."""


class Store:
    """The table. Only one process at a time may open it; the threads of that process may share it.

    chdb ignores a failed write, for example on a full disk. So the store checks what chdb has written: definitions when
    they are made and before they are opened, rows before they count as read. NoRoomError if there is no room for the
    files of a start; a start that has nothing to write needs no room.
    """

    def __init__(self, data: Path, keys: Path, schemas: Path, *, kept_days: int = KEPT_DAYS) -> None:
        self._days = kept_days
        self.services = read(schemas)
        self.types = columns(self.services)
        """The type of each column, by the field's name."""
        self._folder = folder = data.resolve() / STORE
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise RuntimeError(f"another process has {folder}") from None
        self._disk = folder / "disks" / "plain" / "encrypted"
        self._checked: dict[str, str] = {}
        self._session: Session | None = None
        self._whole: set[str] = set()  # the parts that were checked
        self._at = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        try:
            self._secrets = _keys(keys / "store.key")
            self._create()
            if len(self._secrets) > 1:
                self._encrypt_anew()
            else:
                self._whole = self._parts()  # chdb checks parts when it opens them
        except BaseException as error:
            self.close()
            if isinstance(error, RuntimeError):
                need_room(folder)  # a full disk may be the reason
            raise

    def close(self) -> None:
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None
            if self._file >= 0:
                os.close(self._at)
                os.close(self._file)
                self._file = -1

    def query(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[Row]:
        """Return the rows of a SELECT. Its parameters have the form ``{name:Type}``; a missing one is empty."""
        sql = expanded(sql, self.services)
        values = given(sql, parameters)
        if sql not in self._checked:
            checked = self._check(sql, values)
            if len(self._checked) >= 256:
                self._checked.clear()
            self._checked[sql] = checked
        return self._run(self._checked[sql], values)

    def insert(self, rows: list[Row]) -> None:
        """Insert rows, and sync them to the disk. They replace rows of the same runs."""
        if rows:
            self._run(f"INSERT INTO {tables.TABLE} FORMAT JSONEachRow\n{encode(rows)}")
            # ClickHouse syncs the files; on an encrypted disk its fsync_part_directory fails.
            for table in self._disk.glob("store/*/*"):
                sync(table)
            self._look()

    def clean(self) -> None:
        """Remove runs older than ``KEPT_DAYS``: merge the weeks that still have such runs.

        Nothing else removes them, because only the caller knows whether the clock is right.
        """
        weeks = f"SELECT DISTINCT toString(toMonday(timestamp)) AS week FROM {tables.TABLE} WHERE {EXPIRED}"
        self._merge(*(f"PARTITION '{row['week']}'" for row in self._run(weeks)))

    def optimize(self) -> None:
        """Merge all parts. This removes duplicates and runs older than ``KEPT_DAYS``."""
        self._merge("")

    def _merge(self, *parts: str) -> None:
        if not parts:
            return
        self._run(f"SYSTEM START TTL MERGES {tables.TABLE}")
        try:
            for part in parts:
                self._run(f"OPTIMIZE TABLE {tables.TABLE} {part} FINAL")
        finally:
            self._run(KEEP)

    def expired(self) -> int:
        """Return how many rows older than ``KEPT_DAYS`` wait for a merge. No query shows them."""
        return int(self._run(f"SELECT count() AS n FROM {tables.TABLE} WHERE {EXPIRED}")[0]["n"])

    def status(self) -> dict[str, Any]:
        """Check the merged parts, and return the number of runs and when the last one began."""
        self._look()
        return summary(self._run(f"SELECT count() AS runs, max(timestamp) AS last FROM {tables.VIEW}"))

    def _run(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[Row]:
        with self._lock:
            if self._file < 0:
                raise RuntimeError("the store is closed")
            if self._session is None:
                self._session = self._begin()
            answer = self._session.query(sql, "JSONEachRow", params=escaped(parameters or {})).bytes()
        return [json.loads(line) for line in answer.splitlines()]

    def _begin(self) -> Session:
        mend(self._folder, self.types)
        if not list(self._folder.glob(f"chdb/metadata/{tables.DATABASE}.sql")):
            need_room(self._folder)
        session = _open(self._folder, self._at, self._secrets)
        session.query(f"CREATE DATABASE IF NOT EXISTS {tables.DATABASE}")
        session.query(f"USE {tables.DATABASE}")
        if session.query(f"EXISTS {tables.TABLE}").bytes().strip() == b"1":
            session.query(KEEP)
        # Without this, queries that need more memory would use temporary files, which are not encrypted.
        session.query("SET max_bytes_ratio_before_external_group_by = 0, max_bytes_ratio_before_external_sort = 0")
        return session

    def _parts(self) -> set[str]:
        parts = "SELECT name FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active"
        return {row["name"] for row in self._run(parts, {"table": tables.TABLE})}

    def _look(self) -> None:
        """Check the new parts. If one is incomplete, open the table again, and raise OSError.

        When chdb opens the table, it uses the sources of an incomplete part, which stay for some minutes after a merge.
        """
        parts = self._parts()
        cut = [name for name in sorted(parts - self._whole) if not self._is_whole(name)]
        self._whole = parts
        if not cut:
            return
        with self._lock:
            if self._session is not None:
                self._session.close()
                self._session = None
            self._whole = set()
        self._run("SELECT 1")
        for name in cut:
            for folder in self._disk.glob(f"store/*/*/detached/broken-on-start_{name}"):
                shutil.rmtree(folder)
        raise OSError(errno.ENOSPC, f"not all of {', '.join(cut)} was written: {os.strerror(errno.ENOSPC)}")

    def _is_whole(self, part: str) -> bool:
        try:
            return all(row["is_passed"] for row in self._run(f"CHECK TABLE {tables.TABLE} PART '{part}'"))
        except RuntimeError:
            if part in self._parts():
                raise
            return True  # it was merged meanwhile, so it was complete

    def _create(self) -> None:
        """Make the table and the views if they are missing, and adapt them to the schemas."""
        there = self._columns()
        for name, of in list(there.items()):
            if of == KINDS["strings"] and "/" not in name:  # an earlier version of the store stored the list so
                self._define(tables.rename_column(name, stored(name, of)))
                there[stored(name, of)] = there.pop(name)
        types = self.types = columns(self.services, there)
        needed = [] if there else [tables.create_table(types, policy="encrypted", days=self._days)]
        for key, column_type in types.items() if there else ():
            name = stored(key, column_type)
            if name not in there:
                needed.append(tables.add_column(key, column_type, [*there, *types]))
            elif there[name] != column_type:
                needed.append(tables.modify_column(key, column_type))
        self._define(*needed)
        self._run(KEEP)
        views = {
            tables.VIEW: tables.create_view(types, there=there, days=self._days),
            tables.RUNS: tables.create_runs(),
            tables.TAKEN: tables.create_taken(),
        }
        for name, sql in views.items():  # one after the other: RUNS has the columns of VIEW
            if self._differs(name, sql.partition(" AS\n")[2]):
                self._define(sql)

    def _columns(self) -> dict[str, str]:
        """Return the types of the table's columns, by their names; empty if there is no table."""
        listed = self._run(
            "SELECT name, type FROM system.columns "
            "WHERE database = currentDatabase() AND table = {table:String} AND default_kind = ''",
            {"table": tables.TABLE},
        )
        return {row["name"]: row["type"] for row in listed}

    def _define(self, *statements: str) -> None:
        """NoRoomError where there is no room for them, or another has taken it meanwhile."""
        if statements:
            need_room(self._folder)
            for sql in statements:
                self._run(sql)
            if cut := broken(self._folder):
                raise NoRoomError(errno.ENOSPC, "not all of a definition was written", str(cut[0]))

    def _differs(self, view: str, select: str) -> bool:
        """Whether the view is another one, or not there. Its columns keep the types that they had when it was made."""
        formatted = self._run("SELECT formatQuerySingleLine({sql:String}) AS as_select", {"sql": select})
        of_view = "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = {name:String}"
        if self._run(of_view, {"name": view}) != formatted:
            return True
        there, wanted = (self._run(f"DESCRIBE {table}") for table in (view, f"({select})"))
        return [(row["name"], row["type"]) for row in there] != [(row["name"], row["type"]) for row in wanted]

    def _encrypt_anew(self) -> None:
        """Copy the table, so that all of it is encrypted with the newest key."""
        copy = f"{tables.TABLE}_copy"
        self._run(f"DROP TABLE IF EXISTS {copy} SYNC")
        of_table = "SELECT sum(bytes_on_disk) AS size FROM system.parts WHERE database = currentDatabase() AND active"
        short = NoRoomError(errno.ENOSPC, "no room for a copy of the table with the new key", str(self._folder))
        if int(self._run(of_table)[0]["size"]) >= shutil.disk_usage(self._folder).free:
            raise short
        self._define(f"CREATE TABLE {copy} AS {tables.TABLE}")  # with the columns of fields that no schema has any more
        listed = ", ".join(map(quoted, self._columns()))
        self._run(f"INSERT INTO {copy} ({listed}) SELECT {listed} FROM {tables.TABLE}")
        if not all(row["is_passed"] for row in self._run(f"CHECK TABLE {copy}")):
            self._run(f"DROP TABLE {copy} SYNC")
            raise short
        self._run(f"{KEEP}_copy")
        self._run(f"EXCHANGE TABLES {copy} AND {tables.TABLE}")
        self._run(f"DROP TABLE {copy} SYNC")

    def _check(self, sql: str, values: dict[str, str]) -> str:
        """Return the query as ClickHouse parses it, or raise RefusedError. A query has the rights of this process."""
        try:
            (formatted,) = self._run("SELECT formatQuerySingleLine({sql:String}) AS sql", {"sql": sql})
            # No INSERT, INTO OUTFILE or FORMAT can be a subquery; formatQuery takes one statement only.
            inner = f"SELECT * FROM ({formatted['sql']})"
            self._run("SELECT formatQuerySingleLine({sql:String})", {"sql": inner})
            tree = self._run(f"EXPLAIN AST {inner}", values)
        except RuntimeError as e:
            raise RefusedError(str(e).splitlines()[0]) from None
        lines = [line for row in tree for line in row.values()]
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            if line.strip().startswith("TableExpression") and following.strip().startswith("Function"):
                raise RefusedError("table functions are not for queries")
            if re.match(r"\s*TableIdentifier \S*(\.|spans_stored)", line) or re.match(r"\s*Function file\b", line):
                raise RefusedError(f"not for queries: {line.strip()}")
        return str(formatted["sql"])


def given(sql: str, parameters: Mapping[str, str] | None) -> dict[str, str]:
    """Return the values of a query's parameters. A parameter that is missing or empty matches every value."""
    values = {}
    for name, kind in re.findall(r"\{(\w+):\s*(\w+)", sql):
        value = str((parameters or {}).get(name, "") or EVERYTHING.get(name, ""))
        values[name] = _moment(value) if kind.startswith("DateTime") else value
    return values


def escaped(values: Mapping[str, str]) -> dict[str, str]:
    """Escape values, because ClickHouse reads the text of a parameter as a field of its TabSeparated format."""
    return {name: value.translate(TAB_SEPARATED) for name, value in values.items()}


def summary(rows: list[Row]) -> dict[str, Any]:
    """Return the result of ``status`` for the row with the number of runs and the begin of the last one."""
    (found,) = rows
    return {
        "rows": int(found["runs"]),
        "last": f"{found['last'][:10]}T{found['last'][11:19]}Z" if found["runs"] else None,
    }


def _keys(path: Path) -> list[str]:
    """Return the keys of a file, one per line. The last one encrypts, all of them decrypt."""
    found = path.read_text(encoding="ascii").split()
    if not found or not all(re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{64}", key) for key in found):
        raise ValueError(f"{path} is not of lines with 32 or 64 hex digits each")
    if len({len(key) for key in found}) > 1:
        raise ValueError(f"the keys in {path} are not equally long")
    return found


def _open(folder: Path, at: int, keys: list[str]) -> Session:
    """Open chdb. ``at`` is the folder's descriptor, because chdb takes all behind a ``?`` of a path for settings."""
    algorithm = {32: "AES_128_CTR", 64: "AES_256_CTR"}[len(keys[0])]
    listed = "".join(f'<key_hex id="{i}">{key}</key_hex>' for i, key in enumerate(keys))
    disks = escape(str(folder / "disks"))
    # No merge begins in order to remove old runs, not even in the moment before KEEP.
    # Merged parts are synced. Otherwise a merged part could be empty after a power cut. ClickHouse would use its
    # sources instead, but would move the empty part into detached/, where nothing is ever removed.
    configuration = f"""<clickhouse>
<timezone>UTC</timezone>
<custom_local_disks_base_directory>{disks}/</custom_local_disks_base_directory>
<user_files_path>{disks}/none/</user_files_path>
<merge_tree>
  <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
  <old_parts_lifetime>{LIFETIME}</old_parts_lifetime>
  <max_number_of_merges_with_ttl_in_pool>0</max_number_of_merges_with_ttl_in_pool>
</merge_tree>
<storage_configuration>
  <disks>
    <plain><type>local</type><path>{disks}/plain/</path></plain>
    <encrypted><type>encrypted</type><disk>plain</disk><path>encrypted/</path>
      <algorithm>{algorithm}</algorithm>{listed}<current_key_id>{len(keys) - 1}</current_key_id></encrypted>
  </disks>
  <policies><encrypted><volumes><main><disk>encrypted</disk></main></volumes></encrypted></policies>
</storage_configuration>
</clickhouse>"""
    (folder / "disks" / "plain").mkdir(mode=0o700, parents=True, exist_ok=True)
    # chdb needs a file for the configuration. This one is in memory, because it has the keys.
    memory = os.memfd_create("configuration")
    try:
        os.write(memory, configuration.encode())
        return Session(f"/proc/self/fd/{at}/chdb?config-file=/proc/self/fd/{memory}")
    finally:
        os.close(memory)


def _moment(text: str) -> str:
    """Return a time in UTC, in the form of ClickHouse's DateTime."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}"
