# SPDX-License-Identifier: MIT
"""ClickHouse without a server (chdb), with the cluster's settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chdb.session import Session

ROOT = Path(__file__).resolve().parents[4]
CLICKHOUSE = ROOT / "collector" / "scale-out" / "clickhouse"
REPLICATED = re.compile(r"ReplicatedReplacingMergeTree\('[^']*', '\{replica\}', ([^)]+)\)")


def settings(name: str) -> str:
    """What is in a file of settings, without the server's own that it removes."""
    inner = re.search(r"<clickhouse>(.*)</clickhouse>", (CLICKHOUSE / name).read_text(encoding="utf-8"), re.S)
    assert inner
    return re.sub(r'<\w+ remove="1"/>', "", inner[1])


def statements() -> list[str]:
    lines = (CLICKHOUSE / "cluster.sql").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


class Server:
    def __init__(self, folder: Path, *parts: str) -> None:
        text = "".join(parts).replace("/etc/clickhouse-server/keys/keys.xml", str(CLICKHOUSE / "keys.xml.example"))
        text = text.replace("/var/lib/clickhouse/", f"{folder}/")
        configuration = folder / "config.xml"
        disks = f"<custom_local_disks_base_directory>{folder}/</custom_local_disks_base_directory>"
        configuration.write_text(f"<clickhouse>{text}{disks}</clickhouse>", encoding="utf-8")
        self.session = Session(f"{folder}/db?config-file={configuration}")

    def query(self, sql: str, **parameters: str) -> list[dict[str, Any]]:
        escaped = {name: value.replace("\\", "\\\\").replace("\n", "\\n") for name, value in parameters.items()}
        answer = self.session.query(sql, "JSONEachRow", params=escaped).bytes()
        return [json.loads(line) for line in answer.splitlines()]

    def make_tables(self) -> None:
        """By cluster.sql, without the replication."""
        for statement in statements():
            self.query(REPLICATED.sub(r"ReplacingMergeTree(\1)", statement.replace(" ON CLUSTER '{cluster}'", "")))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """One with all settings."""
    monkeypatch.setenv("RUNSPAN_SHARD", "1")
    monkeypatch.setenv("RUNSPAN_REPLICA", "a")
    started = Server(tmp_path, settings("cluster.xml"), settings("server.xml"))
    yield started
    started.session.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Server]:
    """One that is all of its cluster: nothing is asked of another machine."""
    cluster = """<remote_servers><runspan><shard><internal_replication>true</internal_replication>
        <replica><host>127.0.0.1</host><port>9000</port></replica></shard></runspan></remote_servers>
        <macros><cluster>runspan</cluster></macros><tcp_port>9000</tcp_port>"""
    started = Server(tmp_path, cluster, settings("server.xml"))
    yield started
    started.session.close()
