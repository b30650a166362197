# SPDX-License-Identifier: MIT
"""The command check, as a tool's author runs it: with telemetry off, without a home, with the schema of any service."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
import sys
from runspan import command
sys.exit(command.run("other", open(sys.argv[1], "rb").read(), ["check", *sys.argv[2:]]))
"""


def check(schema: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"NO_TELEMETRY": "1", "HTTPS_PROXY": "http://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, "-c", CHECK, schema, *words], env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "schema", ["schemas/stripepy.json", "tests/data/every-kind.json", "examples/count/linecount.json"]
)
def test_what_a_valid_schema_sends(schema: str) -> None:
    document = json.loads((ROOT / schema).read_bytes())
    done = check(ROOT / schema)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.startswith(
        f"{document['service']}: the schema is valid\n  sent to       {document['destination']}\n"
    )
    for key in (*document["resource"], *document["attributes"], *document.get("events", {}).get("exception", {})):
        assert f"\n  {key} " in done.stdout
    answer = json.loads(check(ROOT / schema, "--json").stdout)
    assert answer["valid"] and "faults" not in answer
    sent = {span["name"]: {attribute["key"] for attribute in span["attributes"]} for span in answer["spans"]}
    assert sent == {
        name: {key for key, field in document["attributes"].items() if name in field["spans"]}
        for name in document["spans"]
    }
    assert set(answer["derived"]) == set(json.loads((ROOT / "schemas" / "derived.json").read_bytes()))


def test_all_faults(tmp_path: Path) -> None:
    schema = tmp_path / "mytool.json"
    schema.write_text(
        """{
  "service": "My Tool",
  "destination": "http://telemetry.example/v1/traces",
  "spans": {"sort": "It sorted."},
  "attributes": {
    "params.k": {"type": "int", "min": 1, "spans": ["sort"], "description": "K."},
    "params.mode": {"type": "string", "values": [1], "spans": ["srot"], "description": "The mode."}
  }
}"""
    )
    done = check(schema)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.splitlines() == [
        "line 2: service is no name of a service: at most 63 lower-case letters, digits, - and _, a letter first",
        "line 3: destination is not an https URL",
        'line 6: unknown member "min"; perhaps "minimum"',
        'line 7: an item of "values" is a whole number; it must be a text',
        'line 7: params.mode: no span is named "srot"; perhaps "sort"',
    ]
    done = check(schema, "--json")
    answer = json.loads(done.stdout)
    assert (
        done.returncode == 1
        and not answer["valid"]
        and [fault["line"] for fault in answer["faults"]] == [2, 3, 6, 7, 7]
    )


def test_a_word_too_many(tmp_path: Path) -> None:
    done = check(ROOT / "schemas" / "stripepy.json", "call")
    assert done.returncode == 2 and done.stdout.startswith("commands:\n") and "\n  check  " in done.stdout
