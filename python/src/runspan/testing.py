# SPDX-License-Identifier: MIT
"""For the tests of a tool: the reports that its runs would have sent. Nothing is sent.

    with runspan.testing.capture() as reports:
        mytool.main(["sort", "--threads", "8"])
    assert reports[0].attributes["params.threads"] == 8

The core makes the reports, so that the schema decides, as it does for users. pytest has the fixture
``runspan_reports``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

import runspan
from runspan import Client, Level, _abi, _client, command

__all__ = ["Event", "Report", "Reports", "Unavailable", "capture"]

Value = str | bool | int | float | None | tuple[str, ...]
Log = Callable[[int, str], None]

_OPT_OUTS = ("NO_TELEMETRY", "DO_NOT_TRACK", "OTEL_SDK_DISABLED")


class Unavailable(RuntimeError):
    """This process can't make reports: it has no library, or the site has switched telemetry off for all users."""


@dataclass(frozen=True)
class Event:
    """An event of a span."""

    name: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True)
class Report:
    """One span and its resource: everything that a run sends."""

    service: str
    name: str
    """The span's name."""
    status: int
    """One of runspan.Status."""
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]
    events: tuple[Event, ...]
    start_time: int
    """In nanoseconds since 1970."""
    end_time: int
    """In nanoseconds since 1970."""


class Reports(Sequence[Report]):
    """The reports so far, in the order in which their spans ended.

    A report is here when its span has ended, in this process; when the process has ended, for a program that the test
    started. A program that was killed has the report that a later run would send of it, as aborted.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._captured: list[Report] = []
        self._waiting: list[Report] = []
        self._clients: list[Client] = []

    @overload
    def __getitem__(self, index: int) -> Report: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Report]: ...

    def __getitem__(self, index: int | slice) -> Report | Sequence[Report]:
        reports = self._all()
        try:
            return reports[index]
        except IndexError:
            raise IndexError(f"there are {len(reports)} reports{self._why()}") from None

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def _all(self) -> list[Report]:
        self._read_spool()
        return sorted(self._captured + self._waiting, key=lambda report: report.end_time)

    def _read_spool(self) -> None:
        """Read the reports of other processes, which wait in the spool. It is gone when the capture has ended."""
        spool = self._state / "runspan"
        if spool.is_dir():
            self._waiting = [
                report
                for service in sorted(folder.name for folder in spool.iterdir())
                for line in command.output(service, ["show", "--json"]).splitlines()
                if line.startswith("{")
                for report in _reports(service, line)
            ]

    def _observe(self, client: Client, log: Log | None, preview: bool) -> Log:
        """Return the log of a client of this process, which takes its spans. log and preview are the host's."""
        self._clients.append(client)

        def call(level: int, line: str) -> None:
            if level == Level.SPAN:
                self._captured.extend(_reports(client._service, line))
            if log is not None and (preview or level != Level.SPAN):
                log(level, line)

        return call

    def _why(self) -> str:
        """Return why clients that were opened have reported nothing."""
        if not self._clients:
            return "; no client was opened in this process"
        off = [f"{c._service} is off: {c.reason}" for c in self._clients if not c and c.reason != "closed"]
        return "".join(f"; {reason}" for reason in off)


@contextlib.contextmanager
def capture(*, strict: bool = True) -> Iterator[Reports]:
    """Give the reports of all clients that are opened inside the ``with``, also in threads and programs started there.

    Reports are made although the user has opted out, and nothing is sent.
    strict: raise SchemaError for a name, key, value or schema that runspan refuses, as RUNSPAN_STRICT does.
    Raise Unavailable where no report can be made.

    A test can have one capture at a time, because it changes variables of the environment: RUNSPAN_*, the variables
    that opt out, XDG_STATE_HOME and XDG_CONFIG_HOME, which name empty folders. A program is captured if it inherits
    them.
    """
    if _client.observe is not None:
        raise RuntimeError("another capture has not ended")
    with tempfile.TemporaryDirectory() as name, _unreachable() as endpoint:
        folder = Path(name)
        reports = Reports(folder / "state")
        changes: dict[str, str | None] = {v: None for v in os.environ if v.endswith(_OPT_OUTS)}
        changes |= {
            "RUNSPAN_ENDPOINT": endpoint,
            "RUNSPAN_PREVIEW": None,
            "RUNSPAN_STRICT": "1" if strict else None,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        with _environment(changes):
            _raise_unless_available()
            _client.observe = reports._observe
            try:
                yield reports
            finally:
                _client.observe = None
                reports._read_spool()


def _raise_unless_available() -> None:
    lib = _abi.load(_abi.library_path(), runspan.__version__)
    code: int = lib.consent(b"runspan")
    if code != runspan.Code.DONE:
        raise Unavailable(lib.reason(code))


@contextlib.contextmanager
def _unreachable() -> Iterator[str]:
    """Give the URL of a port of this machine that nothing listens to, and that no other program can have meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1/traces"


@contextlib.contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Set variables, or remove those whose value is None. Put back these, and no others, at the end."""
    before = {name: os.environ.get(name) for name in changes}
    try:
        _set(changes)
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _reports(service: str, request: str) -> Iterator[Report]:
    """Read the spans of a request, in OTLP/JSON."""
    for resource_spans in json.loads(request).get("resourceSpans", []):
        resource = _attributes(resource_spans.get("resource", {}))
        for scope_spans in resource_spans.get("scopeSpans", []):
            for span in scope_spans.get("spans", []):
                yield Report(
                    service=service,
                    name=span.get("name", ""),
                    status=span.get("status", {}).get("code", 0),
                    attributes=_attributes(span),
                    resource=resource,
                    events=tuple(Event(event.get("name", ""), _attributes(event)) for event in span.get("events", [])),
                    start_time=int(span["startTimeUnixNano"]),
                    end_time=int(span["endTimeUnixNano"]),
                )


def _attributes(holder: dict[str, Any]) -> Mapping[str, Value]:
    return MappingProxyType({a["key"]: _value(a.get("value", {})) for a in holder.get("attributes", [])})


def _value(value: dict[str, Any]) -> Value:
    """Read a value of OTLP/JSON, in which an int is a text."""
    for kind, content in value.items():
        if kind == "intValue":
            return int(content)
        if kind == "doubleValue":
            return float(content)
        if kind == "arrayValue":
            return tuple(v["stringValue"] for v in content.get("values", []))
        found: str | bool = content
        return found
    return None
