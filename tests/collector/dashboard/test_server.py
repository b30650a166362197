# SPDX-License-Identifier: MIT
"""Who gets in, and what strangers are told. The store is a list here: it writes down what it is asked."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
import socket
import ssl
import stat
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from runspan_collector.dashboard import users
from runspan_collector.dashboard.server import CONNECTIONS, COOKIE, HEADERS, Server, serve
from runspan_collector.dashboard.users import Limit, Sessions, Users
from tests.collector.dashboard.running import DOCS, PASSWORD, QUERIES, ROOT, Site, certificate, site

NAMES = ["charts", "totals", "choices", "runs", "run", "runs_per_day", "versions"]
FILES = ["", "index.html", "app.js", "style.css", "vega.min.js", "vega-lite.min.js", "vega-interpreter.js"]


class Asked:
    def __init__(self) -> None:
        self.of: list[tuple[str, dict[str, str]]] = []
        self.answer: list[dict[str, Any]] = []

    def __call__(self, sql: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        self.of.append((sql, parameters))
        if parameters.get("service") == "broken":
            raise RuntimeError("the store's own words")
        return self.answer


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asked, Site]]:
    asked = Asked()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "COST", (2**10, 8, 1))  # for many logins
        with site(asked, tmp_path_factory.mktemp("site"), patience=1) as made:
            yield asked, made


@pytest.fixture
def asked(building: tuple[Asked, Site]) -> Asked:
    building[0].of.clear()
    return building[0]


@pytest.fixture
def door(building: tuple[Asked, Site]) -> Site:
    """Not logged in."""
    building[1].cookie = ""
    building[1].server.limit = Limit(each=3)
    return building[1]


@pytest.mark.parametrize("cookie", ["", "none", "A" * 43, f"{COOKIE}=x", '"', "\x80", "x" * 4000])
def test_login_needed(door: Site, asked: Asked, cookie: str) -> None:
    door.cookie = cookie
    for path in [f"/{name}" for name in FILES] + [f"/data/{name}.json" for name in NAMES]:
        answer = door.ask(path)
        assert (answer.status, answer.headers.get("Location")) == ((303, "login") if path == "/" else (401, None)), path
        assert answer.body in ("", "Log in first.")
    assert asked.of == []


def test_login_and_logout(door: Site) -> None:
    login = door.log_in()
    assert (login.status, login.headers["Location"]) == (303, "./")
    attributes = login.headers["Set-Cookie"].split("; ")[1:]
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(attributes)
    for name in FILES:
        assert door.ask(f"/{name}").status == 200, name
    old, door.cookie = door.cookie, door.cookie[:-1] + ("A" if door.cookie[-1] != "A" else "B")
    assert door.ask("/app.js").status == 401, "one letter of the cookie is another"
    door.cookie = old
    assert door.ask("/logout", "POST", "").headers["Location"] == "login"
    assert door.ask("/app.js").status == 401, "the cookie of a session that has ended"


# What other programs on the same host name have set; OURS is where ours stands.
COOKIES = [
    'settings={"theme":"dark"}; OURS',
    'OURS; settings={"theme":"dark"}',
    "version=3; OURS",
    "OURS;version=3",
    "path=/; domain=example.org; secure; OURS; httponly",
    "a b=c; OURS",
    "a[0]=1, 2; (x)=@; OURS",
    "=no name; OURS; =; ;;",
    "no value; OURS",
    "  ;\tOURS\t; x=1",
    'open="never closed; OURS',
    'x="a;b"; OURS; y=\\"',
    "name=J\xf6rg \xc3\xb1; OURS",
    "x=\x85\xa0\t; OURS",
    "x==a=b; OURS; y=" + "z" * 60_000,
    "; ".join(f"c{n}={n}" for n in range(3000)) + "; OURS",
    f"{COOKIE}=another; OURS",
    f"OURS; {COOKIE}=another",
    f"{COOKIE}=; OURS; {COOKIE}",
    f"{COOKIE.lower()}=x; x{COOKIE}=y; {COOKIE}x=z; OURS",
    'x="QUOTED',
]


@pytest.mark.parametrize("given", COOKIES, ids=range(len(COOKIES)))
def test_cookies_of_other_programs(door: Site, given: str) -> None:
    door.log_in()
    ours, door.cookie = f"{COOKIE}={door.cookie}", ""
    cookie = given.replace("OURS", ours).replace("QUOTED", f'y; {COOKIE}="{ours.partition("=")[2]}"')
    assert door.ask("/app.js", Cookie=cookie).status == 200
    others = given.replace("OURS", f"x{ours}").replace("QUOTED", "")
    assert door.ask("/app.js", Cookie=others).status == 401
    assert door.ask("/logout", "POST", "", Cookie=cookie).status == 303
    assert door.ask("/app.js", Cookie=ours).status == 401, "logged out"


def test_several_cookie_headers(door: Site) -> None:
    door.log_in()
    lines = [b"Cookie: version=3", b"cookie: %s=another" % COOKIE.encode(), f"COOKIE: {COOKIE}={door.cookie}".encode()]
    for order in (lines, lines[::-1]):
        request = [b"GET /app.js HTTP/1.1", b"Host: a", *order, b"Connection: close", b"", b""]
        assert raw(door, b"\r\n".join(request)).startswith(b"HTTP/1.1 200 ")


def test_logout_ends_every_session_that_it_is_given(door: Site) -> None:
    both = []
    for _ in range(2):
        door.log_in()
        both.append(f"{COOKIE}={door.cookie}")
        door.cookie = ""
    assert door.ask("/logout", "POST", "", Cookie="; ".join(both)).status == 303
    assert [door.ask("/app.js", Cookie=one).status for one in both] == [401, 401]


@pytest.mark.parametrize(
    "form",
    [
        "name=ada&password=PASSWORD",
        "password=PASSWORD&name=%61da",
        "name=eve&name=ada&password=PASSWORD",
        "&name=ada&password=PASSWORD&submit=",
    ],
)
def test_forms_of_a_login(door: Site, form: str) -> None:
    for password in (quote(PASSWORD), PASSWORD.replace(" ", "+")):
        body = form.replace("PASSWORD", password)
        answer = door.ask("/login", "POST", body, Content_Type="application/x-www-form-urlencoded; charset=UTF-8")
        assert answer.status == 303, body


def test_head(door: Site) -> None:
    """Like GET, without the body."""
    assert door.ask("/", "HEAD").headers["Location"] == "login"
    door.log_in()
    for path, status in (("/", 200), ("/login", 200), ("/data/totals.json", 200), ("/nothing", 404)):
        get, head = door.ask(path), door.ask(path, "HEAD")
        assert (head.status, head.body) == (status, "")
        assert head.headers["Content-Length"] == str(len(get.body.encode()))
    one = f"HEAD /app.js HTTP/1.1\r\nHost: a\r\nCookie: {COOKIE}={door.cookie}\r\n\r\n"
    answers = raw(door, (one * 2 + one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).encode())
    assert answers.count(b"HTTP/1.1 200 ") == 3 and answers.endswith(b"\r\n\r\n"), "a body is in between"


@pytest.mark.parametrize(
    "coding, zipped",
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.000, br", False), ("br", False)],
)
def test_encodings(door: Site, coding: str, zipped: bool) -> None:
    request = f"GET /login.css HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n"
    assert (b"Content-Encoding: gzip\r\n" in raw(door, request.encode())) == zipped


@pytest.mark.parametrize(
    "name, password",
    [("ada", "wrong"), ("ada", ""), ("ada", PASSWORD + "\n"), ("bob", PASSWORD), ("", PASSWORD), ("ada\x00", PASSWORD)],
)
def test_wrong_logins(door: Site, name: str, password: str) -> None:
    answer = door.log_in(name, password)
    assert answer.status == 401 and "Set-Cookie" not in answer.headers
    assert "do not belong together" in answer.body


def test_a_line_that_is_no_user(asked: Asked, tmp_path: Path) -> None:
    with site(asked, tmp_path / "site") as door:
        with (tmp_path / "site" / "dashboard.users").open("ab") as file:
            file.write(b"eve:plain\n:x\nbob:scrypt$1$2\n\xff\n")
        assert [door.log_in(name, "plain").status for name in ("eve", "", "bob")] == [401] * 3
        assert door.log_in().status == 303


def test_login_says_nothing_back(door: Site) -> None:
    answer = door.log_in("<script>alert(1)</script>", '"><img src=x>')
    assert answer.status == 401 and "alert(" not in answer.body and "src=x" not in answer.body


def test_guessing_is_limited(door: Site) -> None:
    assert [door.log_in("ada", "wrong").status for _ in range(5)] == [401, 401, 401, 429, 429]
    assert door.log_in().status == 429, "not even with the right one"


def test_limit_forgets() -> None:
    now = 0.0
    limit = Limit(lambda: now, each=2, together=3, within=60)
    a, b = "192.0.2.1", "198.51.100.1"
    assert [limit.take(of) for of in (a, a, a, b, b)] == [True, True, False, True, False]
    now = 61
    assert limit.take(a)
    limit.forget(a)
    assert limit.take(a) and limit.take(a) and not limit.take(a)


@pytest.mark.parametrize(
    "count, addresses",
    [
        (10, [f"2001:db8::{n:x}" for n in range(1, 300)]),
        (20, [f"2001:db8:0:{n:x}::1" for n in range(300)]),
        (20, [f"192.0.2.{n}" for n in range(256)]),
        (20, [f"::ffff:192.0.2.{n}" for n in range(256)]),
        (10, ["fe80::1%eth0", "fe80::2%eth1"] * 50),
        (100, [f"::ffff:10.{n}.0.1" for n in range(200)]),
    ],
)
def test_a_limit_for_those_who_have_many_addresses(count: int, addresses: list[str]) -> None:
    limit = Limit()
    assert sum(limit.take(address) for address in addresses) == count
    assert limit.take("203.0.113.1") == (count < 100)


def test_sessions_end(tmp_path: Path) -> None:
    file = Users(tmp_path / "users")
    file.set("ada", PASSWORD)
    file.set("bob", PASSWORD)
    now = 0.0
    sessions = Sessions(file, lambda: now, length=10)
    token, other = sessions.begin("ada"), sessions.begin("bob")
    assert (sessions.user(token), sessions.user(other), sessions.user("")) == ("ada", "bob", None)
    file.set("ada", "another password")
    assert sessions.user(token) is None and sessions.user(other) == "bob", "who has a new password logs in again"
    now = 11
    assert sessions.user(other) is None


def test_passwd(tmp_path: Path) -> None:
    path = tmp_path / "dashboard.users"
    command = [str(Path(sys.executable).parent / "runspan-dashboard"), "passwd", "--users", str(path)]

    def passwd(name: str, password: str) -> int:
        words = [*command, name]
        return subprocess.run(words, input=password + "\n", text=True, capture_output=True).returncode

    assert [passwd("ada", PASSWORD), passwd("bob", PASSWORD), passwd("bob", "a new password")] == [0, 0, 0]
    assert [passwd("eve", "short"), passwd("a:b", PASSWORD), passwd("", PASSWORD)] == [2, 2, 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text(encoding="ascii")
    assert PASSWORD not in text and [line.split("$")[0] for line in text.splitlines()] == ["ada:scrypt", "bob:scrypt"]
    file = Users(path)
    assert file.check("ada", PASSWORD) and file.check("bob", "a new password") and not file.check("bob", PASSWORD)


@pytest.mark.parametrize(
    "text", ["-----BEGIN PRIVATE KEY-----\nMIGH\n", "ada:x:1000:1000::/home/ada:/bin/sh\n", "[backup]\n"]
)
def test_passwd_writes_over_nothing_but_users(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="not a file of users"):
        Users(path).set("ada", PASSWORD)
    assert path.read_text(encoding="utf-8") == text


def test_passwd_as_the_docs_have_it(tmp_path: Path) -> None:
    text = (DOCS / "dashboard.md").read_text(encoding="utf-8")
    (command,) = (part for part in text.split("\n\n") if " passwd " in part and part.startswith("    "))
    told = "/etc/runspan-collector/keys/dashboard.users"
    assert told in command
    words = ["bash", "-c", command.replace(told, str(tmp_path / "users"))]
    environment = {"PATH": os.environ["PATH"]}
    subprocess.run(words, cwd=ROOT, env=environment, input=PASSWORD + "\n", text=True, check=True)
    assert Users(tmp_path / "users").check("ada", PASSWORD)


ORIGINS = [
    ("https://a.example", "a.example", 303),
    ("https://a.example:443", "a.example", 303),
    ("https://a.example", "a.example:443", 303),
    ("https://a.example", "A.Example:", 303),
    ("HTTPS://A.example:8443", " a.EXAMPLE:8443 ", 303),
    ("https://[2001:db8::A]", "[2001:DB8::a]:443", 303),
    ("https://a.example", "a.example:8443", 403),
    ("https://a.example:8443", "a.example", 403),
    ("http://a.example:443", "a.example", 403),
    ("https://a.example@evil.example", "a.example", 403),
    ("https://evil.example@a.example", "a.example", 403),
    ("https://a.example/", "a.example", 403),
    ("https://", "", 403),
    ("https://a.example:x", "a.example", 403),
    ("https://a.example:" + "4" * 5000, "a.example", 403),
    ("", "a.example", 403),
]


def test_forms_of_other_sites(door: Site) -> None:
    here = f"https://localhost:{door.port}"
    for origin in ("https://evil.example", "null", "http" + here[5:], here + ".evil.example"):
        assert door.log_in(Origin=origin).status == 403, origin
    assert door.log_in(Origin=here).status == 303
    door.server.limit = Limit()
    for origin, host, status in ORIGINS:
        request = f"POST /logout HTTP/1.1\r\nOrigin: {origin}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        assert raw(door, request.encode()).split()[1] == str(status).encode(), (origin, host)
    assert door.ask("/logout", "POST", "", Origin="https://evil.example").status == 403
    assert door.ask("/app.js").status == 200, "still logged in"


# What a proxy makes of a request for https://runs.example: with nginx's defaults (before 1.29.7, and newer), Apache's
# (ProxyPreserveHost off, or on), Caddy's, Traefik's.
PROXIES = [
    ("1.0", {"Host": "127.0.0.1:8443", "Connection": "close"}),
    ("1.1", {"Host": "127.0.0.1:8443"}),
    ("1.1", {"Host": "127.0.0.1:8443", "X-Forwarded-Host": "runs.example", "X-Forwarded-Server": "www.example"}),
    ("1.1", {"Host": "runs.example", "X-Forwarded-Host": "runs.example", "X-Forwarded-For": "192.0.2.1"}),
    ("1.1", {"Host": "runs.example", "X-Forwarded-Host": "runs.example", "X-Forwarded-Proto": "https"}),
    ("1.1", {"Host": "runs.example", "X-Forwarded-Port": "443", "X-Real-Ip": "192.0.2.1"}),
]


def posted(door: Site, version: str, **headers: str) -> int:
    lines = "".join(f"{name}: {value}\r\n" for name, value in ({"Connection": "close"} | headers).items())
    body = f"name=ada&password={quote(PASSWORD)}"
    request = f"POST /login HTTP/{version}\r\n{lines}Content-Length: {len(body)}\r\n\r\n{body}"
    return int(raw(door, request.encode()).split()[1])


@pytest.mark.parametrize("version, made", PROXIES, ids=range(len(PROXIES)))
def test_login_behind_a_proxy(door: Site, version: str, made: dict[str, str]) -> None:
    door.server.limit = Limit()
    browser = made | {"Origin": "https://runs.example", "Sec-Fetch-Site": "same-origin"}
    assert posted(door, version, **browser) == 303
    for site_ in ("cross-site", "same-site", "x"):
        assert posted(door, version, **browser | {"Sec-Fetch-Site": site_}) == 403
    # Browsers of before 2023 say only the Origin.
    old = {name: value for name, value in browser.items() if name != "Sec-Fetch-Site"}
    assert posted(door, version, **old) == (303 if made["Host"] == "runs.example" else 403)
    door.server.origin = "https://Runs.example:443"
    try:
        assert posted(door, version, **old) == 303
        for origin in ("https://evil.example", "http://runs.example", "null", ""):
            assert posted(door, version, **old | {"Origin": origin}) == 403
    finally:
        door.server.origin = ""


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/data/../index.html",
        "/data/../../users.json",
        "/data/totals",
        "/data/.json",
        "/static/app.js",
        "/app.js/",
        "/APP.JS",
        "/index.html%00.js",
        "/login.html",
        "/__init__.py",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/data/charts.json.json.json/x",
        "https://evil.example/x",
    ],
)
def test_there_is_nothing_else(door: Site, asked: Asked, path: str) -> None:
    door.log_in()
    answer = door.ask(path)
    assert (answer.status, answer.body) == (404, "Not Found")
    assert asked.of == []


@pytest.mark.parametrize("status, method, path", [(405, "PUT", "/"), (405, "TRACE", "/"), (405, "OPTIONS", "*")])
def test_other_methods(door: Site, status: int, method: str, path: str) -> None:
    door.log_in()
    assert door.ask(path, method).status == status


def test_every_answer_has_the_headers(door: Site) -> None:
    cases = [door.ask("/"), door.ask("/login"), door.ask("/nothing"), door.log_in("ada", "wrong"), door.log_in()]
    cases += [door.ask(p) for p in ("/", "/data/totals.json", "/nothing", "/data/totals.json?from=x", "x://[")]
    cases += [door.ask("/", "PUT"), door.ask("/logout", "POST", "")]
    assert [case.status for case in cases] == [303, 200, 401, 401, 303, 200, 200, 404, 400, 404, 405, 303]
    for case in cases:
        assert (HEADERS.keys() - {"Cache-Control"}) <= case.headers.keys()
        assert "unsafe" not in case.headers["Content-Security-Policy"]
        assert not any(word in str(case.headers) for word in ("Python", "Tornado"))


HOSTILE = ["'", '"', "' OR 1=1 --", "'; DROP TABLE spans; --", "{version:String}", "\\", "\x00", "a\r\nSet-Cookie: x=y"]
HOSTILE += ["<script>alert(1)</script>", "${7*7}", "%s%n", "é🧬", "x" * 5000]


@pytest.mark.parametrize("value", HOSTILE)
def test_filters_are_parameters(door: Site, asked: Asked, value: str) -> None:
    door.log_in()
    for name in ("service", "subcommand", "version"):
        answer = door.ask(f"/data/versions.json?{name}={quote(value)}")
        assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, "[]", "application/json")
        assert "x" not in answer.headers.get("Set-Cookie", "")
        sql, parameters = asked.of.pop()
        assert sql == (QUERIES / "versions.sql").read_text(encoding="utf-8")
        assert parameters[name] == value[:128]
    for name in ("from", "to"):
        answer = door.ask(f"/data/versions.json?{name}={quote(value)}")
        assert (answer.status, answer.body[:14]) == (400, "a time is like") and asked.of == []


def test_other_bad_parameters(door: Site, asked: Asked) -> None:
    door.log_in()
    for query in (
        "runs.json?page=-1",
        "runs.json?page=1e9",
        "runs.json?page=٣",
        "run.json",
        "run.json?span_id=' OR 1=1",
    ):
        assert door.ask(f"/data/{query}".replace(" ", "%20").replace("٣", "%D9%A3")).status == 400, query
    assert door.ask("/data/totals.json?" + "&".join(f"a{i}=1" for i in range(20))).status == 400
    assert asked.of == []
    assert door.ask("/data/runs.json?page=2").status == 200
    assert {k: asked.of[0][1][k] for k in ("limit", "offset")} == {"limit": "26", "offset": "50"}


def test_a_store_that_fails(door: Site) -> None:
    door.log_in()
    answer = door.ask("/data/totals.json?service=broken")
    assert (answer.status, answer.body) == (500, "The store did not answer.")
    assert door.ask("/data/totals.json").status == 200


@contextmanager
def connected(door: Site, wait: float = 5) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(door.ca))
    with socket.create_connection(("localhost", door.port), timeout=wait) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            yield tls


def raw(door: Site, data: bytes) -> bytes:
    answer = b""
    with connected(door) as tls:
        try:
            tls.sendall(data)
            while more := tls.recv(65536):
                answer += more
        except ConnectionError:
            pass  # the server does not read the rest of a request that is too large
    return answer


POST = b"POST /login HTTP/1.1\r\nHost: a\r\n"
NONE = b"HTTP/1.1 400 Bad Request\r\n\r\n"


@pytest.mark.parametrize(
    "answer, request_",
    [
        (NONE, b"<script>alert(1)</script>\r\n\r\n"),
        (NONE, b"GET / HTTP/9x\r\n\r\n"),
        (NONE, b"GET / HTTP/1.1\r\n\r\n"),
        (NONE, b"GET / HTTP/1.1\r\nHost: a\r\nCookie: x=\x01\r\n\r\n"),
        (b"", b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n"),
        (b"", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 20000 + b"\r\n"),
        (NONE, POST + b"Content-Length: 4097\r\n\r\n"),
        (NONE, POST + b"Content-Length: 99999999999\r\n\r\n"),
        (NONE, POST + b"Content-Length: -1\r\n\r\n"),
        (NONE, POST + b"Transfer-Encoding: chunked\r\n\r\n1001\r\n" + b"a" * 0x1001 + b"\r\n0\r\n\r\n"),
        (NONE, b"GET /login HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"),
    ],
    ids=range(11),
)
def test_requests_that_are_none(
    door: Site,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    answer: bytes,
    request_: bytes,
) -> None:
    """Those of nobody's form are refused, with an answer of nothing that a browser could show."""
    assert raw(door, request_) == answer
    assert capfd.readouterr() == ("", "") and caplog.messages == []


