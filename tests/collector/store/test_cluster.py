# SPDX-License-Identifier: MIT
"""What can be said of cluster.sql with one ClickHouse: it is of today's schemas, parses, and gives the same view."""

from __future__ import annotations

from runspan_collector.store import tables
from runspan_collector.store.columns import columns, read
from tests.collector.store.conftest import EVERY_PARAMETER, QUERIES, ROOT, Installation, line


def test_it_is_of_these_schemas() -> None:
    statements = tables.cluster(columns(read(ROOT / "schemas")))
    text = (ROOT / "collector" / "scale-out" / "clickhouse" / "cluster.sql").read_text(encoding="utf-8")
    assert text == tables.HEAD + "\n" + ";\n\n".join(statements) + ";\n", "python -m runspan_collector.store.tables"


def test_its_tables_have_the_same_view_and_queries(installation: Installation) -> None:
    """Run here without what needs several machines: replicas, ON CLUSTER, and the Distributed table."""
    store = installation.open()
    (installation.otlp / "spans.json").write_bytes(line(1, {"params.k": 3}) * 2 + line(2, name="view"))
    installation.follow(store)
    expected = store.query("SELECT * FROM spans ORDER BY `trace.span_id`")
    store._run("RENAME TABLE spans_stored TO spans_before")
    store._run("DROP TABLE spans")
    for statement in tables.cluster(columns(store.services)):
        store._run("SELECT formatQuery({sql:String})", {"sql": statement})
        if "Distributed" in statement:
            statement = "CREATE TABLE spans_everywhere AS spans_stored ENGINE = Merge(runspan, '^spans_stored$')"
        there = "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', `/whole`)"
        statement = statement.replace(" ON CLUSTER '{cluster}'", "").replace(there, "ReplacingMergeTree(`/whole`)")
        if not statement.startswith("ALTER TABLE runspan.spans_everywhere"):
            store._run(statement)
    listed = ", ".join(
        f"`{row['name']}`" for row in store._run("DESCRIBE TABLE spans_before") if row["name"] != "/whole"
    )
    store._run(f"INSERT INTO spans_stored ({listed}) SELECT {listed} FROM spans_before")
    assert store.query("SELECT * FROM spans ORDER BY `trace.span_id`") == expected and len(expected) == 2
    for path in QUERIES.glob("*.sql"):
        assert isinstance(store.query(path.read_text(encoding="utf-8"), EVERY_PARAMETER), list)
    totals = store.query((QUERIES / "totals.sql").read_text(encoding="utf-8"))
    assert totals[0]["runs"] == 2
