# SPDX-License-Identifier: MIT
"""The SQL of the table and the views, for chdb and for a cluster (python -m runspan_collector.store.tables)."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection
from pathlib import Path

from runspan_collector.files import KEPT_DAYS, SCHEMAS
from runspan_collector.store.columns import KINDS, columns, quoted, read, stored

DATABASE = "runspan"
TABLE = "spans_stored"
VIEW = "spans"
RUNS = "runs"
TAKEN = "taken"
QUERIES = Path(__file__).parent / "queries"
COMPUTED = "run."  # how the names of the columns begin that only the view RUNS has
EVERYWHERE = "spans_everywhere"  # in a cluster: distributes rows to the shards

# A version that was not released is put under the number that it begins with: 1.3.2.dev7+g2e13fec under 1.3.2.dev. So
# are 1.3.2-7-g2e13fec, which git describe makes, and 1.3.2+anything. A pre-release such as 1.3.2rc1 is by itself.
RELEASE = r"replaceRegexpOne(`run.version`, '^v?([0-9]+(?:[.][0-9]+)*)(?:.*dev|.*[+]|.*-g[0-9a-f]{4}).*$', '\\1.dev')"
# A version that may be kept for good, and shown to everybody: another one may have anybody's name.
RELEASED = "if(match(`run.version`, '^[0-9]{1,4}([.][0-9]{1,3}){1,2}$'), `run.version`, 'other')"
# One name for a processor, whatever the systems call it.
ARCH = """transform(lower(toString(`host.arch`)),
        ['amd64', 'x64', 'aarch64', 'i386', 'i686'], ['x86_64', 'x86_64', 'arm64', 'x86', 'x86'],
        ifNull(lower(toString(`host.arch`)), 'unknown'))"""

# One row per run: of several reports of a run one stays, preferably one of the run's end, not one that was aborted.
# The TTL removes rows older than KEPT_DAYS when parts are merged; the view does not show them before.
# All reports of a run have the same begin, so they are in one week. Each week is merged separately, and a week with a
# single part is not merged again. A report with a run's ids and a begin in another week would be another run.
ORDER = """PARTITION BY toMonday(timestamp)
ORDER BY (`trace.trace_id`, `trace.span_id`)
TTL toDateTime(timestamp) + INTERVAL """
WHOLE = "`/whole` UInt8 MATERIALIZED NOT ifNull(aborted, false)"


def create_table(types: dict[str, str], *, policy: str, name: str = TABLE, days: int = KEPT_DAYS) -> str:
    return f"CREATE TABLE IF NOT EXISTS {DATABASE}.{name}\n{_table(types, policy, days)}"


def attach_table(types: dict[str, str], *, policy: str) -> str:
    """Return chdb's definition of the table, with {} instead of its id."""
    return f"ATTACH TABLE _ UUID '{{}}'\n{_table(types, policy)}\n"


def _table(types: dict[str, str], policy: str, days: int = KEPT_DAYS) -> str:
    # Rows must be on the disk before tidy may remove the file that they come from.
    settings = f"storage_policy = '{policy}', fsync_after_insert = 1"
    engine = f"ReplacingMergeTree(`/whole`)\n{ORDER}{days} DAY"
    return f"(\n{_column_list(types)}\n)\nENGINE = {engine}\nSETTINGS {settings}"


def create_view(
    types: dict[str, str],
    *,
    there: Collection[str] = (),
    source: str = TABLE,
    on_cluster: str = "",
    days: int = KEPT_DAYS,
) -> str:
    """Return the SQL of the view with a run a row. ``there`` has the names of the table's columns.

    A field that a query names and the table does not have is NULL, of the type Nullable(Nothing). So no query fails for
    the lack of a field; fields.sql says which there are.
    """
    selected = []
    for key in sorted(types):
        name, as_list = stored(key, types[key]), stored(key, KINDS["strings"])
        if as_list != name and as_list in there:  # it was a list before
            selected.append(
                f"    coalesce({quoted(name)}, nullIf(toJSONString({quoted(as_list)}), '[]')) AS {quoted(key)}"
            )
        else:
            selected.append(f"    {quoted(name)}" + (f" AS {quoted(key)}" if name != key else ""))
    selected += [f"    NULL AS {quoted(key)}" for key in sorted(_asked() - types.keys())]
    return (
        f"CREATE OR REPLACE VIEW {DATABASE}.{VIEW}{on_cluster} AS\nSELECT\n" + ",\n".join(selected) + "\n"
        f"FROM {DATABASE}.{source} FINAL\nWHERE timestamp > now() - INTERVAL {days} DAY\n"
        "SETTINGS do_not_merge_across_partitions_select_final = 1"
    )


