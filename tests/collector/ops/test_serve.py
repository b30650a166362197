# SPDX-License-Identifier: MIT
"""All of it together on this machine: ./build.sh serve, its pieces killed and its keys changed while reports come."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runspan_collector.serve import PROXIES, with_variables
from tests.collector.dashboard.chromium import chromium
from tests.collector.ops.conftest import BIN, ROOT
from tests.collector.ops.serving import Serve
from tests.collector.waiting import free_ports, wait_for


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running = Serve(tmp_path / "serve")
    try:
        running.wait_until_up()
        yield running
    finally:
        running.stop()


def test_serve(serve: Serve, tmp_path: Path) -> None:
    sent = serve.send(20)
    wait_for(lambda: serve.rows() == 20, "the store has not taken 20 runs")
    wait_for(lambda: serve.status().returncode == 0, f"{serve.status().stdout}", 30)
    assert re.search(r"spans 20 accepted, 20 written, 0 failed", serve.status().stdout), serve.status().stdout

    # Each piece is killed while reports come.
    for piece in ("otelcol", "bin/runspan-store"):
        before = serve.piece(piece)
        os.kill(before, signal.SIGKILL)
        sent |= serve.send(10)
        wait_for(lambda piece=piece, before=before: running(serve, piece, before), f"{piece} was not started again")  # type: ignore[misc]
    assert serve.output.count("was ended by SIGKILL: started again") == 2
    wait_for(lambda: serve.rows() == len(sent), "the store has not taken all runs")

    # A new certificate, which both show without a restart.
    old = serve.shown(serve.reports)
    subprocess.run([BIN / "runspan-keys", serve.keys, "tls", "localhost", "127.0.0.1"], check=True)
    new = (serve.keys / "tls.crt").read_text()
    for port in (serve.reports, serve.dashboard):
        wait_for(lambda port=port: serve.shown(port) == new, f"{port} shows an old certificate")  # type: ignore[misc]
    assert new != old
    sent |= serve.send(5)

    # A new password for the dashboard.
    assert serve.login("maintainer", serve.password)[0] == 303
    passwd: list[str | Path] = ["passwd", "--users", serve.keys / "dashboard.users", "maintainer"]
    command: list[str | Path] = [BIN / "runspan-dashboard", *passwd]
    subprocess.run(command, input="correct horse battery\n", text=True, check=True)
    assert serve.login("maintainer", serve.password)[0] == 401
    assert serve.login("maintainer", "correct horse battery")[0] == 303

    # Ctrl-C ends it in order, and the backup has what came last.
    children = [serve.piece("otelcol"), serve.piece("bin/runspan-store")]
    serve.process.send_signal(signal.SIGINT)
    assert serve.process.wait(60) == 0, serve.output
    wait_for(lambda: serve.output.endswith("all ended\n"), serve.output)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    restored = tmp_path / "restored"
    command = [BIN / "runspan-backup", "restore", restored, "--config", serve.folder / "backup.ini"]
    subprocess.run(command, check=True)
    text = b"".join(path.read_bytes() for path in (restored / "otlp").iterdir()).decode()
    assert set(re.findall(r'"spanId":"([0-9a-f]{16})"', text)) == sent and len(sent) == 45

    # A machine that has nothing but the backup and the keys: its store is made anew from what is restored.
    again = Serve(tmp_path / "again", prepare=lambda at: shutil.move(restored, at.data))
    try:
        wait_for(lambda: again.rows() == len(sent), f"the new store has not {len(sent)} runs: {again.output}")
    finally:
        again.stop()


def test_a_folder_of_any_name(tmp_path: Path) -> None:
    """Its name means something to shells, addresses, YAML and INI. The lines that serve says can be pasted."""
    (port,) = free_ports(1)
    serve = Serve(tmp_path / "it's \"a\" $HOME?x=1#%41 ${y} & 'folder'", "--public", str(port))
    try:
        serve.wait_until_up()
        serve.send(5)
        wait_for(lambda: serve.rows() == 5, "the store has not taken 5 runs")
        said = re.search(r"Reports: +(export .+)\n[^$]+?and then", serve.output)
        assert said, serve.output
        trusted = subprocess.check_output(["bash", "-c", f'{said[1]}; cat "$SSL_CERT_FILE"'], text=True)
        assert trusted == (serve.keys / "ca.crt").read_text()
        status = serve.output.partition("Status: ")[2].partition("Ctrl-C")[0]

        def well() -> bool:
            done = subprocess.run(["bash", "-c", status], capture_output=True, text=True, check=False)
            return done.returncode == 0 and re.search("^ok   store +5 runs", done.stdout, re.M) is not None

        wait_for(well, status)
        with serve.connection(port) as connection:
            connection.request("GET", "/data/totals.json")
            assert json.loads(connection.getresponse().read())[0]["runs"] == 0, "no week has ten runs"
    finally:
        serve.stop()
    assert [path.name for path in tmp_path.iterdir()] == [serve.folder.name]


def test_a_file_that_is_removed(serve: Serve) -> None:
    """What came before is in the store, what comes then too; and what is in neither is said."""
    current = serve.data / "otlp" / "spans.json"
    sent = serve.send(5)
    wait_for(lambda: serve.rows() == 5, "the store has not taken 5 runs")
    for runs, command in ((10, ["rm"]), (15, ["mv", "-t", serve.folder])):
        subprocess.run([*command, current], check=True)
        sent |= serve.send(5)
        wait_for(lambda runs=runs: serve.rows() == runs, f"the store has not {runs} runs")  # type: ignore[misc]
    wait_for(lambda: serve.status().returncode == 0, f"{serve.status().stdout}", 30)

    store = serve.piece("bin/runspan-store")
    os.kill(store, signal.SIGSTOP)
    try:
        serve.send(3)
        current.unlink()
        done = serve.status()
    finally:
        os.kill(store, signal.SIGCONT)
    (said,) = (line for line in done.stdout.splitlines() if " reports " in line)
    assert done.returncode == 1 and said.startswith("BAD") and "neither in a file nor in the store" in said
    serve.send(1)
    wait_for(lambda: serve.rows() == len(sent) + 1, "the store does not go on")
    assert "neither in a file nor in the store" in serve.status().stdout, "it stays so"


def running(serve: Serve, piece: str, before: int) -> bool:
    try:
        return serve.piece(piece) != before
    except (AssertionError, OSError):
        return False


def test_stripepy_is_shown(serve: Serve, tmp_path: Path) -> None:
    """From StripePy's command line, through runspan, to a maintainer's browser."""
    matrix = ROOT / "tests" / "data" / "CN.mm9.1000kb.mcool"
    command: list[str | Path] = [ROOT / "build/venv/patched/bin/stripepy", "call", matrix, "1000000"]
    command += ["--genomic-belt", "50000000", "--max-width", "5000000", "--verbosity", "error"]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_TELEMETRY")} | {
        "RUNSPAN_ENDPOINT": f"https://localhost:{serve.reports}/v1/traces",
        "SSL_CERT_FILE": str(serve.keys / "ca.crt"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    serve.send(1)
    wait_for(lambda: serve.rows() == 1, "the store has not taken a run")
    with chromium(tmp_path / "chromium") as tab:
        runs = "document.querySelector('[data-total=\"Runs\"] dd').textContent"
        tab.size(1360, 900)
        tab.log_in(f"https://localhost:{serve.dashboard}/", "maintainer", serve.password)
        assert tab.run(runs) == "1"
        subprocess.run([*command, "-o", tmp_path / "out.hdf5"], env=environment, check=True)
        wait_for(lambda: tab.run(runs) == "2", f"it is not shown: {serve.rows()} runs in the store", 60)


@pytest.mark.parametrize(
    "option, host",
    [
        ("port", "127.0.0.1"),
        ("dashboard-port", "127.0.0.1"),
        ("metrics-port", "127.0.0.1"),
        ("health-port", "127.0.0.1"),
        ("dashboard-port", "::1"),  # where a browser would find the other program, by the name localhost
    ],
)
def test_a_port_that_another_program_has(tmp_path: Path, option: str, host: str) -> None:
    """Jupyter has 8888, as a rule."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as other:
        other.bind((host, 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = refused(tmp_path, f"--{option}", port)
    assert done == f"serve: port {port} can't be used: another program listens there. --{option} names another one\n"


def test_two_options_with_one_port(tmp_path: Path) -> None:
    said = refused(tmp_path, "--metrics-port", "18889", "--health-port", "18889")
    assert said == "serve: --metrics-port and --health-port have the same port, 18889\n"


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    said = refused(tmp_path, f"--public={port}")
    assert said == f"serve: port {port} can't be used: it is not between 1 and 65535. --public names another one\n"


@pytest.mark.parametrize("name", [b"two\nlines", b"\xff", b"a\rb"])
def test_a_folder_that_no_setting_can_have(tmp_path: Path, name: bytes) -> None:
    """A path is on one line of backup.ini, and in UTF-8."""
    assert "--folder" in refused(tmp_path, "--folder", os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    assert not list(tmp_path.iterdir())


def refused(folder: Path, *more: str) -> str:
    """Start serve, which has to end at once, and return the reason. Only ports in ``more`` may be in use."""
    ports = zip(("--port", "--dashboard-port", "--metrics-port", "--health-port"), free_ports(4), strict=True)
    words = [str(word) for pair in ports for word in pair]
    command: list[str | Path] = [BIN / "runspan-serve", "--folder", folder / "serve", *words, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and not (folder / "serve").exists()
    return done.stderr


@pytest.mark.parametrize(
    "text, why",
    [
        ("a: ${env:NOBODY_HAS_SET_IT}\n", "needs the variable NOBODY_HAS_SET_IT"),
        ("a: ${NOBODY_HAS_SET_IT}\n", "needs the variable NOBODY_HAS_SET_IT"),
        (None, "No such file"),
        ("a: \udcff\n", "can't decode"),
    ],
)
def test_a_configuration_that_lacks_something(tmp_path: Path, text: str | None, why: str) -> None:
    path = tmp_path / "more.yaml"
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    assert why in refused(tmp_path, "--config", str(path))


def test_variables_of_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are handed on as they are. A comment may name others, and $$ is a dollar."""
    path = tmp_path / "more.yaml"
    path.write_text(
        "# needs ${env:NOBODY_HAS_SET_IT}\na: ${env:HAS_SPACES}${EMPTY} # or ${NOBODY_HAS_SET_IT}\n"
        "b: $${NOBODY_HAS_SET_IT} $$${ODD} ${env:NOBODY_HAS_SET_IT:-1} '#${IN_QUOTES}'\nc: ${RUNSPAN_DATA}\n"
    )
    want = {"HAS_SPACES": " a 'b' \"c\" $d ", "EMPTY": "", "ODD": "1", "IN_QUOTES": "2", "HTTPS_PROXY": "http://proxy"}
    for name, value in (want | {"RUNSPAN_DATA": "another", "NOT_NAMED": "3"}).items():
        monkeypatch.setenv(name, value)
    for name in PROXIES:
        if name not in want:
            monkeypatch.delenv(name, raising=False)
    assert with_variables([path], {"RUNSPAN_DATA": "data"}) == want | {"RUNSPAN_DATA": "data"}
    assert with_variables([], {}) == {}


def test_the_vendors_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As collector/docs/gateway.md has it: with the variable in the environment, and the key in the keys."""
    got: list[tuple[str | None, bytes]] = []

    class Vendor(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["X-Honeycomb-Team"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    def put_key(serve: Serve) -> None:
        serve.keys.mkdir()
        (serve.keys / "vendor.key").write_text("secret-key")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor) as vendor:
        threading.Thread(target=vendor.serve_forever, daemon=True).start()
        monkeypatch.setenv("RUNSPAN_VENDOR", f"http://127.0.0.1:{vendor.server_port}")
        running = Serve(tmp_path / "serve", "--config", str(ROOT / "collector/config/vendor.yaml"), prepare=put_key)
        try:
            running.wait_until_up()
            running.send(3)
            wait_for(lambda: bool(got), f"the vendor gets nothing: {running.output}", 30)
        finally:
            running.stop()
        vendor.shutdown()
    assert {key for key, _ in got} == {"secret-key"}


@pytest.mark.parametrize(
    "vendor, key, why",
    [("http://127.0.0.1:1", None, "vendor.key: no such file"), ("", "secret-key", "endpoint must be specified")],
)
def test_a_program_that_can_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendor: str, key: str | None, why: str
) -> None:
    def put_key(serve: Serve) -> None:
        serve.keys.mkdir()
        if key:
            (serve.keys / "vendor.key").write_text(key)

    monkeypatch.setenv("RUNSPAN_VENDOR", vendor)
    running = Serve(tmp_path / "serve", "--config", str(ROOT / "collector/config/vendor.yaml"), prepare=put_key)
    try:
        wait_for(lambda: why in running.output, f"it says {running.output}", 30)
        assert running.process.wait(30) == 1
    finally:
        running.stop()
