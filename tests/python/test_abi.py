# SPDX-License-Identifier: MIT
"""Call the library's functions by ctypes, without the client: with wrong handles, and with NULL."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import runspan
from runspan import _abi
from tests.stripepy.otlp_receiver import Receiver

OFF, E_ARGUMENT, E_HANDLE = 20, -1, -2
HEADER = Path(__file__).parents[2] / "include" / "runspan.h"


@pytest.fixture(scope="module")
def library() -> _abi.Library:
    return _abi.Library(_abi.library_path(), runspan.__version__)


def calls(lib: _abi.Library, handle: int, text: bytes | None) -> dict[str, Any]:
    """Call every function that takes a handle with this handle, and with this text for each text."""
    begun = lib.new_handle()
    found = {
        "set_resource_string": lib.set_resource_string(handle, text, text),
        "set_resource_int": lib.set_resource_int(handle, text, 1),
        "set_resource_double": lib.set_resource_double(handle, text, 1.0),
        "set_resource_bool": lib.set_resource_bool(handle, text, 1),
        "begin": lib.begin(handle, text, lib.by_reference(begun)),
        "set_name": lib.set_name(handle, text),
        "set_attr_string": lib.set_attr_string(handle, text, text),
        "set_attr_int": lib.set_attr_int(handle, text, 1),
        "set_attr_double": lib.set_attr_double(handle, text, 1.0),
        "set_attr_bool": lib.set_attr_bool(handle, text, 1),
        "set_attr_strings": lib.set_attr_strings(handle, text, None, 1),
        "set_attr_null": lib.set_attr_null(handle, text),
        "set_attrs": lib.set_attrs(handle, text, 0),
        "set_error": lib.set_error(handle, text),
    }
    assert begun.value == 0
    return found


def ends(lib: _abi.Library, handle: int) -> dict[str, Any]:
    return {"end": lib.end(handle, 1), "flush": lib.flush(handle, 1000), "close": lib.close(handle, 1000)}


def test_handles_from_nowhere(library: _abi.Library, schema: str) -> None:
    found = calls(library, 0, b"call") | ends(library, 0)
    assert found == dict.fromkeys(found, OFF)
    client = runspan.Client("stripepy", schema, preview=True)
    span = client.start_span("call")
    for handle in (1, 2**64 - 1, client._handle + 2**20, span._handle + 2**20):
        found = calls(library, handle, b"call") | ends(library, handle) | {"state": library.state(handle)}
        found.pop("set_attr_strings")  # its values are NULL
        assert found == dict.fromkeys(found, E_HANDLE)
    assert library.state(client._handle) == 0
    client.close()


def test_nulls(library: _abi.Library, schema: str) -> None:
    client = runspan.Client("stripepy", schema, preview=True)
    span = client.start_span("call")
    of_client = {"set_resource_string", "set_resource_int", "set_resource_double", "set_resource_bool", "begin"}
    for handle, of_handle in ((client._handle, True), (span._handle, False)):
        found = {k: v for k, v in calls(library, handle, None).items() if (k in of_client) == of_handle}
        assert len(found) >= 5 and found == dict.fromkeys(found, E_ARGUMENT)
    assert library.open(None, None) == E_ARGUMENT
    assert library.begin(client._handle, b"call", None) == E_ARGUMENT
    client.close()


def test_codes_are_the_headers() -> None:
    codes = {name: int(value) for name, value in re.findall(r"RUNSPAN_(\w+) = (-?\d+)", HEADER.read_text())}
    assert codes["OFF_USER"] == 5, "the header has been read"
    named = {**vars(runspan.Code), **{f"LOG_{name}": value for name, value in vars(runspan.Level).items()}}
    ours = {name: value for name, value in named.items() if isinstance(value, int)}
    others = {"STATUS_UNSET", "STATUS_OK", "STATUS_ERROR"}
    assert ours == {name: code for name, code in codes.items() if name not in others}
    assert set(runspan.Code.OPT_OUTS) == {code for name, code in codes.items() if name.startswith("OFF_")}, (
        "RUNSPAN_IS_OPT_OUT"
    )


def test_consent(library: _abi.Library, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library.consent(b"stripepy") == 0
    assert library.consent(None) == library.consent(b"") == E_ARGUMENT
    with runspan.Client("stripepy", schema, preview=True) as client:
        assert client.consent() == 0
        monkeypatch.setenv("DO_NOT_TRACK", "1")
        assert client.consent() == 3 and client.state == 0
    closed = runspan.Client("stripepy", schema, library="/nowhere/librunspan.so")
    assert closed.consent() == closed.state == OFF


WITHOUT_PYDLL = """
import ctypes, sys
del ctypes.PyDLL
import runspan
from runspan import command
with runspan.Client("stripepy", open(sys.argv[1]).read()) as client, client.start_span("call") as span:
    span.set_attribute("params.k", 3)
    assert client.state == 0, client.reason
    span.end()
    assert client.close(10)
sys.exit(command.run("stripepy", "", ["status"]))
"""


def test_an_interpreter_without_pydll(schema: str, collector: Receiver, tmp_path: Path) -> None:
    """PyPy's ctypes has none."""
    (tmp_path / "stripepy.json").write_text(schema)
    subprocess.run([sys.executable, "-c", WITHOUT_PYDLL, tmp_path / "stripepy.json"], check=True, capture_output=True)
    assert len(collector.requests()) == 1
