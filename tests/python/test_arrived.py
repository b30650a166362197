# SPDX-License-Identifier: MIT
"""Try the checker of requests on requests made by hand: good ones, and bad ones with one defect each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.python.arrived import Checker, Json, arrived_schema

ROOT = Path(__file__).resolve().parents[2]
EVERY_KIND: Json = json.loads((ROOT / "tests" / "data" / "every-kind.json").read_text(encoding="utf-8"))


def key_values(**values: Json) -> list[Json]:
    return [{"key": key, "value": value} for key, value in values.items()]


def text(value: str) -> Json:
    return {"stringValue": value}


def int_(value: object) -> Json:
    return {"intValue": str(value)}


def double(value: object) -> Json:
    return {"doubleValue": value}


def list_(*values: str) -> Json:
    return {"arrayValue": {"values": [text(value) for value in values]}}


def request() -> Json:
    resource = {
        "edition": text("free of charge, for all and for ever"),
        "service.name": text("every-kind"),
        "telemetry.distro.name": text("runspan"),
    }
    exception = {"exception.type": text("ValueError"), "exception.message": text("")}
    span = {
        "traceId": "00000000000000000000000000000001",
        "spanId": "a2289ccfcf26e108",
        "name": "run",
        "kind": 1,
        "startTimeUnixNano": "1795494119324824092",
        "endTimeUnixNano": "1795494119324824093",
        "attributes": key_values(count=int_(3)),
        "events": [
            {"name": "exception", "timeUnixNano": "1795494119324824092", "attributes": key_values(**exception)},
        ],
        "status": {"code": 2},
        "flags": 257,
    }
    scope_spans = {"scope": {"name": "a scope"}, "spans": [span]}
    return {"resourceSpans": [{"resource": {"attributes": key_values(**resource)}, "scopeSpans": [scope_spans]}]}


def defects(body: Json, schema: Json = EVERY_KIND) -> list[str]:
    return Checker(schema).defects(body)


def test_it_is_a_json_schema() -> None:
    stripepy = json.loads((ROOT / "schemas" / "stripepy.json").read_text(encoding="utf-8"))
    of_a_schema = json.loads((ROOT / "schemas" / "runspan.schema.json").read_text(encoding="utf-8"))
    for schema in (EVERY_KIND, stripepy):
        Draft202012Validator(of_a_schema).validate(schema)
        Draft202012Validator.check_schema(arrived_schema(schema))


def test_a_good_request() -> None:
    assert defects(request()) == []
    small = request()
    small["resourceSpans"] *= 2
    for member in ("attributes", "events", "status", "flags"):
        del small["resourceSpans"][0]["scopeSpans"][0]["spans"][0][member]
    assert defects(small) == []


# A span's name, one of its attributes, and whether this attribute may arrive.
ATTRIBUTES: list[tuple[str, str, Json, bool]] = [
    ("run", "count", int_(1), True),
    ("other run", "count", int_(9), True),
    ("bare", "count", int_(9), False),
    ("run", "version", int_(1), False),
    ("run", "user", text("alice"), False),
    ("run", "edition", text("free of charge, for all and for ever"), False),
    ("run", "count", int_(0), False),
    ("run", "count", int_(10), False),
    ("run", "count", int_("1.0"), False),
    ("run", "count", int_("01"), False),
    ("run", "count", int_("1\n"), False),
    ("run", "count", {"intValue": 1}, False),
    ("run", "count", double(1), False),
    ("run", "count", {"boolValue": True}, False),
    ("run", "count", {}, True),
    ("run", "count", {"intValue": "1", "stringValue": "1"}, False),
    ("run", "count", {"bytesValue": ""}, False),
    ("run", "count", {"kvlistValue": {}}, False),
    ("run", "count", text("9"), True),
    ("run", "count", text("10"), False),
    ("run", "count", text("9 "), False),
    ("run", "count", text("٣"), False),
    ("run", "count", text("9.0"), False),
    ("run", "count", text("0" * 23 + "9"), True),
    ("run", "count", text("0" * 24 + "9"), False),
    ("run", "whole", int_(-(2**63)), True),
    ("run", "whole", int_(2**63), False),
    ("run", "whole", text(str(2**63 - 1)), True),
    ("run", "whole", text(str(2**63)), False),
    ("run", "share", double(0.5), True),
    ("run", "share", int_(1), True),
    ("run", "share", int_(2), False),
    ("run", "share", double(1.0000001), False),
    ("run", "share", double("NaN"), False),
    ("run", "share", double("0.5"), False),
    ("run", "share", text("0.5"), False),
    ("run", "real", double("NaN"), True),
    ("run", "real", double("-Infinity"), True),
    ("run", "real", double(1.7976931348623157e308), True),
    ("run", "real", double(True), False),
    ("run", "real", text("-1.5e-07"), True),
    ("run", "real", text("nan"), True),
    ("run", "real", text("1e999"), False),
    ("run", "real", text("0x1p-2"), False),
    ("run", "real", text("1_0"), False),
    ("run", "real", text("ınf"), False),
    ("run", "at_least", double(-0.5), True),
    ("run", "at_least", double("Infinity"), True),
    ("run", "at_least", double("-Infinity"), False),
    ("run", "at_least", double("NaN"), False),
    ("run", "at_least", text("nan"), False),
    ("run", "at_least", text("-0.6"), False),
    ("run", "flag", {"boolValue": False}, True),
    ("run", "flag", {"boolValue": 1}, False),
    ("run", "flag", text("False"), True),
    ("run", "flag", text("false"), False),
    ("run", "~/ $1 größe", {"boolValue": True}, True),
    ("run", "~/ $1 größe", text("True"), False),
    ("run", "aborted", {"boolValue": True}, True),
    ("run", "aborted", {"boolValue": False}, False),
    ("run", "aborted", {}, False),
    ("other run", "aborted", {"boolValue": True}, False),
    ("run", "choice", text("longer than the limit of texts"), True),
    ("run", "choice", text("other"), False),
    ("run", "choice", list_("é"), False),
    ("run", "fallback", text("other"), True),
    ("run", "fallback", text("b"), False),
    ("run", "either", text("abc"), True),
    ("run", "either", text("ééé"), True),
    ("run", "either", text("abcé"), False),
    ("run", "either", text("0abc"), False),
    ("run", "either", text("abc\n"), False),
    ("run", "text", text(""), True),
    ("run", "text", text("é" * 12), True),
    ("run", "text", text("é" * 12 + "."), False),
    ("run", "text", text("." * 25), False),
    ("run", "text", text("\0\n\ufffd"), True),
    ("run", "list", list_("a", "other", "a"), True),
    ("run", "list", {"arrayValue": {}}, True),
    ("run", "list", list_("c"), False),
    ("run", "list", list_("a", "a", "a", "a"), False),
    ("run", "list", {"arrayValue": {"values": [text("a"), {}]}}, False),
    ("run", "list", {"arrayValue": {"values": [int_(1)]}}, False),
    ("run", "list", text("a"), False),
    ("run", "words", list_("é" * 12), True),
    ("run", "words", list_("é" * 13), False),
    ("run", "words", list_("a", ""), False),
    ("other run", "version", text("unknown"), True),
    ("other run", "version", text("1"), False),
    ("run", "all", text("a"), True),
    ("run", "all", double(0.5), True),
    ("run", "all", {"boolValue": False}, True),
    ("run", "all", text("c"), False),
    ("run", "all", list_("1"), False),
]


@pytest.mark.parametrize("name, key, value, allowed", ATTRIBUTES, ids=str)
def test_attributes(name: str, key: str, value: Json, allowed: bool) -> None:
    body = request()
    span = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span |= {"name": name, "attributes": [{"key": key, "value": value}]}
    found = defects(body)
    assert (found == []) == allowed
    assert all("spans[0].attributes" in defect for defect in found)


def resource(body: Json) -> Any:
    return body["resourceSpans"][0]["resource"]


def span(body: Json) -> Any:
    return body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]


def scope(body: Json) -> Any:
    return body["resourceSpans"][0]["scopeSpans"][0]["scope"]


def add_resource(**values: Json) -> Callable[[Json], Any]:
    return lambda body: resource(body)["attributes"].extend(key_values(**values))


def merge(part: Callable[[Json], Any], **members: object) -> Callable[[Json], Any]:
    return lambda body: part(body).update(members)


GOOD: dict[str, Callable[[Json], Any]] = {
    "an int of the resource": add_resource(bits=int_(64)),
    "an int of the resource as text": add_resource(bits=text("64")),
    "two events": lambda body: span(body)["events"].append(span(body)["events"][0]),
    "two spans": lambda body: body["resourceSpans"][0]["scopeSpans"][0]["spans"].append(span(body)),
    "ids in capitals": merge(span, spanId="A2289CCFCF26E108"),
    "status unset": merge(span, status={}),
}

BAD: dict[str, Callable[[Json], Any]] = {
    "nothing": lambda body: body.clear(),
    "no resource spans": merge(lambda body: body, resourceSpans=[]),
    "an unknown member": merge(lambda body: body, more=1),
    "a schema's URL": merge(lambda body: body["resourceSpans"][0], schemaUrl=""),
    "no resource": lambda body: body["resourceSpans"][0].pop("resource"),
    "a count of the resource's": merge(resource, droppedAttributesCount=1),
    "another attribute of the resource": add_resource(**{"host.name": text("node17")}),
    "an attribute of spans in the resource": add_resource(count=int_(3)),
    "an attribute of the resource twice": add_resource(edition=text("free of charge, for all and for ever")),
    "another constant": lambda body: resource(body)["attributes"][0].update(value=text("pro")),
    "another service": lambda body: resource(body)["attributes"][1].update(value=text("every-kin")),
    "another distro": lambda body: resource(body)["attributes"][2].update(value=text("else")),
    "a source is missing": lambda body: resource(body)["attributes"].pop(1),
    "a constant is missing": lambda body: resource(body)["attributes"].pop(0),
    "an int of the resource out of its range": add_resource(bits=int_(7)),
    "a null in the resource": add_resource(bits={}),
    "an attribute without a value": lambda body: resource(body)["attributes"][0].pop("value"),
    "an attribute without a key": lambda body: resource(body)["attributes"][0].pop("key"),
    "a member beside key and value": lambda body: resource(body)["attributes"][0].update(unit="s"),
    "another scope": merge(scope, name="a scope "),
    "no scope": lambda body: body["resourceSpans"][0]["scopeSpans"][0].pop("scope"),
    "a scope's version": merge(scope, version="1"),
    "a scope's attributes": merge(scope, attributes=[]),
    "no spans": lambda body: body["resourceSpans"][0]["scopeSpans"][0].update(spans=[]),
    "a schema's URL of the scope": lambda body: body["resourceSpans"][0]["scopeSpans"][0].update(schemaUrl="https://x"),
    "another name": merge(span, name="rm"),
    "no name": lambda body: span(body).pop("name"),
    "no kind": lambda body: span(body).pop("kind"),
    "another kind": merge(span, kind=3),
    "a parent": merge(span, parentSpanId="a2289ccfcf26e108"),
    "links": merge(span, links=[]),
    "a trace state": merge(span, traceState="a=b"),
    "a short span id": merge(span, spanId="a2289ccfcf26e1"),
    "a span id of zeros": merge(span, spanId="0" * 16),
    "a trace id of zeros": merge(span, traceId="0" * 32),
    "a trace id that is not hex": merge(span, traceId="g" * 32),
    "a trace id and a newline": merge(span, traceId="1" * 32 + "\n"),
    "no start": lambda body: span(body).pop("startTimeUnixNano"),
    "an end that is no text": merge(span, endTimeUnixNano=1795494119324824093),
    "an end at 0": merge(span, endTimeUnixNano="0"),
    "not sampled": merge(span, flags=256),
    "a remote parent": merge(span, flags=769),
    "a status without a number": merge(span, status={"code": "STATUS_CODE_OK"}),
    "another status": merge(span, status={"code": 3}),
    "a status with a message": merge(span, status={"code": 2, "message": "/home/alice"}),
    "dropped attributes": merge(span, droppedAttributesCount=1),
    "an attribute twice": lambda body: span(body)["attributes"].append({"key": "count", "value": int_(4)}),
    "another event": lambda body: span(body)["events"][0].update(name="log"),
    "an event's attribute is missing": lambda body: span(body)["events"][0]["attributes"].pop(),
    "an event's attribute twice": lambda body: span(body)["events"][0]["attributes"].extend(
        key_values(**{"exception.message": text("")})
    ),
    "no event attributes": lambda body: span(body)["events"][0].pop("attributes"),
    "another event attribute": lambda body: span(body)["events"][0]["attributes"].extend(key_values(count=int_(1))),
    "an exception's message": lambda body: span(body)["events"][0]["attributes"][1].update(value=text("No such file")),
    "another exception": lambda body: span(body)["events"][0]["attributes"][0].update(value=text("MyError")),
    "an event's count": lambda body: span(body)["events"][0].update(droppedAttributesCount=0),
    "an event without a time": lambda body: span(body)["events"][0].pop("timeUnixNano"),
}


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_requests(name: str) -> None:
    body = request()
    (GOOD | BAD)[name](body)
    assert (defects(body) == []) == (name in GOOD)


def test_a_schema_without_exceptions_or_aborted() -> None:
    schema = EVERY_KIND | {"events": {}}
    assert defects(request(), schema) != []
    body = request()
    del span(body)["events"]
    assert defects(body, schema) == []


def test_pins_do_not_matter() -> None:
    assert arrived_schema(EVERY_KIND | {"pins": ["sha256/" + "A" * 43 + "="]}) == arrived_schema(EVERY_KIND)
