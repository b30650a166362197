# SPDX-License-Identifier: MIT
"""Make a span's values of Python's, as opentelemetry-python 1.45 does."""

from __future__ import annotations

# The module behind collections.abc: every interpreter has it at start, but not the rest of collections.
from _collections_abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike


class SchemaError(ValueError):
    """The schema does not allow a name, key or value, or is not valid. Raised in strict mode only: see Client.

    The text has the key, the value and the rule.
    """

    __module__ = "runspan"

    def __init__(self, key: object, value: object, text: str) -> None:
        super().__init__(text)
        self.key, self.value = key, value


class Unsendable(ValueError):
    """OpenTelemetry has no such value, or its encoder refuses it."""


def clean(value: object) -> object:
    """Return a str, bool, int, float or None as it is, a sequence as a tuple, and any other value as its text.

    A value without a text of its own becomes None. Raise Unsendable for an int of more than 64 bits, which
    OpenTelemetry's encoder drops, and for bytes and mappings, for which runspan has no type.
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
    """Return attributes as the list that runspan_set_attrs takes, and the keys of those that must be set by themselves.

    One loop without calls, because most of a span's cost is here.
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
    """Return a text for C. Lone surrogates become invalid bytes, which the core replaces. Raise Unsendable for NUL."""
    if "\0" in text:
        raise Unsendable("a text with a NUL")
    return text.encode("utf-8", "surrogatepass")


def encode_schema(schema: str | bytes | PathLike[str]) -> bytes:
    """Return a schema's text for C, from its text or from the path of its file."""
    if isinstance(schema, bytes):
        return schema
    if hasattr(schema, "__fspath__"):
        with open(schema, "rb") as file:
            return file.read()
    return encode(schema)
