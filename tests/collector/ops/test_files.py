# SPDX-License-Identifier: MIT
"""How a file that others rely on is replaced, in a folder that other users write to as well."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from runspan_collector import files
from runspan_collector.dashboard.users import Users
from tests.collector.ops.conftest import ROOT


def test_no_temporary_name_can_be_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time it is another one; nobody can have put a link there before."""
    (tmp_path / "state").mkdir()
    renamed: list[tuple[Path, Path]] = []
    replace = os.replace

    def spy(new: str, path: Path) -> None:
        assert Path(new).stat().st_mode & 0o777 == 0o640 and not Path(new).is_symlink()
        renamed.append((Path(new), path))
        replace(new, path)

    monkeypatch.setattr(os, "replace", spy)
    for number in range(20):
        files.write_state(tmp_path, "store", {"number": number})
    names = {new.name for new, _ in renamed}
    assert len(names) == 20 and all(re.fullmatch(r"\.store\.json-\w{8,}", name) for name in names)
    assert {new.parent for new, _ in renamed} == {tmp_path / "state"}
    assert os.listdir(tmp_path / "state") == ["store.json"]
    assert files.read_state(tmp_path, "store") == {"number": 19}


def test_what_others_have_put_there_is_not_written_to(tmp_path: Path) -> None:
    """Links by the names that were written before this was one function, and by the file's own."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    planted = [tmp_path / name for name in ("users", "users.new", "state.new", ".users-")]
    for path in planted:
        path.symlink_to(victim)
    files.replace(tmp_path / "users", "", 0o600)
    Users(tmp_path / "users").set("ada", "correct horse battery")
    assert victim.read_text() == "precious" and not (tmp_path / "users").is_symlink()


def test_what_can_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()  # which no file replaces
    with pytest.raises(OSError):
        files.replace(path, "new", 0o600)
    assert os.listdir(tmp_path) == ["file"]


def test_there_is_one_writer() -> None:
    """No other place renames what it has written, but for the password whose two names are the way of its change."""
    package = ROOT / "collector" / "runspan_collector"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"os\.(replace|rename)\(|\.(replace|rename)\(\w+\)", path.read_text(encoding="utf-8"))
    }
    assert found == {"files.py", "backup/repository.py"}, found
