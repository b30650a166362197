# SPDX-License-Identifier: MIT
"""Made-up runs of 90 days through all of it: python -m tests.collector.ops.chain --runs 100000 --down 3600

Collector, store, dashboard and backup run as ./build.sh serve has them. Four fifths of the runs are reported at once.
Then the store is killed, the others are reported while it is down, and it comes back. Before and after, the dashboard's
numbers are compared with those counted from the runs; at the end the backup is restored, and each run looked for in it.
While the store is down some runs turn 60 days old. Ends with an error where something is not as it should be.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from runspan_collector.store import synthesize
from runspan_collector.store.synthesize import DAY, NS, Run
from tests.collector.dashboard.chromium import chromium
from tests.collector.ops.conftest import BIN
from tests.collector.ops.serving import Serve, deliver
from tests.collector.waiting import wait_for

KEPT = 60 * DAY
SENDERS = 8
Spans = list[tuple[dict[str, Any], dict[str, str]]]  # each with its resource


def say(text: str) -> None:
    print(f"{datetime.now(timezone.utc):%H:%M:%S} {text}", flush=True)


def make(options: argparse.Namespace, now: int) -> list[Run]:
    """The runs, the oldest first; ``ageing`` of them turn 60 days old while the store is down."""
    rng = random.Random(options.seed)
    runs = synthesize.make(options.runs, 90, rng, now)
    for run in rng.sample(runs, options.ageing):
        run.start = int((now - KEPT + rng.uniform(options.sending, options.down)) * NS)
    return sorted(runs, key=lambda run: run.start)


def requests(runs: list[Run], rng: random.Random) -> list[Spans]:
    """The reports in the order they come, most of them alone."""
    ordered = sorted(synthesize.reports(runs, rng), key=lambda report: report[0])
    spans = [(span, resource) for _, span, resource in ordered]
    found = []
    while spans:
        together = 1 if rng.random() < 0.8 else rng.randrange(2, 9)
        found.append(spans[:together])
        del spans[:together]
    return found


def encoded(spans: Spans) -> bytes:
    """As runspan sends it. In OTLP/JSON ids are hexadecimal; protobuf's own JSON has them in base64."""
    request = json.loads(synthesize.request(spans))
    for part in request["resourceSpans"]:
        for span in part["scopeSpans"][0]["spans"]:
            for key in ("traceId", "spanId"):
                span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return bytes(ParseDict(request, ExportTraceServiceRequest()).SerializeToString())


