# SPDX-License-Identifier: MIT
"""A span that was sent, as the table that an analytics store shows: one row a field."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


def rows(request: dict[str, Any]) -> dict[str, str]:
    """Return the fields of the one span of an OTLP/JSON request, sorted as the page sorts them.

    These are the resource's and the span's attributes, and the derived fields of schemas/derived.json. Raises
    ValueError where there is not exactly one span.
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
    table = {a["key"]: _text(a["value"]) for a in resource.get("attributes", []) + span.get("attributes", [])}
    table |= derived(scope, span)
    return dict(sorted(table.items(), key=lambda row: row[0].lower()))


def derived(scope: dict[str, Any], span: dict[str, Any]) -> dict[str, str]:
    """Compute the fields that follow from the span itself."""
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    begun = datetime.fromtimestamp(start // 10**9, timezone.utc)
    kind = _KINDS[span.get("kind", 0)]
    return {
        "duration_ms": repr((end - start) / 1e6) if end >= start else "",  # the clock may have been set back
        "library.name": scope.get("name", ""),
        "meta.signal_type": "trace",  # the request is one for traces
        "name": span["name"],
        "Sample Rate": str(_sample_rate(span)),
        "span.kind": kind,
        "span.num_events": str(len(span.get("events", []))),
        "span.num_links": str(len(span.get("links", []))),
        "status_code": str(span.get("status", {}).get("code", 0)),
        "timestamp": begun.replace(microsecond=start // 1000 % 10**6).isoformat(timespec="microseconds"),
        "trace.span_id": span["spanId"].lower(),
        "trace.trace_id": span["traceId"].lower(),
        "type": kind,
    }


def _sample_rate(span: dict[str, Any]) -> int:
    """One in one, where the span's flags (W3C Trace Context) do not say that a sampler left it out."""
    return 1 if span.get("flags", 1) & 1 else 0


def _text(value: dict[str, Any]) -> str:
    if "arrayValue" in value:
        return ", ".join(_text(v) for v in value["arrayValue"].get("values", []))
    if "boolValue" in value:
        return "true" if value["boolValue"] else "false"
    return str(next(iter(value.values()), ""))
