# SPDX-License-Identifier: MIT
"""Debian's packages: dpkg installs them, the examples are compiled with what they have, and report.

In a mount namespace, with a layer above this machine's files that takes what dpkg writes.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packagers.conftest import ROOT, Words

pytestmark = pytest.mark.short
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


def test_lintian_finds_nothing() -> None:
    unpacked = ROOT / "build" / "debs" / "root"
    folders = [unpacked / "usr/share/perl5", *unpacked.glob("usr/lib/*/perl5/*")]
    variables = {
        "PATH": f"{unpacked}/usr/bin:{os.environ['PATH']}",
        "PERL5LIB": ":".join(map(str, folders)),
        "LD_LIBRARY_PATH": ":".join(map(str, unpacked.glob("usr/lib/*-linux-gnu"))),
        "LINTIAN_BASE": f"{unpacked}/usr/share/lintian",
    }
    words: Words = [unpacked / "usr/bin/lintian", "--allow-root", *(ROOT / "build" / "deb").glob("*.deb")]
    found = subprocess.run(words, env={**os.environ, **variables}, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_no_licence_is_lost() -> None:
    """But for Apache's text, which lintian wants to be left out."""
    (package,) = (ROOT / "build" / "deb").glob("librunspan0_*.deb")
    packed = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        member = files.extractfile("./usr/share/doc/librunspan0/copyright")
        assert member
        copyright = member.read().decode()
    built = (ROOT / "build" / "lib" / "THIRD_PARTY_LICENSES").read_text(encoding="utf-8")
    assert copyright.count("Redistribution and use in source") == built.count("Redistribution and use in source") > 2
    assert copyright.count("Permission is hereby granted") == built.count("Permission is hereby granted") + 1
    assert all(line in copyright for line in built.splitlines() if line.startswith(("go", "zig")))


def test_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        command = [ROOT / "packaging" / "deb" / "build.sh", tmp_path / name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("first", "second"))
    assert len(first) == 2 and first == second
