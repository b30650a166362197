# SPDX-License-Identifier: MIT
"""Follows $DATA/otlp into the store, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from runspan_store.follower import Follower
from runspan_store.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m runspan_store", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with otlp/, store/ and state/")
    parser.add_argument("--keys", type=Path, required=True, help="the folder with store.key")
    parser.add_argument("--schemas", type=Path, required=True, help="the folder with the schemas")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(options.data, options.keys, options.schemas)
    try:
        Follower(store, options.data).run(stop)
    finally:
        store.close()


if __name__ == "__main__":
    main()
