# SPDX-License-Identifier: MIT
"""The commands that StripePy is run with, as published and patched, and how it is run."""

import os
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.stripepy.compare import Output, Span, normalise, spans
from tests.stripepy.otlp_receiver import ROOT, Request, receiver

CONTACT_MAP = ROOT / "tests" / "data" / "CN.mm9.1000kb.mcool"
VENVS = ROOT / "build" / "venv"


@dataclass(frozen=True)
class Side:
    """StripePy as it is installed in one of the two virtual environments."""

    name: str

    @property
    def venv(self) -> Path:
        venv = VENVS / self.name
        if not (venv / "bin" / "stripepy").exists():
            raise FileNotFoundError(f"no StripePy in {venv}; README.md in this folder says how to install it there")
        return venv


PUBLISHED = Side("published")
PATCHED = Side("patched")


@dataclass(frozen=True)
class Case:
    """A command, run in a folder with the files contacts.mcool and result.hdf5, and how it ends."""

    name: str
    command: str
    span: str | None
    """The name of the span that is sent; None where StripePy ends, or is told not to, before there is one."""
    exit_code: int = 0
    exception: str | None = None
    """The type of the exception that the span names."""
    environment: dict[str, str] = field(default_factory=dict)
    ordered: bool = True
    """False where several processes write to the log, and their lines come as they happen to."""


CALL = "call contacts.mcool 1000000 --genomic-belt 50000000 --max-width 5000000"

CASES = (
    Case("call", f"{CALL} -o new.hdf5", "call"),
    Case(
        "call, every parameter",
        f"{CALL} --glob-pers-min 0.05 --loc-pers-min 0.3 --loc-trend-min 0.2 -k 4 --constrain-heights --low-memory -p 2"
        " -o new.hdf5 --log-file new.log --verbosity debug",
        "call",
        ordered=False,
    ),
    Case("call, wrong resolution", "call contacts.mcool 5000 -o new.hdf5", "call", 1, "RuntimeError"),
    Case("call, missing file", "call missing.mcool 1000000 -o new.hdf5", None, 2),
    Case("call, output exists", f"{CALL} -o result.hdf5", None, 2),
    Case("view", "view result.hdf5 --verbosity debug", "view"),
    Case(
        "view, every option",
        "view result.hdf5 --relative-change-threshold 1.5 --coefficient-of-variation-threshold 0.8"
        " --with-biodescriptors --with-header --transform transpose_to_ut",
        "view",
    ),
    Case(
        "view, thresholds nan and inf",
        "view result.hdf5 --relative-change-threshold nan --coefficient-of-variation-threshold inf",
        "view",
    ),
    Case("view, no result file", "view contacts.mcool", "view", 1, "RuntimeError"),
    Case("view, missing file", "view missing.hdf5", None, 2),
    Case(
        "view, STRIPEPY_NO_TELEMETRY",
        "view result.hdf5 --verbosity debug",
        None,
        environment={"STRIPEPY_NO_TELEMETRY": ""},
    ),
    Case("view, NO_TELEMETRY", "view result.hdf5 --verbosity debug", None, environment={"NO_TELEMETRY": "1"}),
    Case("plot contact-map", "plot contact-map contacts.mcool 1000000 new.png --dpi 50", "plot contact-map"),
    Case("plot cm", "plot cm contacts.mcool 1000000 new.png --dpi 50 --verbosity debug", "plot cm"),
    Case(
        "plot cm, stripes",
        "plot cm contacts.mcool 1000000 new.png --dpi 50 --stripepy-hdf5 result.hdf5 --region chr17:0-95000000"
        " --highlight-stripes --relative-change-threshold 2 --coefficient-of-variation-threshold 0.9",
        "plot cm",
    ),
    Case(
        "plot cm, seeds",
        "plot cm contacts.mcool 1000000 new.png --dpi 50 --stripepy-hdf5 result.hdf5 --region chr17:0-95000000"
        " --highlight-seeds",
        "plot cm",
    ),
    Case("plot pd", "plot pd result.hdf5 new.png --dpi 50", "plot pd"),
    Case("plot hist", "plot hist result.hdf5 new.png --dpi 50", "plot hist"),
    Case(
        "plot pseudodistribution, no result file",
        "plot pseudodistribution contacts.mcool new.png",
        "plot pseudodistribution",
        1,
        "RuntimeError",
    ),
    Case(
        "plot stripe-hist, no result file",
        "plot stripe-hist contacts.mcool new.png",
        "plot stripe-hist",
        1,
        "RuntimeError",
    ),
    # An exception that StripePy does not expect, which leaves it by Python's own traceback.
    Case(
        "plot cm, seeds of no result",
        "plot cm contacts.mcool 1000000 new.png --highlight-seeds",
        "plot cm",
        1,
        "KeyError",
    ),
    Case("plot cm, output exists", "plot cm contacts.mcool 1000000 result.hdf5", "plot", 1, "FileExistsError"),
    Case("plot cm, missing file", "plot cm missing.mcool 1000000 new.png", None, 2),
    Case("download, list", "download --list-only", "download"),
    Case("download, refused", "download --name 4DNFI3RFZLZ5", "download", 1, "urllib.error.URLError"),
    Case("download, unit test", "download --unit-test", "download", 1, "urllib.error.URLError"),
    Case("version", "--version", None),
)


