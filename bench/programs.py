# SPDX-License-Identifier: MIT
"""The programs that are measured, as text: each is a Python process of its own."""

from __future__ import annotations

from bench.runner import BESIDE, OURS, PEER, SCHEMA

# The 20 attributes of a span, as both are given them.
ATTRIBUTES = """\
attributes = {
    "params.contact_map_format": "mcool", "params.contact_map_raw_interactions": True,
    "params.contact_map_resolution": 20000, "params.genomic_belt": 5000000, "params.low_memory": False,
    "params.max_width": 100000, "params.glob_pers_min": 0.04, "params.constrain_heights": False, "params.k": 3,
    "params.loc_pers_min": 0.33, "params.loc_trend_min": 0.25, "params.nproc": 4,
}
eight = dict(list(attributes.items())[:8])
def fill(span):
    span.set_attributes(attributes)
    span.set_attributes(eight)
"""

# StripePy 1.3.0's own set-up, without StripePy; and its destination, where the environment has no other.
SETUP = {
    PEER: """\
import os
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import Compression, OTLPSpanExporter
from opentelemetry.sdk.resources import OsResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider(resource=OsResourceDetector().detect().merge(Resource.create({"service.name": "stripepy"})))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(
    endpoint=os.environ.get("RUNSPAN_ENDPOINT", "https://stripepy-telemetry.paulsenlab.com:4319/v1/traces"),
    timeout=5, compression=Compression.Gzip)))
tracer = provider.get_tracer("stripepy")
start = tracer.start_span
OK = trace.Status(trace.StatusCode.OK)
""",
    OURS: f"""\
import atexit, runspan
client = runspan.Client("stripepy", open({str(SCHEMA)!r}, "rb").read())
atexit.register(client.close)
start = client.start_span
OK = runspan.Status.OK
""",
}
SETUP[BESIDE] = SETUP[OURS]
FLUSH = {PEER: "provider.force_flush(600_000)\n", OURS: "client.flush(600)\n", BESIDE: "client.flush(600)\n"}


def one_span(side: str, work: float = 0) -> str:
    """A run of one span, which takes so many seconds."""
    return (
        SETUP[side]
        + ATTRIBUTES
        + f"""\
import time
with start("call", record_exception=False, set_status_on_exception=False) as span:
    fill(span)
    time.sleep({work})
    span.set_status(OK)
"""
    )


# What a program says last, and is measured from: Run.wait.
NOW = "import time; print(time.monotonic(), flush=True)\n"

# Each span timed by itself, and the median: what the background does meanwhile falls on few of them.
_TIMED = """
import statistics, time
times = []
for _ in range({spans}):
    begun = time.perf_counter()
    span = start("call")
    fill(span)
    span.end()
    times.append(time.perf_counter() - begun)
print(statistics.median(times) * 1e6)
"""

# As many spans as a host can end, and then all the time that it takes to have them delivered; prints the memory.
_LOOP = """
for _ in range({spans}):
    span = start("call")
    fill(span)
    span.end()
{flush}print(int([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]) / 1024)
"""


def timed(side: str, spans: int) -> str:
    return SETUP[side] + ATTRIBUTES + _TIMED.format(spans=spans)


def loop(side: str, spans: int) -> str:
    return SETUP[side] + ATTRIBUTES + _LOOP.format(spans=spans, flush=FLUSH[side])


# What StripePy has imported by the time it sets telemetry up, with its logger as quiet as by default; and the whole of
# its telemetry.
STRIPEPY = """\
import logging, platform, structlog, stripepy.main, stripepy.cli.setup
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
"""
TELEMETRY = """\
from stripepy.cli import telemetry
with telemetry.setup("view") as span:
    span.set_attribute("params.relative_change_threshold", 5.0)
    telemetry.set_success(span, 0)
"""

# StripePy's own command line and its own exit, of which what it waits for telemetry is printed: the rest of its exit
# takes a second or two, and varies by more than there is to see.
_STRIPEPY_COMMAND = """\
import os, sys, time
{of}
def stamped(self, *args, inner=owner.{method}, **kwargs):
    begun = time.monotonic()
    try:
        return inner(self, *args, **kwargs)
    finally:
        os.write(said, f"{{(time.monotonic() - begun) * 1000}}\\n".encode())
owner.{method} = stamped
said = os.dup(1)
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1)
os.dup2(null, 2)
sys.argv = ["stripepy", *{arguments!r}]
from stripepy.main import main
sys.exit(main())
"""


def stripepy(side: str, arguments: list[str]) -> str:
    of, method = {
        PEER: ("from opentelemetry.sdk.trace import TracerProvider as owner", "shutdown"),
        OURS: ("from runspan import Client as owner", "close"),
    }[side]
    return _STRIPEPY_COMMAND.format(of=of, method=method, arguments=arguments)


# Prints its memory in MiB, its threads, and the memory of the process beside, which has its id as an argument.
INSIDE = """
import glob, os
def of(folder, name):
    return int([line for line in open(folder + "/status") if line.startswith(name)][0].split()[1])
def beside():
    for file in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            if b"\\0%d\\0" % os.getpid() in open(file, "rb").read():
                yield of(os.path.dirname(file), "VmRSS") / 1024
        except OSError:  # it has gone meanwhile
            pass
print(of("/proc/self", "VmRSS") / 1024, of("/proc/self", "Threads"), sum(beside()))
"""

# Prints what import ctypes takes, and all.
OPTED_OUT = """\
import time
begun = time.perf_counter()
import ctypes
imported = time.perf_counter()
import runspan
client = runspan.Client("stripepy", "{}")
client.start_span("call").end()
client.close()
print((imported - begun) * 1000, (time.perf_counter() - begun) * 1000)
"""


def modules(side: str) -> str:
    before = "import sys, ctypes\nbefore = set(sys.modules)\n"
    return before + one_span(side) + "\nprint(len(set(sys.modules) - before))\n"
