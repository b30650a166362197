# SPDX-License-Identifier: MIT
"""The user's commands about a service's telemetry, for tools that offer them under a name of their own."""

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
    """Carry out a command: status, preview, show, on, off, purge or help. It writes to standard output.

    schema: the service's, as Client takes it; an empty text where it is not known. Returns an exit code: 0 done, 1 it
    could not be done (why is written), 2 there is no such command. Raises nothing. Nothing is sent.
    """
    try:
        lib = _abi.load(library or _abi.library_path(), runspan.__version__)
        options = lib.options(encode(service), encode_schema(schema), None, 0)
        words = [encode(str(a)) for a in arguments]
        exit_status = lib.new_int()
        with _stdout() as fd:
            code: int = lib.command(options, len(words), lib.texts(words), fd, lib.by_reference(exit_status))
        if code == Code.DONE:
            return exit_status.value
        why = lib.reason(code)
    except Exception as e:
        why = str(e) or type(e).__name__
    with contextlib.suppress(Exception):  # nobody may read this either
        if sys.stderr is not None:
            print(f"{service}: {why}", file=sys.stderr)
    return 1


@contextlib.contextmanager
def _stdout() -> Iterator[int]:
    """A descriptor that leads to sys.stdout, which may have none of its own, or be None."""
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
