# SPDX-License-Identifier: MIT
"""The schema is the one place of a field: an edit of it changes the core, the preview, the page and the checker.
A schema that is not valid is refused, with the line and the reason."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from runspan import Client
from scripts import docs
from tests.python.arrived import Checker, Json
from tests.stripepy.otlp_receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]

GIVEN: dict[str, object] = {"params.colour": "red", "params.k": 3, "params.contact_map_format": "zarr"}
BEFORE: Json = {"params.k": {"intValue": "3"}, "params.contact_map_format": {"stringValue": "unknown"}}
AFTER: Json = {"params.colour": {"stringValue": "red"}, "params.contact_map_format": {"stringValue": "zarr"}}


def edited(schema: Json) -> Json:
    """Return a copy with one more attribute, one attribute less, and one more value."""
    result = copy.deepcopy(schema)
    result["attributes"]["params.colour"] = {
        "type": "string",
        "spans": ["call"],
        "values": ["red", "green"],
        "example": "green",
        "description": "The colour.",
    }
    del result["attributes"]["params.k"]
    result["attributes"]["params.contact_map_format"]["values"].append("zarr")
    return result


def host(client: Client) -> None:
    with client.start_span("call") as span:
        span.set_attributes(GIVEN)
    assert client.close(timeout=30)


def attributes(body: Json) -> Json:
    (span,) = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return {a["key"]: a["value"] for a in span["attributes"]}


def test_the_core_and_the_checker(schema: str, collector: Receiver) -> None:
    old = json.loads(schema)
    new = edited(old)
    host(Client("stripepy", schema))
    host(Client("stripepy", json.dumps(new)))
    before, after = [request["body"] for request in collector.requests()]
    assert attributes(before) == BEFORE and attributes(after) == AFTER
    for checker, own, other in ((Checker(old), before, after), (Checker(new), after, before)):
        assert checker.defects(own) == [] and checker.defects(other) != []


def test_a_host_that_is_older_or_newer_than_its_schema(schema: str, collector: Receiver) -> None:
    """A field that only one of them has is left out, and logged. The other fields arrive."""
    for known in (json.loads(schema), edited(json.loads(schema))):
        told: list[str] = []
        client = Client("stripepy", json.dumps(known), log=lambda _, line, told=told: told.append(line))  # type: ignore[misc]
        assert client.enabled
        host(client)
        (unknown,) = {"params.colour", "params.k"} - set(known["attributes"])
        assert [line for line in told if unknown in line] and not [line for line in told if "params.contact" in line]
    before, after = [request["body"] for request in collector.requests()]
    assert attributes(before) == BEFORE and attributes(after) == AFTER


def test_the_preview(schema: str) -> None:
    lines: list[str] = []

    def log(level: int, line: str) -> None:
        lines.extend([line] if level == 2 else [])  # at other levels: what was refused

    new = edited(json.loads(schema))
    host(Client("stripepy", schema, preview=True, log=log))
    host(Client("stripepy", json.dumps(new), preview=True, log=log))
    before, after = map(json.loads, lines)
    assert attributes(before) == BEFORE and attributes(after) == AFTER
    assert Checker(new).defects(after) == []


def test_the_page(schema: str) -> None:
    old = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")
    new = docs.render(old, edited(json.loads(schema)))
    gone = set(old.splitlines()) - set(new.splitlines())
    come = set(new.splitlines()) - set(old.splitlines())
    assert {row.split("`")[1] for row in gone} == {"params.k", "params.contact_map_format"}
    assert {row.split("`")[1] for row in come} == {"params.colour", "params.contact_map_format"}
    assert "| `params.colour` | green | The colour. | `red`, `green` |" in come
    assert docs.render(new, json.loads(schema)) == old


# A text of StripePy's schema, its replacement, a text of the line that must be named, and the reason.
BAD: dict[str, tuple[str, str, str, str]] = {
    "broken JSON": ('"scope": "stripepy",', '"scope": "stripepy"', '"limits": {', "invalid character"),
    "another version": ('_version": 1', '_version": 2', '_version": 2', "schema_version is not 1"),
    "bad name of the service": ('"service": "stripepy"', '"service": "Stripe Py"', '"Stripe Py"', "service is no name"),
    "not https": ("https://", "http://", "http://", "destination is not an https URL"),
    "unknown member": ('"events"', '"evnets"', '"evnets"', 'unknown member "evnets"; perhaps "events"'),
    "misspelt bound": ('"minimum": 1,', '"minimun": 1,', '"minimun"', 'unknown member "minimun"; perhaps "minimum"'),
    "a bound that is a text": ('"maximum": 1,', '"maximum": "1",', '"maximum": "1"', "is a text; it must be a number"),
    "a limit that is a text": (": 128", ': "128"', ': "128"', "is a text; it must be a whole number"),
    "a limit of nothing": ('items": 64', 'items": 0', 'items": 0', "list_items is not between 1 and 1024"),
    "a value that is no text": ('"not-applicable"', "3", '"values": [3', "is a whole number; it must be a text"),
    "unknown type": ('"int", "string"', '"int", "text"', "file_format", 'no type is named "text"'),
    "no type": ('"int", "string"', "", "file_format_version", "has no type"),
    "bad pattern": ("[0-9A-Za-z.+~_-]+", "[0-9A-Za-z.+~_-", '"os.version"', "the pattern is not RE2"),
    "a pattern that is not RE2": ("[0-9A-Za-z.+~_-]+", "(?=a)", '"os.version"', "the pattern is not RE2"),
    "text without values": ('"values": ["not-applicable", "unknown"],', "", "file_format_version", "needs values"),
    "empty range": ('"maximum": 1000000,', '"maximum": 0,', '"params.nproc"', "minimum is above maximum"),
    "no spans": ('"spans": ["plot cm"],', "", '"params.highlight_seeds"', "spans is empty"),
    "empty spans": ('"spans": ["plot cm"]', '"spans": []', '"params.highlight_seeds"', "spans is empty"),
    "unknown span": ('"spans": ["plot cm"]', '"spans": ["rm"]', '"params.highlight_seeds"', 'no span is named "rm"'),
    "unknown source": ('"distro.version"', '"host.name"', '"telemetry.distro.version"', 'no source "host.name"'),
    "a source twice": (
        '"bool",\n      "spans": ["plot cm"]',
        '"bool",\n      "source": "aborted",\n      "spans": ["plot cm"]',
        '"params.highlight_seeds"',
        "another attribute has this source",
    ),
    "a source of another type": ('"bool",\n      "source"', '"int",\n      "source"', '"aborted": {', "that is a bool"),
    "another event": ('"exception": {', '"log": {', '"log": {', "the only event is exception"),
    "no description": ('"The kind of operating system."', '""', '"os.type"', "has no description"),
    "more after the end": ("    }\n  }\n}\n", "    }\n  }\n}x\n", "}x", "invalid character"),
    "a type of an event's": (
        '"constant": "False"',
        '"constant": false',
        '"constant": false',
        "is true or false; it must",
    ),
    "a source longer than the limit": (": 128", ": 3", '"telemetry.distro.version"', "longer"),
    "a member in capitals": ('"pattern"', '"Pattern"', '"Pattern"', 'unknown member "Pattern"; perhaps "pattern"'),
    "a key twice": (
        '"dependency.hictkpy.version": {',
        '"dependency.h5py.version":{',
        '"dependency.h5py.version":{',
        "",
    ),
    "no values": ('["not-applicable", "unknown"]', "[]", "file_format_version", ""),
    "a list of types that is none": ('["int", "string"]', '["int", "int"]', "file_format_version", ""),
}


def refused(service: str, schema: str | bytes) -> list[str]:
    """Return the warnings that the host's log gets: one for each fault."""
    lines: list[tuple[int, str]] = []
    client = Client(service, schema, log=lambda level, line: lines.append((level, line)))
    assert client.state == -3 and client.reason == "the schema is not valid, or belongs to another service"
    assert not client.start_span("call").is_recording()
    assert {level for level, _ in lines} == {1}
    return [line for _, line in lines]


