# SPDX-License-Identifier: MIT
"""Install runspan from a channel of conda's: conda_install.py CHANNEL PREFIX. Print what each package depends on."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from rattler import install, solve
from rattler.index import index_fs
from rattler.virtual_package import VirtualPackage


async def main(channel: Path, prefix: Path) -> None:
    await index_fs(channel)
    sources, system = [channel.as_uri()], VirtualPackage.detect()
    found = await solve(sources, ["runspan"], platforms=["linux-64", "noarch"], virtual_packages=system)
    await install(found, prefix, cache_dir=prefix.parent / "cache", show_progress=False)
    print(json.dumps({record.name.normalized: list(record.depends) for record in found}), flush=True)


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
os._exit(0)  # rattler's threads crash an interpreter that is about to end
