# SPDX-License-Identifier: MIT
"""Write a CycloneDX 1.6 bill of materials of the core to standard output: sbom.py CORE ARCHITECTURE.

Its components are what Go's linker wrote into the library. Nothing in it depends on the time or the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parents[1]


def go_modules(core: Path) -> tuple[str, list[dict[str, object]]]:
    """Return Go's version, and a component for each module in the library but this project's own and its stand-ins."""
    text = subprocess.run(["go", "version", "-m", core], check=True, capture_output=True, text=True).stdout
    version = re.match(r".*: go([\d.]+)", text)
    assert version is not None, text
    components = []
    for line in text.splitlines():
        match line.split():
            case ["dep", name, revision, *_]:
                components.append(component(name, revision, f"pkg:golang/{quote(name)}@{revision}"))
            case ["=>", *_]:  # a stand-in, of this project
                components.pop()
            case _:
                pass
    return version[1], components


def component(name: str, version: str, purl: str, kind: str = "library") -> dict[str, object]:
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def main() -> None:
    core, architecture = Path(sys.argv[1]), sys.argv[2]
    version = re.search(r'RUNSPAN_VERSION "(.*)"', (ROOT / "include" / "runspan.h").read_text())
    assert version is not None
    go, modules = go_modules(core)
    components = [component("std", go, f"pkg:golang/std@{go}"), *modules]
    if os.environ.get("RUNSPAN_TOOLCHAIN", "zig") == "zig":
        zig = re.search(r"^ziglang==(\S+)", (ROOT / "python" / "requirements-build.txt").read_text(), re.MULTILINE)
        assert zig is not None
        components.append(component("zig compiler-rt", zig[1], f"pkg:pypi/ziglang@{zig[1]}"))
    self = component("runspan", version[1], f"pkg:pypi/runspan@{version[1]}?arch={architecture}")
    self["licenses"] = [{"license": {"id": "MIT"}}]
    self["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(core.read_bytes()).hexdigest()}]
    json.dump(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": self},
            "components": components,
            "dependencies": [{"ref": self["bom-ref"], "dependsOn": [c["bom-ref"] for c in components]}],
        },
        sys.stdout,
        indent=2,
    )
    print()


if __name__ == "__main__":
    main()
