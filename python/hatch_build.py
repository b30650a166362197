# SPDX-License-Identifier: MIT
"""Tags the wheel: it holds shared objects of this platform, but no CPython extension. There is no sdist."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "sdist":
            # This folder without the library's sources would make a package that can't be built.
            raise RuntimeError("runspan has no sdist: ./build.sh wheel makes a wheel, from the whole repository")
        libraries = [Path(self.root, f) for f in self.build_config.force_include if f.endswith(".so")]
        machine = sysconfig.get_platform().removeprefix("linux-").replace("-", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_2_{glibc(libraries)}_{machine}"


def glibc(libraries: list[Path]) -> int:
    """The minor version of the oldest glibc 2 that has all they need; pip does not install the wheel with an older one.

    A library has the names of the versions that it needs as texts, among those of its symbols.
    """
    needed = [v for library in libraries for v in re.findall(rb"\0GLIBC_2\.(\d+)(?=[.\0])", library.read_bytes())]
    return max(map(int, needed))
