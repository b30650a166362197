# SPDX-License-Identifier: MIT
"""contrib/stripepy/telemetry.py as stripepy.cli.telemetry, in the virtual environment of the patched StripePy."""

import ast
import json
import subprocess
from pathlib import Path

import pytest

from tests.stripepy.otlp_receiver import Request, receiver
from tests.stripepy.parity import PATCHED

QUIET = """\
import logging, structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
"""
IMPORT = "from stripepy.cli import telemetry\n"


def run(program: str, folder: Path, **environment: str) -> tuple[str, list[Request]]:
    """What a program prints, and what it sends. It may print nothing else, and must end well."""
    with receiver(folder) as listening:
        done = subprocess.run(
            [PATCHED.venv / "bin" / "python", "-c", QUIET + IMPORT + program],
            env=listening.proxy_environment() | environment,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, listening.requests()


def names(requests: list[Request]) -> list[str]:
    """Of the spans that arrived."""
    bodies = [r["body"] for r in requests]
    return [s["name"] for b in bodies for rs in b["resourceSpans"] for ss in rs["scopeSpans"] for s in ss["spans"]]


def test_nothing_slow_is_imported(tmp_path: Path) -> None:
    program = """
import stripepy, sys  # and structlog, in QUIET
before = set(sys.modules)
with telemetry.setup("view") as span:
    assert span.is_recording()
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
    out, requests = run(program, tmp_path)
    imported = set(ast.literal_eval(out))
    assert imported <= {"runspan", "ctypes", "_ctypes", "platform", "atexit"} and len(requests) == 1


def test_several_runs_in_one_process(tmp_path: Path) -> None:
    program = """
for name in ("view", "call", "view"):
    with telemetry.setup(name) as span:
        telemetry.set_success(span, 0)
"""
    _, requests = run(program, tmp_path)
    assert names(requests) == ["view", "call", "view"]


@pytest.mark.parametrize(
    "opts_out",
    [
        "os.environ['STRIPEPY_NO_TELEMETRY'] = '1'",
        "switches = os.environ['XDG_CONFIG_HOME'] + '/runspan'; os.makedirs(switches); open(switches + '/off', 'w')",
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_opting_out_between_two_runs(opts_out: str, debug: bool, tmp_path: Path) -> None:
    program = f"""
import os
with telemetry.setup("view") as span:
    telemetry.set_success(span, 0)
span._client.flush(10)
{opts_out}
with telemetry.setup("call", {debug}) as span:
    assert not span.is_recording()
    telemetry.set_success(span, 0)
"""
    out, requests = run(program, tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert out == "" and names(requests) == ["view"]


def test_opting_in_again(tmp_path: Path) -> None:
    program = """
import os
for name in ("view", "call", "view"):
    with telemetry.setup(name) as span:
        telemetry.set_success(span, 0)
    span._client.flush(10)
    os.environ["NO_TELEMETRY"] = ""
    if name == "call":
        del os.environ["NO_TELEMETRY"]
"""
    _, requests = run(program, tmp_path)
    assert names(requests) == ["view", "view"]


def test_debug_prints_and_sends_nothing(tmp_path: Path) -> None:
    program = """
with telemetry.setup("call", debug=True) as span:
    telemetry.set_success(span, 3)
"""
    out, requests = run(program, tmp_path)
    (span,) = json.loads(out)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (span["name"], span["status"]["code"]) == ("call", 2)
    assert requests == []


def test_debug_among_other_runs(tmp_path: Path) -> None:
    program = """
for name, debug in (("view", True), ("view", False), ("call", True), ("call", False), ("download", True)):
    with telemetry.setup(name, debug=debug) as span:
        telemetry.set_success(span, 0)
"""
    out, requests = run(program, tmp_path)
    printed = [json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] for line in out.splitlines()]
    assert printed == ["view", "call", "download"]
    assert names(requests) == ["view", "call"]


@pytest.mark.parametrize(
    "breakage",
    [
        "telemetry.setup.__globals__['_SCHEMA'] = '/nowhere'",
        "import runspan._abi; runspan._abi.library_path = lambda: '/nowhere'",
        "import runspan; runspan.__version__ = '999'",
        "import stripepy; del stripepy.__version__",
        "import sys; sys.modules['ctypes'] = None",
        "import sys; sys.modules['platform'] = None",
        "import structlog; structlog.get_logger = None",
        "",
    ],
)
def test_it_never_raises(breakage: str, tmp_path: Path) -> None:
    program = f"""
{breakage}
for arguments in (("call",), ("no such span",), (None,), ("call", False, True)):
    with telemetry.setup(*arguments) as span:
        span.set_attribute("params.k", 3)
        telemetry.set_success(span, 0)
        telemetry.set_exception(span, ValueError("secret"))
        telemetry.set_success(None, 0)
        telemetry.set_exception(None, ValueError("secret"))
"""
    out, requests = run(program, tmp_path)
    assert out == ""
    assert "secret" not in json.dumps(requests)
    assert len(requests) == (0 if breakage and "structlog" not in breakage else 1)


def test_opted_out(tmp_path: Path) -> None:
    program = """
with telemetry.setup("call") as span:
    print(span.is_recording(), "librunspan-core" in open("/proc/self/maps").read())
"""
    out, requests = run(program, tmp_path, STRIPEPY_NO_TELEMETRY="")
    assert out == "False False\n" and requests == []


def test_where_there_is_no_runspan(tmp_path: Path) -> None:
    """As on macOS and Windows, for which it has no library."""
    program = """
import sys
import runspan._abi
runspan._abi.library_path = lambda: "/nowhere"
from stripepy.main import main
sys.exit(main(["download", "--list-only"]))
"""
    with receiver(tmp_path) as listening:
        python = PATCHED.venv / "bin" / "python"
        done = subprocess.run(
            [python, "-c", program], env=listening.proxy_environment(), capture_output=True, text=True
        )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "4DNFI9GMP2J8" in json.loads(done.stdout) and listening.requests() == []


def test_runspan_is_asked_for_everywhere(tmp_path: Path) -> None:
    """tests/install/test_wheels.py has pip choose the package for each platform."""
    program = """
from importlib.metadata import requires
from packaging.requirements import Requirement
needed = [Requirement(text) for text in requires("stripepy-hic")]
(ours,) = [r for r in needed if r.name == "runspan"]
print(ours)
"""
    out, _ = run(program, tmp_path)
    assert out == "runspan<1,>=0.1\n"
