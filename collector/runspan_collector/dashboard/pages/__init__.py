# SPDX-License-Identifier: MIT
"""The page's files: those beside this one, and Vega, which the build fetches."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LOGIN = (HERE / "login.html").read_text(encoding="utf-8")
OURS = ("index.html", "app.js", "style.css", "login.css")
VEGA = ("vega.min.js", "vega-lite.min.js", "vega-interpreter.js")
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


@dataclass(frozen=True)
class File:
    kind: str
    body: bytes
    gzipped: bytes
    tag: str


def files(static: Path) -> dict[str, File]:
    """By the name that the page has for it. There is no way from a path in a request to one on the disk."""
    return {path.name: read(path) for path in [*(HERE / name for name in OURS), *(static / name for name in VEGA)]}


def read(path: Path) -> File:
    body = path.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return File(f"{KINDS[path.suffix]}; charset=utf-8", body, gzip.compress(body, mtime=0), tag)
