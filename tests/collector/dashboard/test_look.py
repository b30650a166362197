# SPDX-License-Identifier: MIT
"""The page as a maintainer sees it, in a browser: legends, axes, colours, small groups, other tools, an empty store."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.collector.dashboard.chromium import Tab, chromium
from tests.collector.dashboard.running import PASSWORD, QUERIES, ROOT, Client, apart
from tests.collector.dashboard.runs import DEVELOPMENT, Row, counted_lines, developers

NOW = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
WIDTHS = (390, 1051, 1100, 1360, 1920)
LINES = counted_lines(300, NOW)
Show = Callable[..., Client]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture(scope="module")
def show(tab: Tab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """Opens the page of a store with these rows and schemas. A store is made once for each name."""
    made: dict[str, Client] = {}
    last = [""]
    with ExitStack() as stack:

        def open_page(
            name: str, rows: list[Row], fragment: str = "", schema: str | dict[str, Any] = "", public: bool = False
        ) -> Client:
            if name not in made:
                folder = tmp_path_factory.mktemp(name)
                schemas = ROOT / "schemas"
                if schema:
                    schemas = folder / "schemas"
                    schemas.mkdir()
                    text = schema if isinstance(schema, str) else json.dumps(schema)
                    (schemas / "tool.json").write_text(text, encoding="utf-8")
                made[name] = stack.enter_context(apart(folder, rows, schemas, public=public))
            if name != last[0] and not public:  # a browser has one session for all ports of a host
                tab.size(1360, 900)
                tab.log_in(f"https://localhost:{made[name].port}/", "ada", PASSWORD)
                last[0] = name
            tab.open(f"https://localhost:{made[name].port}/{fragment}")
            tab.ready()
            return made[name]

        yield open_page


@pytest.fixture
def development(show: Show, rows: list[Row]) -> Show:
    def open_page(fragment: str = "") -> Client:
        return show("development", developers(rows, 0.2), fragment)

    return open_page


@pytest.fixture
def linecount(show: Show) -> Show:
    text = (ROOT / "examples" / "count" / "linecount.json").read_text(encoding="utf-8")

    def open_page(fragment: str = "") -> Client:
        return show("linecount", LINES, fragment, text)

    return open_page


def charts(tab: Tab) -> list[str]:
    return list(tab.run("[...document.querySelectorAll('.card .chart svg')].map((c) => c.closest('.card').id)"))


def texts(tab: Tab, chart: str, role: str) -> list[dict[str, Any]]:
    """The texts of an axis or a legend, each with its box."""
    script = (
        f"[...document.querySelectorAll('#chart-{chart} .chart .{role} text')].filter((t) => t.textContent)"
        ".map((t) => {{ const b = t.getBoundingClientRect(); return {{ text: t.textContent, left: b.left,"
        " right: b.right, top: b.top, bottom: b.bottom }}; }})"
    )
    return list(tab.run(script.replace("{{", "{").replace("}}", "}")))


def scale(tab: Tab, chart: str, name: str) -> dict[str, Any]:
    """A scale's domain, and the range of it."""
    of = f"document.querySelector('#chart-{chart} .chart').view.scale('{name}')"
    found: dict[str, Any] = tab.run(f"({{ domain: {of}.domain(), range: {of}.range() }})")
    return found


def rows_of(tab: Tab, chart: str) -> list[list[str]]:
    """The table below a chart."""
    details = f"document.querySelector('#chart-{chart} details')"
    tab.run(f"{details}.open = true")
    tab.wait(f"{details}.querySelector('td')")
    cells = "[...r.cells].map((c) => c.textContent)"
    return list(tab.run(f"[...{details}.querySelectorAll('tbody tr')].map((r) => {cells})"))


def settled(tab: Tab) -> None:
    """After a change of the width the charts are drawn anew."""
    tab.wait("[...document.querySelectorAll('.chart')].every((c) => !c.view || Math.abs(c.drawn - c.clientWidth) <= 2)")


def at_each_width(tab: Tab) -> Iterator[int]:
    """The page that is open, drawn anew at each width."""
    for width in WIDTHS:
        tab.size(width, 900)
        settled(tab)
        yield width
    tab.size(1360, 900)


