# SPDX-License-Identifier: MIT
"""Draw programs that use runspan at random, for a schema, and compute the reports that should arrive of each.

What should arrive is worked out from include/runspan.h, the schema format and opentelemetry-python's rules for values,
and not from the core.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, TypeAlias, TypeVar

from hypothesis import strategies as st
from opentelemetry.trace import Status as OTelStatus
from opentelemetry.trace import StatusCode

from tests.python.arrived import Json, accepts, types

T = TypeVar("T")

# -- the calls of a host


@dataclass
class Run:
    """A span: its name, the calls on it, and whether the program ends it."""

    name: str
    calls: list[tuple[str, Any]]
    """A method of runspan.Span, and its argument."""
    ended: bool


@dataclass
class Program:
    resource: list[tuple[str, Any]]
    runs: list[Run]


any_text = st.one_of(
    st.text(st.characters(), max_size=20),  # lone surrogates and NULs are characters too
    st.builds(
        lambda unit, n: unit * n,
        st.sampled_from(["x", "é", "\U0001f9ec", "\udcff", "0"]),
        st.sampled_from([8, 12, 24, 25, 32, 33, 42, 43, 127, 128, 129, 5000, 70000]),
    ),
)

# opentelemetry-python reports a value by its text, and an object without a text of its own as null.
odd_values: list[Any] = [
    b"a",
    {"a": 1},
    {"a"},
    2**63,
    -(2**63) - 1,
    10**400,
    [1, 2],
    ["a", None],
    ["a", b"a"],
    [["a"]],
    range(2),
    [PurePosixPath("a"), "b"],
    PurePosixPath("a"),
    Decimal("0.5"),
    1j,
    object(),
    len,
]

any_value = st.one_of(
    any_text,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-10, 10),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(any_text, max_size=4),
    st.sampled_from(odd_values),
)


def mostly(usual: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    return st.sampled_from([usual, usual, usual, usual, odd]).flatmap(lambda chosen: chosen)


@functools.cache
def near(field_text: str) -> st.SearchStrategy[Any]:
    """Draw values that a field, given as JSON, may have, and some that it nearly may."""
    field = json.loads(field_text)
    low, high = field.get("minimum"), field.get("maximum")
    text: st.SearchStrategy[str] = st.sampled_from(field.get("values", [""]))
    if "pattern" in field:
        text = st.from_regex(field["pattern"], fullmatch=True)
    least, most = -(2**63) if low is None else math.ceil(low), 2**63 - 1 if high is None else math.floor(high)
    whole = st.integers(least, most) if least <= most else st.nothing()
    real = st.floats(low, high)
    good: dict[str, st.SearchStrategy[Any]] = {
        "string": text,
        "int": whole,
        "double": real,
        "bool": st.booleans(),
        "strings": st.lists(text, max_size=3),
    }
    of_type = [good[kind] for kind in types(field)]

    odd_text = st.one_of(
        text, st.sampled_from(["True", "nan", "-inf", "1_0", "0x1", "٣", "1e999", *field.get("values", [])])
    )
    odd_text |= st.builds(operator.add, odd_text, st.sampled_from(["\n", "\0", " ", "\ud800", "é"]))
    edge = st.sampled_from([*{low, high, 0} - {None}])
    edges = st.builds(lambda bound, more: int(bound) + more, edge, st.integers(-2, 2))
    edges |= st.builds(math.nextafter, edge, st.sampled_from([-math.inf, math.inf]))
    odd = st.one_of(odd_text, st.lists(odd_text, max_size=5), edges, st.builds(str, edges | whole | real))
    return mostly(st.one_of([*of_type, *of_type, st.none()]), odd)


class Odd:
    """An object that is neither a status nor an exception."""


def raised(module: str, name: str) -> BaseException:
    class Raised(Exception):
        pass

    Raised.__module__, Raised.__qualname__ = module, name
    return Raised("/home/alice/secret.cool")


def programs(schema: Json, others: Sequence[str] = ()) -> st.SearchStrategy[Program]:
    """Draw programs of a host in Python. others: more keys that they may use."""
    keys = [*schema["resource"], *schema["attributes"], *others, "exception.type"]
    odd_key = st.one_of(any_text, st.sampled_from(keys))
    odd_key |= st.builds(operator.add, odd_key, st.sampled_from([" ", "\0", "x", "\udcff"]))

    def attribute(fields: Json) -> st.SearchStrategy[tuple[str, Any]]:
        known = [st.tuples(st.just(key), near(json.dumps(field))) for key, field in fields.items()]
        anything = st.tuples(odd_key, any_value)
        if not known:
            return anything
        return mostly(st.one_of(known), st.one_of(anything, st.tuples(st.sampled_from(list(fields)), any_value)))

    name = st.sampled_from(list(schema["spans"]))
    odd_name = st.one_of(any_text, st.builds(operator.add, name, st.just(" ")))
    errors = st.one_of(
        st.sampled_from([ValueError("/home/alice"), RuntimeError(), SystemExit(1), KeyboardInterrupt()]),
        st.builds(raised, any_text, any_text),
        st.builds(raised, st.just("json.decoder"), st.just("JSONDecodeError")),
        st.sampled_from([None, 1, "ValueError", ValueError]),
    )
    statuses = st.sampled_from([0, 1, 2, 3, -1, 2**70, None, "OK", Odd(), StatusCode.ERROR, OTelStatus(StatusCode.OK)])

    def run(name: str) -> st.SearchStrategy[Run]:
        of_name = attribute({k: f for k, f in schema["attributes"].items() if name in f["spans"]})
        set_attributes = st.tuples(st.just("set_attributes"), st.lists(of_name, min_size=3, max_size=9).map(dict))
        call = st.one_of(
            set_attributes,
            st.tuples(st.just("set_attribute"), of_name),
            st.tuples(st.just("set_attribute"), attribute(schema["attributes"])),
            st.tuples(st.just("update_name"), mostly(st.sampled_from(list(schema["spans"])), odd_name)),
            st.tuples(st.just("record_exception"), errors),
            st.tuples(st.just("set_status"), statuses),
        )
        calls = st.builds(lambda some, more: [some, *more], set_attributes, st.lists(call, max_size=6))
        return st.builds(Run, st.just(name), calls, st.sampled_from([True, True, True, False]))

    runs = st.one_of([run(name) for name in schema["spans"]])
    odd_runs = st.builds(Run, odd_name, st.just([]), st.booleans())
    resource = st.lists(attribute(schema["resource"]), max_size=6)
    return st.builds(Program, resource, st.lists(mostly(runs, odd_runs), min_size=1, max_size=4))


@dataclass
class CRun:
    """A span of a host in C: its name, its calls without the handle, and the status at its end."""

    name: bytes
    calls: list[tuple[str, Any]]
    status: int


CProgram: TypeAlias = list[CRun]

# A NUL ends a text in C, so it can't be part of one.
raw_text = st.one_of(st.binary(max_size=20), any_text.map(lambda text: text.encode("utf-8", "surrogatepass"))).map(
    lambda raw: raw.replace(b"\0", b"")
)


def c_programs(schema: Json) -> st.SearchStrategy[CProgram]:
    def texts(*known: str) -> st.SearchStrategy[bytes]:
        word = st.sampled_from([text.encode() for text in known])
        return mostly(word, st.one_of(raw_text, st.builds(operator.add, word, raw_text)))

    def value(kind: str, field: Json) -> st.SearchStrategy[Any]:
        text = texts("True", "1", "0.5", *field.get("values", ["a"]))
        of_kind: dict[str, st.SearchStrategy[Any]] = {
            "s": text,
            "i": st.one_of(st.integers(-2, 10), st.integers(-(2**63), 2**63 - 1)),
            "d": st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 0.5, -1.0])),
            "b": st.sampled_from([0, 1]),
            "n": st.none(),
            "l": st.lists(text, max_size=4),
        }
        return of_kind[kind]

    def attribute(kinds: str) -> st.SearchStrategy[tuple[str, bytes, Any]]:
        letters = {"string": "s", "int": "i", "double": "d", "bool": "b", "strings": "l"}
        every: list[st.SearchStrategy[tuple[str, bytes, Any]]] = []
        usual: list[st.SearchStrategy[tuple[str, bytes, Any]]] = []
        for key, field in schema["attributes"].items():
            for kind in kinds:
                pair = st.tuples(st.just(kind), st.just(key.encode()), value(kind, field))
                every.append(pair)
                if kind in [letters[name] for name in types(field)]:
                    usual.append(pair)
        every += [st.tuples(st.just(kind), texts(*schema["resource"]), value(kind, {})) for kind in kinds]
        return mostly(st.one_of(usual), st.one_of(every))

    set_attrs = st.tuples(st.just("set_attrs"), st.lists(attribute("sidbn"), min_size=3, max_size=9))
    call = st.one_of(
        set_attrs,
        st.tuples(st.just("set_attr"), attribute("sidbnl")),
        st.tuples(st.just("set_attr"), attribute("l")),
        st.tuples(st.just("set_name"), texts(*schema["spans"])),
        st.tuples(st.just("set_error"), texts("ValueError", "MyError")),
    )
    calls = st.builds(lambda some, more: [some, *more], set_attrs, st.lists(call, max_size=6))
    statuses = st.sampled_from([0, 1, 2, 1, 2, 3, -1, 2**31 - 1])
    return st.lists(st.builds(CRun, texts(*schema["spans"]), calls, statuses), min_size=1, max_size=4)


# -- the reports that should arrive


@dataclass
class Arrived:
    """The parts of a span that the host decides."""

    name: str
    attributes: Json
    resource: Json
    status: int = 0
    errors: list[Json] = dataclasses.field(default_factory=list)

    def key(self) -> str:
        return json.dumps(vars(self), sort_keys=True)


def as_text(text: str | bytes) -> str | None:
    """Return a text as C has it, with its invalid bytes as surrogates; None where it has a NUL."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return None if b"\0" in raw else raw.decode("utf-8", "surrogateescape")


