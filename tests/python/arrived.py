# SPDX-License-Identifier: MIT
"""Make a JSON Schema of the requests that may arrive: OTLP/JSON, with nothing that a runspan schema forbids.

Written from OpenTelemetry's protocol (opentelemetry-proto 1.x, its JSON encoding) and schemas/runspan.schema.json, and
not from the core, so that the two can be held against each other. Where the format leaves a choice: texts of ``values``
may be longer than text_bytes, as the schema itself lists them, and count where there is a ``pattern`` too.

Draft 2020-12, with two keywords of its own for what that has none for: ``maxBytes``, the length of a text in UTF-8, and
``numeral``, the range of a number that is written as a text, as OTLP/JSON has 64-bit integers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

Json: TypeAlias = dict[str, Any]

# "$" would do for JSON Schema's own patterns, but not for Python's: there a newline may follow.
END = r"(?![\s\S])"

WHOLE = re.compile(r"[+-]?[0-9]{1,4096}")
REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(r"nan|[+-]?inf(inity)?", re.IGNORECASE | re.ASCII)


def number(kind: str, text: str) -> float | None:
    """Return the int of 64 bits, or the double, whose text this is."""
    if kind == "int":
        found = int(text) if WHOLE.fullmatch(text) else None
        return found if found is not None and -(2**63) <= found < 2**63 else None
    if NOT_FINITE.fullmatch(text):
        return float(text)
    return float(text) if REAL.fullmatch(text) and math.isfinite(float(text)) else None


def _numeral(_validator: object, rule: Json, text: object, _schema: object) -> Iterator[ValidationError]:
    if not isinstance(text, str):
        return
    found = number(rule["type"], text)
    # Written so that a NaN is in no range.
    if found is None:
        yield ValidationError(f"{text!r} is no {rule['type']}")
    elif "minimum" in rule and not found >= rule["minimum"]:
        yield ValidationError(f"{text} is not {rule['minimum']} or more")
    elif "maximum" in rule and not found <= rule["maximum"]:
        yield ValidationError(f"{text} is not {rule['maximum']} or less")


def _max_bytes(_validator: object, limit: int, text: object, _schema: object) -> Iterator[ValidationError]:
    if isinstance(text, str) and len(text.encode("utf-8", "surrogatepass")) > limit:
        yield ValidationError(f"{text!r} has more than {limit} bytes")


Validator = extend(Draft202012Validator, {"maxBytes": _max_bytes, "numeral": _numeral})  # type: ignore[no-untyped-call]


def closed(required: Json, optional: Json | None = None) -> Json:
    """Return the form of an object with these members and no others."""
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": required | (optional or {}),
    }


def types(field: Json) -> list[str]:
    return field["type"] if isinstance(field["type"], list) else [field["type"]]


def short(limits: Json) -> Json:
    return {"type": "string", "maxLength": limits["text_bytes"], "maxBytes": limits["text_bytes"]}


def texts(field: Json, limits: Json) -> Json:
    """Return the form of a text that the field's constant, values or pattern allow."""
    if "constant" in field:
        return {"const": field["constant"]}
    if "values" in field:
        return {"enum": field["values"] + ([field["otherwise"]] if "otherwise" in field else [])}
    return short(limits) | {"pattern": f"^(?:{field['pattern']}){END}"}


def any_value(field: Json, limits: Json, nullable: bool = False) -> Json:
    """Return the form of an AnyValue of one of the field's types. An AnyValue without a member is null."""
    kinds = types(field)
    bounds = {name: field[name] for name in ("minimum", "maximum") if name in field}
    string = [texts(field, limits)] if "string" in kinds else []
    members: Json = {}
    if "int" in kinds:
        members["intValue"] = {
            "type": "string",
            "pattern": f"^(0|-?[1-9][0-9]*){END}",
            "numeral": {"type": "int"} | bounds,
        }
    if "double" in kinds:
        unbounded = {"NaN": {"minimum", "maximum"}, "Infinity": {"maximum"}, "-Infinity": {"minimum"}}
        words = [word for word, limited in unbounded.items() if not limited & set(bounds)]
        members["doubleValue"] = {"anyOf": [{"type": "number"} | bounds, {"enum": words}]}
    if "bool" in kinds:
        members["boolValue"] = {"const": True} if field.get("source") == "aborted" else {"type": "boolean"}
    if "strings" in kinds:
        items = {
            "type": "array",
            "maxItems": limits["list_items"],
            "items": closed({"stringValue": texts(field, limits)}),
        }
        members["arrayValue"] = closed({}, {"values": items})
    if field.get("as_text"):
        string += [short(limits) | {"numeral": {"type": kind} | bounds} for kind in ("int", "double") if kind in kinds]
        string += [short(limits) | {"enum": ["True", "False"]}] * ("bool" in kinds)
    if string:
        members["stringValue"] = {"anyOf": string}
    return closed({}, members) | {"minProperties": int(not nullable), "maxProperties": 1}


