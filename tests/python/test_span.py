# SPDX-License-Identifier: MIT
"""Make the same calls on runspan's span and on opentelemetry-python's, and compare the reports."""

from __future__ import annotations

import gc
import math
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status as OTelStatus
from opentelemetry.trace import StatusCode

from runspan import Client, Status
from tests.ambient import WAY
from tests.stripepy.otlp_receiver import Receiver

Spans = Callable[[], list[dict[str, Any]]]
Calls = Callable[[Any], None]


def theirs(name: str, calls: Calls) -> dict[str, Any]:
    """Return the request that opentelemetry-python would send."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer("stripepy").start_span(name)
    calls(span)
    span.end()
    message = MessageToDict(encode_spans(exporter.get_finished_spans()), use_integers_for_enums=True)
    sent: dict[str, Any] = message["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    return sent


def comparable(span: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": span["name"],
        "kind": span["kind"],
        "status": span.get("status", {}),
        "attributes": {a["key"]: a["value"] for a in span.get("attributes", [])},
        "events": [(e["name"], {a["key"]: a["value"] for a in e["attributes"]}) for e in span.get("events", [])],
    }


VALUES: dict[str, tuple[str, dict[str, object]]] = {
    "int": ("call", {"params.k": 3, "params.max_width": -5}),
    "int of 64 bits": ("call", {"params.genomic_belt": 10**12}),
    "huge int": ("call", {"params.k": 2**63, "params.nproc": 1}),
    "double": ("call", {"params.glob_pers_min": 0.04}),
    "int for a double": ("call", {"params.glob_pers_min": 0}),
    "bool": ("call", {"params.low_memory": True, "params.constrain_heights": False}),
    "string": ("call", {"params.contact_map_format": "mcool"}),
    "none": ("call", {"params.k": None, "params.low_memory": None}),
    "nan": ("view", {"params.relative_change_threshold": math.nan}),
    "inf": ("view", {"params.relative_change_threshold": -math.inf}),
    "largest": ("view", {"params.coefficient_of_variation_threshold": math.nextafter(math.inf, 0)}),
    "numpy int": ("call", {"params.k": np.int64(3), "params.nproc": np.uint8(200)}),
    "numpy double": ("call", {"params.glob_pers_min": np.float64(0.25)}),
    "numpy float": ("call", {"params.glob_pers_min": np.float32(0.25)}),
    "numpy nan": ("view", {"params.relative_change_threshold": np.float64("nan")}),
    "numpy bool": ("call", {"params.low_memory": np.bool_(True)}),
    "numpy str": ("call", {"params.contact_map_format": np.str_("hic")}),
    "strings": ("view", {"params.columns": ["chrom1", "start1"]}),
    "numpy strings": ("view", {"params.columns": list(np.array(["chrom1", "max"]))}),
    "no strings": ("view", {"params.columns": []}),
    "text for an int": ("plot cm", {"params.result_file_format_version": "not-applicable"}),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_arrive_as_from_opentelemetry(name: str, schema: str, collector: Receiver, spans: Spans) -> None:
    span_name, attributes = VALUES[name]

    def calls(span: Any) -> None:
        assert span.is_recording()
        span.set_attributes(attributes)

    with Client("stripepy", schema) as client:
        assert client.state == 0, client.reason
        span = client.start_span(span_name)
        calls(span)
        span.end()
        assert client.close(timeout=30)
    (ours,) = spans()
    assert comparable(ours) == comparable(theirs(span_name, calls))


def redacted(span: Any) -> None:
    """Do as StripePy's set_exception does."""
    span.record_exception(RuntimeError("secret"), attributes={"exception.message": "", "exception.stacktrace": ""})


def statuses(*codes: StatusCode) -> Calls:
    def calls(span: Any) -> None:
        for code in codes:
            span.set_status(code)

    return calls


def all_of(*all_calls: Calls) -> Calls:
    def calls(span: Any) -> None:
        for call in all_calls:
            call(span)

    return calls


