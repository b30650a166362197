# SPDX-License-Identifier: MIT
"""The whole chain with few runs and a short time without the store; the long one is chain.py itself."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from tests.collector.ops.chain import run


def test_chain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, argparse.Namespace(runs=2000, seed=1, down=5.0, sending=0.0, ageing=0, backup_every=3.0))
    assert "in the backup are all 2000 runs" in capsys.readouterr().out
