# SPDX-License-Identifier: MIT
"""Run the user's commands about a service's telemetry, for tools that offer them under a name of their own."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from os import PathLike

import runspan
from runspan import Code, _abi
from runspan._values import encode, encode_schema


def run(service: str, schema: str | bytes | PathLike[str], arguments: Sequence[str], library: str | None = None) -> int:
    """Run a command: status, preview, show, on, off, purge, check or help. It sends nothing, and writes to stdout.

    schema: the service's, as Client takes it; an empty text where it is not known.
    Return an exit code: 0 done, 1 could not be done (the command writes why), 2 no such command. Raise nothing.
    """
    try:
        lib = _abi.load(library or _abi.library_path(), runspan.__version__)
        with _stdout() as fd:
            code, status = _call(lib, service, schema, arguments, fd)
        if code == Code.DONE:
            return status
        why = lib.reason(code)
    except Exception as e:
        why = str(e) or type(e).__name__
    with contextlib.suppress(Exception):  # standard error may be closed, too
        if sys.stderr is not None:
            print(f"{service}: {why}", file=sys.stderr)
    return 1


def output(service: str, arguments: Sequence[str]) -> str:
    """Return the text that a command writes about a service whose schema is not known here."""
    with tempfile.TemporaryFile() as file:
        _call(_abi.load(_abi.library_path(), runspan.__version__), service, b"", arguments, file.fileno())
        file.seek(0)
        return file.read().decode("utf-8", "replace")


def _call(
    lib: _abi.Library, service: str, schema: str | bytes | PathLike[str], arguments: Sequence[str], fd: int
) -> tuple[int, int]:
    """Call runspan_command. Return its code, and the command's exit status."""
    options = lib.options(encode(service), encode_schema(schema), None, 0)
    words = [encode(str(a)) for a in arguments]
    status = lib.new_int()
    code: int = lib.command(options, len(words), lib.texts(words), fd, lib.by_reference(status))
    return code, status.value


@contextlib.contextmanager
def _stdout() -> Iterator[int]:
    """Give a descriptor that leads to sys.stdout, which may have none of its own, or be None."""
    try:
        sys.stdout.flush()
        fd = sys.stdout.fileno()
    except (AttributeError, ValueError):  # io.UnsupportedOperation is a ValueError
        with tempfile.TemporaryFile() as file:
            yield file.fileno()
            file.seek(0)
            if sys.stdout is not None:
                sys.stdout.write(file.read().decode("utf-8", "replace"))
    else:
        yield fd
