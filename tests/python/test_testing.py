# SPDX-License-Identifier: MIT
"""runspan.testing: an author's test gets the reports of the runs inside a capture, and nothing is sent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import runspan
from runspan import Client, Level, SchemaError, Status, _abi, testing
from runspan.testing import Event, Report, Reports, capture
from tests.ambient import await_cores
from tests.stripepy.otlp_receiver import Receiver

EVENT = {
    "exception.type": "ValueError",
    "exception.message": "",
    "exception.stacktrace": "",
    "exception.escaped": "False",
}
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from runspan import Client, Status
with Client("stripepy", Path(sys.argv[1])) as client, client.start_span("call") as span:
    span.set_attribute("params.nproc", 4)
    exec(sys.argv[2])
    span.set_status(Status.OK)
"""


@pytest.fixture
def schema_file(schema: str, tmp_path: Path) -> Path:
    path = tmp_path / "stripepy.json"
    path.write_text(schema, encoding="utf-8")
    return path


def start(schema_file: Path, ends: str = "pass") -> int:
    command = [sys.executable, "-c", PROGRAM, str(schema_file), ends]
    code = subprocess.run(command, stderr=subprocess.DEVNULL).returncode
    await_cores()
    return code


def test_a_run_of_this_process(schema_file: Path) -> None:
    with capture() as reports, pytest.raises(ValueError, match="the tool's own"):
        with Client("stripepy", schema_file) as client:
            client.set_resource("service.version", "1.2.3")
            with client.start_span("call") as span:
                span.set_attributes({"params.k": 3, "params.glob_pers_min": 0.04, "params.low_memory": False})
                span.set_attribute("params.contact_map_format", "mcool")
                span.set_attribute("params.max_width", None)
                assert len(reports) == 0
            assert len(reports) == 1, "when its span has ended"
            with client.start_span("view") as span:
                span.set_attribute("params.columns", ["chrom1", "start1"])
                raise ValueError("the tool's own")
    call, view = reports
    assert dict(call.attributes) == {
        "params.k": 3,
        "params.glob_pers_min": 0.04,
        "params.low_memory": False,
        "params.contact_map_format": "mcool",
        "params.max_width": None,
    }
    assert (call.service, call.name, call.status, call.events) == ("stripepy", "call", Status.UNSET, ())
    assert call.resource["service.version"] == "1.2.3" and call.resource["service.name"] == "stripepy"
    assert (view.name, view.status, view.events) == ("view", Status.ERROR, (Event("exception", EVENT),))
    assert view.attributes["params.columns"] == ("chrom1", "start1")
    assert 0 < call.start_time <= call.end_time <= view.end_time and reports[-1] == reports[1:][0] == view
    with pytest.raises(TypeError):
        call.attributes["params.k"] = 4  # type: ignore[index]
    with pytest.raises(AttributeError):
        call.name = "view"  # type: ignore[misc]


def test_programs_that_the_test_starts(schema_file: Path) -> None:
    with capture() as reports:
        assert start(schema_file) == 0
        assert [r.status for r in reports] == [Status.OK]
        assert start(schema_file, "raise ValueError") == 1
        assert start(schema_file, "time.sleep(0.2); os.kill(os.getpid(), signal.SIGKILL)") == -9
        assert len(reports) == 3
    assert [(r.service, r.name, r.status) for r in reports] == [
        ("stripepy", "call", status) for status in (Status.OK, Status.ERROR, Status.ERROR)
    ]
    passed, failed, killed = reports
    assert dict(passed.attributes) == {"params.nproc": 4} and failed.events == (Event("exception", EVENT),)
    assert killed.attributes["aborted"] is True and "aborted" not in failed.attributes


def test_nothing_is_sent(schema_file: Path, collector: Receiver, tmp_path: Path) -> None:
    with capture() as reports:
        start(schema_file)
        with Client("stripepy", schema_file) as client:
            client.start_span("call").end()
    assert len(reports) == 2
    with Client("stripepy", schema_file) as client:
        client.start_span("view").end()
        assert client.flush(10)
    (request,) = collector.requests()
    assert [span["name"] for part in request["body"]["resourceSpans"][0]["scopeSpans"] for span in part["spans"]] == [
        "view"
    ]
    assert list((tmp_path / "state" / "runspan").iterdir()) == [tmp_path / "state" / "runspan" / "stripepy"]


