# SPDX-License-Identifier: MIT
"""The files of a chart that a reader keeps: by a click in a browser, into a folder."""

from __future__ import annotations

import csv
import json
import re
import struct
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from runspan_collector.dashboard import Questions
from runspan_collector.kept import Kept
from runspan_collector.store.embedded import Store
from tests.collector.dashboard.chromium import Tab, chromium
from tests.collector.dashboard.running import CHARTS, PASSWORD, QUERIES, Site, site
from tests.collector.dashboard.runs import Row
from tests.collector.waiting import wait_for

TODAY = datetime.now(timezone.utc)
FORMULAS = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "=1;2", "\n=1", "＝1", "\r1"]
TEXTS = ['a"b', "a,b", "a\r\nb", "1.2.0", "é🧬", "a=1"]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture
def save(tab: Tab, tmp_path: Path) -> Callable[[str, str], Path]:
    """Clicks a button of a chart, and returns the file."""
    tab.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "saved"))

    def click(chart: str, kind: str) -> Path:
        place = ("csv", "svg", "png").index(kind)
        path = tmp_path / "saved" / f"{chart}-{datetime.now(timezone.utc):%Y-%m-%d}.{kind}"
        path.unlink(missing_ok=True)
        tab.run(f"document.querySelectorAll('#chart-{chart} .downloads button')[{place}].click()")
        wait_for(lambda: path.exists() and path.stat().st_size > 0, f"{path.name} does not come")
        return path

    return click


def text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value) if isinstance(value, str) else json.dumps(value)


