# SPDX-License-Identifier: MIT
"""A restic repository, and the commands that back up and restore.

The commands never call ``forget`` or ``prune``, so the repository may be append-only. A snapshot has the collector's
files as they were at that moment. ``tidy`` removes a file from the machine some time after a snapshot has it. So the
backup is the union of all snapshots.
"""

from __future__ import annotations

import configparser
import contextlib
import dataclasses
import hashlib
import heapq
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any

from runspan_collector.files import CACHE, CURRENT, OTLP, otlp_files, read_state, replace, sync, write_state

BEGUN_ANEW = "begun-anew"
"""The tag of a snapshot whose spans.json does not continue that of the snapshot before; no other file does either."""
NUMBERED = "number-"
"""The begin of a tag that has a snapshot's number in its installation: times give no order if the clock is set."""
NAMES = "names"
"""The file in the cache folder that has the machine's host names."""
STAGE = "runspan-restore-"
"""The begin of a folder's name. The folder has files until all of them are restored."""
LOCKED = "repository is already locked"
LOCK_STAYS = 6 * 60
"""Seconds. A process of restic's replaces its lock every 5 minutes."""
LOCK_OLD = 30 * 60
"""Seconds. restic says that a lock of this age is stale."""
Snapshot = dict[str, Any]
Wanted = tuple[Snapshot, dict[str, int]]


class BackupError(Exception):
    """A command has failed. The message is for people."""


@dataclass(frozen=True)
class Config:
    """The configuration file; ``collector/config/backup.ini`` explains each option."""

    data: Path
    keys: Path
    restic: str
    location: list[str]
    options: dict[str, str]

    @classmethod
    def read(cls, path: Path, keys: Path | None = None) -> Config:
        """Read the file. Relative paths begin at the file's folder, and ``repository`` at the folder of data."""
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            with open(path, encoding="utf-8-sig") as file:
                parser.read_file(file)
            backup = parser["backup"]
            needed = {"data": True, "repository": "repository_file" not in backup, "keys": keys is None}
            for name, asked in needed.items():
                if asked and name not in backup:
                    raise BackupError(f"{path}: it does not say {name}")
            for name, value in backup.items():
                if not value or name == "limit_upload" and not value.isdecimal():
                    raise BackupError(f"{path}: {name} is {value or 'empty'}")
            folder = path.absolute().parent
            data = folder / backup["data"]
            keys = keys.absolute() if keys else folder / backup["keys"]
            options = dict(parser["options"]) if parser.has_section("options") else {}
            if "repository_file" in backup:
                location = ["--repository-file", str(keys / backup["repository_file"])]
            else:
                location = ["--repo", located(backup["repository"], data)]
            if "limit_upload" in backup:
                location += ["--limit-upload", backup["limit_upload"]]
            restic = backup.get("restic", "restic")
            restic = str(folder / restic) if "/" in restic else restic  # else it is looked for in PATH
        except (OSError, ValueError, KeyError, configparser.Error) as error:
            raise BackupError(f"{path}: {error}") from error
        # The folder of keys is a different one under systemd.
        options = {name: value.replace("{keys}", str(keys)) for name, value in options.items()}
        return cls(data, keys, restic, location, options)


def located(repository: str, data: Path) -> str:
    """Return the location of a repository for restic, with a whole path if it is a folder."""
    where = repository.removeprefix("local:")
    remote = where == repository and ":" in where and not where.startswith(("/", "./", "../"))
    return repository if remote else str(data / where)


