# SPDX-License-Identifier: MIT
"""The dashboard can read the view, and nothing else."""

from __future__ import annotations

import os
import threading

import pytest

from runspan_collector.store.embedded import RefusedError, Store
from tests.collector.store.conftest import Installation, line

REFUSED = [
    "DROP TABLE spans_stored",
    "INSERT INTO spans_stored SELECT * FROM spans",
    "CREATE TABLE x ENGINE = Memory AS SELECT 1",
    "SELECT 1; DROP TABLE spans_stored",
    "SELECT 1) UNION ALL (SELECT 2",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1 FORMAT CSV",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT file('/etc/passwd')",
    "SELECT (SELECT count() FROM executable('x', 'CSV', 'a Int8'))",
    "WITH x AS (SELECT * FROM url('http://127.0.0.1')) SELECT * FROM x",
    "SELECT * FROM merge('runspan', '.*')",
    "SELECT * FROM spans_stored",
    "SELECT * FROM spans AS a JOIN runspan.spans_stored AS b ON true",
    "SELECT * FROM `system`.`disks`",
    "SET readonly = 1",
    "SHOW TABLES",
    "EXPLAIN SELECT 1",
    "SELECT * FROM spans WHERE",
    "",
]


@pytest.fixture
def store(installation: Installation) -> Store:
    made = installation.open()
    (installation.otlp / "spans.json").write_bytes(b"".join(line(i, {"params.k": i}) for i in range(1, 21)))
    installation.follow(made)
    return made


def test_all_but_a_select_is_refused(store: Store) -> None:
    for sql in REFUSED:
        with pytest.raises(RefusedError):
            store.query(sql)
    assert not os.path.exists("/tmp/x")
    assert store.query("SELECT count() AS n FROM spans") == [{"n": 20}]


def test_parameters_are_values(store: Store) -> None:
    for text in ("o'x", 'a"b', "a\\nb", "a\tb\nc\\", "{version:String}", "') OR 1 --"):
        assert store.query("SELECT {service:String} AS s", {"service": text}) == [{"s": text}]
    sql = "SELECT toString({from:DateTime('UTC')}) AS f, toString({to:DateTime('UTC')}) AS t, {service:String} AS s"
    assert store.query(sql) == [{"f": "1970-01-01 00:00:00", "t": "2106-01-01 00:00:00", "s": ""}]
    given = {"from": "2026-01-31", "to": "2026-01-31T13:00:00+01:00"}
    assert store.query(sql, given) == [{"f": "2026-01-31 00:00:00", "t": "2026-01-31 12:00:00", "s": ""}]


def test_threads_may_ask_while_rows_come(store: Store) -> None:
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(8):
            answer = store.query("SELECT count() AS n, uniqExact(`params.k`) AS k FROM spans WHERE `params.k` <= 20")
            if answer != [{"n": 20, "k": 20}]:
                wrong.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(8):
        row = {"trace.trace_id": f"{number + 1:032x}", "trace.span_id": f"{number + 100:016x}", "params.k": 21}
        store.insert([row | {"name": "call", "service.name": "stripepy", "timestamp": "2026-01-01 00:00:00"}])
    for thread in threads:
        thread.join()
    assert not wrong
