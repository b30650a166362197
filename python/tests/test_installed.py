# SPDX-License-Identifier: MIT
"""Compare versions() with importlib.metadata; call it, and services(), on folders made for this test."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from runspan.installed import services, versions


def test_as_importlib_metadata_says() -> None:
    names = sorted({d.metadata["Name"] for d in importlib.metadata.distributions()})
    assert len(names) > 10
    assert versions(names) == {name: importlib.metadata.version(name) for name in names}


def tool(folder: Path, name: str, module: str) -> None:
    distribution(folder, f"{name}-1.dist-info", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    entry = f"[runspan.services]\n{name} = {name}_telemetry:schema\n"
    (folder / f"{name}-1.dist-info" / "entry_points.txt").write_text(entry, encoding="utf-8")
    (folder / f"{name}_telemetry.py").write_text(module, encoding="utf-8")


def test_services_of_installed_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, "one", "def schema(): return 'of one'")
    tool(tmp_path, "two", "raise RuntimeError('of two')")
    distribution(tmp_path, "none-1.dist-info", "Name: none\nVersion: 1\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = services()
    assert {"one", "two"} <= set(found) and "none" not in found
    assert found["one"]() == "of one"
    with pytest.raises(RuntimeError, match="of two"):
        found["two"]()


def distribution(folder: Path, entry: str, metadata: str | None) -> None:
    (folder / entry).mkdir(parents=True)
    if metadata is not None:
        file = "METADATA" if entry.endswith(".dist-info") else "PKG-INFO"
        (folder / entry / file).write_text(metadata, encoding="utf-8")


def test_odd_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    distribution(first, "Some_Name-1.0.dist-info", "Metadata-Version: 2.1\nName: some-name\nVersion: 1.0+local\n\n")
    distribution(first, "broken-1.0.dist-info", None)
    distribution(first, "late-1.0.dist-info", "Name: late\n\nVersion: 9\n")
    distribution(first, "bytes-1.0.dist-info", "Name: bytes\nVersion: 2\n")
    (first / "bytes-1.0.dist-info" / "METADATA").write_bytes(b"Summary: \xff\nVersion: 2\n")
    distribution(second, "some_name-2.0.dist-info", "Version: 2.0\n")
    distribution(second, "old-3.0-py3.11.egg-info", "Version: 3.0\n")
    distribution(second, "other-3.0.dist-info", "Version: 3.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "absent"), str(first), str(second)])
    wanted = ["some.name", "broken", "late", "bytes", "old", "missing"]
    assert versions(wanted) == {"some.name": "1.0+local", "bytes": "2", "old": "3.0"}
