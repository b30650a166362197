# SPDX-License-Identifier: MIT
"""The table that tests hold reports against has the derived fields of the core and the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stripepy import table

ROOT = Path(__file__).resolve().parents[2]
FIELDS = json.loads((ROOT / "schemas" / "derived.json").read_bytes())
CASES = json.loads((ROOT / "tests" / "data" / "derived.json").read_bytes())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_derived_fields(case: dict[str, Any]) -> None:
    """internal/show and the store have the same cases."""
    found: dict[str, Any] = table.derived({"name": case["scope"]}, case["span"])
    assert set(found) == set(FIELDS)
    found["timestamp"] = found["timestamp"].replace("+00:00", "Z")
    found["duration_ms"] = float(found["duration_ms"]) if found["duration_ms"] else None
    assert found == {
        key: str(value) if isinstance(value, int) and key != "duration_ms" else value
        for key, value in case["derived"].items()
    }
