# SPDX-License-Identifier: MIT
"""The comparison of test_parity.py finds every kind of difference, and nothing where there is none."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
import pytest

from tests.stripepy.compare import (
    Output,
    compare_files,
    compare_hdf5,
    compare_spans,
    compare_text,
    normalise,
    spans,
)
from tests.stripepy.test_parity import ALLOWED

Body: TypeAlias = dict[str, Any]


def attribute(key: str, **value: Any) -> Body:
    return {"key": key, "value": value}


def published() -> Body:
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [
                        attribute("service.name", stringValue="stripepy"),
                        attribute("service.instance.id", stringValue="a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
                        attribute("telemetry.sdk.language", stringValue="python"),
                    ]
                },
                "scopeSpans": [
                    {
                        "scope": {"name": "stripepy"},
                        "spans": [
                            {
                                "traceId": "5b8efff798038103d269b633813fc60c",
                                "spanId": "eee19b7ec3c1b174",
                                "name": "call",
                                "kind": 1,
                                "startTimeUnixNano": "1700000000000000000",
                                "endTimeUnixNano": "1700000001000000000",
                                "flags": 256,
                                "attributes": [
                                    attribute("int", intValue="3"),
                                    attribute("double", doubleValue=0.5),
                                    attribute("nan", doubleValue="NaN"),
                                    attribute("zero", doubleValue=0),
                                    attribute("bool", boolValue=False),
                                    attribute("text", stringValue=""),
                                    attribute(
                                        "texts",
                                        arrayValue={"values": [{"stringValue": "a"}, {"stringValue": "b"}]},
                                    ),
                                ],
                                "events": [
                                    {
                                        "timeUnixNano": "1700000000500000000",
                                        "name": "exception",
                                        "attributes": [
                                            attribute("exception.type", stringValue="RuntimeError"),
                                            attribute("exception.message", stringValue=""),
                                        ],
                                    }
                                ],
                                "status": {"code": 2},
                            }
                        ],
                    }
                ],
            }
        ]
    }


def patched() -> Body:
    """The same span, with every difference that is allowed and in another order and spelling."""
    body = published()
    resource, span = resource_of(body), span_of(body)
    values(resource).pop(1)
    values(resource).reverse()
    value_of(resource, "telemetry.sdk.language")["stringValue"] = "go"
    values(resource).append(attribute("telemetry.distro.name", stringValue="runspan"))
    values(resource).append(attribute("telemetry.distro.version", stringValue="0.1.0"))
    values(span).reverse()
    value_of(span, "zero")["doubleValue"] = 0.0
    span.update(
        traceId="0af7651916cd43dd8448eb211c80319c",
        spanId="b7ad6b7169203331",
        parentSpanId="",
        startTimeUnixNano="1700000002000000000",
        endTimeUnixNano="1700000003000000000",
        flags=257,
        droppedAttributesCount=0,
        links=[],
    )
    span["events"][0]["timeUnixNano"] = "1700000002500000000"
    return body


def resource_of(body: Body) -> Body:
    resource: Body = body["resourceSpans"][0]["resource"]
    return resource


def scope_of(body: Body) -> Body:
    scope: Body = body["resourceSpans"][0]["scopeSpans"][0]["scope"]
    return scope


def span_of(body: Body) -> Body:
    span: Body = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    return span


def event_of(body: Body) -> Body:
    event: Body = span_of(body)["events"][0]
    return event


def values(of: Body) -> list[Body]:
    attributes: list[Body] = of["attributes"]
    return attributes


def value_of(of: Body, key: str) -> Body:
    found: list[Body] = [attribute["value"] for attribute in values(of) if attribute["key"] == key]
    [value] = found
    return value


def put(of: Body, key: str, **value: Any) -> None:
    """Give an attribute another value, or add it."""
    values(of)[:] = [attribute for attribute in values(of) if attribute["key"] != key]
    values(of).append(attribute(key, **value))


def drop(of: Body, key: str) -> None:
    value_of(of, key)
    values(of)[:] = [attribute for attribute in values(of) if attribute["key"] != key]


def differences(a: Body, b: Body) -> list[str]:
    [x], [y] = spans([{"body": a}]), spans([{"body": b}])
    return compare_spans(x, y, ALLOWED)


def test_allowed_differences_are_none() -> None:
    assert differences(published(), patched()) == []


CHANGES: dict[str, tuple[str, Callable[[Body], object]]] = {
    "extra attribute": ("span.attributes[more]", lambda b: put(span_of(b), "more", intValue="1")),
    "extra attribute with no value": ("span.attributes[more]", lambda b: put(span_of(b), "more")),
    "missing attribute": ("span.attributes[int]", lambda b: drop(span_of(b), "int")),
    "missing attribute of value false": ("span.attributes[bool]", lambda b: drop(span_of(b), "bool")),
    "missing attribute of value empty": ("span.attributes[text]", lambda b: drop(span_of(b), "text")),
    "other int": ("span.attributes[int]", lambda b: put(span_of(b), "int", intValue="4")),
    "int as double": ("span.attributes[int]", lambda b: put(span_of(b), "int", doubleValue=3.0)),
    "int as text": ("span.attributes[int]", lambda b: put(span_of(b), "int", stringValue="3")),
    "double as int": ("span.attributes[zero]", lambda b: put(span_of(b), "zero", intValue="0")),
    "next double": ("span.attributes[double]", lambda b: put(span_of(b), "double", doubleValue=0.5000000000000001)),
    "minus zero": ("span.attributes[zero]", lambda b: put(span_of(b), "zero", doubleValue=-0.0)),
    "infinity for nan": ("span.attributes[nan]", lambda b: put(span_of(b), "nan", doubleValue="Infinity")),
    "nan as text": ("span.attributes[nan]", lambda b: put(span_of(b), "nan", stringValue="NaN")),
    "other bool": ("span.attributes[bool]", lambda b: put(span_of(b), "bool", boolValue=True)),
    "bool as int": ("span.attributes[bool]", lambda b: put(span_of(b), "bool", intValue="0")),
    "bool as text": ("span.attributes[bool]", lambda b: put(span_of(b), "bool", stringValue="false")),
    "other text": ("span.attributes[text]", lambda b: put(span_of(b), "text", stringValue=" ")),
    "other order in an array": (
        "span.attributes[texts]",
        lambda b: value_of(span_of(b), "texts")["arrayValue"]["values"].reverse(),
    ),
    "shorter array": ("span.attributes[texts]", lambda b: value_of(span_of(b), "texts")["arrayValue"]["values"].pop()),
    "array as text": ("span.attributes[texts]", lambda b: put(span_of(b), "texts", stringValue="a, b")),
    "missing event": ("span.events[0].name", lambda b: span_of(b).pop("events")),
    "second event": ("span.events[1].name", lambda b: span_of(b)["events"].append(copy.deepcopy(event_of(b)))),
    "other event": ("span.events[0].name", lambda b: event_of(b).update(name="error")),
    "event without time": ("span.events[0].timeUnixNano", lambda b: event_of(b).pop("timeUnixNano")),
    "other event attribute": (
        "span.events[0].attributes[exception.message]",
        lambda b: put(event_of(b), "exception.message", stringValue="/home/somebody/secret.mcool"),
    ),
    "missing event attribute": (
        "span.events[0].attributes[exception.message]",
        lambda b: drop(event_of(b), "exception.message"),
    ),
    "other status": ("span.status.code", lambda b: span_of(b).update(status={"code": 1})),
    "no status": ("span.status.code", lambda b: span_of(b).pop("status")),
    "status with a message": ("span.status.message", lambda b: span_of(b)["status"].update(message="failed")),
    "other name": ("span.name", lambda b: span_of(b).update(name="view")),
    "other kind": ("span.kind", lambda b: span_of(b).update(kind=3)),
    "other flags": ("span.flags", lambda b: span_of(b).update(flags=0x301)),
    "parent": ("span.parentSpanId", lambda b: span_of(b).update(parentSpanId="eee19b7ec3c1b174")),
    "link": ("span.links[0].traceId", lambda b: span_of(b).update(links=[{"traceId": "0af7651916cd43dd"}])),
    "trace state": ("span.traceState", lambda b: span_of(b).update(traceState="a=b")),
    "dropped attributes": ("span.droppedAttributesCount", lambda b: span_of(b).update(droppedAttributesCount=1)),
    "id that is none": ("span.traceId", lambda b: span_of(b).update(traceId="AF7651916CD43DD8448EB211C80319C")),
    "no end": ("span.endTimeUnixNano", lambda b: span_of(b).pop("endTimeUnixNano")),
    "other scope": ("scope.name", lambda b: scope_of(b).update(name="runspan")),
    "scope with a version": ("scope.version", lambda b: scope_of(b).update(version="1")),
    "scope with an attribute": (
        "scope.attributes[more]",
        lambda b: scope_of(b).update(attributes=[attribute("more", intValue="1")]),
    ),
    "scope with a schema": (
        "scope.schemaUrl",
        lambda b: b["resourceSpans"][0]["scopeSpans"][0].update(schemaUrl="https://example.com/1"),
    ),
    "resource with a schema": (
        "resource.schemaUrl",
        lambda b: b["resourceSpans"][0].update(schemaUrl="https://example.com/1"),
    ),
    "other resource": (
        "resource.attributes[service.name]",
        lambda b: put(resource_of(b), "service.name", stringValue="unknown_service"),
    ),
    "extra resource": (
        "resource.attributes[host.name]",
        lambda b: put(resource_of(b), "host.name", stringValue="somebody"),
    ),
    "missing resource": ("resource.attributes[service.name]", lambda b: drop(resource_of(b), "service.name")),
    "instance in the patched": (
        "resource.attributes[service.instance.id]",
        lambda b: put(resource_of(b), "service.instance.id", stringValue="b0eebc99"),
    ),
    "missing SDK": (
        "resource.attributes[telemetry.sdk.language]",
        lambda b: drop(resource_of(b), "telemetry.sdk.language"),
    ),
    "extra SDK field": (
        "resource.attributes[telemetry.sdk.more]",
        lambda b: put(resource_of(b), "telemetry.sdk.more", stringValue="x"),
    ),
    "other distro": (
        "resource.attributes[telemetry.distro.name]",
        lambda b: put(resource_of(b), "telemetry.distro.name", stringValue="other"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_found(change: str) -> None:
    path, make = CHANGES[change]
    body = patched()
    make(body)
    assert body != patched()
    assert path in [difference.partition(": ")[0] for difference in differences(published(), body)]


def test_allowed_differences_have_a_direction() -> None:
    assert len(differences(patched(), published())) == 4  # instance, the two of the distro, flags


def test_attribute_that_is_there_twice_is_an_error() -> None:
    body = patched()
    values(span_of(body)).append(attribute("int", intValue="3"))
    with pytest.raises(ValueError, match="twice"):
        spans([{"body": body}])


def test_every_span_is_seen() -> None:
    two = published()
    two["resourceSpans"][0]["scopeSpans"][0]["spans"].append({"name": "second"})
    found = spans([{"refused": "example.com:443"}, {"body": two}, {"error": "no OTLP"}, {"body": patched()}])
    assert [span["span.name"] for span in found] == ["call", "second", "call"]


# --- text ---

VENV = Path("/somewhere/venv/patched")


@pytest.mark.parametrize(
    ("line", "normal"),
    [
        ("2026-11-23 20:36:54.254321 [info     ] x", "<time> [info     ] x"),
        ("preprocessing took 1.042ms    ", "preprocessing took <elapsed>"),
        ("fetched 3462 pixels in 10.802ms", "fetched 3462 pixels in <elapsed>"),
        (
            "height estimation of 2 stripes tool 24.611us (mean=1)",
            "height estimation of 2 stripes tool <elapsed> (mean=1)",
        ),
        ("processed 3 chromosomes in 1h:2m:1.334s", "processed 3 chromosomes in <elapsed>"),
        ("Process-2 (PID=2399): done", "Process-2 (PID=<pid>): done"),
        (f'File "{VENV}/lib/stripepy/main.py", line 62, in f', 'File "<venv>/lib/stripepy/main.py", line 62, in f'),
        ("seen at 2026-11-23 20:36:54.254321", "seen at 2026-11-23 20:36:54.254321"),
        ("fetched 3462 pixels in 3 chromosomes", "fetched 3462 pixels in 3 chromosomes"),
        ("mean=5500 kbp; std=707 kbp", "mean=5500 kbp; std=707 kbp"),
    ],
)
def test_normalise(line: str, normal: str) -> None:
    assert normalise(f"{line}\nlast", VENV) == f"{normal}\nlast"


def test_compare_text() -> None:
    assert compare_text("stdout", "a\nb\n", "a\nb\n") == []
    for other in ("a\nB\n", "a\n", "a\nb", "a\nb\n\n", "b\na\n", "", "a \nb\n"):
        assert compare_text("stdout", "a\nb\n", other)
    assert compare_text("stdout", "a\nb\n", "b\na\n", ordered=False) == []
    assert compare_text("stdout", "a\nb\n", "b\na\na\n", ordered=False)


# --- files ---


@pytest.fixture
def outputs(tmp_path: Path) -> tuple[Output, Output]:
    sides = tuple(Output(tmp_path / name / "work", tmp_path / name / "venv") for name in ("published", "patched"))
    for side, microseconds in zip(sides, ("254321", "254322"), strict=True):
        (side.folder / "empty").mkdir(parents=True)
        (side.folder / "table.tsv").write_text("chr17\t1\n", encoding="utf-8")
        (side.folder / "new.png").write_bytes(b"\x89PNG\r\n")
        (side.folder / "new.log").write_text(f"2026-11-23 20:36:54.{microseconds} x\n", encoding="utf-8")
        write_hdf5(side.folder / "result.hdf5")
    return sides[0], sides[1]


def write_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as f:
        f.attrs["creation-date"] = str(path)
        f.attrs["resolution"] = 1000000
        f.create_dataset("group/numbers", data=np.array([1.0, np.nan]))
        f["group/numbers"].attrs["unit"] = "bp"
        f.create_dataset("chroms/name", data=["chr17", "chr18"])


def test_equal_files(outputs: tuple[Output, Output]) -> None:
    assert compare_files(*outputs) == []


FILE_CHANGES: dict[str, Callable[[Path], object]] = {
    "extra file": lambda d: (d / "spool").write_bytes(b""),
    "extra folder": lambda d: (d / "spool").mkdir(),
    "missing file": lambda d: (d / "new.png").unlink(),
    "missing folder": lambda d: (d / "empty").rmdir(),
    "text": lambda d: (d / "table.tsv").write_text("chr17\t1\r\n", encoding="utf-8"),
    "time outside a log": lambda d: (d / "table.tsv").write_text("2026-11-23 20:36:54.254300", encoding="utf-8"),
    "image": lambda d: (d / "new.png").write_bytes(b"\x89PNG\r\n\x00"),
    "log": lambda d: (d / "new.log").write_text("2026-11-23 20:36:54.254321 y\n", encoding="utf-8"),
    "no longer HDF5": lambda d: (d / "result.hdf5").write_bytes(b""),
}


@pytest.mark.parametrize("change", FILE_CHANGES)
def test_changed_file_is_found(change: str, outputs: tuple[Output, Output]) -> None:
    FILE_CHANGES[change](outputs[1].folder)
    assert len(compare_files(*outputs)) == 1


def replace(f: h5py.File, name: str, data: Any) -> None:
    attributes = dict(f[name].attrs)
    del f[name]
    f.create_dataset(name, data=data).attrs.update(attributes)


HDF5_CHANGES: dict[str, Callable[[h5py.File], object]] = {
    "value": lambda f: replace(f, "group/numbers", np.array([1.0, 2.0])),
    "next double": lambda f: replace(f, "group/numbers", np.array([np.nextafter(1.0, 2.0), np.nan])),
    "type": lambda f: replace(f, "group/numbers", np.array([1.0, np.nan], dtype=np.float32)),
    "shape": lambda f: replace(f, "group/numbers", np.array([[1.0, np.nan]])),
    "text": lambda f: replace(f, "chroms/name", ["chr17", "chrX"]),
    "extra dataset": lambda f: f.create_dataset("more", data=[1]),
    "extra group": lambda f: f.create_group("more"),
    "missing dataset": lambda f: f.pop("chroms/name"),
    "attribute": lambda f: f.attrs.update(resolution=5000),
    "type of an attribute": lambda f: f.attrs.update(resolution=1000000.0),
    "attribute of a dataset": lambda f: f["group/numbers"].attrs.update(unit="bin"),
    "extra attribute": lambda f: f["group"].attrs.update(more=1),
    "missing attribute": lambda f: f["group/numbers"].attrs.pop("unit"),
}


@pytest.mark.parametrize("change", HDF5_CHANGES)
def test_changed_hdf5_is_found(change: str, outputs: tuple[Output, Output]) -> None:
    a, b = (output.folder / "result.hdf5" for output in outputs)
    assert compare_hdf5(a, b) == []
    with h5py.File(b, "r+") as f:
        HDF5_CHANGES[change](f)
    assert len(compare_hdf5(a, b)) == 1
