# SPDX-License-Identifier: MIT
"""A disk without room: nothing that was acknowledged is lost, and with room again all goes on by itself.

As root on a small disk that is full, has no more files, or may only be read; else with a limit for a file's size.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runspan_collector.store.definitions import NoRoomError, broken, need_room
from runspan_collector.store.embedded import Store
from runspan_collector.store.follower import Follower
from tests.collector.store.conftest import BIN, Installation, line
from tests.collector.store.test_columns import attribute, edit
from tests.collector.store.test_follower import ids
from tests.collector.waiting import wait_for

KINDS = ["full", "no more files", "read-only"] if os.geteuid() == 0 else ["limited"]
STORE = """
import sys; from pathlib import Path; from runspan_collector.store.embedded import Store
print(Store(*map(Path, sys.argv[1:])).query("SELECT count() AS n FROM spans"))
"""
# Definitions by their names, and what may be left of one.
DEFINITIONS = ["runspan", "runs", "spans", "spans_stored", "taken"]
LEFT: dict[str, Callable[[bytes], bytes | None]] = {
    "nothing": lambda text: b"",
    "its id": lambda text: text[:72],
    "half": lambda text: text[: len(text) // 2],
    "whole lines": lambda text: text[: text[:-1].rindex(b"\n") + 1],
    "all but a byte": lambda text: text[:-1],
    "zeros": lambda text: bytes(len(text)),
    "no file": lambda text: None,
}


@contextlib.contextmanager
def limited(size: int) -> Iterator[None]:
    """No file of this process may have more bytes: what is written behind them fails, as on a full disk."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


