# SPDX-License-Identifier: MIT
"""The commands of a tool's author: check, new and page, run as an author runs them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runspan import Client, Status
from runspan.testing import capture

ROOT = Path(__file__).resolve().parents[2]
ARGPARSE = """
import argparse, pathlib

def size(text):
    return int(text)

class List(argparse.Action):
    def __init__(self, *names, **more):
        super().__init__(*names, nargs=0, **more)

def parser():
    p = argparse.ArgumentParser(prog="mytool")
    p.add_argument("--version", action="version", version="1")
    p.add_argument("--debug", action="store_true", help="log %(prog)s's steps")
    commands = p.add_subparsers()
    sort = commands.add_parser("sort", aliases=["s"])
    sort.add_argument("file")
    sort.add_argument("--threads", "-t", type=int, default=4, help="how many threads there are; %(default)s")
    sort.add_argument("--share", type=float)
    sort.add_argument("--order", choices=["text", "number"], help="the order")
    sort.add_argument("--level", choices=range(1, 4), type=int)
    sort.add_argument("--columns", choices=["a", "b"], nargs="+")
    sort.add_argument("--key", choices=["a", "b"], action="append")
    sort.add_argument("-v", action="count")
    sort.add_argument("--fast", dest="mode", action="store_const", const="fast")
    sort.add_argument("--slow", dest="mode", action="store_const", const="slow")
    sort.add_argument("--colour", action=argparse.BooleanOptionalAction)
    sort.add_argument("--sizes", type=int, nargs=2)
    sort.add_argument("--out", type=pathlib.Path)
    sort.add_argument("--log", type=argparse.FileType("w"))
    sort.add_argument("--title")
    sort.add_argument("--size", type=size)
    sort.add_argument("--list", action=List)
    sort.add_argument("--secret", type=int, help=argparse.SUPPRESS)
    remote = commands.add_parser("remote").add_subparsers()
    add = remote.add_parser("add")
    add.add_argument("--threads", type=float, help="another number of threads")
    add.add_argument("--order", choices=["age", "text"])
    return p

built = parser()
number = 3

def broken():
    raise SystemExit("no parser today")
"""
CLICK = """
import enum
import click

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

@click.group()
@click.option("--debug/--no-debug", help="log each step")
@click.version_option("1")
def cli(debug): pass

@cli.command()
@click.option("--threads", "-t", type=click.IntRange(1, 64), default=4, help="how many threads there are")
@click.option("--share", type=click.FloatRange(min=0))
@click.option("--order", type=click.Choice(["text", "number"]))
@click.option("--colour", type=click.Choice(Colour))
@click.option("--key", type=click.Choice(["a", "b"]), multiple=True)
@click.option("-v", "--verbose", count=True)
@click.option("--fast", "mode", flag_value="fast")
@click.option("--slow", "mode", flag_value="slow")
@click.option("--unique", is_flag=True)
@click.option("--sizes", type=int, multiple=True)
@click.option("--out", type=click.Path())
@click.option("--title")
@click.option("--day", type=click.DateTime())
@click.option("--secret", type=int, hidden=True)
@click.argument("files", nargs=-1, type=click.File())
def sort(**options): pass

@cli.group()
def remote(): pass

@remote.command("add")
@click.option("--order", type=click.Choice(["age", "text"]))
def add(**options): pass
"""


def ask(*words: str | Path, folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runspan", *map(str, words)]
    asked = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert asked.returncode == code, asked.stdout + asked.stderr
    return asked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The author's, with a tool for argparse and one for click."""
    (tmp_path / "args.py").write_text(ARGPARSE, encoding="utf-8")
    (tmp_path / "clicks.py").write_text(CLICK, encoding="utf-8")
    return tmp_path


def fields(schema: dict[str, Any]) -> dict[str, Any]:
    """Each attribute's type, limits and spans; aborted apart."""
    assert schema["attributes"].pop("aborted")["spans"] == list(schema["spans"])
    return {
        key.removeprefix("params."): [field["type"], *(field[k] for k in LIMITS if k in field), *field["spans"]]
        for key, field in schema["attributes"].items()
    }


LIMITS = ("values", "minimum", "maximum")
BOTH = ["sort", "remote add"]