def test_no_legend_is_cut(development: Show, tab: Tab) -> None:
    development("#time=60")
    for width in at_each_width(tab):
        names: set[str] = set()
        for card in charts(tab):
            box = tab.run(
                f"(() => {{ const b = document.querySelector('#{card} .chart').getBoundingClientRect();"
                " return [b.left, b.right]; })()"
            )
            for text in texts(tab, card.removeprefix("chart-"), "role-legend"):
                assert box[0] <= text["left"] and text["right"] <= box[1] + 1, (width, card, text)
                assert "…" not in text["text"]
                names.add(text["text"])
        assert {"x86_64", "plot hist", "1.3.2.dev", "50,000"} <= names


@pytest.mark.parametrize("days", [1, 7, 30, 60])
def test_times_stand_under_their_bars(development: Show, tab: Tab, days: int) -> None:
    development(f"#time={days}")
    for width in at_each_width(tab):
        for chart in ("runs_per_day", "version_uptake"):
            stand_under_their_bars(tab, chart, width, days)


def stand_under_their_bars(tab: Tab, chart: str, width: int, days: int) -> None:
    domain = scale(tab, chart, "x")["domain"]
    if days == 1:
        assert len(domain) in (24, 25) and domain[-1] == f"{NOW:%Y-%m-%dT%H}:00Z" or NOW.minute > 55
    else:
        assert len(domain) == days + 1 and domain[-1] == f"{datetime.now(timezone.utc):%Y-%m-%d}"
    labels = texts(tab, chart, "role-axis-label")
    labels = [label for label in labels if ":" in label["text"] or label["text"][-1:].isalpha()]
    labels.sort(key=lambda label: float(label["left"]))
    assert len(labels) >= (3 if width < 500 else 5) or days == 7
    for one, following in zip(labels, labels[1:], strict=False):
        assert one["right"] + 2 <= following["left"], "labels do not run together"
    assert len({label["text"] for label in labels}) == len(labels), "each is there once"
    # A label is in the middle of its band.
    shown = [text for text in domain if named(text) in {label["text"][: len(named(text))] for label in labels}]
    middle = (
        f"(() => {{ const v = document.querySelector('#chart-{chart} .chart').view, s = v.scale('x');"
        f" const b = document.querySelector('#chart-{chart} .chart svg .mark-group.role-frame path, #chart-{chart}"
        " .chart svg .background').getBoundingClientRect();"
        f" return {json.dumps(shown)}.map((d) => b.left + s(d) + s.bandwidth() / 2); }})()"
    )
    for label, x in zip(labels, tab.run(middle), strict=True):
        assert abs((label["left"] + label["right"]) / 2 - x) < 3, label


def test_weeks_and_months_stand_under_their_bars(development: Show, tab: Tab) -> None:
    development("#time=60")
    form = {"growth_weeks": "%-d %b %Y", "growth_months": "%b %Y", "pythons_over_time": "%-d %b"}
    for width in at_each_width(tab):
        for chart, format_ in form.items():
            bars = tab.run(
                f"[...document.querySelector('#chart-{chart} .chart').view.scenegraph().root.items[0].items]"
                ".filter((m) => m.marktype === 'rect' && m.role === 'mark').flatMap((m) => m.items)"
                ".map((i) => [i.datum.week ?? i.datum.month, i.x, i.x2 ?? i.x + i.width])"
            )
            left = tab.run(
                f"document.querySelector('#chart-{chart} .chart svg .background').getBoundingClientRect().left"
            )
            named_bars = {f"{datetime.fromtimestamp(at / 1000, timezone.utc):{format_}}": (x, x2) for at, x, x2 in bars}
            labels = [t for t in texts(tab, chart, "role-axis-label") if t["text"] in named_bars]
            assert len({text["text"] for text in labels}) == len(labels) >= min(len(named_bars), 2), (width, chart)
            for text in labels:
                x, x2 = named_bars[text["text"]]
                off = (text["left"] + text["right"]) / 2 - left - (x + x2) / 2
                assert abs(off) < 3 + 0.05 * (x2 - x), (width, chart, text)