def key_values(values: Json, always: set[str]) -> Json:
    """Return the form of a list of KeyValues: each of these keys at most once, and some always."""
    if not values:
        return {"type": "array", "items": False}

    def is_key(key: str) -> Json:
        return {"properties": {"key": {"const": key}}}

    return {
        "type": "array",
        "items": closed({"key": {"enum": list(values)}, "value": True})
        | {"allOf": [{"if": is_key(key), "then": {"properties": {"value": value}}} for key, value in values.items()]},
        "allOf": [
            {"contains": {"required": ["key"], **is_key(key)}, "minContains": int(key in always), "maxContains": 1}
            for key in values
        ],
    }


def with_attributes(members: Json, values: Json, always: set[str]) -> Json:
    attributes = {"attributes": key_values(values, always)}
    return closed(members | attributes) if always else closed(members, attributes)


def arrived_schema(schema: Json) -> Json:
    """Return the JSON Schema of all requests that a runspan schema allows."""
    limits, exception = schema["limits"], schema["events"].get("exception")
    resource = {key: any_value(field, limits) for key, field in schema["resource"].items()}
    for key, field in schema["resource"].items():
        if field.get("source") == "service.name":
            resource[key] = {"allOf": [resource[key], closed({"stringValue": {"const": schema["service"]}})]}
    by_runspan = {key for key, field in schema["resource"].items() if {"source", "constant"} & set(field)}

    def of_span(name: str) -> Json:
        fields = {key: field for key, field in schema["attributes"].items() if name in field["spans"]}
        values = {key: any_value(field, limits, nullable="source" not in field) for key, field in fields.items()}
        return {
            "if": {"properties": {"name": {"const": name}}},
            "then": {"properties": {"attributes": key_values(values, set())}},
        }

    time = {"type": "string", "pattern": f"^[1-9][0-9]{{0,19}}{END}"}
    of_event = {key: any_value(field, limits) for key, field in (exception or {}).items()}
    event = with_attributes({"name": {"const": "exception"}, "timeUnixNano": time}, of_event, set(of_event))
    span = closed(
        {
            "traceId": {"type": "string", "pattern": f"^(?!0*{END})[0-9A-Fa-f]{{32}}{END}"},
            "spanId": {"type": "string", "pattern": f"^(?!0*{END})[0-9A-Fa-f]{{16}}{END}"},
            "name": {"enum": list(schema["spans"])},
            "kind": {"const": 1},
            "startTimeUnixNano": time,
            "endTimeUnixNano": time,
        },
        {
            "attributes": {"type": "array"},
            "events": {"type": "array", "items": False if exception is None else event},
            "status": closed({}, {"code": {"enum": [0, 1, 2]}}),
            # The bit for sampled; maybe the bit that says whether the parent is known to be remote. There is no parent.
            "flags": {"enum": [1, 257]},
        },
    ) | {"allOf": [of_span(name) for name in schema["spans"]]}
    scope_spans = closed(
        {
            "scope": closed({"name": {"const": schema["scope"]}}),
            "spans": {"type": "array", "minItems": 1, "items": span},
        }
    )
    resource_spans = closed(
        {
            "resource": with_attributes({}, resource, by_runspan),
            "scopeSpans": {"type": "array", "minItems": 1, "items": scope_spans},
        }
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **closed({"resourceSpans": {"type": "array", "minItems": 1, "items": resource_spans}}),
    }


class Checker:
    """Find the parts of a request that a schema does not allow."""

    def __init__(self, schema: Json) -> None:
        self.json_schema = arrived_schema(schema)
        self._validator = Validator(self.json_schema)

    def defects(self, request: Json) -> list[str]:
        """Return the place of each defect, and its name."""
        return [f"{e.json_path}: {e.message}" for e in self._validator.iter_errors(request)]


def accepts(field: Json, limits: Json, value: Json) -> bool:
    """Return whether a field of a span may have an AnyValue."""
    return bool(Validator(any_value(field, limits, nullable="source" not in field)).is_valid(value))
