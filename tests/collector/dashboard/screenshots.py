# SPDX-License-Identifier: MIT
"""Makes the pictures of collector/docs/screenshots anew: python -m tests.collector.dashboard.screenshots FOLDER

With build/venv/collector/bin/python, after ./build.sh test dashboard. With --all it makes each page at each width,
light and dark, as tall as it is: to be looked at.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

from runspan_collector.kept import WEEK, Kept, whole
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


def grow(folder: Path, service: str) -> None:
    """Counts of the 71 weeks before those that the store has, to be looked at."""
    folder.mkdir()
    releases, counts, months = ("1.0.0", "1.0.1", "1.1.0"), {}, Counter[str]()
    for n, (week, _) in enumerate(whole("week", NOW - 78 * WEEK, NOW - 7 * WEEK)):
        runs, there = int(300 + 20 * n + 250 * math.sin(n)), releases[: 1 + n // 25]
        row = {"week": f"{week:%Y-%m-%d}", "runs": runs, "environments": 40 + n, "releases": list(there)}
        counts[f"growth_weeks {week:%Y-%m-%d}"] = [row | {"service": name} for name in ("", service)]
        shares = [(version, 0.8 if version == there[-1] else 0.2 / (len(there) - 1)) for version in there]
        counts[f"growth_versions {week:%Y-%m-%d}"] = [
            {"service": name, "week": row["week"], "version": version, "runs": int(runs * share), "share": share}
            for name in ("", service)
            for version, share in (shares if n > 25 else [(releases[0], 1.0)])
        ]
        months[f"{week:%Y-%m-01}"] += runs
    for month, runs in list(months.items())[1:]:
        row = {"month": month, "runs": runs, "environments": runs // 30, "releases": []}
        counts[f"growth_months {month}"] = [row | {"service": name} for name in ("", service)]
    Kept(folder / "growth.json", again=True).add(counts)


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
    grow(folder / "stripepy", "stripepy")
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
