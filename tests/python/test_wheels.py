# SPDX-License-Identifier: MIT
"""The packages in build/wheels: the platform for which pip takes each, and its contents."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / "build" / "wheels"
X86 = "manylinux_2_17_x86_64.manylinux2014_x86_64"
ARM = "manylinux_2_17_aarch64.manylinux2014_aarch64"
MUSL_X86, MUSL_ARM = "musllinux_1_2_x86_64", "musllinux_1_2_aarch64"
FILES = {  # of the packages with a library
    X86: ["librunspan-core.so", "librunspan.so", "runspan-core"],
    ARM: ["librunspan-core.so", "librunspan.so", "runspan-core"],
    MUSL_X86: ["librunspan.so", "runspan-core"],
    MUSL_ARM: ["librunspan.so", "runspan-core"],
    "macosx_12_0_x86_64": ["librunspan.dylib", "runspan-core"],
    "macosx_12_0_arm64": ["librunspan.dylib", "runspan-core"],
    "win_amd64": ["runspan-core.exe", "runspan.dll"],
    "win_arm64": ["runspan-core.exe", "runspan.dll"],
}
LARGEST, LARGEST_INSTALLED = 4_200_000, 10_500_000  # bytes of a package


def wheel(tag: str) -> Path:
    (found,) = WHEELS.glob(f"runspan-*-py3-none-{tag}.whl")
    return found


@pytest.mark.parametrize(
    "platform, python, tag",
    [
        ("manylinux2014_x86_64", "3.10", X86),  # the oldest pips know this name alone
        ("manylinux_2_17_x86_64", "3.11", X86),
        ("manylinux_2_28_x86_64", "3.12", X86),
        ("manylinux_2_39_x86_64", "3.14", X86),
        ("manylinux2014_aarch64", "3.10", ARM),
        ("manylinux_2_34_aarch64", "3.13", ARM),
        ("manylinux1_x86_64", "3.10", "any"),  # glibc 2.5
        ("manylinux_2_17_i686", "3.10", "any"),
        ("manylinux_2_28_ppc64le", "3.12", "any"),
        ("musllinux_1_2_x86_64", "3.12", MUSL_X86),
        ("musllinux_1_2_aarch64", "3.13", MUSL_ARM),
        ("musllinux_1_1_x86_64", "3.12", "any"),
        ("musllinux_1_2_armv7l", "3.12", "any"),
        ("macosx_12_0_arm64", "3.12", "macosx_12_0_arm64"),
        ("macosx_26_0_arm64", "3.14", "macosx_12_0_arm64"),
        ("macosx_13_0_x86_64", "3.10", "macosx_12_0_x86_64"),
        ("macosx_11_0_arm64", "3.12", "any"),
        ("macosx_10_9_x86_64", "3.10", "any"),
        ("win_amd64", "3.13", "win_amd64"),
        ("win_arm64", "3.14", "win_arm64"),
        ("win32", "3.11", "any"),
    ],
)
def test_pip_takes_the_right_one(platform: str, python: str, tag: str, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--no-index", "--no-deps", "--only-binary=:all:"]
    # pip expands the older names of a platform, and not the newer form of a glibc that is newer than a wheel's.
    tags = [platform]
    if newer := re.fullmatch(r"manylinux_2_(\d+)_(\w+)", platform):
        tags += [f"manylinux_2_{minor}_{newer[2]}" for minor in range(17, int(newer[1]))]
    asked = [word for tag in tags for word in ("--platform", tag)]
    subprocess.run(
        [*pip, "--find-links", str(WHEELS), "--python-version", python, *asked, "-d", str(tmp_path), "runspan"],
        check=True,
    )
    assert [path.name for path in tmp_path.iterdir()] == [wheel(tag).name]


def test_this_interpreter_takes_the_one_with_a_library(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-index", "--find-links", str(WHEELS)]
    subprocess.run([*pip, "-d", str(tmp_path), "runspan"], check=True)
    (taken,) = tmp_path.iterdir()
    assert "manylinux" in taken.name


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {re.sub(r"^runspan-[^/]*", "info", name): archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("tag", FILES)
def test_what_is_in_a_package_with_a_library(tag: str) -> None:
    found = members(wheel(tag))
    assert sorted(name for name in found if "/lib/" in name) == [f"runspan/lib/{name}" for name in FILES[tag]]
    licences = found["info/licenses/THIRD_PARTY_LICENSES"].decode()
    (bill,) = (text.decode() for name, text in found.items() if "/sboms/" in name)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    modules = re.findall(r'"purl": "pkg:golang/([^"@]+)@([^"]+)"', bill)
    go = re.search(r"^toolchain go(\S+)$", (ROOT / "go.mod").read_text(), re.MULTILINE)
    assert go is not None and ("std", go[1]) in modules and len(modules) > 10
    for name, version in modules:
        assert f"{name} {version}" in licences or name == "std"
    assert "zig" in bill and "zig 0.17.1" in licences
    assert wheel(tag).stat().st_size <= LARGEST
    assert sum(map(len, found.values())) <= LARGEST_INSTALLED


@pytest.mark.parametrize("tag", FILES)
def test_pip_makes_the_program_executable(tag: str, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--only-binary=:all:", "--no-deps"]
    platform = tag.split(".")[0]
    subprocess.run(
        [*pip, "--find-links", str(WHEELS), "--platform", platform, "--target", str(tmp_path), "runspan"], check=True
    )
    (program,) = (tmp_path / "runspan" / "lib").glob("runspan-core*")
    assert program.stat().st_mode & 0o111 == 0o111


def test_the_package_for_all_other_platforms_differs_by_the_library_alone() -> None:
    ours, others = members(wheel(X86)), members(wheel("any"))
    names = {name for name in ours if not re.search(r"lib/|sboms/|THIRD_PARTY|RECORD|WHEEL|METADATA", name)}
    assert names == {name for name in others if not re.search(r"RECORD|WHEEL|METADATA", name)}
    assert all(ours[name] == others[name] for name in names) and len(names) > 8


def test_checkers_find_nothing() -> None:
    """auditwheel looks for symbols that a platform with the wheel's tag may lack.

    Not for musl, which it knows under the name that Alpine gives it; tests/install looks at that.
    """
    tools = Path(sys.executable).parent
    wheels = sorted(WHEELS.glob("*.whl"))
    assert len(wheels) == len(FILES) + 1
    subprocess.run([tools / "twine", "check", "--strict", *wheels], check=True)
    subprocess.run([tools / "check-wheel-contents", *wheels], check=True)
    # About runspan alone: other tests put the maintainers' package here, without its requirements.
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True).stdout
    assert checked and not [line for line in checked.splitlines() if line.startswith("runspan ")]
    for path in (wheel(tag) for tag in FILES if "manylinux" in tag):
        shown = subprocess.run([tools / "auditwheel", "show", path], check=True, capture_output=True, text=True).stdout
        tag = path.name.split("-")[-1].split(".")[0]
        assert f'platform tag: "{tag}"' in " ".join(shown.split())