@dataclass(frozen=True)
class Run:
    """What came of a command."""

    exit_code: int
    stdout: str
    stderr: str
    output: Output
    requests: list[Request]
    started_ns: int
    ended_ns: int

    @property
    def spans(self) -> list[Span]:
        return spans(self.requests)


class Laboratory:
    """Runs cases, each side of each case in a fresh folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            "LANG": "C.UTF-8",
            "PATH": os.defpath,
            "MPLCONFIGDIR": str(folder / "matplotlib"),
            # The two sides run at the same time: threads for linear algebra would only be in each other's way.
            "OPENBLAS_NUM_THREADS": "1",
        }
        offline = self._environment | {"STRIPEPY_NO_TELEMETRY": "1", "HOME": str(folder)}

        # Matplotlib's list of fonts takes seconds to make, and it warns when it takes long: it is made beforehand.
        python = PUBLISHED.venv / "bin" / "python"
        subprocess.run([python, "-c", "import matplotlib.font_manager"], env=offline, check=True, capture_output=True)

        self._result = folder / "result.hdf5"
        shutil.copy(CONTACT_MAP, folder / "contacts.mcool")
        stripepy = PUBLISHED.venv / "bin" / "stripepy"
        command = [str(stripepy), *shlex.split(CALL), "-o", self._result.name]
        subprocess.run(command, cwd=folder, env=offline, check=True, capture_output=True)

    def run(self, case: Case, side: Side, timeout: float = 120) -> Run:
        folder = self._folder / case.name.replace(" ", "-") / side.name
        work, home = folder / "work", folder / "home"
        work.mkdir(parents=True)
        home.mkdir()
        shutil.copy(CONTACT_MAP, work / "contacts.mcool")
        shutil.copy(self._result, work / "result.hdf5")

        # Nothing of the caller's environment: a proxy, a switch or a setting of OpenTelemetry's would change a side.
        with receiver(folder / "receiver") as listening:
            started = time.time_ns()
            done = subprocess.run(
                [side.venv / "bin" / "stripepy", *shlex.split(case.command)],
                check=False,
                cwd=work,
                env=self._environment | {"HOME": str(home)} | listening.proxy_environment() | case.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=timeout,
            )
            ended = time.time_ns()
        return Run(
            exit_code=done.returncode,
            stdout=normalise(done.stdout, side.venv),
            stderr=normalise(done.stderr, side.venv),
            output=Output(work, side.venv),
            requests=listening.requests(),
            started_ns=started,
            ended_ns=ended,
        )
