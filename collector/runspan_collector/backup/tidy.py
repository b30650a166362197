# SPDX-License-Identifier: MIT
"""runspan-tidy: remove the collector's files that were set aside and that both store and backup have in full.

A file stays for a week if the store has left out at least half of its runs because of their times. The clock may be
wrong, and the store takes these runs when the clock is right.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from runspan_collector.files import CURRENT, OTLP, BrokenStateError, doubtful, otlp_files, read_state

HELD_SECONDS = 7 * 86400
"""How long a file of doubtful times stays: status says so, and somebody needs time to set the clock right."""


def tidy(data: Path, dry_run: bool = False) -> list[str]:
    """Remove files, and return their names. If a state file is not valid, remove none and raise BrokenStateError."""
    stored, backed_up = (read_state(data, whose).get("files", {}) for whose in ("store", "backup"))
    removed = []
    for name, status in sorted(otlp_files(data).items()):
        said = stored.get(name, {})
        held = doubtful(said) and time.time() - status.st_mtime < HELD_SECONDS
        if taken(name, status, said, backed_up.get(name, {})) and not held:
            if not dry_run:
                (data / OTLP / name).unlink()
            removed.append(name)
    return removed


def taken(name: str, status: os.stat_result, stored: dict[str, Any], backed_up: dict[str, Any]) -> bool:
    """Return whether store and backup have the file in full, as it is now.

    If somebody has written to a file after its backup, it has another time, even with the same size. The types are
    checked too, because true is 1 to Python.
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
