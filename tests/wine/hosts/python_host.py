# SPDX-License-Identifier: MIT
"""host.c in Python: python_host.py SCHEMA plain|killed."""

from __future__ import annotations

import sys
import time

import runspan

with open(sys.argv[1], encoding="utf-8") as file:
    client = runspan.Client("every-kind", file.read())
print("open", client.state, flush=True)
client.set_resource("service.version", "1.2")
span = client.start_span("run")
span.set_attribute("choice", "é")
span.set_attribute("whole", -3000000000)
span.set_attribute("real", 0.5)
span.set_attribute("flag", True)
span.set_attribute("words", ["a", "b c"])
span.set_attribute("text", None)
span.record_exception(ValueError("secret"))
if sys.argv[2] == "killed":
    time.sleep(120)  # the test kills it
span.set_status(2)
span.end()
client.close(5)
