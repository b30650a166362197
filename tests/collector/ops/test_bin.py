# SPDX-License-Identifier: MIT
"""The small commands: keys, encrypted-volume and status."""

from __future__ import annotations

import http.server
import json
import os
import re
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.keys import main as make_keys
from tests.collector.ops.conftest import BIN, ROOT

ENCRYPTED_VOLUME = ROOT / "collector" / "systemd" / "encrypted-volume"


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert run(BIN / "runspan-keys", keys).returncode == 0
    made = {path.name: path.read_text() for path in keys.iterdir()}
    assert re.fullmatch("[0-9a-f]{32}\n", made["store.key"]) and re.fullmatch("[0-9a-f]{64}\n", made["restic.password"])
    assert run(BIN / "runspan-keys", keys).returncode == 0
    assert {path.name: path.read_text() for path in keys.iterdir()} == made  # none is made twice

    assert run(BIN / "runspan-keys", keys, "tls", "localhost", "127.0.0.1", "::1").returncode == 0
    first = (keys / "tls.crt").read_text()
    for check in (["-verify_hostname", "localhost"], ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"]):
        assert (
            run("openssl", "verify", "-x509_strict", "-CAfile", keys / "ca.crt", *check, keys / "tls.crt").returncode
            == 0
        )
    other = run("openssl", "verify", "-CAfile", keys / "ca.crt", "-verify_hostname", "example.org", keys / "tls.crt")
    assert other.returncode != 0
    ca = (keys / "ca.crt").read_text()
    assert run(BIN / "runspan-keys", keys, "tls", "localhost").returncode == 0
    assert (keys / "tls.crt").read_text() != first and (keys / "ca.crt").read_text() == ca
    ssl.create_default_context().load_cert_chain(keys / "tls.crt", keys / "tls.key")  # they belong together
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
    assert run(BIN / "runspan-keys", keys, "tls").returncode == 2 and run(BIN / "runspan-keys").returncode == 2

    made = {path.name: path.read_text() for path in keys.iterdir()}
    wrong = run(BIN / "runspan-keys", keys, "tls", "192.0.2")
    assert wrong.returncode == 1 and "192.0.2" in wrong.stderr
    (keys / "ca.key").unlink()
    wrong = run(BIN / "runspan-keys", keys, "tls", "localhost")
    assert wrong.returncode == 1 and "not the ca.key" in wrong.stderr
    assert all((keys / name).read_text() == made[name] for name in ("tls.key", "tls.crt", "ca.crt"))


@pytest.mark.parametrize(
    "name, check",
    [
        ("2001:db8::1", "-verify_ip"),
        ("2001:DB8::AB", "-verify_ip"),
        ("::1", "-verify_ip"),
        ("192.0.2.1", "-verify_ip"),
        ("a1.example", "-verify_hostname"),
        ("3.example", "-verify_hostname"),
        ("beef", "-verify_hostname"),
    ],
)
def test_names_and_addresses_in_a_certificate(tmp_path: Path, name: str, check: str) -> None:
    assert run(BIN / "runspan-keys", tmp_path, "tls", name).returncode == 0
    verified = run("openssl", "verify", "-CAfile", tmp_path / "ca.crt", check, name, tmp_path / "tls.crt")
    assert verified.returncode == 0, verified.stderr


def test_keys_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each file has was synced, and then the folder: by a stand-in for fsync, which notes what it is given."""
    synced: list[str] = []

    def spy(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        synced.append("folder" if path.is_dir() else path.read_text())

    monkeypatch.setattr(os, "fsync", spy)
    folder, mask = tmp_path / "keys", os.umask(0o022)
    try:
        for more in ([], ["tls", "localhost"]):
            assert make_keys([str(folder), *more]) == 0
            assert {path.read_text() for path in folder.iterdir()} <= set(synced) and synced[-1] == "folder"
    finally:
        os.umask(mask)
    assert len(list(folder.iterdir())) == 6


VOLUMES = [
    # findmnt's source and type, what lsblk, zfs and lsattr say, whether it is encrypted
    ("/dev/mapper/data", "ext4", "crypt\npart\ndisk", "", "---- /d", True),
    ("/dev/mapper/vg-data", "xfs", "lvm\ncrypt\npart\ndisk", "", "---- /d", True),
    ("/dev/mapper/data[/@var]", "btrfs", "crypt\ndisk", "", "---- /d", True),
    ("/dev/vda1", "ext4", "part\ndisk", "", "--------------e------- /d", False),
    ("/dev/vda1", "ext4", "part\ndisk", "", "----E---------e------- /d", True),
    ("/dev/vda1", "ext4", "part\ndisk", "", "--------------e------- /E", False),
    ("/dev/mapper/vg-decrypted", "ext4", "lvm\ndisk", "", "---- /d", False),
    ("tank/runspan", "zfs", "", "aes-256-gcm", "", True),
    ("tank/runspan", "zfs", "", "off", "", False),
    ("tank/runspan", "zfs", "", "", "", False),
    ("gocryptfs", "fuse.gocryptfs", "", "", "", True),
    ("server:/export", "nfs4", "", "", "", False),
    ("tmpfs", "tmpfs", "", "", "", False),
    ("", "", "", "", "", False),
]


@pytest.mark.parametrize(("source", "kind", "lsblk", "zfs", "lsattr", "encrypted"), VOLUMES)
def test_encrypted_volume(
    tmp_path: Path, source: str, kind: str, lsblk: str, zfs: str, lsattr: str, encrypted: bool
) -> None:
    """The system's answers are stand-ins: each fails where the real one would, with what it is not asked about."""
    device = source.split("[")[0]
    answers = {
        "findmnt": f'[ "$1 $2 $4 $5" = "-n -o -T /d" ] || exit 1; [ $3 = SOURCE ] && echo "{source}" || echo "{kind}"',
        "lsblk": f'[ "$*" = "-n -s -o TYPE {device}" ] && [ "{lsblk}" ] || exit 32; echo "{lsblk}"',
        "zfs": f'[ "{zfs}" ] && [ "$*" = "get -H -o value encryption {source}" ] || exit 1; echo "{zfs}"',
        "lsattr": f'[ "{lsattr}" ] && [ "$*" = "-d /d" ] || exit 1; echo "{lsattr}"',
    }
    for name, answer in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    switch = tmp_path / "switch"
    done = run(ENCRYPTED_VOLUME, "/d", switch, env=environment)
    assert (done.returncode == 0) == encrypted, done.stderr
    assert encrypted or "is not encrypted" in done.stderr
    switch.touch()
    done = run(ENCRYPTED_VOLUME, "/d", switch, env=environment)
    assert done.returncode == 0
    assert encrypted or "says that this is all right" in done.stderr


def test_encrypted_volume_here(tmp_path: Path) -> None:
    """With the system's own tools: /proc is on no volume, and a folder that is not there is not encrypted."""
    for folder in ("/proc", tmp_path / "missing"):
        assert run(ENCRYPTED_VOLUME, folder, tmp_path / "switch").returncode == 1


METRICS = """\
# HELP otelcol_receiver_accepted_spans_total Number of spans.
otelcol_receiver_accepted_spans_total{receiver="otlp",transport="http"} 120
otelcol_receiver_refused_spans_total{receiver="otlp",transport="http"} 3
otelcol_exporter_sent_spans_total{exporter="journal"} 117
otelcol_exporter_send_failed_spans_total{exporter="journal"} FAILED
runspan_allowlist_dropped{kind="service"} 2
runspan_allowlist_dropped{kind="span"} 1
runspan_gate_refused{status="429"} 7
runspan_gate_refused{status="415"} 1
GONE"""


class Collector(http.server.BaseHTTPRequestHandler):
    metrics = METRICS
    failed = "0"
    gone = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        metrics = self.metrics.replace("FAILED", self.failed).replace("GONE", self.gone)
        self.wfile.write(metrics.encode() if self.path == "/metrics" else b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """All is well: a stand-in for the collector's health, metrics and certificate, and the state files."""
    keys, data = tmp_path / "keys", tmp_path / "data"
    assert run(BIN / "runspan-keys", keys, "tls", "localhost").returncode == 0
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Collector", (Collector,), {}))
    encrypted = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "tls.crt", keys / "tls.key")
    encrypted.socket = context.wrap_socket(encrypted.socket, server_side=True)
    for server in (plain, encrypted):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    for folder in ("otlp", "state"):
        (data / folder).mkdir(parents=True)
    (data / "otlp" / "spans.json").touch()
    found: dict[str, Any] = {
        "data": data,
        "plain": plain,
        "store": {
            "status": {"rows": 117, "last": "2026-11-24T10:00:00Z", "lag_bytes": 0, "error": None, "written": ago(5)}
        },
        "backup": {"files": {}, "time": ago(600), "checked": ago(86400)},
        "command": [BIN / "runspan-status", "--data", data, "--collector", f"127.0.0.1:{encrypted.server_port}"],
    }
    found["command"] += ["--health", f"127.0.0.1:{plain.server_port}", "--metrics", f"127.0.0.1:{plain.server_port}"]
    yield found
    for server in (plain, encrypted):
        server.shutdown()
        server.server_close()


def ago(seconds: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds)).isoformat(timespec="seconds")


