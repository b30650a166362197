# SPDX-License-Identifier: MIT
"""Runs programs in turns and measures them from outside: wall time, processor time, and when they were gone."""

from __future__ import annotations

import ctypes
import glob
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.stripepy.otlp_receiver import ROOT, Receiver, receiver

PEER, OURS, BESIDE = "otel-python", "runspan", "runspan, beside"
RUST, OURS_C, BESIDE_C = "otel-rust", "runspan from C", "runspan from C, beside"
PAIR = (PEER, OURS)
SIDES = (*PAIR, BESIDE)
VENVS = {PEER: "published", OURS: "patched", BESIDE: "patched"}
_IN_HOST, _BESIDE = {"RUNSPAN_OUT_OF_PROCESS": "0"}, {"RUNSPAN_OUT_OF_PROCESS": "1"}
WAYS = {OURS: _IN_HOST, OURS_C: _IN_HOST, BESIDE: _BESIDE, BESIDE_C: _BESIDE}
"""How each side of runspan is told where its core is to be, so that no rule chooses."""
SCHEMA = ROOT / "schemas" / "stripepy.json"

T = TypeVar("T")


@dataclass
class Figure:
    """What was measured, in one case: every sample of every side, in the order they were taken."""

    what: str
    unit: str
    samples: dict[str, list[float]]
    case: dict[str, str | float] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    """What is no number, by side."""

    def median(self, side: str) -> float:
        return statistics.median(self.samples[side])

    def mean(self, side: str) -> float:
        return statistics.fmean(self.samples[side])


@dataclass(frozen=True)
class Lab:
    """Where a subject measures: a folder of its own; and whether it only has to show that it runs."""

    folder: Path
    quick: bool
    system_certificates: bool
    """Whether what the machine and certifi trust is a copy that certificates.trust writes to."""

    def repeats(self, full: int) -> int:
        return min(full, 2) if self.quick else full

    def receiver(self, *options: str) -> AbstractContextManager[Receiver]:
        """It says nothing of the connections that a run has cut off."""
        return receiver(self.fresh(), *options, timeout=120, stderr=subprocess.DEVNULL)

    def fresh(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))


@dataclass(frozen=True)
class Run:
    """A program that has ended. Times are in milliseconds."""

    out: str
    wall: float
    cpu: float
    begun_ns: int
    """By the wall clock, which spans and requests have as well."""
    gone_ns: int
    gone: float
    """By the monotonic clock, in seconds: that is what the programs print."""
    beside_cpu: float
    """Of the process beside it; 0 without one."""
    stays: float
    """How long that process goes on after the program."""

    def wait(self) -> float:
        """From what the program printed last, the monotonic time, until it was gone."""
        return (self.gone - float(self.out.split()[-1])) * 1000


def run(command: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None, linger: bool = True) -> Run:
    """Run a program, and wait for the process beside it, which it must have if the environment asks for one.

    Without linger, leave that process to the caller.
    """
    with tempfile.TemporaryFile() as errors:
        begun_ns, begun = time.time_ns(), time.monotonic()
        process = subprocess.Popen(
            command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        )
        assert process.stdout is not None
        with process.stdout:
            out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        gone, gone_ns = time.monotonic(), time.time_ns()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise RuntimeError(
                f"exit code {process.returncode} of {command}:\n{errors.read().decode(errors='replace')}"
            )
    beside_cpu = stays = 0.0
    if linger and env.get("RUNSPAN_OUT_OF_PROCESS") == "1":
        beside = reaped()
        if len(beside) != 1:
            raise RuntimeError(f"{len(beside)} processes, instead of one, were beside {command}")
        beside_cpu, stays = processor(beside[0]), (time.monotonic() - gone) * 1000
    return Run(out.decode(), (gone - begun) * 1000, processor(used), begun_ns, gone_ns, gone, beside_cpu, stays)


def processor(used: resource.struct_rusage) -> float:
    return (used.ru_utime + used.ru_stime) * 1000


def adopt() -> None:
    """Have this process adopt orphans: it waits for the processes beside its hosts, and knows what they have used."""
    set_child_subreaper = 36
    if ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0) != 0:
        raise RuntimeError("this system has no subreapers")


