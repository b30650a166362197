# SPDX-License-Identifier: MIT
"""A ClickHouse cluster instead of the embedded store: the same methods, by ClickHouse's HTTPS interface.

collector/scale-out/clickhouse/users.xml has the users' rights: ``ingest`` may insert, ``dashboard`` may query.
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
from runspan_collector.store.columns import columns, read
from runspan_collector.store.each import expanded
from runspan_collector.store.embedded import escaped, given, summary
from runspan_collector.store.rows import Row, encode

TIMEOUT = 60  # seconds; the servers end a question after 30


class Cluster:
    """One server of the cluster, which queries the others. Threads may share it: each request has its own connection.

    ``address`` is https://USER@HOST:PORT; ValueError if it is not. ``keys`` has ``clickhouse.password``, and
    ``clickhouse-ca.crt`` if the system does not trust the servers' certificates.
    """

    def __init__(self, address: str, keys: Path, schemas: Path) -> None:
        self.services = read(schemas)
        self.types = columns(self.services)
        url = urlsplit(address)
        if url.scheme != "https" or not url.hostname or not url.username or url.password or url.path.strip("/"):
            raise ValueError("the address is not https://USER@HOST:PORT, with the password in a file")
        self._where = url.hostname, url.port or 8443
        password = (keys / "clickhouse.password").read_bytes().strip(b"\n")
        self._user = {"X-ClickHouse-User": unquote(url.username).encode(), "X-ClickHouse-Key": password}
        ca = keys / "clickhouse-ca.crt"
        self._tls = ssl.create_default_context(cafile=str(ca) if ca.exists() else None)

    def close(self) -> None:
        """Do nothing. The embedded store has this method too."""

    def query(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[Row]:
        """Return the rows of a SELECT, as the store does. The servers decide what the user may read."""
        settings = {"default_format": "JSONEachRow", "output_format_json_quote_64bit_integers": "0"}
        sql = expanded(sql, self.services)
        values = escaped(given(sql, parameters))
        answer = self._post(sql, settings | {f"param_{name}": value for name, value in values.items()})
        try:
            return [json.loads(line) for line in answer.splitlines()]
        except ValueError:
            raise RuntimeError("what answered is not ClickHouse: it sent no JSON") from None

    def insert(self, rows: list[Row]) -> None:
        """Insert rows, and wait for as many replicas as the user's ``insert_quorum`` says.

        RuntimeError if the table has no column for a field of a schema: run cluster.sql again.
        """
        if rows:
            table = f"{tables.DATABASE}.{tables.EVERYWHERE}"
            # By default ClickHouse would ignore a field without a column.
            settings = "input_format_skip_unknown_fields = 0"
            self._post(encode(rows), {"query": f"INSERT INTO {table} SETTINGS {settings} FORMAT JSONEachRow"})

    def clean(self) -> None:
        """Do nothing: the servers remove runs older than ``KEPT_DAYS``, and no query shows them until then."""

    def status(self) -> dict[str, Any]:
        """Return the number of runs, and when the last one began."""
        view = f"{tables.DATABASE}.{tables.VIEW}"
        return summary(self.query(f"SELECT count() AS runs, max(timestamp) AS last FROM {view}"))

    def _post(self, body: str, settings: dict[str, str]) -> bytes:
        # Without wait_end_of_query, a late error would follow after the status 200.
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
