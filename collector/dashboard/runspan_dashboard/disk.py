# SPDX-License-Identifier: MIT
"""What the page keeps in files."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, text: str, mode: int) -> None:
    """After a power cut the old file is there, or the new one, and not an empty one."""
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