@pytest.mark.parametrize("program", [False, True])
@pytest.mark.parametrize(
    "variable", ["STRIPEPY_NO_TELEMETRY", "NO_TELEMETRY", "DO_NOT_TRACK", "OTEL_SDK_DISABLED", "RUNSPAN_PREVIEW", "off"]
)
def test_whatever_the_environment_says(
    schema_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, program: bool
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    if variable == "off":
        (tmp_path / "config" / "runspan").mkdir(parents=True)
        (tmp_path / "config" / "runspan" / "off").touch()
    else:
        monkeypatch.setenv(variable, "true")
    before = dict(os.environ)
    with capture() as reports:
        if program:
            start(schema_file)
        else:
            with Client("stripepy", schema_file) as client:
                client.start_span("call").end()
    assert [report.name for report in reports] == ["call"]
    assert dict(os.environ) == before


def test_threads(schema_file: Path) -> None:
    def run(k: int) -> None:
        with Client("stripepy", schema_file) as client:
            for _ in range(10):
                with client.start_span("call") as span:
                    span.set_attribute("params.k", k)

    with capture() as reports:
        threads = [threading.Thread(target=run, args=(k,)) for k in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(report.attributes["params.k"] for report in reports) == sorted(list(range(1, 9)) * 10)  # type: ignore[type-var]


def test_the_hosts_own_log(schema_file: Path) -> None:
    """It has what it has without a capture: spans where the host asked for a preview, and no spans else."""
    for preview in (False, True):
        lines: list[tuple[int, str]] = []

        def log(level: int, line: str, lines: list[tuple[int, str]] = lines) -> None:
            lines.append((level, line))

        with capture(strict=False) as reports, Client("stripepy", schema_file, log=log, preview=preview) as client:
            with client.start_span("call") as span:
                span.set_attribute("params.alice", 1)
        assert len(reports) == 1 and not reports[0].attributes
        assert [level for level, _ in lines] == [Level.DEBUG] + [Level.SPAN] * preview


def test_strict_unless_the_test_says_otherwise(schema_file: Path) -> None:
    with capture(), Client("stripepy", schema_file) as client, client.start_span("call") as span:
        with pytest.raises(SchemaError):
            span.set_attribute("params.alice", 1)
    assert "RUNSPAN_STRICT" not in os.environ
    with capture(strict=False), Client("stripepy", schema_file) as client, client.start_span("call") as span:
        span.set_attribute("params.alice", 1)


def test_why_there_is_no_report(schema_file: Path, tmp_path: Path) -> None:
    with capture(strict=False) as reports:
        with pytest.raises(IndexError, match="there are 0 reports; no client was opened in this process"):
            reports[0]
        Client("stripepy", tmp_path / "none.json")
        Client("mytool", schema_file)
        with pytest.raises(IndexError, match="stripepy is off: .*none.json'; mytool is off: the schema is not valid"):
            reports[0]
        with Client("stripepy", schema_file) as client:
            client.start_span("call").end()
        with pytest.raises(IndexError, match="there are 1 reports"):
            reports[1]


def test_one_capture_at_a_time() -> None:
    with capture():
        with pytest.raises(RuntimeError, match="another capture has not ended"), capture():
            pass
        assert os.environ["RUNSPAN_STRICT"] == "1", "the first goes on"
    with capture():
        pass


def test_where_there_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_abi, "library_path", lambda: "/nowhere/librunspan.so")
    with pytest.raises(testing.Unavailable, match="/nowhere/librunspan.so is missing"), capture():
        pass


def test_a_test_that_fails_in_a_capture(schema_file: Path) -> None:
    with pytest.raises(ZeroDivisionError), capture():
        _ = 1 / 0
    with Client("stripepy", schema_file, preview=True) as client:
        assert client.enabled


def test_the_fixture(runspan_reports: Reports, schema_file: Path) -> None:
    with Client("stripepy", schema_file) as client, client.start_span("call") as span:
        span.set_attribute("params.k", 3)
    assert runspan_reports[0].attributes["params.k"] == 3 and isinstance(runspan_reports[0], Report)


def test_the_plugin_imports_little() -> None:
    program = "import sys, pytest; before = set(sys.modules); import runspan._pytest; print(*set(sys.modules) - before)"
    added = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout
    assert set(added.split()) <= {"runspan", "runspan._pytest", "runspan._abi", "runspan._client", "runspan._values"}
    assert runspan.__name__ in added
