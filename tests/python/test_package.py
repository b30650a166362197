# SPDX-License-Identifier: MIT
"""The wheel names its licences. Of this folder alone there is no sdist; tests/packagers tries the real one."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

PYTHON = Path(__file__).resolve().parents[2] / "python"

LICENCES = {
    "Apache-2.0": "Apache License",
    "BSD-3-Clause": "Redistribution and use in source and binary forms",
    "MIT": "Permission is hereby granted, free of charge",
}


def test_licences() -> None:
    installed = distribution("runspan")
    assert installed.metadata.get_all("License-File") == ["LICENSE", "THIRD_PARTY_LICENSES"]
    ours, others = (
        installed.read_text(f"licenses/{name}") or "" for name in installed.metadata.get_all("License-File") or []
    )
    assert LICENCES["MIT"] in ours
    texts = others.split("\n====\n")[1:]
    found = [{name for name, words in LICENCES.items() if words in text} for text in texts]
    assert len(found) > 3 and all(found), "each is one of those"
    assert set(installed.metadata["License-Expression"].split(" AND ")) == set.union({"MIT"}, *found)


def test_no_sdist(tmp_path: Path) -> None:
    program = f"from hatchling.build import build_sdist; build_sdist({str(tmp_path)!r})"
    built = subprocess.run([sys.executable, "-c", program], cwd=PYTHON, capture_output=True, text=True)
    assert built.returncode == 1 and "./build.sh sdist makes the sdist" in built.stderr
    assert list(tmp_path.iterdir()) == []
