# SPDX-License-Identifier: MIT
"""Power cuts while reports come: python -m tests.collector.ops.powercut --cuts 5

./build.sh serve runs with all its files, keys and backup on an ext4 of its own. At a random moment that file system is
told to shut down without writing its journal (EXT4_IOC_SHUTDOWN): what was not synced is gone, as after a power cut.
All processes are killed, the file system is mounted again, and serve started again on what is there, while more reports
come. Then all is counted by span ids. Ends with an error where something is not as it should be.

Two controls show that a cut takes what was not synced: at each one a file that was written just before; and after the
last one others with a journal that does not sync, one of which has to lose reports.

Needs root and loop devices, so CI does not run it. The mounts are of a namespace of their own, and go with the process.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.collector.ops.chain import Chain, say
from tests.collector.ops.conftest import BIN
from tests.collector.ops.serving import Serve, report
from tests.collector.waiting import wait_for

SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
SENDERS = 4
# The journal's file is set aside each 3 s, so that tidy has something to remove.
JOURNAL = "exporters: {{journal: {{max_age: 3s, sync: {sync}}}}}\n"


class Disk:
    """An ext4 in a file."""

    def __init__(self, folder: Path) -> None:
        self.image, self.path = folder / "image", folder / "disk"
        self.path.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(2 << 30)
        subprocess.run(["mkfs.ext4", "-q", self.image], check=True)
        self.mount()

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self.image, self.path], check=True)

    def cut(self) -> None:
        """From here on nothing reaches the disk."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def unmount(self) -> None:
        umount: list[str | Path] = ["umount", self.path]
        wait_for(lambda: subprocess.run(umount, check=False, capture_output=True).returncode == 0, "it is in use", 20)

    def remove(self) -> None:
        if self.path.is_mount():
            try:
                self.unmount()
            except AssertionError:
                subprocess.run(["umount", "-l", self.path], check=True)
        self.image.unlink()