def test_cards_fill_their_rows(development: Show, linecount: Show, tab: Tab) -> None:
    """Where a chart is left out, too."""
    for open_page in (development, linecount):
        open_page("#time=60")
        for width in at_each_width(tab):
            boxes = tab.run(
                "[...document.querySelectorAll('#charts .card')].map((c) => c.getBoundingClientRect())"
                ".map((b) => [Math.round(b.top + scrollY), Math.round(b.right)])"
            )
            assert len({max(r for t, r in boxes if t == top) for top, _ in boxes}) == 1, (width, boxes)


def test_small_charts_are_named_in_the_dark(development: Show, tab: Tab) -> None:
    development("#time=60")
    tab.size(1360, 900, dark=True)
    tab.wait("getComputedStyle(document.documentElement).getPropertyValue('--text').trim() === '#f2f1ec'")
    names = "[...document.querySelectorAll('#chart-values .role-title-text text')]"
    tab.wait(f"{names}.length && {names}.every((t) => t.getAttribute('fill') === '#f2f1ec')")
    tab.size(1360, 900)


def named(text: str) -> str:
    """What a day's or an hour's label begins with."""
    time = datetime.fromisoformat(text.removesuffix("Z"))
    return f"{time:%H:%M}" if "T" in text else f"{time.day} {time:%b}"


def test_all_is_in_utc(development: Show, tab: Tab) -> None:
    """A reader of another time zone, be it of half an hour, or a day ahead, sees the same."""
    days = [f"{NOW - timedelta(days=ago):%Y-%m-%d}" for ago in (50, 4)]
    shown = "[...document.querySelectorAll('.card, #window, #totals')].map((part) => [part.id, part.innerHTML])"
    seen: dict[str, set[str]] = {}
    for zone in ("UTC", "America/St_Johns", "Pacific/Pago_Pago", "Pacific/Kiritimati"):
        tab.call("Emulation.setTimezoneOverride", timezoneId=zone)
        development(f"#time=days&first={days[0]}&last={days[1]}")
        settled(tab)
        for part, text in tab.run(shown):
            seen.setdefault(part, set()).add(re.sub(r'(clip|gradient_)\d+|aria-label="[^"]+"', "", text))
    tab.call("Emulation.setTimezoneOverride", timezoneId="")
    assert len(seen) > 20 and {part for part, texts in seen.items() if len(texts) > 1} == set()


def test_weeks_are_named_by_their_mondays(development: Show, tab: Tab) -> None:
    """And the weeks that are cut are marked."""
    development("#time=60")
    weeks = scale(tab, "runs_per_week", "x")["domain"]
    assert {datetime.fromisoformat(week).weekday() for week in weeks} == {0} and len(weeks) in (9, 10)
    labels = [text["text"] for text in texts(tab, "runs_per_week", "role-axis-label")]
    last = datetime.fromisoformat(weeks[-1])
    assert f"{last.day} {last:%b}" in labels and last <= datetime.now() < last + timedelta(weeks=1, hours=1)
    opacity = tab.run(
        "[...document.querySelectorAll('#chart-runs_per_week .mark-rect path')].map((p) => p.getAttribute('opacity'))"
    )
    assert len(opacity) == len(weeks) and opacity[-1] == "0.5" and opacity[1:-1] == ["1"] * (len(weeks) - 2)


def test_runs_a_day(development: Show, tab: Tab, rows: list[Row]) -> None:
    for days in (1, 7):
        development(f"#time={days}")
        since = f"{datetime.now(timezone.utc) - timedelta(days=days):%Y-%m-%d %H:%M:%S}"
        runs = sum(row["timestamp"] > since for row in rows)
        shown = float(tab.run("document.querySelector('[data-total=\"Runs a day\"] dd').textContent"))
        assert shown == pytest.approx(runs / days, abs=1.5), days