def reaped(options: int = 0) -> list[resource.struct_rusage]:
    """Wait for all processes beside hosts, or with os.WNOHANG only for those that have ended."""
    found = []
    for stat in glob.glob("/proc/[0-9]*/stat"):
        with suppress(OSError):  # another thread has waited for it, or it is not ours
            with open(stat, encoding="utf-8", errors="replace") as file:
                pid, name, _, parent = file.read().split()[:4]
            if name == "(runspan-core)" and parent == str(os.getpid()):
                ended, _, used = os.wait4(int(pid), options)
                found += [used] if ended else []
    return found


def interpreter(side: str) -> Path:
    return ROOT / "build" / "venv" / VENVS[side] / "bin" / "python"


def python(side: str, program: str, env: Mapping[str, str]) -> Run:
    """The program is a process of its own, so that nothing but it is measured."""
    return without(side, program, {**env, **WAYS.get(side, {})})


def without(side: str, program: str, env: Mapping[str, str]) -> Run:
    """The same for a program that opens nothing."""
    return run([interpreter(side), "-I", "-c", program], env)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the caller's that leads elsewhere, and folders of the run's own."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR")}
    own = {"HOME": home, "XDG_STATE_HOME": home / "state", "XDG_CONFIG_HOME": home / "config"}
    # Threads for linear algebra would be of StripePy's figures, and are the same on both sides.
    return kept | {k: str(v) for k, v in own.items()} | {"OPENBLAS_NUM_THREADS": "1"} | more


def through(r: Receiver, proxy: str | None = None, certificates: str = "one") -> dict[str, str]:
    """How a program reaches the receiver: by its proxy, or by what stands before that."""
    env = {"HTTPS_PROXY": proxy or r.proxy}
    if certificates == "one":
        env |= {"SSL_CERT_FILE": str(r.ca), "REQUESTS_CA_BUNDLE": str(r.ca)}
    return env


def turns(repeats: int, *measures: Callable[[], T]) -> list[list[T]]:
    """A B A B: what the machine does meanwhile falls on all of them."""
    found: list[list[T]] = [[] for _ in measures]
    for _ in range(repeats):
        for results, measure in zip(found, measures, strict=True):
            results.append(measure())
    return found


def by_side(sides: Iterable[str], results: list[list[tuple[float, ...]]], i: int) -> dict[str, list[float]]:
    """Of what turns has found, the i-th of each sample."""
    return {side: [sample[i] for sample in found] for side, found in zip(sides, results, strict=True)}


@contextmanager
def relay(to: str, round_trip: float) -> Iterator[str]:
    """An HTTP proxy's URL that leads to another's, so many milliseconds away."""
    program = str(ROOT / "build" / "bin" / "relay")
    command = [program, "-to", to.removeprefix("http://"), "-rtt", f"{round_trip}ms"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            yield f"http://{json.loads(process.stdout.readline())['address']}"
            process.stdin.close()
            process.wait(10)
        finally:
            process.kill()


def spans(r: Receiver) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """All spans that have come, each with its request."""
    return [
        (request, span)
        for request in r.requests()
        for resource in request.get("body", {}).get("resourceSpans", [])
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def own_spans(r: Receiver, of: Run) -> int:
    """How many spans have come that were begun in this run."""
    own = (span for _, span in spans(r) if of.begun_ns <= int(span["startTimeUnixNano"]) <= of.gone_ns)
    return len({span["spanId"] for span in own})


def save(file: Path, subject: str, about: dict[str, Any], figures: list[Figure]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    rounded = [asdict(f) | {"samples": {k: [round(x, 4) for x in v] for k, v in f.samples.items()}} for f in figures]
    lines = ",\n".join(f"    {json.dumps(f, ensure_ascii=False)}" for f in rounded)
    head = "".join(f"  {json.dumps(k)}: {json.dumps(v)},\n" for k, v in ({"subject": subject} | about).items())
    file.write_text(f'{{\n{head}  "figures": [\n{lines}\n  ]\n}}\n', encoding="utf-8")


def load(file: Path) -> tuple[dict[str, Any], list[Figure]]:
    about = json.loads(file.read_text(encoding="utf-8"))
    return about, [Figure(**f) for f in about.pop("figures")]
