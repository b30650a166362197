# Copyright (C) 2025 Roberto Rossini <roberroso@uio.no>
#
# SPDX-License-Identifier: MIT

"""Report StripePy's runs through runspan. stripepy.json, beside this file, lists every field of a report.

setup returns a context manager with the methods of an OpenTelemetry span that StripePy calls.
"""

from __future__ import annotations

import atexit
import os

from runspan import Client, Code, Level, Span, Status

_SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stripepy.json")

_clients: dict[bool, Client] = {}
"""The process's clients, by debug. The first setup that needs one opens it; the interpreter's exit closes it."""


def setup(subcommand: str, debug: bool = False, no_telemetry: bool = False) -> Span:
    """Begin the span of a run, and return it. Raise nothing. Where telemetry is off, the span does nothing.

    subcommand: the span's name.
    debug: send nothing, and print the span as JSON when it ends.
    no_telemetry: return a span that does nothing.
    """
    if no_telemetry:
        return Span()
    try:
        client = _client(bool(debug))
        if client.state == Code.OFF_SERVICE:
            _log("detected STRIPEPY_NO_TELEMETRY variable in environment: no telemetry will be collected")
        elif client.state == Code.OFF_NO_TELEMETRY:
            _log("detected NO_TELEMETRY variable in environment: no telemetry will be collected")
        elif client.state in Code.OPT_OUTS:
            _log(f"no telemetry will be collected: {client.reason}")
        elif not client:
            _log("setting up telemetry...")
            _log(f"failed to setup telemetry: no telemetry will be collected: {client.reason}")
        else:
            _log("setting up telemetry...")
            _log("successfully configured StripePy for telemetry collection")
        # set_exception records exceptions.
        return client.start_span(subcommand, record_exception=False, set_status_on_exception=False)
    except Exception as e:
        _log(f"failed to setup telemetry: no telemetry will be collected: {e}")
        return Span()


def schema() -> str:
    """Return the text of the schema. pyproject.toml registers this function, by which python -m runspan finds it."""
    with open(_SCHEMA, encoding="utf-8") as file:
        return file.read()


def set_exception(span: Span, exc: BaseException) -> None:
    """Record that the run failed with an exception: its type, not its message."""
    try:
        span.set_status(Status.ERROR)
        span.record_exception(exc)
    except Exception:
        pass


def set_success(span: Span, exit_code: int) -> None:
    """Record that the run came to its end, with an exit code."""
    try:
        span.set_status(Status.OK if exit_code == 0 else Status.ERROR)
    except Exception:
        pass


def _client(debug: bool) -> Client:
    """Return an open client, or one that is off and has the reason: the user may have opted out since the last run."""
    client = _clients.get(debug)
    if client and client.consent() == Code.DONE:
        return client
    client = _clients[debug] = _open(debug)
    return client


def _open(debug: bool) -> Client:
    text = schema()
    client = Client("stripepy", text, log=_print_span if debug else None, preview=debug)
    if client:
        atexit.register(client.close)  # StripePy's spans have ended by then
        for key, value in _resource(text).items():
            client.set_resource(key, value)
    return client


def _resource(schema: str) -> dict[str, str]:
    import platform

    import stripepy

    from runspan.installed import versions

    os_type = platform.system().lower()
    resource = {
        "host.arch": platform.machine(),
        "os.type": {"sunos": "solaris"}.get(os_type, os_type),
        "os.version": platform.version() if os_type in ("windows", "sunos") else platform.release(),
        "process.runtime.description": platform.python_compiler(),
        "process.runtime.name": platform.python_implementation(),
        "process.runtime.version": platform.python_version(),
        "service.version": stripepy.__version__,
    }
    for name, version in versions(_dependencies(schema)).items():
        resource[f"dependency.{name}.version"] = version
    return resource


def _dependencies(schema: str) -> list[str]:
    """Return the names in the schema's dependency.<name>.version. Cut them out: to import json would take longer."""
    return [rest.partition('.version"')[0] for rest in schema.split('"dependency.')[1:]]


def _print_span(level: int, line: str) -> None:
    if level == Level.SPAN:
        print(line)


def _log(line: str) -> None:
    try:
        import structlog

        structlog.get_logger().debug(line)
    except Exception:
        pass
