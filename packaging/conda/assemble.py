# SPDX-License-Identifier: MIT
"""Make conda packages of the wheels in build/wheels: assemble.py CHANNEL. It fetches nothing.

CHANNEL is a folder; it is a channel of conda's afterwards. A package is for all versions of Python. The wheel without a
library gives none: conda takes the package of its platform, or has none. Run it in build/venv/packagers.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import zipfile
from datetime import datetime, timezone
from email.parser import HeaderParser
from pathlib import Path

from rattler.index import index_fs
from rattler_build import assemble_package

ROOT = Path(__file__).resolve().parents[2]
# The tag of a wheel, its conda platform, and the virtual package that says what the library needs of the system.
PLATFORMS = {
    r"manylinux_2_17_x86_64.*": ("linux-64", "__glibc >=2.17"),
    r"manylinux_2_17_aarch64.*": ("linux-aarch64", "__glibc >=2.17"),
    r"macosx_12_0_x86_64": ("osx-64", "__osx >=12.0"),
    r"macosx_12_0_arm64": ("osx-arm64", "__osx >=12.0"),
    r"win_amd64": ("win-64", "__win"),
}


def platform(wheel: Path) -> tuple[str, str] | None:
    """Return the platform of a wheel and what it needs. None: conda has no such platform, or the wheel no library."""
    tag = wheel.stem.split("-")[-1]
    return next((found for pattern, found in PLATFORMS.items() if re.fullmatch(pattern, tag)), None)


def assemble(wheel: Path, channel: Path) -> Path | None:
    """Make the package of a wheel. Return its path."""
    found = platform(wheel)
    if found is None:
        return None
    (channel / found[0]).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        packages = Path(name, "site-packages")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                os.chmod(archive.extract(member, packages), (member.external_attr >> 16) & 0o777 or 0o644)
        (info,) = packages.glob("*.dist-info")
        (info / "INSTALLER").write_text("conda\n", encoding="utf-8")
        metadata = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
        made = assemble_package(
            metadata["Name"],
            metadata["Version"],
            found[0],
            "py_0",
            channel / found[0],
            files_dir=name,
            license=metadata["License-Expression"],
            license_files=sorted((info / "licenses").iterdir()),
            summary=metadata["Summary"],
            depends=[f"python {metadata['Requires-Python']}", found[1]],
            noarch="python",
            timestamp=datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", 0)) or 1577836800, timezone.utc),
            detect_prefix=False,
        )
    return Path(made.path)


def main() -> None:
    channel = Path(sys.argv[1])
    made = [assemble(wheel, channel) for wheel in sorted((ROOT / "build" / "wheels").glob("*.whl"))]
    if not any(made):
        raise SystemExit("assemble.py: build/wheels has no wheel of a platform that conda has: run ./build.sh wheels")
    asyncio.run(index_fs(channel))
    print(*filter(None, made), sep="\n", flush=True)
    os._exit(0)  # rattler's threads crash an interpreter that is about to end


if __name__ == "__main__":
    main()
