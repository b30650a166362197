# SPDX-License-Identifier: MIT
"""python -m runspan: the user's commands, and those of a tool's author."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from runspan import command, installed
from runspan._values import encode_schema

AUTHORS = ("check", "new", "page")
NO_SERVICE = "runspan: no installed program reports through runspan; --service names one, --schema a schema's file"


def main() -> int:
    if sys.argv[1:2] and sys.argv[1] in AUTHORS:
        from runspan import _author

        return _author.main(sys.argv[1:])
    parser = argparse.ArgumentParser(
        prog="python -m runspan",
        description="See, stop and erase what programs report through runspan.",
        epilog="Commands: status, preview, show, on, off, purge; python -m runspan help has what each does. "
        "For a tool's author: new, check, page; each with --help.",
        allow_abbrev=False,
    )
    parser.add_argument("--service", metavar="NAME", help="of this service only")
    parser.add_argument("--schema", metavar="FILE", type=Path, help="the schema of a service that no program registers")
    own, words = parser.parse_known_args()
    try:
        known = _of_file(own.schema) if own.schema else installed.services()
    except (OSError, ValueError, LookupError, TypeError) as e:
        print(f"{own.schema}: it is no schema: {e!r}", file=sys.stderr)
        return 1
    services = {own.service: known.get(own.service, str)} if own.service else known
    if words == ["help"]:
        return command.run("runspan", "", words)
    if not services:
        print(NO_SERVICE, file=sys.stderr)
        return 1
    return max(_run(name, schema, words) for name, schema in services.items())


def _of_file(path: Path) -> dict[str, Callable[[], str]]:
    text = path.read_text(encoding="utf-8")
    return {str(json.loads(text)["service"]): lambda: text}


def _run(service: str, schema: Callable[[], str], words: list[str]) -> int:
    """Run a command for one service. A tool whose schema can't be read can be switched off all the same."""
    try:
        text, had = encode_schema(schema()), True
    except Exception as e:  # the tool's own code
        print(f"{service}: its schema can't be read: {e!r}", file=sys.stderr)
        text, had = b"", False
    return max(command.run(service, text, words), int(not had))


if __name__ == "__main__":
    sys.exit(main())
