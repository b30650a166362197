# SPDX-License-Identifier: MIT
"""The public page of a running store, as the unit starts it: runspan-store in a process of its own, asked over TLS."""

from __future__ import annotations

import json
import random
import re
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.dashboard.users import Users
from runspan_collector.store import synthesize
from runspan_collector.store.synthesize import Run
from tests.collector.dashboard.running import DOCS, PASSWORD, ROOT, Client, certificate
from tests.collector.waiting import free_ports, wait_for

UNIT = (ROOT / "collector/systemd/runspan-store.service").read_text(encoding="utf-8")
CLUSTER = ROOT / "collector/scale-out/roles/dashboard/runspan-store.service.conf"


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Made-up ones, which the collector's files have."""
    certificate(tmp_path)
    Users(tmp_path / "dashboard.users").set("ada", PASSWORD)
    (tmp_path / "store.key").write_text(secrets.token_hex(16), encoding="ascii")
    rng = random.Random(11)
    made = synthesize.make(2000, 59, rng, int(time.time()))
    synthesize.write(made, tmp_path / "otlp", rng)
    return made


def words(**environment: str) -> list[str]:
    """The unit's command, as systemd has it with this environment: ${X} is one word, be it empty."""
    (command,) = re.findall(r"^ExecStart=(.+)", UNIT, re.M)
    settings = dict(re.findall(r"^Environment=(\w+)=(.*)", UNIT, re.M)) | environment
    return [re.sub(r"\$\{(\w+)\}", lambda name: settings[name[1]], word) for word in command.split()]


@contextmanager
def store(folder: Path, public: int | None = None) -> Iterator[Client]:
    """The unit's store, with or without a public page; asked on its other page."""
    (port,) = free_ports(1)
    environment = {"RUNSPAN_DASHBOARD": f"127.0.0.1:{port}"}
    if public:
        environment["RUNSPAN_PUBLIC"] = f"127.0.0.1:{public}"
    paths = {"/opt/runspan": str(ROOT), "/var/lib/runspan": str(folder), "%d": str(folder)}
    command = [re.sub("^(/opt/runspan|/var/lib/runspan|%d)", lambda p: paths[p[0]], w) for w in words(**environment)]
    process = subprocess.Popen(command)
    try:
        asked = Client(port, folder / "tls.crt")
        wait_for(answering(asked, "/login"), "the store does not come up")
        yield asked
    finally:
        process.terminate()
        assert process.wait(20) == 0


def answering(client: Client, path: str) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            return client.ask(path).status == 200
        except OSError:
            return False

    return answers


def page(client: Client) -> dict[str, Any]:
    names = ("charts", "totals", "week", "subcommand", "version", "os", "arch", "format")
    return {name: json.loads(client.ask(f"/data/{name}.json").body) for name in names}


def test_public_page_of_the_unit(runs: list[Run], tmp_path: Path) -> None:
    (port,) = free_ports(1)
    public = Client(port, tmp_path / "tls.crt")
    with store(tmp_path, port) as private:
        wait_for(lambda: page(public)["totals"][0]["weeks"] > 0, "no week is counted")
        found = page(public)
        weeks = Counter(str(run.week) for run in runs)
        assert 7 <= found["totals"][0]["weeks"] <= 8
        assert {row["answer"]: row["runs"] for row in found["week"]} == {
            row["answer"]: weeks[row["answer"]] // 10 * 10 for row in found["week"]
        }
        assert public.ask("/").status == 200 and "<title>Runs</title>" in public.ask("/").body

        # Nothing else is there for everybody, and the other page still wants a login.
        of_runs = ["runs", "run", "choices", "versions", "public", f"run.json?span_id={runs[-1].span_id}&x="]
        for path in ["/login", *(f"/data/{name}.json" for name in of_runs)]:
            assert public.ask(path).status == 404, path
        assert public.log_in().status == 404
        sent = json.dumps(found)
        assert not any(
            run.span_id in sent or run.trace_id in sent or run.shown("os.version") in sent
            for run in runs
            if "os.version" in run.resource
        )
        assert (private.ask("/").status, private.ask("/").headers["Location"]) == (303, "login")
        assert [private.ask(f"/data/{name}.json").status for name in ("week", "totals", "runs")] == [401] * 3
        assert private.log_in().status == 303
        assert json.loads(private.ask("/data/totals.json?from=2020-01-01").body)[0]["runs"] == len(runs)

    # Late reports, of weeks that were counted, and a restart.
    rng = random.Random(12)
    late = synthesize.make(2000, 59, rng, int(time.time()))
    synthesize.write(late, tmp_path / "late", rng)
    for file in (tmp_path / "late").iterdir():
        file.rename(tmp_path / "otlp" / f"late-{file.name}")
    with store(tmp_path, port) as private:
        assert private.log_in().status == 303
        both, totals = len(runs) + len(late), "/data/totals.json?from=2020-01-01"
        wait_for(lambda: json.loads(private.ask(totals).body)[0]["runs"] == both, "they are not taken")
        assert page(public) == found


