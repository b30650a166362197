# SPDX-License-Identifier: MIT
"""Debian's packages: dpkg installs them, the examples are compiled with what they have, and report.

In a mount namespace, with a layer above this machine's files that takes what dpkg writes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.packagers.conftest import ROOT

Run = Callable[..., tuple[str, list[str]]]

# $1 is a folder for the layer; in the namespace it has the programs that were compiled, too.
INSTALL = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mkdir -p "$1/root$2"
mount --bind "$2" "$1/root$2"
exec chroot "$1/root" bash -ec "$3"
"""
COMPILE = """
dpkg -i {debs} >&2
test "$(stat -c %a /usr/lib/*/runspan-core)" = 755
ldconfig -p | grep -q librunspan.so.0
cd {folder}
{cmake} -S {examples} -B examples -G Ninja -DCMAKE_MAKE_PROGRAM={ninja} >&2
{cmake} --build examples >&2
cc -I{include} -o counted {examples}/count/linecount.c $({pkgconf} --cflags --libs runspan) >&2
printf 'a\\nb\\n' >lines
./counted lines
examples/linecount lines
RUNSPAN_OUT_OF_PROCESS=1 examples/linecount-static lines
dpkg -r librunspan-dev librunspan0 >&2
! ./counted lines 2>/dev/null
"""


def test_installed(run: Run, tmp_path: Path) -> None:
    debs = sorted((ROOT / "build" / "deb").glob("*.deb"))
    assert len(debs) == 2
    dev = ROOT / "build" / "venv" / "dev" / "bin"
    layer, folder = tmp_path / "layer", tmp_path / "folder"
    layer.mkdir()
    folder.mkdir()
    script = COMPILE.format(
        debs=" ".join(map(str, debs)),
        folder=folder,
        examples=ROOT / "examples",
        include=folder / "examples" / "runspan-schemas",
        cmake=dev / "cmake",
        ninja=dev / "ninja",
        pkgconf=dev / "pkg-config",
    )
    words = ["unshare", "--mount", "bash", "-c", INSTALL, "bash", layer, tmp_path, script]
    output, spans = run(
        *words, PKG_CONFIG_PATH=os.path.join("/usr/lib", f"{os.uname().machine}-linux-gnu", "pkgconfig")
    )
    assert output == "2 lines\n" * 3
    assert spans == ["count"] * 3


def test_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        command = [ROOT / "packaging" / "deb" / "build.sh", tmp_path / name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("first", "second"))
    assert len(first) == 2 and first == second