def test_development_versions_are_together_until_they_are_opened(development: Show, tab: Tab, rows: list[Row]) -> None:
    development("#time=60")
    found = {row[1]: int(row[2].replace(",", "")) for row in rows_of(tab, "versions")}
    together = sum(row["service.version"] in DEVELOPMENT for row in developers(rows, 0.2))
    assert found["1.3.2.dev"] == together > 50 and len(found) == 5
    assert tab.run("[...document.querySelector('[name=version]').options].map((o) => o.value)").count("1.3.2.dev") == 1
    for chart in ("version_uptake", "outcomes", "exceptions"):
        assert "+g" not in tab.run(f"document.getElementById('chart-{chart}').textContent")
    # A click opens them.
    bars = "[...document.querySelectorAll('#chart-versions .mark-rect path')]"
    tab.run("document.getElementById('chart-versions').scrollIntoView()")
    at = [row[1] for row in rows_of(tab, "versions")].index("1.3.2.dev")
    x, y = tab.run(f"(() => {{ const b = {bars}[{at}].getBoundingClientRect(); return [b.x + 3, b.y + 5]; }})()")
    for kind in ("mousePressed", "mouseReleased"):
        tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    tab.wait("location.hash.includes('version=1.3.2.dev')")
    tab.ready()
    assert {row[1] for row in rows_of(tab, "versions")} == set(DEVELOPMENT)
    assert tab.run("document.querySelector('[data-total=Runs] dd').textContent") == f"{together:,}"
    colours = scale(tab, "version_uptake", "color")
    assert len(set(colours["range"])) == len(colours["domain"]) == 12


def test_small_groups_are_dim_and_counted(show: Show, tab: Tab) -> None:
    """36 % of 11 runs, and 50 % of 2, are no more than 5 % of 400."""
    groups = {("1.3.0", "call"): (400, 20), ("1.3.0", "view"): (11, 4), ("1.3.1", "call"): (2, 1)}
    made = [
        {
            "timestamp": f"{NOW - timedelta(hours=30 + number / 60):%Y-%m-%d %H:%M:%S}",
            "trace.trace_id": f"{number:032x}",
            "trace.span_id": f"{version}{name}{number}".encode().hex()[:16],
            "service.name": "stripepy",
            "service.version": version,
            "name": name,
            "status_code": 2 if number < failed else 1,
            "exception.type": "KeyError" if number < failed else None,
        }
        for (version, name), (count, failed) in groups.items()
        for number in range(count)
    ]
    show("small", made, "#time=7")
    # What is drawn: the fill of each cell, and its text.
    of_outcomes = {group: count >= 20 for group, (count, _) in groups.items()}
    for chart, of, expected, counts in (
        ("outcomes", "subcommand", of_outcomes, ("20 of 400", "4 of 11", "1 of 2")),
        ("failures", "exception", {("1.3.0", "KeyError"): True, ("1.3.1", "KeyError"): False}, ("24 of 411", "1 of 2")),
    ):
        view = f"document.querySelector('#chart-{chart} .chart').view"
        items = f"(mark) => mark.items.map((i) => [i.datum.version, i.datum.{of}, i.fill ?? null])"
        cells = tab.run(
            f"{view}.scenegraph().root.items[0].items.filter((m) => m.marktype === 'rect' && m.role === 'mark')"
            f".flatMap({items})"
        )
        assert {(version, name): fill not in (None, "transparent") for version, name, fill in cells} == expected
        said = tab.run(f"document.querySelector('#chart-{chart}').textContent")
        for text in counts:
            assert text in said, text


def test_a_colour_is_of_one_thing(development: Show, tab: Tab) -> None:
    development("#time=60")
    things: dict[str, set[str]] = {}
    neutral = tab.run("getComputedStyle(document.documentElement).getPropertyValue('--plain')").strip()
    unknown = tab.run("getComputedStyle(document.documentElement).getPropertyValue('--unknown')").strip()
    meant: dict[tuple[str, str], set[str]] = {}
    for card in charts(tab):
        name = card.removeprefix("chart-")
        spec = json.loads((ROOT / f"collector/runspan_collector/dashboard/charts/{name}.vl.json").read_bytes())
        colour = spec.get("encoding", {}).get("color", {})
        if colour.get("type") == "nominal":
            found = scale(tab, name, "color")
            for thing, of in zip(found["domain"], found["range"], strict=True):
                meant.setdefault((colour["field"], thing), set()).add(of)
                things.setdefault(of, set()).add(f"{colour['field']} {thing}")
        elif not colour and not spec.keys() & {"layer", "spec"}:
            fills = set(
                tab.run(f"[...document.querySelectorAll('#{card} .mark-rect path')].map((p) => p.getAttribute('fill'))")
            )
            assert fills == {neutral}, (name, fills)
    assert len({field for field, _ in meant}) == 4 and all(len(colours) == 1 for colours in meant.values())
    assert all(len(of) == 1 for colour, of in things.items() if colour != unknown), things
    assert neutral not in things


