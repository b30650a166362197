# SPDX-License-Identifier: MIT
"""The user's commands in homes of other users. These tests need root, to give folders away."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.python import test_commands as commands
from tests.python.test_commands import ask, in_process
from tests.stripepy.otlp_receiver import Receiver

tools, schema_file = commands.tools, commands.schema_file  # its fixtures


def test_the_switch_of_another_users_home(collector: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where sudo keeps HOME root's folders would be closed to the home's owner."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(home))
    assert ask("off", code=1) == f"stripepy: {home}/.config/runspan would be in another user's folder\n"
    assert list(home.iterdir()) == []
    os.chown(home, 0, 0)
    ask("off")
    assert (home / ".config" / "runspan" / "stripepy.off").exists()


@pytest.mark.parametrize("umask", [0o177, 0o777, 0o022])
def test_folders_can_be_used_whatever_the_umask(
    schema_file: Path, collector: Receiver, tmp_path: Path, umask: int
) -> None:
    """By a user who is not root: no mode keeps root from anything."""
    nobody = 65534
    top = Path(tempfile.gettempdir())
    for folder in (tmp_path, *(p for p in tmp_path.parents if top in p.parents)):
        os.chmod(folder, 0o755)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, nobody, nobody)
    asked = in_process(
        schema_file,
        f"""
assert command.run("stripepy", schema, ["help"]) == 0  # what is loaded need not be found again
os.setgroups([]), os.setgid({nobody}), os.setuid({nobody})
os.environ["HOME"] = {str(home)!r}
del os.environ["XDG_CONFIG_HOME"]
os.umask({umask})
sys.exit(command.run("stripepy", schema, ["off"]))
""",
        stdout=subprocess.DEVNULL,
    )
    assert (asked.returncode, asked.stderr) == (0, "")
    for made in (home / ".config", home / ".config" / "runspan"):
        assert made.stat().st_mode & 0o777 == 0o700
