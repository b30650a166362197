# SPDX-License-Identifier: MIT
"""A host that says where it runs, and then does one thing: host.py SCHEMA WHAT. host.c is the same in C."""

from __future__ import annotations

import os
import platform
import sys
import time

import runspan

client = runspan.Client("every-kind", open(sys.argv[1], encoding="utf-8").read())
span: runspan.Span


def describe() -> None:
    span.set_attribute("choice", "é")
    span.set_attribute("whole", -3000000000)
    span.set_attribute("real", 0.5)
    span.set_attribute("flag", True)
    span.set_attribute("words", ["a", "b c"])
    span.set_attribute("text", None)
    span.record_exception(ValueError("secret"))


def fork_here() -> None:
    """The child's calls do nothing, and it exits at once."""
    child = os.fork()
    if child == 0:
        describe()
        span.end()
        client.close(5)
        sys.exit(3)
    print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


with open("/proc/self/maps") as maps:
    libc = "musl" if "/ld-musl-" in maps.read() else os.confstr("CS_GNU_LIBC_VERSION")
print(f"{platform.machine()}, {libc}", flush=True)
print("open", client.state, flush=True)
client.set_resource("service.version", "1.2")
span = client.start_span("run")
describe()
if sys.argv[2] == "killed":
    time.sleep(120)  # the test kills it
if sys.argv[2] == "forks":
    fork_here()
span.set_status(2)
span.end()
client.close(5)
