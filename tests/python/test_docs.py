# SPDX-License-Identifier: MIT
"""The tables of docs/telemetry.md are those of the schema, and the schema has the page's fields."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stripepy import table
from tests.stripepy.otlp_receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]


def test_tables_are_generated() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "docs.py"), "--check", str(ROOT / "docs" / "telemetry.md")]
    assert subprocess.run(check).returncode == 0, "run ./build.sh docs"


def test_schema_has_every_field_of_the_page(schema: str) -> None:
    s = json.loads(schema)
    derived = json.loads((ROOT / "schemas" / "derived.json").read_text(encoding="utf-8"))
    named = {**s["resource"], **s["attributes"], **derived}
    page = (ROOT / "tests" / "data" / "page-fields.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(page) == 41 and page == sorted(page, key=str.lower)
    assert set(page) <= set(named)


def field(kind: str, **more: object) -> dict[str, object]:
    return {"type": kind, "example": "", "description": "For a test.", **more}


ERRORS = ["KeyboardInterrupt", "SystemExit", "ValueError"]
MYTOOL: dict[str, object] = {
    "schema_version": 1,
    "service": "mytool",
    "destination": "https://collector.example/v1/traces",
    "scope": "mytool",
    "limits": {"text_bytes": 64, "list_items": 8},
    "spans": {"sort": "It sorted."},
    "resource": {"service.version": field("string", pattern="[0-9.]+")},
    "attributes": {
        "params.threads": field("int", spans=["sort"]),
        "aborted": field("bool", source="aborted", spans=["sort"]),
    },
    "events": {"exception": {"exception.type": field("string", source="error.type", values=ERRORS, otherwise="other")}},
}


@pytest.mark.parametrize("page", ["README.md", "python/README.md"])
@pytest.mark.parametrize(
    "ends, code, status, exception",
    [
        ("pass", 0, "1", None),
        ("raise ValueError('secret')", 1, "2", "ValueError"),
        ("raise KeyboardInterrupt", -2, "2", "KeyboardInterrupt"),
        ("sys.exit(3)", 3, "2", "SystemExit"),
        ("sys.exit('secret')", 1, "2", "SystemExit"),
        ("span.set_status(Status.OK); sys.exit()", 0, "1", None),
        ("span.set_status(Status.OK); sys.exit(0)", 0, "1", None),
    ],
)
def test_example_runs(
    page: str, ends: str, code: int, status: str, exception: str | None, tmp_path: Path, collector: Receiver
) -> None:
    """When the process is gone, the run's report has arrived, however the run ended."""
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mytool.json").write_text(json.dumps(MYTOOL), encoding="utf-8")
    lines = re.sub(r"sort_everything\(\)|\.\.\.", lambda _: ends, example)
    assert lines != example
    program = 'import sys; schema_text = open("mytool.json").read()\n' + lines
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    (request,) = collector.requests()
    rows = table.rows(request["body"])
    assert rows["name"] == "sort" and rows["params.threads"] == "8" and rows["service.version"] == "1.2.3"
    (span,) = request["body"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    types = [a["value"]["stringValue"] for event in span.get("events", []) for a in event["attributes"]]
    assert rows["status_code"] == status and types == ([exception] if exception else [])
    assert "aborted" not in rows and "secret" not in json.dumps(request["body"])
