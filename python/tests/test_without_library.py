# SPDX-License-Identifier: MIT
"""No call raises where the library is missing, broken, another library, or of another version."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

import runspan
from runspan import Client, Code, Span, Status, _abi

ADAPTER = Path(__file__).parents[2] / "contrib" / "stripepy"


def use(client: Client) -> None:
    """Call everything; nothing may raise."""
    client.set_resource("service.version", "1.0")
    with pytest.raises(ValueError), client.start_span("call") as span:
        assert not span.is_recording()
        span.set_attribute("params.k", 3)
        span.set_attributes({"params.k": 3})
        span.update_name("view")
        span.set_status(Status.OK)
        span.record_exception(ValueError())
        raise ValueError("the host's own")
    span.end()
    assert client.flush() is False
    assert client.close() is False


@pytest.fixture
def not_a_library(tmp_path: Path) -> Path:
    file = tmp_path / "librunspan.so"
    file.write_bytes(b"\x7fELF and nothing more")
    return file


def test_missing() -> None:
    client = Client("stripepy", "{}", library="/nowhere/librunspan.so")
    use(client)
    assert client.state != 0


@pytest.mark.parametrize(
    "system, machine, bits, reason",
    [
        ("Darwin", "arm64", 64, "/nowhere/librunspan.so is missing"),
        ("Darwin", "ppc64", 64, "runspan has no library for macOS on ppc64 yet"),
        ("Windows", "AMD64", 64, "/nowhere/librunspan.so is missing"),
        ("Windows", "ARM64", 64, "/nowhere/librunspan.so is missing"),
        ("Windows", "AMD64", 32, "runspan has no library for Windows on AMD64, 32 bits, yet"),
        ("Linux", "riscv64", 64, "runspan has no library for Linux on riscv64 yet"),
        ("Linux", "x86_64", 32, "runspan has no library for Linux on x86_64, 32 bits, yet"),
        ("FreeBSD", "amd64", 64, "runspan has no library for FreeBSD on amd64 yet"),
        ("Linux", "x86_64", 64, "/nowhere/librunspan.so is missing"),
        ("Linux", "aarch64", 64, "/nowhere/librunspan.so is missing"),
    ],
)
def test_platforms_without_a_library(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, bits: int, reason: str
) -> None:
    monkeypatch.setattr(_abi, "library_path", lambda: "/nowhere/librunspan.so")
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "maxsize", 2 ** (bits - 1) - 1)
    client = Client("stripepy", "{}")
    use(client)
    assert client.reason == reason and client.state != 0


def test_a_package_that_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A source distribution that could not build its library has written down why."""
    (tmp_path / "why.txt").write_text("go can't be found", encoding="utf-8")
    monkeypatch.setattr(_abi, "library_path", lambda: str(tmp_path / "librunspan.so"))
    assert Client("stripepy", "{}").reason == "go can't be found"


def test_a_client_that_is_off_is_false() -> None:
    client = Client("stripepy", "{}", library="/nowhere/librunspan.so")
    assert not client and not client.enabled and client.state == client.consent() == Code.OFF


def test_a_schema_that_is_not_there(tmp_path: Path) -> None:
    client = Client("stripepy", tmp_path / "none.json")
    assert client.state == Code.OFF and "none.json" in client.reason
    use(client)


def test_a_library_is_loaded_once() -> None:
    first, second = Client("stripepy", "{}"), Client("stripepy", "{}")
    assert first._lib is second._lib and not isinstance(first._lib, _abi.NoLibrary)


def test_a_library_that_comes_later(tmp_path: Path) -> None:
    """A library that could not be loaded is looked for again."""
    path = tmp_path / "librunspan.so"
    assert "can't load" in Client("stripepy", "{}", library=str(path)).reason
    path.symlink_to(_abi.library_path())
    assert Client("stripepy", "{}", library=str(path)).state == Code.E_SCHEMA


def test_a_library_behind_a_link(tmp_path: Path) -> None:
    """The core is beside the library itself. A new interpreter: this one has the library by its own path."""
    path = tmp_path / "librunspan.so"
    path.symlink_to(_abi.library_path())
    program = f"from runspan import Client; print(Client('stripepy', '{{}}', library={str(path)!r}).state)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{int(Code.E_SCHEMA)}\n", "")


def test_broken(not_a_library: Path) -> None:
    client = Client("stripepy", "{}", library=str(not_a_library))
    assert "can't load" in client.reason
    use(client)


def test_another_library() -> None:
    client = Client("stripepy", "{}", library="libc.so.6")
    assert "not librunspan" in client.reason
    use(client)


def test_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runspan, "__version__", "999.0.0")
    client = Client("stripepy", "{}")
    assert "not 999.0.0" in client.reason
    use(client)


@pytest.mark.parametrize("service", ["", "\0", None, 7], ids=repr)
def test_bad_arguments(service: object) -> None:
    client = Client(service, None)  # type: ignore[arg-type]
    assert client.state != 0 and client.reason
    use(client)


def test_no_ctypes() -> None:
    program = """
import sys
sys.modules["_ctypes"] = None
import runspan
client = runspan.Client("stripepy", "{}")
assert "can't load" in client.reason, client.reason
client.start_span("call").end()
print("done")
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")


def test_a_span_of_no_client() -> None:
    with Span() as span:
        span.set_attribute("params.k", 3)
        assert not span.is_recording()


def test_import_is_light() -> None:
    """The adapter for StripePy is, too: few modules, and none of those that make opentelemetry-python slow."""
    program = """
import sys
import ctypes
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import telemetry
added = set(sys.modules) - before
print(len(added), *sorted(added))
"""
    run = subprocess.run([sys.executable, "-I", "-c", program, ADAPTER], capture_output=True, text=True, check=True)
    count, *modules = run.stdout.split()
    assert int(count) < 10, modules
    assert {m.partition(".")[0] for m in modules} == {"runspan", "telemetry", "__future__", "atexit"}, modules
