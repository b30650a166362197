# SPDX-License-Identifier: MIT
"""Look at the packages that are installed beside runspan: their versions, and the services that report through it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

GROUP = "runspan.services"


def hooks() -> list[str]:
    """Return the folder of hook-runspan.py, for PyInstaller."""
    return [os.path.dirname(__file__)]


def _normal(name: str) -> str:
    """Return a distribution's name in the spelling that its folder has."""
    return name.lower().replace("-", "_").replace(".", "_")


def _version_in(folder: str) -> str | None:
    """Return the Version header of a distribution's folder. It is among the headers, which end at an empty line."""
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
    """Return the versions of the distributions among names that are installed. The first on sys.path counts.

    Read no other distribution's metadata, and parse none: a run waits for this call.
    """
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


def services() -> dict[str, Callable[[], str]]:
    """Return the services of the installed tools by name, each with the function that returns its schema's text.

    A tool registers the function as an entry point of the group runspan.services, under its service's name. To call the
    function imports the tool's code. The caller handles its exceptions.
    """
    from importlib.metadata import entry_points

    def schema(entry: EntryPoint) -> Callable[[], str]:
        return lambda: entry.load()()

    return {entry.name: schema(entry) for entry in sorted(entry_points(group=GROUP))}
