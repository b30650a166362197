# SPDX-License-Identifier: MIT
"""One store with the same runs for all tests that ask it, and the page before it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from runspan_collector.kept import Kept
from runspan_collector.store.embedded import Store
from tests.collector.dashboard.running import ROOT, Site, counted, site
from tests.collector.dashboard.runs import Row, runs


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    return runs(3000, datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("store")
    (folder / "store.key").write_text(secrets.token_hex(16), encoding="ascii")
    made = Store(folder, folder, ROOT / "schemas")
    made.insert(rows)
    yield made
    made.close()


@pytest.fixture(scope="session")
def kept(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return counted(store.query, tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def page(store: Store, kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Logged in."""
    with site(store.query, tmp_path_factory.mktemp("site"), kept=kept) as made:
        assert made.log_in().status == 303
        yield made
