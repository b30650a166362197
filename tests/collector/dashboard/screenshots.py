# SPDX-License-Identifier: MIT
"""Makes the pictures of collector/docs/screenshots anew: python -m tests.collector.dashboard.screenshots FOLDER

With build/venv/collector/bin/python, after ./build.sh test dashboard. With --all it makes each page at each width,
light and dark, as tall as it is: to be looked at.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from tests.collector.dashboard.chromium import Tab, chromium
from tests.collector.dashboard.running import PASSWORD, ROOT, Client, apart
from tests.collector.dashboard.runs import counted_lines, developers, runs

WIDTHS = (390, 1100, 1360, 1920)
NOW = datetime.now(timezone.utc).replace(tzinfo=None)


def look(tab: Tab, page: Client, fragment: str = "", *, public: bool = False) -> None:
    if not public:
        tab.log_in(f"https://localhost:{page.port}/login", "ada", PASSWORD)
    tab.open(f"https://localhost:{page.port}/{fragment}")
    tab.ready()


def save(tab: Tab, path: Path, width: int, height: int | None = None, dark: bool = False) -> None:
    """A picture of this size; without a height, of the whole page."""
    tab.size(width, height or 900, dark)
    tab.run("new Promise((done) => setTimeout(done, 400))")  # charts are drawn anew at another width
    if height is None:
        tab.size(width, int(tab.run("document.documentElement.scrollHeight")), dark)
    path.write_bytes(tab.picture())


def every(tab: Tab, to: Path, made: dict[str, Client]) -> None:
    for name, page in made.items():
        for fragment in ("", "#time=60", "#time=1") if name == "stripepy" else ("",):
            look(tab, page, fragment, public=name == "public")
            for width in WIDTHS:
                for dark in (False, True):
                    scheme = "dark" if dark else "light"
                    save(tab, to / f"{name}{fragment.replace('#', '-')}-{width}-{scheme}.png", width, dark=dark)


def some(tab: Tab, to: Path, made: dict[str, Client]) -> None:
    """Those of the docs."""
    look(tab, made["stripepy"])
    save(tab, to / "desktop.png", 1360, 1200)
    save(tab, to / "dark.png", 1360, 1200, dark=True)
    tab.size(1360, 1000)
    tab.run("document.getElementById('chart-outcomes').scrollIntoView()")
    save(tab, to / "more.png", 1360, 1000)
    look(tab, made["stripepy"])
    save(tab, to / "phone.png", 390, 1400)
    for name in ("public", "other", "empty"):
        look(tab, made[name], public=name == "public")
        save(tab, to / f"{name}.png", 1100, 500 if name == "empty" else 900)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("to", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    rows = developers(runs(20000, NOW))
    count = folder / "count"
    count.mkdir()
    shutil.copy(ROOT / "examples" / "count" / "linecount.json", count)
    with (
        chromium(folder / "chromium") as tab,
        apart(folder / "stripepy", rows) as stripepy,
        apart(folder / "public", rows, public=True) as public,
        apart(folder / "other", counted_lines(3000, NOW), count) as other,
        apart(folder / "empty", []) as empty,
    ):
        made = {"stripepy": stripepy, "public": public, "other": other, "empty": empty}
        (every if options.all else some)(tab, options.to, made)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
