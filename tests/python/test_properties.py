# SPDX-License-Identifier: MIT
"""Whatever a host does, exactly the fields that the schema allows arrive.

The same programs every time. For others, and more of them: pytest --hypothesis-profile=long tests/python.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runspan
from runspan import Client, _abi
from tests.python.arrived import Checker, Json
from tests.python.edits import edited
from tests.python.programs import (
    Arrived,
    CProgram,
    Program,
    arrivals,
    c_programs,
    expected,
    expected_of_c,
    programs,
)
from tests.stripepy.otlp_receiver import Receiver, receiver

ROOT = Path(__file__).resolve().parents[2]
STRIPEPY: Json = json.loads((ROOT / "schemas" / "stripepy.json").read_text(encoding="utf-8"))
EVERY_KIND: Json = json.loads((ROOT / "tests" / "data" / "every-kind.json").read_text(encoding="utf-8"))

T = TypeVar("T")


class Arrivals:
    """The requests that a receiver got."""

    def __init__(self, source: Receiver) -> None:
        self._file = source.requests_file
        self._read = 0
        self.attributes = 0
        """Return how many attributes of spans have arrived."""

    def take(self, schema: Json) -> list[Arrived]:
        """Return the requests that are new."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as f:
            f.seek(self._read)
            lines = f.readlines()
            self._read = f.tell()
        checker = Checker(schema)
        found = []
        for request in map(json.loads, lines):
            assert "body" in request, request
            assert checker.defects(request["body"]) == []
            found += arrivals(schema, request["body"])
        self.attributes += sum(len(span.attributes) for span in found)
        return sorted(found, key=Arrived.key)


@pytest.fixture(scope="module")
def arriving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arrivals]:
    folder = tmp_path_factory.mktemp("properties")
    with receiver(folder) as r, pytest.MonkeyPatch.context() as environment:
        environment.setenv("RUNSPAN_ENDPOINT", r.endpoint)
        environment.setenv("SSL_CERT_FILE", str(r.ca))
        environment.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield Arrivals(r)


def for_all(strategy: st.SearchStrategy[T], check: Callable[[T], None], share: float = 1) -> int:
    """Check as many examples as the profile says, or a share of them. Return their number."""
    assert settings.default is not None
    count = int(settings.default.max_examples * share)
    settings(max_examples=count)(given(strategy)(check))()
    return count


def opened(schema: Json) -> Client:
    lines: list[str] = []
    client = Client(schema["service"], json.dumps(schema), log=lambda _level, line: lines.append(line))
    assert client.state == 0, (client.reason, lines)
    return client


def run(schema: Json, program: Program) -> None:
    client = opened(schema)
    for key, value in program.resource:
        client.set_resource(key, value)
    for planned in program.runs:
        span = client.start_span(planned.name)
        for method, argument in planned.calls:
            arguments = argument if isinstance(argument, tuple) else (argument,)
            getattr(span, method)(*arguments)
        if planned.ended:
            span.end()
            span.set_attribute("count", 1)
            span.end()
    assert client.close(timeout=30)


@pytest.mark.parametrize("schema", [EVERY_KIND, STRIPEPY], ids=["every kind of field", "StripePy"])
def test_a_python_host(arriving: Arrivals, schema: Json) -> None:
    def check(program: Program) -> None:
        run(schema, program)
        assert arriving.take(schema) == expected(schema, program)

    arriving.attributes = 0
    count = for_all(programs(schema), check)
    assert arriving.attributes > count


def test_an_edited_schema(arriving: Arrivals) -> None:
    def check(drawn: tuple[Json, Program]) -> None:
        schema, program = drawn
        run(schema, program)
        assert arriving.take(schema) == expected(schema, program)

    def with_programs(schema: Json) -> st.SearchStrategy[tuple[Json, Program]]:
        return st.tuples(st.just(schema), programs(schema, others=list(EVERY_KIND["attributes"])))

    arriving.attributes = 0
    count = for_all(edited(EVERY_KIND).flatmap(with_programs), check)
    assert arriving.attributes > count


@pytest.fixture(scope="module")
def library() -> _abi.Library:
    return _abi.Library(_abi.library_path(), runspan.__version__)


def run_c(lib: _abi.Library, client: Client, program: CProgram) -> None:
    of_kind: dict[str, Callable[..., int]] = {
        "s": lib.set_attr_string,
        "i": lib.set_attr_int,
        "d": lib.set_attr_double,
        "b": lib.set_attr_bool,
        "n": lambda handle, key, _: lib.set_attr_null(handle, key),
        "l": lambda handle, key, texts: lib.set_attr_strings(handle, key, lib.texts(texts), len(texts)),
    }
    for planned in program:
        span = lib.new_handle()
        lib.begin(client._handle, planned.name, lib.by_reference(span))
        for function, argument in planned.calls:
            if function == "set_attr":
                kind, key, value = argument
                of_kind[kind](span, key, value)
            elif function == "set_attrs":
                packed = b"".join(packed_attribute(*attribute) for attribute in argument)
                lib.set_attrs(span, packed, len(packed))
            else:
                getattr(lib, function)(span, argument)
        lib.end(span, planned.status)


