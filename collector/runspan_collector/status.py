# SPDX-License-Identifier: MIT
"""runspan-status: check the maintainers' side.

It prints a line for each part, and exits with 1 if a part is bad.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import re
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from runspan_collector.files import CURRENT, OTLP, QUEUE, STATE, otlp_files, read_state, state_file
from runspan_collector.kept import Kept

GONE = re.compile(r"""^runspan_journal_gone_bytes\{(?:.*,)?mark="(\w+)".*\} ([0-9.e+]+)$""", re.M)
CLOCKS_DIFFER = 60
"""How many seconds in the future a time may be, because several machines may share the data."""
STORE_TAKES = 5
"""How many seconds the store may need to read new lines."""
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Line:
    """The result of a check: its name, whether it is good, a text for people, and values for programs."""

    name: str
    good: bool
    text: str
    values: dict[str, Any]


class NotGoodError(Exception):
    """A part can't be checked."""


def reachable(address: str) -> tuple[str, int]:
    """Return host and port to connect to. To listen at ``::`` or ``0.0.0.0`` is to listen at all there are."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    return "localhost" if host in ("", "::", "0.0.0.0") else host, int(port)


def get(address: str, path: str = "/") -> str:
    try:
        host, port = reachable(address)
        with NO_PROXY.open(f"http://{f'[{host}]' if ':' in host else host}:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except (http.client.HTTPException, OSError, OverflowError, ValueError) as error:
        raise NotGoodError(f"no answer from {address}: {getattr(error, 'reason', error)}") from error


def age(state: dict[str, Any], key: str) -> float | None:
    """Return the age of a time in a state file, in seconds; None if there is no time."""
    if not isinstance(state.get(key), str):
        return None
    try:
        return (datetime.now(timezone.utc) - datetime.fromisoformat(state[key].replace("Z", "+00:00"))).total_seconds()
    except (TypeError, ValueError) as error:
        raise NotGoodError(f"{key} is {state[key]!r}") from error


def recent(seconds: float | None, limit: float) -> bool:
    """Return whether an age is at most ``limit``, and is not of the future: then the clock is or was wrong."""
    return seconds is not None and -CLOCKS_DIFFER < seconds < limit


def ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    if seconds < -CLOCKS_DIFFER:
        return f"in the future ({ago(-seconds).removesuffix(' ago')}): the clock is or was wrong"
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} seconds ago"


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def collector(options: argparse.Namespace) -> Line:
    get(options.health)
    return Line("collector", True, "up", {})


def reports(options: argparse.Namespace) -> Line:
    """Check the collector's counts since its start."""
    counts = {"accepted": 0, "written": 0, "refused": 0, "dropped": 0, "failed": 0}
    names = {
        "otelcol_receiver_accepted_spans": "accepted",
        "otelcol_exporter_sent_spans": "written",
        "otelcol_receiver_refused_spans": "refused",
        "otelcol_receiver_failed_spans": "failed",
        "otelcol_exporter_send_failed_spans": "failed",
        "runspan_gate_refused": "turned_away",
    }
    counts["turned_away"] = 0
    metrics = get(options.metrics, "/metrics")
    if "otelcol_" not in metrics:
        raise NotGoodError(f"what answers at {options.metrics} is not the collector: another program may have its port")
    for name, value in re.findall(r"^(\w+)(?:\{.*\})? ([0-9.e+]+)$", metrics, re.M):
        name = name.removesuffix("_total")
        if name.startswith(("runspan_allowlist", "otelcol_runspan_allowlist")):
            counts["dropped"] += round(float(value))
        elif name in names:
            counts[names[name]] += round(float(value))
    text = "spans {accepted} accepted, {written} written, {failed} failed, {refused} refused; ".format(**counts)
    text += "allow-list dropped {dropped}, requests turned away {turned_away}".format(**counts)
    counts["lost_bytes"] = lost(options, {mark: round(float(written)) for mark, written in GONE.findall(metrics)})
    if counts["lost_bytes"]:
        text += f"; {size(counts['lost_bytes'])} were written that are neither in a file nor in the store"
    return Line("reports", counts["failed"] == counts["lost_bytes"] == 0, text, counts)


def lost(options: argparse.Namespace, written: dict[str, int]) -> int:
    """Return how many bytes of files that are gone the store has not read. written has the bytes by the file's mark.

    To the collector a renamed file is gone too. The store may be about to read it, so wait for a while.
    """
    end = time.monotonic() + STORE_TAKES
    while True:
        state = read_state(options.data, "store") if written else {}
        taken = dict(state.get("gone", {}))
        for file in state.get("files", {}).values():
            taken[file.get("mark")] = max(taken.get(file.get("mark"), 0), file["offset"])
        missing: int = sum(max(0, count - taken.get(mark, 0)) for mark, count in written.items())
        if not missing or time.monotonic() > end:
            return missing
        time.sleep(0.5)


def files(options: argparse.Namespace) -> Line:
    found = otlp_files(options.data)
    others = [name for name in os.listdir(options.data / OTLP) if name not in found]
    waiting = {name: status.st_size for name, status in found.items() if name != CURRENT}
    values = {"files": len(waiting), "bytes": sum(waiting.values()), "current": CURRENT in found, "others": len(others)}
    text = f"{len(waiting)} set aside ({size(values['bytes'])}) that store or backup has not taken or tidy not removed"
    if others:
        text += f"; {len(others)} of other names or kinds, which store or backup passes over"
    damaged = [
        f"{QUEUE}/{path.name} was set aside: its output did not get the reports in it"
        for path in sorted((options.data / QUEUE).glob("*.damaged"))
    ] + damaged_counts(options.data)
    good = len(waiting) <= options.files and not others and not damaged
    return Line("files", good, "; ".join([text, *damaged]), values)