def as_any(value: Any) -> Json | None:
    """Return the AnyValue that opentelemetry-python makes of a value; None where it makes none."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return real(value)
    if isinstance(value, str):
        text = as_text(value)
        return None if text is None else {"stringValue": text}
    if isinstance(value, (bytes, Mapping)):
        return None
    if isinstance(value, Sequence):
        items = [as_any(v) for v in value]
        if any(item is None or "stringValue" not in item for item in items):
            return None
        return {"arrayValue": {"values": items} if items else {}}
    return {} if type(value) is object else as_any(str(value))


def real(value: float) -> Json:
    """Return a double as OTLP/JSON has it. 0 and -0 are one, as they are to JSON's readers."""
    word = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return {"doubleValue": value + 0.0 if math.isfinite(value) else word}


def let_through(field: Json, limits: Json, value: Json | None) -> Json | None:
    """Return the value that may leave: the given one, its replacement, or None."""
    if value is None or "source" in field or "constant" in field:
        return None
    return fitting(field, limits, value)


def fitting(field: Json, limits: Json, value: Json) -> Json | None:
    def text_of(text: Json) -> Json | None:
        given = text["stringValue"]
        if given in field.get("values", []):
            return text
        if "otherwise" in field:
            return {"stringValue": field["otherwise"]}
        if len(given.encode("utf-8", "surrogateescape")) > limits["text_bytes"]:
            return None
        return {"stringValue": re.sub("[\udc80-\udcff]+", "\ufffd", given)}

    if "stringValue" in value and "string" in types(field):
        value = text_of(value) or {"tooLong": value}
    elif value.get("arrayValue"):
        value = {"arrayValue": {"values": [text_of(text) for text in value["arrayValue"]["values"]]}}
    return value if accepts(field, limits, value) else None


