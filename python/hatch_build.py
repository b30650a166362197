# SPDX-License-Identifier: MIT
"""Make the wheel of one platform. RUNSPAN_WHEEL names it: platforms.txt has the names. any is without a library.

There is no sdist: this folder without the library's sources would make a package that can't be built.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

PLATFORM = os.environ.get("RUNSPAN_WHEEL", "any")
LINES = (Path(__file__).parent / "platforms.txt").read_text(encoding="utf-8").splitlines()
TAG, *FILES = next(words[1:] for words in map(str.split, LINES) if words[0] == PLATFORM)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "sdist":
            raise RuntimeError("runspan has no sdist: ./build.sh wheels makes wheels, from the whole repository")
        build_data["tag"] = f"py3-none-{TAG}"
        if PLATFORM != "any":
            build_data["pure_python"] = False
            library = Path(os.environ["RUNSPAN_LIBRARY"])
            for name in FILES:
                build_data["force_include"][str(library / name)] = f"runspan/lib/{name}"
            build_data["sbom_files"].append(str((library / FILES[1]).with_suffix(".cdx.json")))


class CustomMetadataHook(MetadataHookInterface):
    """Name the licences of the wheel's contents: runspan's is MIT, the others are those of the core's dependencies."""

    def update(self, metadata: dict[str, Any]) -> None:
        files = ["LICENSE"] if PLATFORM == "any" else ["LICENSE", "THIRD_PARTY_LICENSES"]
        metadata["license-files"] = files
        metadata["license"] = "MIT" if PLATFORM == "any" else "MIT AND Apache-2.0 AND BSD-3-Clause"
        if PLATFORM.endswith("-windows"):
            metadata["license"] += " AND ZPL-2.1"  # of mingw-w64's start-up code
        for name in files:
            assert Path(self.root, name).is_file(), f"{name} is missing: ./build.sh wheels writes it"
