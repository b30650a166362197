# SPDX-License-Identifier: MIT
"""StripePy's resource twice, in one interpreter: stripepy_resource.py ADAPTER.

ADAPTER is the path of contrib/stripepy/telemetry.py: its run is reported. The published StripePy's resource is printed.
"""

from __future__ import annotations

import importlib.util
import json
import sys

spec = importlib.util.spec_from_file_location("adapter", sys.argv[1])
assert spec is not None and spec.loader is not None
adapter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(adapter)
with adapter.setup("download") as span:
    adapter.set_success(span, 0)
published = importlib.import_module("stripepy.cli.telemetry")
print(json.dumps(dict(published._generate_telemetry_resource().attributes)))
