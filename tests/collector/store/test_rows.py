# SPDX-License-Identifier: MIT
"""What becomes a row's value, and what is left out and counted."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from runspan_collector.store.columns import DERIVED, read
from runspan_collector.store.rows import Decoder, derived
from tests.collector.store.conftest import ROOT, Installation, line, pairs


def decoder() -> Decoder:
    return Decoder(read(ROOT / "schemas"))


FITS = [
    ("call", "params.k", {"intValue": "3"}, 3),
    ("call", "params.k", {"intValue": 3}, 3),
    ("call", "params.k", {"stringValue": "3"}, 3),
    ("call", "params.low_memory", {"boolValue": True}, True),
    ("call", "params.low_memory", {"stringValue": "False"}, False),
    ("call", "params.glob_pers_min", {"doubleValue": 0.04}, 0.04),
    ("call", "params.glob_pers_min", {"stringValue": "0.04"}, 0.04),
    ("call", "params.glob_pers_min", {"intValue": "1"}, 1.0),
    (
        "view",
        "params.coefficient_of_variation_threshold",
        {"doubleValue": 1.7976931348623157e308},
        1.7976931348623157e308,
    ),
    ("view", "params.result_file_format_version", {"intValue": "3"}, "3"),
    ("view", "params.result_file_format_version", {"stringValue": "unknown"}, "unknown"),
    ("call", "aborted", {"boolValue": True}, True),
]


@pytest.mark.parametrize("name, key, given, expected", FITS)
def test_a_value_that_fits(name: str, key: str, given: dict[str, Any], expected: Any) -> None:
    made = decoder()
    (row,) = made.line(_with(name, key, given))
    assert row[key] == expected and type(row[key]) is type(expected)
    assert not made.counts


@pytest.mark.parametrize(
    "key, given",
    [
        ("params.k", {"stringValue": "three"}),
        ("params.k", {"intValue": str(2**63)}),
        ("params.k", {"intValue": "9" * 5000}),
        ("params.k", {"doubleValue": 3.5}),
        ("params.k", {"boolValue": True}),
        ("params.k", {"intValue": True}),
        ("params.k", {"intValue": "3", "stringValue": "4"}),
        ("params.k", {}),
        ("params.k", 3),
        ("params.low_memory", {"stringValue": "yes"}),
        ("params.low_memory", {"boolValue": "true"}),
        ("params.glob_pers_min", {"doubleValue": "NaN"}),
        ("params.glob_pers_min", {"stringValue": "inf"}),
        ("params.glob_pers_min", {"doubleValue": int("9" * 400)}),
        ("params.contact_map_format", {"intValue": "1"}),
        ("params.contact_map_format", {"stringValue": 5}),
        ("params.contact_map_format", {"arrayValue": {"values": [{"stringValue": "a"}]}}),
        ("params.contact_map_format", {"kvlistValue": {"values": []}}),
    ],
)
def test_a_value_that_does_not_fit_is_left_out(key: str, given: Any) -> None:
    made = decoder()
    (row,) = made.line(_with("call", key, given))
    assert key not in row and row["name"] == "call"
    assert made.counts == {"unfit_values": 1}


CASES = json.loads((ROOT / "tests" / "data" / "derived.json").read_bytes())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_derived_fields(case: dict[str, Any]) -> None:
    """internal/show and tests/stripepy/table.py have the same cases."""
    assert set(case["derived"]) == set(DERIVED)
    row = derived(case["scope"], case["span"])
    seconds, nanoseconds = map(int, row.pop("timestamp").split("."))
    begun = datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=nanoseconds // 1000)
    assert begun.strftime("%Y-%m-%dT%H:%M:%S.%fZ") == case["derived"].pop("timestamp")
    assert row == case["derived"]


def _with(name: str, key: str, given: Any) -> bytes:
    request = json.loads(line(1, name=name))
    request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [{"key": key, "value": given}]
    return json.dumps(request).encode()


def test_what_no_schema_names_is_left_out() -> None:
    made = decoder()
    event = {
        "name": "exception",
        "attributes": pairs({"exception.message": "/home/canary", "exception.type": "OSError"}),
    }
    other = {"name": "note", "attributes": pairs({"exception.type": "KeyError"})}
    text = line(
        1, {"user": "canary", "params.columns": ["chrom1"]}, resource={"host.name": "canary"}, events=[event, other]
    )
    (row,) = made.line(text)
    assert "canary" not in json.dumps(row) and row["exception.type"] == "OSError"
    # user, params.columns (not call's), host.name, the other event's; and a message that is not the constant
    assert made.counts == {"foreign_values": 4, "unfit_values": 1}


@pytest.mark.parametrize(
    "text, count",
    [
        (line(1, resource={"service.name": "someone"}), "foreign_spans"),
        (line(1, name="rm -rf"), "foreign_spans"),
        (line(1).replace(b'{"name":"stripepy"}', b'{"name":"other"}'), "foreign_spans"),
        (line(1, days_ago=60.01), "old_spans"),
        (line(1, days_ago=-1.1), "future_spans"),
        (line(1, traceId="x" * 32), "broken_spans"),
        (line(1, spanId="A" * 15), "broken_spans"),
        (line(1, spanId=0xA), "broken_spans"),
        (line(1, startTimeUnixNano="soon"), "broken_spans"),
        (line(1, endTimeUnixNano="9" * 400), "broken_spans"),
        (line(1, kind=77), "broken_spans"),
        (line(1, kind=float("inf")), "broken_spans"),
        (line(1, events=["no"]), "broken_spans"),
        (line(1).replace(b'"name":"call"', b'"name":["call"]'), "broken_spans"),
        (b"\n", "broken_lines"),
        (b"\xff\x00", "broken_lines"),
        (b"[" * 200_000, "broken_lines"),
        (b"7", "broken_lines"),
        (b'{"resourceSpans":{}}', ""),
        (b'{"resourceSpans":3}', "broken_lines"),
        (b'{"resourceSpans":[3]}', "broken_requests"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}', "foreign_spans"),
        (b'{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":[]}]}}]}', "broken_requests"),
        (b'{"resourceLogs":[]}', "broken_lines"),
    ],
)
def test_what_is_no_run_is_left_out(text: bytes, count: str) -> None:
    made = decoder()
    assert made.line(text) == []
    assert made.counts == ({count: 1} if count else {})


def test_a_line_behind_half_a_line_is_taken() -> None:
    made = decoder()
    (row,) = made.line(line(1)[:300] + line(2))
    assert row["trace.span_id"] == f"{2:016x}"
    assert made.counts == {"broken_lines": 1}


def test_a_broken_request_does_not_take_others_with_it() -> None:
    made = decoder()
    requests = [{"scopeSpans": {"spans": 1}}, *json.loads(line(1))["resourceSpans"], None]
    (row,) = made.line(json.dumps({"resourceSpans": requests}).encode())
    assert row["trace.span_id"] == f"{1:016x}" and made.counts == {"broken_requests": 2}


def test_ids_may_be_in_upper_case() -> None:
    (row,) = decoder().line(line(1, spanId="ABCDEF0123456789"))
    assert row["trace.span_id"] == "abcdef0123456789"


def test_text_that_is_no_unicode_can_be_stored(installation: Installation) -> None:
    store = installation.open()
    (installation.otlp / "spans.json").write_bytes(
        line(1, resource={"os.version": "a\ud800\x00\n\t'\"\\b"}) + line(2, resource={"os.version": "é"})
    )
    installation.follow(store)
    rows = store.query("SELECT `os.version` AS v FROM spans ORDER BY `trace.span_id`")
    assert [row["v"] for row in rows] == ["a?\x00\n\t'\"\\b", "é"]
