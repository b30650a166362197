# SPDX-License-Identifier: MIT
"""Write made-up runs of StripePy as the collector's files, and print the expected answer of each query as JSON.

The answers are counted here, in plain Python, from the runs themselves: neither from the files nor by SQL.
Lines come as they would: some twice, some runs aborted, some reported as aborted and whole, in either order. Some lack
fields: all of Python's, as from a program in C or C++, or any one.
"""

from __future__ import annotations

import argparse
import errno
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from runspan_collector.files import FOLDERS, KEPT_DAYS, OTLP

NS = 10**9
DAY = 24 * 3600

# Version, and how many days before the end of the time it was released.
RELEASES = [("1.1.1", 400), ("1.2.0", 75), ("1.3.0", 40), ("1.3.1", 12)]
SUBCOMMANDS = {"call": 50, "plot contact-map": 9, "plot cm": 9, "plot hist": 4, "view": 18, "download": 9, "plot": 1}
SYSTEMS = {
    ("linux", "x86_64", "5.14.0-427.el9"): 30,
    ("linux", "x86_64", "6.8.0-45-generic"): 30,
    ("linux", "aarch64", "6.11.0-1015-azure"): 5,
    ("darwin", "arm64", "24.6.0"): 25,
    ("darwin", "x86_64", "23.5.0"): 3,
    ("windows", "AMD64", "10.0.22631"): 7,
}
PYTHONS = {"3.9.21": 4, "3.10.14": 10, "3.11.9": 20, "3.12.7": 35, "3.13.5": 30, "3.14.0": 1}
EXCEPTIONS = {"RuntimeError": 5, "FileNotFoundError": 4, "MemoryError": 2, "KeyboardInterrupt": 2, "other": 1}
NOT_GIVEN = sys.float_info.max  # of an upper threshold
DEFAULTS: dict[str, dict[str, Any]] = {
    "call": {
        "params.constrain_heights": False,
        "params.contact_map_raw_interactions": True,
        "params.genomic_belt": 5_000_000,
        "params.glob_pers_min": 0.04,
        "params.k": 3,
        "params.loc_pers_min": 0.33,
        "params.loc_trend_min": 0.25,
        "params.low_memory": False,
        "params.max_width": 100_000,
        "params.nproc": 1,
    },
    "download": {"params.end2end_test": False, "params.list_only": False, "params.unit_test": False},
    "plot cm": {
        "params.coefficient_of_variation_threshold": NOT_GIVEN,
        "params.highlight_seeds": False,
        "params.highlight_stripes": False,
        "params.relative_change_threshold": 0,
    },
    "view": {"params.coefficient_of_variation_threshold": NOT_GIVEN, "params.relative_change_threshold": 5.0},
}
MOVED: dict[str, list[Any]] = {
    "params.coefficient_of_variation_threshold": [0.5, 0.8],
    "params.genomic_belt": [2_000_000, 10_000_000],
    "params.glob_pers_min": [0.02, 0.05],
    "params.k": [2, 5],
    "params.loc_pers_min": [0.2, 0.4],
    "params.loc_trend_min": [0.1, 0.3],
    "params.max_width": [50_000, 200_000],
    "params.nproc": [2, 4, 8, 16],
    "params.relative_change_threshold": [3.0, 8.5],
}


@dataclass
class Run:
    """A run, as its whole report has it, or else as its aborted report does."""

    start: int
    duration: int
    name: str
    trace_id: str
    span_id: str
    resource: dict[str, str]
    attributes: dict[str, Any] = field(default_factory=dict)
    outcome: str = "ok"
    exception: str | None = None

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.start // NS, timezone.utc).date()

    @property
    def week(self) -> date:
        return self.day - timedelta(days=self.day.weekday())

    @property
    def version(self) -> str:
        return self.shown("service.version")

    @property
    def environment(self) -> tuple[str | None, ...]:
        keys = ("os.type", "os.version", "host.arch", "process.runtime.description", "process.runtime.version")
        return tuple(self.resource.get(key) for key in keys)

    @property
    def arch(self) -> str:
        return {"AMD64": "x86_64", "aarch64": "arm64"}.get(found := self.shown("host.arch"), found)

    def shown(self, key: str) -> str:
        return self.resource.get(key, "unknown")