class Disk:
    """With an installation on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = os.geteuid() == 0
        self.filled = ""
        if self.mounted:
            folder.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], check=True)
        self.at = Installation(folder / "at")

    def fill(self, kind: str) -> None:
        self.filled = kind
        if kind == "full":
            with contextlib.suppress(OSError), open(self.folder / "filler", "wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
        elif kind == "no more files":
            files = sum(1 for _ in self.folder.rglob("*")) + 1
            self._remount(f"nr_inodes={files}")
        elif kind == "read-only":
            self._remount("ro")

    def empty(self, process: subprocess.Popen[str] | None = None) -> None:
        """Makes room again; for a process that was started without."""
        if self.filled == "full":
            (self.folder / "filler").unlink()
        elif self.filled == "limited":
            if process:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        elif self.filled:
            self._remount("rw,nr_inodes=100000")
        self.filled = ""

    def start(self, *command: str | Path, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        most = resource.RLIM_INFINITY
        limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))) if self.filled == "limited" else None
        return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=stderr, preexec_fn=limit)

    def runs(self) -> str:
        """What a store that is opened here, and killed, says of its runs."""
        process = self.start(sys.executable, "-c", STORE, self.at.data, self.at.keys, self.at.schemas)
        output, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        return output

    def definition(self, name: str) -> Path:
        (path,) = (self.at.data / "store" / "chdb").rglob(f"{name}.sql")
        return path

    def remove(self) -> None:
        self.at.close()
        if self.mounted:
            self.empty()
            subprocess.run(["umount", self.folder], check=True)

    def _remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    try:
        yield made
    finally:
        made.remove()


def filled(at: Installation, count: int = 3) -> Store:
    """Runs of which little can be compressed, for the start."""
    lines = [line(i, {"params.dataset_name": os.urandom(30).hex()}, name="download") for i in range(1, count + 1)]
    with (at.otlp / "spans.json").open("ab") as file:
        file.write(b"".join(lines))
    store = at.open()
    at.follow(store)
    return store


def definitions(at: Installation) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_ino, path.read_bytes()) for path in (at.data / "store" / "chdb").rglob("*.sql")}


def test_a_start_on_a_full_disk_changes_nothing(disk: Disk) -> None:
    filled(disk.at)
    disk.at.close()
    before = definitions(disk.at)
    assert len(before) == len(DEFINITIONS)
    disk.fill(KINDS[0])
    assert "'n': 3" in disk.runs()
    assert definitions(disk.at) == before
    disk.empty()
    assert "'n': 3" in disk.runs()
    assert definitions(disk.at) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("was", ["none", "broken"])
def test_a_start_that_needs_room_waits_for_it(disk: Disk, tmp_path: Path, kind: str, was: str) -> None:
    """The first one, or one after a version before had its views emptied."""
    at = disk.at
    if was == "broken":
        filled(at)
        at.close()
        for name in ("spans", "taken"):
            disk.definition(name).write_bytes(b"")
    (at.otlp / "spans.json").open("ab").write(line(7))
    disk.fill(kind)
    words: list[str | Path] = ["--data", at.data, "--keys", at.keys, "--schemas", at.schemas]
    errors = tmp_path / "errors"
    with errors.open("wb") as file:
        process = disk.start(BIN / "runspan-store", *words, stderr=file.fileno())
    try:
        wait_for(lambda: "it waits until there is room" in errors.read_text(), "it does not say that it waits", 20)
        time.sleep(3)  # it tries again, and says it once
        assert process.poll() is None
        disk.empty(process)
        count = 4 if was == "broken" else 1

        def taken() -> bool:
            try:
                return bool(at.state()["status"]["rows"] == count)
            except (OSError, KeyError):
                return False

        wait_for(taken, "it does not come back")
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0 and len(errors.read_text().splitlines()) == 1
    assert ids(at.open()) == ([1, 2, 3, 7] if was == "broken" else [7])


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_broken_definition_is_made_again(installation: Installation, name: str, left: str) -> None:
    filled(installation)
    installation.close()
    (path,) = (installation.data / "store" / "chdb").rglob(f"{name}.sql")
    text = LEFT[left](path.read_bytes())
    path.unlink()
    if text is not None:
        path.write_bytes(text)
    with (installation.otlp / "spans.json").open("ab") as file:
        file.write(line(9))
    store = installation.open()
    assert ids(store) == [1, 2, 3]
    installation.follow(store)
    assert store.query("SELECT rows FROM taken") == [{"rows": 4}]
    assert ids(installation.open()) == [1, 2, 3, 9]


def test_all_of_them_broken_and_what_is_left_of_a_change(installation: Installation) -> None:
    filled(installation)
    installation.close()
    folder = installation.data / "store" / "chdb"
    for path in folder.rglob("*.sql"):
        path.write_bytes(b"")
        (path.parent / "_tmp_replace_a_b.sql").write_bytes(b"")
    dropped = folder / "metadata_dropped"
    dropped.mkdir(exist_ok=True)
    (dropped / "runspan._tmp_replace_a_b.8bc31322-4b1e-4bb4-8b17-7f80f0110563.sql").write_bytes(b"")
    assert ids(installation.open()) == [1, 2, 3]


def test_a_definition_that_may_belong_to_two_tables_is_not_guessed(installation: Installation) -> None:
    store = filled(installation)
    store._run("CREATE TABLE other AS spans_stored")
    store._run("INSERT INTO other SELECT * FROM spans_stored")
    installation.close()
    files = {name: next(installation.data.rglob(f"{name}.sql")) for name in ("other", "spans_stored")}
    texts = {name: path.read_bytes() for name, path in files.items()}
    for path in files.values():
        path.write_bytes(b"")
    with pytest.raises(RuntimeError, match="may belong to any of"):
        installation.open()
    files["other"].write_bytes(texts["other"])
    assert ids(installation.open()) == [1, 2, 3]


def test_views_are_written_where_they_differ(installation: Installation) -> None:
    filled(installation)
    before = definitions(installation)
    installation.open()
    assert definitions(installation) == before
    edit(installation, "attributes", "params.k", attribute("double"))
    store = installation.open()
    changed = {path.stem for path, was in before.items() if path.read_bytes() != was[1]}
    assert changed == {"runs", "spans", "spans_stored"}
    types = {row["name"]: row["type"] for row in store._run("DESCRIBE spans")}
    assert types["params.k"] == "Nullable(Float64)"


def test_a_dropped_definition_that_chdb_removes_meanwhile_is_not_broken(installation: Installation) -> None:
    installation.open()
    installation.close()
    folder = installation.data / "store"
    dropped = folder / "chdb" / "metadata_dropped"
    dropped.mkdir(exist_ok=True)
    (dropped / "cut.sql").touch()
    (dropped / "removed.sql").symlink_to("nowhere")  # it is listed, and can't be read
    assert broken(folder) == [dropped / "cut.sql"]


@pytest.mark.parametrize("kind", KINDS[:1])
def test_a_new_field_waits_for_room(disk: Disk, kind: str) -> None:
    filled(disk.at)
    disk.at.close()
    before = definitions(disk.at)
    edit(disk.at, "attributes", "params.new", attribute("int"))
    disk.fill(kind)
    with limited(0) if kind == "limited" else contextlib.nullcontext(), pytest.raises(NoRoomError):
        disk.at.open()
    assert definitions(disk.at) == before
    disk.empty()
    assert disk.at.open().query("SELECT count() AS n, count(`params.new`) AS new FROM spans") == [{"n": 3, "new": 0}]


def test_the_look_for_room_leaves_nothing(tmp_path: Path) -> None:
    need_room(tmp_path)
    with limited(1000), pytest.raises(NoRoomError, match="no room for the store"):
        need_room(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_were_not_written_whole_are_taken_again(installation: Installation) -> None:
    store = filled(installation)
    with (installation.otlp / "spans.json").open("ab") as file:
        for number in range(1000, 3000):
            file.write(line(number, {"params.dataset_name": os.urandom(30).hex()}, name="download"))
    follower = Follower(store, installation.data)
    offset = follower.files["spans.json"].offset
    with limited(20_000), pytest.raises(OSError, match="No space left"):
        follower.step()
    assert follower.files["spans.json"].offset == offset and ids(store) == [1, 2, 3]
    while follower.step():
        pass
    assert len(ids(store)) == 2003 and not list(installation.data.rglob("detached/*"))
    assert len(ids(installation.open())) == 2003


def test_a_merge_that_was_not_written_whole_is_undone(installation: Installation) -> None:
    store = filled(installation, 500)
    for first in (1000, 2000):
        with (installation.otlp / "spans.json").open("ab") as file:
            for number in range(first, first + 500):
                file.write(line(number, {"params.dataset_name": os.urandom(30).hex()}, name="download"))
        installation.follow(store)
    with limited(40_000):
        store.optimize()
    with pytest.raises(OSError, match="No space left"):
        store.status()
    assert store.status()["rows"] == len(ids(store)) == 1500
    store.optimize()
    assert store.status()["rows"] == len(ids(installation.open())) == 1500


def test_a_new_key_waits_for_room(installation: Installation) -> None:
    filled(installation, 2000)
    installation.close()
    key = installation.keys / "store.key"
    old = key.read_text(encoding="ascii")
    key.write_text(f"{old}{'a1' * 16}\n", encoding="ascii")
    with limited(70_000), pytest.raises(NoRoomError, match="a copy of the table"):
        installation.open()
    key.write_text(old, encoding="ascii")
    assert len(ids(installation.open())) == 2000
    key.write_text(f"{old}{'a1' * 16}\n", encoding="ascii")
    assert len(ids(installation.open())) == 2000
    key.write_text(f"{'a1' * 16}\n", encoding="ascii")
    assert len(ids(installation.open())) == 2000


def test_on_a_full_disk_the_state_of_before_stays(installation: Installation) -> None:
    store = filled(installation)
    before = installation.state()
    follower = Follower(store, installation.data)
    with limited(10), pytest.raises(OSError):
        follower.write_state()
    assert installation.state() == before
