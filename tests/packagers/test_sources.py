# SPDX-License-Identifier: MIT
"""C++ tools build runspan from its sources, with Conan and with CMake's FetchContent, as docs/distributions.md says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.packagers.conftest import ROOT, Words

Run = Callable[..., tuple[str, list[str]]]
BIN = ROOT / "build" / "venv" / "dev" / "bin"
CMAKE: Words = [BIN / "cmake", "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={BIN / 'ninja'}"]


def counts(run: Run, program: Path, folder: Path) -> None:
    (folder / "lines").write_text("a\nb\n", encoding="utf-8")
    assert run(program, folder / "lines") == (f"2 {folder}/lines\n", ["count"])


def test_conan(run: Run, tmp_path: Path) -> None:
    conan = [ROOT / "build" / "venv" / "packagers" / "bin" / "conan"]
    environment = {**os.environ, "CONAN_HOME": str(tmp_path / "conan")}

    def call(*words: str | Path) -> None:
        subprocess.run(words, check=True, env=environment, cwd=tmp_path)

    call(*conan, "profile", "detect")
    call(*conan, "create", ROOT / "packaging" / "conan")
    call(*conan, "install", "--requires=runspan/[>=0]", "-g", "CMakeToolchain", "-g", "CMakeDeps", "-of", "toolchain")
    toolchain = tmp_path / "toolchain" / "conan_toolchain.cmake"
    words = [f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", "-DCMAKE_BUILD_TYPE=Release"]
    call(*CMAKE, *words, "-S", ROOT / "examples", "-B", "examples")
    call(BIN / "cmake", "--build", "examples")
    counts(run, tmp_path / "examples" / "linecount", tmp_path)
    counts(run, tmp_path / "examples" / "linecount-static", tmp_path)


def test_fetch_content(run: Run, tmp_path: Path) -> None:
    """The page's CMakeLists.txt, with the archive that ./build.sh sdist has made."""
    page = (ROOT / "docs" / "distributions.md").read_text(encoding="utf-8")
    (lists,) = re.findall(r"```cmake\n(.*?)```", page, re.DOTALL)
    (archive,) = (ROOT / "build" / "sdist").glob("*.tar.gz")
    lists = re.sub(r"(?<=URL )\S+", str(archive), lists)
    lists = re.sub(r"mytool(?=\.(c|json)\b)", str(ROOT / "examples" / "count" / "linecount"), lists)
    (tmp_path / "CMakeLists.txt").write_text(lists, encoding="utf-8")
    subprocess.run([*CMAKE, "-S", tmp_path, "-B", tmp_path / "build"], check=True)
    subprocess.run([BIN / "cmake", "--build", tmp_path / "build"], check=True)
    counts(run, tmp_path / "build" / "mytool", tmp_path)
