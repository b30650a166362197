# SPDX-License-Identifier: MIT
"""What lies on the disk says nothing without the key."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from runspan_collector.store.embedded import Store
from tests.collector.store.conftest import KEY, ROOT, Installation, line

KERNEL = "6.8.0-canary-generic"
SPAN_ID = 0x9F3C61D2A47E08B5
VALUES = [KERNEL, "4DNFI9GMP2J8", "ENCFF993FGR", f"{SPAN_ID:016x}", KEY, "1.3.0"]


def filled(installation: Installation) -> None:
    attributes = {"params.dataset_name": "4DNFI9GMP2J8"}
    lines = [
        line(SPAN_ID * (i + 1) % 2**64, attributes, name="download", resource={"os.version": KERNEL})
        for i in range(300)
    ]
    lines.append(line(1, {"params.dataset_name": "ENCFF993FGR"}, name="download"))
    (installation.otlp / "spans.json").write_bytes(b"".join(lines))
    installation.follow(installation.open())


def found(folder: Path, values: list[str]) -> set[str]:
    """The values that are in some file below the folder, as text or as bytes."""
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(texts) > 10
    forms = {value: [value.encode()] for value in values}
    for value in values:
        if len(value) % 2 == 0 and set(value) <= set("0123456789abcdef"):
            forms[value].append(bytes.fromhex(value))
    return {value for value in values for text in texts if any(form in text for form in forms[value])}


def test_nothing_is_readable(installation: Installation) -> None:
    filled(installation)
    folder = installation.data / "store"
    store = installation.open()
    assert found(folder, VALUES) == set()
    # The same rows beside it, on no encrypted disk: the search would find them.
    plain = "ORDER BY `trace.span_id` SETTINGS default_compression_codec = 'NONE'"
    store._run(f"CREATE TABLE bare ENGINE = MergeTree {plain} AS SELECT * FROM spans")
    assert found(folder, VALUES) == set(VALUES) - {KEY}
    store._run("DROP TABLE bare SYNC")
    store.optimize()
    assert found(folder, VALUES) == set()


@pytest.mark.parametrize("name", ["a?b", "?config-file=none", "a b#c%3Fd&e", 'it\'s "a" \\ <b>'])
def test_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    """chdb takes all behind a question mark of a path for settings."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "store.key").write_text(KEY, encoding="ascii")
    row = {
        "timestamp": f"{time.time():.9f}",
        "trace.trace_id": f"{1:032x}",
        "trace.span_id": f"{1:016x}",
        "name": "call",
    }
    for runs in (0, 1):
        store = Store(folder, folder, ROOT / "schemas")
        try:
            assert store.query("SELECT count() AS n FROM spans") == [{"n": runs}]
            store.insert([row])
        finally:
            store.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_key_does_not_open_it(installation: Installation) -> None:
    filled(installation)
    installation.close()
    for key in ("f" * 32, "f" * 64):
        (installation.keys / "store.key").write_text(key, encoding="ascii")
        with pytest.raises(RuntimeError):
            installation.open().query("SELECT count() AS n, any(`os.version`) FROM spans")
        installation.close()
    (installation.keys / "store.key").write_text(KEY, encoding="ascii")
    assert installation.open().query("SELECT count() AS n FROM spans") == [{"n": 301}]


def test_the_key_can_be_changed(installation: Installation) -> None:
    filled(installation)
    new, key = "a1" * 16, installation.keys / "store.key"
    key.write_text(f"{KEY}\n{new}\n", encoding="ascii")
    assert installation.open().query("SELECT count() AS n FROM spans") == [{"n": 301}]
    # From here on the new one is enough.
    key.write_text(new, encoding="ascii")
    store = installation.open()
    assert store.query(f"SELECT countIf(`os.version` = '{KERNEL}') AS n FROM spans") == [{"n": 300}]
    with (installation.otlp / "spans.json").open("ab") as file:
        file.write(line(2))
    installation.follow(store)
    assert installation.open().query("SELECT count() AS n FROM spans") == [{"n": 302}]
    assert found(installation.data / "store", [*VALUES, new]) == set()


@pytest.mark.parametrize("text", ["", "0123", "g" * 32, f"{KEY}\n{'a' * 64}\n", KEY + "0"])
def test_what_is_no_key_is_refused(installation: Installation, text: str) -> None:
    (installation.keys / "store.key").write_text(text, encoding="ascii")
    with pytest.raises(ValueError, match="store.key"):
        installation.open()
    assert not list((installation.data / "store").glob("disks"))


def test_a_rebuilt_store_is_the_same(installation: Installation) -> None:
    filled(installation)
    everything = "SELECT * FROM spans ORDER BY `trace.trace_id`"
    before = installation.open().query(everything)
    installation.close()
    shutil.rmtree(installation.data / "store")
    shutil.rmtree(installation.data / "state")
    store = installation.open()
    assert store.query(everything) == []
    installation.follow(store)
    assert store.query(everything) == before and len(before) == 301