def test_pythons_and_dependencies_are_in_the_order_of_versions(show: Show, tab: Tab, rows: list[Row]) -> None:
    """3.10 is after 3.9 in the legend and in the stacks. A line separator in a version is the client's to send."""
    versions = ["3.13.1", "3.9.18", "3.10.2", "3.9\u2028x.1"]
    made = [row | {"process.runtime.version": versions[number % 4]} for number, row in enumerate(rows)]
    show("pythons", made, "#time=60")
    expected = ["3.9\u2028x", "3.9", "3.10", "3.13"]  # a text behind a number is that of a pre-release
    assert scale(tab, "pythons_over_time", "color")["domain"] == expected
    for chart, of in (("pythons_over_time", "python"), ("over_time", "value")):
        drawn = tab.run(
            f"(function all(item) {{ return item.datum?.{of} && item.fill ? [[item.datum.week, item.datum.low,"
            f" item.datum.{of}]] : (item.items ?? []).flatMap(all); }})"
            f"(document.querySelector('#chart-{chart} .chart').view.scenegraph().root)"
        )
        weeks: dict[str, list[tuple[float, str]]] = {}
        for week, low, version in drawn:
            if version in expected:
                weeks.setdefault(week, []).append((low, version))
        assert len(weeks) > 4
        for stacked in weeks.values():
            found = [version for _, version in sorted(set(stacked))]
            assert found == [version for version in expected if version in found]


def test_a_processor_has_one_name(development: Show, tab: Tab, rows: list[Row]) -> None:
    development("#time=60")
    assert {row["host.arch"] for row in rows} == {"x86_64", "AMD64", "arm64", "aarch64"}
    assert {row[1] for row in rows_of(tab, "systems")} == {"x86_64", "arm64"}
    assert {row[2] for row in rows_of(tab, "over_time") if row[0] == "host.arch"} == {"x86_64", "arm64"}


def test_another_tool_alone(linecount: Show, tab: Tab) -> None:
    made = linecount("#time=60")
    assert tab.run("document.title") == tab.run("document.querySelector('h1').textContent") == "Runs of linecount"
    assert tab.run("document.querySelector('[data-total=Runs] dd').textContent") == "300"
    growth = {"growth_weeks", "growth_months", "growth_versions"}
    others = {"runs_per_day", "subcommands", "versions", "version_uptake", "run_times", "outcomes", "values"}
    assert set(charts(tab)) == {f"chart-{name}" for name in growth | others}
    left = tab.run("document.getElementById('left').textContent")
    assert "How long a call takes (params.nproc" in left and "Systems (os.type)" in left
    assert "Python versions (process.runtime.version)" in left
    assert "Dependencies and systems, by week (a text of the resource)" in left
    assert tab.run("document.querySelectorAll('#runs tbody tr').length") == 25
    assert "unknown" not in tab.run("document.getElementById('runs').textContent")
    assert made.log_in().status == 303
    for name in {path.stem for path in QUERIES.glob("*.sql")} - {"fields", "public"}:
        more = f"?span_id={LINES[0]['trace.span_id']}" if name == "run" else ""
        assert made.ask(f"/data/{name}.json{more}").status == 200, name


