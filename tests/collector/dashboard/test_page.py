# SPDX-License-Identifier: MIT
"""The page in a browser: what it shows is what the store says, and it asks nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from runspan_collector.store.embedded import Store
from tests.collector.dashboard.chromium import Tab, chromium
from tests.collector.dashboard.running import PASSWORD, Site, site
from tests.collector.dashboard.runs import Row


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("chromium")) as made:
        yield made


def total(tab: Tab, name: str) -> str:
    return str(tab.run(f"document.querySelector('[data-total=\"{name}\"] dd').textContent"))


def within(rows: list[Row], days: int) -> list[Row]:
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return [row for row in rows if (now - datetime.fromisoformat(row["timestamp"])).total_seconds() < days * 86400]


def test_page(page: Site, tab: Tab, rows: list[Row]) -> None:
    home = f"https://localhost:{page.port}/"
    tab.size(1360, 900)
    tab.log_in(home, "ada", PASSWORD)
    shown = within(rows, 30)
    assert int(total(tab, "Runs").replace(",", "")) == pytest.approx(len(shown), abs=2)  # of those at the edge
    drawn = tab.run("[...document.querySelectorAll('.card .chart')].map((c) => c.querySelectorAll('svg path').length)")
    assert len(drawn) == len(page.server.questions.charts) and min(drawn) > 3

    # A filter: by hand, as a user sets it. Then all 60 days, so that no run is at an edge.
    for name, value in (("time", "60"), ("version", "1.2.0"), ("subcommand", "call")):
        tab.run(
            f"(() => {{ const s = document.querySelector('[name={name}]'); s.value = '{value}';"
            " s.dispatchEvent(new Event('change', { bubbles: true })); })()"
        )
        tab.ready()
    chosen = [row for row in rows if (row["service.version"], row["name"]) == ("1.2.0", "call")]
    failed = sum(row["status_code"] == 2 for row in chosen)
    assert len(chosen) > 100 and total(tab, "Runs") == f"{len(chosen):,}"
    assert total(tab, "Failed") == f"{100 * failed / len(chosen):.1f}".removesuffix(".0") + " %"
    assert tab.run("location.hash") == "#subcommand=call&version=1.2.0&time=60"
    table = "document.querySelector('#chart-subcommands details')"
    tab.run(f"{table}.open = true")
    tab.wait(f"{table}.querySelector('td')")
    cells = tab.run(f"[...{table}.querySelectorAll('td')].map((c) => c.textContent)")
    assert cells == ["stripepy", "call", f"{len(chosen):,}"]

    # Single runs.
    assert tab.run("document.querySelectorAll('#runs tbody tr').length") == 25
    first = "document.querySelector('#runs tbody td').textContent"
    newest = tab.run(first)
    tab.run("document.getElementById('older').click()")
    tab.wait(f"{first} !== {json.dumps(newest)}")
    assert tab.run(first) < newest and tab.run("document.getElementById('page').textContent") == "Page 2"
    tab.run("document.querySelector('#runs tbody button').click()")
    tab.wait("document.querySelector('dialog').open")
    assert "service.version" in tab.run("document.querySelector('dialog').textContent")
    tab.run("document.querySelector('dialog button').click()")

    # What is under the pointer.
    tab.run("document.querySelector('#chart-subcommands').scrollIntoView()")
    box = "document.querySelector('#chart-subcommands .mark-rect path').getBoundingClientRect()"
    x, y = tab.run(f"(() => {{ const b = {box}; return [b.x + b.width / 2, b.y + b.height / 2]; }})()")
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    tab.wait("!document.getElementById('tip').hidden")
    assert f"Runs{len(chosen):,}" in tab.run("document.getElementById('tip').textContent")

    # On a phone nothing is wider than it, and the scheme is the reader's.
    light = tab.run("getComputedStyle(document.body).backgroundColor")
    tab.size(390, 844, dark=True)
    tab.open(home)
    tab.ready()
    assert tab.run("document.documentElement.scrollWidth") == 390
    assert tab.run("getComputedStyle(document.body).backgroundColor") != light

    assert [line for line in tab.complaints() if "favicon" not in line] == []
    assert {url.split("/")[2] for url in tab.requested() if not url.startswith(("data:", "about:"))} == {
        f"localhost:{page.port}"
    }
    tab.run("document.querySelector('#logout button').click()")
    tab.wait("location.pathname === '/login' && document.readyState === 'complete'")
    assert page.ask("/").status == 200, "the other session goes on"
    tab.open(home)
    assert tab.run("location.pathname") == "/login"


def test_new_runs_are_shown(store: Store, rows: list[Row], tab: Tab, tmp_path: Path) -> None:
    more: list[int] = []

    def query(sql: str, parameters: dict[str, str]) -> list[Row]:
        found = store.query(sql, parameters)
        for count in more:
            if found and found[0].keys() == {"rows"}:
                found[0]["rows"] += count
            if found and {"environments", "days"} <= found[0].keys():
                found[0]["runs"] += count
        return found

    with site(query, tmp_path) as made:
        tab.log_in(f"https://localhost:{made.port}/", "ada", PASSWORD)
        tab.open(f"https://localhost:{made.port}/#time=60")
        tab.ready()
        assert total(tab, "Runs") == f"{len(rows):,}"
        # What it asks for, and its clock, which goes by nothing else from here.
        tab.run(
            "(() => { const [ask, now] = [fetch, Date.now()]; window.asked = []; window.later = 0;"
            " Date.now = () => now + later;"
            " window.fetch = (url, ...more) => { asked.push(url); return ask(url, ...more); }; })()"
        )
        look = "(() => { asked.length = 0; document.dispatchEvent(new Event('visibilitychange')); return asked; })()"
        more.append(7)
        assert tab.run(look) == [], "it took some time to draw the page: ten times as long it rests"
        assert tab.run(f"(later = 600000, {look})") == ["data/taken.json"]
        tab.wait(f"document.querySelector('[data-total=Runs] dd').textContent === '{len(rows) + 7:,}'")
        assert not tab.run("document.querySelector('.chart.loading')")
        tab.ready()
        # Nothing has come: what is shown stays.
        assert tab.run(look) == ["data/taken.json"]
        tab.run("fetch('data/taken.json').then((answer) => answer.text())")
        tab.ready()
        assert tab.run("[...new Set(asked)]") == ["data/taken.json"]


SCRIPT = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"


def test_text_stays_text(store: Store, tab: Tab, tmp_path: Path) -> None:
    def query(sql: str, parameters: dict[str, str]) -> list[Row]:
        found: Any = json.loads(json.dumps(store.query(sql, parameters)).replace('"1.2.0"', json.dumps(SCRIPT)))
        return list(found)

    with site(query, tmp_path) as made:
        tab.size(1360, 900)
        tab.log_in(f"https://localhost:{made.port}/", "ada", PASSWORD)
        tab.run("for (const d of document.querySelectorAll('details')) d.open = true")
        tab.wait("document.querySelectorAll('details .scroll table').length >= 12")
        assert tab.run("document.body.textContent").count(SCRIPT) > 3
        tab.open(f"https://localhost:{made.port}/#version=" + SCRIPT.replace(" ", "%20") + "&service=%22%3E")
        tab.ready()
        assert total(tab, "Runs") == "0"
        assert "No runs here." in tab.run("document.getElementById('charts').textContent")
        assert tab.run("[document.images.length, window.hit ?? null, document.scripts.length]") == [0, None, 3]


def test_public_page(store: Store, rows: list[Row], tab: Tab, tmp_path: Path) -> None:
    with site(store.query, tmp_path, public=True) as made:
        tab.size(1360, 900)
        tab.open(f"https://localhost:{made.port}/")
        tab.ready()
        (totals,) = json.loads(made.ask("/data/totals.json").body)
        assert total(tab, "Runs") == f"{totals['runs']:,}" and totals["runs"] > len(rows) / 2
        assert tab.run("document.querySelector('#totals .of').textContent") == f"in {totals['weeks']} whole weeks"
        assert tab.run("[...document.querySelectorAll('#filters, #logout, #runs')].map((e) => e.hidden)") == [True] * 3
        assert tab.run("document.querySelectorAll('.card .chart svg').length") == 6
