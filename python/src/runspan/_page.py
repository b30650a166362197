# SPDX-License-Identifier: MIT
"""Write the page that tells a tool's users about its telemetry, from the schema. docs/telemetry.md has its tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Field = dict[str, Any]
Limits = dict[str, int]

DERIVED = "derived.json"
"""The fields that every span has besides its attributes. The file lies in this package."""
LIMITS = {"text_bytes": 128, "list_items": 64}
"""The limits of a schema that gives none."""


def cell(value: object) -> str:
    """Return a value as the text of a table's cell."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(cell(v) for v in value)
    return " ".join(str(value).split()).replace("|", "\\|")


def row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def allowed(field: Field, limits: Limits) -> str:
    """Return the values that a field may have, in words."""
    return "; or ".join(dict.fromkeys(_allowed(kind, field, limits) for kind in kinds(field)))


def kinds(field: Field) -> list[str]:
    found: list[str] = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return found


def _allowed(kind: str, field: Field, limits: Limits) -> str:
    if kind in ("int", "double"):
        return {"int": "a whole number", "double": "a number"}[kind] + _bounds(field)
    if kind == "bool":
        return "true or false"
    if "constant" in field:
        return f"always `{field['constant']}`" if field["constant"] else "always empty"
    if "values" in field:
        values = [*field["values"], field["otherwise"]] if "otherwise" in field else field["values"]
        listed = ", ".join(f"`{cell(v)}`" for v in dict.fromkeys(values))
        return f"a list of at most {limits['list_items']} of {listed}" if kind == "strings" else listed
    return f"at most {limits['text_bytes']} bytes of text that match `{cell(field['pattern'])}`"


def _bounds(field: Field) -> str:
    if "minimum" in field and "maximum" in field:
        return f" from {field['minimum']} to {field['maximum']}"
    if "minimum" in field:
        return f" from {field['minimum']} on"
    return f" up to {field['maximum']}" if "maximum" in field else ""


def example(field: Field) -> object:
    """Return a value that the field may have, by the core's rules where the schema gives none."""
    if "example" in field:
        return field["example"]
    if "constant" in field:
        return field["constant"]
    if "values" in field:
        return field["values"][0]
    if {"int", "double"} & set(kinds(field)):
        nearest = max(1, field.get("minimum", 1))
        return min(nearest, field.get("maximum", nearest))
    return True


def table(fields: dict[str, Field], limits: Limits) -> list[str]:
    """Return the table of fields that are sent."""
    lines = ["| Field | Example | What it is | What it may be |", "| --- | --- | --- | --- |"]
    for key in sorted(fields, key=str.lower):
        field = fields[key]
        lines.append(row([f"`{key}`", cell(example(field)), cell(field["description"]), allowed(field, limits)]))
    return lines


def derived(fields: dict[str, Field]) -> list[str]:
    """Return the table of the fields that every span has besides its attributes."""
    lines = ["| Field | Example | What it is | Where it comes from |", "| --- | --- | --- | --- |"]
    for key in sorted(fields, key=str.lower):
        field = fields[key]
        origin = f"worked out on arrival, from {field['derived_from']}" if "derived_from" in field else "sent"
        lines.append(row([f"`{key}`", cell(field["example"]), cell(field["description"]), origin]))
    return lines


def attributes(schema: dict[str, Any]) -> list[str]:
    """Return a heading and a table for each subcommand: the first word of a span's name."""
    subcommands: dict[str, list[str]] = {}
    for name in schema["spans"]:
        subcommands.setdefault(name.partition(" ")[0], []).append(name)
    lines: list[str] = []
    for subcommand, names in sorted(subcommands.items()):
        fields = {k: f for k, f in schema.get("attributes", {}).items() if set(f["spans"]) & set(names)}
        lines += [f"### {schema['service']} {subcommand}", ""]
        lines += ["Its span is named " + " or ".join(f"`{name}`" for name in names) + ".", ""]
        lines += [*table(fields, limits(schema)), ""] if fields else []
    return lines[:-1]