def test_a_form_with_too_many_fields(door: Site) -> None:
    answer = raw(door, POST + b"Connection: close\r\nContent-Length: 17\r\n\r\na=1&b=2&c=3&d&e=5")
    assert answer.startswith(b"HTTP/1.1 400 ") and b"Content-Security-Policy" in answer


def test_slow_clients_are_cut_off(door: Site) -> None:
    idle = socket.create_connection(("localhost", door.port), timeout=10)  # says nothing, not even hello
    start = time.monotonic()
    with pytest.raises((OSError, TimeoutError)):  # a header a tenth of a second, and no end
        context = ssl.create_default_context(cafile=str(door.ca))
        with socket.create_connection(("localhost", door.port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(b"GET / HTTP/1.1\r\n")
                while time.monotonic() < start + 8:
                    tls.sendall(b"A: b\r\n")
                    time.sleep(0.1)
    assert time.monotonic() - start < 6
    assert idle.recv(1) == b""
    assert door.ask("/login").status == 200


def test_a_slow_body_is_cut_off(door: Site) -> None:
    start = time.monotonic()
    with pytest.raises(OSError), connected(door) as tls:  # a letter a tenth of a second
        tls.sendall(POST + b"Content-Length: 4000\r\n\r\n")
        while time.monotonic() < start + 8:
            tls.sendall(b"a")
            time.sleep(0.1)
    assert time.monotonic() - start < 6


def test_a_slow_reader_is_cut_off(door: Site) -> None:
    """One who reads a letter a tenth of a second."""
    door.log_in()
    start = time.monotonic()
    with socket.socket() as plain, pytest.raises(OSError):
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(10)
        plain.connect(("localhost", door.port))
        with ssl.create_default_context(cafile=str(door.ca)).wrap_socket(plain, server_hostname="localhost") as tls:
            one = f"GET /vega.min.js HTTP/1.1\r\nHost: a\r\nCookie: {COOKIE}={door.cookie}\r\n\r\n"
            tls.sendall(one.encode() * 20)  # more than the system's buffers take
            while time.monotonic() < start + 12:
                tls.recv(1)
                tls.sendall(b"x")  # which the system refuses once the server has closed the connection
                time.sleep(0.1)
    assert 3 < time.monotonic() - start < 10
    assert door.ask("/app.js").status == 200


BROWSER = 6
"""The connections that a browser holds open."""


def test_idle_connections_give_way(asked: Asked, tmp_path: Path) -> None:
    """Of 13 browsers all are served, and of many more as well."""
    with site(asked, tmp_path, public=True) as door, ExitStack() as held:
        request = b"GET /style.css HTTP/1.1\r\nHost: a\r\n\r\n"
        browsers = [held.enter_context(connected(door)) for _ in range(13 * BROWSER)]
        for _ in range(2):
            for browser in browsers:
                browser.sendall(request)
                assert browser.recv(65536).startswith(b"HTTP/1.1 200 ")
        busy = browsers.pop()
        for _ in range(CONNECTIONS):
            held.enter_context(connected(door))  # nothing comes of it
            busy.sendall(request)
            assert busy.recv(65536).startswith(b"HTTP/1.1 200 "), "the one that has been idle for longest was another"
        assert door.ask("/").status == 200
        assert browsers[0].recv(65536)[-1:] in (b"", b"}"), "the end of the last answer, and of the connection"


def test_plain_http_and_old_tls(door: Site) -> None:
    with socket.create_connection(("localhost", door.port), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        try:
            assert b"HTTP" not in plain.recv(100)
        except ConnectionResetError:
            pass  # as good an answer
    old = ssl.create_default_context(cafile=str(door.ca))
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they are old
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("localhost", door.port), timeout=5) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname="localhost")


def test_new_certificate_without_a_restart(door: Site) -> None:
    old = door.ca.read_bytes()
    certificate(door.ca.parent)  # in the place of the old one
    assert door.ca.read_bytes() != old
    end = time.monotonic() + 5
    while True:
        try:
            assert door.ask("/login").status == 200
            break
        except ssl.SSLCertVerificationError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_half_of_a_new_certificate(asked: Asked, tmp_path: Path) -> None:
    """The old one serves until the other half is there too."""
    with site(asked, tmp_path / "site") as door:
        new = certificate(tmp_path)
        trusted = door.ca = tmp_path / "old.crt"
        live = tmp_path / "site"
        shutil.copy(live / "tls.crt", trusted)
        shutil.copy(new[0], live / "tls.crt")
        time.sleep(1)
        assert door.ask("/login").status == 200
        shutil.copy(new[1], live / "tls.key")
        time.sleep(1)
        with pytest.raises(ssl.SSLCertVerificationError):
            door.ask("/login")
        shutil.copy(new[0], trusted)
        assert door.ask("/login").status == 200


def test_a_page_waits_for_its_certificate(door: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, key = certificate(tmp_path)
    later = key.rename(tmp_path / "later")
    made = Server(door.server.questions, tmp_path, ("127.0.0.1", 0))

    async def serving() -> None:
        stop = threading.Event()
        served = asyncio.create_task(serve([made], stop))
        await asyncio.sleep(1)
        assert not made.port
        later.rename(key)
        await asyncio.sleep(1)
        assert made.port
        stop.set()
        await served

    asyncio.run(serving())
    said = capfd.readouterr().err
    assert said.startswith("store: --dashboard 127.0.0.1:0: ") and "tls.key" in said and said.count("\n") == 1


def test_a_page_waits_for_its_port(asked: Asked, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AssertionError, match="does not listen"):
            with site(asked, tmp_path, public=True, address=("127.0.0.1", port), seconds=2):
                pass
        assert capfd.readouterr().err.count(f"store: --public 127.0.0.1:{port}: [Errno 98]") == 1
    with site(asked, tmp_path, public=True, address=("127.0.0.1", port)) as door:
        assert door.ask("/").status == 200


@pytest.mark.parametrize("kernel", [True, False], ids=["IPv6", "no IPv6"])
def test_all_addresses(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """``[::]`` is all addresses, without IPv6 in the kernel as well."""
    if not kernel:
        made = socket.socket

        def refuse(family: int = socket.AF_INET, *more: Any, **others: Any) -> socket.socket:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            return made(family, *more, **others)

        monkeypatch.setattr("tornado.netutil.socket.socket", refuse)
    with site(asked, tmp_path, public=True, address=("::", 0)) as door:
        for address in ["127.0.0.1", "::1"] if kernel else ["127.0.0.1"]:
            with socket.create_connection((address, door.port), timeout=5):
                pass
        assert door.ask("/").status == 200
    if not kernel:
        with pytest.raises(AssertionError), site(asked, tmp_path, public=True, address=("::1", 0), seconds=1):
            pass
        assert "no addresses like ::1" in capfd.readouterr().err


def test_nobody_is_written_down(
    door: Site, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    door.log_in()
    door.ask("/data/totals.json?service=broken")
    door.ask("/nothing")
    raw(door, b"x\r\n\r\n")
    out, err = capfd.readouterr()
    assert out == "" and caplog.messages == [] and "127.0.0.1" not in err and "::1" not in err
    assert "the store's own words" in err, "the store's failure is, for the maintainer"


def test_clients_that_go_away(door: Site, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Before the handshake and in it, and before the answer has come: nothing is said of them."""
    rng = random.Random(1)
    door.log_in()
    request = f"GET /vega.min.js HTTP/1.1\r\nHost: a\r\nCookie: {COOKIE}={door.cookie}\r\n\r\n".encode()
    for number in range(200):
        with socket.create_connection(("localhost", door.port), timeout=5) as plain:
            if number % 2:  # then the server is told at once, by a reset
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            plain.sendall(rng.randbytes(rng.randrange(400)))
        with connected(door) as tls:
            tls.sendall(request * (1 + number % 3))
            if number % 2:
                tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert door.ask("/app.js").status == 200
    assert capfd.readouterr() == ("", "") and caplog.messages == []


def test_no_page_without_a_login(asked: Asked, tmp_path: Path) -> None:
    """Without a file of users nobody can log in, and only the public variant has no login."""
    with site(asked, tmp_path / "site") as other:
        (tmp_path / "site" / "dashboard.users").unlink()
        assert [other.log_in().status, other.ask("/").status, other.ask("/data/totals.json").status] == [401, 303, 401]


def test_cached_files(door: Site) -> None:
    door.log_in()
    first = door.ask("/app.js")
    again = door.ask("/app.js", If_None_Match=first.headers["Etag"])
    assert (first.status, again.status, again.body) == (200, 304, "")
    assert len(first.body) > 1000 and "private" in first.headers["Cache-Control"]