CALLS: dict[str, Calls] = {
    "name": lambda span: span.update_name("plot hist"),
    "ok": lambda span: span.set_status(OTelStatus(StatusCode.OK)),
    "code": statuses(StatusCode.ERROR),
    "unset after error": statuses(StatusCode.ERROR, StatusCode.UNSET),
    "error after ok": statuses(StatusCode.OK, StatusCode.ERROR),
    "ok after error": statuses(StatusCode.ERROR, StatusCode.OK),
    "exception": redacted,
    "two exceptions": all_of(redacted, redacted),
    "exception and status": all_of(statuses(StatusCode.ERROR), redacted),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_do_what_they_do_in_opentelemetry(name: str, schema: str, collector: Receiver, spans: Spans) -> None:
    with Client("stripepy", schema) as client:
        span = client.start_span("plot")
        CALLS[name](span)
        span.end()
        assert client.close(timeout=30)
    (ours,) = spans()
    assert comparable(ours) == comparable(theirs("plot", CALLS[name]))


def test_leaving_by_an_exception(schema: str, collector: Receiver, spans: Spans) -> None:
    client = Client("stripepy", schema)
    for switches in [(True, True), (False, False)]:
        with pytest.raises(ValueError), client.start_span("call", *switches):
            raise ValueError("/home/alice/secret.cool")
    with pytest.raises(SystemExit), client.start_span("view"):
        raise SystemExit(3)
    assert client.close(timeout=30)
    seen = [(s["name"], s.get("status", {}).get("code", 0), len(s.get("events", []))) for s in spans()]
    assert seen == [("call", 2, 1), ("call", 0, 0), ("view", 2, 1)]
    assert "alice" not in str(spans())


def test_what_the_schema_does_not_name(schema: str, collector: Receiver, spans: Spans) -> None:
    lines: list[str] = []
    client = Client("stripepy", schema, log=lambda _level, line: lines.append(line))
    assert not client.start_span("rm").is_recording()
    client.set_resource("host.name", "node17")
    span = client.start_span("call")
    client.set_resource("service.version", "1")
    refused: dict[str, object] = {
        "params.user": "alice",
        "params.highlight_seeds": True,
        "params.k": 0,
        "params.nproc": "many",
        "params.glob_pers_min": math.nan,
        "params.max_width": b"1",
        "params.contact_map_resolution": {"a": 1},
        "params.genomic_belt": [1, 2],
        "": 1,
        "params.low_memory\0": True,
        "params.loc_pers_min": "0.5\0",
    }
    span.set_attributes(refused)
    span.set_attribute(None, 1)  # type: ignore[arg-type]
    span.set_attributes(None)  # type: ignore[arg-type]
    span.set_attribute("params.contact_map_format", "/home/alice/x.cool\udcff")
    span.update_name("rm")
    span.end()
    span.end()
    span.set_attribute("params.k", 1)
    assert client.close(timeout=30)
    assert len(lines) == 3 + len(refused) + 3
    assert comparable(spans()[0])["attributes"] == {"params.contact_map_format": {"stringValue": "unknown"}}
    assert len(spans()) == 1 and "alice" not in str(collector.requests())


def test_eight_threads(schema: str, collector: Receiver, spans: Spans) -> None:
    client = Client("stripepy", schema)

    def work() -> None:
        for i in range(50):
            with client.start_span("call") as span:
                span.set_attribute("params.k", i + 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.close(timeout=30)
    assert len({s["spanId"] for s in spans()}) == 8 * 50


def test_after_close(schema: str, collector: Receiver, spans: Spans) -> None:
    client = Client("stripepy", schema)
    span = client.start_span("call")
    assert client.close()
    span.set_attribute("params.k", 1)
    span.end()
    assert not client.start_span("call").is_recording()
    assert client.flush() is False and client.close() is False and client.reason == "closed"
    (sent,) = spans()  # as it was when the client was closed: not ended
    assert sent["status"]["code"] == 2 and sent["attributes"] == [{"key": "aborted", "value": {"boolValue": True}}]


def test_the_exit_flushes(schema: str, collector: Receiver, spans: Spans) -> None:
    """Also if an exception has kept the program from its close. A forked child that exits changes nothing."""
    program = """
import os, sys, time
from runspan import Client
client = Client("stripepy", sys.stdin.read())
with client.start_span("call"):
    child = os.fork()
    if child == 0:
        sys.exit(7)
    assert os.waitpid(child, 0)[1] == 7 << 8
    raise ValueError
client.close()
"""
    run = subprocess.run([sys.executable, "-c", program], input=schema, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.endswith("\nValueError\n")
    (sent,) = spans()
    assert sent["status"]["code"] == 2 and [e["name"] for e in sent["events"]] == ["exception"]
    assert "aborted" not in str(sent)


def test_a_closed_client_is_not_kept(schema: str) -> None:
    client = Client("stripepy", schema, preview=True)
    gone = weakref.ref(client)
    client.close()
    del client
    gc.collect()
    assert gone() is None


def test_preview_sends_nothing(schema: str, collector: Receiver) -> None:
    lines: list[tuple[int, str]] = []
    client = Client("stripepy", schema, log=lambda *line: lines.append(line), preview=True)
    with client.start_span("call") as span:
        span.set_attribute("params.k", 3)
    assert [level for level, _ in lines] == [2] and '"params.k"' in lines[0][1]
    client.close()
    assert collector.requests() == []


def test_a_log_that_raises(schema: str) -> None:
    def log(_level: int, _line: str) -> None:
        raise RuntimeError("the host's own")

    client = Client("stripepy", schema, log=log, preview=True)
    client.start_span("call").end()
    client.start_span("rm").end()
    assert client.close()


@pytest.mark.parametrize("variable", ["STRIPEPY_NO_TELEMETRY", "NO_TELEMETRY"])
def test_opted_out_there_is_no_core(variable: str, schema: str) -> None:
    program = f"""
import glob, os, sys
os.environ["{variable}"] = ""  # what the host itself set counts
def words_of(path):
    try:
        return open(path).read().split("\\0")
    except OSError:  # the process has ended
        return []
from runspan import Client
client = Client("stripepy", sys.stdin.read())
client.start_span("call").end()
maps = open("/proc/self/maps").read()
processes = [words for path in glob.glob("/proc/[0-9]*/cmdline") if len(words := words_of(path)) > 2]
beside = [words for words in processes if words[0].endswith("/runspan-core") and words[2] == str(os.getpid())]
print(client.state, "librunspan.so" in maps, "librunspan-core" in maps, beside)
client.close()
"""
    run = subprocess.run([sys.executable, "-c", program], input=schema, capture_output=True, text=True, check=True)
    assert run.stdout == f"{'1' if variable.startswith('S') else '2'} True False []\n"


def test_status_by_its_own_names(schema: str, collector: Receiver, spans: Spans) -> None:
    client = Client("stripepy", schema)
    for status in (Status.UNSET, Status.OK, Status.ERROR, 7, None, "OK"):
        span = client.start_span("call")
        span.set_status(status)
        span.end()
    assert client.close(timeout=30)
    assert [s.get("status", {}).get("code", 0) for s in spans()] == [0, 1, 2, 0, 0, 0]


def test_ctrl_c_is_heard_inside_close(schema: str, collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector hangs, the close would wait for it, and the user presses Ctrl-C."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("RUNSPAN_ENDPOINT", f"https://127.0.0.1:{silent.getsockname()[1]}/v1/traces")
        client = Client("stripepy", schema)
        client.start_span("call").end()
        timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
        before = signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # a shell has jobs in the background ignore it
        begun = time.monotonic()
        try:
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                client.close(timeout=30)
            assert time.monotonic() - begun < 5
        finally:
            signal.signal(signal.SIGINT, before)
    assert client.reason == "closed"
    monkeypatch.setenv("RUNSPAN_ENDPOINT", collector.endpoint)
    deadline = time.monotonic() + (10 if WAY else 0)  # a process beside goes on with the attempt for a while
    while True:
        assert Client("stripepy", schema).close(timeout=30)
        if collector.requests() or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert len(collector.requests()) == 1, "it was written all the same"
