# SPDX-License-Identifier: MIT
"""The columns of the table of runs: one for each field of the schemas, and one for each derived field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

KINDS = {
    "bool": "Nullable(Bool)",
    "double": "Nullable(Float64)",
    "int": "Nullable(Int64)",
    "string": "LowCardinality(Nullable(String))",
    "strings": "Array(String)",
}

KIND_OF = {column_type: kind for kind, column_type in KINDS.items()}

DERIVED: dict[str, str] = {
    key: field["column"] for key, field in json.loads((Path(__file__).parent / "derived.json").read_bytes()).items()
}
"""The columns of the fields that follow from the span itself. rows.py computes them."""

# Each table has these columns: the store identifies, merges and deletes rows by some of them.
FIXED = DERIVED | {"service.name": "LowCardinality(String)", "aborted": KINDS["bool"]}


ODD = re.compile(r"\Z|[_.]|run\.|.*(/|\.\.|\.\Z)", re.DOTALL)
"""The names of fields that ClickHouse, the store's tables and its views have other uses for, besides DERIVED."""


class SchemaError(ValueError):
    """The store can't make columns of a schema."""


@dataclass
class Field:
    """A field of a resource, a span or an event."""

    types: frozenset[str]
    as_text: bool
    constant: str | None


@dataclass
class Service:
    """A schema, as far as the store needs it."""

    name: str
    scope: str
    # The fields by their names in the store.
    resource: dict[str, Field] = field(default_factory=dict)
    spans: dict[str, dict[str, Field]] = field(default_factory=dict)
    events: dict[str, dict[str, Field]] = field(default_factory=dict)

    def fields(self) -> Iterable[tuple[str, Field]]:
        yield from self.resource.items()
        for fields in (*self.spans.values(), *self.events.values()):
            yield from fields.items()


def read(folder: Path) -> dict[str, Service]:
    """Read the schemas of a folder. Return their services, by name."""
    services = {}
    for path in sorted(folder.glob("*.json")):
        # The JSON Schema of a schema, and the list of derived fields.
        if path.name.endswith(".schema.json") or path.name == "derived.json":
            continue
        try:
            service = _service(json.loads(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            raise SchemaError(f"{path.name}: {e!r}") from e
        services[service.name] = service
    if not services:
        raise SchemaError(f"no schema in {folder}")
    return services


def _service(document: dict[str, Any]) -> Service:
    service = Service(document["service"], document.get("scope", document["service"]))
    resource = document.get("resource", {"service.name": {"type": "string"}})
    service.resource = {named(key): _field(f) for key, f in resource.items()}
    service.spans = {name: {} for name in document["spans"]}
    for key, attribute in document.get("attributes", {}).items():
        for name in attribute["spans"]:
            service.spans[name][named(key)] = _field(attribute)
    service.events = {
        name: {named(key): _field(f) for key, f in fields.items()}
        for name, fields in document.get("events", {}).items()
    }
    return service


@lru_cache(4096)  # it is asked for each value of each run
def named(key: str) -> str:
    """Return a field's name in the store: its own, or one with a slash in front. A schema may use any name."""
    odd = key in DERIVED or ODD.match(key)
    return "/" + re.sub("[%/.]", lambda found: f"%{ord(found[0]):02X}", key) if odd else key


def _field(document: dict[str, Any]) -> Field:
    types = document["type"] if isinstance(document["type"], list) else [document["type"]]
    return Field(frozenset(types), document.get("as_text", False), document.get("constant"))


def kind(types: Iterable[str]) -> str:
    """Return the kind of a column that holds values of all these types."""
    types = set(types)
    if len(types) == 1:
        return next(iter(types))
    return "double" if types == {"int", "double"} else "string"


def columns(services: dict[str, Service], there: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the type of each column, by the field's name. Fields of one name in two schemas share a column.

    ``there`` has the types of the columns that the table has already, by their names in the table. Each of them stays,
    also where no schema has its field any more, and none becomes narrower: its rows may be of another schema.
    SchemaError if a column of FIXED has another type.
    """
    left = dict(there or {})
    types: dict[str, set[str]] = {}
    for service in services.values():
        for key, one in service.fields():
            types.setdefault(key, set()).update(one.types)
    for key in FIXED:
        if (other := left.pop(key, FIXED[key])) != FIXED[key]:
            raise SchemaError(f"{key} is stored as {other} and not as {FIXED[key]}: make the store anew")
    for key, found in types.items():
        for name in {key, stored(key, KINDS["strings"])}:
            if left.get(name) in KIND_OF and stored(key, left[name]) == name:
                found.add(KIND_OF[left.pop(name)])
    lists_first = sorted(left.items(), key=lambda column: column[1] != KINDS["strings"])
    old = {_of_list(name) if of == KINDS["strings"] else name: of for name, of in lists_first}
    return old | {key: KINDS[kind(found)] for key, found in types.items()} | FIXED


def stored(key: str, column_type: str) -> str:
    """Return the column's name in the table, by the field's name in the store.

    A list has a column of its own, because a field may have been a list before. ClickHouse takes lists a.b and a.c for
    one Nested a, of equal lengths.
    """
    if column_type != KINDS["strings"]:
        return key
    return key.replace(".", "/") if "." in key else key + "/"


def _of_list(name: str) -> str:
    return name.removesuffix("/") if name.endswith("/") else name.replace("/", ".")


def quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
