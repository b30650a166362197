# SPDX-License-Identifier: MIT
"""The HTTPS server of the page: a login, the page's files, and answers in JSON. It stores no addresses.

Tornado reads and writes HTTP and TLS, in one thread. Questions to the store and password checks have a thread each.
"""

from __future__ import annotations

import asyncio
import errno
import html
import json
import logging
import re
import ssl
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tornado.httpserver import HTTPServer
from tornado.httputil import parse_cookie
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from runspan_collector.dashboard.pages import LOGIN, files
from runspan_collector.dashboard.questions import BadFilterError, Questions
from runspan_collector.dashboard.users import LENGTH, Limit, Sessions, Users
from runspan_collector.files import STATIC

COOKIE = "__Host-session"
ATTRIBUTES: dict[str, Any] = {"path": "/", "secure": True, "httponly": True, "samesite": "Strict"}
GZIP = re.compile(r"(^|,)\s*gzip\s*(;(?!\s*q\s*=\s*0(\.0*)?\s*(,|$))|,|$)", re.IGNORECASE)
LARGEST_BODY = 4096
CONNECTIONS = 256
HINTS = {
    errno.EADDRINUSE: " (end the program that has the port, or name another port)",
    errno.EACCES: " (a port below 1024 needs CAP_NET_BIND_SERVICE)",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, a browser would send no Origin with a form either
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "Content-Type": "text/plain",
    "Server": "runspan",
}
logging.getLogger("tornado.general").disabled = True  # errors of clients, with their addresses


class Server(HTTPServer):
    """The server of one page, with the certificate and the users of the folder ``keys``. The public page has no login.

    ``origin`` is the page's ``https://HOST`` in front of a proxy. ``patience`` is the time in seconds for the handshake
    and the headers of a request, and for its body; from one request to the next there is five times as much.
    """

    def initialize(  # type: ignore[override]  # Tornado's form of __init__
        self, questions: Questions, keys: Path, address: tuple[str, int], origin: str = "", patience: float = 15
    ) -> None:
        self.questions, self.origin, self.files, self.limit = questions, origin, files(STATIC), Limit()
        self.users = None if questions.public else Users(keys / "dashboard.users")
        self.sessions = self.users and Sessions(self.users)
        self.asking, self.checking = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self.port = 0  # until the server listens
        self._address, self._patience = address, patience
        self._pair, self._loaded = (keys / "tls.crt", keys / "tls.key"), [(0, 0)]
        self.fault = ""  # what is in the way of the page, or of its new certificate
        self._asked: dict[IOStream, float] = {}  # when each connection began its last request, the longest ago first
        for_all = {"for_all": True}
        login: list[Any] = [("/(login|logout)", Login, for_all)] if self.users else []
        routes = [*login, ("(/login.css)", File, for_all), (r"/data/(\w+)\.json", Data), ("(.*)", File)]
        application = Application(routes, log_function=lambda _: None, page=self)
        super().initialize(
            application, max_body_size=LARGEST_BODY, idle_connection_timeout=patience, body_timeout=patience
        )

    def tend(self) -> None:
        """Listen, use a renewed certificate, and close connections whose time is over. Say what is in the way.

        Certificate and key may not match for a moment. Until they do, the server goes on with the last ones.
        """
        said = ""
        try:
            found = [(status.st_mtime_ns, status.st_ino) for status in (path.stat() for path in self._pair)]
            if found != self._loaded:
                tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                tls.minimum_version = ssl.TLSVersion.TLSv1_2
                tls.load_cert_chain(*self._pair, password="")  # else OpenSSL would ask on the terminal
                self.ssl_options, self._loaded = tls, found
            if not self.port:
                host, port = self._address
                sockets = bind_sockets(port, None if host == "::" else host)  # None: of IPv6 and IPv4, if it has them
                self.add_sockets(sockets)
                self.port = sockets[0].getsockname()[1]
        except (OSError, IndexError, ValueError) as error:
            why = f"this machine has no addresses like {host}" if isinstance(error, IndexError) else str(error)
            if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and not error.filename:
                why += HINTS.get(error.errno or 0, "")  # it is of the port
            page = f"{'--public' if self.questions.public else '--dashboard'} {self._address[0]}:{self._address[1]}"
            said = f"{page}: {why}: {'it goes on with the last certificate' if self.port else 'no page'}"
        if said not in ("", self.fault):
            print(f"store: {said}", file=sys.stderr, flush=True)
        self.fault = said
        for stream in [s for s, asked in self._asked.items() if asked < time.monotonic() - 5 * self._patience]:
            stream.close()

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Begin to serve a connection. If there are too many, the one that has not asked for longest gives way."""
        self._asked = {s: asked for s, asked in self._asked.items() if not s.closed()}
        if len(self._asked) >= CONNECTIONS:
            next(iter(self._asked)).close()
        self.note(stream)
        super().handle_stream(stream, address)

    def note(self, stream: IOStream) -> None:
        """Note that a connection begins, or asks."""
        self._asked.pop(stream, None)
        self._asked[stream] = time.monotonic()


async def serve(servers: list[Server], stop: threading.Event) -> None:
    """Serve the pages until ``stop`` is set. A page that can't listen tries again, and does not end this."""
    asyncio.get_running_loop().set_exception_handler(report)
    while not stop.is_set():
        for server in servers:
            server.tend()
        await asyncio.sleep(0.25)
    for server in servers:
        server.stop()


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what went wrong, but not that a client has gone away."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)


