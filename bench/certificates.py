# SPDX-License-Identifier: MIT
"""The certificates of a machine that has set nothing, with the receiver's authority among them.

runspan trusts what the machine does, in /etc/ssl/certs; requests, which opentelemetry-python sends with, trusts
certifi's file in its own virtual environment. The whole bench runs in a mount namespace of its own where both are
copies, and trust adds an authority to the copies: no variable is set, and both sides read as much as a user's do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.runner import PEER, interpreter

SYSTEM = Path("/etc/ssl/certs")
BUNDLE = "ca-certificates.crt"
_COPIES = "RUNSPAN_BENCH_CERTIFICATES"
"""In the environment of the bench in its namespace: the folder with the copies."""


def enter(folder: Path) -> bool:
    """Start this program anew in a namespace, once. False where there can be none: the rest can be measured."""
    if _COPIES in os.environ:
        return True
    if not (SYSTEM / BUNDLE).exists() or subprocess.run(_unshare("true"), capture_output=True).returncode != 0:
        return False
    shutil.copytree(SYSTEM, folder / "certs", symlinks=True)
    shutil.copyfile(SYSTEM / BUNDLE, folder / "certs" / BUNDLE)
    shutil.copyfile(_certifi(), folder / "certifi.pem")
    for name, source in (("certs", SYSTEM / BUNDLE), ("certifi", _certifi())):
        shutil.copyfile(source, folder / f"{name}.original")
    binds = 'mount --bind "$1" "$2" && mount --bind "$3" "$4" && shift 4 && exec "$@"'
    paths = [folder / "certs", SYSTEM, folder / "certifi.pem", _certifi()]
    command = _unshare("sh", "-c", binds, "sh", *map(str, paths), sys.executable, *sys.argv)
    sys.stdout.flush()
    done = subprocess.run(command, env=os.environ | {_COPIES: str(folder)})
    raise SystemExit(done.returncode)


def trust(ca: Path) -> None:
    """Have everything in the namespace trust this authority, besides its own."""
    folder = Path(os.environ[_COPIES])
    for copy in (folder / "certs" / BUNDLE, folder / "certifi.pem"):
        original = folder / ("certs.original" if copy.name == BUNDLE else "certifi.original")
        copy.write_bytes(original.read_bytes() + b"\n" + ca.read_bytes())  # in place, for it is what is bound


def _unshare(*command: str) -> list[str]:
    """As root; or as a user who is root in a namespace of users, where the machine lets them."""
    return ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--mount", *command]


def _certifi() -> Path:
    command = [str(interpreter(PEER)), "-I", "-c", "import certifi; print(certifi.where())"]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