class Repository:
    """The commands on a repository."""

    def __init__(self, config: Config, cache: Path) -> None:
        self.config = config
        self.data = config.data
        self.cache = cache

    def restic(self, *arguments: str, password: Path | None = None) -> str:
        """Run restic and return its output. Remove the locks of processes that are gone."""
        done = self._restic(*arguments, password=password)
        if done.returncode != 0 and LOCKED in done.stderr:
            self._unlock(password)
            done = self._restic(*arguments, password=password)
        if done.returncode != 0:
            why = done.stderr.strip() or f"it ended with {done.returncode}"
            raise BackupError(f"restic {arguments[0]}: {why}")
        return done.stdout

    def _unlock(self, password: Path | None) -> None:
        """Remove the locks if their processes are gone. Wait some minutes for locks of which that is not known.

        A lock is stale if it is this installation's and no process of restic's has its number, because alone() lets
        only one command run; if it is half an hour old, as restic itself says; or if it is still there after the time
        in which restic replaces the lock of a process that lives. ``restic unlock`` would send SIGHUP to whatever
        process has the number now, and would not know a lock of before the machine got another name.
        """
        names, folder = noted_names(self.data) | {socket.gethostname()}, self.folder()
        private = folder is not None and folder.absolute().is_relative_to(self.data.absolute())

        def stale(lock: dict[str, Any]) -> bool:
            ours = private or lock["hostname"] in names
            return ours and not lives(lock["pid"]) or time.time_ns() - nanoseconds(lock["time"]) > LOCK_OLD * 10**9

        locks = first = self._locks(password)
        end = time.monotonic() + LOCK_STAYS
        while time.monotonic() < end and not all(map(stale, locks.values())):
            time.sleep(LOCK_STAYS / 60)
            locks = self._locks(password)
        if locks.keys() <= first.keys():
            self._restic("unlock", "--remove-all", password=password)

    def _locks(self, password: Path | None) -> dict[str, dict[str, Any]]:
        found = {}
        for name in self._restic("list", "locks", "--no-lock", password=password).stdout.split():
            lock = self._restic("cat", "lock", name, "--no-lock", password=password)
            if lock.returncode == 0:  # else it has gone meanwhile
                found[name] = json.loads(lock.stdout)
        return found

    def _restic(self, *arguments: str, password: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run restic with the names of the files that have the password and the key for S3."""
        keys = self.config.keys
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK") if name in os.environ
        }
        environment["AWS_SHARED_CREDENTIALS_FILE"] = str(keys / "s3.credentials")
        environment["GOMAXPROCS"] = "2"
        # The command comes before the location: restic runs the first word that names a command, be it a folder.
        command = [self.config.restic, *arguments, *self.config.location]
        command += ["--password-file", str(password or keys / "restic.password")]
        command += ["--cache-dir", str(self.cache)]
        for name, value in self.config.options.items():
            command += ["-o", f"{name}={value}"]
        try:
            return subprocess.run(
                command,
                cwd=self.data,
                env=environment,
                check=False,
                text=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except OSError as error:
            raise BackupError(f"{self.config.restic}: {error.strerror}") from error

    def folder(self) -> Path | None:
        """Return the repository's folder if it is on this machine, else None."""
        kind, where = self.config.location[:2]
        folder = self.data / where
        return folder if kind == "--repo" and folder.is_dir() else None

    def init(self) -> None:
        """Make the repository. After a failure remove its files, which would make the next try fail too."""
        before = self.folder()
        there = before is not None and any(before.iterdir())
        try:
            self.restic("init", "--repository-version", "2")
        except BackupError:
            made = self.folder()
            if made and not there:
                for path in made.iterdir():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            raise

    def run(self) -> int:
        """Back up the collector's files; return the number of new bytes."""
        state = read_state(self.data, "backup")
        # A new data folder is another installation: its spans.json does not continue that of the old folder.
        installation = state.get("installation") or uuid.uuid4().hex
        before = state.get("files", {})
        now = {name: file_state(s.st_size, s.st_mtime_ns) for name, s in otlp_files(self.data).items()}
        if now == before and "snapshot" in state:
            self.restic("cat", "config", "--no-lock")  # or the backup's disk is not there, which the status has to say
            write_state(self.data, "backup", state | {"time": utc_now()})
            return 0
        # Somebody may have removed or replaced the current file. The old one's reports must stay in the backup.
        marks = {name: mark(self.data / OTLP / name) for name in now}
        current = state.get("current")
        number = state.get("number", 0) + 1
        tags = ["--tag", f"{NUMBERED}{number}"]
        tags += ["--tag", BEGUN_ANEW] if current and current not in marks.values() else []
        lines = self.restic("backup", "--json", "--host", installation, *tags, OTLP).splitlines()
        snapshot = json.loads(lines[-1])["snapshot_id"]
        # The snapshot has the files as restic has read them, which may have grown since this command began.
        files = {}
        for line in self.restic("ls", "--json", snapshot).splitlines():
            node = json.loads(line)
            if node.get("type") == "file":
                files[node["name"]] = file_state(node.get("size", 0), nanoseconds(node["mtime"]))
        new = {"installation": installation, "number": number, "snapshot": snapshot, "time": utc_now(), "files": files}
        write_state(self.data, "backup", state | new | {"current": marks.get(CURRENT, "")})
        return sum(max(0, file["size"] - (before.get(name, {}).get("size", 0))) for name, file in files.items())

    def check(self, read_data: bool = False) -> None:
        """Check with restic that the repository is complete; with ``read_data`` read every byte."""
        self.restic("check", *(["--read-data"] if read_data else []))
        write_state(self.data, "backup", read_state(self.data, "backup") | {"checked": utc_now()})

    def restore(self, target: Path, since: int | None = None) -> list[Path]:
        """Restore every file that was ever backed up into ``target/otlp``, which must be empty or not exist.

        With ``since`` restore only files of snapshots of that many days. They have all reports of these days.
        """
        otlp = target / OTLP
        if otlp.exists() and any(otlp.iterdir()):
            raise BackupError(f"{otlp} is not empty")
        otlp.mkdir(parents=True, exist_ok=True)
        remove_stages(target)
        wanted = list(self.wanted(since))
        # place() removes the copies of the current file that earlier snapshots have.
        need_room(target, sum(size for _, sizes in wanted for name, size in sizes.items() if name != CURRENT))
        restored: dict[str, list[Path]] = {}
        with tempfile.TemporaryDirectory(dir=target, prefix=STAGE) as stage:
            whole = Path(stage) / OTLP
            whole.mkdir()
            for snapshot, paths in self.at_once(Path(stage), wanted) or self.unpacked(target, wanted):
                # The files of one snapshot are different files, even if one is empty and so is a beginning of another.
                placed = [(mark(path), place(path, whole, snapshot, restored)) for path in paths]
                for first, new in placed:
                    if new:
                        restored.setdefault(first, []).append(new)
            # At the end, so that a restore that was killed leaves the folder empty for the next one.
            return [path.rename(otlp / path.name) for paths in restored.values() for path in paths]

    def at_once(self, stage: Path, wanted: list[Wanted]) -> list[tuple[Snapshot, list[Path]]]:
        """Restore all snapshots into ``stage`` with one call of restic. Return none if that is not possible.

        restic restores one snapshot, and opens the repository for each. But it can make one snapshot of all folders
        that no snapshot has. So these commands are for a copy that has the data, and no snapshots.
        """
        copy = Repository(dataclasses.replace(self.config, location=["--repo", str(stage / "repository")]), self.cache)
        files = stage / "files"
        if len(wanted) < 2:
            return []
        try:
            self.copy_to(copy, stage / "repository", wanted)
            *_, snapshot_id = copy.restic("recover", "--no-cache").split()
            need_room(stage, json.loads(copy.restic("stats", snapshot_id, "--json", "--no-cache"))["total_size"])
            copy.restic("restore", snapshot_id, "--target", str(files), "--verify", "--no-cache")
        except BackupError as error:  # no room for all at the same time, for one
            print(f"one snapshot after the other, which takes longer: {error}", file=sys.stderr)
            shutil.rmtree(files, ignore_errors=True)
            return []
        trees: dict[str, tuple[Snapshot, set[str]]] = {}  # equal snapshots have one folder
        for snapshot, sizes in wanted:
            trees.setdefault(snapshot["tree"], (snapshot, set()))[1].update(sizes)
        return [
            (snapshot, [files / tree[:8] / OTLP / name for name in sorted(names)])
            for tree, (snapshot, names) in trees.items()
        ]

    def copy_to(self, copy: Repository, path: Path, wanted: list[Wanted]) -> None:
        """Make a copy of the repository without the wanted snapshots: of a folder by links to its files."""
        names = {snapshot["id"] for snapshot, _ in wanted}
        folder = self.folder()
        if folder:
            left_out = names | {lock.name for lock in (folder / "locks").iterdir()}
            shutil.copytree(
                folder.absolute(), path, copy_function=os.symlink, ignore=lambda _, there: left_out & set(there)
            )
            return
        copy.restic("init", "--repository-version", "2")
        kind, where = self.config.location[:2]
        secret = ["--from-password-file", str(self.config.keys / "restic.password")]
        for some in range(0, len(ids := sorted(names)), 10_000):  # so that the command line is not too long
            copy.restic("copy", kind.replace("--", "--from-"), where, *secret, *ids[some : some + 10_000])
        for snapshot in (path / "snapshots").iterdir():
            snapshot.unlink()

    def verify(self) -> tuple[int, int]:
        """Restore everything beside the data, and compare it with the files here. Return how many files and bytes."""
        state = read_state(self.data, "backup")
        compared: set[str] = set()
        files = total = 0
        remove_stages(self.cache)
        for snapshot, paths in self.unpacked(self.cache, self.wanted()):
            files += len(paths)
            total += sum(path.stat().st_size for path in paths)
            for path in paths:
                if snapshot["hostname"] == state.get("installation") and path.name not in compared:
                    compared.add(path.name)
                    if not self.agrees(path):
                        raise BackupError(f"{path.name} is not what was backed up")
        if missing := state.get("files", {}).keys() - compared:
            raise BackupError(f"not in the backup: {', '.join(sorted(missing))}")
        write_state(self.data, "backup", state | {"verified": utc_now()})
        return files, total

    def agrees(self, path: Path) -> bool:
        """Return whether the file here begins with the restored one. It may have been set aside or removed since."""
        otlp = self.data / OTLP
        if begins_with(otlp / path.name, path):
            return True
        names = otlp_files(self.data) if path.name == CURRENT else []
        return any(begins_with(otlp / name, path) for name in names) or not (otlp / path.name).exists()

    def unpacked(self, folder: Path, wanted: Iterable[Wanted]) -> Iterator[tuple[Snapshot, list[Path]]]:
        """Yield each snapshot with its restored files. They exist until the next one."""
        for snapshot, sizes in wanted:
            need_room(folder, sum(sizes.values()))
            patterns = [word for name in sorted(sizes) for word in ("--include", f"/{OTLP}/{name}")]
            with tempfile.TemporaryDirectory(dir=folder, prefix=STAGE) as stage:
                self.restic("restore", snapshot["id"], "--target", stage, "--verify", *patterns)
                yield snapshot, [Path(stage) / OTLP / name for name in sorted(sizes)]

    def wanted(self, since: int | None = None) -> Iterator[Wanted]:
        """Yield the snapshots that have all files, newest first, each with the names and sizes of the files to restore.

        That is the last version of each file of an installation. If a file is smaller in the next snapshot, or if that
        snapshot has the tag, the file was begun anew, and its version before that is restored too.
        """
        first = time.time_ns() - since * 86400 * 10**9 if since is not None else 0
        snapshots = {s["id"]: s for s in json.loads(self.restic("snapshots", "--json"))}
        sizes: dict[str, dict[str, int]] = {}
        for found in json.loads(self.restic("find", "--json", "spans*.json")):
            matches = found["matches"]
            sizes[found["snapshot"]] = {Path(m["path"]).name: m.get("size", 0) for m in matches if m["type"] == "file"}
        following: dict[tuple[str, str], int] = {}
        for when, snapshot in reversed(in_order(snapshots.values())):
            if when < first:
                continue
            files = {}
            for name, size in sizes.get(snapshot["id"], {}).items():
                key = snapshot["hostname"], name
                if key not in following or size > following[key]:
                    files[name] = size
                following[key] = size
            if BEGUN_ANEW in (snapshot.get("tags") or []):
                following.pop((snapshot["hostname"], CURRENT), None)
            if files:
                yield snapshot, files

    def rotate(self) -> None:
        """Set a new password of the repository, and remove the old one.

        At every moment, a password that opens the repository is on the disk, so that a power cut does no harm.
        """
        current, new = (self.config.keys / name for name in ("restic.password", "restic.password.new"))
        if not new.exists() or not new.stat().st_size:
            replace(new, os.urandom(32).hex() + "\n", 0o600)
        self.restic("key", "add", "--new-password-file", str(new))
        keys = json.loads(self.restic("key", "list", "--json", password=new))
        new.replace(current)
        sync(current.parent)
        for key in keys:
            if not key["current"]:
                self.restic("key", "remove", key["id"])


def in_order(snapshots: Iterable[Snapshot]) -> list[tuple[int, Snapshot]]:
    """Return snapshots as they were made, those of one installation together, each with its time in nanoseconds.

    If the clock was set back, the time is that of the snapshot before. Those without a number, of earlier versions, are
    in the order of their times.
    """
    by_installation: dict[str, list[Snapshot]] = {}
    for snapshot in snapshots:
        by_installation.setdefault(snapshot["hostname"], []).append(snapshot)
    found = []
    for some in by_installation.values():
        timed = sorted(((nanoseconds(snapshot["time"]), snapshot) for snapshot in some), key=itemgetter(0))
        plain = [pair for pair in timed if not number_of(pair[1])]
        numbered = sorted((pair for pair in timed if number_of(pair[1])), key=lambda pair: number_of(pair[1]))
        times = accumulate((when for when, _ in numbered), max)
        later = [(when, snapshot) for when, (_, snapshot) in zip(times, numbered, strict=True)]
        found.append(list(heapq.merge(plain, later, key=itemgetter(0))))
    return [pair for pairs in sorted(found, key=lambda pairs: pairs[-1][0]) for pair in pairs]


def number_of(snapshot: Snapshot) -> int:
    """Return a snapshot's number, 0 if an earlier version made it."""
    tags = snapshot.get("tags") or []
    return max((int(tag.removeprefix(NUMBERED)) for tag in tags if tag.startswith(NUMBERED)), default=0)


def noted_names(data: Path) -> set[str]:
    """Return the host names that the machine had when earlier commands ran."""
    try:
        return set((data / CACHE / NAMES).read_text(encoding="utf-8").split())
    except OSError:
        return set()


def note_name(data: Path) -> None:
    """Note the machine's host name, because the machine may have another one when it comes back."""
    noted = noted_names(data)
    if socket.gethostname() not in noted:
        with contextlib.suppress(OSError):  # a full disk: the backup matters more
            replace(data / CACHE / NAMES, "\n".join(sorted({*noted, socket.gethostname()})) + "\n", 0o640)


def lives(process: int) -> bool:
    """Return whether a process of this number may be restic's: it exists, and is not seen to be another program."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return "restic" in Path(f"/proc/{process}/comm").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True  # another user's process is hidden


def remove_stages(folder: Path) -> None:
    """Remove the folders of commands that were killed. No other command is running."""
    for stage in folder.glob(f"{STAGE}*"):
        shutil.rmtree(stage)


def need_room(folder: Path, size: int) -> None:
    """Raise BackupError if less than a tenth of the disk would be free: the collector may write to the same disk."""
    total, _, free = shutil.disk_usage(folder)
    if size > free - total / 10:
        raise BackupError(f"{folder}: no room for {size} bytes: {free} of {total} are free, and a tenth is to stay so")


def place(path: Path, otlp: Path, snapshot: Snapshot, restored: dict[str, list[Path]]) -> Path | None:
    """Move a restored file to its place, or return None if another restored file has all its bytes.

    An earlier spans.json is mostly the beginning of a file that was set aside later. ``restored`` has the other files
    by their marks.
    """
    target = otlp / path.name
    if path.name == CURRENT or target.exists():
        first = mark(path)
        others = restored.get(first, []) if first else [other for some in restored.values() for other in some]
        if any(begins_with(other, path) for other in reversed(others)):
            return None
    if target.exists():
        when = re.sub(r"[^0-9T]", "-", snapshot["time"][:19])
        target = otlp / f"spans-{when}-{snapshot['id'][:8]}-{path.name.removeprefix('spans').lstrip('-')}"
        target = target.with_name(target.name.replace("-.json", ".json"))
    path.rename(target)
    return target


def mark(path: Path) -> str:
    """Return a hash of the file's first line, which identifies the file; empty if it has no whole line yet."""
    try:
        with open(path, "rb") as file:
            line, end, _ = file.read(1 << 20).partition(b"\n")
    except FileNotFoundError:
        return ""
    return hashlib.sha256(line).hexdigest() if end else ""


def begins_with(whole: Path, beginning: Path) -> bool:
    try:
        with open(whole, "rb") as w, open(beginning, "rb") as b:
            while chunk := b.read(1 << 20):
                if w.read(len(chunk)) != chunk:
                    return False
    except FileNotFoundError:
        return False
    return True


def file_state(size: int, mtime_ns: int) -> dict[str, int]:
    return {"size": size, "mtime_ns": mtime_ns}


def utc_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def nanoseconds(when: str) -> int:
    """Return a time of restic's in nanoseconds, which datetime can't represent."""
    match = re.fullmatch(r"(\d+-\d+-\d+T\d+:\d+:\d+)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", when)
    if not match:
        raise BackupError(f"restic said {when} for a time")
    second = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    return int(second.timestamp()) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))
