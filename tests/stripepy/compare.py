# SPDX-License-Identifier: MIT
"""What two runs of StripePy sent, printed and wrote, compared.

Every comparison returns the differences as a list of sentences, empty where there are none.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from tests.stripepy.otlp_receiver import Request

Span: TypeAlias = dict[str, str]
"""A span with its resource and its scope: what there is at each path, such as ``span.attributes[params.k]: int 3``.

In protobuf a field that has its default value is not sent, so such fields are left out. The values of attributes are
never left out: there an empty string, 0 and false were set by somebody.
"""


@dataclass(frozen=True)
class Allowed:
    """A difference that is meant to be there: patterns for a path and for what each side has there."""

    path: str
    published: str | None
    patched: str | None


# --- spans ---


def spans(requests: Iterable[Request]) -> list[Span]:
    """Every span in the requests, in the order in which they arrived."""
    return [span for request in requests if "body" in request for span in _spans_of(request["body"])]


def _spans_of(body: Mapping[str, Any]) -> Iterator[Span]:
    for resource_spans in body.get("resourceSpans", []):
        for scope_spans in resource_spans.get("scopeSpans", []):
            for span in scope_spans.get("spans", []):
                flat: Span = {}
                _flatten("resource", resource_spans.get("resource"), flat)
                _flatten("resource.schemaUrl", resource_spans.get("schemaUrl"), flat)
                _flatten("scope", scope_spans.get("scope"), flat)
                _flatten("scope.schemaUrl", scope_spans.get("schemaUrl"), flat)
                _flatten("span", span, flat)
                yield flat


def _flatten(path: str, node: Any, flat: Span) -> None:
    if isinstance(node, dict):
        for key, child in node.items():
            if key == "attributes":
                _flatten_attributes(f"{path}.attributes", child, flat)
            else:
                _flatten(f"{path}.{key}", child, flat)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            _flatten(f"{path}[{index}]", child, flat)
    elif node:
        flat[path] = str(node)


def _flatten_attributes(path: str, attributes: Sequence[Mapping[str, Any]], flat: Span) -> None:
    # By key, not by position: attributes have no order.
    for attribute in attributes:
        key = f"{path}[{attribute['key']}]"
        if key in flat:
            raise ValueError(f"{key} is there twice")
        flat[key] = _value(attribute.get("value", {}))


def _value(value: Mapping[str, Any]) -> str:
    """An attribute's value with its type, so that 1, 1.0, "1" and true differ."""
    if not value:
        return "empty"
    [(kind, content)] = value.items()
    match kind:
        case "stringValue":
            return f"string {json.dumps(content, ensure_ascii=False)}"
        case "boolValue":
            return f"bool {json.dumps(content)}"
        case "intValue":
            return f"int {int(content)}"
        case "doubleValue":
            return f"double {float(content)!r}"
        case "arrayValue":
            return f"array [{', '.join(_value(item) for item in content.get('values', []))}]"
    raise ValueError(f"a value of kind {kind} is not an attribute that StripePy could have set")


def compare_spans(published: Span, patched: Span, allowed: Sequence[Allowed]) -> list[str]:
    differences = []
    for path in sorted(published.keys() | patched.keys()):
        sides = published.get(path), patched.get(path)
        if sides[0] != sides[1] and not any(_allows(a, path, *sides) for a in allowed):
            differences.append(f"{path}: published {sides[0]}, patched {sides[1]}")
    return differences


def _allows(allowed: Allowed, path: str, published: str | None, patched: str | None) -> bool:
    def fits(pattern: str | None, found: str | None) -> bool:
        if pattern is None or found is None:
            return pattern is found
        return re.fullmatch(pattern, found) is not None

    return fits(allowed.path, path) and fits(allowed.published, published) and fits(allowed.patched, patched)


# --- text ---

_TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", re.MULTILINE)
# "tool" is StripePy's own slip. What fills the column up to its width is as long as the time is short.
_ELAPSED = re.compile(r"\b(took|tool|in) (?:\d+h:)?(?:\d+m:)?\d+(?:\.\d+)?(?:ns|us|ms|s)\b(?: +$)?", re.MULTILINE)
_PROCESS = re.compile(r"\bPID=\d+")


def normalise(text: str, venv: Path) -> str:
    """The text without what no two runs have in common: times, process ids and where the program is installed."""
    text = text.replace(str(venv), "<venv>")
    text = _TIMESTAMP.sub("<time>", text)
    text = _ELAPSED.sub(r"\1 <elapsed>", text)
    return _PROCESS.sub("PID=<pid>", text)


def compare_text(name: str, published: str, patched: str, ordered: bool = True) -> list[str]:
    a, b = published.splitlines(keepends=True), patched.splitlines(keepends=True)
    if not ordered:
        a, b = sorted(a), sorted(b)
    if a == b:
        return []
    return [f"{name} differs:\n{''.join(difflib.unified_diff(a, b, 'published', 'patched'))}"]


# --- files ---


@dataclass(frozen=True)
class Output:
    """A folder that a run wrote to, and the virtual environment of the program that wrote."""

    folder: Path
    venv: Path

    def names(self) -> list[str]:
        entries = self.folder.rglob("*")
        return sorted(f"{p.relative_to(self.folder)}{'/' if p.is_dir() else ''}" for p in entries)


def compare_files(published: Output, patched: Output, ordered: bool = True) -> list[str]:
    names = published.names()
    differences = compare_text("the set of files", _lines(names), _lines(patched.names()))
    if differences:
        return differences
    for name in names:
        if name.endswith("/"):
            continue
        a, b = published.folder / name, patched.folder / name
        if h5py.is_hdf5(a) and h5py.is_hdf5(b):
            differences += [f"{name}: {difference}" for difference in compare_hdf5(a, b)]
        elif name.endswith(".log"):
            differences += compare_text(
                name,
                normalise(a.read_text(encoding="utf-8"), published.venv),
                normalise(b.read_text(encoding="utf-8"), patched.venv),
                ordered,
            )
        elif a.read_bytes() != b.read_bytes():
            differences.append(f"{name}: the bytes differ")
    return differences


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def compare_hdf5(published: Path, patched: Path) -> list[str]:
    with h5py.File(published, "r") as a, h5py.File(patched, "r") as b:
        contents = _hdf5_contents(a), _hdf5_contents(b)
    differences = [
        f"{name} is only in the {side} file"
        for side, own, other in (("published", *contents), ("patched", *reversed(contents)))
        for name in sorted(own.keys() - other.keys())
    ]
    for name in sorted(contents[0].keys() & contents[1].keys()):
        x, y = contents[0][name], contents[1][name]
        if x.dtype != y.dtype or x.shape != y.shape:
            differences.append(f"{name}: published {x.dtype} {x.shape}, patched {y.dtype} {y.shape}")
        elif not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
            differences.append(f"{name}: the values differ")
    return differences


def _hdf5_contents(file: h5py.File) -> dict[str, npt.NDArray[Any]]:
    contents: dict[str, npt.NDArray[Any]] = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        contents[name] = np.asarray(item[()]) if isinstance(item, h5py.Dataset) else np.empty(0)
        for key in item.attrs:
            if key != "creation-date":
                contents[f"{name}@{key}"] = np.asarray(item.attrs[key])

    add("/", file)
    file.visititems(add)
    return contents
