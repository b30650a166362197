# SPDX-License-Identifier: MIT
"""runspan-keys: make store.key and restic.password if they are missing.

With tls, make a new tls.key and tls.crt for names and addresses, signed by the folder's own CA (ca.crt). This does not
replace a certificate of another CA.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

from runspan_collector.files import replace

CA = "runspan's own CA"
RANDOM = {"store.key": 16, "restic.password": 32}
"""The number of random bytes of each file, which has them in hexadecimal."""
EC_KEY = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


class KeysError(Exception):
    """The keys could not be made. The message is for people."""


def openssl(*arguments: str | Path, text: str = "") -> str:
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KeysError(f"openssl {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def there(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def missing(folder: Path) -> None:
    """Make the random keys that are missing."""
    for name, count in RANDOM.items():
        if not there(folder / name):
            replace(folder / name, secrets.token_hex(count) + "\n", 0o600)


def alternative(name: str) -> str:
    """Return an address or a name in the form of a certificate's subjectAltName."""
    return f"IP:{name}" if ":" in name or re.fullmatch("[0-9.]+", name) else f"DNS:{name}"


def foreign(folder: Path) -> str | None:
    """Return the name of a file that this command has not made, or None."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    if there(certificate):
        issuer: list[str | Path] = ["openssl", "x509", "-noout", "-issuer", "-in", certificate]
        ours = CA in subprocess.run(issuer, capture_output=True, text=True, check=False).stdout
        return None if ours else certificate.name
    return key.name if there(key) else None


def own_ca(folder: Path) -> None:
    key, certificate = folder / "ca.key", folder / "ca.crt"
    if there(certificate):
        if not key.exists():
            raise KeysError(
                f"{folder} has ca.crt, but not the ca.key that belongs to it: remove it to have both made anew"
            )
        return
    if not there(key):
        replace(key, openssl(*EC_KEY), 0o600)
    use = ["-addext", "keyUsage=critical,keyCertSign"]
    replace(
        certificate, openssl("req", "-x509", "-new", "-key", key, "-days", "3650", "-subj", f"/CN={CA}", *use), 0o600
    )


def certify(folder: Path, names: list[str]) -> None:
    if (theirs := foreign(folder)) is not None:
        raise KeysError(f"{folder / theirs} was not made here: move it away to have another one made")
    own_ca(folder)
    key = openssl(*EC_KEY)
    extensions = [f"subjectAltName=critical,{','.join(map(alternative, names))}", "extendedKeyUsage=serverAuth"]
    extensions.append("keyUsage=critical,digitalSignature")
    added = [word for extension in extensions for word in ("-addext", extension)]
    request = openssl("req", "-new", "-key", "/dev/stdin", "-subj", "/", *added, text=key)
    by: list[str | Path] = [
        "-CA",
        folder / "ca.crt",
        "-CAkey",
        folder / "ca.key",
        "-days",
        "90",
        "-copy_extensions",
        "copy",
    ]
    certificate = openssl("x509", "-req", *by, text=request)
    replace(folder / "tls.crt", certificate, 0o600)  # first, because a key without a certificate counts as foreign
    replace(folder / "tls.key", key, 0o600)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    commands = parser.add_subparsers(dest="command")
    tls = commands.add_parser("tls", help="make a certificate")
    tls.add_argument("names", nargs="+", metavar="NAME", help="a name or an address of the collector")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    folder: Path = options.folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if options.command == "tls":
            certify(folder, options.names)
        else:
            missing(folder)
    except (KeysError, OSError) as error:
        print(f"keys: {error}", file=sys.stderr)
        return 1
    return 0