def expected(schema: Json, program: Program) -> list[Arrived]:
    resource: Json = {}
    for key, given in program.resource:
        value = as_any(given)
        if key in schema["resource"] and value and "arrayValue" not in value:  # a resource has neither nulls nor lists
            sent = let_through(schema["resource"][key], schema["limits"], value)
            resource |= {} if sent is None else {key: sent}
    spans = [Expected(schema, run, resource).span() for run in program.runs if run.name in schema["spans"]]
    return sorted((span for span in spans if span is not None), key=Arrived.key)


def expected_of_c(schema: Json, program: CProgram) -> list[Arrived]:
    return expected(schema, Program([], [in_python(run) for run in program]))


def in_python(run: CRun) -> Run:
    """The same as a program in Python."""

    def value_of(kind: str, value: Any) -> Any:
        if kind == "l":
            return [as_text(text) for text in value]
        return as_text(value) if kind == "s" else bool(value) if kind == "b" else value

    calls: list[tuple[str, Any]] = []
    for function, argument in run.calls:
        if function == "set_attr":
            argument = [argument]
        if function in ("set_attr", "set_attrs"):
            calls += [("set_attribute", (as_text(key), value_of(kind, value))) for kind, key, value in argument]
        elif function == "set_name":
            calls.append(("update_name", as_text(argument)))
        else:
            calls.append(("set_error", as_text(argument)))
    return Run(str(as_text(run.name)), [*calls, ("set_status", run.status)], ended=run.status in (0, 1, 2))


