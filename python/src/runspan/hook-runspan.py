# SPDX-License-Identifier: MIT
"""PyInstaller's hook: brings the library's files into a program, so that they may be executed."""

from pathlib import Path

from PyInstaller.utils.hooks import collect_data_files, get_package_paths

datas = collect_data_files("runspan", includes=["*.json", "lib/why.txt"])
binaries = [(str(path), "runspan/lib") for path in Path(get_package_paths("runspan")[1], "lib").glob("*runspan*")]
