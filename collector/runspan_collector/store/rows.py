# SPDX-License-Identifier: MIT
"""Make rows of OTLP/JSON. Fields that no schema names, and values that don't fit, are left out and counted."""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from runspan_collector.files import KEPT_DAYS
from runspan_collector.store.columns import KIND_OF, Field, Service, columns, named, stored

DAY_NS = 24 * 3600 * 10**9
KEPT_NS = KEPT_DAYS * DAY_NS
SPAN_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
REQUEST_START = b'{"resourceSpans":'

MISSHAPEN = (LookupError, TypeError, AttributeError, ValueError, OverflowError)

Row = dict[str, Any]


class UnfitError(ValueError):
    """A value does not fit its column."""


class Decoder:
    """Make rows of lines. ``counts`` has, by reason, how many lines, spans and values were left out.

    ``old`` and ``future`` have the times, in nanoseconds, of the spans that were left out because of these times. The
    clock here may be the wrong one, so the caller may want to read them again.

    ``types`` has the types of the table's columns, by fields; by default they are those of the schemas.
    """

    def __init__(
        self,
        services: dict[str, Service],
        now_ns: Callable[[], int] = time.time_ns,
        *,
        types: Mapping[str, str] | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.old: list[int] = []
        self.future: list[int] = []
        self.newest = 0
        """The last end of the runs in time, in nanoseconds: the clock here was not ahead of the client's by then."""
        self._services = services
        self._types = types or columns(services)
        self._kinds = {key: KIND_OF.get(column_type, "string") for key, column_type in self._types.items()}
        self.now_ns = now_ns

    def line(self, line: bytes) -> list[Row]:
        """Return the rows of one line of a collector's file."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            self.counts["broken_lines"] += 1
            # A collector that was killed leaves half a line, and the next one goes on behind it.
            start = line.rfind(REQUEST_START)
            return self.line(line[start:]) if start > 0 else []
        try:
            parts = list(request["resourceSpans"])
        except MISSHAPEN:
            self.counts["broken_lines"] += 1
            return []
        rows: list[Row] = []
        for part in parts:  # each is of another client
            try:
                resource = _attributes(part.get("resource", {}).get("attributes", []))
                for scope_spans in part["scopeSpans"]:
                    scope = scope_spans.get("scope", {}).get("name", "")
                    for span in scope_spans["spans"]:
                        row = self._span(resource, scope, span)
                        if row is not None:
                            rows.append(row)
            except MISSHAPEN:
                self.counts["broken_requests"] += 1
        return rows

    def _span(self, resource: dict[str, Any], scope: str, span: dict[str, Any]) -> Row | None:
        try:
            service = self._services.get(resource.get("service.name", {}).get("stringValue"))
            if service is None or scope != service.scope or span["name"] not in service.spans:
                self.counts["foreign_spans"] += 1
                return None
            row = derived(scope, span)
            start, now = int(span["startTimeUnixNano"]), self.now_ns()
            last = max(start, int(span.get("endTimeUnixNano", 0)))
            if not kept(start, now):
                self.counts["old_spans"] += 1
                self.old.append(start)
                return None
            if not begun(last, now):  # it would not be gone after KEPT_DAYS
                self.counts["future_spans"] += 1
                self.future.append(last)
                return None
            row["service.name"] = service.name
            self._fill(row, service.resource, resource)
            self._fill(row, service.spans[span["name"]], _attributes(span.get("attributes", [])))
            for event in span.get("events", []):
                self._fill(row, service.events.get(event["name"], {}), _attributes(event.get("attributes", [])))
        except MISSHAPEN:
            self.counts["broken_spans"] += 1
            return None
        self.newest = max(self.newest, last)
        return {stored(key, self._types[key]): value for key, value in row.items() if key in self._types}

    def _fill(self, row: Row, fields: dict[str, Field], values: dict[str, Any]) -> None:
        for key, value in values.items():
            name = named(key)
            one = fields.get(name)
            if one is None:
                self.counts["foreign_values"] += 1
                continue
            try:
                row[name] = fit(one, self._kinds[name], value)
            except MISSHAPEN:
                self.counts["unfit_values"] += 1


def kept(start: int, now: int) -> bool:
    """Return whether a run of this begin is young enough for the store. Both are in nanoseconds."""
    return now - start < KEPT_NS


def begun(last: int, now: int) -> bool:
    """Return whether a run with this last time is not too far in the future. A client's clock may be a day ahead."""
    return last - now <= DAY_NS


def _attributes(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: pair["value"] for pair in pairs}


def derived(scope: str, span: dict[str, Any]) -> Row:
    """Compute the derived fields of a span: those of columns.DERIVED."""
    start, end = int(span["startTimeUnixNano"]), int(span.get("endTimeUnixNano", 0))
    trace_id, span_id = span["traceId"].lower(), span["spanId"].lower()  # OTLP/JSON allows both
    if not re.fullmatch("[0-9a-f]{32}", trace_id) or not re.fullmatch("[0-9a-f]{16}", span_id) or start < 0:
        raise UnfitError("ids or start")
    span_kind = SPAN_KINDS[int(span.get("kind", 0))]
    return {
        "duration_ms": (end - start) / 1e6 if end >= start else None,
        "library.name": scope,
        "meta.signal_type": "trace",
        "name": span["name"],
        "Sample Rate": int(span.get("flags", 1)) & 1,  # W3C Trace Context: has a sampler taken the span?
        "span.kind": span_kind,
        "span.num_events": len(span.get("events", [])),
        "span.num_links": len(span.get("links", [])),
        "status_code": _whole(span.get("status", {}).get("code", 0)),
        "timestamp": f"{start // 10**9:010d}.{start % 10**9:09d}",
        "trace.span_id": span_id,
        "trace.trace_id": trace_id,
        "type": span_kind,
    }


def fit(one: Field, column: str, value: dict[str, Any]) -> Any:
    """Convert an OTLP value to its column's type. Raise one of MISSHAPEN where it does not fit."""
    (given, content), *more = value.items()
    if more:
        raise UnfitError("two values")
    found: Any
    if given == "stringValue":
        found = _from_text(one, _text(content)) if one.as_text else _text(content)
    elif given == "boolValue" and isinstance(content, bool):
        found = content
    elif given == "intValue":
        found = _whole(content)
    elif given == "doubleValue":
        found = _finite(content)
    elif given == "arrayValue":
        found = [_text(item["stringValue"]) for item in content.get("values", [])]
    else:
        raise UnfitError(given)
    if one.constant is not None and found != one.constant:
        raise UnfitError("not the constant")
    if _type(found) not in one.types and not (_type(found) == "int" and "double" in one.types):
        raise UnfitError(given)
    return _as_column(column, found)


def _as_column(column: str, found: Any) -> Any:
    """Convert a value to a column that is as wide as the field's types, or wider; the fixed columns may be narrower."""
    if column == "double" and _type(found) in ("int", "double"):
        return float(found)
    if column == "string" and not isinstance(found, str):
        return json.dumps(found)
    if column != _type(found):
        raise UnfitError("not of the column's type")
    return found


def _type(found: Any) -> str:
    return {str: "string", bool: "bool", int: "int", float: "double", list: "strings"}[type(found)]


def _from_text(one: Field, text: str) -> bool | int | float | str:
    """Read a number or a bool that came as text. StripePy sends NumPy's scalars so."""
    if "bool" in one.types and text in ("True", "False"):
        return text == "True"
    if "int" in one.types and re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        return _whole(text)
    if "double" in one.types:
        return _finite(text)
    return text


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise UnfitError("no text")
    return content


def _whole(content: Any) -> int:
    if isinstance(content, (bool, float)):
        raise UnfitError("no whole number")
    number = int(content)
    if not -(2**63) <= number < 2**63:
        raise UnfitError("too large")
    return number


def _finite(content: Any) -> float:
    if isinstance(content, bool):
        raise UnfitError("no number")
    number = float(content)
    if not math.isfinite(number):
        raise UnfitError("not finite")
    return number


def encode(rows: list[Row]) -> str:
    """Encode rows as JSONEachRow. UTF-8 has no half of a surrogate pair: a question mark takes its place."""
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return text.encode("utf-8", "replace").decode("utf-8")
