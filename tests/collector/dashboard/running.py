# SPDX-License-Identifier: MIT
"""A dashboard to test: a store with runs in it, a certificate, and a client that is as rude as is asked for."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import ssl
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from runspan_collector.dashboard import PublicQuestions, Query, Questions
from runspan_collector.dashboard.server import Server, serve
from runspan_collector.dashboard.users import Users
from runspan_collector.kept import Kept
from runspan_collector.store.embedded import Store
from tests.collector.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
QUERIES = ROOT / "collector" / "runspan_collector" / "store" / "queries"
CHARTS = ROOT / "collector" / "runspan_collector" / "dashboard" / "charts"
DOCS = ROOT / "collector" / "docs"
STATIC = ROOT / "build" / "collector" / "static"
PASSWORD = "correct horse battery"


def certificate(folder: Path, name: str = "tls") -> tuple[Path, Path]:
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", *words.split(), *names, "-keyout", str(key), "-out", str(crt)]
    subprocess.run(command, check=True, capture_output=True)
    return crt, key


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Client:
    port: int
    ca: Path
    cookie: str = ""

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        if self.cookie:
            headers = {"Cookie": f"__Host-session={self.cookie}"} | headers
        context = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=30, context=context)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body.encode() if body else None)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode())
        finally:
            connection.close()

    def log_in(self, name: str = "ada", password: str = PASSWORD, **headers: str) -> Answer:
        form = urllib.parse.urlencode({"name": name, "password": password})
        answer = self.ask("/login", "POST", form, **headers)
        cookie = answer.headers.get("Set-Cookie", "")
        if cookie.startswith("__Host-session="):
            self.cookie = cookie.split(";")[0].partition("=")[2]
        return answer


@dataclass
class Site(Client):
    """One who asks a server of this process."""

    server: Server = field(kw_only=True)


def counted(query: Query, folder: Path) -> Kept:
    """The growth, as the store has counted it by now, of at least one month."""
    kept, now = Kept(folder / "growth.json", again=True), datetime.now(timezone.utc)
    Questions(query, QUERIES, CHARTS, kept).count(now - timedelta(days=70), now)
    return kept


@contextmanager
def site(
    query: Query,
    folder: Path,
    *,
    public: bool = False,
    kept: Kept | None = None,
    programs: Iterable[str] = ("stripepy",),
    seconds: float = 40,
    **more: Any,
) -> Iterator[Site]:
    folder.mkdir(exist_ok=True)
    crt, _ = certificate(folder)
    if public:
        questions: Questions = PublicQuestions(
            query, QUERIES, CHARTS / "public", folder / "public.json", programs=programs
        )
    else:
        questions = Questions(query, QUERIES, CHARTS, kept, programs=programs)
        Users(folder / "dashboard.users").set("ada", PASSWORD)
    server = Server(questions, folder, **{"address": ("127.0.0.1", 0)} | more)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve([server], stop)))
    try:
        thread.start()
        wait_for(lambda: server.port > 0, "the page does not listen", seconds)
        yield Site(server.port, crt, server=server)
    finally:
        stop.set()
        thread.join()


@contextmanager
def apart(
    folder: Path, rows: list[dict[str, Any]], schemas: Path = ROOT / "schemas", *, public: bool = False
) -> Iterator[Client]:
    """The site of a store of its own with these rows, in a process of its own: a process can have one store.
    Counts that are in ``folder / "growth.json"`` are shown, too."""
    folder.mkdir(exist_ok=True)
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "tests.collector.dashboard.running",
        str(folder),
        str(schemas),
        *(["public"] if public else []),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        try:
            yield Client(int(process.stdout.readline()), folder / "site" / "tls.crt")
        finally:
            process.stdin.close()
            assert process.wait(30) == 0


def main(folder: Path, schemas: Path, *public: str) -> None:
    """Serve until the end of standard input. Print the port."""
    (folder / "store.key").write_text(secrets.token_hex(16), encoding="ascii")
    store = Store(folder, folder, schemas)
    store.insert(json.loads((folder / "rows.json").read_bytes()))
    kept = None if public else counted(store.query, folder)
    with site(store.query, folder / "site", public=bool(public), kept=kept, programs=store.services) as page:
        print(page.port, flush=True)
        sys.stdin.read()
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
