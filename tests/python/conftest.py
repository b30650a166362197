# SPDX-License-Identifier: MIT
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

from tests.ambient import ambient
from tests.stripepy.otlp_receiver import Receiver, receiver

ROOT = Path(__file__).resolve().parents[2]

# Tests write into build/ only.
set_hypothesis_home_dir(ROOT / "build" / "hypothesis")
settings.register_profile(
    "short",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],  # a machine may be busy
)
settings.register_profile("long", settings.get_profile("short"), derandomize=False, max_examples=2000)
settings.load_profile("short")


@pytest.fixture(scope="session")
def schema() -> str:
    return (ROOT / "schemas" / "stripepy.json").read_text(encoding="utf-8")


@pytest.fixture
def collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver: this process's environment names it as the endpoint."""
    with receiver(tmp_path / "receiver") as r:
        for name in ambient():
            monkeypatch.delenv(name)
        monkeypatch.setenv("RUNSPAN_ENDPOINT", r.endpoint)
        monkeypatch.setenv("SSL_CERT_FILE", str(r.ca))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield r


@pytest.fixture
def spans(collector: Receiver) -> Callable[[], list[dict[str, Any]]]:
    """The spans that have arrived, in OTLP/JSON."""

    def arrived() -> list[dict[str, Any]]:
        return [
            span
            for request in collector.requests()
            for resource_spans in request["body"]["resourceSpans"]
            for scope_spans in resource_spans["scopeSpans"]
            for span in scope_spans["spans"]
        ]

    return arrived