def number(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return value


def test_every_chart(page: Site, tab: Tab, save: Callable[[str, str], Path]) -> None:
    tab.size(1360, 900)
    tab.log_in(f"https://localhost:{page.port}/login", "ada", PASSWORD)
    time = f"from={TODAY - timedelta(days=20):%Y-%m-%d}&to={TODAY - timedelta(days=1):%Y-%m-%d}"
    days = f"first={TODAY - timedelta(days=20):%Y-%m-%d}&last={TODAY - timedelta(days=2):%Y-%m-%d}"
    tab.open(f"https://localhost:{page.port}/#time=days&{days}")
    tab.ready()
    names = list(page.server.questions.charts)
    assert tab.run("[...document.querySelectorAll('.card[id^=chart]')].map((c) => c.id.slice(6))") == names
    for name in names:
        rows = json.loads(page.ask(f"/data/{name}.json?{time}").body)
        with save(name, "csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert [list(map(number, row.values())) for row in found] == [
            [number(text(value)) for value in row.values()] for row in rows
        ], name
        assert found[0].keys() == rows[0].keys()
        drawn = ElementTree.parse(save(name, "svg")).getroot()
        assert drawn.tag == "{http://www.w3.org/2000/svg}svg" and float(drawn.attrib["width"]) > 700
        assert page.server.questions.charts[name]["title"] in {part.text for part in drawn.iter()}
    assert [line for line in tab.complaints() if "favicon" not in line] == [], "the page's policy allows it"


def test_a_picture_is_for_paper(page: Site, tab: Tab, save: Callable[[str, str], Path]) -> None:
    """The same from a dark page, and from a phone; and the page stays as it is."""
    pictures = []
    for width, dark in ((1360, False), (390, True)):
        tab.size(width, 900, dark=dark)
        tab.log_in(f"https://localhost:{page.port}/login", "ada", PASSWORD)
        before = tab.run("document.querySelector('#chart-subcommands .chart').innerHTML")
        pictures.append(save("subcommands", "svg").read_text(encoding="utf-8"))
        png = save("subcommands", "png").read_bytes()
        (width_of_png,) = struct.unpack(">I", png[16:20])
        assert png.startswith(b"\x89PNG") and width_of_png > 1500, "two pixels for one, as for print"
        assert tab.run("document.querySelector('#chart-subcommands .chart').innerHTML") == before
    colours = [set(re.findall("#[0-9a-f]{6}", picture)) for picture in pictures]
    assert colours[0] == colours[1] and "#8598ad" in colours[0] and 'fill="white"' in pictures[1]


def test_a_spreadsheet_calculates_nothing(
    store: Store, tab: Tab, tmp_path: Path, save: Callable[[str, str], Path]
) -> None:
    def query(sql: str, parameters: dict[str, str]) -> list[Row]:
        found = store.query(sql, parameters)
        if found and "first_day" in found[0]:
            found = [found[0] | {"version": version, "runs": -1} for version in FORMULAS + TEXTS]
        return found

    with site(query, tmp_path / "site") as made:
        tab.size(1360, 900)
        tab.log_in(f"https://localhost:{made.port}/login", "ada", PASSWORD)
        with save("versions", "csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    assert [row["version"] for row in rows] == ["'" + formula for formula in FORMULAS] + TEXTS
    assert {row["runs"] for row in rows} == {"-1"}, "a number is none"


# In the place of the versions and subcommands of the runs.
ODD = {
    "1.1.1": "\u202e<b>&amp;\"'\x01\n",
    "1.2.0": "é🧬\u200bשלום",
    "1.3.0": "x" * 128,
    "1.3.1": "__proto__",
    "call": "constructor",
    "plot hist": "y" * 128,
    "view": "null",
}


@pytest.mark.parametrize("width", [1360, 320])
def test_odd_names(store: Store, tab: Tab, tmp_path: Path, save: Callable[[str, str], Path], width: int) -> None:
    """The page is drawn, not wider than the screen, and its pictures are XML."""

    def query(sql: str, parameters: dict[str, str]) -> list[Row]:
        found = json.dumps(store.query(sql, parameters))
        for old, new in ODD.items():
            found = found.replace(json.dumps(old), json.dumps(new))
        return list(json.loads(found))

    with site(query, tmp_path / "site") as made:
        tab.size(width, 900)
        tab.log_in(f"https://localhost:{made.port}/login", "ada", PASSWORD)
        assert tab.run("document.documentElement.scrollWidth") == width
        assert tab.run("document.querySelectorAll('#runs tbody tr').length") == 25
        undrawn = "[...document.querySelectorAll('.card')].filter((c) => c.textContent.includes('could not be drawn'))"
        # Vega can't stack what has the name constructor: the others are drawn.
        assert tab.run(undrawn + ".map((c) => c.id)") == ["chart-exceptions", "chart-formats"]
        cut = tab.run(
            "[...document.querySelectorAll('.chart .role-legend text')].filter((text) =>"
            " text.getBoundingClientRect().right > text.closest('.chart').getBoundingClientRect().right + 1).length"
        )
        assert cut == 0
        for name in ("versions", "version_uptake", "outcomes"):
            texts = "".join(part.text or "" for part in ElementTree.parse(save(name, "svg")).getroot().iter())
            assert "é🧬" in texts and "<b>&amp;" in texts, name


def test_200_versions(store: Store, tab: Tab, tmp_path: Path, save: Callable[[str, str], Path]) -> None:
    """The charts show those that they have room for, in their order, and say so; the table has all."""

    def query(sql: str, parameters: dict[str, str]) -> list[Row]:
        found = store.query(sql, parameters)
        if found and {"first_day", "failed_share"} & found[0].keys():
            found += [found[0] | {"version": f"2.{n}.0", "runs": 1} for n in range(200)]
        return found

    with site(query, tmp_path / "site") as made:
        tab.size(1360, 900)
        tab.log_in(f"https://localhost:{made.port}/login", "ada", PASSWORD)
        tab.open(f"https://localhost:{made.port}/#time=60")
        tab.ready()
        box = "document.querySelector('#chart-{} .chart').getBoundingClientRect().height"
        assert tab.run(box.format("versions")) < 1300 and tab.run(box.format("outcomes")) < 400
        assert "the first 40 of 204; the table has all" in tab.run(
            "document.getElementById('chart-versions').textContent"
        )
        columns = tab.run("document.querySelector('#chart-outcomes .chart').view.scale('x').domain()")
        assert columns == [f"2.{n}.0" for n in range(200 - len(columns), 200)] and 5 < len(columns) < 15
        with save("versions", "csv").open(encoding="utf-8", newline="") as file:
            assert len(list(csv.DictReader(file))) == 204
        uptake = tab.run("document.querySelector('#chart-version_uptake .chart').view.data('data_0')")
        assert {row["version"]: row["place"] for row in uptake} == {"1.1.1": 0, "1.2.0": 1, "1.3.0": 2, "1.3.1": 3}


def test_growth_is_of_all_time(store: Store, tab: Tab, tmp_path: Path, save: Callable[[str, str], Path]) -> None:
    """Two years of weeks, whatever time is shown; the releases have their first weeks."""
    kept = Kept(tmp_path / "growth.json", again=True)
    monday = TODAY.date() - timedelta(days=TODAY.weekday())
    weeks = [monday - timedelta(weeks=n) for n in range(104, 0, -1)]
    releases = {0: "1.0.0", 30: "1.1.0", 80: "1.2.0"}
    for n, week in enumerate(weeks):
        there = [release for since, release in releases.items() if since <= n]
        row = {"week": str(week), "runs": 100 + n, "environments": n, "releases": there}
        kept.add({f"growth_weeks {week}": [row | {"service": ""}, row | {"service": "stripepy", "runs": 1}]})
    with site(store.query, tmp_path / "site") as made:
        made.server.questions = Questions(store.query, QUERIES, CHARTS, kept)
        tab.size(1360, 900)
        tab.log_in(f"https://localhost:{made.port}/login", "ada", PASSWORD)
        tab.open(f"https://localhost:{made.port}/#time=7")
        tab.ready()
        with save("growth_weeks", "csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert [(row["week"], int(row["runs"])) for row in found] == [(str(w), 100 + n) for n, w in enumerate(weeks)]
        assert found[-1]["releases"] == "1.0.0 1.1.0 1.2.0"
        drawn = ElementTree.parse(save("growth_weeks", "svg")).getroot()
        texts = [part.text for part in drawn.iter("{http://www.w3.org/2000/svg}text")]
        assert [one for one in texts if one in releases.values()] == ["1.1.0", "1.2.0"], "the first week has old ones"
        bars = "document.querySelectorAll('#chart-growth_weeks .mark-rect path').length"
        assert tab.run(bars) == 104
        tab.open(f"https://localhost:{made.port}/#service=stripepy")
        tab.ready()
        with save("growth_weeks", "csv").open(encoding="utf-8", newline="") as file:
            assert {row["runs"] for row in csv.DictReader(file)} == {"1"}
