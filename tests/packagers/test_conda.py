# SPDX-License-Identifier: MIT
"""The packages that packaging/conda makes can be installed from a channel on this machine, and report.

conda's Python is in no registry that the tests reach, so a stand-in for its package has links to this interpreter.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rattler_build import Stage0Recipe, VariantConfig, assemble_package

from tests.packagers.conftest import ROOT, TOOL, Words

pytestmark = pytest.mark.short
Run = Callable[..., tuple[str, list[str]]]
ASSEMBLE = ROOT / "packaging" / "conda" / "assemble.py"
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


def add_python(channel: Path, folder: Path) -> None:
    """Put a package python into the channel that is a virtual environment of this interpreter."""
    (folder / "bin").mkdir(parents=True)
    for name in ("python", f"python3.{sys.version_info.minor}"):
        (folder / "bin" / name).symlink_to(os.path.realpath(sys.executable))
    (folder / "pyvenv.cfg").write_text(f"home = {Path(os.path.realpath(sys.executable)).parent}\n", encoding="utf-8")
    version = ".".join(map(str, sys.version_info[:3]))
    assemble_package("python", version, "linux-64", "0", channel / "linux-64", files_dir=folder, detect_prefix=False)


def test_install(run: Run, tmp_path: Path) -> None:
    channel, prefix = tmp_path / "channel", tmp_path / "prefix"
    subprocess.run([sys.executable, ASSEMBLE, channel], check=True)
    add_python(channel, tmp_path / "python")
    command: Words = [sys.executable, Path(__file__).with_name("conda_install.py"), channel, prefix]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    assert json.loads(found) == {"python": [], "runspan": ["python >=3.10", "__glibc >=2.17"]}
    assert run(prefix / "bin" / "python", TOOL) == ("telemetry is on, the core in the host\n", ["sort"])
    output, spans = run(prefix / "bin" / "python", TOOL, RUNSPAN_OUT_OF_PROCESS="1")
    assert output.startswith("telemetry is on, the core beside the host") and spans == ["sort"]
    about = json.loads(next(prefix.glob("conda-meta/runspan-*.json")).read_text(encoding="utf-8"))
    assert about["license"] == "MIT AND Apache-2.0 AND BSD-3-Clause"


def test_a_package_for_each_platform(tmp_path: Path) -> None:
    """Each wheel with a library that conda has a platform for gives a package, with the same bytes each time."""
    tags = {path.stem.split("-")[-1].split(".")[0] for path in (ROOT / "build" / "wheels").glob("*.whl")}
    known = {
        "manylinux_2_17_x86_64": "linux-64",
        "manylinux_2_17_aarch64": "linux-aarch64",
        "macosx_12_0_x86_64": "osx-64",
        "macosx_12_0_arm64": "osx-arm64",
        "win_amd64": "win-64",
    }
    made = []
    for name in ("first", "second"):
        subprocess.run([sys.executable, ASSEMBLE, tmp_path / name], check=True, env={**os.environ, **EPOCH})
        made.append({path.parent.name: path.read_bytes() for path in (tmp_path / name).rglob("*.conda")})
    assert set(made[0]) == {known[tag] for tag in tags & set(known)} and "linux-64" in made[0]
    assert made[0] == made[1]


def test_the_recipe_is_a_recipe() -> None:
    """It was not built: conda's compilers are in no registry that the tests reach."""
    variants = VariantConfig.from_yaml("c_stdlib: [sysroot]\nc_stdlib_version: ['2.17']")
    (variant,) = Stage0Recipe.from_file(ROOT / "packaging" / "conda" / "recipe.yaml").render(variants)
    header = (ROOT / "include" / "runspan.h").read_text(encoding="utf-8")
    assert f'#define RUNSPAN_VERSION "{variant.recipe.package.version}"' in header


def test_the_recipe_for_stripepy_requires_what_the_patch_does() -> None:
    ours = ROOT / "contrib" / "stripepy"
    patch = (ours / "stripepy-hic-1.3.0.patch").read_text(encoding="utf-8")
    listed = re.findall(r'^([ +-])    "([a-z].*[0-9]|packaging)",?$', patch.replace("hictkpy[scipy]", "hictkpy"), re.M)
    recipe = re.sub(r"{%.*?%}", "", (ours / "bioconda" / "meta.yaml").read_text(encoding="utf-8"))
    run = yaml.safe_load(re.sub(r"{{.*?}}", "x", recipe))["requirements"]["run"]
    assert {name for sign, name in listed if sign != "-"} == set(run) - {"python >=3.10"}
    assert len([name for sign, name in listed if sign == "-"]) == 3
