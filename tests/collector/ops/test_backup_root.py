# SPDX-License-Identifier: MIT
"""The backup's commands, run by root on another user's files, and on a machine that gets another name.

These tests need root, to give files away and to name machines.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.collector.ops.conftest import RESTIC, Installation, grow
from tests.collector.ops.test_backup import lines


def test_what_root_does_by_hand_leaves_nothing_to_the_timers_that_they_cant_read(
    installation: Installation, tmp_path: Path
) -> None:
    at, user = installation, 65534
    at.write("spans.json", lines(0))
    at.run("init")
    at.run("run")
    ours = [at.data / "cache", at.repository]
    mine = tmp_path / "mine"
    mine.touch()
    (at.data / "cache" / "link").symlink_to(mine)
    os.link(mine, at.data / "cache" / "second-name")
    for folder in (*ours, at.data / "state"):
        os.chown(folder, user, user)
    grow(at.data / "otlp" / "spans.json", lines(100))
    for command in (("run",), ("check",), ("verify",), ("rotate",), ("restore", tmp_path / "restored")):
        at.run(*command)
        found = [path for folder in ours for path in folder.rglob("*")] + [at.data / "state" / "backup.json"]
        roots = {path.name for path in found if path.lstat().st_uid == 0}
        assert roots == {"second-name"} and len(found) > 10, command
    assert mine.stat().st_uid == (tmp_path / "restored" / "otlp" / "spans.json").stat().st_uid == 0


def test_root_follows_no_link_of_a_service(installation: Installation, tmp_path: Path) -> None:
    """The cache is the backup's user's, and in the folder of states the store's user may make files as well."""
    at, user = installation, 65534
    at.write("spans.json", lines(0))
    at.run("init")
    at.run("run")
    victim, planted = tmp_path / "victim", tmp_path / "planted"
    victim.write_text("precious")
    lock, version = at.data / "cache" / "backup.lock", next((at.data / "cache").glob("*/version"))
    for link, to in ((lock, victim), (version, planted), (at.data / "state" / "backup.new", victim)):
        link.unlink(missing_ok=True)
        link.symlink_to(to)
    os.chown(at.data / "cache", user, user)
    refused = at.attempt("restore", tmp_path / "restored")
    assert refused.returncode == 1 and "backup.lock" in refused.stderr
    lock.unlink()
    for command in (("restore", tmp_path / "restored"), ("verify",), ("rotate",), ("check",)):
        at.run(*command)
    assert victim.read_text() == "precious" and not planted.exists()
    assert sorted(path.name for path in at.data.iterdir()) == ["cache", "otlp", "state"]
    assert sorted(os.listdir(at.data / "state")) == ["backup.json", "backup.new"]


def named(host: str, *command: str | Path) -> list[str]:
    """Return the command, to be run on a machine of that name."""
    return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host, *map(str, command)]


def killed(at: Installation, host: str, *command: str) -> None:
    """Leave a lock: restic is killed on a machine of that name."""
    repository = ["-r", str(at.repository), "--password-file", str(at.keys / "restic.password"), "--no-cache"]
    process = subprocess.Popen(named(host, RESTIC, *repository, *command), stdin=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not at.locks():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()


@pytest.mark.parametrize("case", ["a name of before", "a repository of its own", "another lock half written"])
def test_a_lock_of_this_machine_when_it_had_another_name(installation: Installation, case: str) -> None:
    """It was killed, and comes back under another name: neither the check nor the run after it is refused."""
    at = installation
    if case != "a name of before":  # it has this repository for itself
        at.repository = at.data / "backup"
        at.configure(str(at.repository))
    at.run("init")
    at.write("spans.json", lines(0))
    if case == "a name of before":
        subprocess.run(named("before", *at.command("run")), check=True, capture_output=True)
    killed(at, "before", "backup", "--stdin")
    if case == "another lock half written":
        [lock] = at.locks()
        lock.with_name(f"{'0' * 64}-tmp-1").write_bytes(lock.read_bytes()[:50])
    for command in ("check", "run"):
        done = subprocess.run(at.command(command), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    assert not at.locks()