def _asked() -> set[str]:
    """Return the fields that the queries name, and the view that they read."""
    queries = (re.sub("--.*", "", path.read_text(encoding="utf-8")) for path in QUERIES.glob("*.sql"))
    texts = [create_runs(), *queries]
    return {name for text in texts for name in re.findall("`([^`]+)`", text) if not name.startswith(COMPUTED)}


def create_runs(*, on_cluster: str = "") -> str:
    """Return the SQL of the view with a run a row, and what the page groups runs by."""
    return (
        f"CREATE OR REPLACE VIEW {DATABASE}.{RUNS}{on_cluster} AS\nSELECT\n    *,\n"
        "    ifNull(toString(`service.version`), 'unknown') AS `run.version`,\n"
        f"    {RELEASE} AS `run.release`,\n    {RELEASED} AS `run.released`,\n    {ARCH} AS `run.arch`\n"
        f"FROM {DATABASE}.{VIEW}"
    )


def create_taken(*, source: str = TABLE, on_cluster: str = "") -> str:
    """Return the SQL of a view with the number of rows, duplicates too. Parts know their rows, so it is fast."""
    return f"CREATE OR REPLACE VIEW {DATABASE}.{TAKEN}{on_cluster} AS\nSELECT count() AS rows FROM {DATABASE}.{source}"


def add_column(key: str, column_type: str, there: Collection[str]) -> str:
    """Return the SQL of a new column. Beside a column os.type ClickHouse adds no column os, but renames one to it."""
    name = stored(key, column_type)
    nested = any(other.startswith(name + ".") for other in there)
    made = f"{name}/new" if nested else name
    renamed = f", RENAME COLUMN {quoted(made)} TO {quoted(name)}" if nested else ""
    return f"ALTER TABLE {DATABASE}.{TABLE} ADD COLUMN {quoted(made)} {column_type}{renamed}"


def rename_column(name: str, to: str) -> str:
    return f"ALTER TABLE {DATABASE}.{TABLE} RENAME COLUMN {quoted(name)} TO {quoted(to)}"


def modify_column(key: str, column_type: str) -> str:
    return f"ALTER TABLE {DATABASE}.{TABLE} MODIFY COLUMN {quoted(stored(key, column_type))} {column_type}"


def _column_list(types: dict[str, str]) -> str:
    listed = [f"    {quoted(stored(key, types[key]))} {types[key]}" for key in sorted(types)]
    return ",\n".join([*listed, f"    {WHOLE}"])


def cluster(types: dict[str, str]) -> list[str]:
    """Return the SQL of the same table in shards and replicas, and of the same views over all of them.

    The reports of one run are in one shard, where they are merged. Run the SQL again when there are new fields.
    """
    on = " ON CLUSTER '{cluster}'"
    engine = "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', `/whole`)"
    engine += f"\n{ORDER}{KEPT_DAYS} DAY"
    statements = [
        f"CREATE DATABASE IF NOT EXISTS {DATABASE}{on}",
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.{TABLE}{on}\n(\n{_column_list(types)}\n)\nENGINE = {engine}\n"
        "SETTINGS storage_policy = 'encrypted'",
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.{EVERYWHERE}{on} AS {DATABASE}.{TABLE}\n"
        f"ENGINE = Distributed('{{cluster}}', '{DATABASE}', '{TABLE}', cityHash64(`trace.trace_id`), 'encrypted')",
    ]
    new = [f"    ADD COLUMN IF NOT EXISTS {quoted(stored(key, types[key]))} {types[key]}" for key in sorted(types)]
    statements += [f"ALTER TABLE {DATABASE}.{table}{on}\n" + ",\n".join(new) for table in (TABLE, EVERYWHERE)]
    statements.append(create_view(types, source=EVERYWHERE, on_cluster=on))
    statements.append(create_runs(on_cluster=on))
    statements.append(create_taken(source=EVERYWHERE, on_cluster=on))
    return statements


HEAD = """-- SPDX-License-Identifier: MIT
-- For a ClickHouse cluster: clickhouse-client --multiquery <cluster.sql.
-- Made by python -m runspan_collector.store.tables.
-- The servers have the macros cluster, shard and replica, and a storage policy named encrypted.
-- runspan-store puts rows into runspan.spans_everywhere; queries/*.sql read the views spans, runs and taken.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=Path, default=SCHEMAS)
    types = columns(read(parser.parse_args().schemas))
    print(HEAD + "\n" + ";\n\n".join(cluster(types)) + ";")


if __name__ == "__main__":
    main()