def damaged_counts(data: Path) -> list[str]:
    """Return what to do about files of counts that are damaged, or were, and were set aside."""
    said = []
    for whose, remedy in (
        ("growth", "runspan-store count counts them from the backup"),
        ("public", "put your copy of it in its place, or move it away to have the last weeks counted again"),
    ):
        try:
            Kept(state_file(data, whose)).read()
        except ValueError as error:
            said.append(f"{STATE}/{whose}.json is damaged ({error}): {remedy}")
    for path in sorted((data / STATE).glob("*-damaged-*")):
        said.append(
            f"{STATE}/{path.name} was set aside: runspan-store count counts from the backup what the store does not "
            "have any more; then remove it"
        )
    return said


def store(options: argparse.Namespace) -> Line:
    state = read_state(options.data, "store")
    says = state.get("status")
    if not isinstance(says, dict):
        raise NotGoodError("has said nothing yet")
    written = age(says, "written")
    lag = says.get("lag_bytes", 0)
    left_out = {key: sum(file.get(key, 0) for file in state.get("files", {}).values()) for key in ("old", "future")}
    faults = [says["error"]] if says.get("error") else []
    faults += state.get("faults", [])
    good = recent(written, 120) and lag < options.lag << 20 and not faults and not any(left_out.values())
    text = f"{says.get('rows')} runs, the last of {says.get('last')}; {size(lag)} behind, as it said {ago(written)}"
    text = "; ".join([text, *faults])
    if any(left_out.values()):
        text += "; left out: {old} runs older than 60 days, {future} of the future; is the clock right?".format(
            **left_out
        )
    return Line("store", good, text, {**says, "age": written, "left_out": left_out})


def backup(options: argparse.Namespace) -> Line:
    state = read_state(options.data, "backup")
    ages = {key: age(state, key) for key in ("time", "checked", "verified")}
    new, checked, verified = ages.values()
    good = recent(new, options.backup_hours * 3600) and recent(checked, options.check_days * 86400)
    good = good and (verified is None or recent(verified, math.inf))
    taken = sum(file["size"] for file in state.get("files", {}).values())
    text = f"last run {ago(new)}, checked {ago(checked)}, restored for a test {ago(ages['verified'])}"
    return Line("backup", good, text, {**ages, "bytes": taken})


def disk(options: argparse.Namespace) -> Line:
    total, _, free = shutil.disk_usage(options.data)
    return Line("disk", free > total / 10, f"{size(free)} of {size(total)} free", {"free": free, "total": total})


def certificate(options: argparse.Namespace) -> Line:
    """Check the certificate that the collector uses, which may be older than the one in the file."""
    try:
        shown = ssl.get_server_certificate(reachable(options.collector), timeout=5)
    except (OSError, ValueError) as error:
        raise NotGoodError(f"{options.collector} shows none: {error}") from error
    command = ["openssl", "x509", "-noout", "-dates", "-dateopt", "iso_8601"]
    done = subprocess.run(command, input=shown, capture_output=True, text=True, check=False)
    found = re.findall(r"not(?:Before|After)=(\d+-\d+-\d+ \d+:\d+:\d+)Z", done.stdout)
    if len(found) != 2:
        raise NotGoodError(f"openssl can't read it: {done.stderr.strip()}")
    begin, end = (datetime.fromisoformat(when).replace(tzinfo=timezone.utc) for when in found)
    now = datetime.now(timezone.utc)
    if begin > now:
        raise NotGoodError(f"not valid before {begin}: is the clock right?")
    days = (end - now).days
    return Line("certificate", days >= options.certificate_days, f"{days} days left", {"days": days})


LOOKS: list[Callable[[argparse.Namespace], Line]] = [collector, reports, files, store, backup, disk, certificate]


def look(at: Callable[[argparse.Namespace], Line], options: argparse.Namespace) -> Line:
    """Check a part. Whatever a damaged file or another program in its place says, the other parts are checked too."""
    try:
        return at(options)
    except Exception as error:
        return Line(at.__name__, False, str(error) or type(error).__name__, {})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("/var/lib/runspan"))
    # The variables are those of config/collector.yaml.
    given = os.environ.get
    parser.add_argument("--collector", default=given("RUNSPAN_LISTEN", "127.0.0.1:4319"), metavar="HOST:PORT")
    parser.add_argument("--health", default=given("RUNSPAN_HEALTH", "127.0.0.1:8889"), metavar="HOST:PORT")
    metrics = f"127.0.0.1:{given('RUNSPAN_METRICS_PORT', '8888')}"
    parser.add_argument("--metrics", default=metrics, metavar="HOST:PORT")
    parser.add_argument("--backup-hours", type=float, default=3, help="the last backup may be so old")
    parser.add_argument("--check-days", type=float, default=8, help="its last check may be so old")
    parser.add_argument("--certificate-days", type=int, default=14, help="the certificate has to have so many left")
    parser.add_argument("--files", type=int, default=48, help="so many files may wait")
    parser.add_argument("--lag", type=int, default=64, help="the store may be so many MB behind")
    names = [at.__name__ for at in LOOKS]
    parser.add_argument("--without", action="append", default=[], choices=names, help="a part on another machine")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    lines = [look(at, options) for at in LOOKS if at.__name__ not in options.without]
    if options.json:
        print(json.dumps({line.name: asdict(line) for line in lines}, indent=1))
    else:
        for line in lines:
            print(f"{'ok ' if line.good else 'BAD'}  {line.name:11}  {line.text}")
    return 0 if all(line.good for line in lines) else 1
