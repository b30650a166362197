# SPDX-License-Identifier: MIT
"""A tool that reports one span; it prints why it is on, or off. LIBRARY names another library than the package's."""

import json
import os

from runspan import Client, Status

SCHEMA = json.dumps(
    {"service": "mytool", "destination": "https://telemetry.example/v1/traces", "spans": {"sort": "It sorted."}}
)

with Client("mytool", SCHEMA, library=os.environ.get("LIBRARY")) as client:
    print(client.reason)
    with client.start_span("sort") as span:
        span.set_status(Status.OK)
    client.close(30)
