# SPDX-License-Identifier: MIT
"""Make the wheel of one platform. RUNSPAN_WHEEL names it: platforms.txt has the names. any is without a library.

A source distribution has the library's sources in source/. Without RUNSPAN_WHEEL its wheel is for this machine, with
the library where that can be built here; the package says why where it can't.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

PLATFORM = os.environ.get("RUNSPAN_WHEEL", "any")
LINES = (Path(__file__).parent / "platforms.txt").read_text(encoding="utf-8").splitlines()
TAG, *FILES = next(words[1:] for words in map(str.split, LINES) if words[0] == PLATFORM)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def dependencies(self) -> list[str]:
        return Source(self.root).requirements() if self.target_name == "wheel" else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "sdist":
            if not Path(self.root, "source").is_dir():
                raise RuntimeError("./build.sh sdist makes the sdist, from the whole repository")
            return
        if Source(self.root).is_used:
            Source(self.root).build(build_data)
            return
        build_data["tag"] = f"py3-none-{TAG}"
        if PLATFORM != "any":
            build_data["pure_python"] = False
            library = Path(os.environ["RUNSPAN_LIBRARY"])
            for name in FILES:
                build_data["force_include"][str(library / name)] = f"runspan/lib/{name}"
            build_data["sbom_files"].append(str((library / FILES[1]).with_suffix(".cdx.json")))


class Source:
    """Build the library of a source distribution, for the machine that this runs on."""

    def __init__(self, root: str) -> None:
        self.folder = Path(root, "source")
        self.toolchain = os.environ.get("RUNSPAN_TOOLCHAIN")
        """zig or system: the library is wanted, and its failure is the build's. None: the package may do without."""
        self.is_used = self.folder.is_dir() and "RUNSPAN_WHEEL" not in os.environ

    def requirements(self) -> list[str]:
        """Return zig's requirement where zig compiles the library."""
        if not self.is_used or self.toolchain == "system" or self.why_not():
            return []
        pinned = (self.folder / "python" / "requirements-build.txt").read_text(encoding="utf-8")
        return re.findall(r"^ziglang==\S+", pinned, re.MULTILINE)

    def build(self, build_data: dict[str, Any]) -> None:
        lib = self.folder / "build" / "lib"
        why = self.why_not() or self.compile(lib)
        build_data["pure_python"], build_data["tag"] = bool(why), "py3-none-any"
        if why:
            if self.toolchain:
                raise RuntimeError(f"RUNSPAN_TOOLCHAIN is set, and the library can't be built: {why}")
            print(f"runspan: this package has no library, and reports nothing: {why}", file=sys.stderr)
            text = self.folder / "why.txt"
            text.write_text(f"runspan was built from its sources without its library: {why}", encoding="utf-8")
            build_data["force_include"][str(text)] = "runspan/lib/why.txt"
            return
        print(f"runspan: this package has the library, compiled by {self.compiler()}", file=sys.stderr)
        # zig's is for the glibc of the released wheels; another compiler's for this machine's.
        name = sysconfig.get_platform().replace("-", "_")
        build_data["tag"] = f"py3-none-{name if self.compiler() == 'cc' else name.replace('linux', 'manylinux_2_17')}"
        for file in ("librunspan.so", "librunspan-core.so", "runspan-core"):
            build_data["force_include"][str(lib / file)] = f"runspan/lib/{file}"
        build_data["sbom_files"].append(str(lib / "librunspan-core.cdx.json"))

    def why_not(self) -> str:
        """Return why the library can't be built here, or nothing. It takes Go; zig comes with requirements()."""
        machine = platform.machine()
        if sys.platform != "linux" or machine not in ("x86_64", "aarch64") or platform.libc_ver()[0] != "glibc":
            return f"only Linux with glibc on x86_64 and aarch64 builds it; this is {sysconfig.get_platform()}"
        missing = [name for name in ("bash", "go") if shutil.which(name) is None]
        return f"{' and '.join(missing)} can't be found" if missing else ""

    def compiler(self) -> str:
        return "cc" if self.toolchain == "system" or importlib.util.find_spec("ziglang") is None else "zig"

    def compile(self, lib: Path) -> str:
        """Build the library into the folder. Return why that failed, or nothing."""
        variables = {**os.environ, "PYTHON": sys.executable, "RUNSPAN_TOOLCHAIN": "system"}
        if self.compiler() == "zig":
            found = importlib.util.find_spec("ziglang")
            assert found is not None and found.submodule_search_locations
            variables |= {"RUNSPAN_TOOLCHAIN": "zig", "RUNSPAN_ZIG": f"{found.submodule_search_locations[0]}/zig"}
        elif shutil.which(os.environ.get("CC", "cc")) is None:
            return "there is no C compiler: neither zig (PyPI's ziglang) nor cc"
        command = ["bash", str(self.folder / "build.sh"), "library", str(lib)]
        done = subprocess.run(command, env=variables, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
        sys.stderr.write(done.stderr)
        return "" if done.returncode == 0 else f"build.sh failed: {(done.stderr.splitlines() or ['?'])[-1]}"


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