def pick(rng: random.Random, weights: Mapping[Any, float]) -> Any:
    return rng.choices(list(weights), list(weights.values()))[0]


def make(count: int, days: int, rng: random.Random, now: int) -> list[Run]:
    """Return runs of the days before ``now``, in seconds. None began about ``KEPT_DAYS`` ago, to be gone soon."""
    runs: list[Run] = []
    while len(runs) < count:
        age = rng.uniform(60, days * DAY)
        if abs(age - KEPT_DAYS * DAY) < 7200:
            continue
        start = now - age
        weekend = datetime.fromtimestamp(start, timezone.utc).weekday() >= 5
        if not weekend or rng.random() < 0.4:
            runs.append(_run(rng, int(start * NS), age / DAY))
            _leave_out(runs[-1], rng)
    return sorted(runs, key=lambda run: run.start)


def _run(rng: random.Random, start: int, days_ago: float) -> Run:
    name = pick(rng, SUBCOMMANDS)
    os_type, arch, kernel = pick(rng, SYSTEMS)
    # A release is taken up over some weeks: the newest one known is used the more, the older it is.
    version = RELEASES[0][0]
    for release, released in RELEASES[1:]:
        if days_ago < released and rng.random() < 1 - 0.9 ** (released - days_ago):
            version = release
    resource = {
        "dependency.h5py.version": "3.14.0",
        "dependency.hictkpy.version": "1.3.0",
        "dependency.numpy.version": rng.choice(["2.3.1", "2.2.6", "1.26.4"]),
        "dependency.packaging.version": "25.0",
        "dependency.pandas.version": "2.3.1",
        "dependency.scipy.version": "1.16.0",
        "dependency.structlog.version": "25.4.0",
        "host.arch": arch,
        "os.type": os_type,
        "os.version": kernel,
        "process.runtime.description": rng.choice(["GCC 12.2.0", "GCC 14.2.0", "Clang 18.1.8"]),
        "process.runtime.name": "CPython",
        "process.runtime.version": pick(rng, PYTHONS),
        "service.name": "stripepy",
        "service.version": version,
        "telemetry.distro.name": "runspan",
        "telemetry.distro.version": "0.1.0",
        "telemetry.sdk.language": "go",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.47.0",
    }
    run = Run(start, 0, name, f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(64):016x}", resource)
    for key, value in DEFAULTS.get(name, {}).items():
        moved = rng.random() < (0.6 if key == "params.nproc" else 0.08)
        run.attributes[key] = (not value if isinstance(value, bool) else rng.choice(MOVED[key])) if moved else value
    if name == "call":
        run.attributes["params.contact_map_format"] = pick(rng, {"mcool": 50, "hic": 30, "cool": 19, "scool": 0.05})
        run.attributes["params.contact_map_resolution"] = rng.choice([5000, 10000, 20000, 25000])
        work = 2e9 / run.attributes["params.contact_map_resolution"] / run.attributes["params.nproc"] ** 0.8
        run.duration = int(rng.lognormvariate(0, 0.4) * work * 1e6)
    else:
        run.duration = int(rng.lognormvariate(0, 0.6) * 3 * NS)
    if name == "view":
        run.attributes["params.columns"] = ["chrom1", "start1", "end1"]
        run.attributes["params.result_file_format_version"] = rng.choice([1, 2, 3])
    if name == "download":
        run.attributes["params.dataset_format"] = "mcool"
        run.attributes["params.dataset_name"] = "4DNFI9GMP2J8"
    chance = rng.random()
    if chance < 0.03:
        run.outcome = "aborted"
    elif chance < (0.12 if version == "1.2.0" else 0.08):  # 1.2.0 had a bad day
        run.outcome = "failed"
        run.exception = pick(rng, EXCEPTIONS)
    return run