def status(machine: dict[str, Any], *more: str) -> subprocess.CompletedProcess[str]:
    for whose in ("store", "backup"):
        if machine[whose] is not None:
            (machine["data"] / "state" / f"{whose}.json").write_text(json.dumps(machine[whose]))
    return run(*machine["command"], *more)


def test_status(machine: dict[str, Any]) -> None:
    done = status(machine)
    assert done.returncode == 0, done.stdout
    lines = dict(line.split(maxsplit=2)[1:] for line in done.stdout.splitlines())
    assert list(lines) == ["collector", "reports", "files", "store", "backup", "disk", "certificate"]
    assert lines["reports"] == (
        "spans 120 accepted, 117 written, 0 failed, 3 refused; allow-list dropped 3, requests turned away 8"
    )
    assert lines["store"].startswith("117 runs, the last of 2026-11-24T10:00:00Z; 0 B behind")
    assert lines["backup"] == "last run 10 minutes ago, checked 24 hours ago, restored for a test never"
    assert lines["certificate"] == "89 days left"
    answer = json.loads(status(machine, "--json").stdout)
    assert answer["reports"]["values"]["accepted"] == 120 and all(line["good"] for line in answer.values())


def test_status_says_what_is_wrong_with_the_clock(machine: dict[str, Any]) -> None:
    machine["backup"].update(time=ago(-365 * 86400))
    machine["store"]["files"] = {"spans.json": {"offset": 9, "runs": 9, "old": 2, "future": 5}}
    said = status(machine).stdout
    assert "last run in the future (365 days): the clock is or was wrong" in said
    assert "left out: 2 runs older than 60 days, 5 of the future; is the clock right?" in said


