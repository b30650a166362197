# SPDX-License-Identifier: MIT
"""The user's commands: python -m runspan status, for one."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from runspan import command


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m runspan",
        description="See, stop and erase what programs report through runspan.",
        epilog="Commands: status, preview, show, on, off, purge; python -m runspan help has what each does.",
        allow_abbrev=False,
    )
    parser.add_argument("--service", metavar="NAME", help="of this service only")
    parser.add_argument(
        "--schema", metavar="FILE", type=Path, help="the schema of a service that this package does not know"
    )
    own, words = parser.parse_known_args()
    folder = Path(__file__).parent / "schemas"
    files = [own.schema] if own.schema else sorted(folder.glob("*.json"))
    if not files:
        print(f"runspan: there are no files in {folder}; from an archive runspan can't be used", file=sys.stderr)
        return 1
    try:
        texts = [file.read_text(encoding="utf-8") for file in files]
        known = {str(json.loads(text)["service"]): text for text in texts}
    except (OSError, ValueError, LookupError, TypeError) as e:
        print(f"{own.schema or 'runspan'}: it is no schema: {e!r}", file=sys.stderr)
        return 1
    services = {own.service: known.get(own.service, "")} if own.service else known
    return max(command.run(name, text, words) for name, text in services.items())


if __name__ == "__main__":
    sys.exit(main())
