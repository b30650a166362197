# SPDX-License-Identifier: MIT
"""A tool that PyInstaller has frozen reports. A tool in a zip file says why it can't."""

from __future__ import annotations

import subprocess
import sys
import zipapp
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packagers.conftest import ROOT, TOOL, Words

Run = Callable[..., tuple[str, list[str]]]
IN_HOST, BESIDE = "telemetry is on, the core in the host\n", "telemetry is on, the core beside the host"


@pytest.mark.parametrize("form", [pytest.param("onedir", marks=pytest.mark.short), "onefile"])
def test_pyinstaller(form: str, run: Run, tmp_path: Path) -> None:
    """With the hook that the package's entry point names, in the environment of this interpreter."""
    words: Words = ["--noconfirm", "--log-level=WARN", f"--{form}", "--distpath", tmp_path / "dist"]
    words += ["--workpath", tmp_path / "work", "--specpath", tmp_path, TOOL]
    subprocess.run([sys.executable, "-m", "PyInstaller", *words], check=True)
    program = tmp_path / "dist" / ("tool/tool" if form == "onedir" else "tool")
    moved = tmp_path / "moved"
    (tmp_path / "dist").rename(moved)
    program = moved / program.relative_to(tmp_path / "dist")
    assert run(program) == (IN_HOST, ["sort"])
    output, spans = run(program, RUNSPAN_OUT_OF_PROCESS="1")  # the program runspan-core can be executed
    assert output.startswith(BESIDE) and spans == ["sort"]


@pytest.mark.short
def test_zipapp(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "source"
    unpacked: Words = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", source]
    subprocess.run([*unpacked, "--find-links", ROOT / "build" / "wheels", "runspan"], check=True)
    (source / "__main__.py").write_bytes(TOOL.read_bytes())
    zipapp.create_archive(source, tmp_path / "tool.pyz")
    output, spans = run(sys.executable, tmp_path / "tool.pyz")
    assert spans == []
    assert output.startswith(f"runspan is in the zip file {tmp_path}/tool.pyz; its library must be a file: ")
    assert run(sys.executable, source) == (IN_HOST, ["sort"])
