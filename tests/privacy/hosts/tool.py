# SPDX-License-Identifier: MIT
"""tool.c in Python, with an exception, whose text is the argument after tool.c's."""

import sys
import time

import runspan

_, schema, attribute, value, name, kind, message, *_ = sys.argv
with open(schema, "rb") as f:
    client = runspan.Client("stripepy", f.read())
assert client.state == 0, client.reason
client.set_resource(attribute, value)
client.set_resource("host.arch", value)
client.start_span(name).end()
try:
    with client.start_span("call") as span:
        span.set_attribute("params.contact_map_resolution", 1000000)
        span.set_attribute(attribute, 1)
        span.set_attribute(attribute, value)
        span.set_attribute("params.contact_map_format", value)
        span.set_attribute("params.contact_map_resolution", value)
        span.set_attribute("params.columns", [value])
        span.set_attributes({attribute: value, "params.contact_map_format": value})
        span.update_name(name)
        span.set_status(runspan.Status.ERROR, message)
        span.record_exception(RuntimeError(message), {"exception.message": message, attribute: value}, escaped=True)
        time.sleep(0.1)  # while it goes on it has a record in the spool
        raise type(kind, (RuntimeError,), {})(message)
except RuntimeError:
    pass
client.close(3)
