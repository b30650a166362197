# SPDX-License-Identifier: MIT
"""The public variant as plain files, for any web server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runspan_dashboard.pages import files
from runspan_dashboard.questions import PublicQuestions


def as_json(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":"), default=str).encode()


def export(questions: PublicQuestions, static: Path, folder: Path) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, file in files(static).items():
        if name != "login.css":
            (folder / name).write_bytes(file.body)
    for name in questions.names():
        (folder / "data" / f"{name}.json").write_bytes(as_json(questions.ask(name, {})))
