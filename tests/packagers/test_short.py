# SPDX-License-Identifier: MIT
"""The script that tries a wheel on the platforms of .github/workflows/test.yml passes here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ambient import neutral
from tests.packagers.conftest import Words


@pytest.mark.short
def test_short() -> None:
    words: Words = [sys.executable, Path(__file__).with_name("short.py")]
    done = subprocess.run(words, env=neutral(), capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "6 passed, 0 failed"), done.stdout + done.stderr
