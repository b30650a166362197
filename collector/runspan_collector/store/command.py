# SPDX-License-Identifier: MIT
"""runspan-store: the store with its dashboard, in one process, because chdb allows only one.

It reads the collector's files, and serves the dashboard by HTTPS. If its disk has no room for the files of a start, it
says so and waits.

With --cluster the rows are in a ClickHouse cluster. Then one machine may read the files, and another serve the
dashboard: without --data the store reads no files, and without --dashboard and --public it listens nowhere.

runspan-store count counts the growth of the time before, from the restored backup: see its --help.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from runspan_collector.dashboard.questions import PublicQuestions, Questions
from runspan_collector.dashboard.server import Server, serve
from runspan_collector.files import SCHEMAS, STATE, STORE, state_file
from runspan_collector.kept import Kept
from runspan_collector.store import count
from runspan_collector.store.cluster import Cluster
from runspan_collector.store.count import CHARTS, QUERIES
from runspan_collector.store.definitions import FULL, need_room
from runspan_collector.store.embedded import Store
from runspan_collector.store.follower import Follower


def opened(options: argparse.Namespace, stop: threading.Event) -> Store | Cluster | None:
    """Open the store. If the disk has no room, say so and wait; return None if ``stop`` is set meanwhile."""
    said: int | None = None
    while not stop.is_set():
        try:
            if said and (options.data / STORE).exists():
                need_room(options.data / STORE)  # before chdb, which leaves descriptors open each time
            if options.data:
                (options.data / STATE).mkdir(mode=0o750, parents=True, exist_ok=True)
            if options.cluster:
                return Cluster(options.cluster, options.keys, options.schemas)
            return Store(options.data, options.keys, options.schemas)
        except OSError as error:
            if error.errno not in FULL:
                raise
            if said != error.errno:
                said = error.errno
                print(f"store: {error}: it waits until there is room", file=sys.stderr, flush=True)
            stop.wait(2)
    return None


def address(text: str) -> tuple[str, int] | None:
    """Parse an address. An empty text is None: the units have it if nothing should listen."""
    host, _, port = text.rpartition(":")
    if text and not 0 <= int(port) < 2**16:
        raise ValueError(text)  # the system would take the port modulo 65536
    return (host.strip("[]"), int(port)) if text else None


def main() -> int:
    if sys.argv[1:2] == ["count"]:
        return count.main(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with otlp/, store/ and state/")
    parser.add_argument("--keys", type=Path, required=True, help="the folder with tls.crt, store.key and the like")
    parser.add_argument("--schemas", type=Path, default=SCHEMAS, help="the folder with the schemas")
    parser.add_argument("--cluster", metavar="https://USER@HOST:PORT", help="password: clickhouse.password of the keys")
    parser.add_argument("--dashboard", type=address, metavar="HOST:PORT", help="for those who log in")
    parser.add_argument("--public", type=address, metavar="HOST:PORT", help="counts, for everybody")
    parser.add_argument("--origin", default="", metavar="https://HOST", help="the page's address before a proxy")
    parser.add_argument("--published", type=Path, metavar="FILE", help="those counts; else DATA/state/public.json")
    parser.add_argument("--growth", type=Path, metavar="FILE", help="counts for good; else DATA/state/growth.json")
    options = parser.parse_args()
    if not options.data and not options.cluster:
        parser.error("--data or --cluster is needed")
    if options.public and not options.published:
        if not options.data:
            parser.error("--public needs --published where there is no --data")
        options.published = state_file(options.data, "public")
    if options.data and not options.cluster:  # of a cluster, the machine with the dashboard counts
        options.growth = options.growth or state_file(options.data, "growth")
    os.umask(0o027)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    store = opened(options, stop)
    if store is None:
        return 0
    try:
        follower = Follower(store, options.data) if options.data else None
        complete: Callable[[], bool] = follower.complete if follower else lambda: True
        growth = Kept(options.growth, again=True) if options.growth else None
        private = Questions(store.query, QUERIES, CHARTS, growth, programs=store.services)
        pages: list[Server] = []
        if options.dashboard:
            pages.append(Server(private, options.keys, options.dashboard, options.origin))
        if options.public:
            questions = PublicQuestions(
                store.query,
                QUERIES,
                CHARTS / "public",
                options.published,
                complete=complete,
                programs=store.services,
            )
            pages.append(Server(questions, options.keys, options.public, options.origin))
        if follower:
            follower.faults = lambda: [page.fault for page in pages if page.fault]
        threads = [threading.Thread(target=lambda: asyncio.run(serve(pages, stop)), daemon=True)]
        if growth:
            threads.append(threading.Thread(target=private.keep, args=(stop, complete), daemon=True))
        for thread in threads:
            thread.start()
        if follower is not None:
            follower.run(stop)
        stop.wait()
        for thread in threads:
            thread.join()
        return 0
    finally:
        store.close()