def test_plain_files(runs: list[Run], tmp_path: Path) -> None:
    """By the command in the docs: all that the page loads, and all answers."""
    text = (DOCS / "dashboard.md").read_text(encoding="utf-8")
    command = text[text.index("    curl ") :].split("\n\n")[0]
    (port,) = free_ports(1)
    for told, here in (("telemetry.example.org:8444", f"localhost:{port}"), ("/var/www/runs", f"{tmp_path}/www")):
        assert command.count(told) == 2
        command = command.replace(told, here)
    public, www = Client(port, tmp_path / "tls.crt"), tmp_path / "www"
    with store(tmp_path, port):
        wait_for(lambda: page(public)["totals"][0]["weeks"] > 0, "no week is counted")
        subprocess.run(["bash", "-c", f"{command} --cacert {public.ca}"], check=True, capture_output=True)
        loaded = re.findall(r'(?:src|href)="([\w.-]+)"', public.ask("/").body)
        loaded += re.findall(r'from "\./([\w.-]+)"', public.ask("/app.js").body)
        answers = page(public)
    assert {path.name for path in www.iterdir()} == {"index.html", "data", *loaded}
    assert {path.stem: json.loads(path.read_bytes()) for path in (www / "data").iterdir()} == answers
    assert answers.keys() == {"totals", "charts", *(chart["name"] for chart in answers["charts"]["charts"])}


def test_a_page_that_can_not_listen_ends_nothing(runs: list[Run], tmp_path: Path) -> None:
    """The store takes the runs and the other page is there; the page comes when its port is free."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        public = Client(other.getsockname()[1], tmp_path / "tls.crt")
        with store(tmp_path, public.port) as private:
            assert private.log_in().status == 303
            totals = "/data/totals.json?from=2020-01-01"
            wait_for(lambda: json.loads(private.ask(totals).body)[0]["runs"] == len(runs), "they are not taken")
            other.close()
            wait_for(answering(public, "/"), "the page does not come")


def test_no_public_page_unless_asked_for(runs: list[Run], tmp_path: Path) -> None:
    assert words()[-2:] == ["--public", ""]
    with store(tmp_path):
        assert not (tmp_path / "state" / "public.json").exists()
        growth = tmp_path / "state" / "growth.json"
        wait_for(growth.exists, "the store does not count the growth, which nobody has asked for")
    weeks = Counter(str(run.week) for run in runs)
    wait = [(key, rows[0]) for key, rows in json.loads(growth.read_bytes()).items() if key.startswith("growth_weeks")]
    assert wait and all(row["runs"] == weeks[key.split()[1]] for key, row in wait)


def test_public_counts_of_a_cluster_are_kept_in_a_file(tmp_path: Path) -> None:
    assert CLUSTER.read_text(encoding="utf-8").rstrip().endswith("--published /var/lib/runspan/state/public.json")
    command = [str(Path(sys.executable).parent / "runspan-store"), "--keys", str(tmp_path), "--public", "127.0.0.1:1"]
    done = subprocess.run([*command, "--cluster", "https://a@localhost"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--public needs --published" in done.stderr


@pytest.mark.parametrize("text", ["127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:", "[::]", "https"])
def test_addresses_that_are_none(tmp_path: Path, text: str) -> None:
    command = [str(Path(sys.executable).parent / "runspan-store"), "--data", str(tmp_path), "--keys", str(tmp_path)]
    done = subprocess.run([*command, "--dashboard", text], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "invalid address value" in done.stderr