def _leave_out(run: Run, rng: random.Random) -> None:
    """Remove the fields that a program in C or C++ does not have, and sometimes one that it could not find out."""
    if rng.random() < 0.1:
        for key in [key for key in run.resource if key.startswith(("process.runtime.", "dependency."))]:
            del run.resource[key]
    if rng.random() < 0.05:
        del run.resource[rng.choice([key for key in run.resource if key != "service.name"])]
    if run.attributes and rng.random() < 0.05:
        del run.attributes[rng.choice(list(run.attributes))]


def reports(runs: list[Run], rng: random.Random) -> Iterator[tuple[int, dict[str, Any], dict[str, str]]]:
    """Return the time of arrival, the span and the resource of each report."""
    for run in runs:
        arrives = run.start + run.duration + rng.randrange(5 * NS)
        if run.outcome == "aborted":
            arrives += rng.randrange(DAY * NS)  # a later run reports it
        yield arrives, span(run, rng), run.resource
        if rng.random() < 0.02:  # an answer was lost: the same again
            yield arrives + rng.randrange(3600 * NS), span(run, rng), run.resource
        if run.outcome != "aborted" and rng.random() < 0.015:
            cut = Run(**(vars(run) | {"duration": run.duration // 2, "outcome": "aborted", "exception": None}))
            yield arrives + rng.randrange(-3600 * NS, 3600 * NS), span(cut, rng), run.resource


def span(run: Run, rng: random.Random) -> dict[str, Any]:
    attributes = dict(run.attributes) | ({"aborted": True} if run.outcome == "aborted" else {})
    made: dict[str, Any] = {
        "traceId": run.trace_id,
        "spanId": run.span_id,
        "parentSpanId": "",
        "flags": 257,
        "name": run.name,
        "kind": 1,
        "startTimeUnixNano": str(run.start),
        "endTimeUnixNano": str(run.start + run.duration),
        "attributes": [{"key": key, "value": any_value(value, rng)} for key, value in attributes.items()],
        "status": {"code": 1 if run.outcome == "ok" else 2},
    }
    if run.exception:
        values = {"exception.type": run.exception, "exception.message": "", "exception.stacktrace": ""}
        pairs = [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
        pairs.append({"key": "exception.escaped", "value": {"stringValue": "False"}})
        made["events"] = [{"timeUnixNano": made["endTimeUnixNano"], "name": "exception", "attributes": pairs}]
    return made


def any_value(value: Any, rng: random.Random) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [{"stringValue": item} for item in value]}}
    if value is not True and not isinstance(value, int) and rng.random() < 0.2:
        return {"stringValue": str(value)}  # a NumPy scalar
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}


def request(spans: list[tuple[dict[str, Any], dict[str, str]]]) -> str:
    resource_spans = [
        {
            "resource": {"attributes": [{"key": k, "value": {"stringValue": v}} for k, v in resource.items()]},
            "scopeSpans": [{"scope": {"name": "stripepy"}, "spans": [one]}],
        }
        for one, resource in spans
    ]
    return json.dumps({"resourceSpans": resource_spans}, separators=(",", ":"))


def write(runs: list[Run], folder: Path, rng: random.Random, *, files: int = 5) -> None:
    """Write the reports in the order of their arrival: some rotated files, and the current one.

    FileExistsError where the folder has such files: reports that are there are not written over, nor mixed with these.
    """
    arrived = [(one, resource) for _, one, resource in sorted(reports(runs, rng), key=lambda report: report[0])]
    lines = []
    while arrived:
        together = 1 if rng.random() < 0.8 else rng.randrange(2, 9)  # the collector puts reports together
        lines.append(request(arrived[:together]))
        del arrived[:together]
    folder.mkdir(parents=True, exist_ok=True)
    if there := sorted(folder.glob("spans*.json")):
        raise FileExistsError(errno.EEXIST, "made-up runs are not put beside others", str(there[0]))
    size = len(lines) // files + 1
    for number in range(files):
        name = "spans.json" if number == files - 1 else f"spans-2026-01-{number + 1:02}T00-00-00.000.json"
        part = lines[number * size : (number + 1) * size]
        with open(folder / name, "x", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in part)


def answers(runs: list[Run], now: int) -> dict[str, list[dict[str, Any]]]:
    """Return the expected answer of each query, by its name, for the runs that pass the filters."""
    kept = [run for run in runs if now - run.start / NS < KEPT_DAYS * DAY]
    return {
        "totals": [
            {
                "runs": len(kept),
                "days": len({run.day for run in kept}),
                "failed": sum(run.outcome == "failed" for run in kept),
                "aborted_runs": sum(run.outcome == "aborted" for run in kept),
                "environments": len({run.environment for run in kept}),
            }
        ],
        "runs_per_day": _grouped(kept, ["day"], lambda r: (str(r.day),), _outcomes, by_count=False),
        "runs_per_week": _grouped(
            kept,
            ["week"],
            lambda r: (str(r.week),),
            lambda g: {"environments": len({r.environment for r in g})},
            by_count=False,
        ),
        "subcommands": _grouped(kept, ["service", "subcommand"], lambda r: ("stripepy", r.name)),
        "formats": _grouped(
            [run for run in kept if _format(run)], ["subcommand", "format"], lambda r: (r.name, _format(r))
        ),
        "versions": _grouped(
            kept,
            ["service", "version"],
            lambda r: ("stripepy", r.version),
            lambda g: {"first_day": str(min(r.day for r in g)), "last_day": str(max(r.day for r in g))},
        ),
        "version_uptake": _uptake(kept),
        "systems": _grouped(kept, ["os", "arch"], lambda r: (r.shown("os.type"), r.arch)),
        "pythons": _grouped(
            kept,
            ["implementation", "python"],
            lambda r: (r.shown("process.runtime.name"), ".".join(r.shown("process.runtime.version").split(".")[:2])),
        ),
        "outcomes": _grouped(
            kept, ["version", "subcommand"], lambda r: (r.version, r.name), _outcome_shares, by_count=False
        ),
        "exceptions": _grouped(
            [run for run in kept if run.outcome == "failed"],
            ["version", "subcommand", "exception"],
            lambda r: (r.version, r.name, r.exception),
        ),
        "durations": _grouped(
            [run for run in kept if run.outcome == "ok" and all(_work(run))],
            ["nproc", "resolution"],
            _work,
            _quantiles,
            by_count=False,
        ),
        "run_times": _grouped(
            [run for run in kept if run.outcome == "ok"],
            ["service", "subcommand"],
            lambda r: ("stripepy", r.name),
            _quantiles,
        ),
        "parameters": _parameters(kept),
        "choices": _choices(kept),
        "public": _public(kept),
        "growth_weeks": _growth(kept, "week", lambda r: r.week),
        "growth_months": _growth(kept, "month", lambda r: r.day.replace(day=1)),
        "growth_versions": _growth_versions(kept),
        "values": _values(kept),
        "over_time": _over_time(kept),
        "pythons_over_time": _pythons_over_time(kept),
        "failures": _failures(kept),
    }


def _grouped(
    runs: list[Run],
    columns: list[str],
    key: Callable[[Run], tuple[Any, ...]],
    more: Callable[[list[Run]], dict[str, Any]] = lambda group: {},
    *,
    by_count: bool = True,
) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    ordered = sorted(groups, key=lambda k: (-len(groups[k]) if by_count else 0, k))
    return [dict(zip(columns, k, strict=True)) | {"runs": len(groups[k])} | more(groups[k]) for k in ordered]


def _outcomes(group: list[Run]) -> dict[str, Any]:
    found = Counter(run.outcome for run in group)
    return {"failed": found["failed"], "aborted_runs": found["aborted"]}


def _outcome_shares(group: list[Run]) -> dict[str, Any]:
    counted = _outcomes(group)
    return counted | {
        "failed_share": counted["failed"] / len(group),
        "aborted_share": counted["aborted_runs"] / len(group),
    }


def _format(run: Run) -> Any:
    return run.attributes.get("params.contact_map_format") or run.attributes.get("params.dataset_format")


def _work(run: Run) -> tuple[Any, ...]:
    return run.attributes.get("params.nproc"), run.attributes.get("params.contact_map_resolution")


def _quantiles(group: list[Run]) -> dict[str, Any]:
    ordered = sorted(run.duration / 1e6 for run in group)
    return {f"{name}_s": ordered[int(q * len(ordered))] / 1000 for name, q in (("median", 0.5), ("p90", 0.9))}


def _uptake(runs: list[Run]) -> list[dict[str, Any]]:
    days = Counter(run.day for run in runs)
    found = Counter((run.day, run.version) for run in runs)
    return [
        {"day": str(day), "version": version, "runs": found[day, version], "share": found[day, version] / days[day]}
        for day, version in sorted(found)
    ]


def _parameters(runs: list[Run]) -> list[dict[str, Any]]:
    rows = []
    for name, defaults in sorted(DEFAULTS.items()):
        for key, default in sorted(defaults.items()):
            group = [run for run in runs if run.name == name and key in run.attributes]
            if group:
                moved = sum(run.attributes[key] != default for run in group)
                row = {"subcommand": name, "field": key, "default_value": f"{default:g}".lower()}
                if isinstance(default, (bool, int)):
                    row["default_value"] = str(default).lower()
                elif default == NOT_GIVEN:
                    row["default_value"] = "none"
                rows.append(row | {"runs": len(group), "moved": moved, "moved_share": moved / len(group)})
    return rows


def _release(version: str) -> bool:
    return re.fullmatch(r"\d{1,4}(\.\d{1,3}){1,2}", version, re.ASCII) is not None


def _growth(runs: list[Run], unit: str, begin: Callable[[Run], date]) -> list[dict[str, Any]]:
    rows = _grouped(
        runs,
        [unit],
        lambda r: (str(begin(r)),),
        lambda g: {
            "environments": len({r.environment for r in g}),
            "releases": sorted({r.version for r in g if _release(r.version)}),
        },
        by_count=False,
    )
    return [{"service": service} | row for service in ("", "stripepy") for row in rows]


def _shares(found: Counter[tuple[str, str]], columns: tuple[str, str]) -> list[dict[str, Any]]:
    """Count by a time and a value: the share of each value in its time."""
    whole: Counter[str] = Counter()
    for (time_, _), runs in found.items():
        whole[time_] += runs
    return [
        dict(zip(columns, key, strict=True)) | {"runs": found[key], "share": found[key] / whole[key[0]]}
        for key in sorted(found)
    ]


def _growth_versions(runs: list[Run]) -> list[dict[str, Any]]:
    found = Counter((str(r.week), r.version if _release(r.version) else "other") for r in runs)
    return [{"service": s} | row for s in ("", "stripepy") for row in _shares(found, ("week", "version"))]


def _pythons_over_time(runs: list[Run]) -> list[dict[str, Any]]:
    key = "process.runtime.version"
    found = Counter((str(r.week), ".".join(r.resource[key].split(".")[:2])) for r in runs if key in r.resource)
    return _shares(found, ("week", "python"))


def _values(runs: list[Run]) -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs:
        for key, value in run.attributes.items():
            if not isinstance(value, list) and key != "aborted":
                text = str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")
                counts[key][text] += 1
    rows = []
    for key, found in sorted(counts.items()):
        ordered = sorted(found, key=lambda text: (-found[text], text))
        shown = Counter[str]()
        for place, text in enumerate(ordered):
            shown["other" if place >= 20 else "none" if text == str(NOT_GIVEN) else text] += found[text]
        rows += [{"field": key, "value": text, "runs": shown[text]} for text in sorted(shown, key=_by_number)]
    return rows


def _by_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return NOT_GIVEN, text


def _over_time(runs: list[Run]) -> list[dict[str, Any]]:
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for run in runs:
        for key, text in run.resource.items():
            if not key.startswith(("service.", "telemetry.")):
                found = run.arch if key == "host.arch" else text
                numbers = re.match(r"(\d+\.\d+)\D", found)
                counts[key][str(run.week), numbers[1] if numbers else found] += 1
    rows = []
    for key, counted in sorted(counts.items()):
        total: Counter[str] = Counter()
        for (_, text), number in counted.items():
            total[text] += number
        most = sorted(total, key=lambda text: (-total[text], text))[:6]
        shown: Counter[tuple[str, str]] = Counter()
        for (week, text), number in counted.items():
            shown[week, text if text in most else "other"] += number
        rows += [{"field": key} | row for row in _shares(shown, ("week", "value"))]
    return rows


def _failures(runs: list[Run]) -> list[dict[str, Any]]:
    versions = Counter(run.version for run in runs)
    found = Counter((run.version, str(run.exception)) for run in runs if run.outcome == "failed")
    return [
        {"version": v, "exception": e, "failed": n, "runs": versions[v], "share": n / versions[v]}
        for (v, e), n in sorted(found.items())
    ]


def _counted(pairs: Iterable[tuple[str, str]], columns: tuple[str, str]) -> list[dict[str, Any]]:
    found = Counter(pairs)
    ordered = sorted(found, key=lambda pair: (pair[0], -found[pair], pair[1]))
    return [{columns[0]: a, columns[1]: b, "runs": found[a, b]} for a, b in ordered]


def _choices(runs: list[Run]) -> list[dict[str, Any]]:
    pairs = (
        pair for run in runs for pair in (("service", "stripepy"), ("subcommand", run.name), ("version", run.version))
    )
    return _counted((pair for pair in pairs if pair[1] != "unknown"), ("filter", "value"))


def _public(runs: list[Run]) -> list[dict[str, Any]]:
    """Count by the rules of the public variant in collector/docs/dashboard.md."""
    questions: dict[str, Callable[[Run], str]] = {
        "week": lambda r: str(r.week),
        "subcommand": lambda r: r.name,
        "version": lambda r: r.version if _release(r.version) else "other",
        "os": lambda r: r.shown("os.type"),
        "arch": lambda r: r.arch,
        "format": lambda r: str(r.attributes.get("params.contact_map_format", "unknown")),
    }
    rows = []
    for question, answer in sorted(questions.items()):
        groups: dict[str, list[Run]] = defaultdict(list)
        for run in runs:
            groups[answer(run)].append(run)
        small = {a: group for a, group in groups.items() if len(group) < 10 or _environments(group) < 3}
        shown = {a: group for a, group in groups.items() if a not in small}
        other = [run for group in small.values() for run in group]
        if shown and len(other) >= 10 and _environments(other) < 3:
            fewest = min(len(group) for group in shown.values())
            other += [run for group in shown.values() if len(group) == fewest for run in group]
            shown = {a: group for a, group in shown.items() if len(group) > fewest}
        shown["other"] = shown.get("other", []) + other
        tens = {a: len(group) // 10 * 10 for a, group in shown.items() if _environments(group) >= 3}
        ordered = sorted((-runs, a) for a, runs in tens.items() if runs)
        rows += [{"question": question, "answer": a, "runs": -runs} for runs, a in ordered]
    return rows


def _environments(runs: list[Run]) -> int:
    return len({run.environment for run in runs})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m runspan_collector.store.synthesize", description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--now", type=int, default=int(time.time()), help="the end of the time, in seconds since 1970")
    parser.add_argument("out", type=Path, help="the folder for the files: a new one, or an empty one")
    options = parser.parse_args()
    out = options.out.resolve()
    if out.name == OTLP and any((out.parent / name).exists() for name in FOLDERS if name != OTLP):
        parser.error(f"{out} is where a collector or a store has its data: made-up runs would be taken for real ones")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        parser.error(f"{out} is not an empty folder: nothing in it is written over")
    rng = random.Random(options.seed)
    runs = make(options.runs, options.days, rng, options.now)
    write(runs, out, rng)
    json.dump(answers(runs, options.now), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
