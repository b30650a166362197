# SPDX-License-Identifier: MIT
"""RUNSPAN_STRICT: what runspan refuses raises an exception, for the tool's own tests. Without it nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runspan import Client, Level, SchemaError, Span, Status

REFUSED: dict[str, tuple[Callable[[Client, Span], object], str]] = {
    "a key": (
        lambda _, span: span.set_attribute("params.kk", 1),
        'attribute params.kk: 1: the schema has no field of that name; perhaps "params.k"',
    ),
    "a type": (
        lambda _, span: span.set_attribute("params.low_memory", 7),
        "attribute params.low_memory: 7 is an int; the schema has bool",
    ),
    "a value": (
        lambda _, span: span.set_attribute("params.nproc", 0),
        "attribute params.nproc: 0: not from 1 to 1000000",
    ),
    "one of several": (
        lambda _, span: span.set_attributes({"params.k": 1, "params.nproc": 0, "params.low_memory": True}),
        "attribute params.nproc: 0: not from 1 to 1000000",
    ),
    "a value that no span can have": (
        lambda _, span: span.set_attribute("params.k", 2**63),
        "'params.k': 9223372036854775808: an int of more than 64 bits",
    ),
    "a list with a number": (
        lambda _, span: span.set_attribute("params.columns", ["chrom1", 3]),
        "'params.columns': ['chrom1', 3]: the ",
    ),
    "a key that is no text": (lambda _, span: span.set_attribute(3, 1), "3: 1: "),  # type: ignore[arg-type]
    "a key of the resource": (
        lambda client, _: client.set_resource("host.name", "x"),
        'resource attribute host.name: "x": the schema has no field of that name',
    ),
    "a resource that is late": (
        lambda client, _: client.set_resource("service.version", "1"),
        'resource attribute service.version: "1": ',
    ),
    "a span": (lambda client, _: client.start_span("cal"), "span name cal: the schema has no span of that name"),
    "a name": (
        lambda _, span: span.update_name("veiw"),
        'span name veiw: the schema has no span of that name; perhaps "',
    ),
}


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSPAN_STRICT", "1")


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(schema: str, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    call, words = REFUSED[what]
    for value in ("1", "yes", "", "0", "False", None):
        if value is None:
            monkeypatch.delenv("RUNSPAN_STRICT")
        else:
            monkeypatch.setenv("RUNSPAN_STRICT", value)
        client = Client("stripepy", schema, preview=True)
        span = client.start_span("call")
        if value in ("1", "yes"):
            with pytest.raises(SchemaError) as raised:
                call(client, span)
            assert words in str(raised.value)
        else:
            call(client, span)
        span.end()
        assert client.close()


def test_what_is_allowed(schema: str, strict: None) -> None:
    with Client("stripepy", schema, preview=True) as client:
        client.set_resource("service.version", "1.0")
        with pytest.raises(ValueError, match="the tool's own"), client.start_span("call") as span:
            span.set_attributes({"params.k": 3, "params.contact_map_format": "zarr"})
            span.set_status(Status.OK)
            span.record_exception(RuntimeError())
            raise ValueError("the tool's own")


def test_the_runs_own_exception_is_not_hidden(schema: str, strict: None) -> None:
    """Not even where the schema has no exceptions, or the span has too many."""
    with Client("stripepy", schema, preview=True) as client:
        with pytest.raises(KeyError), client.start_span("call") as span:
            for _ in range(16):
                span.record_exception(ValueError())
            with pytest.raises(SchemaError, match="ValueError"):
                span.record_exception(ValueError())
            raise KeyError


@pytest.mark.parametrize(
    "text, rule", [("{", "'stripepy': schema: line 1: "), ('{"service": 3}', "'stripepy': schema: line 1: ")]
)
def test_a_schema_that_is_not_valid(text: str, rule: str, strict: None) -> None:
    with pytest.raises(SchemaError) as raised:
        Client("stripepy", text)
    assert raised.value.key == "stripepy" and str(raised.value).startswith(rule)


def test_a_schema_that_is_not_there(tmp_path: Path, strict: None) -> None:
    with pytest.raises(SchemaError, match="none.json"):
        Client("stripepy", tmp_path / "none.json")


def test_all_faults_of_a_schema(strict: None) -> None:
    with pytest.raises(SchemaError, match='; schema: line 2: unknown member "spam".*; schema: line 3: ') as raised:
        Client("mytool", '{"service": "mytool",\n"spam": {},\n"spans": 3}')
    assert raised.value.value is None


def test_the_host_has_its_log_and_no_output(schema: str, strict: None, capfd: pytest.CaptureFixture[str]) -> None:
    log: list[tuple[int, str]] = []
    for own in (None, lambda level, line: log.append((level, line))):
        span = Client("stripepy", schema, preview=True, log=own).start_span("call")
        with pytest.raises(SchemaError):
            span.set_attribute("params.alice", 1)
        assert capfd.readouterr() == ("", "")
    assert [level for level, _ in log] == [Level.ERROR, Level.DEBUG]


def test_telemetry_that_is_off(schema: str, strict: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's mistake: nothing raises."""
    without = Client("stripepy", schema, library="/nowhere/librunspan.so")
    monkeypatch.setenv("NO_TELEMETRY", "1")
    for client in (without, Client("stripepy", schema)):
        with client.start_span("alice") as span:
            span.set_attribute("params.alice", 1)
        assert not client and not client.close()
