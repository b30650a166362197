# SPDX-License-Identifier: MIT
"""The same commands to SFTP, S3 and an append-only far end, each by the configuration file alone."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.ops.conftest import ROOT, Installation
from tests.collector.waiting import free_ports

CONTENT = b'{"resourceSpans":[]}\n' * 1000
DEBS = ROOT / "build" / "debs" / "root"


def tool(*paths: str) -> str:
    """One of Debian's, unpacked into build/, or the system's where it has it."""
    for path in paths:
        for found in (DEBS / path.lstrip("/"), Path(path)):
            if found.exists():
                return str(found)
    raise AssertionError(f"no {paths[0]}: scripts/restic.sh test has not been run")


def whole_round(at: Installation, restored: Path) -> None:
    at.run("init")
    at.write("spans.json", CONTENT)
    at.run("run")
    at.run("check", "--read-data")
    shutil.rmtree(at.data)
    at.run("restore", restored)
    assert at.contents(restored) == {"spans.json": CONTENT}


def test_sftp(installation: Installation, tmp_path: Path) -> None:
    """What ssh -s sftp would run on the other machine, with ssh left out."""
    at = installation
    at.configure(f"sftp:backup@far:{at.repository}", f"sftp.command = {tool('/usr/lib/openssh/sftp-server')}")
    whole_round(at, tmp_path / "restored")
    assert (at.repository / "config").exists()


def test_append_only(installation: Installation, tmp_path: Path) -> None:
    """The far end of the forced command in collector/docs/running.md: it takes, and lets nobody remove."""
    at = installation
    far = tmp_path / "far"
    rclone = tool("/usr/bin/rclone")
    far.write_text(f"#!/bin/sh\nexec {rclone} --config= serve restic --stdio --append-only {at.repository}\n")
    far.chmod(0o755)
    at.configure("rclone:", f"rclone.program = {far}")
    whole_round(at, tmp_path / "restored")

    def kept() -> list[Path]:
        return sorted(path for path in at.repository.rglob("*") if path.is_file() and path.parent.name != "locks")

    before = kept()

    command: list[str | Path] = [
        ROOT / "build/collector/restic",
        "-r",
        "rclone:",
        "-o",
        f"rclone.program={far}",
        "--no-cache",
    ]
    command += ["--password-file", at.keys / "restic.password", "forget", "--prune", "latest"]
    # restic tries for 48 s: one answer is enough.
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and "403 Forbidden" in process.stderr.readline()
        process.terminate()
    assert kept() == before
    at.run("restore", tmp_path / "again")


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[str]:
    server = ROOT / "build" / "bin" / "gofakes3"
    assert server.exists(), "scripts/restic.sh test has not been run"
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    with open(tmp_path / "s3.log", "wb") as log:
        command: list[str | Path] = [server, "-backend", "memory", "-host", address, "-initialbucket", "runspan"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 10
        with socket.socket() as s:
            while s.connect_ex(("127.0.0.1", port)) != 0:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


def test_s3(installation: Installation, tmp_path: Path, s3: str) -> None:
    at = installation
    (at.keys / "s3.credentials").write_text("[default]\naws_access_key_id = k\naws_secret_access_key = swordfish\n")
    at.configure(f"s3:http://{s3}/runspan", "s3.bucket-lookup = path")
    whole_round(at, tmp_path / "restored")


def test_a_location_with_a_password_in_it(installation: Installation, tmp_path: Path) -> None:
    """It is read from a file of the keys, and is on no command line."""
    at = installation
    (at.keys / "backup.repository").write_text(f"{at.repository}\n")
    text = at.config.read_text().replace(f"repository = {at.repository}", "repository_file = backup.repository")
    at.config.write_text(text)
    whole_round(at, tmp_path / "restored")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "backup"),
        ("[backup]\nkeys = /k\nrepository = /r\n", "data"),
        ("[backup]\nkeys = /k\ndata = /d\n", "repository"),
        ("[backup]\nkeys = /k\ndata = /d\nrepository = /r\nlimit_upload = much\n", "much"),
        ("backup\n", "no section headers"),
    ],
)
def test_a_configuration_that_is_wrong(installation: Installation, text: str, why: str) -> None:
    installation.config.write_text(text)
    refused = installation.attempt("run")
    assert refused.returncode == 1 and "backup.ini" in refused.stderr and why in refused.stderr