class Expected:
    """The attributes, events and status that a span should have at its end."""

    def __init__(self, schema: Json, run: Run, resource: Json) -> None:
        self._schema = schema
        self._run = run
        self._span = Arrived(run.name, {}, resource)

    def span(self) -> Arrived | None:
        """Return the span that should arrive; None where nothing should."""
        for method, argument in self._run.calls:
            getattr(self, method)(argument)
        if self._run.ended:
            return self._span
        # A run that was killed is reported if the schema has an attribute with the source aborted.
        attributes = self._schema["attributes"].items()
        aborted = [k for k, f in attributes if f.get("source") == "aborted" and self._span.name in f["spans"]]
        self._span.status = 2
        self._span.attributes |= {key: {"boolValue": True} for key in aborted}
        return self._span if aborted else None

    def set_attribute(self, pair: tuple[str, Any]) -> None:
        key, given = pair
        field = self._schema["attributes"].get(key)
        if field is not None and self._span.name in field["spans"]:
            sent = let_through(field, self._schema["limits"], as_any(given))
            self._span.attributes |= {} if sent is None else {key: sent}

    def set_attributes(self, attributes: dict[str, Any]) -> None:
        for pair in attributes.items():
            self.set_attribute(pair)

    def update_name(self, name: str) -> None:
        of_attributes = [self._schema["attributes"][key]["spans"] for key in self._span.attributes]
        if name in self._schema["spans"] and all(name in spans for spans in of_attributes):
            self._span.name = name

    def record_exception(self, exception: object) -> None:
        kind = type(exception)
        self.set_error(kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}")

    def set_error(self, name: str) -> None:
        if "exception" not in self._schema["events"] or len(self._span.errors) == 16:
            return
        event: Json = {}
        for key, field in self._schema["events"]["exception"].items():
            given = as_any(field.get("constant", name))
            sent = None if given is None else fitting(field, self._schema["limits"], given)
            if sent is None:
                return
            event[key] = sent
        self._span.errors.append(event)

    def set_status(self, status: object) -> None:
        code = getattr(status, "status_code", status)
        code = getattr(code, "value", code)
        if code in (1, 2) and self._span.status != 1:
            self._span.status = code


def arrivals(schema: Json, body: Json) -> list[Arrived]:
    """Return the spans of a request, in the same form."""

    def values(part: Json) -> Json:
        return {a["key"]: normal(a["value"]) for a in part.get("attributes", [])}

    by_runspan = {key for key, field in schema["resource"].items() if {"source", "constant"} & set(field)}
    return [
        Arrived(
            name=span["name"],
            attributes=values(span),
            resource={k: v for k, v in values(resource_spans["resource"]).items() if k not in by_runspan},
            status=span.get("status", {}).get("code", 0),
            errors=[values(event) for event in span.get("events", [])],
        )
        for resource_spans in body["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    ]


def normal(value: Json) -> Json:
    number = value.get("doubleValue")
    return value if number is None or isinstance(number, str) else real(float(number))
