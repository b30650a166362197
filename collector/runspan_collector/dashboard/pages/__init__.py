# SPDX-License-Identifier: MIT
"""The page's files: those in this folder, and Vega, which the build downloads."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LOGIN = (HERE / "login.html").read_text(encoding="utf-8")  # the server puts the questions' title and a message into it
OURS = ("index.html", "app.js", "look.js", "pictures.js", "style.css", "login.css")
VEGA = ("vega.min.js", "vega-lite.min.js", "vega-interpreter.js")
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


@dataclass(frozen=True)
class File:
    kind: str
    body: bytes
    gzipped: bytes


def files(static: Path) -> dict[str, File]:
    """Return the page's files by name. A request can name only these, never a path on the disk."""
    return {path.name: read(path) for path in [*(HERE / name for name in OURS), *(static / name for name in VEGA)]}


def read(path: Path) -> File:
    body = path.read_bytes()
    return File(f"{KINDS[path.suffix]}; charset=utf-8", body, gzip.compress(body, mtime=0))
