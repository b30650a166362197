# SPDX-License-Identifier: MIT
"""The user's commands, run as a user runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipapp
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import runspan
from tests.ambient import WAY, await_cores
from tests.stripepy import table
from tests.stripepy.otlp_receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys, runspan
client = runspan.Client("stripepy", open(sys.argv[1], "rb").read())
with client.start_span("call") as span:
    span.set_attribute("params.nproc", 4)
    span.set_status(runspan.Status.OK)
print(client.state)
client.close(float(sys.argv[2]))
"""


def run(schema: Path, timeout: float = 10) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, str(schema), str(timeout)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    await_cores()
    return done


def ask(*words: str, code: int = 0) -> str:
    asked = subprocess.run([sys.executable, "-m", "runspan", *words], capture_output=True, text=True)
    assert asked.returncode == code, asked.stdout + asked.stderr
    return asked.stdout


def status() -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(ask("status", "--json"))
    return answer


def register(folder: Path, service: str, module: str) -> None:
    """Install a tool whose module has a function schema."""
    info = folder / f"{service}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {service}\nVersion: 1.0\n")
    name = service.replace("-", "_") + "_telemetry"
    (info / "entry_points.txt").write_text(f"[runspan.services]\n{service} = {name}:schema\n")
    (folder / f"{name}.py").write_text(module)


