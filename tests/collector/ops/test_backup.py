# SPDX-License-Identifier: MIT
"""The backup by its commands: what was taken comes back byte for byte, and is of no use without the password."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.backup.repository import BackupError, Config, Repository, in_order, lives, nanoseconds
from runspan_collector.files import read_state, write_state
from tests.collector.ops.conftest import BIN, RESTIC, Installation, grow

ONE, TWO = "spans-2026-11-24T10-00-00.000.json", "spans-2026-11-24T11-00-00.000.json"
KNOWN = [b"params.max_width", b"stripepy", b"7a5e11ed7a5e11ed"]
LINE = b'{"resourceSpans":["stripepy","params.max_width","7a5e11ed7a5e11ed",%d]}\n'


def lines(first: int, count: int = 100) -> bytes:
    return b"".join(LINE % number for number in range(first, first + count))


def snapshots(at: Installation) -> int:
    command: list[str | Path] = [RESTIC, "-r", at.repository, "--password-file", at.keys / "restic.password"]
    command += ["--no-cache", "snapshots", "--json"]
    return len(json.loads(subprocess.run(command, check=True, capture_output=True).stdout) or [])


def test_what_was_ever_taken_comes_back(installation: Installation, tmp_path: Path) -> None:
    at = installation
    at.run("init")
    current = at.write("spans.json", lines(0))
    assert at.run("run") == f"{len(lines(0))} new bytes backed up\n"
    assert at.run("run") == "0 new bytes backed up\n"
    assert snapshots(at) == 1  # nothing was new

    # It grows, is set aside, backed up and tidied away; another begins.
    grow(current, lines(100))
    current.rename(at.data / "otlp" / ONE)
    at.write("spans.json", b"")
    at.run("run")
    size = len(lines(0)) + len(lines(100))
    write_state(at.data, "store", {"files": {ONE: {"offset": size, "size": size}}})
    assert at.run("tidy") == f"{ONE}\n"
    grow(at.data / "otlp" / "spans.json", lines(300))
    at.run("run")
    assert at.run("check") == "no errors were found\n"
    assert at.run("check", "--read-data") == "no errors were found\n"
    want = {ONE: lines(0) + lines(100), "spans.json": lines(300)}
    size = len(lines(0)) + sum(map(len, want.values()))  # spans.json as it was first is among them
    assert at.run("verify").startswith(f"3 files with {size} bytes restored")

    # The machine is lost, with its state.
    shutil.rmtree(at.data)
    at.run("restore", tmp_path / "restored")
    assert at.contents(tmp_path / "restored") == want
    assert [path.name for path in (tmp_path / "restored").iterdir()] == ["otlp"]
    again = at.attempt("restore", tmp_path / "restored")
    assert again.returncode == 1 and "is not empty" in again.stderr


@pytest.mark.parametrize("repository", ["backup", "check", "local:x y", "./a:b"])
def test_paths_may_be_relative(installation: Installation, tmp_path: Path, repository: str) -> None:
    """To the folder of the file, whatever the working folder is; that of the repository is to the data."""
    at = installation
    (tmp_path / "bin").symlink_to(RESTIC.parent)
    settings = f"[backup]\ndata = data\nkeys = keys\nrestic = bin/{RESTIC.name}\nrepository = {repository}\n"
    at.config.write_text(settings, encoding="utf-8-sig")
    at.config = Path(os.path.relpath(at.config))
    for command in ("init", "run", "check"):
        at.write("spans.json", lines(0))
        at.run(command)
    at.run("check", "--keys", os.path.relpath(at.keys))
    assert (at.data / repository.removeprefix("local:") / "config").exists()
    assert Repository(Config.read(at.config), at.data / "cache").folder()
    at.run("restore", os.path.relpath(tmp_path / "restored"))
    assert at.contents(tmp_path / "restored") == {"spans.json": lines(0)}


@pytest.mark.parametrize(
    "said", ["sftp:u@h:/x", "sftp://u@h:22//x", "rest:https://h:8000/", "s3:https://h/x", "rclone:", "b2:x:y", "/a:b"]
)
def test_a_location_elsewhere_stays_as_it_is(installation: Installation, said: str) -> None:
    at = installation
    at.configure(said)
    assert Config.read(at.config).location == ["--repo", said]


@pytest.mark.parametrize(
    "before, after, why",
    [
        ("data = {}/data\n", "", "it does not say data"),
        ("data = {}/data\n", "data =\n", "data is empty"),
        ("keys = {}/keys\n", "", "it does not say keys"),
        ("keys = {}/keys\n", "keys =\n", "keys is empty"),
        ("repository = {}/repository\n", "", "it does not say repository"),
        ("repository = {}/repository\n", "repository =\n", "repository is empty"),
        ("repository = {}/repository\n", "repository_file =\n", "repository_file is empty"),
        ("[options]\n", "limit_upload = fast\n", "limit_upload is fast"),
        ("[backup]\n", "", "no section headers"),
    ],
)
def test_a_setting_that_is_not_right_is_named(installation: Installation, before: str, after: str, why: str) -> None:
    at = installation
    text = at.config.read_text()
    at.config.write_text(text.replace(before.format(at.folder), after, 1))
    assert at.config.read_text() != text
    failed = at.attempt("run")
    assert failed.returncode == 1 and str(at.config) in failed.stderr and why in failed.stderr
    assert not list((at.data / "otlp").iterdir()) and not (at.data / "cache").exists()


def test_a_restore_that_was_ended_is_begun_again(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves no half of the files, and what a kill has left is removed."""
    at = installation
    at.run("init")
    want = hours(at, 3)
    repository, target = Repository(Config.read(at.config), at.data / "cache"), tmp_path / "restored"
    placed: list[Path] = []

    def ended(path: Path, *others: Any) -> None:
        if placed:
            raise KeyboardInterrupt
        placed.append(path)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("runspan_collector.backup.repository.place", ended)
        repository.restore(target)
    for folder in (target, at.data / "cache"):
        left = folder / "runspan-restore-killed"
        left.mkdir()
        (left / "spans.json").write_bytes(lines(0))
    at.run("restore", target)
    assert at.contents(target) == want and [path.name for path in target.iterdir()] == ["otlp"]
    at.run("verify")
    assert not list((at.data / "cache").glob("*restore-*"))


