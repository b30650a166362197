# SPDX-License-Identifier: MIT
"""Environments for hosts, without what the caller's says of telemetry, proxies and certificates."""

from __future__ import annotations

import os
import re
from pathlib import Path

_LINES = Path(__file__).with_name("ambient.txt").read_text(encoding="utf-8").splitlines()
_AMBIENT = re.compile("|".join(line for line in _LINES if not line.startswith("#")), re.IGNORECASE)


def ambient() -> list[str]:
    """Return the names of this process's variables that ambient.txt names."""
    return [name for name in os.environ if _AMBIENT.search(name)]


def neutral() -> dict[str, str]:
    """Return this process's environment without them."""
    return {name: value for name, value in os.environ.items() if not _AMBIENT.search(name)}
