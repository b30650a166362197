# SPDX-License-Identifier: MIT
"""The host's log names each variable for proxies and certificates that can't be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runspan
from tests.stripepy.otlp_receiver import Receiver


def report(schema: str, timeout: float = 20) -> list[str]:
    """Report one run, and return the log's lines."""
    lines: list[str] = []
    client = runspan.Client("stripepy", schema, log=lambda _level, line: lines.append(line))
    with client.start_span("call") as span:
        span.set_status(runspan.Status.OK)
    client.close(timeout)
    return lines


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("HTTPS_PROXY", "http://alice:secret@proxy:port", "port"),
        ("https_proxy", "ftp://alice:secret@proxy", "scheme"),
        ("ALL_PROXY", "socks4://alice:secret@proxy:1080\n", "scheme"),
        ("all_proxy", "http://alice:secret@", "host"),
    ],
)
def test_a_proxy_that_cant_be_used(
    collector: Receiver, schema: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, why: str
) -> None:
    monkeypatch.setenv("RUNSPAN_ENDPOINT", "https://collector.invalid/v1/traces")  # RFC 6761: there is none
    monkeypatch.setenv(variable, value)
    lines = report(schema)
    (line,) = (line for line in lines if "nothing is sent" in line)
    assert f"the proxy in {variable}" in line
    assert f"its {why}" in line
    assert not any("alice" in line or "secret" in line for line in lines)


def test_a_certificate_that_is_gone(
    collector: Receiver,
    schema: str,
    spans: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(collector.ca))
    assert "there is no certificate in SSL_CERT_FILE or SSL_CERT_DIR: others are used" in report(schema)
    assert len(spans()) == 1