@dataclass
class Chain:
    serve: Serve
    cookie: str = ""

    def send(self, requests: list[Spans], seconds: float = 0) -> None:
        """Returns when all are acknowledged: at once, or spread over so many seconds."""
        began = time.monotonic()

        def some(number: int) -> None:
            with self.serve.connection(self.serve.reports) as connection:
                for at in range(number, len(requests), SENDERS):
                    time.sleep(max(0.0, began + seconds * at / len(requests) - time.monotonic()))
                    deliver(connection, encoded(requests[at]))

        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(some, range(SENDERS)))

    def data(self, name: str, days: int) -> Any:
        """What the page is told."""
        now = int(time.time())
        times = {"from": now - days * DAY, "to": now + DAY}
        given = {key: f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%dT%H:%M:%S}" for key, at in times.items()}
        with self.serve.connection(self.serve.dashboard) as connection:
            address = f"/data/{name}.json?{urllib.parse.urlencode(given)}"
            connection.request("GET", address, headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (name, answer.status, body)
            return json.loads(body)

    def compare(self, sent: list[Run]) -> list[str]:
        """The dashboard's answers to all its questions, with those counted from the runs. Runs may turn 60 days old in
        between, a few an hour: it is tried again then."""
        self.cookie = self.serve.login("maintainer", self.serve.password)[1]
        # What is kept for good is counted once a day, of whole weeks and months.
        charts = [
            chart["name"] for chart in self.data("charts", 90)["charts"] if "kept" not in chart["spec"]["usermeta"]
        ]
        wrong: list[str] = []
        for _ in range(5):
            expected = synthesize.answers(sent, int(time.time()))
            wrong = [name for name in [*charts, "totals", "choices"] if self.data(name, 90) != expected[name]]
            if not wrong:
                return charts
        raise AssertionError(f"not as counted: {wrong}")

    def caught_up(self, seconds: float) -> float:
        """Waits until the store has taken all lines, and returns how long that was."""
        began = time.monotonic()

        def all_taken() -> bool:
            try:
                state = json.loads((self.serve.data / "state" / "store.json").read_bytes())
            except OSError:
                return False
            files = {path.name: path.stat().st_size for path in (self.serve.data / "otlp").glob("*.json")}
            return all(state["files"].get(name, {}).get("offset") == size for name, size in files.items())

        wait_for(all_taken, "the store did not take all lines", seconds)
        return time.monotonic() - began

    @contextlib.contextmanager
    def store_down(self) -> Iterator[None]:
        """Killed; and while it is to be down, each new one finds that another process has its folder."""
        os.kill(self.serve.piece("runspan-store"), signal.SIGKILL)
        with open(self.serve.data / "store" / "lock", "ab") as lock:
            wait_for(lambda: locked(lock.fileno()), "the store is not gone")
            yield

    def usage(self, piece: str) -> str:
        """Processor time since its start, and its most memory."""
        pid = self.serve.piece(piece)
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        assert peak
        return f"{piece} {seconds:.1f} s of processor time, {int(peak[1]) / 1000:.0f} MB at most"

    def page(self, folder: Path, sent: list[Run]) -> None:
        """What a maintainer sees."""
        with chromium(folder) as tab:
            tab.size(1360, 900)
            tab.log_in(f"https://localhost:{self.serve.dashboard}/", "maintainer", self.serve.password)
            began = time.monotonic()
            tab.open(f"https://localhost:{self.serve.dashboard}/#time=60")
            tab.ready()
            took = time.monotonic() - began
            shown = tab.run("document.querySelector('[data-total=\"Runs\"] dd').textContent")
            tab.run("document.querySelector('#chart-subcommands details').open = true")
            cells = "[...document.querySelectorAll('#chart-subcommands td')].map((c) => c.textContent)"
            tab.wait(f"{cells}.length")
            table = tab.run(cells)
        answers = synthesize.answers(sent, int(time.time()))
        assert shown == f"{answers['totals'][0]['runs']:,}"
        counted = [(row["service"], row["subcommand"], f"{row['runs']:,}") for row in answers["subcommands"]]
        assert table == [cell for row in counted for cell in row]
        by_name = ", ".join(f"{name} {runs}" for _, name, runs in counted)
        say(f"the page, drawn by Chromium in {took:.1f} s, says {shown} runs; by subcommand {by_name}")


def locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def size(folder: Path) -> float:
    """In MB, on the disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e6


def restored(serve: Serve, folder: Path) -> set[tuple[str, str, int]]:
    """Trace id, span id and start of every span in the backup."""
    command: list[str | Path] = [BIN / "runspan-backup", "restore", folder, "--config", serve.folder / "backup.ini"]
    subprocess.run(command, check=True, capture_output=True)
    found = set()
    for path in (folder / "otlp").iterdir():
        with path.open("rb") as lines:
            for line in lines:
                for part in json.loads(line)["resourceSpans"]:
                    for scope in part["scopeSpans"]:
                        for span in scope["spans"]:
                            found.add((span["traceId"], span["spanId"], int(span["startTimeUnixNano"])))
    return found


def run(folder: Path, options: argparse.Namespace) -> None:
    began = int(time.time())
    made, rng = make(options, began), random.Random(options.seed)
    early, late = made[: len(made) * 4 // 5], made[len(made) * 4 // 5 :]
    first, then = requests(early, rng), requests(late, rng)
    ageing = [run for run in made if KEPT - options.down <= began - run.start / NS < KEPT]
    assert len(ageing) == options.ageing
    serve = Serve(folder / "serve", "--per-minute", "0", "--backup-every", str(options.backup_every))
    chain = Chain(serve)
    try:
        serve.wait_until_up()
        clock = time.monotonic()
        chain.send(first)
        took = time.monotonic() - clock
        say(f"{len(early)} runs in {len(first)} requests, {len(first) / took:.0f} acknowledged a second")
        behind = chain.caught_up(600)
        say(f"the store has them {behind:.0f} s later; {chain.usage('otelcol')}; {chain.usage('runspan-store')}")
        charts = chain.compare(early)
        assert not ageing or time.time() < began + options.sending, "some have turned 60 days old too early"
        old = sum(began - run.start / NS >= KEPT for run in early)
        say(f"{len(charts)} charts, totals and choices are as counted; {old} runs are older than 60 days: not taken")
        with chain.store_down():
            clock = time.monotonic()
            chain.send(then, options.down)
            down = time.monotonic() - clock
        say(f"the store was down for {down:.0f} s: {len(late)} runs in {len(then)} requests acknowledged in that time")
        behind = chain.caught_up(600)
        say(f"the store has them {behind:.0f} s later; {chain.usage('otelcol')}; {chain.usage('runspan-store')}")
        charts = chain.compare(made)
        say(f"{len(charts)} charts, totals and choices are as counted; {len(ageing)} runs have turned 60 days old")
        chain.page(folder / "chromium", made)
    finally:
        serve.stop()
    expired = "countIf(toDateTime(timestamp) + INTERVAL 60 DAY < now())"
    (table,) = serve.table(f"SELECT count() AS rows, {expired} AS old FROM spans_stored FINAL")
    kept = synthesize.answers(made, int(time.time()))["totals"][0]["runs"]
    assert table == {"rows": kept, "old": 0}, f"{table}, and not {kept} rows"
    megabytes = size(serve.data / "store")
    say(f"in the table itself are {kept} rows, none of them older than 60 days; {megabytes:.1f} MB")
    left = [path.name for path in (serve.data / "otlp").iterdir()]
    found = restored(serve, folder / "restored")
    expected = {(run.trace_id, run.span_id, run.start) for run in made}
    assert found == expected, f"{len(found - expected)} foreign, {len(expected - found)} lost of {len(expected)}"
    older = sum(time.time() - run.start / NS >= KEPT for run in made)
    snapshots = len(list((serve.data / "backup" / "snapshots").rglob("*")))
    say(f"in the backup are all {len(found)} runs, {older} older than 60 days; {size(serve.data / 'backup'):.1f} MB")
    say(f"after {snapshots} backups; tidy has left {', '.join(sorted(left))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--down", type=float, default=3600, metavar="SECONDS", help="so long the store is down")
    parser.add_argument("--sending", type=float, default=600, metavar="SECONDS", help="at most, before that")
    parser.add_argument("--ageing", type=int, default=1000, help="runs that turn 60 days old while it is down")
    parser.add_argument("--backup-every", type=float, default=60, metavar="SECONDS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), options)


if __name__ == "__main__":
    main()
