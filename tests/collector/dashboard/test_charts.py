# SPDX-License-Identifier: MIT
"""The questions, asked of a real store: what the page is sent is what the runs say."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from runspan_collector.dashboard import PublicQuestions, Questions
from runspan_collector.dashboard.pages import HERE, OURS
from runspan_collector.kept import Kept
from runspan_collector.store.embedded import Store
from tests.collector.dashboard.running import CHARTS, DOCS, QUERIES, STATIC, Site, site
from tests.collector.dashboard.runs import Row, of_week

SPECS = {str(path.relative_to(CHARTS)): json.loads(path.read_bytes()) for path in sorted(CHARTS.rglob("*.vl.json"))}
NOW = datetime.now(timezone.utc) + timedelta(minutes=5)
WHOLE = {"from": f"{NOW - timedelta(days=60):%Y-%m-%d}", "to": f"{NOW:%Y-%m-%dT%H:%M:%S}"}


@pytest.fixture(scope="session")
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads((STATIC / "vega-lite-schema.json").read_bytes()))


@pytest.mark.parametrize("name", SPECS)
def test_charts_are_vega_lite(validator: jsonschema.Draft7Validator, name: str) -> None:
    validator.validate(SPECS[name])


def test_what_is_not_vega_lite_is_told(validator: jsonschema.Draft7Validator) -> None:
    text = json.dumps(SPECS["versions.vl.json"])
    for old, new in (('"bar"', '"pie"'), ('"nominal"', '"name"'), ('"axis"', '"axes"'), ('"encoding"', '"encodings"')):
        assert old in text and not validator.is_valid(json.loads(text.replace(old, new))), new


def test_every_question_has_a_chart(page: Site) -> None:
    charts = {path.name.removesuffix(".vl.json") for path in CHARTS.glob("*.vl.json")}
    assert charts == {path.stem for path in QUERIES.glob("*.sql")} - {*Questions._more, "public"}
    assert len(charts) >= 12


def fields(part: Any) -> Iterator[str]:
    """Of a chart, or a part of it: the columns that it reads."""
    if isinstance(part, dict):
        if isinstance(part.get("field"), str):
            yield part["field"]
        yield from part.get("fold", [])
        yield from part.get("flatten", [])
        for word in ("calculate", "filter"):
            yield from re.findall(r"datum\.(\w+)", str(part.get(word, "")))
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from fields(inner)


def made(part: Any) -> Iterator[str]:
    """Of a chart, or a part of it: the names of what it works out."""
    if isinstance(part, dict):
        for step in part.get("transform", []):
            for one in (step, *step.get("joinaggregate", []), *step.get("aggregate", []), *step.get("window", [])):
                yield from [one["as"]] if isinstance(one.get("as"), str) else one.get("as", [])
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from made(inner)


@pytest.mark.parametrize("name", SPECS)
def test_a_chart_needs_what_its_query_asks_for(name: str) -> None:
    usermeta = SPECS[name]["usermeta"]
    query = "public" if "/" in name else name.removesuffix(".vl.json")
    sql, fields_sql = ((QUERIES / f"{name}.sql").read_text(encoding="utf-8") for name in (query, "fields"))
    named = set(re.findall("`([^`]+)`", sql))
    patterns = re.findall(r'\{all:([^{}]+)\} AS "([^"]+)"', fields_sql)
    assert len(patterns) == 2
    named |= {some for pattern, some in patterns if f"{{each:{pattern}}}" in sql}
    if {"run.arch"} & named:
        named |= {"host.arch"}
    if {"run.release", "run.released", "run.version"} & named:
        named |= {"service.version"}
    for need in usermeta.get("needs", []):
        assert set([need] if isinstance(need, str) else need) <= named
    # What is another program's to leave out is needed: all that is not of every program.
    if ("{each:" in sql or any(field.startswith("params.") for field in named)) and "/" not in name:
        assert usermeta["needs"]


@pytest.mark.parametrize("name", SPECS)
def test_fields_are_columns(store: Store, kept: Kept, name: str, tmp_path: Path) -> None:
    spec = SPECS[name]
    stem = Path(name).name.removesuffix(".vl.json")
    questions = Questions(store.query, QUERIES, CHARTS, kept)
    if "/" in name:
        questions = PublicQuestions(store.query, QUERIES, CHARTS / "public", tmp_path / "public.json")
    (first, *_) = questions.ask(stem, WHOLE)
    read, derived = set(fields(spec)), set(made(spec))
    assert read and read - derived <= first.keys()
    assert derived <= read, "what is worked out is used"


def test_the_question_in_the_docs(store: Store, validator: jsonschema.Draft7Validator, rows: list[Row]) -> None:
    text = (DOCS / "dashboard.md").read_text(encoding="utf-8")
    (sql,), (spec,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("sql", "json"))
    validator.validate(json.loads(spec))
    asked = {"service": "", "subcommand": "", "version": "", "from": "2026-01-01", "to": f"{NOW:%Y-%m-%d %H:%M:%S}"}
    found = store.query(sql, asked)
    plots = Counter(row["name"] for row in rows if row["name"].startswith("plot"))
    assert {row["subcommand"]: row["runs"] for row in found} == plots
    assert set(fields(json.loads(spec))) <= found[0].keys()


def given(**more: str) -> str:
    return "?" + urlencode(WHOLE | more)


def test_numbers_are_those_of_the_runs(page: Site, rows: list[Row]) -> None:
    def ask(name: str, **more: str) -> Any:
        return json.loads(page.ask(f"/data/{name}.json" + given(**more)).body)

    (totals,) = ask("totals")
    assert totals["runs"] == len(rows) > 0
    assert totals["failed"] == sum(row["status_code"] == 2 for row in rows) > 0
    assert totals["aborted_runs"] == sum("aborted" in row for row in rows) > 0
    versions = Counter(row["service.version"] for row in rows)
    assert {row["version"]: row["runs"] for row in ask("versions")} == versions
    names = Counter(row["name"] for row in rows if row["service.version"] == "1.2.0")
    assert {row["subcommand"]: row["runs"] for row in ask("subcommands", version="1.2.0")} == names
    days = Counter(row["timestamp"][:10] for row in rows if row["name"] == "call")
    assert {row["day"]: row["runs"] for row in ask("runs_per_day", subcommand="call")} == days
    assert ask("totals", service="no such")[0]["runs"] == 0

    few = [row for row in rows if row["name"] == "plot pd"]
    seen: list[str] = []
    for number in range(len(few) // 25 + 2):
        page_of_runs = ask("runs", page=str(number), subcommand="plot pd")
        seen += [row["span_id"] for row in page_of_runs[:25]]
        if len(page_of_runs) <= 25:
            break
    assert len(few) > 50 and sorted(seen) == sorted(row["trace.span_id"] for row in few)
    (one,) = json.loads(page.ask(f"/data/run.json?span_id={seen[0]}").body)
    (true,) = [row for row in rows if row["trace.span_id"] == seen[0]]
    shown = {key: value for key, value in one.items() if key in true and key != "timestamp"}
    assert shown == {key: value for key, value in true.items() if key != "timestamp"}


HOSTILE = [
    "' OR 1=1 --",
    "1.2.0' UNION ALL SELECT 1 --",
    "\\",
    "\\'",
    "\t\n",
    "{from:DateTime}",
    "<b>",
    "1.2.0%",
    "é🧬",
]


def test_hostile_filters_find_nothing(page: Site, store: Store, rows: list[Row]) -> None:
    names = [name for name in page.server.questions.names() if name not in ("charts", "run", "taken")]
    for i, value in enumerate(HOSTILE * 3):
        filter_ = ("service", "subcommand", "version")[i // len(HOSTILE)]
        for name in names[i % 3 :: 3]:
            answer = page.ask(f"/data/{name}.json" + given(**{filter_: value}))
            assert answer.status == 200, answer.body
            found = json.loads(answer.body)
            assert found == [] or (name == "totals" and found[0]["runs"] == 0), (name, filter_, value)
    assert store.query("SELECT count() AS n FROM spans") == [{"n": len(rows)}]


def test_public_counts(store: Store, rows: list[Row], tmp_path: Path) -> None:
    with site(store.query, tmp_path, public=True) as made:
        names = made.server.questions.names()
        assert "runs" not in names and "choices" not in names
        for path in (
            "data/runs.json",
            "data/run.json?span_id=" + rows[0]["trace.span_id"],
            "data/choices.json",
            "login",
        ):
            assert made.ask("/" + path).status == 404
        assert made.ask("/").status == 200
        sent = {name: made.ask(f"/data/{name}.json").body for name in names}
        for name, answer in sent.items():
            assert made.ask(f"/data/{name}.json?version=1.3.1&from=2026-01-01&service=x").body == answer, "no filter"
        assert rows[0]["trace.span_id"] not in "".join(sent.values())

        weeks = {row["answer"]: row["runs"] for row in json.loads(sent["week"])}
        assert 7 <= len(weeks) <= 8
        assert weeks == {week: len(of_week(rows, week)) // 10 * 10 for week in weeks}
        assert json.loads(sent["totals"]) == [{"runs": sum(weeks.values()), "weeks": len(weeks)}]
        summed = Counter[str]()
        for week in weeks:
            found = Counter(row["name"] for row in of_week(rows, week))
            other = sum(runs for runs in found.values() if runs < 10)
            summed.update({name: runs // 10 * 10 for name, runs in [*found.items(), ("other", other)]})
        assert {row["answer"]: row["runs"] for row in json.loads(sent["subcommand"])} == +summed


def test_nothing_from_elsewhere(page: Site) -> None:
    for name in (*OURS, "login.html"):
        assert not re.search(r"https?:|[\"'(]//", (HERE / name).read_text(encoding="utf-8")), name
    for name in ("charts", "totals"):
        assert "http" not in page.ask(f"/data/{name}.json").body


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_can_be_read() -> None:
    """The contrast that WCAG asks for, in both schemes."""
    for sheet in ("style.css", "login.css"):
        schemes = re.findall(r":root \{(.*?)\n?\s*\}", (HERE / sheet).read_text(encoding="utf-8"), re.DOTALL)
        assert len(schemes) == 2
        for scheme in schemes:
            colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", scheme.replace("#fff;", "#ffffff;")))
            for text in {"text", "soft", "bad"} & colours.keys():
                for behind in ("page", "card"):
                    pair = sorted((luminance(colours[text]), luminance(colours[behind])))
                    assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (sheet, text, behind)
