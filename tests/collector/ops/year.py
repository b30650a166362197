# SPDX-License-Identifier: MIT
"""Restore a backup of many hourly snapshots, and print how long that takes: 8,760 are those of a year.

To make the snapshots in less than hours, the repository gets a key that is cheap to compute, and several small
repositories with that key are put together.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

from runspan_collector.backup.repository import Config, Repository
from runspan_collector.files import OTLP
from tests.collector.ops.conftest import RESTIC, Installation
from tests.collector.ops.test_backup import lines

PER_HOUR, PART = 20, 100


def openssl(cipher: str, key: bytes, text: bytes, *more: str) -> bytes:
    return subprocess.run(
        ["openssl", "enc", f"-{cipher}", "-K", key.hex(), "-nopad", *more], input=text, capture_output=True, check=True
    ).stdout


def sealed(key: bytes, text: bytes) -> bytes:
    """Encrypt as restic does: AES-256-CTR, and Poly1305-AES over the ciphertext."""
    nonce = os.urandom(16)
    cipher = openssl("aes-256-ctr", key[:32], text, "-iv", nonce.hex())
    pad = int.from_bytes(openssl("aes-128-ecb", key[32:48], nonce), "little")
    r = int.from_bytes(key[48:], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    mac = 0
    for at in range(0, len(cipher), 16):
        mac = (mac + int.from_bytes(cipher[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return nonce + cipher + ((mac + pad) % 2**128).to_bytes(16, "little")


def add_cheap_key(at: Installation, repository: Repository) -> None:
    """Put a key into the repository in the place of the one there, which takes half a second to compute."""
    master = repository.restic("cat", "masterkey").encode()
    password, salt = (at.keys / "restic.password").read_bytes().strip(), os.urandom(64)
    user = hashlib.scrypt(password, salt=salt, n=2, r=8, p=1, dklen=64)
    key = {"created": datetime.now(timezone.utc).isoformat(), "username": "", "hostname": "", "kdf": "scrypt"}
    numbers = {"N": 2, "r": 8, "p": 1}
    secret = {"salt": base64.b64encode(salt).decode(), "data": base64.b64encode(sealed(user, master)).decode()}
    content = json.dumps({**key, **numbers, **secret}).encode()
    for path in (at.repository / "keys").iterdir():
        path.unlink()
    (at.repository / "keys" / hashlib.sha256(content).hexdigest()).write_bytes(content)


def back_up(at: Installation, repository: Path, hour: int, when: datetime) -> tuple[str, bytes]:
    """Make the snapshot of an hour: a file is set aside, and the next one has begun. Return that file."""
    name, content = when.strftime("spans-%Y-%m-%dT%H-%M-%S.000.json"), lines(PER_HOUR * hour, PER_HOUR)
    with tempfile.TemporaryDirectory(dir=at.folder) as data:
        (Path(data) / OTLP).mkdir()
        (Path(data) / OTLP / name).write_bytes(content)
        (Path(data) / OTLP / "spans.json").write_bytes(lines(PER_HOUR * (hour + 1), PER_HOUR // 2))
        command: list[str | Path] = [RESTIC, "-r", repository, "--password-file", at.keys / "restic.password"]
        command += ["backup", "--host", "year", "--time", when.astimezone().strftime("%Y-%m-%d %H:%M:%S")]
        command += ["--no-cache", "--quiet", "--force", OTLP]
        cheap = os.environ | {"GOMAXPROCS": "1", "GOGC": "off"}
        subprocess.run(command, cwd=data, env=cheap, check=True, capture_output=True)
    return name, content


def part(at: Installation, hours: range, begin: datetime) -> dict[str, bytes]:
    """Make the snapshots of these hours in a repository of the same key, and move its files to the others."""
    with tempfile.TemporaryDirectory(dir=at.folder) as folder:
        own = Path(folder)
        for path in at.repository.rglob("*"):
            if path.is_dir():
                (own / path.relative_to(at.repository)).mkdir()
        for path in (at.repository / "config", *(at.repository / "keys").iterdir()):
            shutil.copy(path, own / path.relative_to(at.repository))
        made = dict(back_up(at, own, hour, begin + timedelta(hours=hour)) for hour in hours)
        for path in [file for kind in ("data", "index", "snapshots") for file in (own / kind).rglob("*")]:
            if path.is_file():
                path.rename(at.repository / path.relative_to(own))
    return made


def fill(at: Installation, snapshots: int) -> dict[str, bytes]:
    """Back up that many hours."""
    begin = datetime.now(timezone.utc) - timedelta(hours=snapshots)
    want: dict[str, bytes] = {}
    parts = [range(first, min(first + PART, snapshots)) for first in range(0, snapshots, PART)]
    with ThreadPoolExecutor(8) as several:  # restic waits for 0.2 s after it has made its lock
        for made in several.map(lambda hours: part(at, hours, begin), parts):
            want |= made
    return want | {"spans.json": lines(PER_HOUR * snapshots, PER_HOUR // 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", type=int, default=8760)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        at = Installation(Path(folder))
        repository = Repository(Config.read(at.config), at.data / "cache")
        repository.cache.mkdir()
        repository.init()
        add_cheap_key(at, repository)
        began = time.monotonic()
        want = fill(at, options.snapshots)
        print(f"{options.snapshots} snapshots, made in {time.monotonic() - began:.0f} s", flush=True)
        at.run("check")
        calls: list[str] = []
        run = Repository._restic

        def counted(
            self: Repository, *arguments: str, password: Path | None = None
        ) -> subprocess.CompletedProcess[str]:
            calls.append(arguments[0])
            return run(self, *arguments, password=password)

        Repository._restic = counted  # type: ignore[method-assign]
        began = time.monotonic()
        restored = repository.restore(Path(folder) / "restored")
        taken = time.monotonic() - began
        assert at.contents(Path(folder) / "restored") == want
        print(f"{len(restored)} files restored in {taken:.0f} s, as they were; restic: {' '.join(calls)}")


if __name__ == "__main__":
    assert RESTIC.exists(), "scripts/restic.sh has not been run"
    main()
