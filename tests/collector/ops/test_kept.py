# SPDX-License-Identifier: MIT
"""What somebody has made stays: reports, keys and settings that lie where serve, keys and a clean do their work."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from runspan_collector import serve
from tests.collector.ops.conftest import BIN, RESTIC, ROOT, Installation


def run(*command: str | Path, full: bool = False) -> subprocess.CompletedProcess[str]:
    """Where the disk is said to be full no file may have a byte, and what writes is told so by an error."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))) if full else None
    return subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=limit, restore_signals=not full
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with build.sh and a build/ that has nothing but programs."""
    folder = tmp_path / "project"
    (folder / "build" / "venv" / "collector").mkdir(parents=True)
    (folder / "build" / "venv" / "collector" / "stamp").write_text("old")
    shutil.copy(ROOT / "build.sh", folder)
    return folder


def test_clean_removes_what_was_built(project: Path) -> None:
    (project / "build" / "venv").chmod(0o500)
    for _ in range(2):  # the second time there is nothing
        done = run(project / "build.sh", "clean")
        assert done.returncode == 0, done.stderr
        assert not (project / "build").exists()


@pytest.mark.parametrize(
    "file",
    [
        "build/serve/data/otlp/spans.json",
        "build/serve/data/otlp/spans-2026-11-24T10-00-00.000.json",
        "build/serve/keys/store.key",
        "build/mine/deep/keys/restic.password",
    ],
)
@pytest.mark.parametrize("link", ["", "build", "build/serve"])
def test_clean_removes_no_reports_and_no_keys(project: Path, file: str, link: str) -> None:
    if link and not file.startswith(link + "/"):
        link = "build"
    (project / file).parent.mkdir(parents=True)
    (project / file).write_text("there")
    if link:
        elsewhere = project / "elsewhere"
        (project / link).rename(elsewhere)
        (project / link).symlink_to(elsewhere)
    before = contents(project)
    done = run(project / "build.sh", "clean")
    assert done.returncode == 1 and file in done.stderr, done.stderr
    assert contents(project) == before and (project / file).read_text() == "there"


def test_nothing_is_removed_under_a_serve_that_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "BUILD", project / "build")
    before = contents(project)
    held = serve.hold_build()
    try:
        done = run(project / "build.sh", "clean")
        assert done.returncode == 1 and "end it first" in done.stderr
        for name in ("collector/requirements.txt", "tests/requirements.txt", "tests/stripepy/requirements.txt"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text("new")
        remade = f"source {project}/build.sh help >/dev/null; venv collector collector/requirements.txt"
        done = run("bash", "-c", remade)
        assert done.returncode == 1 and "has to be made anew: end it first" in done.stderr, done.stderr
        assert before.items() <= contents(project).items()
    finally:
        os.close(held)
    assert run(project / "build.sh", "clean").returncode == 0


def test_data_is_not_in_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert serve.default_folder() == tmp_path / "data" / "runspan-collector"
    for value in ("", "not/absolute"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert serve.default_folder() == tmp_path / ".local/share/runspan-collector"


def test_data_of_before_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.argv", ["serve"])
    monkeypatch.setattr(serve, "WAS", tmp_path / "serve")
    (tmp_path / "serve").mkdir()
    with pytest.raises(SystemExit, match=f"mv {tmp_path}/serve {tmp_path}/data/runspan-collector"):
        serve.main()
    assert not (tmp_path / "data").exists()


def test_a_changed_backup_ini_stays(tmp_path: Path) -> None:
    first, moved = tmp_path / "first", tmp_path / "moved"
    first.mkdir()
    serve.configure(first)
    made = (first / "backup.ini").read_text()
    assert f"data = {first}/data\n" in made
    first.rename(moved)
    serve.configure(moved)
    assert (moved / "backup.ini").read_text() == made.replace(str(first), str(moved))
    for changed in (made.replace(f"{first}/data/backup", "sftp:me@example.org:/srv"), made + "limit_upload = 100\n"):
        (moved / "backup.ini").write_text(changed)
        serve.configure(moved)
        assert (moved / "backup.ini").read_text() == changed
    (moved / "backup.ini").write_text("")  # as a full disk left it
    serve.configure(moved)
    assert f"data = {moved}/data\n" in (moved / "backup.ini").read_text()


@pytest.mark.parametrize("theirs", [["tls.crt", "tls.key"], ["tls.key"], ["tls.crt"]])
def test_keys_writes_over_nobody_elses(tmp_path: Path, theirs: list[str]) -> None:
    keys, other = tmp_path / "keys", tmp_path / "other"
    other.mkdir()
    new = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=telemetry.example.org"]
    made = run("openssl", "req", "-x509", *new, "-keyout", other / "tls.key", "-out", other / "tls.crt")
    assert made.returncode == 0, made.stderr
    assert run(BIN / "runspan-keys", keys).returncode == 0
    for name in theirs:
        shutil.copy(other / name, keys)
    (keys / "tls.csr").write_text("theirs, too")
    before = contents(keys)
    done = run(BIN / "runspan-keys", keys, "tls", "localhost")
    assert done.returncode == 1 and "was not made here" in done.stderr
    assert contents(keys) == before
    for name in theirs:
        (keys / name).unlink()
    assert run(BIN / "runspan-keys", keys, "tls", "localhost").returncode == 0
    assert (keys / "tls.csr").read_text() == "theirs, too"


def test_keys_uses_the_key_of_a_ca_that_is_there(tmp_path: Path) -> None:
    assert run(BIN / "runspan-keys", tmp_path, "tls", "localhost").returncode == 0
    key = (tmp_path / "ca.key").read_text()
    (tmp_path / "ca.crt").unlink()
    assert run(BIN / "runspan-keys", tmp_path, "tls", "localhost").returncode == 0
    assert (tmp_path / "ca.key").read_text() == key
    assert run("openssl", "verify", "-CAfile", tmp_path / "ca.crt", tmp_path / "tls.crt").returncode == 0


def test_keys_on_a_full_disk(tmp_path: Path) -> None:
    """It says so, and makes them when there is room."""
    for more in ([], ["tls", "localhost"]):
        done = run(BIN / "runspan-keys", tmp_path, *more, full=True)
        assert done.returncode != 0 and done.stderr
        assert not [path for path in tmp_path.iterdir() if path.suffix != ".new" and not path.stat().st_size]
        done = run(BIN / "runspan-keys", tmp_path, *more)
        assert done.returncode == 0, done.stderr
    assert run("openssl", "verify", "-CAfile", tmp_path / "ca.crt", tmp_path / "tls.crt").returncode == 0


@pytest.mark.parametrize("there", [False, True])
def test_a_repository_that_found_no_room_is_made_later(installation: Installation, there: bool) -> None:
    at = installation
    if there:
        at.repository.mkdir()
    # restic is Go's: it is not told by a signal. A key is smaller than a page, and the configuration comes last.
    limited = at.folder / "restic"
    limited.write_text(f'#!/bin/sh\n{RESTIC} "$@" && rm {at.repository}/config && echo full >&2 && exit 1\n')
    limited.chmod(0o755)
    whole = at.config.read_text()
    at.config.write_text(whole.replace(str(RESTIC), str(limited)))
    assert at.attempt("init").returncode == 1
    assert not at.repository.exists() or list(at.repository.iterdir()) == []
    at.config.write_text(whole)
    at.run("init")
    at.write("spans.json", b"{}\n")
    at.run("run")
    at.run("check")