def events(schema: dict[str, Any]) -> list[str]:
    """Return the table of the exception event's attributes."""
    return table(schema.get("events", {}).get("exception", {}), limits(schema))


def limits(schema: dict[str, Any]) -> Limits:
    return {**LIMITS, **schema.get("limits", {})}


def page(schema: dict[str, Any]) -> str:
    """Return the page, without its section on the purpose: the author writes that. Raise ValueError for no schema."""
    try:
        return PAGE.format(
            service=schema["service"],
            variable=schema["service"].upper().replace("-", "_"),
            destination=schema["destination"],
            linger=LINGER.format(seconds=f"{schema['linger_ms'] / 1000:g}") if schema.get("linger_ms") else "",
            derived="\n".join(derived(_derived_fields(schema))),
            resource="\n".join(table(schema.get("resource", _service(schema)), limits(schema))),
            attributes="\n".join(attributes(schema)),
            events="\n".join(["", EVENTS, "", *events(schema)] if schema.get("events") else []),
        )
    except (LookupError, TypeError, AttributeError) as e:
        raise ValueError(f"it is no schema ({e!r}): python -m runspan check names the line") from e


def _service(schema: dict[str, Any]) -> dict[str, Field]:
    """Return the resource of a schema that has none."""
    text = {"type": "string", "constant": schema["service"], "description": "The program that was run."}
    return {"service.name": text}


def _derived_fields(schema: dict[str, Any]) -> dict[str, Field]:
    fields: dict[str, Field] = json.loads(Path(__file__).with_name(DERIVED).read_text(encoding="utf-8"))
    fields["library.name"]["example"] = schema.get("scope", schema["service"])
    fields["name"]["example"] = next(iter(schema["spans"]))
    return fields


LINGER = """ A process named `runspan-core` may go on with the
sending for at most {seconds} s after a run. `RUNSPAN_OUT_OF_PROCESS=0` in the environment prevents that process."""
EVENTS = "If an exception ends the run, the span has an event with these attributes."
PAGE = """\
# Telemetry of {service}

Each run of {service} reports to its authors that it took place, and how it ended. This page lists every field of such a
report. A field that is not on this page can't leave your machine: a file in {service} lists the fields, and this page
is made from that file.

## Why it is collected, and who receives it

TO BE WRITTEN by the authors of {service}: the purpose; who receives the reports; where and how long they are kept; whom
to ask.

## What is collected

One report for each run, with the fields below and no others. Reports are sent to

`{destination}`

by HTTPS, when a run ends, in the background. {service} waits for that at most 0.3 s, or 1 % of the run's time (2 s at
most). A report that could not be sent waits in `~/.local/state/runspan/{service}`, which only you can read, and a later
run sends it.{linger}

### Every run

{derived}

### The system

{resource}

{attributes}
{events}

## How to see what is sent

```sh
python -m runspan preview         # an example
python -m runspan preview --last  # the last report that was sent from here
python -m runspan show            # the reports that wait
```

With `RUNSPAN_PREVIEW=1` in the environment, a run writes its report to standard error, and sends nothing.

## How to stop it

`python -m runspan off` stops the telemetry of {service} for you, and removes the reports that wait. `python -m runspan
on` starts it again. Each of these variables stops it for the runs that have the variable:

| variable | value | it stops |
| --- | --- | --- |
| `{variable}_NO_TELEMETRY` | any, or none | the telemetry of {service} |
| `NO_TELEMETRY` | any, or none | the telemetry of all programs that heed it |
| `DO_NOT_TRACK` | any but empty, `0` and `false` | the telemetry of all programs that heed it |
| `OTEL_SDK_DISABLED` | `true` | the telemetry of all programs that use OpenTelemetry or runspan |

An administrator stops it for all users of a machine with a file, `/etc/runspan/{service}.off`.
"""
