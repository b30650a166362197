# SPDX-License-Identifier: MIT
"""The columns are the page's fields, and come from the schemas alone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from runspan_collector.store.columns import KINDS, SchemaError, columns, named, read, stored
from runspan_collector.store.embedded import Store
from tests.collector.store.conftest import EVERY_PARAMETER, QUERIES, ROOT, Installation, line


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


@pytest.mark.parametrize("key", ["params.new", "new"])
@pytest.mark.parametrize(
    "kind, given, other, new, both",
    [
        ("string", "3.5", "int", 4, ["3.5", "4"]),
        ("string", "true", "bool", False, ["true", "false"]),
        ("string", "a", "strings", ["b"], ["a", '["b"]']),
        ("strings", ["a"], "string", "b", ['["a"]', "b"]),
        ("strings", ["a"], "int", 4, ['["a"]', "4"]),
        ("double", 3.5, "int", 4, [3.5, 4]),
        ("int", 7, "bool", True, ["7", "true"]),
    ],
)
def test_a_field_with_another_type_keeps_what_was_stored(
    installation: Installation, key: str, kind: str, given: Any, other: str, new: Any, both: list[Any]
) -> None:
    edit(installation, "attributes", key, attribute(kind))
    (installation.otlp / "spans.json").write_bytes(line(1, {key: given}, days_ago=2))
    installation.follow(installation.open())
    edit(installation, "attributes", key, attribute(other))
    store = installation.open()
    with (installation.otlp / "spans.json").open("ab") as file:
        file.write(line(2, {key: new}))
    assert not installation.follow(store).decoder.counts
    sql = f"SELECT `{key}` AS v FROM spans ORDER BY timestamp"
    assert [row["v"] for row in store.query(sql)] == both
    edit(installation, "attributes", key, attribute(kind))
    store = installation.open()
    with (installation.otlp / "spans.json").open("ab") as file:
        file.write(line(3, {key: given}, days_ago=0.5))
    assert not installation.follow(store).decoder.counts
    found = [row["v"] for row in store.query(sql)]
    assert found == [*both, both[0]], "the older schema is back"


def test_a_field_that_is_gone_stays_readable(installation: Installation) -> None:
    """And is there after a change of the store's key, which copies the table."""
    edit(installation, "attributes", "params.new", attribute("strings"))
    (installation.otlp / "spans.json").write_bytes(line(1, {"params.new": ["a"], "params.k": 3}))
    installation.follow(installation.open())
    path = installation.schemas / "stripepy.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["attributes"]["params.new"], document["attributes"]["params.k"]
    path.write_text(json.dumps(document), encoding="utf-8")
    with (installation.otlp / "spans.json").open("ab") as file:
        file.write(line(2, {"params.new": ["a"], "params.k": 3}, days_ago=0.5))
    store = installation.open()
    assert installation.follow(store).decoder.counts == {"foreign_values": 2}, "of an older client"
    sql = "SELECT `params.new` AS new, `params.k` AS k FROM spans ORDER BY timestamp"
    expected = [{"new": ["a"], "k": 3}, {"new": [], "k": None}]
    assert store.query(sql) == expected
    with (installation.keys / "store.key").open("a", encoding="ascii") as file:
        file.write("f" * 32 + "\n")
    assert installation.open().query(sql) == expected


def test_a_list_as_an_earlier_version_stored_it(installation: Installation) -> None:
    edit(installation, "attributes", "new", attribute("strings"))
    (installation.otlp / "spans.json").write_bytes(line(1, {"new": ["a"]}))
    store = installation.open()
    installation.follow(store)
    store._run("ALTER TABLE spans_stored RENAME COLUMN `new/` TO new")
    assert installation.open().query("SELECT new FROM spans") == [{"new": ["a"]}]


def test_a_derived_column_of_another_type_is_told(installation: Installation) -> None:
    store = installation.open()
    store._run("ALTER TABLE spans_stored MODIFY COLUMN duration_ms Nullable(Int64)")
    with pytest.raises(SchemaError, match="duration_ms is stored as"):
        installation.open()


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


