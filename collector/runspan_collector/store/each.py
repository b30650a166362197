# SPDX-License-Identifier: MIT
"""Questions about fields that only the schemas name: a query has a pattern, and the store puts the fields there.

A field is described by a line: its place (``resource``, ``span`` or ``event``), its kind and its name, such as
``span int params.nproc``. The pattern is a regular expression that matches the line from its begin.

- ``{each:PATTERN}`` is an array of pairs: the name of each field, and its value as text, or NULL.
- ``{columns:PATTERN}`` is their columns, with commas; NULL if no field matches.
- ``{all:PATTERN}`` is a tuple of their values; NULL if no field matches.

A list is no such field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from runspan_collector.store.columns import Field, Service, kind, quoted

PLACE = re.compile(r"\{(each|columns|all):([^{}]+)\}")
PAIR = "Tuple(String, Nullable(String))"


def expanded(sql: str, services: dict[str, Service]) -> str:
    """Return the query with the fields of these schemas in the place of its patterns."""
    forms: dict[str, Callable[[list[str]], str]] = {"each": _pairs, "columns": _columns, "all": _tuple}
    return PLACE.sub(lambda found: forms[found[1]](matching(found[2], services)), sql)


def matching(pattern: str, services: dict[str, Service]) -> list[str]:
    """Return the names of the fields whose line matches, in their order."""
    kinds = {(place, kind(field.types), key) for place, key, field in _fields(services)}
    return sorted({key for place, of, key in kinds if of != "strings" and re.match(pattern, f"{place} {of} {key}")})


def _fields(services: dict[str, Service]) -> Iterator[tuple[str, str, Field]]:
    for service in services.values():
        for place, groups in (
            ("resource", [service.resource]),
            ("span", service.spans.values()),
            ("event", service.events.values()),
        ):
            for fields in groups:
                for key, field in fields.items():
                    yield place, key, field


def _pairs(keys: list[str]) -> str:
    pairs = ", ".join(f"({_text(key)}, CAST({quoted(key)}, 'Nullable(String)'))" for key in keys)
    return f"CAST([{pairs}], 'Array({PAIR})')"


def _columns(keys: list[str]) -> str:
    return ", ".join(map(quoted, keys)) or "NULL"


def _tuple(keys: list[str]) -> str:
    return f"tuple({_columns(keys)})" if keys else "NULL"


def _text(key: str) -> str:
    return "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"