@pytest.fixture(autouse=True)
def tools(schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed tools. It has one tool, with StripePy's schema."""
    folder = tmp_path / "tools"
    register(folder, "stripepy", f"def schema(): return {schema!r}")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture
def schema_file(schema: str, tmp_path: Path) -> Path:
    path = tmp_path / "stripepy.json"
    path.write_text(schema, encoding="utf-8")
    return path


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no collector."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        monkeypatch.setenv("RUNSPAN_ENDPOINT", f"https://127.0.0.1:{s.getsockname()[1]}/v1/traces")


def test_before_any_run(collector: Receiver, tmp_path: Path) -> None:
    folder = str(tmp_path / "state" / "runspan" / "stripepy")
    assert status() == {
        "service": "stripepy",
        "on": True,
        "core": "beside the host: RUNSPAN_OUT_OF_PROCESS asks for it" if WAY else "in the host",
        "endpoint": collector.endpoint,
        "folder": folder,
        "waiting": 0,
        "waiting_bytes": 0,
        "last_delivered": None,
    }
    shown = ask("status")
    assert shown.startswith("stripepy\n  telemetry  on\n") and collector.endpoint in shown and folder in shown
    assert ask("show") == ""
    assert "last sent  no record of it here" in shown
    assert "no copy here of a report that was sent" in ask("preview", "--last", code=1)
    assert not (tmp_path / "state").exists(), "asking leaves nothing"


def test_what_waits_is_what_arrives(
    schema_file: Path, collector: Receiver, away: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run(schema_file)
    waits = status()
    assert waits["waiting"] == 1 and waits["waiting_bytes"] > 100 and waits["paused_until"]
    shown = json.loads(ask("show", "--json"))
    assert "params.nproc" in ask("show") and "status_code" in ask("show")
    monkeypatch.setenv("RUNSPAN_ENDPOINT", collector.endpoint)
    (tmp_path / "state" / "runspan" / "stripepy" / "pause").unlink()
    run(schema_file)
    arrived = [table.rows(r["body"]) for r in collector.requests()]
    assert table.rows(shown) in arrived and len(arrived) == 2
    after = status()
    assert after["waiting"] == 0
    sent = datetime.fromisoformat(after["last_delivered"].replace("Z", "+00:00")[:19] + "+00:00")
    assert abs((datetime.now(timezone.utc) - sent).total_seconds()) < 60
    last = json.loads(ask("preview", "--last", "--json"))
    assert table.rows(last) == arrived[-1]
    first, *lines = ask("preview", "--last").splitlines()
    assert first.startswith("stripepy: the last report that was sent, ")
    shown_fields = [re.split("  +", line) for line in lines if line]
    stored = {k: v for k, v in table.rows(last).items() if k != "timestamp"}
    assert {k: v for k, v in shown_fields if k != "timestamp"} == stored, "as an analytics store shows it"


def test_off_and_on(schema_file: Path, collector: Receiver, away: None, tmp_path: Path) -> None:
    run(schema_file)
    folder = tmp_path / "state" / "runspan" / "stripepy"
    assert list(folder.iterdir())
    off = ask("off")
    assert "off: the user switched it off" in off and not folder.exists()
    assert status()["on"] is False and status()["why_off"] == "the user switched it off"
    assert run(schema_file).stdout == "5\n" and not folder.exists()
    assert ask("off") == off, "twice is once"
    assert "telemetry  on" in ask("on")
    assert ask("on") == ask("status")
    assert "switched it off" in ask("off", "--all") and "switched it off" in ask("on"), (
        "the other switch is still there"
    )
    assert "telemetry  on" in ask("on", "--all")
    switches = tmp_path / "config" / "runspan"
    assert list(switches.iterdir()) == [] and switches.stat().st_mode & 0o777 == 0o700


def test_off_by_an_earlier_rule(monkeypatch: pytest.MonkeyPatch, collector: Receiver) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert "off: DO_NOT_TRACK is set" in ask("on")


def test_what_waits_goes_when_telemetry_is_off(
    schema_file: Path, collector: Receiver, away: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the user switches telemetry off during a run, the run's report is never sent."""
    run(schema_file)
    assert status()["waiting"] == 1
    ask("on")
    assert status()["waiting"] == 1, "telemetry was on"
    switch = tmp_path / "config" / "runspan" / "stripepy.off"
    switch.parent.mkdir(parents=True)
    switch.touch()
    monkeypatch.setenv("RUNSPAN_ENDPOINT", collector.endpoint)
    assert run(schema_file).stdout == "5\n"
    ask("on")
    run(schema_file)
    assert len(collector.requests()) == 1, "the run after"


def test_an_opted_out_run_looks_at_no_file(
    schema_file: Path, collector: Receiver, away: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A variable is for one run: reports wait, unsent, for a run without the variable, or for off."""
    run(schema_file)
    monkeypatch.setenv("NO_TELEMETRY", "1")
    monkeypatch.setenv("RUNSPAN_ENDPOINT", collector.endpoint)
    assert run(schema_file).stdout == "2\n"
    assert status()["waiting"] == 1 and collector.requests() == []
    ask("purge")
    assert status()["waiting"] == 0


CORE_IS_GONE = """
import os, shutil, sys, runspan
package = os.path.dirname(runspan.__file__)
copy = os.path.join(sys.argv[1], "runspan")
shutil.copytree(package, copy)
os.remove(os.path.join(copy, "lib", "librunspan-core.so"))
"""


@pytest.mark.parametrize("why", ["ulimit -v 120000 && export RUNSPAN_OUT_OF_PROCESS=0", "the core is missing"])
def test_opting_out_takes_no_core(
    schema_file: Path, collector: Receiver, away: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: str
) -> None:
    run(schema_file)
    waiting = tmp_path / "state" / "runspan" / "stripepy"
    assert list(waiting.iterdir())
    if why == "the core is missing":
        subprocess.run([sys.executable, "-c", CORE_IS_GONE, tmp_path], check=True)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{tmp_path / 'tools'}")
        limit = "true"
        reason = "librunspan-core.so is missing or can't be loaded"
    else:
        limit = why
        reason = "too little address space (ulimit -v, -d)"

    def ask(*words: str, code: int = 0) -> str:
        command = ["sh", "-c", limit + ' && exec "$@"', "sh", sys.executable, "-m", "runspan", *words]
        asked = subprocess.run(command, capture_output=True, text=True)
        assert asked.returncode == code, asked.stdout + asked.stderr
        return asked.stdout

    assert ask("status") == f"stripepy\n  telemetry  off: {reason}\n"
    assert json.loads(ask("status", "--json")) == {"service": "stripepy", "on": False, "why_off": reason}
    assert ask("off") == "stripepy\n  telemetry  off: the user switched it off\n"
    assert (tmp_path / "config" / "runspan" / "stripepy.off").exists() and not waiting.exists()
    assert (
        ask("on", "--json")
        == json.dumps({"service": "stripepy", "on": False, "why_off": reason}, separators=(",", ":")) + "\n"
    )
    assert not (tmp_path / "config" / "runspan" / "stripepy.off").exists()
    waiting.mkdir(mode=0o700)
    (waiting / "delivered").touch()
    ask("purge")
    assert not waiting.exists()
    assert ask("show", code=1) == ""
    assert ask("nonsense", code=2) == ask("help")


@pytest.mark.parametrize("command", ["status", "off", "on", "purge", "help", "nothing"])
def test_what_can_not_be_written_has_failed(collector: Receiver, command: str) -> None:
    with open("/dev/full", "w") as full:
        assert subprocess.run([sys.executable, "-m", "runspan", command], stdout=full).returncode == 1


@pytest.mark.parametrize("stop", ["off", "opted out"])
def test_what_was_sent_last_is_known_until_purge(
    schema_file: Path, collector: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stop: str
) -> None:
    run(schema_file)
    (sent,) = (table.rows(r["body"]) for r in collector.requests())
    if stop == "off":
        ask("off")
    else:
        monkeypatch.setenv("NO_TELEMETRY", "")
    run(schema_file)
    assert status()["on"] is False and status()["last_delivered"]
    assert table.rows(json.loads(ask("preview", "--last", "--json"))) == sent
    ask("purge")
    assert status()["last_delivered"] is None and not (tmp_path / "state" / "runspan" / "stripepy").exists()
    assert "no copy here of a report that was sent" in ask("preview", "--last", code=1)


def test_no_link_is_followed(collector: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for link in ("runspan", "runspan/stripepy"):
        state, elsewhere = tmp_path / link.replace("/", "-"), tmp_path / "elsewhere"
        (elsewhere / "stripepy").mkdir(parents=True, exist_ok=True)
        kept = [elsewhere / "pause", elsewhere / "stripepy" / "pause"]
        for file in kept:
            file.touch()
        (state / link).parent.mkdir(parents=True)
        (state / link).symlink_to(elsewhere)
        monkeypatch.setenv("XDG_STATE_HOME", str(state))
        ask("on", "--all")
        ask("off", "--all")
        ask("purge")
        assert all(file.exists() for file in kept)


def test_purge(schema_file: Path, collector: Receiver, away: None, tmp_path: Path) -> None:
    run(schema_file)
    foreign = tmp_path / "state" / "runspan" / "stripepy" / "notes.txt"
    foreign.write_text("mine")
    assert "nothing in" in ask("purge")
    assert status()["waiting"] == 0 and [p.name for p in foreign.parent.iterdir()] == ["notes.txt"]


def test_preview_of_every_span(schema: str, collector: Receiver) -> None:
    for name in json.loads(schema)["spans"]:
        (resource,) = json.loads(ask("preview", name, "--json"))["resourceSpans"]
        (span,) = resource["scopeSpans"][0]["spans"]
        named = {k for k, f in json.loads(schema)["attributes"].items() if name in f["spans"]} - {"aborted"}
        assert span["name"] == name and {a["key"] for a in span.get("attributes", [])} == named
        assert all(a.get("value") for a in span.get("attributes", [])), "each example is a value"
    assert collector.requests() == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["help", "more"],
        ["stat"],
        ["status", "more"],
        ["show", "--all"],
        ["preview", "--last", "call"],
        ["--jso", "status"],
        [""],
    ],
)
def test_no_such_command(words: list[str], collector: Receiver) -> None:
    assert ask(*words, code=2) == ask("help")


def test_help(collector: Receiver) -> None:
    assert "exit codes: 0 done, 1 could not be done, 2 no such command" in ask("help")


IN_PROCESS = """
import io, os, sys
from pathlib import Path
from runspan import command
schema = open(sys.argv[1]).read()
"""


def in_process(schema: Path, program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", IN_PROCESS + program, str(schema)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, **options)


def test_standard_output_of_another_kind(schema_file: Path, collector: Receiver) -> None:
    """Standard output is None, has no descriptor, or is closed."""
    status = ask("status")
    asked = in_process(
        schema_file,
        f"""
sys.stdout = io.StringIO()
code = command.run("stripepy", schema, ["status"])
text, sys.stdout = sys.stdout.getvalue(), sys.__stdout__
assert (code, text) == (0, {status!r}), (code, text)
""",
    )
    assert (asked.returncode, asked.stderr) == (0, "")
    asked = in_process(
        schema_file,
        'sys.exit(10 + command.run("stripepy", schema, ["off"]))',
        preexec_fn=lambda: os.close(1),
    )
    assert (asked.returncode, asked.stderr) == (10, "") and "switched it off" in ask("status")
    asked = in_process(
        schema_file,
        """
sys.stdout.close()
assert command.run("stripepy", schema, ["status"]) == 1
sys.stdout = open(os.devnull, "w")
""",
    )
    assert (asked.returncode, asked.stderr) == (0, "stripepy: I/O operation on closed file.\n")


def test_arguments_of_another_kind(schema_file: Path, collector: Receiver) -> None:
    asked = in_process(
        schema_file,
        """
sys.stdout = io.StringIO()
assert command.run("stripepy", schema, [Path("status")]) == 0
assert command.run("stripepy", schema, [Path("x"), 7, None]) == 2
assert command.run("stripepy", None, ["status"]) == 1
assert command.run(None, schema, ["status"]) == 1
assert command.run("stripepy", schema, 7) == 1
assert command.run("stripepy", schema, ["\\0"]) == 1
sys.stderr = None
assert command.run("stripepy", schema, 7) == 1
""",
    )
    assert asked.returncode == 0, asked.stderr


def test_in_an_archive(collector: Receiver, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(Path(runspan.__file__).parent, app / "runspan", ignore=shutil.ignore_patterns("*.so"))
    (app / "__main__.py").write_text("import sys; from runspan.__main__ import main; sys.exit(main())")
    zipapp.create_archive(app, tmp_path / "app.pyz")
    asked = subprocess.run([sys.executable, "-I", tmp_path / "app.pyz", "status"], capture_output=True, text=True)
    assert (asked.returncode, asked.stdout) == (1, "")
    assert (
        asked.stderr.startswith("runspan: no installed program reports through runspan")
        and asked.stderr.count("\n") == 1
    )


def test_no_tool_is_installed(collector: Receiver, tools: Path) -> None:
    shutil.rmtree(tools)
    assert ask("status", code=1) == ""
    assert "telemetry  off" in ask("--service", "stripepy", "off")
    assert "exit codes: " in ask("help")


def test_the_schema_of_every_installed_tool(collector: Receiver, tools: Path) -> None:
    other = json.loads((ROOT / "tests" / "data" / "every-kind.json").read_text(encoding="utf-8"))
    register(tools, other["service"], f"def schema(): return {json.dumps(other)!r}")
    shown = ask("status")
    assert f"{other['service']}\n  telemetry  on\n" in shown and "stripepy\n  telemetry  on\n" in shown
    assert other["service"] not in ask("--service", "stripepy", "status")
    assert json.loads(ask("--service", other["service"], "preview", "--json"))["resourceSpans"]


@pytest.mark.parametrize("module", ["raise ImportError('broken')", "", "def schema(): return None"])
def test_a_tool_whose_schema_can_not_be_had(collector: Receiver, tools: Path, module: str) -> None:
    """It hides no other tool, and can be switched off."""
    register(tools, "broken", module)
    assert "stripepy\n  telemetry  on\n" in ask("status", code=1)
    ask("off", code=1)
    assert "broken\n  telemetry  off: the user switched it off" in ask("status", code=1)
    assert "stripepy\n  telemetry  off: the user switched it off" in ask("status", code=1)


def test_what_can_not_be_done(collector: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no span is named 'calls'".replace("'", '"') in ask("preview", "calls", code=1)
    (tmp_path / "config").write_text("a file")
    assert ask("off", code=1)
    bad = tmp_path / "bad.json"
    bad.write_text('{"service": "stripepy",\n"spans": 1}')
    assert "stripepy: schema: line 2: " in ask("--schema", str(bad), "status", code=1)
    assert ask("--schema", str(tmp_path / "none"), "status", code=1) == ""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name)
    assert "no folder" in ask("status") and "no folder" in ask("off", code=1)


def test_a_service_without_a_known_schema(collector: Receiver) -> None:
    assert "telemetry  on" in ask("--service", "mytool", "status")
    assert "telemetry  off" in ask("--service", "mytool", "off")
    assert os.listdir(os.environ["XDG_CONFIG_HOME"] + "/runspan") == ["mytool.off"]
    assert "schema is not known" in ask("--service", "mytool", "preview", code=1)
    assert ask("--service", "../mytool", "off", code=1) == ""


def test_what_will_not_be_sent(schema_file: Path, collector: Receiver, away: None, tmp_path: Path) -> None:
    run(schema_file)
    folder = tmp_path / "state" / "runspan" / "stripepy"
    (report,) = folder.glob("*.otlp")
    content = report.read_bytes()
    report.write_bytes(content.replace(b"params.nproc", b"params.alice"))
    assert "will not be sent: not a file of this spool" in ask("show")
    narrow = json.loads(schema_file.read_text())
    del narrow["attributes"]["params.nproc"]
    schema_file.write_text(json.dumps(narrow))
    report.write_bytes(content)
    assert "will not be sent: the schema does not name" in ask("--schema", str(schema_file), "show")
    assert "params.nproc" in ask("show")


def test_preview_of_a_run(
    schema_file: Path, collector: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNSPAN_PREVIEW", "1")
    shown = run(schema_file)
    assert shown.stdout == "0\n"
    first, *rows = shown.stderr.splitlines()
    assert first == "runspan: stripepy would report this, and reports nothing:"
    assert "params.nproc              4" in rows and "name                      call" in rows
    monkeypatch.setenv("NO_TELEMETRY", "1")
    assert run(schema_file).stderr == "runspan: stripepy reports nothing: NO_TELEMETRY is set\n"
    monkeypatch.setenv("RUNSPAN_PREVIEW", "0")
    assert run(schema_file).stderr == ""
    assert collector.requests() == [] and not (tmp_path / "state").exists()


def test_preview_where_nobody_reads(schema_file: Path, collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose standard error is closed goes on, although SIGPIPE would end it."""
    monkeypatch.setenv("RUNSPAN_PREVIEW", "1")
    program = "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n" + RUN
    read, write = os.pipe()
    os.close(read)
    for stderr in (write, subprocess.DEVNULL):
        command = [sys.executable, "-c", program, str(schema_file), "1"]
        host = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
        assert (host.returncode, host.stdout) == (0, "0\n")
    os.close(write)
