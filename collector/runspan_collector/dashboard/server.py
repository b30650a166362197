# SPDX-License-Identifier: MIT
"""The HTTPS server of the page: a login, the page's files, and answers in JSON. It stores no addresses."""

from __future__ import annotations

import html
import http.server
import json
import re
import socket
import ssl
import sys
import threading
import time
import traceback
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import Any

from runspan_collector.dashboard.headers import accepts_gzip, cookies, same_site
from runspan_collector.dashboard.pages import LOGIN, File, files
from runspan_collector.dashboard.questions import BadFilterError, Questions
from runspan_collector.dashboard.users import Limit, Sessions, Users

COOKIE = "__Host-session"
DATA = re.compile(r"/data/(\w+)\.json")
LENGTH = re.compile("[0-9]{1,4}")
LARGEST_BODY = 4096
CONNECTIONS = 64
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
}


class Server(http.server.ThreadingHTTPServer):
    """The server. It listens as soon as it is made; ``serve_forever`` serves until ``shutdown``.

    Without users it serves the public variant, which has no login.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        questions: Questions,
        *,
        certificate: Path,
        key: Path,
        static: Path,
        users: Users | None,
        address: tuple[str, int] = ("127.0.0.1", 0),
        limit: Limit | None = None,
        patience: float = 15,
    ) -> None:
        if (users is None) != questions.public:
            raise ValueError("the public variant has no users, and the other one needs them")
        self.questions = questions
        self.users = users
        self.sessions = Sessions(users) if users else None
        self.limit = limit or Limit()
        self.files = files(static)
        self._patience = patience
        self._certificate = certificate, key
        self._loaded: list[int] = []
        self._reload()
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self.waiting: dict[socket.socket, float] = {}
        """Connections that wait for their client, and when the server will close them."""
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        http.server.HTTPServer.server_bind(self)

    def _reload(self) -> None:
        """Use a renewed certificate for new connections."""
        found = [path.stat().st_mtime_ns for path in self._certificate]
        if found != self._loaded:
            # Make another context: if the two files do not match, the old context stays usable.
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.minimum_version = ssl.TLSVersion.TLSv1_2
            tls.load_cert_chain(*self._certificate)
            self._tls, self._loaded = tls, found

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(self._patience)  # one step of the handshake, of reading or of writing
        with self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as connection:
            try:
                self.wait_for(connection)
                connection.do_handshake()
                Handler(connection, client_address, self)
            finally:
                self.waiting.pop(connection, None)

    def wait_for(self, connection: socket.socket, times: float = 1) -> None:
        """Limit the time for all steps together."""
        self.waiting[connection] = time.monotonic() + times * self._patience

    def service_actions(self) -> None:
        """Close connections whose time is over: a slow client may send a byte now and then. Called twice a second."""
        now = time.monotonic()
        for connection, end in list(self.waiting.items()):
            if end < now:
                self.waiting.pop(connection, None)
                try:
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, which another thread is in
                except OSError:
                    pass  # it was closed already
        try:
            self._reload()
        except (OSError, ssl.SSLError):
            pass  # only one of the two files is new: go on with the old ones

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # a client's error is not interesting, and the line would have its address
            traceback.print_exception(error)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def version_string(self) -> str:
        return "runspan"

    def handle_one_request(self) -> None:
        self.server.wait_for(self.connection)
        super().handle_one_request()

    def do_GET(self) -> None:
        self._route(self._get)

    def do_HEAD(self) -> None:
        self._route(self._get)

    def do_POST(self) -> None:
        self._route(self._post)

    def _route(self, method: Any) -> None:
        try:
            url = urllib.parse.urlsplit(self.path)
            given = dict(urllib.parse.parse_qsl(url.query, max_num_fields=16))
            form = dict(urllib.parse.parse_qsl(self._body(), max_num_fields=4))
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
        else:
            method(url.path, given, form)

    def _get(self, path: str, given: dict[str, str], _: dict[str, str]) -> None:
        if path == "/login" and self.server.users:
            self._login_page(HTTPStatus.OK, "")
        elif path == "/login.css":
            self._send_file(self.server.files["login.css"])
        elif not self._user():
            if path == "/":
                self._redirect("/login")
            else:
                self._send(HTTPStatus.UNAUTHORIZED, "text/plain", b"Log in first.")
        elif (name := path[1:] or "index.html") in self.server.files:
            self._send_file(self.server.files[name])
        elif (asked := DATA.fullmatch(path)) and asked[1] in self.server.questions.names():
            self._answer(asked[1], given)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _post(self, path: str, _: dict[str, str], form: dict[str, str]) -> None:
        # A browser sends the form's Origin. Other programs do not have the session of a user that could be misused.
        origin = self.headers.get("Origin")
        if origin is not None and not same_site(origin, self.headers.get("Host", "")):
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"This form was not sent from here.")
        elif path == "/logout" and self.server.sessions:
            for token in self._tokens():
                self.server.sessions.end(token)
            self._redirect("/login", self._cookie("", 0))
        elif path == "/login" and self.server.sessions:
            self._login(form)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, name: str, given: dict[str, str]) -> None:
        try:
            answer = self.server.questions.ask(name, given)
        except BadFilterError as error:
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", str(error).encode())
        except Exception:  # the server goes on after any error of the store
            traceback.print_exc()
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"The store did not answer.")
        else:
            body = json.dumps(answer, separators=(",", ":"), default=str).encode()
            self._send(HTTPStatus.OK, "application/json", body)

    def _login(self, form: dict[str, str]) -> None:
        assert self.server.users and self.server.sessions
        name, address = form.get("name", ""), self.client_address[0]
        if not self.server.limit.take(address):
            self._login_page(HTTPStatus.TOO_MANY_REQUESTS, "Too many tries. Wait ten minutes.")
        elif self.server.users.check(name, form.get("password", "")):
            self.server.limit.forget(address)
            self._redirect("/", self._cookie(self.server.sessions.begin(name), 12 * 3600))
        else:
            self._login_page(HTTPStatus.UNAUTHORIZED, "That name and password do not belong together.")

    def _user(self) -> str | None:
        if not self.server.sessions:
            return "anybody"
        return next(filter(None, map(self.server.sessions.user, self._tokens())), None)

    def _tokens(self) -> list[str]:
        return cookies(self.headers.get_all("Cookie", []), COOKIE)

    @staticmethod
    def _cookie(value: str, age: int) -> str:
        return f"{COOKIE}={value}; Max-Age={age}; Path=/; Secure; HttpOnly; SameSite=Strict"

    def _body(self) -> str:
        """Return the request's body. ValueError if its length is missing or too large."""
        length = self.headers.get("Content-Length", "0").strip()
        if "Transfer-Encoding" in self.headers or not LENGTH.fullmatch(length) or int(length) > LARGEST_BODY:
            raise ValueError
        body = self.rfile.read(int(length))
        self.server.waiting.pop(self.connection, None)  # the client has sent everything
        return body.decode("utf-8", "replace")

    def _login_page(self, status: HTTPStatus, message: str) -> None:
        self._send(status, "text/html; charset=utf-8", LOGIN.replace("<!-- message -->", html.escape(message)).encode())

    def _redirect(self, to: str, cookie: str | None = None) -> None:
        self._send(
            HTTPStatus.SEE_OTHER, "text/plain", b"", {"Location": to} | ({"Set-Cookie": cookie} if cookie else {})
        )

    def _send_file(self, file: File) -> None:
        more = {"Cache-Control": "private, no-cache", "ETag": file.tag}
        if self.headers.get("If-None-Match") == file.tag:
            self._send(HTTPStatus.NOT_MODIFIED, file.kind, b"", more)
        elif accepts_gzip(self.headers.get_all("Accept-Encoding", [])):
            self._send(HTTPStatus.OK, file.kind, file.gzipped, more | {"Content-Encoding": "gzip"})
        else:
            self._send(HTTPStatus.OK, file.kind, file.body, more)

    def _send(self, status: HTTPStatus, kind: str, body: bytes, more: dict[str, str] | None = None) -> None:
        self.server.wait_for(self.connection, 4)
        self.send_response(status)
        headers = {**HEADERS, "Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error without the request's text. The base class calls this too; its own version has no headers."""
        if self.request_version == "HTTP/0.9":
            self.request_version = self.protocol_version
        self.close_connection = True
        self._send(HTTPStatus(code), "text/plain", HTTPStatus(code).phrase.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing about requests."""
