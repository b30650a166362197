# SPDX-License-Identifier: MIT
"""The versions of installed distributions, found without parsing the metadata of all of them."""

from __future__ import annotations

import os
import sys


def _normal(name: str) -> str:
    """A distribution's name as its folder has it, in one spelling."""
    return name.lower().replace("-", "_").replace(".", "_")


def _version_in(folder: str) -> str | None:
    """The Version header. It is among the first: the headers end at an empty line."""
    for file in ("METADATA", "PKG-INFO"):
        try:
            with open(os.path.join(folder, file), encoding="utf-8", errors="replace") as f:
                for line in f:
                    if line.lower().startswith("version:"):
                        return line[len("version:") :].strip() or None
                    if not line.strip():
                        break
        except OSError:
            continue
    return None


def versions(names: list[str]) -> dict[str, str]:
    """The versions of those distributions that are installed: the first on sys.path counts."""
    wanted = {_normal(name): name for name in names}
    found: dict[str, str] = {}
    for path in sys.path:
        try:
            entries = os.listdir(path or ".")
        except OSError:
            continue
        for entry in entries:
            stem, extension = os.path.splitext(entry)
            if extension not in (".dist-info", ".egg-info"):
                continue
            name = wanted.get(_normal(stem.partition("-")[0]))
            if name is None or name in found:
                continue
            version = _version_in(os.path.join(path or ".", entry))
            if version is not None:
                found[name] = version
    return found
