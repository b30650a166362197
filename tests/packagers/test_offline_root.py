# SPDX-License-Identifier: MIT
"""The commands of docs/distributions.md build the source distribution in a network namespace that has no network."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ambient import neutral
from tests.packagers.conftest import ROOT, TOOL

Run = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def offline(tmp_path: Path) -> Callable[[int, Path], None]:
    """A function that runs a block of commands of the page in a folder, without network and without Go's modules."""

    def call(block: int, folder: Path) -> None:
        page = (ROOT / "docs" / "distributions.md").read_text(encoding="utf-8")
        commands = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)[block]
        paths = {"DESTDIR": f"{tmp_path}/destination", "GOMODCACHE": f"{tmp_path}/modules"}
        python = str(Path(sys.executable).parent)
        variables = {**neutral(), **paths, "PATH": f"{python}:{neutral()['PATH']}"}
        words = ["unshare", "--net", "bash", "-exc", commands]
        subprocess.run(words, cwd=folder, env=variables, check=True)
        assert not (tmp_path / "modules").exists()

    return call


def test_a_system_library(offline: Callable[[int, Path], None], run: Run, tmp_path: Path) -> None:
    (archive,) = (ROOT / "build" / "sdist").glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("runspan-*/source")
    offline(0, source)
    prefix = tmp_path / "destination" / "usr"
    libraries = prefix / "lib" / "x86_64-linux-gnu"
    assert {path.name for path in prefix.rglob("*runspan*") if path.is_file()} >= {"runspan.h", "runspan.pc"}
    assert run(sys.executable, TOOL, LIBRARY=str(libraries / "librunspan.so.0"))[1] == ["sort"]
    licences = (prefix / "share" / "doc" / "runspan" / "THIRD_PARTY_LICENSES").read_text(encoding="utf-8")
    built = (ROOT / "build" / "lib" / "THIRD_PARTY_LICENSES").read_text(encoding="utf-8")
    assert re.findall(r"^go\S+ v\S+$|^google\S+ v\S+$", licences, re.M) == re.findall(
        r"^go\S+ v\S+$|^google\S+ v\S+$", built, re.M
    )


def test_the_python_package(offline: Callable[[int, Path], None], run: Run, fresh: Path, tmp_path: Path) -> None:
    (archive,) = (ROOT / "build" / "sdist").glob("*.tar.gz")
    (tmp_path / archive.name).symlink_to(archive)
    offline(1, tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert "-py3-none-linux_" in wheel.name
    subprocess.run([fresh, "-m", "pip", "install", "-q", "--no-index", wheel], check=True)
    assert run(fresh, TOOL) == ("telemetry is on, the core in the host\n", ["sort"])
