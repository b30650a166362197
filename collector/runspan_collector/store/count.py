# SPDX-License-Identifier: MIT
"""runspan-store count: count the growth of all times from the collector's files, which the backup has for good.

It reads the files of runspan-backup restore into a store of its own, in a temporary folder (TMPDIR), encrypted with a
key that only it has. It asks the questions about growth for each whole week and month, and adds the counts to those
that are kept. A count with fewer runs than the one that is kept changes nothing. runspan-store may run meanwhile.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from runspan_collector import dashboard
from runspan_collector.dashboard.questions import Questions
from runspan_collector.files import KEPT_DAYS, OTLP, SCHEMAS, state_file
from runspan_collector.kept import WEEK, Kept
from runspan_collector.store.embedded import Store
from runspan_collector.store.follower import Follower
from runspan_collector.store.rows import Decoder

QUERIES = Path(__file__).parent / "queries"
CHARTS = Path(dashboard.__file__).parent / "charts"
EVER = 20_000
"""Days. ClickHouse's times end in 2106, and the table's rows must not seem to be from before 1970."""


class Reader(Follower):
    """A follower that leaves out what the store left out when it came: the clock is the time of the file."""

    def __init__(self, store: Store, data: Path) -> None:
        self._come = 0
        super().__init__(store, data, decoder=Decoder(store.services, now_ns=lambda: self._come))

    def _read_again(self) -> None:
        """Read no file again: no clock will be set."""

    def _take(self, name: str) -> int:
        self._come = (self._otlp / name).stat().st_mtime_ns
        return super()._take(name)


def count(files: Path, growth: Path, schemas: Path) -> str:
    """Count the runs in ``files``; return a text with the number of runs and the time."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="count-") as name:
        folder = Path(name)
        (folder / "store.key").write_text(secrets.token_hex(16), encoding="ascii")
        (folder / OTLP).symlink_to(files.resolve(), target_is_directory=True)
        store = Store(folder, folder, schemas, kept_days=EVER)
        try:
            reader = Reader(store, folder)
            while reader.step():
                pass
            if reader.unread or not reader.files:
                raise OSError(reader.unread or f"no files in {files}")
            (found,) = store.query("SELECT count() AS runs, toString(min(timestamp)) AS first FROM spans")
            old = reader.decoder.counts["old_spans"]
            if old > (found["runs"] + old) / 100:  # more than have a wrong clock
                raise OSError(
                    f"{old} runs began {KEPT_DAYS} days before the time of their file: the files must have the times "
                    "at which they were written, as runspan-backup restores them"
                )
            if found["runs"]:
                first = datetime.fromisoformat(found["first"][:19]).replace(tzinfo=timezone.utc)
                questions = Questions(store.query, QUERIES, CHARTS, Kept(growth, again=True))
                # From the begin of the first month on, and of the week that it begins in.
                questions.count(first.replace(day=1, hour=0) - WEEK, datetime.now(timezone.utc))
        finally:
            store.close()
    said = f"{found['runs']} runs counted in {time.monotonic() - began:.0f} s"
    left = {why: number for why, number in reader.decoder.counts.items() if number}
    return said + (f"; left out: {left}" if left else "")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="runspan-store count", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from", dest="files", type=Path, required=True, help="the folder of the restored files")
    parser.add_argument("--data", type=Path, help="the data folder, for its state/growth.json")
    parser.add_argument("--growth", type=Path, metavar="FILE", help="the file of the counts, if not that")
    parser.add_argument("--schemas", type=Path, default=SCHEMAS, help="the folder with the schemas")
    options = parser.parse_args(arguments)
    if not options.growth and not options.data:
        parser.error("--data or --growth is needed")
    growth = options.growth or state_file(options.data, "growth")
    store = state_file(options.data, "store") if options.data else growth.parent
    if not store.exists():
        parser.error(f"there is no {store}")
    if store.stat().st_uid != os.geteuid():
        parser.error(f"run it as the store's own user, who could not replace {growth} else: runuser -u USER -- ...")
    files = options.files / OTLP if (options.files / OTLP).is_dir() else options.files
    try:
        print(count(files, growth, options.schemas))
    except OSError as error:
        print(f"count: {error}", file=sys.stderr)
        return 1
    return 0
