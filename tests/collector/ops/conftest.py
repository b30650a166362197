# SPDX-License-Identifier: MIT
"""An installation in a folder of its own: data, keys and a repository of restic's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BIN = ROOT / "build" / "venv" / "collector" / "bin"
RESTIC = ROOT / "build" / "collector" / "restic"


class Installation:
    """Its commands are run as a timer would run them."""

    def __init__(self, folder: Path, repository: str | None = None) -> None:
        self.folder = folder
        self.data, self.keys = folder / "data", folder / "keys"
        self.repository = folder / "repository"
        self.config = folder / "backup.ini"
        for made in (self.data / "otlp", self.data / "state", self.keys):
            made.mkdir(parents=True)
        (self.keys / "restic.password").write_text("correct horse\n")
        self.configure(repository or str(self.repository))

    def configure(self, repository: str, options: str = "", **more: str) -> None:
        lines = [f"{name} = {value}" for name, value in more.items()]
        self.config.write_text(
            f"[backup]\ndata = {self.data}\nkeys = {self.keys}\nrestic = {RESTIC}\nrepository = {repository}\n"
            + "\n".join(lines)
            + f"\n[options]\n{options}\n"
        )

    def command(self, *arguments: str | Path) -> list[str]:
        tool = "tidy" if arguments[0] == "tidy" else "backup"
        rest = ["--data", self.data, *arguments[1:]] if tool == "tidy" else [*arguments, "--config", self.config]
        return [str(BIN / f"runspan-{tool}"), *map(str, rest)]

    def run(self, *arguments: str | Path) -> str:
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def attempt(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)

    def write(self, name: str, content: bytes) -> Path:
        path = self.data / "otlp" / name
        path.write_bytes(content)
        return path

    def locks(self) -> list[Path]:
        """The repository's locks. A file that restic has only begun to write has another name, and is none."""
        return [path for path in (self.repository / "locks").iterdir() if "-tmp-" not in path.name]

    def contents(self, data: Path | None = None) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in ((data or self.data) / "otlp").iterdir()}


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    assert RESTIC.exists(), "scripts/restic.sh has not been run"
    made = Installation(tmp_path)
    yield made


def grow(path: Path, content: bytes) -> None:
    with open(path, "ab") as file:
        file.write(content)
        os.fsync(file.fileno())
