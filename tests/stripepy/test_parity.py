# SPDX-License-Identifier: MIT
"""StripePy with runspan sends, prints and writes what StripePy as published sends, prints and writes."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.stripepy.compare import Allowed, Span, compare_files, compare_spans, compare_text
from tests.stripepy.otlp_receiver import COLLECTOR
from tests.stripepy.parity import CASES, PATCHED, PUBLISHED, Case, Laboratory, Run, Side

TEXT = 'string ".+"'
NUMBER = r"\d+"

# The only differences there may be. What both sides have to have is in the patterns; a field that is missing on both
# sides is no difference, so that the fields of one side alone are also asked for in the tests below.
ALLOWED = (
    Allowed(r"span\.traceId", "[0-9a-f]{32}", "[0-9a-f]{32}"),
    Allowed(r"span\.spanId", "[0-9a-f]{16}", "[0-9a-f]{16}"),
    Allowed(r"span\.(start|end)TimeUnixNano", NUMBER, NUMBER),
    Allowed(r"span\.events\[0\]\.timeUnixNano", NUMBER, NUMBER),
    Allowed(r"resource\.attributes\[telemetry\.sdk\.(language|name|version)\]", TEXT, TEXT),
    Allowed(r"resource\.attributes\[telemetry\.distro\.name\]", None, 'string "runspan"'),
    Allowed(r"resource\.attributes\[telemetry\.distro\.version\]", None, TEXT),
    Allowed(r"resource\.attributes\[service\.instance\.id\]", TEXT, None),
    # Bit 8 says that it is known that no parent is remote. Bit 0, which OpenTelemetry for Go sends and OpenTelemetry
    # for Python does not, says that the span was sampled, as every span is that is sent.
    Allowed(r"span\.flags", str(0x100), str(0x101)),
)

DISTRO = ("resource.attributes[telemetry.distro.name]", "resource.attributes[telemetry.distro.version]")
INSTANCE = "resource.attributes[service.instance.id]"


@dataclass(frozen=True)
class Pair:
    case: Case
    published: Run
    patched: Run

    def sides(self) -> Iterator[Run]:
        yield self.published
        yield self.patched


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory(tmp_path_factory.mktemp("parity"))


def only_span(run: Run) -> Span:
    [span] = run.spans
    return span


def ends_as_expected(pair: Pair) -> None:
    """The case is about what its name says: it ends, and is reported, as the table has it, on both sides."""
    case = pair.case
    for run in pair.sides():
        assert run.exit_code == case.exit_code, run.stderr
        assert len(run.spans) == (0 if case.span is None else 1)
        if case.span is not None:
            span = only_span(run)
            assert span["span.name"] == case.span
            assert span["span.status.code"] == ("1" if case.exit_code == 0 else "2")
            exception = None if case.exception is None else f'string "{case.exception}"'
            assert span.get("span.events[0].attributes[exception.type]") == exception


def sends_equal_spans(pair: Pair) -> None:
    if pair.case.span is None:
        return
    published, patched = only_span(pair.published), only_span(pair.patched)
    differences = compare_spans(published, patched, ALLOWED)
    assert not differences, "\n".join(differences)
    assert INSTANCE in published and INSTANCE not in patched
    for key in DISTRO:
        assert key in patched and key not in published


def times_are_those_of_the_run(pair: Pair) -> None:
    """The times differ between the sides, and so are compared with when each of them ran."""
    for run in pair.sides():
        for span in run.spans:
            times = [int(span["span.startTimeUnixNano"]), int(span["span.endTimeUnixNano"])]
            if event := span.get("span.events[0].timeUnixNano"):
                times.insert(1, int(event))
            assert [run.started_ns, *times, run.ended_ns] == sorted([run.started_ns, *times, run.ended_ns])


def asks_the_collector_only(pair: Pair) -> None:
    for run in pair.sides():
        for request in run.requests:
            if "refused" not in request:
                assert "error" not in request
                assert request["via"] == "proxy"
                assert (request["method"], request["path"]) == ("POST", "/v1/traces")
                assert request["host"] == f"{COLLECTOR}:4319"
    published, patched = ([r["refused"] for r in run.requests if "refused" in r] for run in pair.sides())
    assert published == patched


def writes_the_same(pair: Pair) -> None:
    published, patched = pair.sides()
    ordered = pair.case.ordered
    differences = compare_text("stdout", published.stdout, patched.stdout)
    differences += compare_text("stderr", published.stderr, patched.stderr, ordered)
    differences += compare_files(published.output, patched.output, ordered)
    assert not differences, "\n".join(differences)


QUESTIONS = (ends_as_expected, sends_equal_spans, times_are_those_of_the_run, asks_the_collector_only, writes_the_same)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_parity(case: Case, laboratory: Laboratory, subtests: pytest.Subtests) -> None:
    """Each case is run once, and asked all questions."""
    # Both sides at once: StripePy waits for its own processes half of the time.
    with ThreadPoolExecutor(2) as pool:
        published, patched = pool.map(laboratory.run, (case, case), (PUBLISHED, PATCHED))
    pair = Pair(case, published, patched)
    for question in QUESTIONS:
        with subtests.test(question.__name__):
            question(pair)


def test_only_telemetry_is_installed_differently() -> None:
    published, patched = installed(PUBLISHED), installed(PATCHED)
    assert not [name for name in patched if name.startswith("opentelemetry")]
    assert "runspan" in patched and "runspan" not in published
    # What a virtual environment is made with; no run imports it.
    common = (published.keys() & patched.keys()) - {"pip", "setuptools"}
    assert "stripepy-hic" in common
    assert {name: published[name] for name in common} == {name: patched[name] for name in common}


def installed(side: Side) -> dict[str, str]:
    command = "-m pip list --format json --disable-pip-version-check"
    listed = subprocess.run([side.venv / "bin" / "python", *command.split()], check=True, capture_output=True).stdout
    return {package["name"].lower(): package["version"] for package in json.loads(listed)}
