# SPDX-License-Identifier: MIT
"""Every test is in a suite, and tests/README.md has every suite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ambient import ambient

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    line.split(maxsplit=4)
    for line in (ROOT / "tests" / "suites.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def test_the_page_has_the_suites() -> None:
    page = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.M)
    assert listed == [(name, tier) for name, tier, *_ in ROWS]


def test_build_sh_knows_what_they_need() -> None:
    script = (ROOT / "build.sh").read_text(encoding="utf-8")
    known = set(re.findall(r"\bwants (\w+)", script))
    assert {need for row in ROWS for need in row[3].split(",")} - {"-"} <= known | {"stripepy"}
    assert "for need in stripepy:patched stripepy:published" in script


@pytest.mark.parametrize("pattern", ["*_test.go", "test_*.py"])
def test_every_test_is_in_a_suite(pattern: str) -> None:
    words = {word.split("::")[0].removesuffix("/...") for row in ROWS for word in row[4].split()}
    covered = {ROOT / word for word in words if (ROOT / word).exists()} - {ROOT}
    assert ROOT / "internal" in covered
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name not in ("build", ".git")]
    tests = [path for folder in folders for path in folder.rglob(pattern)]
    assert len(tests) > 20
    assert [path for path in tests if not covered & {path, *path.parents}] == []


def test_go_python_and_shell_read_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MYTOOL_NO_TELEMETRY", "https_proxy", "XDG_STATE_HOME", "SSL_CERT_FILE", "OTEL_SDK_DISABLED"):
        monkeypatch.setenv(name, "1")
        assert name in ambient()
    monkeypatch.setenv("MYTOOL", "1")
    assert "MYTOOL" not in ambient()
    for reader in ("tests/ambient.py", "tests/host/host.go", "scripts/test.sh"):
        assert "ambient.txt" in (ROOT / reader).read_text(encoding="utf-8")
