# SPDX-License-Identifier: MIT
"""A ClickHouse cluster in place of the embedded store: the same methods, by ClickHouse's interface over HTTPS.

Which user may do what is in collector/scale-out/clickhouse/users.xml: ``ingest`` inserts, ``dashboard`` asks.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from runspan_collector.store import tables
from runspan_collector.store.columns import read
from runspan_collector.store.embedded import escaped, given, summary
from runspan_collector.store.rows import Row, encode

TIMEOUT = 60  # seconds; the servers end a question after 30


class Cluster:
    """Asks one server, which asks the others. Threads may share it: each request has a connection of its own.

    ``address`` is https://USER@HOST:PORT. ``keys`` has ``clickhouse.password``, and ``clickhouse-ca.crt`` where the
    servers' certificates are not ones that the system knows. A wrong address is a ValueError.
    """

    def __init__(self, address: str, keys: Path, schemas: Path) -> None:
        self.services = read(schemas)
        url = urlsplit(address)
        if url.scheme != "https" or not url.hostname or not url.username or url.password or url.path.strip("/"):
            raise ValueError("the address is not https://USER@HOST:PORT, with the password in a file")
        self._where = url.hostname, url.port or 8443
        password = (keys / "clickhouse.password").read_bytes().strip(b"\n")
        self._user = {"X-ClickHouse-User": unquote(url.username).encode(), "X-ClickHouse-Key": password}
        ca = keys / "clickhouse-ca.crt"
        self._tls = ssl.create_default_context(cafile=str(ca) if ca.exists() else None)

    def close(self) -> None:
        """There is nothing to be closed; the store has something."""

    def query(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[Row]:
        """The rows of a SELECT, as the store has them. What the user may read, the servers say."""
        settings = {"default_format": "JSONEachRow", "output_format_json_quote_64bit_integers": "0"}
        values = escaped(given(sql, parameters))
        answer = self._post(sql, settings | {f"param_{name}": value for name, value in values.items()})
        try:
            return [json.loads(line) for line in answer.splitlines()]
        except ValueError:
            raise RuntimeError("what answered is not ClickHouse: it sent no JSON") from None

    def insert(self, rows: list[Row]) -> None:
        """Takes rows; the replicas that the user's ``insert_quorum`` asks for have them when it returns.

        RuntimeError where a schema has a field that the table has no column for: cluster.sql has to be run again.
        """
        if rows:
            table = f"{tables.DATABASE}.{tables.EVERYWHERE}"
            # A field that has no column yet would be left out in silence.
            settings = "input_format_skip_unknown_fields = 0"
            self._post(encode(rows), {"query": f"INSERT INTO {table} SETTINGS {settings} FORMAT JSONEachRow"})

    def clean(self) -> None:
        """The servers remove what is older than ``KEPT_DAYS`` by themselves; no query shows it until then."""

    def status(self) -> dict[str, Any]:
        """How many runs there are, and when the last began."""
        view = f"{tables.DATABASE}.{tables.VIEW}"
        return summary(self.query(f"SELECT count() AS runs, max(timestamp) AS last FROM {view}"))

    def _post(self, body: str, settings: dict[str, str]) -> bytes:
        # Without wait_end_of_query what goes wrong later is said behind a status of 200.
        path = "/?" + urlencode({"wait_end_of_query": "1"} | settings)
        connection = http.client.HTTPSConnection(*self._where, timeout=TIMEOUT, context=self._tls)
        try:
            connection.request("POST", path, body.encode(), self._user)
            answer = connection.getresponse()
            found = answer.read()
        except http.client.HTTPException as error:
            raise RuntimeError(f"no answer of ClickHouse: {error!r}") from None
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(found.decode(errors="replace").strip() or f"ClickHouse answered {answer.status}")
        return found