def packed_attribute(kind: str, key: bytes, value: Any) -> bytes:
    text = {"s": value, "d": repr(value).encode(), "n": b""}.get(kind, str(value).encode())
    return b"%s\0%s%s\0" % (key, kind.encode(), text)


def test_a_host_of_the_c_functions(arriving: Arrivals, library: _abi.Library) -> None:
    def check(program: CProgram) -> None:
        client = opened(EVERY_KIND)
        run_c(library, client, program)
        assert client.close(timeout=30)
        assert arriving.take(EVERY_KIND) == expected_of_c(EVERY_KIND, program)

    arriving.attributes = 0
    count = for_all(c_programs(EVERY_KIND), check)
    assert arriving.attributes > count


def test_set_attrs_with_any_bytes(arriving: Arrivals, library: _abi.Library) -> None:
    keys = [key.encode() for key in EVERY_KIND["attributes"]]
    pieces = [
        b"\0",
        b"\0",
        b"s",
        b"i",
        b"d",
        b"b",
        b"n",
        b"1",
        b"-0.5",
        b"nan",
        b"a",
        b"\xff",
        b"\xc3",
        b"9" * 400,
        *keys,
    ]
    lists = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(pieces), max_size=40).map(b"".join))
    big = st.sampled_from([b"count\0i1\0" * 2**17, b"\0" * 2**20, b"x" * (2**20 + 1)])

    def check(drawn: list[bytes]) -> None:
        client = opened(EVERY_KIND)
        for data in drawn:
            span = library.new_handle()
            library.begin(client._handle, b"run", library.by_reference(span))
            library.set_attr_int(span, b"share", 1)
            library.set_attrs(span, data, len(data))
            library.end(span, 1)
        assert client.close(timeout=30)
        found = arriving.take(EVERY_KIND)
        assert len(found) == len(drawn) and all("share" in span.attributes for span in found)

    for_all(st.lists(st.one_of([lists] * 20 + [big]), max_size=20), check, share=0.3)


class Hostile:
    """Raises in every method."""

    def __repr__(self) -> str:
        raise RuntimeError("hostile")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("hostile")

    __hash__ = None  # type: ignore[assignment]


HOSTILE = Hostile()
NO_CALL_RAISES: dict[str, Callable[[Client, Any], object]] = {
    "attribute": lambda client, span: span.set_attribute("count", HOSTILE),
    "attributes": lambda client, span: span.set_attributes({"count": HOSTILE}),
    "no attributes": lambda client, span: span.set_attributes(HOSTILE),
    "resource": lambda client, span: client.set_resource("bits", HOSTILE),
    "timeout": lambda client, span: client.flush(HOSTILE),  # type: ignore[arg-type]
    "exception": lambda client, span: span.record_exception(HOSTILE),
    "key": lambda client, span: span.set_attribute(HOSTILE, 1),
    "key of the resource": lambda client, span: client.set_resource(HOSTILE, 1),  # type: ignore[arg-type]
    "name": lambda client, span: client.start_span(HOSTILE),  # type: ignore[arg-type]
    "another name": lambda client, span: span.update_name(HOSTILE),
    "status": lambda client, span: span.set_status(HOSTILE),
}


@pytest.mark.parametrize("name", NO_CALL_RAISES)
def test_no_call_raises(arriving: Arrivals, name: str) -> None:
    client = opened(EVERY_KIND)
    span = client.start_span("run")
    try:
        NO_CALL_RAISES[name](client, span)
    finally:
        span.end()
        assert client.close(timeout=30)
        (found,) = arriving.take(EVERY_KIND)
    assert found.attributes == {}


def test_a_status_that_equals_one(arriving: Arrivals) -> None:
    client = opened(EVERY_KIND)
    span = client.start_span("run")
    span.set_status(2.0)
    span.end()
    assert client.close(timeout=30)
    (found,) = arriving.take(EVERY_KIND)
    assert found.attributes == {}


@pytest.mark.parametrize("bound", [2**53, 2**60, 10**18])
def test_bounds_of_large_ints(arriving: Arrivals, bound: int) -> None:
    field = {"type": "int", "minimum": -bound, "maximum": bound, "as_text": True, "spans": ["run"]}
    schema = EVERY_KIND | {"attributes": {"n": field | {"example": 1, "description": "A number."}}}
    client = opened(schema)
    for value in (bound, -bound, bound + 1, -bound - 1, str(bound), str(bound + 1)):
        span = client.start_span("run")
        span.set_attribute("n", value)
        span.end()
    assert client.close(timeout=30)
    assert sum(len(span.attributes) for span in arriving.take(schema)) == 3


def test_numbers_as_text_beside_other_texts(arriving: Arrivals) -> None:
    field = {"type": ["int", "string"], "values": ["unknown"], "as_text": True, "maximum": 9, "spans": ["run"]}
    schema = EVERY_KIND | {"attributes": {"n": field | {"example": 1, "description": "A number, or a word."}}}
    client = opened(schema)
    for value in ("unknown", "9", "10", "else"):
        span = client.start_span("run")
        span.set_attribute("n", value)
        span.end()
    assert client.close(timeout=30)
    assert sum(len(span.attributes) for span in arriving.take(schema)) == 2
