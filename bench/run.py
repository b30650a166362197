#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""runspan beside opentelemetry-python, set up as StripePy 1.3.0 does it, in turns, in one run.

    bench/run.py [--quick] --to FOLDER [SUBJECT...]

Run by ./build.sh bench, with the Python of build/venv/patched. Writes a file of each subject, SUBJECT.json, into the
folder. report.py says what they mean.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import certificates, exit, failing, growth, runner, spans, start, tool  # noqa: E402

SUBJECTS = {
    "start": start.measure,
    "spans": spans.measure,
    "failing": failing.measure,
    "growth": growth.measure,
    "tool": tool.measure,
    "exit": exit.measure,
}


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="runspan-bench-") as folder:
        system = certificates.enter(Path(folder))
        if not system:
            print("no mount namespace can be had here: the system's certificates are not measured", file=sys.stderr)
        runner.adopt()
        where = machine()  # before the first, for the tree may change meanwhile
        for subject in options.subjects or SUBJECTS:
            lab = runner.Lab(Path(tempfile.mkdtemp(dir=folder)), options.quick, system)
            measure(subject, lab, options.to, where)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="runspan beside opentelemetry-python")
    parser.add_argument("--quick", action="store_true", help="a few runs each: shows that it runs, and nothing else")
    parser.add_argument("--to", type=Path, required=True, help="the folder for the results")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(SUBJECTS))
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no subject is named {', '.join(sorted(unknown))}")
    return options


def measure(subject: str, lab: runner.Lab, to: Path, where: dict[str, Any]) -> None:
    load, begun = os.getloadavg(), time.monotonic()
    figures = SUBJECTS[subject](lab)
    seconds = round(time.monotonic() - begun)
    about = where | {"quick": lab.quick, "load before": load, "load after": os.getloadavg(), "seconds": seconds}
    runner.save(to / f"{subject}.json", subject, about, figures)
    print(f"{subject}: {len(figures)} figures in {seconds} s", flush=True)


def machine() -> dict[str, Any]:
    """What was measured, and on what; nothing that tells one machine from another of its kind."""
    return {
        "commit": commit(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def commit() -> str:
    """Of HEAD, with + where what is in the tree is another; empty where this is no clone."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    main()
