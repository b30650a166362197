# SPDX-License-Identifier: MIT
from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ambient import neutral
from tests.stripepy.otlp_receiver import receiver

ROOT = Path(__file__).resolve().parents[2]
TOOL = Path(__file__).with_name("tool.py")
Words = list[str | Path]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[str, list[str]]]:
    """A function that runs a command, which must end well. It returns the output, and the names of its spans."""

    def call(*words: str | Path, **variables: str) -> tuple[str, list[str]]:
        with receiver(tmp_path / "receiver") as r:
            environment = {
                **neutral(),
                "XDG_STATE_HOME": str(tmp_path / "state"),
                "XDG_CONFIG_HOME": str(tmp_path / "config"),
                "RUNSPAN_ENDPOINT": r.endpoint,
                "SSL_CERT_FILE": str(r.ca),
                **variables,
            }
            done = subprocess.run(words, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        names = [
            span["name"]
            for request in r.requests()
            for resource in request["body"]["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]
        r.requests_file.unlink(missing_ok=True)
        return done.stdout, names

    return call


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The Python of a new virtual environment."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    return tmp_path / "venv" / "bin" / "python"
