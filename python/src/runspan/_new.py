# SPDX-License-Identifier: MIT
"""Write a first schema, from a tool's argparse parser or click command where there is one.

An option becomes an attribute where its type bounds its values: flags, numbers, choices. An option whose value could
name a person or a file is left out, for the author to decide.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORM = "runspan.schema.json"
"""The JSON Schema of schemas. It lies in this package; editors complete by the copy beside the author's schema."""
DESTINATION = "https://telemetry.example/v1/traces"
ERRORS = """AssertionError AttributeError BrokenPipeError EOFError FileNotFoundError ImportError IndexError
IsADirectoryError KeyError KeyboardInterrupt MemoryError NotImplementedError OSError PermissionError RuntimeError
SystemExit TimeoutError TypeError UnicodeDecodeError ValueError""".split()
LEFT_OUT = """\
Left out, because the value could name a person or a file, or because a schema has no type for it:
{options}
Add those that you need, with the values or the pattern that may leave.
"""

Field = dict[str, Any]


@dataclass
class Option:
    """An option or argument of a tool."""

    span: str
    name: str
    """The name as users see it."""
    key: str
    found: Field | str
    """A field without spans; or the reason why there is none."""


def write(name: str, source: str | None) -> str:
    """Write NAME.json and the JSON Schema into the working directory. Return a text for the author.

    source: module:object, or None. Raise ValueError where there is no such object, and OSError where NAME.json exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name):
        raise ValueError(f"{name}: a service's name has lower-case letters, digits, - and _, and begins with a letter")
    spans, options = (["run"], []) if source is None else _read(_load(source), name)
    schema = _schema(name, spans, options)
    file = Path(f"{name}.json")
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(_json(schema))
    except FileExistsError:
        raise ValueError(f"{file} exists, and is not overwritten") from None
    if not Path(FORM).exists():
        Path(FORM).write_bytes(Path(__file__).with_name(FORM).read_bytes())
    text = f"{file}: {_count(len(spans), 'span')}, {_count(len(schema['attributes']), 'attribute')}\n"
    if left_out := [option for option in options if isinstance(option.found, str)]:
        names = [f"{option.span} {option.name}" for option in left_out]
        width = max(map(len, names))
        lines = [f"  {shown:{width}}  {option.found}" for shown, option in zip(names, left_out, strict=True)]
        text += LEFT_OUT.format(options="\n".join(dict.fromkeys(lines)))
    return text + f'Set "destination" to your collector\'s address. Then: python -m runspan check {file}'


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _load(source: str) -> Any:
    """Return the object that module:object names. A function is called, and may not need arguments."""
    module, _, path = source.partition(":")
    try:
        found = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
        return found() if inspect.isroutine(found) else found
    except (Exception, SystemExit) as e:  # the tool's own code
        raise ValueError(f"{source}: {type(e).__name__}: {e}") from e


def _read(found: Any, name: str) -> tuple[list[str], list[Option]]:
    """Return the names of the spans, and the options of each."""
    if isinstance(found, argparse.ArgumentParser):
        walked = list(_walk_argparse(found, [], []))
    elif hasattr(found, "params") and hasattr(found, "make_context"):
        walked = list(_walk_click(found, [], [], None))
    else:
        raise ValueError(f"a {type(found).__name__} is neither an argparse parser nor a click command")
    return [span for span, _ in walked], [option for _, options in walked for option in options]


def _schema(name: str, spans: list[str], options: list[Option]) -> dict[str, Any]:
    attributes: dict[str, Field] = {}
    for option in options:
        if isinstance(option.found, dict):
            field = {**option.found, "spans": [option.span]}
            attributes[option.key] = _merged(attributes[option.key], field) if option.key in attributes else field
    attributes["aborted"] = {
        **_field("bool", True, "The run was killed, or the machine went down. Only the report of such a run has it."),
        "source": "aborted",
        "spans": spans,
    }
    service = _field("string", name, "The program that was run.", source="service.name", values=[name])
    version = _field("string", "1.0.0", f"The version of {name}.", pattern="[0-9A-Za-z.+!_-]+")
    error = _field(
        "string",
        "ValueError",
        'The type of the exception that ended the run, from a list; any other is reported as "other".',
        source="error.type",
        values=ERRORS,
        otherwise="other",
    )
    return {
        "$schema": f"./{FORM}",
        "service": name,
        "destination": DESTINATION,
        "spans": {span: f"{name} was run." if span == "run" else f"{name} {span} was run." for span in spans},
        "resource": {"service.name": service, "service.version": version},
        "attributes": attributes,
        "events": {"exception": {"exception.type": error}},
    }


def _field(kind: str, example: object, description: str, **more: object) -> Field:
    return {"type": kind, **more, "example": example, "description": description}


def _merged(one: Field, other: Field) -> Field:
    """Return a field for two options of one name: it allows the values of both."""
    merged = {**one, "spans": list(dict.fromkeys(one["spans"] + other["spans"]))}
    kinds = list(dict.fromkeys(_list(one["type"]) + _list(other["type"])))
    merged["type"] = kinds[0] if len(kinds) == 1 else kinds
    if "values" in one and "values" in other:
        merged["values"] = list(dict.fromkeys(one["values"] + other["values"]))
    elif "values" in other:
        merged["values"] = other["values"]
    for bound, widest in (("minimum", min), ("maximum", max)):
        if bound in one and bound in other:
            merged[bound] = widest(one[bound], other[bound])
        else:
            merged.pop(bound, None)
    return merged


def _list(kind: str | list[str]) -> list[str]:
    return kind if isinstance(kind, list) else [kind]


def _json(schema: dict[str, Any]) -> str:
    """Return a schema as JSON, with each list of texts on one line."""

    def in_line(found: re.Match[str]) -> str:
        return "[" + " ".join(line.strip() for line in found[1].splitlines()) + "]"

    return re.sub(r"\[\n([^][{}]*)\n *\]", in_line, json.dumps(schema, indent=2, ensure_ascii=False)) + "\n"


def _sentence(help_text: str | None, otherwise: str) -> str:
    text = " ".join((help_text or otherwise).split())
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _of_kind(kind: object, default: object, description: str, several: bool) -> Field | str:
    """Return the field of an option whose value has a Python type."""
    if kind is bool and not several:
        return _field("bool", True, description)
    if kind in (int, float) and not several:
        number = isinstance(default, (int, float)) and not isinstance(default, bool)
        return _field("int" if kind is int else "double", default if number else kind(1), description)
    if kind in (int, float, bool):
        return "a list of numbers"
    return "a text" if kind in (None, str) else f"a value of the tool's own type {getattr(kind, '__name__', kind)}"


def _of_choices(choices: list[object], description: str, several: bool) -> Field | str:
    """Return the field of an option that takes one of several values, or a list of them."""
    if choices and all(isinstance(c, str) for c in choices):
        example = choices[:1] if several else choices[0]
        return _field("strings" if several else "string", example, description, values=choices)
    kinds = {type(c) for c in choices}
    if kinds in ({int}, {float}, {int, float}) and not several:
        kind = "int" if kinds == {int} else "double"
        bounds = {"minimum": min(choices), "maximum": max(choices)}  # type: ignore[type-var]
        return _field(kind, choices[0], description, **bounds)
    return "choices that are no texts"


# argparse


def _walk_argparse(
    parser: argparse.ArgumentParser, words: list[str], above: list[tuple[argparse.ArgumentParser, argparse.Action]]
) -> Iterator[tuple[str, list[Option]]]:
    """Give the name of each span, with its options: those of the parsers above it, too."""
    subparsers = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    own = above + [(parser, a) for a in parser._actions if a not in subparsers and _has_value(a)]
    if not subparsers:
        span = " ".join(words) or "run"
        yield span, [_of_action(span, owner, action) for owner, action in own]
    for action in subparsers:
        seen: set[int] = set()  # a subcommand stands first under its name, then under its aliases
        for name, subparser in action.choices.items():
            if id(subparser) not in seen:
                seen.add(id(subparser))
                yield from _walk_argparse(subparser, [*words, name], own)


def _has_value(action: argparse.Action) -> bool:
    return action.dest != argparse.SUPPRESS and not isinstance(action, (argparse._HelpAction, argparse._VersionAction))


def _of_action(span: str, parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
    return Option(span, name, f"params.{action.dest}", _field_of_action(parser, action, name))


def _field_of_action(parser: argparse.ArgumentParser, action: argparse.Action, name: str) -> Field | str:
    if action.help is argparse.SUPPRESS:
        return "not in the tool's help"
    try:
        help_text = parser._get_formatter()._expand_help(action) if action.help else None
    except (ValueError, TypeError, KeyError):
        help_text = action.help
    appends = isinstance(action, (argparse._AppendAction, argparse._AppendConstAction))
    several = appends or action.nargs not in (None, "?", 0)
    if isinstance(action, argparse._CountAction):
        return _field("int", 1, _sentence(help_text, f"How often {name} was given"), minimum=0)
    if isinstance(action, (argparse._StoreConstAction, argparse.BooleanOptionalAction)):
        if isinstance(action, argparse._StoreConstAction) and not isinstance(action.const, bool):
            return _of_choices([action.const], _sentence(help_text, f"The value that {name} sets"), several)
        return _field("bool", True, _sentence(help_text, f"Whether {name} was given"))
    if action.nargs == 0:
        return "an action of the tool's own"
    description = _sentence(help_text, f"The value of {name}")
    if action.choices is not None:
        return _of_choices(list(action.choices), description, several)
    if inspect.isclass(action.type) and issubclass(action.type, Path) or isinstance(action.type, argparse.FileType):
        return "a path"
    return _of_kind(action.type, action.default, description, several)


# click, which the tool has imported


def _walk_click(command: Any, words: list[str], above: list[Any], parent: Any) -> Iterator[tuple[str, list[Option]]]:
    """Give the name of each span, with its options: those of the groups above it, too."""
    click = sys.modules["click"]
    context = click.Context(command, parent=parent, info_name=command.name)
    own = above + [p for p in command.params if p.expose_value]
    if not hasattr(command, "list_commands"):
        span = " ".join(words) or "run"
        yield span, [_of_param(span, param) for param in own]
        return
    for name in command.list_commands(context):
        yield from _walk_click(command.get_command(context, name), [*words, name], own, context)


def _of_param(span: str, param: Any) -> Option:
    name = max(param.opts, key=len) if param.param_type_name == "option" else param.human_readable_name
    return Option(span, name, f"params.{param.name}", _field_of_param(param, name))


def _field_of_param(param: Any, name: str) -> Field | str:
    click = sys.modules["click"]
    kind, help_text = param.type, getattr(param, "help", None)
    several = param.nargs != 1 or param.multiple
    if getattr(param, "hidden", False):
        return "not in the tool's help"
    if getattr(param, "count", False):
        return _field("int", 1, _sentence(help_text, f"How often {name} was given"), minimum=0)
    if getattr(param, "is_flag", False) and not param.is_bool_flag:
        return _of_choices([param.flag_value], _sentence(help_text, f"The value that {name} sets"), several)
    if isinstance(kind, click.types.BoolParamType) and not several:
        return _field("bool", True, _sentence(help_text, f"Whether {name} was given"))
    description = _sentence(help_text, f"The value of {name}")
    if isinstance(kind, click.Choice):
        return _of_choices([getattr(c, "name", c) for c in kind.choices], description, several)
    if isinstance(kind, (click.Path, click.File)):
        return "a path"
    for python, of_click in ((int, click.types.IntParamType), (float, click.types.FloatParamType)):
        if isinstance(kind, of_click):
            field = _of_kind(python, param.default, description, several)
            if isinstance(field, dict):
                bounds = {"minimum": getattr(kind, "min", None), "maximum": getattr(kind, "max", None)}
                field |= {bound: value for bound, value in bounds.items() if value is not None}
            return field
    return "a text" if isinstance(kind, click.types.StringParamType) else f"a value of the tool's own type {kind.name}"
