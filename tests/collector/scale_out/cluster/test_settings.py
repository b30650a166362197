# SPDX-License-Identifier: MIT
"""The files of a ClickHouse cluster, as far as ClickHouse without a server (chdb) can say.

Its settings are read, its SQL is parsed, and all of that runs that needs no second machine. Replication does, and was
not run.
"""

from __future__ import annotations

import re

import pytest

from runspan_collector.files import SCHEMAS
from runspan_collector.store.columns import read
from runspan_collector.store.each import expanded
from runspan_collector.store.embedded import EVERYTHING
from tests.collector.scale_out.cluster.conftest import CLICKHOUSE, REPLICATED, Server, statements
from tests.collector.store.conftest import QUERIES


def test_settings(server: Server) -> None:
    clusters = server.query(
        "SELECT shard_num, replica_num, host_name, internal_replication FROM system.clusters WHERE cluster = 'runspan'"
    )
    assert [(row["shard_num"], row["replica_num"]) for row in clusters] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert len({row["host_name"] for row in clusters}) == 4
    assert {row["internal_replication"] for row in clusters} == {1}, "each replica would be written by itself"
    macros = {row["macro"]: row["substitution"] for row in server.query("SELECT * FROM system.macros")}
    assert macros == {"cluster": "runspan", "shard": "1", "replica": "a"}
    (policy,) = server.query("SELECT disks FROM system.storage_policies WHERE policy_name = 'encrypted'")
    assert policy["disks"] == ["encrypted"]
    (disk,) = server.query("SELECT is_encrypted FROM system.disks WHERE name = 'encrypted'")
    assert disk["is_encrypted"] == 1


def test_sql_is_parsed(server: Server) -> None:
    there = statements()
    for statement in there:
        (formatted,) = server.query("SELECT formatQuery({statement:String}) AS sql", statement=statement)
        assert "ON CLUSTER" in formatted["sql"], statement
    assert len(REPLICATED.findall("\n".join(there))) == 1
    with pytest.raises(RuntimeError):
        server.query("SELECT formatQuery({statement:String})", statement=there[0].replace("CREATE", "CRATE"))


def test_sql_runs(alone: Server) -> None:
    assert [
        row["is_local"] for row in alone.query("SELECT is_local FROM system.clusters WHERE cluster = 'runspan'")
    ] == [1]
    for _ in range(2):  # it may be run again
        alone.make_tables()
    foreground = "SETTINGS distributed_foreground_insert = 1"
    rows = "('call', now(), 'a', 'b', true), ('call', now(), 'a', 'b', NULL), ('call', now(), 'c', 'd', true)"
    for _ in range(2):  # whatever comes again is there once
        alone.query(
            "INSERT INTO runspan.spans_everywhere (name, timestamp, `trace.span_id`, `trace.trace_id`, aborted) "
            f"{foreground} VALUES {rows}"
        )
    found = alone.query("SELECT `trace.span_id` AS id, aborted FROM runspan.spans ORDER BY id")
    assert found == [{"id": "a", "aborted": None}, {"id": "c", "aborted": True}]

    alone.query("USE runspan")  # as users.xml says of who asks
    queries = sorted(QUERIES.glob("*.sql"))
    assert queries
    for path in queries:
        sql = expanded(path.read_text(encoding="utf-8"), read(SCHEMAS)).strip().rstrip(";")
        found = re.findall(r"\{(\w+): *(\w+)", sql)
        parameters = {name: EVERYTHING.get(name, "1" if "Int" in kind else "") for name, kind in found}
        assert isinstance(alone.query(sql, **parameters), list), path


def test_a_field_gets_wider_as_the_page_says(alone: Server) -> None:
    alone.make_tables()
    alone.query("SET distributed_foreground_insert = 1")
    insert = "INSERT INTO runspan.spans_everywhere FORMAT JSONEachRow "
    row = '{"timestamp": "%s", "trace.trace_id": "a", "trace.span_id": "%s", "params.k": %s}'
    now = alone.query("SELECT now() AS now")[0]["now"]
    alone.query(insert + row % (now, "1", "3"))
    with pytest.raises(RuntimeError):
        alone.query(insert + row % (now, "2", "3.5"))
    page = (CLICKHOUSE.parent / "README.md").read_text(encoding="utf-8")
    altered = re.findall(r"^    (ALTER TABLE .* MODIFY COLUMN .*);$", page, re.M)
    assert len(altered) == 2
    for statement in altered:
        alone.query(statement.replace(" ON CLUSTER runspan", ""))
    alone.make_tables()  # the view has the old type until then
    alone.query(insert + row % (now, "2", "3.5"))
    found = alone.query("SELECT `params.k` AS k FROM runspan.spans ORDER BY k")
    assert found == [{"k": 3}, {"k": 3.5}]
