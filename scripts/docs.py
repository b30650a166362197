#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the tables of docs/telemetry.md from StripePy's schema and schemas/derived.json, between their markers.

docs.py FILE writes; docs.py --check FILE exits with 1 where FILE is not what it would write.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python" / "src"))  # this checkout's package, whether runspan is installed or not

from runspan import _page  # noqa: E402

del sys.path[0]
SCHEMA = ROOT / "contrib" / "stripepy" / "stripepy.json"
DERIVED = ROOT / "schemas" / "derived.json"


def sections(schema: dict[str, Any]) -> dict[str, list[str]]:
    limits = _page.limits(schema)
    return {
        "destination": [f"`{schema['destination']}`"],
        "derived": _page.derived(json.loads(DERIVED.read_text(encoding="utf-8"))),
        "resource": _page.table(schema["resource"], limits),
        "attributes": _page.attributes(schema),
        "events": _page.events(schema),
    }


def render(text: str, schema: dict[str, Any]) -> str:
    for name, lines in sections(schema).items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        body = "\n".join(lines) + "\n"
        text, count = marked.subn(lambda m, body=body: m[1] + body + m[2], text)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"docs.py: {count} places for {name}")
    return text


def main(arguments: list[str]) -> int:
    check = arguments[:1] == ["--check"]
    page = pathlib.Path(arguments[-1])
    old = page.read_text(encoding="utf-8")
    new = render(old, json.loads(SCHEMA.read_text(encoding="utf-8")))
    if check:
        return int(new != old)
    page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