def test_status_of_a_certificate_that_is_not_valid_yet(machine: dict[str, Any], tmp_path: Path) -> None:
    """Its command sees a clock two days back: a stand-in for openssl dates the certificate later."""
    fake = tmp_path / "openssl"
    fake.write_text(
        "#!/bin/sh\necho notBefore=2999-01-01 00:00:00Z\necho notAfter=2999-12-31 00:00:00Z\n", encoding="ascii"
    )
    fake.chmod(0o755)
    status(machine)
    done = run(*machine["command"], env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 1 and "BAD  certificate  not valid before 2999-01-01" in done.stdout


def test_status_asks_where_the_environment_says(machine: dict[str, Any]) -> None:
    """As the collector's own settings have it, which may be any of the machine's addresses."""
    status(machine)
    port = {
        at: machine["command"][machine["command"].index(at) + 1].split(":")[1] for at in ("--collector", "--health")
    }
    environment = os.environ | {
        "RUNSPAN_LISTEN": f"0.0.0.0:{port['--collector']}",
        "RUNSPAN_HEALTH": f"0.0.0.0:{port['--health']}",
        "RUNSPAN_METRICS_PORT": port["--health"],
    }
    done = run(BIN / "runspan-status", "--data", machine["data"], env=environment)
    assert done.returncode == 0, done.stdout


def test_status_of_one_machine_of_several(machine: dict[str, Any]) -> None:
    no_collector(machine)
    done = status(machine, "--without", "collector", "--without", "reports")
    assert done.returncode == 0 and "collector" not in done.stdout
    assert status(machine, "--without", "colector").returncode == 2


def no_collector(machine: dict[str, Any]) -> None:
    machine["plain"].shutdown()
    machine["plain"].server_close()


def failed_spans(machine: dict[str, Any]) -> None:
    machine["plain"].RequestHandlerClass.failed = "1"


def gone(machine: dict[str, Any], written: dict[str, int], stored: dict[str, int], known: dict[str, int]) -> None:
    """Files that the collector does not find any more, what the store knows of such, and of those that it still has."""
    labels = 'otel_scope_name="runspan/collector/journalexporter"'
    machine["plain"].RequestHandlerClass.gone = "".join(
        f'runspan_journal_gone_bytes{{mark="{mark}",{labels}}} {count}\n' for mark, count in written.items()
    )
    machine["store"]["gone"] = stored
    machine["store"]["files"] = {
        f"spans-{mark}.json": {"offset": offset, "size": 9999, "inode": 1, "mark": mark}
        for mark, offset in known.items()
    }


def gone_and_no_store(machine: dict[str, Any]) -> None:
    gone(machine, {"a1": 500}, {}, {})
    machine["store"] = None


@pytest.mark.parametrize(
    ("written", "stored", "known", "missing"),
    [
        ({"a1": 500}, {"a1": 500}, {}, 0),
        ({"a1": 500}, {"a1": 700}, {}, 0),
        ({"a1": 500}, {}, {"a1": 500}, 0),
        ({"a1": 500}, {"a1": 100}, {"a1": 500}, 0),
        ({"a1": 500, "b2": 300}, {"a1": 500}, {"b2": 400}, 0),
        ({"a1": 500}, {}, {}, 500),
        ({"a1": 500}, {"a1": 499}, {}, 1),
        ({"a1": 1e6, "b2": 300}, {"b2": 200, "c3": 900}, {"a1": 10**6 - 1}, 101),
    ],
)
def test_status_compares_written_with_stored(
    machine: dict[str, Any], written: dict[str, int], stored: dict[str, int], known: dict[str, int], missing: int
) -> None:
    gone(machine, written, stored, known)
    answer = json.loads(status(machine, "--json").stdout)["reports"]
    assert answer["good"] == (missing == 0) and answer["values"]["lost_bytes"] == missing
    assert ("neither in a file nor in the store" in answer["text"]) == (missing > 0)


def test_status_waits_for_the_store(machine: dict[str, Any]) -> None:
    """It takes a second to take what has come, here of a file that was given another name."""
    gone(machine, {"a1": 500}, {}, {"a1": 400})
    machine["store"]["files"]["spans-a1.json"]["offset"] = 400

    def take() -> None:
        state = machine["data"] / "state" / "store.json"
        state.with_suffix(".new").write_text(state.read_text().replace("400", "500"))
        state.with_suffix(".new").replace(state)

    later = threading.Timer(2, take)
    later.start()
    done = status(machine)
    later.join()
    assert done.returncode == 0, done.stdout


def other_names(machine: dict[str, Any]) -> None:
    (machine["data"] / "otlp" / "spans.json.1").touch()


def a_link(machine: dict[str, Any]) -> None:
    (machine["data"] / "otlp" / "spans-1.json").symlink_to("spans.json")


def many_files(machine: dict[str, Any]) -> None:
    for number in range(49):
        (machine["data"] / "otlp" / f"spans-{number}.json").touch()


def a_damaged_queue(machine: dict[str, Any]) -> None:
    (machine["data"] / "queue").mkdir()
    (machine["data"] / "queue" / "exporter_otlp_http_vendor_traces.damaged").touch()


def damaged_counts(machine: dict[str, Any], name: str, text: str) -> None:
    (machine["data"] / "state" / name).write_text(text)


def another_program(machine: dict[str, Any]) -> None:
    """It has the ports of health and metrics, and is no HTTP server, as of SSH."""

    class Other(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

    machine["other"] = other = socketserver.TCPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    machine["command"].extend(
        word for at in ("--health", "--metrics") for word in (at, f"127.0.0.1:{other.server_address[1]}")
    )


def broken_state(machine: dict[str, Any]) -> None:
    machine["store"] = None
    (machine["data"] / "state" / "store.json").write_text("{")


BAD: list[tuple[set[str], Any]] = [
    ({"collector", "reports"}, no_collector),
    ({"reports"}, failed_spans),
    ({"reports"}, lambda m: setattr(m["plain"].RequestHandlerClass, "metrics", "python_info 1.0\n")),
    ({"reports"}, lambda m: gone(m, {"a1": 500}, {}, {})),
    ({"store", "reports"}, gone_and_no_store),
    ({"files"}, many_files),
    ({"files"}, other_names),
    ({"files"}, a_link),
    ({"files"}, a_damaged_queue),
    ({"files"}, lambda m: damaged_counts(m, "growth.json", "{")),
    ({"files"}, lambda m: damaged_counts(m, "public.json", "[1]")),
    ({"files"}, lambda m: damaged_counts(m, "growth.json-damaged-1795557221", "")),
    ({"collector", "reports"}, another_program),
    (
        {"collector", "reports"},
        lambda m: m["command"].extend(["--health", "localhost:99999", "--metrics", "localhost:x"]),
    ),
    ({"certificate"}, lambda m: m["command"].extend(["--collector", "localhost:99999"])),
    ({"store"}, broken_state),
    ({"store"}, lambda m: m["store"]["status"].update(lag_bytes="many")),
    ({"store"}, lambda m: m["store"].update(faults=["--dashboard 127.0.0.1:8443: [Errno 98]: no page"])),
    ({"store"}, lambda m: m.update(store=None)),
    ({"store"}, lambda m: m["store"]["status"].update(written=ago(300))),
    ({"store"}, lambda m: m["store"]["status"].update(written="yesterday")),
    ({"store"}, lambda m: m["store"]["status"].update(lag_bytes=1 << 30)),
    ({"store"}, lambda m: m["store"]["status"].update(error="No space left on device")),
    ({"backup"}, lambda m: m.update(backup=None)),
    ({"backup"}, lambda m: m["backup"].update(time=ago(4 * 3600))),
    ({"backup"}, lambda m: m["backup"].update(checked=ago(9 * 86400))),
    ({"backup"}, lambda m: m["backup"].pop("checked")),
    ({"store"}, lambda m: m["store"]["status"].update(written=ago(-365 * 86400))),
    ({"store"}, lambda m: m["store"].update(files={"spans.json": {"offset": 9, "runs": 900, "old": 1, "future": 0}})),
    ({"store"}, lambda m: m["store"].update(files={"spans.json": {"offset": 9, "runs": 900, "old": 0, "future": 1}})),
    ({"backup"}, lambda m: m["backup"].update(time=ago(-365 * 86400))),
    ({"backup"}, lambda m: m["backup"].update(checked=ago(-3600))),
    ({"backup"}, lambda m: m["backup"].update(verified=ago(-2 * 86400))),
    ({"certificate"}, lambda m: m["command"].extend(["--certificate-days", "90"])),
    ({"certificate"}, lambda m: m["command"].extend(["--collector", "127.0.0.1:1"])),
    ({"files", "disk", "store", "backup"}, lambda m: m["command"].extend(["--data", "/nowhere"])),
]


@pytest.mark.parametrize(("bad", "change"), BAD)
def test_status_of_what_is_not_well(machine: dict[str, Any], bad: set[str], change: Any) -> None:
    change(machine)
    done = status(machine, "--json")
    assert done.returncode == 1
    assert {name for name, line in json.loads(done.stdout).items() if not line["good"]} == bad
    assert os.fspath(machine["data"]) not in done.stderr and "Traceback" not in done.stderr
    if "other" in machine:
        machine["other"].shutdown()
        machine["other"].server_close()