def test_new_of_argparse(folder: Path) -> None:
    told = ask("new", "mytool", "--from", "args:parser", folder=folder).stdout
    schema = json.loads((folder / "mytool.json").read_text(encoding="utf-8"))
    assert list(schema["spans"]) == BOTH
    assert schema["attributes"]["params.threads"]["description"] == "How many threads there are; 4."
    assert schema["attributes"]["params.debug"]["description"] == "Log mytool's steps."
    assert schema["attributes"]["params.v"]["description"] == "How often -v was given."
    assert schema["attributes"]["params.threads"]["example"] == 4
    assert fields(schema) == {
        "debug": ["bool", *BOTH],
        "threads": [["int", "double"], *BOTH],
        "share": ["double", "sort"],
        "order": ["string", ["text", "number", "age"], *BOTH],
        "level": ["int", 1, 3, "sort"],
        "columns": ["strings", ["a", "b"], "sort"],
        "key": ["strings", ["a", "b"], "sort"],
        "v": ["int", 0, "sort"],
        "mode": ["string", ["fast", "slow"], "sort"],
        "colour": ["bool", "sort"],
    }
    assert re.findall(r"^  (\S.*?)  +(.*)", told, re.MULTILINE) == [
        ("sort file", "a text"),
        ("sort --sizes", "a list of numbers"),
        ("sort --out", "a path"),
        ("sort --log", "a path"),
        ("sort --title", "a text"),
        ("sort --size", "a value of the tool's own type size"),
        ("sort --list", "an action of the tool's own"),
        ("sort --secret", "not in the tool's help"),
    ]
    assert told.startswith("mytool.json: 2 spans, 11 attributes\n")


def test_new_of_click(folder: Path) -> None:
    told = ask("new", "mytool", "--from", "clicks:cli", folder=folder).stdout
    schema = json.loads((folder / "mytool.json").read_text(encoding="utf-8"))
    assert sorted(schema["spans"]) == sorted(BOTH)
    assert schema["attributes"]["params.threads"]["description"] == "How many threads there are."
    found = fields(schema)
    for name in ("debug", "order"):
        assert sorted(found[name][-2:]) == sorted(BOTH)
        found[name] = found[name][:-2]
    assert sorted(found.pop("order")[1]) == ["age", "number", "text"]
    assert found == {
        "debug": ["bool"],
        "threads": ["int", 1, 64, "sort"],
        "share": ["double", 0, "sort"],
        "colour": ["string", ["RED", "BLUE"], "sort"],
        "key": ["strings", ["a", "b"], "sort"],
        "verbose": ["int", 0, "sort"],
        "mode": ["string", ["fast", "slow"], "sort"],
        "unique": ["bool", "sort"],
    }
    assert re.findall(r"^  (\S.*?)  +(.*)", told, re.MULTILINE) == [
        ("sort --sizes", "a list of numbers"),
        ("sort --out", "a path"),
        ("sort --title", "a text"),
        ("sort --day", "a value of the tool's own type datetime"),
        ("sort --secret", "not in the tool's help"),
        ("sort FILES", "a path"),
    ]


@pytest.mark.parametrize(
    "source", [None, "args:parser", "args:built", "clicks:cli", "clicks:sort", "autopep8:create_parser"]
)
def test_what_new_writes_is_a_schema(folder: Path, source: str | None) -> None:
    """For the JSON Schema beside it, which editors use, for check, and for a client."""
    ask("new", "mytool", *(["--from", source] if source else []), folder=folder)
    file = folder / "mytool.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    assert schema["$schema"] == "./runspan.schema.json"
    form = (folder / "runspan.schema.json").read_text(encoding="utf-8")
    assert form == (ROOT / "schemas" / "runspan.schema.json").read_text(encoding="utf-8")
    jsonschema.validate(schema, json.loads(form))
    span = next(iter(schema["spans"]))
    assert f"{span}\n" in ask("--schema", file, "preview", folder=folder).stdout
    assert ask("check", file, folder=folder).stdout.startswith("mytool: the schema is valid\n")
    assert json.loads(ask("check", file, "--json", folder=folder).stdout)["valid"] is True
    with capture() as reports, Client("mytool", file) as client:
        client.set_resource("service.version", "1.2.3")
        with client.start_span(span) as begun:
            begun.set_status(Status.OK)
    assert (reports[0].name, reports[0].status) == (span, Status.OK)
    assert dict(reports[0].resource) == {"service.name": "mytool", "service.version": "1.2.3"}


def test_new_overwrites_nothing(folder: Path) -> None:
    for name in ("mytool.json", "runspan.schema.json"):
        (folder / name).write_text("mine")
    assert "mytool.json exists, and is not overwritten" in ask("new", "mytool", folder=folder, code=1).stderr
    ask("new", "other", folder=folder)
    assert {(folder / name).read_text() for name in ("mytool.json", "runspan.schema.json")} == {"mine"}


@pytest.mark.parametrize(
    "words, why",
    [
        (["MyTool"], "a service's name has lower-case letters"),
        (["../mytool"], "a service's name has lower-case letters"),
        (["mytool", "--from", "nowhere:parser"], "nowhere:parser: ModuleNotFoundError"),
        (["mytool", "--from", "args:nothing"], "args:nothing: AttributeError"),
        (["mytool", "--from", "args:broken"], "args:broken: SystemExit: no parser today"),
        (["mytool", "--from", "args:number"], "a int is neither an argparse parser nor a click command"),
        (["mytool", "--from", "args"], "args: "),
    ],
)
def test_what_new_can_not_read(folder: Path, words: list[str], why: str) -> None:
    asked = ask("new", *words, folder=folder, code=1)
    assert why in asked.stderr and asked.stderr.count("\n") == 1 and asked.stdout == ""
    assert sorted(p.name for p in folder.iterdir() if p.suffix == ".json") == []