class Handler(RequestHandler):
    """A request. It needs a login, except where the route is ``for_all``."""

    def initialize(self, for_all: bool = False) -> None:
        self.page: Server = self.settings["page"]
        self.for_all = for_all

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        self.page.note(self.request.connection.stream)  # type: ignore[union-attr]
        if self.request.method == "POST" and not self.from_here():
            raise HTTPError(403, reason="This form was not sent from here.")
        if self.for_all or self.current_user:
            return
        if self.request.path != "/":
            raise HTTPError(401, reason="Log in first.")
        self.go("login")

    def from_here(self) -> bool:
        """Judge by what a browser says behind any proxy, or if it is older than of 2023, by Origin and Host.

        Other programs say nothing, and have no session that somebody could misuse.
        """
        headers = self.request.headers
        if site := headers.get("Sec-Fetch-Site"):
            return site in ("same-origin", "none")
        ours = {plain(f"https://{headers.get('Host', '')}"), plain(self.page.origin)} - {"https://", ""}
        return "Origin" not in headers or plain(headers["Origin"]) in ours

    def get_current_user(self) -> str | None:
        sessions = self.page.sessions
        return next(filter(None, map(sessions.user, self.tokens())), None) if sessions else "anybody"

    def tokens(self) -> list[str]:
        """Return all values of our cookie. Other programs on the same host name may have set it too."""
        pairs = ";".join(self.request.headers.get_list("Cookie")).split(";")
        return [value for pair in pairs if (value := parse_cookie(pair).get(COOKIE))]

    def fields(self, text: str, most: int) -> dict[str, str]:
        try:
            return dict(parse_qsl(text, max_num_fields=most))
        except ValueError:
            raise HTTPError(400) from None

    def go(self, page: str) -> None:
        """Send the browser to another page, by a relative address: a proxy may have the page under a path."""
        self.redirect(page, status=303)

    def head(self, *path: str) -> Any:
        return self.get(*path)

    def post(self, *path: str) -> Any:
        raise HTTPError(404)

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish("The store did not answer." if status_code == 500 else self._reason)

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        if not isinstance(error, HTTPError):
            traceback.print_exception(kind, error, trace)  # without the request, which has an address


def plain(origin: str) -> str:
    """Return an origin in lower case, and without the default port."""
    return re.sub(":(443)?$", "", origin.strip().lower())


class Login(Handler):
    def get(self, path: str) -> None:
        self.show(200, "")

    async def post(self, path: str) -> None:  # type: ignore[override]
        assert self.page.users and self.page.sessions
        if path == "logout":
            for token in self.tokens():
                self.page.sessions.end(token)
            self.clear_cookie(COOKIE, **ATTRIBUTES)
            return self.go("login")
        form = self.fields(self.request.body.decode("utf-8", "replace"), 4)
        name, address = form.get("name", ""), str(self.request.remote_ip)
        check = self.page.users.check, name, form.get("password", "")
        if not self.page.limit.take(address):
            self.show(429, "Too many tries. Wait ten minutes.")
        elif await IOLoop.current().run_in_executor(self.page.checking, *check):
            self.page.limit.forget(address)
            self.set_cookie(COOKIE, self.page.sessions.begin(name), max_age=LENGTH, **ATTRIBUTES)
            self.go("./")
        else:
            self.show(401, "That name and password do not belong together.")

    def show(self, status: int, message: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        page = LOGIN.replace("<!-- title -->", html.escape(self.page.questions.title))
        self.finish(page.replace("<!-- message -->", message))


class Data(Handler):
    async def get(self, name: str) -> None:
        given = self.fields(self.request.query, 16)
        if name not in self.page.questions.names():
            raise HTTPError(404)
        try:
            answer = await IOLoop.current().run_in_executor(self.page.asking, self.page.questions.ask, name, given)
        except BadFilterError as error:
            self.set_status(400)
            self.finish(str(error))
        else:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps(answer, separators=(",", ":"), default=str))


class File(Handler):
    def get(self, path: str) -> None:
        file = self.page.files.get(path[1:] or "index.html")
        if not file or path[:1] != "/":
            raise HTTPError(404)
        self.set_header("Content-Type", file.kind)
        self.set_header("Cache-Control", "private, no-cache")
        if zipped := GZIP.search(",".join(self.request.headers.get_list("Accept-Encoding"))):
            self.set_header("Content-Encoding", "gzip")
        self.finish(file.gzipped if zipped else file.body)