@pytest.mark.parametrize("field", ["process.runtime.version", "params.nproc", "service.version", "exception.type"])
def test_a_schema_with_one_field_less(show: Show, tab: Tab, rows: list[Row], field: str) -> None:
    schema = json.loads((ROOT / "schemas" / "stripepy.json").read_text(encoding="utf-8"))
    for section in (schema["resource"], schema["attributes"], schema["events"]["exception"]):
        section.pop(field, None)
    less = [{key: value for key, value in row.items() if key != field} for row in rows[:300]]
    show(f"less-{field}", less, "#time=60", schema)
    assert tab.run("document.querySelector('[data-total=Runs] dd').textContent") == "300"
    assert f"({field}" in tab.run("document.getElementById('left').textContent")
    assert tab.run("document.querySelectorAll('#runs tbody tr').length") == 25


def test_the_first_run(show: Show, tab: Tab) -> None:
    """The page of an empty store names the program, and says how to send a run."""
    made = show("empty", [])
    assert not tab.run("document.getElementById('first').hidden")
    shown = tab.run("document.body.innerText")
    assert "export RUNSPAN_ENDPOINT=https://localhost:4319/v1/traces" in shown and "No runs here" not in shown
    assert tab.run("document.title") == "Runs of stripepy"
    login = made.ask("/login", Cookie="").body
    assert "<title>Log in: Runs of stripepy</title>" in login and "<h1>Runs of stripepy</h1>" in login
    show("empty-public", [], public=True)
    assert tab.run("document.title") == "Runs of stripepy"
    assert not tab.run("document.getElementById('first').hidden")
    assert "RUNSPAN_ENDPOINT" not in tab.run("document.body.innerText")


def test_another_filter_is_no_empty_store(development: Show, tab: Tab) -> None:
    development("#version=0.0.0")
    assert tab.run("document.getElementById('first').hidden")


def test_on_a_phone(development: Show, tab: Tab) -> None:
    development("#time=60")
    tab.size(390, 844)
    settled(tab)
    for chart in ("subcommands", "versions", "exceptions", "parameters", "formats"):
        widest = tab.run(
            f"Math.max(...[...document.querySelectorAll('#chart-{chart} .chart .mark-rect path')]"
            ".map((p) => p.getBoundingClientRect().right)) - Math.min(...[...document.querySelectorAll("
            f"'#chart-{chart} .chart .mark-rect path')].map((p) => p.getBoundingClientRect().left))"
        )
        assert widest > 0.5 * 338, chart
    right = tab.run(
        "Math.max(...[...document.querySelectorAll('td.outcome')].map((c) => c.getBoundingClientRect().right))"
    )
    assert 0 < right < 390
    assert tab.run("document.documentElement.scrollWidth") == 390
    for chart in ("outcomes", "failures"):
        over = f"[...document.querySelectorAll('#chart-{chart} .chart .role-axis-label text')]"
        over += ".filter((t) => /^[0-9]+[.]/.test(t.textContent))"
        flat = tab.run(f"{over}.filter((t) => !/rotate/.test(t.getAttribute('transform'))).length")
        assert tab.run(f"{over}.length") >= 4 and flat == 0, "names of versions do not run together"


def test_a_year_is_typed_digit_by_digit(development: Show, tab: Tab) -> None:
    development("#time=days")
    tab.run(
        "(() => { const ask = fetch; window.asked = [];"
        " window.fetch = (url, ...more) => (asked.push(url), ask(url, ...more)); })()"
    )
    typed = (
        "(() => { const f = document.querySelector('[name=first]'); f.value = '%s';"
        " f.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )
    day = NOW - timedelta(days=3)
    for year in ("0002", "0020", "0202", f"{day:%Y}"):
        tab.run(typed % f"{year}-{day:%m-%d}")
        assert tab.run("document.getElementById('notice').hidden")
        tab.run("new Promise((done) => setTimeout(done, 100))")
    assert tab.run("asked.length") == 0
    tab.wait("asked.length")
    tab.ready()
    asked = tab.run("asked")
    assert len([url for url in asked if "totals" in url]) == 1 and f"from={day:%Y-%m-%d}" in asked[-1]
    assert tab.run("document.getElementById('notice').hidden")
    # Nor is a year that nobody means asked for, be it in the address.
    development("#time=days&first=0002-01-31")
    assert tab.run("document.getElementById('notice').hidden")