def line_of(text: str, marker: str) -> int:
    return text[: text.index(marker)].count("\n") + 1


@pytest.mark.parametrize("name", BAD)
def test_bad_schemas(name: str, schema: str) -> None:
    old, new, marker, reason = BAD[name]
    text = schema.replace(old, new, 1)
    assert text != schema and marker in text
    (found,) = refused("stripepy", text)
    assert found.startswith(f"schema: line {line_of(text, marker)}: ") and reason in found


def test_several_faults_have_a_warning_each(schema: str) -> None:
    text = schema
    for name in ("not https", "misspelt bound", "unknown span", "no description"):
        old, new, _, _ = BAD[name]
        text = text.replace(old, new, 1)
    found = refused("stripepy", text)
    lines = [int(line.split(": ")[1].removeprefix("line ")) for line in found]
    assert len(found) == 4 and lines == sorted(set(lines))


NOTHING = ["line 1: destination is missing", "line 1: service is missing", "line 1: spans is missing"]


@pytest.mark.parametrize(
    "schema_text, reasons",
    [
        ("", ["line 1: unexpected end of JSON input"]),
        ("[]", ["line 1: the schema is a list; it must be an object"]),
        ("{}", NOTHING),
    ],
)
def test_no_schemas(schema_text: str, reasons: list[str]) -> None:
    assert refused("stripepy", schema_text) == ["schema: " + reason for reason in reasons]


def test_another_services_schema(schema: str) -> None:
    assert refused("mytool", schema) == ["schema: the schema is another service's"]


def test_three_members_are_a_schema(collector: Receiver) -> None:
    """The report has the service's name, and the scope is named like it."""
    text = '{"service": "tool", "destination": "https://telemetry.example/v1/traces", "spans": {"call": "It was run."}}'
    host(Client("tool", text))
    (request,) = collector.requests()
    (part,) = request["body"]["resourceSpans"]
    assert part["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "tool"}}]
    assert part["scopeSpans"][0]["scope"] == {"name": "tool"}
    assert part["scopeSpans"][0]["spans"][0]["name"] == "call"
