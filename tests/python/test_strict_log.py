# SPDX-License-Identifier: MIT
"""RUNSPAN_STRICT in a real host: the core says what the schema refuses, by the host's log or on standard error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ambient import neutral

ROOT = Path(__file__).resolve().parents[2]
SECRET = "/home/alice/secret.txt"

# By the ABI itself: the Python package has rules of its own about values.
HOST = """
import ctypes, sys
from runspan import _abi

lib = ctypes.CDLL(_abi.library_path())
class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("service", ctypes.c_char_p), ("schema", ctypes.c_char_p),
        ("log", ctypes.c_void_p), ("data", ctypes.c_void_p), ("core", ctypes.c_char_p), ("flags", ctypes.c_uint32)]
Log = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
log = Log(lambda _, level, line: print(level, line.decode(), flush=True))
schema = open(sys.argv[1], "rb").read()
options = Options(ctypes.sizeof(Options), b"stripepy", schema)
if sys.argv[2] == "log":
    options.log = ctypes.cast(log, ctypes.c_void_p)
client, span = ctypes.c_uint64(), ctypes.c_uint64()
code = lib.runspan_open(ctypes.byref(options), ctypes.byref(client))
if code != 0:
    sys.exit(f"open: {code}")
secret = b"/home/alice/secret.txt"
listed = b"params.k\\0i3\\0params.nproc\\0s" + secret + b"\\0"
codes = [
    lib.runspan_set_resource_string(client, b"os.version", secret),
    lib.runspan_begin(client, b"calll", ctypes.byref(span)),
    lib.runspan_begin(client, b"call", ctypes.byref(span)),
    lib.runspan_set_attr_string(span, b"k", secret),
    lib.runspan_set_attr_double(span, b"params.k", ctypes.c_double(7.5)),
    lib.runspan_set_attrs(span, listed, len(listed)),
    lib.runspan_set_name(span, b"veiw"),
    lib.runspan_end(span, 9),
    lib.runspan_end(span, 1),
    lib.runspan_close(client, 0),
]
print("codes", *codes, flush=True)
"""
STRICT = {"RUNSPAN_STRICT": "1"}
CODES = "codes -7 -5 0 -5 -6 -7 -5 -1 0 21\n"
REFUSED = f"""\
resource attribute os.version: "{SECRET}": does not match [0-9A-Za-z.+~_-]+
span name calll: the schema has no span of that name; perhaps "call"
attribute k: "{SECRET}": the schema has no field of that name; perhaps "params.k"
attribute params.k: 7.5 is a double; the schema has int
attribute params.nproc: "{SECRET}": not from 1 to 1000000
span name veiw: the schema has no span of that name; perhaps "view"
status 9: there are 0 (unset), 1 (ok) and 2 (error)
"""


def run(
    folder: Path, log: str, variables: dict[str, str], schema: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = neutral() | {"XDG_STATE_HOME": str(folder), "RUNSPAN_ENDPOINT": "http://127.0.0.1:9"} | variables
    command = [sys.executable, "-c", HOST, str(schema or ROOT / "schemas" / "stripepy.json"), log]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_on_standard_error(tmp_path: Path) -> None:
    done = run(tmp_path, "no log", STRICT)
    expected = "".join(f"runspan: refused: {line}\n" for line in REFUSED.splitlines())
    assert (done.returncode, done.stdout, done.stderr) == (0, CODES, expected)


def test_to_the_hosts_log(tmp_path: Path) -> None:
    done = run(tmp_path, "log", STRICT)
    lines = [line for line in done.stdout.splitlines(keepends=True) if line.startswith("3 ")]
    assert "".join(lines) == "".join(f"3 refused: {line}\n" for line in REFUSED.splitlines())
    assert (done.returncode, done.stderr) == (0, "") and CODES in done.stdout


@pytest.mark.parametrize(
    "variables", [{}, {"RUNSPAN_STRICT": ""}, {"RUNSPAN_STRICT": "0"}, {"RUNSPAN_STRICT": "false"}]
)
def test_no_value_is_told_without_it(variables: dict[str, str], tmp_path: Path) -> None:
    done = run(tmp_path, "log", variables)
    assert (done.returncode, done.stderr) == (0, "") and CODES in done.stdout
    assert "refused: " not in done.stdout and SECRET not in done.stdout  # a connection may be refused, too
    done = run(tmp_path, "no log", variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, CODES, "")


def test_the_schemas_faults(tmp_path: Path) -> None:
    schema = tmp_path / "stripepy.json"
    schema.write_text(
        '{\n"service": "stripepy",\n"destination": "https://telemetry.example/",\n"span": {"call": "d"}\n}'
    )
    done = run(tmp_path, "no log", STRICT, schema)
    assert done.returncode == 1 and done.stderr.splitlines() == [
        "runspan: schema: line 1: spans is missing",
        'runspan: schema: line 4: unknown member "span"; perhaps "spans"',
        "open: -3",
    ]
    assert run(tmp_path, "no log", {}, schema).stderr == "open: -3\n"


def test_with_a_preview(tmp_path: Path) -> None:
    """Standard error has the refusals as they come, and then the span."""
    done = run(tmp_path, "log", STRICT | {"RUNSPAN_PREVIEW": "1"})
    head, _, table = done.stderr.partition("runspan: stripepy would report this, and reports nothing:\n")
    assert head == "".join(f"runspan: refused: {line}\n" for line in REFUSED.splitlines())
    assert "params.k" in table and SECRET not in table
    assert done.stdout == CODES.replace(" 21", " 0")


def test_a_user_who_opted_out_is_told_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "no log", STRICT | {"NO_TELEMETRY": "1"})
    assert done.stderr == "open: 2\n" and os.listdir(tmp_path) == []
