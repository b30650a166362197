# SPDX-License-Identifier: MIT
"""The user's commands about a service's telemetry, for tools that offer them under a name of their own."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import runspan
from runspan import _abi
from runspan._values import encode


def run(service: str, schema: str, arguments: Sequence[str], library: str | None = None) -> int:
    """Carry out a command: status, preview, show, on, off or purge, and its options. It writes to standard output.

    schema: the service's, JSON text; empty where it is not known. Returns an exit code: 0 done, 1 it could not be done
    (why is written), 2 there is no such command. Raises nothing. Nothing is sent.
    """
    try:
        lib = _abi.Library(library or _abi.library_path(), runspan.__version__)
        sys.stdout.flush()
        options = lib.options(encode(service), encode(schema), None, 0)
        words = [encode(a) for a in arguments]
        code: int = lib.command(options, len(words), lib.texts(words), sys.stdout.fileno())
        if code in (0, 1, 2):
            return code
        print(f"{service}: {lib.strerror(code)}", file=sys.stderr)
    except (_abi.LibraryError, OSError, ValueError) as e:
        print(f"{service}: {e}", file=sys.stderr)
    return 1