def test_page(folder: Path, schema: str) -> None:
    """It names each field of the schema, the destination, and each way to stop the telemetry; the tables are those of
    docs/telemetry.md."""
    (folder / "stripepy.json").write_text(schema, encoding="utf-8")
    asked = ask("page", "stripepy.json", folder=folder)
    assert "TO BE WRITTEN" in asked.stdout and "TO BE WRITTEN" in asked.stderr
    rows = {line for line in asked.stdout.splitlines() if line.startswith("| `")}
    theirs = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8").splitlines()
    assert len(rows & set(theirs)) > 60 and {r for r in rows if r not in theirs} == {
        r for r in rows if "NO_TELEMETRY`" in r or "DO_NOT_TRACK" in r or "OTEL_SDK" in r
    }
    s = json.loads(schema)
    for key in [s["destination"], *s["resource"], *s["attributes"], *s["events"]["exception"], "timestamp"]:
        assert f"`{key}`" in asked.stdout
    for way in ("STRIPEPY_NO_TELEMETRY", "runspan off", "/etc/runspan/stripepy.off", "RUNSPAN_PREVIEW=1"):
        assert way in asked.stdout


def test_page_of_three_members(folder: Path) -> None:
    three = {
        "service": "my-tool",
        "destination": "https://telemetry.example/v1/traces",
        "spans": {"run": "It was run."},
    }
    (folder / "three.json").write_text(json.dumps(three))
    page = ask("page", "three.json", folder=folder).stdout
    assert "`MY_TOOL_NO_TELEMETRY`" in page and "| `service.name` | my-tool |" in page and "| `name` | run |" in page
    assert "runspan-core" not in page
    (folder / "three.json").write_text(json.dumps({**three, "linger_ms": 1500}))
    page = ask("page", "three.json", folder=folder).stdout
    assert "`runspan-core`" in page and "at most 1.5 s after a run" in page
    kinds: dict[str, dict[str, object]] = {
        "text": {"type": "string", "values": ["a|b", "c"]},
        "low": {"type": "int", "minimum": 3},
        "high": {"type": "double", "maximum": 0.5},
        "flag": {"type": "bool"},
    }
    more = {key: {**field, "description": "In two\nlines.", "spans": ["run"]} for key, field in kinds.items()}
    (folder / "three.json").write_text(json.dumps({**three, "attributes": more}))
    page = ask("page", "three.json", folder=folder).stdout
    for row in (
        "| `text` | a\\|b | In two lines. | `a\\|b`, `c` |",
        "| `low` | 3 | In two lines. | a whole number from 3 on |",
        "| `high` | 0.5 | In two lines. | a number up to 0.5 |",
        "| `flag` | true | In two lines. | true or false |",
    ):
        assert row in page
    for text in ("{}", "[]", "{", json.dumps({**three, "attributes": {"k": {"type": "int"}}})):
        (folder / "three.json").write_text(text)
        asked = ask("page", "three.json", folder=folder, code=1)
        assert asked.stderr.startswith("runspan: ") and asked.stdout == ""


@pytest.mark.parametrize("words", [["check"], ["new"], ["page", "a", "b"], ["new", "a", "--form", "b"]])
def test_words_that_are_wrong(folder: Path, words: list[str]) -> None:
    assert ask(*words, folder=folder, code=2).stderr.startswith("usage: python -m runspan ")


@pytest.mark.parametrize(
    "text, told",
    [
        ('{\n"service": "mytool"\n', "line 3: unexpected end of JSON input\n"),
        ("", "line 1: unexpected end of JSON input\n"),
        ('{"service": 3,\n"spans": {}}', "line 1: destination is missing\n"),
        ('{"service": "My Tool",\n"spam": {}}', "line 2: unknown member"),
        ("\udcff{}", "it is not UTF-8"),
    ],
)
def test_check_of_what_is_no_schema(folder: Path, text: str, told: str) -> None:
    """The core says why, whatever the file is called and of whatever service it is."""
    file = folder / "A file.json"
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert told in ask("check", file, folder=folder, code=1).stdout


def test_check_of_no_file(folder: Path) -> None:
    for command in ("check", "page"):
        assert "none.json" in ask(command, "none.json", folder=folder, code=1).stderr


WITHOUT = "import sys, runspan._abi as a; a.library_path = lambda: '/nowhere/librunspan.so'\n" + (
    "from runspan.__main__ import main; sys.argv[0] = 'runspan'; sys.exit(main())"
)


def test_where_there_is_no_library(folder: Path) -> None:
    """new and page need none; check says that it does."""
    for words, code in ((["new", "mytool"], 0), (["page", "mytool.json"], 0), (["check", "mytool.json"], 1)):
        asked = subprocess.run([sys.executable, "-c", WITHOUT, *words], cwd=folder, capture_output=True, text=True)
        assert asked.returncode == code, asked.stderr
    assert asked.stderr == "runspan: /nowhere/librunspan.so is missing\n"
