#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the tables of docs/telemetry.md from StripePy's schema and schemas/derived.json, between their markers.

docs.py FILE writes; docs.py --check FILE exits with 1 where FILE is not what it would write.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent
SCHEMA = ROOT / "contrib" / "stripepy" / "stripepy.json"
DERIVED = ROOT / "schemas" / "derived.json"


def cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(cell(v) for v in value)
    return str(value).replace("|", "\\|")


def allowed(field: dict[str, Any], limits: dict[str, int]) -> str:
    """What a field's value may be, in words."""
    types = field["type"] if isinstance(field["type"], list) else [field["type"]]
    words = []
    for kind in types:
        if kind in ("int", "double"):
            word = {"int": "a whole number", "double": "a number"}[kind]
            if "minimum" in field:
                word += f" from {field['minimum']} to {field['maximum']}"
            words.append(word)
        elif kind == "bool":
            words.append("true or false")
        elif "constant" in field:
            words.append(f"always `{field['constant']}`" if field["constant"] else "always empty")
        elif "values" in field:
            values = field["values"] + [field["otherwise"]] if "otherwise" in field else field["values"]
            listed = ", ".join(f"`{v}`" for v in dict.fromkeys(values))
            words.append(f"a list of at most {limits['list_items']} of {listed}" if kind == "strings" else listed)
        else:
            pattern = field["pattern"].replace("|", "\\|")
            words.append(f"at most {limits['text_bytes']} bytes of text that match `{pattern}`")
    return "; or ".join(dict.fromkeys(words))


def table(fields: dict[str, dict[str, Any]], limits: dict[str, int]) -> list[str]:
    lines = ["| Field | Example | What it is | What it may be |", "| --- | --- | --- | --- |"]
    for key in sorted(fields, key=str.lower):
        field = fields[key]
        lines.append(
            f"| `{key}` | {cell(field['example'])} | {cell(field['description'])} | {allowed(field, limits)} |"
        )
    return lines


def derived(fields: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["| Field | Example | What it is | Where it comes from |", "| --- | --- | --- | --- |"]
    for key in sorted(fields, key=str.lower):
        field = fields[key]
        origin = f"worked out on arrival, from {field['derived_from']}" if "derived_from" in field else "sent"
        cells = [f"`{key}`", cell(field["example"]), cell(field["description"]), origin]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def sections(schema: dict[str, Any]) -> dict[str, list[str]]:
    limits = schema["limits"]
    subcommands: dict[str, list[str]] = {}
    for name in schema["spans"]:
        subcommands.setdefault(name.partition(" ")[0], []).append(name)
    attributes: list[str] = []
    for subcommand, names in sorted(subcommands.items()):
        fields = {k: f for k, f in schema["attributes"].items() if set(f["spans"]) & set(names)}
        attributes += [f"### stripepy {subcommand}", ""]
        attributes += ["Its span is named " + " or ".join(f"`{name}`" for name in names) + ".", ""]
        attributes += table(fields, limits) + [""]
    return {
        "destination": [f"`{schema['destination']}`"],
        "derived": derived(json.loads(DERIVED.read_text(encoding="utf-8"))),
        "resource": table(schema["resource"], limits),
        "attributes": attributes[:-1],
        "events": table(schema["events"]["exception"], limits),
    }


def render(text: str, schema: dict[str, Any]) -> str:
    for name, lines in sections(schema).items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        body = "\n".join(lines) + "\n"
        text, count = marked.subn(lambda m, body=body: m[1] + body + m[2], text)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"docs.py: {count} places for {name}")
    return text


def main(arguments: list[str]) -> int:
    check = arguments[:1] == ["--check"]
    page = pathlib.Path(arguments[-1])
    old = page.read_text(encoding="utf-8")
    new = render(old, json.loads(SCHEMA.read_text(encoding="utf-8")))
    if check:
        return int(new != old)
    page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