def test_a_new_machine_does_not_hide_the_old_one(installation: Installation, tmp_path: Path) -> None:
    """Another spans.json in the same repository, longer than that of the machine that was lost."""
    at = installation
    at.run("init")
    at.write("spans.json", lines(0))
    at.run("run")
    shutil.rmtree(at.data)
    (at.data / "otlp").mkdir(parents=True)
    at.write("spans.json", lines(1000, 300))
    at.run("run")
    at.write("spans.json", lines(5000, 10))  # emptied by hand, begun anew
    at.run("run")
    at.run("restore", tmp_path / "restored")
    got = at.contents(tmp_path / "restored")
    assert sorted(got.values()) == sorted([lines(0), lines(1000, 300), lines(5000, 10)])
    assert got["spans.json"] == lines(5000, 10)
    assert all(name.startswith("spans") and name.endswith(".json") for name in got)


@pytest.mark.parametrize("wrong", ["2040-01-01 00:00:00", "1971-01-01 00:00:00"])
@pytest.mark.parametrize("at_first", [True, False])
def test_the_clock_was_set(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, at_first: bool
) -> None:
    """Snapshots are not in the order of their times, and those of two days are not all that are new."""
    at = installation
    at.run("init")
    (at.data / "cache").mkdir(exist_ok=True)
    repository = Repository(Config.read(at.config), at.data / "cache")
    restic = repository.restic
    contents = [lines(0, 100), lines(1000, 50), lines(1000, 80)]  # it was removed, and has grown
    for number, content in enumerate(contents):
        when = ["--time", wrong] if at_first == (number == 0) else []
        monkeypatch.setattr(
            repository,
            "restic",
            lambda name, *more, when=when: restic(name, *when, *more) if name == "backup" else restic(name, *more),
        )
        at.write("spans.json", content)
        repository.run()
    for more in ([], ["--since", "2"]):
        target = tmp_path / "-".join(["restored", *more])
        at.run("restore", target, *more)
        found = at.contents(target)
        assert found["spans.json"] == lines(1000, 80)
        if not (more and at_first and wrong < "2000"):
            assert sorted(found.values()) == sorted([lines(0, 100), lines(1000, 80)])
    at.run("verify")


