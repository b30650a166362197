# SPDX-License-Identifier: MIT
"""Compare clean() with opentelemetry-python's own rules; call encode()."""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from opentelemetry.attributes import BoundedAttributes

from runspan._values import Unsendable, clean, encode


class Plain:
    """Has no text of its own."""


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


VALUES: list[object] = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    0.0,
    -0.0,
    1e308,
    math.inf,
    -math.inf,
    math.nan,
    "",
    "text",
    "äöü",
    np.int64(3),
    np.int8(-3),
    np.uint64(2**64 - 1),
    np.float64(0.25),
    np.float64("nan"),
    np.float32(0.25),
    np.bool_(True),
    np.bool_(False),
    np.str_("text"),
    np.array([1, 2]),
    ["a", "b"],
    ("a", "b"),
    [],
    [np.int64(1), np.str_("b")],
    ["a", 1, None, 2.5],
    [["a"], "b"],
    range(3),
    Decimal("1.5"),
    Fraction(1, 3),
    PurePosixPath("/a/b"),
    Colour.RED,
    Level.HIGH,
    {1},
    1j,
    Plain(),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value).partition(" at 0x")[0])
def test_as_opentelemetry_does_it(value: object) -> None:
    theirs: Any = BoundedAttributes(attributes={"key": value})["key"]  # type: ignore[dict-item]
    ours: Any = clean(value)
    assert type(ours) is type(theirs)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**100, [2**63], b"bytes", {"a": 1}], ids=repr)
def test_what_can_not_be_sent(value: object) -> None:
    with pytest.raises(Unsendable):
        clean(value)


def test_encode() -> None:
    assert encode("ä") == b"\xc3\xa4"
    assert encode("\udcff") == b"\xed\xb3\xbf"  # invalid UTF-8, which the core replaces
    with pytest.raises(Unsendable):
        encode("a\0b")
