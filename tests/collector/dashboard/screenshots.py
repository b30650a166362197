# SPDX-License-Identifier: MIT
"""Makes the pictures of collector/docs/screenshots anew: python -m tests.collector.dashboard.screenshots FOLDER

With build/venv/collector/bin/python, after ./build.sh test dashboard.
"""

from __future__ import annotations

import secrets
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from runspan_collector.store.embedded import Store
from tests.collector.dashboard.chromium import chromium
from tests.collector.dashboard.running import PASSWORD, ROOT, site
from tests.collector.dashboard.runs import runs

PICTURES = {"desktop": (1360, 1480, False), "dark": (1360, 1480, True), "phone": (390, 844, False)}


def main(to: Path) -> None:
    folder = Path(tempfile.mkdtemp())
    (folder / "store.key").write_text(secrets.token_hex(16), encoding="ascii")
    store = Store(folder, folder, ROOT / "schemas")
    store.insert(runs(20000, datetime.now(timezone.utc).replace(tzinfo=None)))
    with chromium(folder / "chromium") as tab, site(store.query, folder / "site") as page:
        home = f"https://localhost:{page.port}/"
        tab.log_in(home, "ada", PASSWORD)
        for name, (width, height, dark) in PICTURES.items():
            tab.size(width, height, dark)
            tab.open(home)
            tab.ready()
            (to / f"{name}.png").write_bytes(tab.picture())
        tab.size(1360, 1320)
        tab.open(home)
        tab.ready()
        tab.run("document.getElementById('chart-outcomes').scrollIntoView()")
        (to / "more.png").write_bytes(tab.picture())
        with site(store.query, folder / "public", public=True) as public:
            tab.size(1360, 900)
            tab.open(f"https://localhost:{public.port}/")
            tab.ready()
            (to / "public.png").write_bytes(tab.picture())
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
