# SPDX-License-Identifier: MIT
"""Write the tables about the packages that ./build.sh wheels has made: platforms_page.py.

Those of docs/platforms.md, and StripePy's dependencies in contrib/stripepy/README.md, between their markers.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).parents[1]
WHERE = {
    "x86_64": ("Linux on x86-64, glibc 2.17 and newer", "3.10 to 3.14, PyPy 3.11"),
    "aarch64": ("Linux on arm64, glibc 2.17 and newer", "3.11, emulated"),
    "x86_64-musl": ("Linux on x86-64, musl 1.2 (Alpine 3.13 and newer)", "3.11"),
    "aarch64-musl": ("Linux on arm64, musl 1.2", "none"),
    "x86_64-macos": ("macOS 12 and newer, Intel", "none"),
    "aarch64-macos": ("macOS 12 and newer, Apple silicon", "none"),
    "x86_64-windows": ("Windows 10 and newer, x86-64", "3.12 to 3.14, under Wine"),
    "aarch64-windows": ("Windows on arm64", "none"),
    "any": ("all others", "has no telemetry"),
}
PARTS = {
    ".text": "machine code",
    ".gopclntab": "Go's table of functions and lines",
    ".data.rel.ro": "types and tables with addresses",
    ".rela.dyn": "relocations of these",
    ".rodata": "constants",
    ".noptrdata": "data, the root certificates among it",
}


def replace(page: Path, name: str, lines: list[str]) -> None:
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(begin)
    page.write_text(before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1], encoding="utf-8")


def megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"


def platforms() -> list[list[str]]:
    lines = (ROOT / "python" / "platforms.txt").read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if not line.startswith("#")]


def wheels() -> list[str]:
    lines = [
        "| platform | package | download | installed | Pythons that were run |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for platform, tag, *_ in platforms():
        where, python = WHERE[platform]
        (wheel,) = ROOT.glob(f"build/wheels/*-none-{tag}.whl")
        installed = sum(member.file_size for member in zipfile.ZipFile(wheel).infolist())
        row = (where, f"`{tag}`", megabytes(wheel.stat().st_size), megabytes(installed), python)
        lines.append("| " + " | ".join(row) + " |")
    return lines


def parts() -> list[str]:
    (wheel,) = ROOT.glob("build/wheels/*manylinux*x86_64.whl")
    core = zipfile.ZipFile(wheel).read("runspan/lib/librunspan-core.so")
    sizes = {s.name: s["sh_size"] for s in ELFFile(io.BytesIO(core)).iter_sections() if s["sh_type"] != "SHT_NOBITS"}
    lines = ["| part of librunspan-core.so, x86-64 | size |", "| --- | ---: |"]
    lines += [f"| `{name}`: {what} | {megabytes(sizes[name])} |" for name, what in PARTS.items()]
    rest = len(core) - sum(sizes[name] for name in PARTS)
    return [*lines, f"| all else | {megabytes(rest)} |"]


def tree(venv: str) -> list[str]:
    """Return what StripePy brings in there, less what it needs for its own work."""
    command = ["pipdeptree", "--python", f"build/venv/{venv}/bin/python", "-p", "stripepy-hic"]
    tool = Path(sys.executable).parent / command[0]
    text = subprocess.run([tool, *command[1:]], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    text = re.sub(r" \[required: [^\]]*installed: ([^\],]+)[^\]]*\]", r" \1", text)
    return ["```", "$ " + " ".join(command), *text.strip().splitlines(), "```"]


def main() -> None:
    page = ROOT / "docs" / "platforms.md"
    replace(page, "wheels", wheels())
    replace(page, "parts", parts())
    for venv in ("published", "patched"):
        replace(ROOT / "contrib" / "stripepy" / "README.md", venv, tree(venv))


if __name__ == "__main__":
    main()
