# SPDX-License-Identifier: MIT
"""From Python's values to those of a span, as opentelemetry-python 1.45 does it."""

from __future__ import annotations

# What collections.abc is made of: every interpreter has it at start, and not the rest of collections.
from _collections_abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike


class Unsendable(ValueError):
    """OpenTelemetry has no such value, or its encoder refuses it."""


def clean(value: object) -> object:
    """A str, bool, int, float or None as it is; a sequence as a tuple; anything else as its text.

    What has no text of its own becomes None. Raises Unsendable for an int of
    more than 64 bits, which OpenTelemetry's encoder drops, and for bytes and
    mappings, which runspan has no type for.
    """
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return value
        raise Unsendable("an int of more than 64 bits")
    if isinstance(value, (bytes, Mapping)):
        raise Unsendable(f"a value of type {type(value).__name__}")
    if isinstance(value, Sequence):
        return tuple(clean(v) for v in value)
    kind = type(value)
    if kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__:
        return str(value)
    return None


def pack(attributes: Mapping[str, object]) -> tuple[bytes, list[str]]:
    """Attributes as the list that runspan_set_attrs takes, and the keys of those that have to be set by themselves.

    One loop without calls: it is most of what a span costs.
    """
    texts: list[str] = []
    others: list[str] = []
    for key, value in attributes.items():
        kind = type(value)
        if kind is str:
            texts.append(f"{key}\0s{value}\0")
        elif kind is bool:
            texts.append(f"{key}\0b1\0" if value else f"{key}\0b0\0")
        elif kind is int and -(2**63) <= value < 2**63:  # type: ignore[operator]
            texts.append(f"{key}\0i{value}\0")
        elif kind is float:
            texts.append(f"{key}\0d{value!r}\0")
        else:
            others.append(key)
    packed = "".join(texts).encode("utf-8", "surrogatepass")
    if packed.count(b"\0") != 2 * len(texts):  # a NUL in a key or text would take others with it
        return b"", list(attributes)
    return packed, others


def encode(text: str) -> bytes:
    """A text for C. Lone surrogates become invalid bytes, which the core replaces. Raises Unsendable for a NUL."""
    if "\0" in text:
        raise Unsendable("a text with a NUL")
    return text.encode("utf-8", "surrogatepass")


def encode_schema(schema: str | bytes | PathLike[str]) -> bytes:
    """A schema's text for C, from its text or from the path of its file."""
    if isinstance(schema, bytes):
        return schema
    if hasattr(schema, "__fspath__"):
        with open(schema, "rb") as file:
            return file.read()
    return encode(schema)