def test_snapshots_are_in_the_order_in_which_they_were_made() -> None:
    """Here an earlier version was taken between two numbers, and another installation goes on with the repository."""
    made = ["1:2026", "1:2040:number-1", "1:2026:number-2", "1:1971:number-3", "1:2041", "1:2041:number-4"]
    made += ["2:2042", "2:2043:number-1"]

    def snapshot(said: str) -> dict[str, Any]:
        installation, year, *tags = said.split(":")
        return {"id": said, "hostname": installation, "time": f"{year}-01-01T00:00:00Z", "tags": tags or None}

    found = in_order([snapshot(said) for said in sorted(made)])
    assert [one["id"] for _, one in found] == made
    assert [str(1970 + when // (365.24 * 86400 * 10**9))[:4] for when, _ in found][1:4] == ["2040"] * 3


@pytest.mark.parametrize("again", [1, 2])
def test_a_current_file_that_was_removed(installation: Installation, tmp_path: Path, again: int) -> None:
    """The one that was made in its place is longer by the next run."""
    at = installation
    at.run("init")
    for first in range(again):
        at.write("spans.json", lines(first * 1000, 100 + first))
        at.run("run")
        at.run("run")
        (at.data / "otlp" / "spans.json").unlink()
    current = at.write("spans.json", lines(5000, 300))
    at.run("run")
    grow(current, lines(6000))
    current.rename(at.data / "otlp" / ONE)  # this one goes on, and is not there twice
    at.write("spans.json", lines(7000))
    at.run("run")
    at.run("restore", tmp_path / "restored")
    want = [lines(first * 1000, 100 + first) for first in range(again)]
    want += [lines(5000, 300) + lines(6000), lines(7000)]
    assert sorted(at.contents(tmp_path / "restored").values()) == sorted(want)
    at.run("verify")


def test_verify_knows_its_files_again(installation: Installation, tmp_path: Path) -> None:
    """An empty spans.json, which begins every other file, and one that was set aside or removed since."""
    at = installation
    at.run("init")
    at.write(ONE, lines(0))
    current = at.write("spans.json", b"")
    at.run("run")
    at.run("verify")
    at.run("restore", tmp_path / "restored")
    assert at.contents(tmp_path / "restored") == {ONE: lines(0), "spans.json": b""}

    grow(current, lines(100))
    at.run("run")
    grow(current, lines(200))
    current.rename(at.data / "otlp" / TWO)
    at.run("verify")
    at.write("spans.json", lines(300))
    (at.data / "otlp" / ONE).unlink()
    at.run("verify")

    at.write(TWO, lines(100, 99) + lines(200))
    wrong = at.attempt("verify")
    assert wrong.returncode == 1 and "spans.json is not what was backed up" in wrong.stderr
    at.run("run")
    at.run("verify")
    at.write(TWO, lines(100, 98))
    wrong = at.attempt("verify")
    assert wrong.returncode == 1 and f"{TWO} is not what was backed up" in wrong.stderr
    state = read_state(at.data, "backup")
    write_state(at.data, "backup", state | {"files": state["files"] | {ONE + "x": {}}})
    at.write(TWO, lines(100, 99) + lines(200))
    wrong = at.attempt("verify")
    assert wrong.returncode == 1 and f"not in the backup: {ONE}x" in wrong.stderr


def test_verify_has_one_snapshot_at_a_time_on_the_disk(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = installation
    at.run("init")
    for name in (ONE, TWO):
        at.write(name, lines(0)).with_name("spans.json").write_bytes(lines(500))
        at.run("run")
        (at.data / "otlp" / name).unlink()
    repository = Repository(Config.read(at.config), at.data / "cache")
    restic, there = repository.restic, []

    def called(*arguments: str, password: Path | None = None) -> str:
        if arguments[0] == "restore":
            there.append(sorted(path.name for path in (at.data / "cache").rglob("spans*.json")))
        return restic(*arguments, password=password)

    monkeypatch.setattr(repository, "restic", called)
    assert repository.verify() == (3, len(lines(0)) * 2 + len(lines(500)))
    assert there == [[], []]
    assert not list((at.data / "cache").glob("*restore-*"))


def test_restore_of_the_last_days(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = installation
    at.run("init")
    at.write(ONE, lines(0)).with_name("spans.json").write_bytes(lines(100, 50))
    at.run("run")
    between = time.time_ns()
    (at.data / "otlp" / ONE).unlink()
    at.write(TWO, lines(100)).with_name("spans.json").write_bytes(b"")
    at.run("run")
    later = between + 60 * 86400 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    Repository(Config.read(at.config), at.data / "cache").restore(tmp_path / "some", 60)
    assert at.contents(tmp_path / "some") == {TWO: lines(100), "spans.json": b""}
    at.run("restore", tmp_path / "all", "--since", "1")
    assert at.contents(tmp_path / "all") == {ONE: lines(0), TWO: lines(100), "spans.json": b""}


def hours(at: Installation, count: int) -> dict[str, bytes]:
    """Back up that many hours: a file is set aside, backed up and removed in each, and another is current."""
    want = {}
    for hour in range(count):
        name = f"spans-2026-11-24T{hour:02}-00-00.000.json"
        want[name] = lines(1000 * hour)
        at.write(name, want[name]).with_name("spans.json").write_bytes(lines(1000 * (hour + 1), 30))
        at.run("run")
        (at.data / "otlp" / name).unlink()
    return want | {"spans.json": lines(1000 * count, 30)}


@pytest.mark.parametrize("kind", ["a folder", "any other"])
def test_many_snapshots_are_restored_by_one_call(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Each call opens the repository, which takes a second; a year has 8,760 snapshots."""
    at = installation
    at.run("init")
    want = hours(at, 5)
    if kind == "any other":
        at.configure(f"local:{at.repository}")
    repository = Repository(Config.read(at.config), at.data / "cache")
    calls: list[str] = []
    run = Repository._restic

    def called(self: Repository, *arguments: str, password: Path | None = None) -> subprocess.CompletedProcess[str]:
        calls.append(arguments[0])
        return run(self, *arguments, password=password)

    monkeypatch.setattr(Repository, "_restic", called)
    before = {path: path.stat().st_mtime_ns for path in at.repository.rglob("*") if "locks" not in str(path)}
    repository.restore(tmp_path / "restored")
    assert calls.count("restore") == 1 and len(calls) < 8
    assert at.contents(tmp_path / "restored") == want
    assert [path.name for path in (tmp_path / "restored").iterdir()] == ["otlp"]
    after = {path: path.stat().st_mtime_ns for path in at.repository.rglob("*") if "locks" not in str(path)}
    assert after == before  # the repository itself may be append-only


@pytest.mark.parametrize("fails", ["recover", "restore"])
def test_one_snapshot_after_the_other_where_one_call_fails(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    at = installation
    at.run("init")
    want = hours(at, 3)
    repository = Repository(Config.read(at.config), at.data / "cache")
    run = Repository.restic

    def called(self: Repository, *arguments: str, password: Path | None = None) -> str:
        if self is not repository and arguments[0] == fails:
            raise BackupError("two folders have one name")
        return run(self, *arguments, password=password)

    monkeypatch.setattr(Repository, "restic", called)
    repository.restore(tmp_path / "restored")
    assert at.contents(tmp_path / "restored") == want
    assert [path.name for path in (tmp_path / "restored").iterdir()] == ["otlp"]


def test_what_is_unpacked_leaves_room(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = installation
    at.run("init")
    at.write(ONE, lines(0))
    at.run("run")
    (at.data / "otlp" / ONE).unlink()
    at.write(TWO, lines(100))
    at.run("run")
    repository = Repository(Config.read(at.config), at.data / "cache")
    size = len(lines(100))

    def free(count: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: (10_000, 0, count + 1000))

    free(size - 1)
    with pytest.raises(BackupError, match="no room"):
        repository.verify()
    free(size)
    repository.verify()
    free(len(lines(0)) + size - 1)
    with pytest.raises(BackupError, match="no room"):
        repository.restore(tmp_path / "restored")
    assert at.contents(tmp_path / "restored") == {}
    free(len(lines(0)) + size)
    repository.restore(tmp_path / "restored")
    assert at.contents(tmp_path / "restored") == {ONE: lines(0), TWO: lines(100)}


def test_state_says_what_was_taken(installation: Installation) -> None:
    at = installation
    at.run("init")
    paths = [at.write(ONE, lines(0)), at.write("spans.json", lines(100))]
    at.write("notes.txt", b"somebody's")
    at.run("run")
    state = read_state(at.data, "backup")
    for path in paths:
        status = path.stat()
        assert state["files"][path.name] == {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    assert (at.data / "state" / "backup.json").stat().st_mode & 0o777 == 0o640
    assert "checked" not in state
    at.run("check")
    assert read_state(at.data, "backup")["checked"] >= state["time"]

    said = at.data / "state" / "backup.json"
    before = said.read_bytes()
    at.repository.rename(at.folder / "not mounted")
    assert "unable to open config file" in at.attempt("run").stderr and said.read_bytes() == before
    (at.folder / "not mounted").rename(at.repository)
    said.write_bytes(b"")
    damaged = at.attempt("run")
    assert damaged.returncode == 1 and f"{said}: " in damaged.stderr and "remove it" in damaged.stderr
    said.unlink()
    at.run("run")
    assert read_state(at.data, "backup")["files"] == state["files"]


def test_at_rest(installation: Installation) -> None:
    at = installation
    at.run("init")
    at.write("spans.json", lines(0, 5000))
    at.run("run")

    def found(folder: Path) -> list[tuple[Path, bytes]]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert files
        return [(path, value) for path in files for value in KNOWN if value in path.read_bytes()]

    assert len(found(at.data / "otlp")) == len(KNOWN)  # that it finds what there is to find
    assert found(at.repository) == []
    assert found(at.data / "cache") == []

    (at.keys / "restic.password").write_text("wrong horse\n")
    for command in (["check"], ["run"], ["restore", at.folder / "restored"]):
        if command == ["run"]:
            grow(at.data / "otlp" / "spans.json", lines(5000))
        refused = at.attempt(*command)
        assert refused.returncode == 1 and "wrong password or no key found" in refused.stderr
    assert not list((at.folder / "restored" / "otlp").iterdir())


def test_damage_is_found(installation: Installation) -> None:
    at = installation
    at.run("init")
    at.write("spans.json", os.urandom(100_000))
    at.run("run")
    packs = sorted(
        (path for path in (at.repository / "data").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
    )
    packs[-1].chmod(0o600)
    content = bytearray(packs[-1].read_bytes())
    content[5000] ^= 1
    packs[-1].write_bytes(content)
    assert at.run("check")  # looks at no content
    damaged = at.attempt("check", "--read-data")
    assert damaged.returncode == 1 and "check" in damaged.stderr
    assert at.attempt("verify").returncode == 1


def test_killed_in_the_middle(installation: Installation, tmp_path: Path) -> None:
    at = installation
    at.run("init")
    at.write(ONE, os.urandom(40 << 20))
    at.configure(str(at.repository), limit_upload="8000")
    process = subprocess.Popen(at.command("run"), start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not [path for path in (at.repository / "data").rglob("*") if path.is_file()]:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert snapshots(at) == 0
    assert at.locks(), "it was killed too late"
    assert read_state(at.data, "backup") == {}

    at.configure(str(at.repository))
    at.run("run")
    at.run("check", "--read-data")
    at.run("restore", tmp_path / "restored")
    assert at.contents(tmp_path / "restored") == at.contents()


class Locked:
    """Stands for restic: it says which locks there are, each time the next of a list."""

    def __init__(self, repository: Repository, rounds: list[list[dict[str, object]]]) -> None:
        self.rounds, self.removed = rounds, False
        repository._restic = self  # type: ignore[method-assign,assignment]

    def __call__(self, *arguments: str, password: Path | None) -> subprocess.CompletedProcess[str]:
        said = ""
        if arguments[:2] == ("list", "locks"):
            locks = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
            self.now = {str(lock["id"]): lock for lock in locks}
            said = "\n".join(self.now)
        elif arguments[:2] == ("cat", "lock"):
            said = json.dumps(self.now[arguments[2]])
        elif arguments[0] == "unlock":
            assert "--remove-all" in arguments, "restic would send SIGHUP to whatever has the number"
            self.removed = True
        elif not self.removed:
            return subprocess.CompletedProcess(arguments, 1, "", "unable to create lock: repository is already locked")
        return subprocess.CompletedProcess(arguments, 0, said, "")


def lock(name: str, host: str, pid: int, age: float = 60) -> dict[str, object]:
    when = datetime.now(timezone.utc) - timedelta(seconds=age)
    return {"id": name, "hostname": host, "pid": pid, "time": when.isoformat().replace("+00:00", "Z")}


HERE, DEAD = socket.gethostname(), 2**22 + 1  # no process has this number


@pytest.mark.parametrize(
    "rounds, waits, removed",
    [
        ([[lock("a", HERE, DEAD)]], False, True),
        ([[lock("a", HERE, os.getpid())]], False, True),  # which is not restic
        ([[lock("a", HERE, os.getpid(), -86400)]], False, True),  # and the clock was ahead
        ([[lock("a", "other", DEAD, 1900)]], False, True),
        ([[lock("a", HERE, DEAD), lock("b", "other", DEAD, 1900)]], False, True),
        ([[lock("a", "other", DEAD)]], True, True),  # nobody renews it
        ([[lock("a", "other", DEAD, -86400)]], True, True),
        ([[lock("a", HERE, DEAD), lock("b", "other", 1)]], True, True),
        ([[lock("a", "other", DEAD)], [lock("b", "other", DEAD)]], True, False),  # that one lives
        ([[lock("a", "other", DEAD)], []], False, True),  # it has ended
    ],
)
def test_a_stale_lock_is_known(
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
    rounds: list[list[dict[str, object]]],
    waits: bool,
    removed: bool,
) -> None:
    at, slept = installation, [0.0]
    monkeypatch.setattr(time, "sleep", lambda seconds: slept.append(seconds))
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    repository = Repository(Config.read(at.config), at.data / "cache")
    restic = Locked(repository, rounds)
    if removed:
        repository.restic("check")
    else:
        with pytest.raises(BackupError, match="already locked"):
            repository.restic("check")
    assert restic.removed == removed and (sum(slept) >= 360) == waits


def test_a_restic_that_lives_is_known(installation: Installation) -> None:
    """Somebody may work on the repository by hand."""
    at = installation
    at.run("init")
    command: list[str | Path] = [RESTIC, "-r", at.repository, "--password-file", at.keys / "restic.password"]
    with subprocess.Popen([*command, "--no-cache", "backup", "--stdin"], stdin=subprocess.PIPE) as process:
        while not at.locks():
            time.sleep(0.05)
        assert lives(process.pid) and not lives(os.getpid()) and not lives(DEAD)
        process.communicate(b"by hand\n")
    assert not at.locks()


def test_a_full_disk_of_the_backup(installation: Installation, tmp_path: Path) -> None:
    """Acknowledged data stays where it is, nothing is tidied away, and with room again the next run takes it."""
    at = installation
    small = tmp_path / "repository"
    small.mkdir()
    inside = os.geteuid() == 0
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if inside:
        subprocess.run(mount, check=True)
    try:
        at.run("init")
        at.write(ONE, lines(0))
        at.run("run")
        size = 2 << 20
        at.write(TWO, os.urandom(size))
        write_state(at.data, "store", {"files": {TWO: {"offset": size, "size": size}}})
        before, state = at.contents(), read_state(at.data, "backup")
        limit = None if inside else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        failed = subprocess.run(at.command("run"), capture_output=True, text=True, preexec_fn=limit, check=False)
        assert failed.returncode == 1 and "backup" in failed.stderr
        assert read_state(at.data, "backup") == state
        assert at.run("tidy") == ""
        assert at.contents() == before

        if inside:
            subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        at.run("run")
        at.run("check", "--read-data")
        assert at.run("tidy") == f"{TWO}\n"
        at.run("restore", tmp_path / "restored")
        assert at.contents(tmp_path / "restored") == before
    finally:
        if inside:
            subprocess.run(["umount", str(small)], check=True)


def test_a_full_disk_of_the_state(installation: Installation) -> None:
    """The old state stays, which says less than there is: the next run takes what it has not."""
    at = installation
    at.run("init")
    at.write(ONE, lines(0))
    at.run("run")
    state = read_state(at.data, "backup")
    program = "import resource as r, sys; from pathlib import Path; from runspan_collector import files; "
    program += "r.setrlimit(r.RLIMIT_FSIZE, (100, 100)); import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    program += "files.write_state(Path(sys.argv[1]), 'backup', {'files': {str(n): {'size': n} for n in range(100)}})"
    failed = subprocess.run([BIN / "python", "-c", program, at.data], capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and "File too large" in failed.stderr
    assert read_state(at.data, "backup") == state


def test_a_new_password(installation: Installation, tmp_path: Path) -> None:
    at = installation
    at.run("init")
    at.write("spans.json", lines(0))
    at.run("run")
    old = (at.keys / "restic.password").read_text()
    at.run("rotate")
    new = (at.keys / "restic.password").read_text()
    assert new != old and len(new) == 65 and (at.keys / "restic.password").stat().st_mode & 0o777 == 0o600
    assert os.listdir(at.keys) == ["restic.password"]
    grow(at.data / "otlp" / "spans.json", lines(100))
    at.run("run")
    at.run("restore", tmp_path / "restored")
    assert at.contents(tmp_path / "restored") == {"spans.json": lines(0, 200)}
    (at.keys / "restic.password").write_text(old)
    assert "wrong password" in at.attempt("check").stderr


def test_a_power_cut_finds_a_password(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new one is on the disk before the repository knows it, and has its name before the old one is forgotten."""
    at = installation
    at.run("init")
    (at.keys / "restic.password.new").touch()  # what a cut has left that came before
    repository = Repository(Config.read(at.config), at.data / "cache")
    synced: list[object] = []
    seen: dict[str, list[object]] = {}
    fsync, restic = os.fsync, repository.restic

    def sync(descriptor: int) -> None:
        fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        synced.append(sorted(os.listdir(path)) if path.is_dir() else path.read_bytes())

    def called(*arguments: str, password: Path | None = None) -> str:
        seen[" ".join(arguments[:2])] = synced.copy()
        return restic(*arguments, password=password)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(repository, "restic", called)
    repository.rotate()
    new = (at.keys / "restic.password").read_bytes()
    assert seen["key add"] == [new, ["restic.password", "restic.password.new"]]
    assert seen["key remove"] == [*seen["key add"], ["restic.password"]]


def test_secrets_are_on_no_command_line(installation: Installation, tmp_path: Path) -> None:
    """Looked at from inside: restic is a program that writes down how it was called."""
    at = installation
    log = tmp_path / "called"
    spy = tmp_path / "restic"
    spy.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} >>{log}\nexec {RESTIC} "$@"\n')
    spy.chmod(0o755)
    at.config.write_text(at.config.read_text().replace(str(RESTIC), str(spy)))
    (at.keys / "s3.credentials").write_text("[default]\naws_secret_access_key = swordfish\n")
    at.write("spans.json", lines(0))
    for command in ("init", "run", "check", "rotate"):
        at.run(command)
    seen = log.read_text()
    assert "--password-file" in seen and "AWS_SHARED_CREDENTIALS_FILE" in seen
    for secret in ("correct horse", "swordfish", (at.keys / "restic.password").read_text().strip()):
        assert secret not in seen


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("2026-11-24T21:53:41.327807466Z", 1_795_557_221_327_807_466),
    ],
)
def test_nanoseconds(text: str, want: int) -> None:
    assert nanoseconds(text) == want
