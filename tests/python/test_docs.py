# SPDX-License-Identifier: MIT
"""The tables of docs/telemetry.md are those of the schema, and the schema has the page's fields."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.stripepy import table
from tests.stripepy.otlp_receiver import Receiver

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


def field(kind: str, **more: object) -> dict[str, object]:
    return {"type": kind, "example": "", "description": "For a test.", **more}


MYTOOL: dict[str, object] = {
    "schema_version": 1,
    "service": "mytool",
    "destination": "https://collector.example/v1/traces",
    "scope": "mytool",
    "limits": {"text_bytes": 64, "list_items": 8},
    "spans": {"sort": "It sorted."},
    "resource": {"service.version": field("string", pattern="[0-9.]+")},
    "attributes": {"params.threads": field("int", spans=["sort"])},
    "events": {},
    "record": {},
}


def test_readme_example_runs(tmp_path: Path, collector: Receiver) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(from runspan.*?)```", readme, re.DOTALL)
    (tmp_path / "mytool.json").write_text(json.dumps(MYTOOL), encoding="utf-8")
    program = "def sort_everything(): pass\n" + example
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    (request,) = collector.requests()
    rows = table.rows(request["body"])
    assert rows["name"] == "sort" and rows["params.threads"] == "8" and rows["status_code"] == "1"
    assert rows["service.version"] == "1.2.3"