@dataclass
class Reports:
    """Span ids."""

    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)

    def send(self, serve: Serve, rng: random.Random, stop: threading.Event) -> None:
        """One request after the other. What is not acknowledged is not sent again."""
        with serve.connection(serve.reports) as connection:
            while not stop.wait(rng.uniform(0, 0.08)):
                ids = [rng.randbytes(8) for _ in range(rng.randint(1, 8))]
                self.sent.update(span_id.hex() for span_id in ids)
                body = b"".join(report(span_id) for span_id in ids)  # as protobuf has it, one request with all
                try:
                    connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    connection.close()  # it opens again by itself
                    continue
                if answer.status == 200:
                    self.acknowledged.update(span_id.hex() for span_id in ids)

    @contextlib.contextmanager
    def coming(self, serve: Serve, rng: random.Random) -> Iterator[None]:
        stop = threading.Event()
        threads = [
            threading.Thread(target=self.send, args=(serve, random.Random(rng.random()), stop)) for _ in range(SENDERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def kill(pid: int) -> None:
    """A process and all that it has started; none can start another meanwhile."""
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, signal.SIGSTOP)
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                kill(int(child))
        os.kill(pid, signal.SIGKILL)


def in_files(data: Path) -> set[str]:
    """Of whole lines."""
    found: set[str] = set()
    for path in (data / "otlp").glob("*.json"):
        content = path.read_bytes()
        found.update(re.findall(r'"spanId":"([0-9a-f]{16})"', content[: content.rfind(b"\n") + 1].decode()))
    return found


def backup(serve: Serve, *arguments: str | Path) -> str:
    command: list[str | Path] = [BIN / "runspan-backup", *arguments, "--config", serve.folder / "backup.ini"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"backup {arguments[0]}: {done.stderr}"
    return done.stdout.strip()


def in_backup(serve: Serve, folder: Path) -> set[str]:
    backup(serve, "restore", folder)
    found = in_files(folder)
    shutil.rmtree(folder)
    return found


def broken_parts(data: Path) -> list[str]:
    """What ClickHouse has put aside because it could not read it."""
    return [path.name for path in (data / "store" / "disks").glob("plain/encrypted/store/*/*/detached/*")]


def told(serve: Serve) -> list[str]:
    """What serve has said of pieces that ended and of commands that failed: what does not belong to its greeting."""
    return re.findall(r"^(?:\S+ (?:was )?ended (?:by|with) .*|(?:run|check|tidy): .*|serve: .*)", serve.output, re.M)


def power_cut(disk: Disk, serve: Serve, reports: Reports, rng: random.Random, seconds: float) -> str:
    """Under load, after so many seconds or some more; says when. The disk is there again when it returns."""
    when = f"cut after {seconds:.1f} s"
    unsynced, synced = disk.path / "unsynced", disk.path / "synced"
    with reports.coming(serve, rng):
        if rng.random() < 0.5:  # its merges are on their way to the disk then
            time.sleep(seconds)
            os.kill(serve.piece("runspan-store"), signal.SIGKILL)
            seconds = rng.uniform(2, 6)
            when = f"{when}, the store killed, and {seconds:.1f} s more"
        time.sleep(seconds)
        for path in (unsynced, synced):
            path.write_bytes(b"x" * 5000)
        with open(synced, "rb") as file:
            os.fsync(file.fileno())
        # An answer that comes later comes from a machine without power: a sync that waits while ext4 is shut down may
        # say that it has succeeded.
        heard = set(reports.acknowledged)
        disk.cut()
    reports.acknowledged = heard
    kill(serve.process.pid)
    serve.process.wait()
    disk.unmount()
    disk.mount()
    assert synced.read_bytes() == b"x" * 5000, "the cut took what was synced"
    assert not unsynced.exists() or b"x" not in unsynced.read_bytes(), "the cut did not take what was not synced"
    for path in (unsynced, synced):
        path.unlink(missing_ok=True)
    return when


def afterwards(serve: Serve, reports: Reports, rng: random.Random, folder: Path) -> tuple[Counter[str], set[str]]:
    """Lets it run again under load, and ends it. Returns the ids in the store and those in files and backup."""
    try:
        with reports.coming(serve, rng):  # before the store is up
            serve.wait_until_up()
            time.sleep(3)
        Chain(serve).caught_up(60)
        assert backup(serve, "check", "--read-data") == "no errors were found"
        backup(serve, "run")
    finally:
        serve.stop()
    assert not told(serve), told(serve)
    for name in ("store", "backup"):
        assert json.loads((serve.data / "state" / f"{name}.json").read_bytes())["files"]
    stored = Counter(row["id"] for row in serve.table("SELECT `trace.span_id` AS id FROM spans"))
    return stored, in_backup(serve, folder / "restored")


def one(disk: Disk, folder: Path, reports: Reports, rng: random.Random, longest: float) -> int:
    """A cut, and what comes after it. How many spans were acknowledged and are lost; all else is as it should be."""
    more = ["--backup-every", "2", "--per-minute", "0", "--config", str(folder / "journal.yaml")]
    serve = Serve(disk.path / "serve", *more)
    try:
        serve.wait_until_up()
        before = len(reports.acknowledged)
        when = power_cut(disk, serve, reports, rng, rng.uniform(1, longest))
    finally:
        kill(serve.process.pid)
    acknowledged = set(reports.acknowledged)
    left, files = in_files(serve.data), len(list((serve.data / "otlp").iterdir()))
    for name in ("store", "backup"):
        path = serve.data / "state" / f"{name}.json"
        if path.exists():
            json.loads(path.read_bytes())
    again = Serve(serve.folder, *more)
    stored, backed_up = afterwards(again, reports, rng, folder)
    lost = acknowledged - left - backed_up
    new = reports.acknowledged - acknowledged
    say(
        f"{when}: {len(acknowledged)} spans acknowledged, {len(acknowledged) - before} of them this time; {files} files"
        f" with {len(acknowledged & left)}, {len((acknowledged - left) & backed_up)} removed and in the backup,"
        f" {len(lost)} lost; then {len(new)} more; store has {len(stored)}, backup {len(backed_up)}"
    )
    assert len(acknowledged) > before and new
    assert set(stored.values()) == {1}, "a run is in the store twice"
    assert stored.keys() <= reports.sent
    reports.acknowledged -= lost
    assert reports.acknowledged <= backed_up, "acknowledged, and not in the backup"
    assert reports.acknowledged | left <= stored.keys(), "acknowledged, and not in the store"
    assert not broken_parts(serve.data), broken_parts(serve.data)
    return len(lost)


@contextlib.contextmanager
def installed(sync: bool) -> Iterator[tuple[Disk, Path]]:
    """A new disk, and a folder for what is not on it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "journal.yaml").write_text(JOURNAL.format(sync="true" if sync else "false"))
        disk = Disk(folder)
        try:
            yield disk, folder
        finally:
            disk.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=12, help="of load before a cut, at most")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("powercut: only root may mount a file system and shut it down")
    if ctypes.CDLL(None).unshare(NEW_MOUNTS) != 0:
        sys.exit("powercut: no mounts of its own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    rng = random.Random(options.seed)
    say(f"{options.cuts} cuts, seed {options.seed}")
    with installed(sync=True) as (disk, folder):
        reports = Reports()
        for _ in range(options.cuts):
            assert not one(disk, folder, reports, rng, options.seconds), "lost"
    say("the control, with a journal that does not sync, until something is lost:")
    with installed(sync=False) as (disk, folder):
        reports = Reports()
        assert any(one(disk, folder, reports, rng, options.seconds) for _ in range(5)), "the cut takes nothing"


if __name__ == "__main__":
    main()
