# SPDX-License-Identifier: MIT
"""Programs in C, and opentelemetry-rust behind a C ABI as their peer."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

from tests.stripepy.otlp_receiver import ROOT

BENCH = ROOT / "bench"
BUILT = ROOT / "build" / "bench"
RUNSPAN = ROOT / "build" / "lib" / "librunspan.so"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
NO_CARGO = "not measured: there is no cargo on this machine"


def compiled(name: str, *flags: str, variant: str = "", library: Path | None = RUNSPAN) -> Path:
    """bench/NAME.c, linked with runspan, with another library, or with none."""
    program = BUILT / f"{name}{variant}"
    program.parent.mkdir(parents=True, exist_ok=True)
    link = [] if library is None else [str(library), f"-Wl,-rpath,{library.parent}"]
    command = [os.environ.get("CC", "cc"), "-std=c11", "-D_DEFAULT_SOURCE", "-O2", *STRICT, f"-I{ROOT}/include", *flags]
    subprocess.run([*command, str(BENCH / f"{name}.c"), "-o", str(program), *link], check=True)
    return program


def rust() -> Path | None:
    """The peer in Rust, built with the versions of Cargo.lock; None where the machine has no cargo."""
    if shutil.which("cargo") is None:
        return None
    target = ROOT / "build" / "rust"
    manifest = BENCH / "rust" / "Cargo.toml"
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", str(manifest)]
    subprocess.run([*command, "--target-dir", str(target)], check=True)
    return target / "release" / "libotelpeer.so"


def packed(files: list[Path]) -> float:
    """Megabytes that the files are, compressed."""
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files) / 1e6
