# SPDX-License-Identifier: MIT
"""An installation in a folder: data, keys, schemas; and lines as the collector writes them."""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.store.embedded import Store
from runspan_collector.store.follower import Follower

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
QUERIES = ROOT / "collector" / "runspan_collector" / "store" / "queries"
KEY = "000102030405060708090a0b0c0d0e0f"
NS = 10**9
EVERY_PARAMETER = {"limit": "100000", "offset": "0"}

# chdb closes not all of the descriptors that a session had, and 1024 is what many systems allow.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def value(v: Any) -> dict[str, Any]:
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    if isinstance(v, list):
        return {"arrayValue": {"values": [value(item) for item in v]}}
    return {kinds[type(v)]: str(v) if type(v) is int else v}


def pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(v)} for key, v in values.items()]


def line(
    span_id: int,
    attributes: dict[str, Any] | None = None,
    *,
    name: str = "call",
    resource: dict[str, Any] | None = None,
    days_ago: float = 1,
    **more: Any,
) -> bytes:
    """One request with one span, as the collector's journal has it."""
    start = time.time_ns() - int(days_ago * 24 * 3600 * NS)
    span = {
        "traceId": f"{span_id:032x}",
        "spanId": f"{span_id:016x}",
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 5 * NS),
        "attributes": pairs(attributes or {}),
        "status": {"code": 1},
    } | more
    found = pairs({"service.name": "stripepy", "service.version": "1.3.0"} | (resource or {}))
    scopes = [{"scope": {"name": "stripepy"}, "spans": [span]}]
    request = {"resourceSpans": [{"resource": {"attributes": found}, "scopeSpans": scopes}]}
    return json.dumps(request, separators=(",", ":")).encode() + b"\n"


@dataclass
class Installation:
    folder: Path

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        self.keys = self.folder / "keys"
        self.schemas = self.folder / "schemas"
        self.otlp = self.data / "otlp"
        for path in (self.otlp, self.keys):
            path.mkdir(parents=True)
        (self.keys / "store.key").write_text(KEY + "\n", encoding="ascii")
        shutil.copytree(ROOT / "schemas", self.schemas)
        self._open: Store | None = None

    def open(self) -> Store:
        """Opens the store, anew if it is open."""
        self.close()
        self._open = Store(self.data, self.keys, self.schemas)
        return self._open

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def follow(self, store: Store) -> Follower:
        """Takes all there is."""
        follower = Follower(store, self.data)
        while follower.step():
            pass
        return follower

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "state" / "store.json").read_text(encoding="utf-8"))
        return found


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.close()
