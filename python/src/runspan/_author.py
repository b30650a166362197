# SPDX-License-Identifier: MIT
"""The commands of a tool's author: check, new and page."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from runspan import command


def main(arguments: list[str]) -> int:
    """Run one of the commands. Return its exit code: 0 done, 1 could not be done, which standard error explains."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "check":
            return _check(asked.file, asked.json)
        if asked.command == "new":
            from runspan import _new

            print(_new.write(asked.name, asked.source))
        else:
            from runspan import _page

            print(_page.page(json.loads(asked.file.read_text(encoding="utf-8"))), end="")
            print(f"{asked.file}: write the section that begins with TO BE WRITTEN yourself", file=sys.stderr)
    except (OSError, ValueError) as e:
        print(f"runspan: {e}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m runspan", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what is wrong with a schema, and what will be sent")
    check.add_argument("file", metavar="FILE", type=Path, help="the schema's file")
    check.add_argument("--json", action="store_true", help="for programs")
    new = commands.add_parser("new", help="write a first schema, NAME.json, into this folder")
    new.add_argument("name", metavar="NAME", help="the name of the service: lower-case letters, digits, - and _")
    new.add_argument(
        "--from",
        dest="source",
        metavar="MODULE:OBJECT",
        help="an argparse parser, a function that returns one, or a click command: its options become attributes",
    )
    page = commands.add_parser(
        "page", help="print the page, in Markdown, that tells a tool's users about its telemetry"
    )
    page.add_argument("file", metavar="FILE", type=Path, help="the schema's file")
    return parser


def _check(file: Path, as_json: bool) -> int:
    """Have the core check a schema, whatever service it is of: it may be no JSON, and the core names the line."""
    return command.run("runspan", file.read_bytes(), ["check", "--json"] if as_json else ["check"])
