# SPDX-License-Identifier: MIT
"""docs/authors.md: its steps are done, one after the other, in an empty folder, and its outputs compared.

python -m tests.python.test_authors_page prints the page with the outputs that the commands have now.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.ambient import WAY, neutral

PAGE = Path(__file__).resolve().parents[2] / "docs" / "authors.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = re.compile(r"^((?:duration_ms|timestamp|trace\.\w+) +).*$|(?<=passed in )[0-9.]+s", re.MULTILINE)


def follow(page: str, folder: Path) -> str:
    """Do the page's steps in a folder. Return the page, with the commands' own output where it shows another.

    A block of Python or TOML belongs to the file that was named last before it. pip has been run: the wheel is in the
    environment of the test.
    """
    (folder / "home").mkdir()
    file = ""

    def done(block: re.Match[str]) -> str:
        nonlocal file
        named = re.findall(r"`([\w.]+\.(?:py|toml|json))`", page[: block.start()])
        file = named[-1] if named else file
        language, text = block.groups()
        if language == "console":
            commands = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
            shown = "".join(f"$ {command}\n{run(command, folder)}" for command in commands)
            text = text if is_shown(text, shown) else shown
        elif language == "json":
            assert text in (folder / file).read_text(encoding="utf-8")
        elif language == "toml":
            install(text, folder)
        elif language == "python":
            with (folder / file).open("a", encoding="utf-8") as f:
                f.write(text)
        return f"```{language}\n{text}```"

    return BLOCK.sub(done, page)


def run(command: str, folder: Path) -> str:
    if command.startswith("pip install "):
        return ""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**neutral(), "HOME": str(folder / "home"), "PATH": path}
    bash = ["bash", "-c", f"({command}) 2>&1"]
    shown = subprocess.run(bash, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True).stdout
    if WAY:
        shown = shown.replace("beside the host: RUNSPAN_OUT_OF_PROCESS asks for it", "in the host")
    return shown.replace(str(folder), "").replace("/home/", "/home/user/")


def install(pyproject: str, folder: Path) -> None:
    """Register the tool's entry point, as an installation of it would."""
    info = folder / "mytool-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mytool\nVersion: 1.2.3\n")
    entry = pyproject.replace("project.entry-points.", "").replace('"', "")
    (info / "entry_points.txt").write_text(entry, encoding="utf-8")


def is_shown(text: str, shown: str) -> bool:
    """Return whether a block shows an output. A line ... stands for lines that the page leaves out."""
    pattern = re.escape(VARIES.sub(r"\1", text)).replace(re.escape("...\n"), "(?:.*\n)*?")
    return re.fullmatch(pattern, VARIES.sub(r"\1", shown)) is not None


def test_authors_page(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert {language for language, _ in BLOCK.findall(page)} == {"console", "python", "json", "toml", "c", "cpp"}
    assert follow(page, tmp_path) == page, "python -m tests.python.test_authors_page prints it as it must be"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        sys.stdout.write(follow(PAGE.read_text(encoding="utf-8"), Path(name)))
