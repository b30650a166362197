# SPDX-License-Identifier: MIT
"""Questions about fields that only a schema names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runspan_collector.store.columns import read
from runspan_collector.store.each import expanded, matching
from runspan_collector.store.embedded import Store
from tests.collector.store.conftest import KEY, ROOT

SERVICES = read(ROOT / "schemas")


def test_fields_by_place_kind_and_name() -> None:
    schema = json.loads((ROOT / "schemas" / "stripepy.json").read_text(encoding="utf-8"))
    numbers = matching("span (int|double) ", SERVICES)
    wanted = {k for k, f in schema["attributes"].items() if set(map(str, [f["type"]])) & {"int", "['double', 'int']"}}
    assert set(numbers) == wanted and "params.nproc" in numbers and len(numbers) == len(wanted)
    assert matching(r"resource string dependency\.", SERVICES) == sorted(
        key for key in schema["resource"] if key.startswith("dependency.")
    )
    assert "params.columns" not in matching("span ", SERVICES), "a list has no value of its own"
    assert matching("event string exception.type$", SERVICES) == ["exception.type"]
    assert matching("span int duration_ms", SERVICES) == [], "the derived fields are no schema's"


@pytest.mark.parametrize("key", ["it's", 'a"b', "back\\slash", "tick`s", "with space", "{brace}", "--", "é🧬"])
def test_any_name_is_quoted(tmp_path: Path, key: str) -> None:
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    field = {"type": "int", "spans": ["run"]}
    document = {"service": "other", "spans": {"run": ""}, "attributes": {key: field}}
    (schemas / "other.json").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "store.key").write_text(KEY, encoding="ascii")
    store = Store(tmp_path, tmp_path, schemas)
    try:
        row = {"timestamp": "2026-01-01 00:00:00", "trace.trace_id": "1" * 32, "name": "run", "service.name": "other"}
        store._run("INSERT INTO spans_stored FORMAT JSONEachRow\n" + json.dumps(row | {key: 7}))
        sql = (
            "SELECT {each:span int } AS pairs, {all:span int } AS values, {all:span string } AS none FROM spans_stored"
        )
        found = store._run(expanded(sql, store.services))
        assert found == [{"pairs": [[key, "7"]], "values": [7], "none": None}]
    finally:
        store.close()
