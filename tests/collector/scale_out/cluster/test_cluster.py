# SPDX-License-Identifier: MIT
"""runspan-store with a cluster: one follows files into it, another one has the dashboard.

The server is a stand-in for ClickHouse's interface over HTTPS, with ClickHouse itself (chdb) behind it.
"""

from __future__ import annotations

import http.server
import json
import random
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.dashboard.users import Users
from runspan_collector.kept import COUNTED, whole
from runspan_collector.store import synthesize
from runspan_collector.store.cluster import Cluster
from tests.collector.dashboard.running import PASSWORD, Client, certificate
from tests.collector.scale_out.cluster.conftest import ROOT, Server
from tests.collector.store.conftest import QUERIES
from tests.collector.waiting import free_ports, wait_for

SECRET = "correct horse\tbattery: ä".encode().decode("latin-1")  # as headers have it
MAY_WRITE = "ingest"


class ClickHouse(http.server.ThreadingHTTPServer):
    """What the real one does of this is in its documentation: https://clickhouse.com/docs/interfaces/http."""

    daemon_threads = True

    def __init__(self, alone: Server, crt: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.alone, self.lock = alone, threading.Lock()
        self.ill: Callable[[Handler], object] | None = None
        self.refused = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that do not trust it, for one


class Handler(http.server.BaseHTTPRequestHandler):
    server: ClickHouse

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        if self.server.ill:
            self.server.refused += 1
            self.server.ill(self)
            return
        if self.headers["X-ClickHouse-Key"] != SECRET:
            return self.say(403, b"Code: 516. DB::Exception: Authentication failed\nsecond line")
        # The query of the address and that of the body are one text.
        sql = "\n".join(part for part in (given.pop("query", ""), body) if part)
        if sql.startswith("INSERT") and self.headers["X-ClickHouse-User"] != MAY_WRITE:
            return self.say(403, b"Code: 497. DB::Exception: Not enough privileges")
        assert given.pop("wait_end_of_query") == "1"
        kind = given.pop("default_format", "TabSeparated")
        given.pop("output_format_json_quote_64bit_integers", None)
        values = {name.removeprefix("param_"): value for name, value in given.items()}
        try:
            with self.server.lock:
                self.say(200, self.server.alone.session.query(sql, kind, params=values).bytes())
        except RuntimeError as error:
            self.say(400, str(error).encode())

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def clickhouse(alone: Server, tmp_path: Path) -> Iterator[ClickHouse]:
    """With the cluster's tables, and keys for those who ask it in tmp_path/keys."""
    alone.make_tables()
    alone.query("USE runspan")  # users.xml says so of who asks
    alone.query("SET distributed_foreground_insert = 1")
    keys = tmp_path / "keys"
    keys.mkdir()
    crt, key = certificate(tmp_path, "clickhouse")
    (keys / "clickhouse-ca.crt").write_bytes(crt.read_bytes())
    (keys / "clickhouse.password").write_text("correct horse\tbattery: ä\n", encoding="utf-8")
    made = ClickHouse(alone, crt, key)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def cluster(clickhouse: ClickHouse, tmp_path: Path, user: str = MAY_WRITE) -> Cluster:
    return Cluster(f"https://{user}@localhost:{clickhouse.server_port}", tmp_path / "keys", ROOT / "schemas")


@contextmanager
def store(*arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([Path(sys.executable).parent / "runspan-store", *arguments])
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_files_become_answers(clickhouse: ClickHouse, tmp_path: Path) -> None:
    data, keys = tmp_path / "data", tmp_path / "keys"
    rng, now = random.Random(3), int(time.time())
    runs = synthesize.make(400, 90, rng, now)
    address = f"@localhost:{clickhouse.server_port}"
    state = data / "state" / "store.json"

    def says() -> Any:
        return json.loads(state.read_bytes()) if state.exists() else {}

    (data / "otlp").mkdir(parents=True)
    clickhouse.ill = lambda handler: handler.say(503, b"")
    with store("--data", data, "--keys", keys, "--cluster", f"https://ingest{address}"):
        synthesize.write(runs, data / "otlp", rng)
        wait_for(lambda: clickhouse.refused > 1, "it is not tried again")
        newest = says().get("files", {}).get("spans.json", {"offset": 0})
        assert newest["offset"] == 0, "what was refused is said to be taken"
        clickhouse.ill = None
        sizes = {path.name: path.stat().st_size for path in (data / "otlp").iterdir()}
        wait_for(lambda: {n: f["offset"] for n, f in says().get("files", {}).items()} == sizes, "it is behind")
        wait_for(lambda: says()["status"].get("error", "") is None, "it goes on complaining")
    kept = synthesize.answers(runs, now)["totals"][0]["runs"]
    assert says()["status"]["rows"] == kept and says()["counts"]["old_spans"] > 0

    # Another machine has the dashboard: no data, and a user who may only read.
    certificate(keys)
    Users(keys / "dashboard.users").set("ada", PASSWORD)
    (port,) = free_ports(1)
    where = f"127.0.0.1:{port}"
    with store("--keys", keys, "--cluster", f"https://dashboard{address}", "--dashboard", where):
        page = Client(port, keys / "tls.crt")

        def answers() -> bool:
            try:
                return page.ask("/login").status == 200
            except OSError:
                return False

        wait_for(answers, "no dashboard")
        assert page.log_in().status == 303
        expected = synthesize.answers(runs, now)
        for name in set(expected) - {"public"}:
            given = urllib.parse.urlencode({"from": "2020-01-01", "to": "2099-01-01"})
            answer = page.ask(f"/data/{name}.json?{given}")
            if name.startswith("growth"):  # of all programs, and of whole weeks or months
                unit, moment = "month" if name == "growth_months" else "week", datetime.now(timezone.utc)
                there = {f"{begin:%Y-%m-%d}" for begin, _ in whole(unit, moment - COUNTED, moment)}
                expected[name] = [row for row in expected[name] if not row.pop("service") and row[unit] in there]
                assert expected[name] or unit == "month"
            assert (answer.status, json.loads(answer.body)) == (200, expected[name]), name
        # While nobody answers the page says so, and goes on after.
        clickhouse.ill = lambda handler: handler.connection.close()
        assert page.ask("/data/totals.json").status == 500
        clickhouse.ill = None
        assert page.ask("/data/totals.json").status == 200


def test_queries_are_those_of_the_store(clickhouse: ClickHouse, tmp_path: Path) -> None:
    made = cluster(clickhouse, tmp_path)
    row = {"trace.trace_id": "1" * 32, "trace.span_id": "2" * 16, "timestamp": "2000000000.5", "name": "it's\t\\ä\n"}
    row["timestamp"] = f"{int(time.time())}.500000000"
    made.insert([row, row])
    made.insert([])
    sql = "SELECT name, `params.nproc` AS n FROM spans WHERE name = {name:String}"
    assert made.query(sql, {"name": row["name"]}) == [{"name": row["name"], "n": None}]
    assert made.query(sql, {"name": "x' OR 1 = 1 --"}) == []
    assert made.query("SELECT count() AS n, {to:DateTime('UTC')} AS t FROM spans") == [
        {"n": 1, "t": "2106-01-01 00:00:00"}
    ]
    (one,) = made.query((QUERIES / "run.sql").read_text(encoding="utf-8"), {"span_id": "2" * 16})
    assert one["trace.trace_id"] == "1" * 32


def test_what_goes_wrong_is_said(clickhouse: ClickHouse, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Not enough privileges"):
        cluster(clickhouse, tmp_path, "dashboard").insert([{"name": "call"}])
    with pytest.raises(RuntimeError, match="of_a_newer_schema"):
        cluster(clickhouse, tmp_path).insert([{"params.of_a_newer_schema": 1}])
    ill: dict[str, Callable[[Handler], object]] = {
        "ClickHouse answered 502": lambda handler: handler.say(502, b""),
        "what answered is not ClickHouse": lambda handler: handler.say(200, b"<html>"),
        "no answer of ClickHouse": lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n"),
    }
    for said, how in ill.items():
        clickhouse.ill = how
        with pytest.raises(RuntimeError, match=said):
            cluster(clickhouse, tmp_path).status()
    clickhouse.ill = None
    made = cluster(clickhouse, tmp_path)
    (tmp_path / "keys" / "clickhouse.password").write_text("wrong\n")
    with pytest.raises(RuntimeError, match="Authentication failed"):
        cluster(clickhouse, tmp_path).status()
    assert made.status()["rows"] == 0
    (tmp_path / "keys" / "clickhouse-ca.crt").unlink()
    with pytest.raises(ssl.SSLCertVerificationError):
        cluster(clickhouse, tmp_path).status()


@pytest.mark.parametrize(
    "address", ["http://a@b:8123", "https://b:8443", "https://a:secret@b", "a@b", "", "https://a@b/x"]
)
def test_addresses(address: str, tmp_path: Path) -> None:
    (tmp_path / "clickhouse.password").write_text("x\n")
    with pytest.raises(ValueError, match="is not https://USER@HOST:PORT") as raised:
        Cluster(address, tmp_path, ROOT / "schemas")
    assert "secret" not in str(raised.value)
