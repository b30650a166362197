# SPDX-License-Identifier: MIT
"""pip installs the source distribution: with the library where Go is, and without it, saying so, where Go is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packagers.conftest import ROOT, TOOL, Words

Run = Callable[..., tuple[str, list[str]]]


def install(python: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (sdist,) = (ROOT / "build" / "sdist").glob("runspan-*.tar.gz")
    command: Words = [python, "-m", "pip", "install", "-v", "--no-deps", *options, sdist]
    return subprocess.run(
        command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.fixture
def without_go(tmp_path: Path) -> str:
    """A PATH that has bash and the C compiler, and no Go."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("bash", "cc"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return str(folder)


def test_with_go_and_zig(run: Run, fresh: Path) -> None:
    done = install(fresh)
    assert done.returncode == 0, done.stdout
    assert "runspan: this package has the library, compiled by zig" in done.stdout
    assert run(fresh, TOOL) == ("telemetry is on, the core in the host\n", ["sort"])


@pytest.mark.short
def test_without_go(run: Run, fresh: Path, without_go: str) -> None:
    done = install(fresh, PATH=without_go)
    assert done.returncode == 0, done.stdout
    assert "runspan: this package has no library, and reports nothing: go can't be found" in done.stdout
    reason = "runspan was built from its sources without its library: go can't be found\n"
    assert run(fresh, TOOL) == (reason, [])


@pytest.mark.short
def test_a_library_that_was_asked_for(fresh: Path, without_go: str) -> None:
    done = install(fresh, PATH=without_go, RUNSPAN_TOOLCHAIN="system")
    assert done.returncode != 0
    assert "RUNSPAN_TOOLCHAIN is set, and the library can't be built: go can't be found" in done.stdout
