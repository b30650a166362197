# SPDX-License-Identifier: MIT
"""Draw small valid edits of a runspan schema at random."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.python.arrived import Json, types

ROOT = Path(__file__).resolve().parents[2]
FORMAT = Draft202012Validator(json.loads((ROOT / "schemas" / "runspan.schema.json").read_text(encoding="utf-8")))

WORDS = ["a", "b", "call", "é", "", "True", "nan", "1", "0.5", "a text that is as long as some of the limits"]
PATTERNS = ["[a-z]*", "a|b+", "[0-9.]+", ".*", "[\\s\\S]*", "é?x{0,30}", "^a$", "(True|é)*"]

bounds = st.one_of(
    st.sampled_from([-(10**12), -1, -0.5, 0, 0.25, 1, 1e12, 2**53, 10**18]), st.integers(-20, 20), st.floats(0.1, 1e3)
)

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def fields(draw: Draw, spans: list[str] | None) -> Json:
    """Draw a field: an attribute of these spans, or of the resource."""
    field: Json = {"example": "", "description": "Drawn."}
    if spans is None and draw(st.booleans()):
        return field | {"type": "string", "constant": draw(st.sampled_from(WORDS))}
    if spans is not None:
        field["spans"] = draw(st.lists(st.sampled_from(spans), min_size=1, unique=True))
    every_type = ["string", "int", "double", "bool", "strings"]
    kinds = draw(st.lists(st.sampled_from(every_type), min_size=1, max_size=3, unique=True))
    field["type"] = kinds if len(kinds) > 1 else kinds[0]
    if {"string", "strings"} & set(kinds):
        if draw(st.booleans()):
            field["pattern"] = draw(st.sampled_from(PATTERNS))
        else:
            field["values"] = draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
            if draw(st.booleans()):
                field["otherwise"] = draw(st.sampled_from(WORDS))
    if {"int", "double"} & set(kinds):
        low, high = sorted([draw(bounds), draw(bounds)])
        field |= draw(st.sampled_from([{}, {"minimum": low}, {"maximum": high}, {"minimum": low, "maximum": high}]))
    if {"int", "double", "bool"} & set(kinds) and draw(st.booleans()):
        field["as_text"] = True
    return field


def _put_attribute(draw: Draw, schema: Json) -> None:
    key = draw(st.sampled_from([*schema["attributes"], "added", "also added"]))
    schema["attributes"][key] = draw(fields(list(schema["spans"])))


def _put_resource(draw: Draw, schema: Json) -> None:
    schema["resource"][draw(st.sampled_from([*schema["resource"], "added"]))] = draw(fields(None))


def _drop_field(draw: Draw, schema: Json) -> None:
    section = schema[draw(st.sampled_from(["attributes", "resource"]))]
    if section:
        del section[draw(st.sampled_from(list(section)))]


def _narrow(draw: Draw, schema: Json) -> None:
    """Draw fewer values, spans and types for one field."""
    key = draw(st.sampled_from(list(schema["attributes"]) or [""]))
    field = schema["attributes"].get(key, {})
    for name in {"values", "spans"} & set(field):
        field[name] = draw(st.lists(st.sampled_from(field[name]), min_size=1, unique=True))
    if field and {"string", "strings"} & set(types(field)[:1]):
        field["type"] = types(field)[0]


def _limits(draw: Draw, schema: Json) -> None:
    # A source's text must fit: "opentelemetry" is the longest one with a pattern.
    schema["limits"] = {"text_bytes": draw(st.integers(13, 200)), "list_items": draw(st.integers(1, 5))}


def _spans(draw: Draw, schema: Json) -> None:
    """Draw another name for a span, or remove one."""
    if len(schema["spans"]) > 1 and draw(st.booleans()):
        dropped = draw(st.sampled_from(list(schema["spans"])))
        del schema["spans"][dropped]
        for key, field in list(schema["attributes"].items()):
            field["spans"] = [name for name in field["spans"] if name != dropped]
            if not field["spans"]:
                del schema["attributes"][key]
    else:
        schema["spans"]["added"] = "It was added."
        for field in schema["attributes"].values():
            field["spans"] += ["added"] * (draw(st.booleans()) and "added" not in field["spans"])


def _events(draw: Draw, schema: Json) -> None:
    exception = schema["events"].get("exception")
    if exception is None or draw(st.booleans()):
        schema["events"] = {}
    else:
        for field in exception.values():
            if "values" in field:
                field["values"] = ["ValueError", draw(st.sampled_from(WORDS))]
                field.pop("otherwise", None)


@st.composite
def edited(draw: Draw, schema: Json) -> Json:
    result = copy.deepcopy(schema)
    edits = [_put_attribute, _put_attribute, _put_resource, _drop_field, _narrow, _limits, _spans, _events]
    for edit in draw(st.lists(st.sampled_from(edits), min_size=1, max_size=4)):
        edit(draw, result)
    FORMAT.validate(result)
    return result
