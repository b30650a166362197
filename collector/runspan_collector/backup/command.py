# SPDX-License-Identifier: MIT
"""runspan-backup: back up the collector's files, and restore them."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from runspan_collector.backup.repository import BackupError, Config, Repository, note_name
from runspan_collector.files import CACHE, OTLP, STATE, BrokenStateError, state_file

COMMANDS = {
    "init": "make the repository",
    "run": "back up what is new in the collector's files",
    "check": "check with restic that the repository is complete",
    "verify": "restore everything beside the data, a snapshot at a time, compare it, and remove it again",
    "restore": "restore every file that was ever backed up into a folder",
    "rotate": "set a new password of the repository, and remove the old one",
}


@contextlib.contextmanager
def alone(data: Path) -> Iterator[Path]:
    """Lock the data folder, and return a folder for restic's cache. restic would refuse a backup during a check.

    Only the user of the command writes to the returned folder. root gets a temporary one: in the service's folder root
    would follow links of the service's.
    """
    cache = data / CACHE
    for folder in (data / STATE, cache):
        folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(cache / "backup.lock", os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if cache.stat().st_uid == os.geteuid():
            yield cache
        else:
            with tempfile.TemporaryDirectory(dir=data, prefix="cache-") as own:
                yield Path(own)
    finally:
        os.close(lock)


def give_back(data: Path, *more: Path) -> None:
    """Give files of root's, here and in more folders, to the owner of the cache, because the timers run as that user.

    That user can replace a folder by a link meanwhile. So each folder is opened, and its entries are named relative to
    it.
    """
    owner = (data / CACHE).stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return

    def give(name: str, folder: int | None = None) -> None:
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if status.st_uid == 0 and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)

    give(str(state_file(data, "backup")))
    for top in (data / CACHE, *more):
        for _, folders, files, opened in os.fwalk(top):
            for name in folders + files:
                give(name, opened)


def backup(options: argparse.Namespace) -> str:
    config = Config.read(options.config, options.keys)
    with alone(config.data) as cache:
        repository = Repository(config, cache)
        note_name(config.data)
        try:
            return carry_out(options, repository)
        finally:
            folder = repository.folder()
            give_back(repository.data, *([folder] if folder else []))


def carry_out(options: argparse.Namespace, repository: Repository) -> str:
    if options.command == "init":
        repository.init()
        return "the repository is made; without its password nobody can read it: keep a copy of that elsewhere"
    if options.command == "run":
        return f"{repository.run()} new bytes backed up"
    if options.command == "check":
        repository.check(options.read_data)
        return "no errors were found"
    if options.command == "verify":
        files, size = repository.verify()
        return f"{files} files with {size} bytes restored, and equal to those that are here"
    if options.command == "restore":
        files = len(repository.restore(options.target.absolute(), options.since))
        return f"{files} files restored to {options.target / OTLP}"
    repository.rotate()
    return "the repository has a new password: keep a copy of that elsewhere"


def main() -> int:
    os.umask(0o027)
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_ in COMMANDS.items():
        command = commands.add_parser(name, help=help_)
        command.add_argument("--config", type=Path, default=Path("/etc/runspan-collector/backup.ini"))
        command.add_argument("--keys", type=Path, help="where the keys are, if not where the configuration says")
        if name == "check":
            command.add_argument("--read-data", action="store_true", help="read every byte; takes as long as a restore")
        if name == "restore":
            command.add_argument("target", type=Path)
            command.add_argument("--since", type=int, metavar="DAYS", help="what was reported in these; else all")
    options = parser.parse_args()
    try:
        print(backup(options))
    except (BackupError, BrokenStateError, OSError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    return 0
