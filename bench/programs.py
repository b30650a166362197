# SPDX-License-Identifier: MIT
"""The programs that run.py runs, as text: each is a Python process of its own."""

from __future__ import annotations

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

# StripePy 1.3.0's own set-up, without StripePy.
PEER_SETUP = """\
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import Compression, OTLPSpanExporter
from opentelemetry.sdk.resources import OsResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider(resource=OsResourceDetector().detect().merge(Resource.create({"service.name": "stripepy"})))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(
    endpoint="https://stripepy-telemetry.paulsenlab.com:4319/v1/traces", timeout=5, compression=Compression.Gzip)))
tracer = provider.get_tracer("stripepy")
"""
PEER_RUN = (
    PEER_SETUP
    + ATTRIBUTES
    + """\
with tracer.start_span("call", record_exception=False, set_status_on_exception=False) as span:
    fill(span)
    span.set_status(trace.Status(trace.StatusCode.OK))
"""
)

OUR_SETUP = """\
import atexit, os, runspan
folder = os.path.dirname(runspan.__file__)
client = runspan.Client("stripepy", open(os.path.join(folder, "schemas", "stripepy.json"), "rb").read())
atexit.register(client.close)
"""
OUR_RUN = (
    OUR_SETUP
    + ATTRIBUTES
    + """\
with client.start_span("call", record_exception=False, set_status_on_exception=False) as span:
    fill(span)
    span.set_status(runspan.Status.OK)
"""
)

# Each span timed by itself, and the median: what the background does meanwhile falls on few of them.
SPANS = """
import statistics, time
times = []
for _ in range(500):
    begun = time.perf_counter()
    span = start("call")
    fill(span)
    span.end()
    times.append(time.perf_counter() - begun)
print(statistics.median(times) * 1e6)
"""
PEER_SPANS = PEER_SETUP + ATTRIBUTES + "start = tracer.start_span\n" + SPANS
OUR_SPANS = OUR_SETUP + ATTRIBUTES + "start = client.start_span\n" + SPANS

# As many spans as a host can end, and then all the time that it takes to have them delivered.
LOOP = 100_000
IN_LOOP = f"""
for _ in range({LOOP}):
    span = start("call")
    fill(span)
    span.end()
"""
PEER_LOOP = PEER_SETUP + ATTRIBUTES + "start = tracer.start_span\n" + IN_LOOP + "provider.force_flush(60_000)\n"
OUR_LOOP = OUR_SETUP + ATTRIBUTES + "start = client.start_span\n" + IN_LOOP + "client.flush(60)\n"

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

RSS = """
print(int([line for line in open("/proc/self/status") if line.startswith("VmRSS")][0].split()[1]) / 1024)
"""

OPTED_OUT = """\
import time
begun = time.perf_counter()
import runspan
client = runspan.Client("stripepy", "{}")
client.start_span("call").end()
client.close()
print((time.perf_counter() - begun) * 1000)
"""


def modules(side: str) -> str:
    program = PEER_RUN if side == "peer" else OUR_RUN
    before = "import sys, ctypes\nbefore = set(sys.modules)\n"
    return before + program + "\nprint(len(set(sys.modules) - before))\n"
