# SPDX-License-Identifier: MIT
"""A span that was sent, as the table that an analytics store shows: one row a field."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


def rows(request: dict[str, Any]) -> dict[str, str]:
    """The fields of the one span of an OTLP/JSON request, sorted as the page sorts them.

    Sent as they are: resource, attributes, name, kind, status and ids. Derived,
    as contrib/stripepy/stripepy.json says under "record": the rest. Raises ValueError
    where there is not exactly one span.
    """
    found = [
        (resource_spans.get("resource", {}), scope_spans.get("scope", {}), span)
        for resource_spans in request.get("resourceSpans", [])
        for scope_spans in resource_spans.get("scopeSpans", [])
        for span in scope_spans.get("spans", [])
    ]
    if len(found) != 1:
        raise ValueError(f"{len(found)} spans, not one")
    resource, scope, span = found[0]
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    kind = _KINDS[span.get("kind", 0)]
    table = {a["key"]: _text(a["value"]) for a in resource.get("attributes", []) + span.get("attributes", [])}
    table |= {
        "duration_ms": repr((end - start) / 1e6),
        "library.name": scope.get("name", ""),
        "meta.signal_type": "trace",  # the request is one for traces
        "name": span["name"],
        "Sample Rate": str(_sample_rate(span)),
        "span.kind": kind,
        "span.num_events": str(len(span.get("events", []))),
        "span.num_links": str(len(span.get("links", []))),
        "status_code": str(span.get("status", {}).get("code", 0)),
        "timestamp": datetime.fromtimestamp(start / 1e9, timezone.utc).isoformat(timespec="microseconds"),
        "trace.span_id": span["spanId"].lower(),
        "trace.trace_id": span["traceId"].lower(),
        "type": kind,
    }
    return dict(sorted(table.items(), key=lambda row: row[0].lower()))


def _sample_rate(span: dict[str, Any]) -> int:
    """One in one, where the span's flags (W3C Trace Context) do not say that a sampler left it out."""
    return 1 if span.get("flags", 1) & 1 else 0


def _text(value: dict[str, Any]) -> str:
    if "arrayValue" in value:
        return ", ".join(_text(v) for v in value["arrayValue"].get("values", []))
    if "boolValue" in value:
        return "true" if value["boolValue"] else "false"
    return str(next(iter(value.values()), ""))
