# SPDX-License-Identifier: MIT
"""A Conan 2 recipe of this repository: conan create packaging/conan.

A tool finds the library with find_package(runspan CONFIG), and has the functions of cmake/.
"""

import subprocess
from pathlib import Path

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration


class Runspan(ConanFile):
    name = "runspan"
    version = "0.1.0"
    description = "One span for each run of a command-line tool"
    license = "MIT AND Apache-2.0 AND BSD-3-Clause"
    package_type = "shared-library"
    settings = "os", "arch", "compiler", "build_type"

    def export_sources(self) -> None:
        """Take the library's sources, with the Go modules, so that a build fetches nothing."""
        root = Path(self.recipe_folder).parents[1]
        subprocess.run([root / "scripts" / "source.sh", self.export_sources_folder], check=True)

    def configure(self) -> None:
        self.settings.rm_safe("compiler.cppstd")  # it is C
        self.settings.rm_safe("compiler.libcxx")

    def validate(self) -> None:
        if self.settings.os != "Linux" or self.settings.arch not in ("x86_64", "armv8"):
            raise ConanInvalidConfiguration("build.sh library builds for Linux on x86_64 and aarch64")

    def build(self) -> None:
        self.run("RUNSPAN_TOOLCHAIN=system ./build.sh library build/lib")

    def package(self) -> None:
        self.run(f"scripts/install.sh '{self.package_folder}'")

    def package_info(self) -> None:
        self.cpp_info.libs = ["runspan"]
        self.cpp_info.builddirs = ["lib/cmake/runspan"]
        self.cpp_info.set_property("cmake_find_mode", "none")  # the package has its own files for CMake
