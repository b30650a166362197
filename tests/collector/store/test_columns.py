# SPDX-License-Identifier: MIT
"""The columns are the page's fields, and come from the schemas alone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from runspan_collector.store.columns import SchemaError, columns, read
from tests.collector.store.conftest import ROOT, Installation, line


def edit(installation: Installation, section: str, key: str, field: dict[str, Any]) -> None:
    path = installation.schemas / "stripepy.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document.setdefault(section, {})[key] = field
    path.write_text(json.dumps(document), encoding="utf-8")


def attribute(kind: str) -> dict[str, Any]:
    return {"type": kind, "spans": ["call"], "values": ["a", "b"], "example": 1, "description": "New."}


def test_columns_are_the_fields_of_the_page(installation: Installation) -> None:
    page = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")
    fields = set()
    for section in ("derived", "resource", "attributes", "events"):
        (tables,) = re.findall(rf"<!-- {section} -->\n(.*?)<!-- /{section} -->", page, re.DOTALL)
        fields |= set(re.findall(r"^\| `([^`]+)` \|", tables, re.MULTILINE))
    store = installation.open()
    (installation.otlp / "spans.json").write_bytes(line(1))
    installation.follow(store)
    (row,) = store.query("SELECT * FROM spans")
    assert set(row) == fields
    published = (ROOT / "tests" / "data" / "page-fields.txt").read_text(encoding="utf-8").splitlines()
    assert len(published) == 41 and set(published) <= set(row)


@pytest.mark.parametrize(
    "kind, given, expected",
    [
        ("string", "a", "a"),
        ("int", 7, 7),
        ("double", 0.5, 0.5),
        ("bool", True, True),
        ("strings", ["a", "b", "b"], ["a", "b", "b"]),
    ],
)
def test_a_new_field_becomes_a_column(installation: Installation, kind: str, given: Any, expected: Any) -> None:
    old = line(1, {"params.k": 3, "params.columns": []}, days_ago=2)
    (installation.otlp / "spans.json").write_bytes(old)
    installation.follow(installation.open())
    edit(installation, "attributes", "params.new", attribute(kind))
    store = installation.open()
    with (installation.otlp / "spans.json").open("ab") as file:
        file.write(line(2, {"params.new": given}) + line(3, {"params.new": given}, name="download"))
    installation.follow(store)
    rows = store.query("SELECT `params.new`, `params.k` FROM spans ORDER BY timestamp, `trace.span_id`")
    nothing: Any = [] if kind == "strings" else None
    # The old run has none, and neither has the one of a subcommand that may not have it.
    assert [(row["params.new"], row["params.k"]) for row in rows] == [(nothing, 3), (expected, None), (nothing, None)]


def test_a_client_with_a_newer_schema_loses_the_new_field_only(installation: Installation) -> None:
    """And keeps it from the day on which the store has that schema: test_a_new_field_becomes_a_column."""
    store = installation.open()
    (installation.otlp / "spans.json").write_bytes(
        line(1, {"params.k": 3, "params.new": "a"}, resource={"os.new": "b"})
    )
    follower = installation.follow(store)
    (row,) = store.query("SELECT * FROM spans")
    assert (row["params.k"], row["service.version"]) == (3, "1.3.0") and "params.new" not in row
    assert follower.decoder.counts["foreign_values"] == 2


def test_a_field_may_get_a_wider_type(installation: Installation) -> None:
    (installation.otlp / "spans.json").write_bytes(line(1, {"params.k": 3}))
    installation.follow(installation.open())
    edit(installation, "attributes", "params.k", attribute("double"))
    store = installation.open()
    with (installation.otlp / "spans.json").open("ab") as file:
        file.write(line(2, {"params.k": 3.5}))
    installation.follow(store)
    assert [row["params.k"] for row in store.query("SELECT `params.k` FROM spans ORDER BY 1")] == [3, 3.5]


@pytest.mark.parametrize(
    "kind, given, other",
    [("string", "3.5", "int"), ("string", "true", "bool"), ("double", 3.5, "int"), ("int", 7, "bool")],
)
def test_no_field_gets_a_narrower_type(installation: Installation, kind: str, given: Any, other: str) -> None:
    edit(installation, "attributes", "params.new", attribute(kind))
    (installation.otlp / "spans.json").write_bytes(line(1, {"params.new": given}))
    installation.follow(installation.open())
    edit(installation, "attributes", "params.new", attribute(other))
    with pytest.raises(SchemaError, match="params.new is stored as"):
        installation.open()
    edit(installation, "attributes", "params.new", attribute("string"))
    kept = "3.5" if kind == "double" else str(given)
    assert installation.open().query("SELECT `params.new` AS v FROM spans") == [{"v": kept}]


def test_services_share_columns(installation: Installation) -> None:
    other = json.loads((ROOT / "tests" / "data" / "every-kind.json").read_text(encoding="utf-8"))
    other["attributes"]["params.k"] = {**attribute("double"), "spans": ["run"]}
    (installation.schemas / "other.json").write_text(json.dumps(other), encoding="utf-8")
    types = columns(read(installation.schemas))
    assert types["params.k"] == "Nullable(Float64)"  # an int for the one, a double for the other
    assert types["bits"] == "Nullable(Int64)"
    assert types["all"] == "LowCardinality(Nullable(String))"
    installation.open()


def test_the_record_of_an_older_schema_has_no_effect(installation: Installation) -> None:
    before = columns(read(installation.schemas))
    edit(installation, "record", "moon.phase", {"example": 1, "description": "Old."})
    assert columns(read(installation.schemas)) == before


def test_three_members_are_a_schema(installation: Installation) -> None:
    """What is missing has the core's values: internal/schema/build.go."""
    short = {"service": "tool", "destination": "https://telemetry.example/v1/traces", "spans": {"call": "It was run."}}
    (installation.schemas / "tool.json").write_text(json.dumps(short), encoding="utf-8")
    store = installation.open()
    sent = json.loads(line(1, resource={"service.name": "tool"}))
    sent["resourceSpans"][0]["scopeSpans"][0]["scope"]["name"] = "tool"
    sent["resourceSpans"][0]["resource"]["attributes"] = [{"key": "service.name", "value": {"stringValue": "tool"}}]
    (installation.otlp / "spans.json").write_bytes(json.dumps(sent).encode() + b"\n")
    follower = installation.follow(store)
    (row,) = store.query("SELECT * FROM spans")
    assert (row["service.name"], row["library.name"], row["name"]) == ("tool", "tool", "call")
    assert not follower.decoder.counts
