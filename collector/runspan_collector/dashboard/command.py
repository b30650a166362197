# SPDX-License-Identifier: MIT
"""runspan-dashboard passwd: set a user's password, which is read from standard input."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from runspan_collector.dashboard.users import Users


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    passwd = commands.add_parser("passwd", help="set a user's password, read from standard input")
    passwd.add_argument("--users", type=Path, required=True, help="the file of users: KEYS/dashboard.users")
    passwd.add_argument("name")
    options = parser.parse_args()
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        Users(options.users).set(options.name, password)
    except ValueError as error:
        print(f"passwd: {error}", file=sys.stderr)
        return 2
    return 0
