# SPDX-License-Identifier: MIT
"""The tables of docs/telemetry.md are those of the schema, and the schema has the page's fields."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_tables_are_generated() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "docs.py"), "--check", str(ROOT / "docs" / "telemetry.md")]
    assert subprocess.run(check).returncode == 0, "run ./build.sh docs"


def test_schema_has_every_field_of_the_page(schema: str) -> None:
    s = json.loads(schema)
    named = {**s["resource"], **s["attributes"], **s["record"]}
    page = (ROOT / "tests" / "data" / "page-fields.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(page) == 41 and page == sorted(page, key=str.lower)
    assert set(page) <= set(named)
