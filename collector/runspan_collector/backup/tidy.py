# SPDX-License-Identifier: MIT
"""runspan-tidy: removes what the collector has set aside and both store and backup have taken in full."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from runspan_collector.files import CURRENT, OTLP, BrokenStateError, otlp_files, read_state


def tidy(data: Path, dry_run: bool = False) -> list[str]:
    """Return the names of the files that were removed. A state file that can't be believed ends it before the first."""
    stored, backed_up = (read_state(data, whose).get("files", {}) for whose in ("store", "backup"))
    removed = []
    for name, status in sorted(otlp_files(data).items()):
        if taken(name, status, stored.get(name, {}), backed_up.get(name, {})):
            if not dry_run:
                (data / OTLP / name).unlink()
            removed.append(name)
    return removed


def taken(name: str, status: os.stat_result, stored: dict[str, Any], backed_up: dict[str, Any]) -> bool:
    """Whether the file, as it is now, is all in the store and all in the backup.

    A file that is written to after it was backed up has another time, even where it has the same size. Only numbers of
    the right type count: true is 1 to Python.
    """
    sizes = [stored.get("offset"), stored.get("size"), backed_up.get("size")]
    return (
        name != CURRENT
        and all(type(size) is int and size == status.st_size for size in sizes)
        and type(backed_up.get("mtime_ns")) is int
        and backed_up["mtime_ns"] == status.st_mtime_ns
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    try:
        for name in tidy(options.data, options.dry_run):
            print(name)
    except (BrokenStateError, OSError) as error:
        print(f"tidy: {error}", file=sys.stderr)
        return 1
    return 0