def other(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Another tool's schema."""
    short = {"service": "other", "destination": "https://telemetry.example/v1/traces", "spans": {"call": "It was run."}}
    return short | {"attributes": attributes} | more


def report(span_id: int, service: str, attributes: dict[str, Any], **more: Any) -> bytes:
    sent = json.loads(line(span_id, attributes, **more))
    (sent_resource,) = sent["resourceSpans"]
    sent_resource["scopeSpans"][0]["scope"]["name"] = service
    sent_resource["resource"]["attributes"] = [{"key": "service.name", "value": {"stringValue": service}}]
    return json.dumps(sent).encode() + b"\n"


def ask_all(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Ask all questions: none fails."""
    return {path.stem: store.query(path.read_text(encoding="utf-8"), EVERY_PARAMETER) for path in QUERIES.glob("*.sql")}


GIVEN = {"int": 7, "double": 0.5, "bool": True, "string": "a", "strings": ["a", "b"]}
OURS = {"params.k": 3, "params.columns": ["start1", "end1"], "params.contact_map_format": "hic", "params.nproc": 2}
OURS |= {"params.contact_map_resolution": 5000, "aborted": False}


@pytest.mark.parametrize("kind", GIVEN)
def test_another_schema_comes_and_goes(installation: Installation, kind: str) -> None:
    """It gives known fields another type. All that was stored stays, and no question fails."""
    theirs = {key: attribute(kind) for key in (*OURS, "service.name", "duration_ms", "timestamp", "name")}
    path = installation.schemas / "other.json"
    for turn in range(3):
        if turn == 1:
            path.write_text(json.dumps(other(theirs)), encoding="utf-8")
        else:
            path.unlink(missing_ok=True)
        store = installation.open()
        with (installation.otlp / "spans.json").open("ab") as file:
            file.write(line(10 + turn, OURS) + report(20 + turn, "other", dict.fromkeys(theirs, GIVEN[kind])))
        counts = installation.follow(store).decoder.counts
        assert counts["foreign_spans"] == [1, 1, 2][turn] and "broken_spans" not in counts
        asked, ours = ask_all(store), turn + 1
        assert asked["totals"][0]["runs"] == [1, 3, 4][turn]
        moved = {row["field"]: (row["runs"], row["moved"]) for row in asked["parameters"]}
        assert moved == {"params.k": (ours, 0), "params.nproc": (ours, ours)}
        (duration,) = asked["durations"]
        assert (duration["nproc"], duration["resolution"], duration["runs"]) == (2, 5000, ours)
        assert {"subcommand": "call", "format": "hic", "runs": ours} in asked["formats"]
        for key in OURS:
            found = store.query(f"SELECT `{key}` AS v FROM spans WHERE `service.name` = 'stripepy'")
            assert len({json.dumps(row["v"]).replace(", ", ",") for row in found}) == 1, found


def test_the_schema_of_another_tool_alone(installation: Installation) -> None:
    for path in installation.schemas.glob("stripepy.json"):
        path.unlink()
    text = (ROOT / "examples" / "count" / "linecount.json").read_text(encoding="utf-8")
    (installation.schemas / "linecount.json").write_text(text, encoding="utf-8")
    store = installation.open()
    assert ask_all(store)["totals"][0]["runs"] == 0
    (installation.otlp / "spans.json").write_bytes(report(1, "linecount", {"params.files": 3}, name="count"))
    installation.follow(store)
    asked = ask_all(store)
    assert asked["totals"][0]["runs"] == 1
    assert asked["run_times"] == [
        {"service": "linecount", "subcommand": "count", "runs": 1, "median_s": 5, "p90_s": 5},
    ]
    assert asked["durations"] == asked["formats"] == asked["parameters"] == asked["exceptions"] == []
    (types,) = asked["fields"]
    assert types["toTypeName(params.files)"] == "Nullable(Int64)"
    assert types["toTypeName(params.nproc)"] == types["toTypeName(os.type)"] == "Nullable(Nothing)"


def test_a_tool_may_name_its_fields_as_the_questions_name_their_columns(installation: Installation) -> None:
    names = {column for rows in ask_all(installation.open()).values() for row in rows for column in row}
    names |= set("version runs day week subcommand arch outcome field one what filter value found".split())
    names |= set("failed share question answer counted parameter nproc choice format small hidden".split())
    fields = {name: attribute("string") for name in names if "(" not in name}
    odd = {"it's \\ `odd`": attribute("bool")}
    (installation.schemas / "other.json").write_text(json.dumps(other(fields | odd)), encoding="utf-8")
    assert ask_all(installation.open())["totals"][0]["runs"] == 0


NAMES = ["os", "service", "host", "params", "params.k.most", "process.runtime", "trace", "Service.Name", "SERVICE.NAME"]
NAMES += ["index", "order", "timestamp", "name", "type", "Timestamp", "NAME", "select", "NULL", "1", "*", "all", "with"]
NAMES += ["os.null", "os.size0", "params.columns.size0", "service.null", "run.version", "run.arch", "run", "run.x"]
NAMES += [
    "_row_exists",
    "_part_offset",
    "_block_number",
    "_part",
    "_table",
    "_",
    "/",
    "/whole",
    "a/b",
    "/a%2Fb",
    "/name",
]
NAMES += ["", ".", ".a", "a.", "a..b", "a b", "a\nb", "a\0b", "a`b", "a'b", "a{b}", "{x:String}", "é🧬", "x" * 300, " "]
NAMES += ["week", "/week", "/pairs", "one", " strings ", "\\", "--", "/*", "$b", "?"]


@pytest.mark.parametrize("there", [True, False], ids=["to a table", "from the start"])
@pytest.mark.parametrize("kind", ["string", "strings"])
def test_a_field_may_have_any_name(installation: Installation, there: bool, kind: str) -> None:
    """The names of other fields begin with it, or ClickHouse and the store have another use for it."""
    if there:
        installation.open()
    path = installation.schemas / "other.json"
    path.write_text(json.dumps(other(dict.fromkeys(NAMES, attribute(kind)))), encoding="utf-8")
    store = installation.open()
    values = {name: f"{name} {n}" if kind == "string" else [name, str(n)] for n, name in enumerate(NAMES)}
    ours = line(2, {"params.k": 3}, resource={"os.type": "linux"})
    (installation.otlp / "spans.json").write_bytes(report(1, "other", values) + ours)
    assert not installation.follow(store).decoder.counts
    store.optimize()
    (row,) = store.query("SELECT * FROM spans WHERE `service.name` = 'other'")
    assert {name: row[named(name)] for name in NAMES} == values
    found = {row["field"]: row["value"] for row in ask_all(store)["values"]}
    expected = {named(name): value for name, value in values.items()} if kind == "string" else {}
    assert found == expected | {"params.k": "3"}
    (row,) = installation.open().query(
        "SELECT `params.k` AS k, `os.type` AS os FROM spans WHERE `service.name` = 'stripepy'"
    )
    assert row == {"k": 3, "os": "linux"}


def test_names_in_the_store_are_all_different() -> None:
    columns_ = {stored(named(name), KINDS[kind]) for name in NAMES for kind in ("int", "strings")}
    assert len(columns_) == 2 * len(NAMES)
