# SPDX-License-Identifier: MIT
"""One span for each run of a command-line tool.

A thin layer over librunspan (include/runspan.h), whose rules hold here too:
only what the schema names leaves, sending happens in the background, and
nothing waits longer than it is told. No call raises: where telemetry is off,
or the library is missing, broken or of another version, every call does
nothing, ``Client.enabled`` is false and ``Client.reason`` says why. All of it may be used from any thread.

Imported by programs whose users wait for them: it imports nothing of the
standard library but what the interpreter has at hand, and ctypes only when a
client is opened.
"""

from runspan._abi import Code, Level
from runspan._client import Client, Span, Status

__all__ = ["Client", "Code", "Level", "Span", "Status", "__version__"]

__version__ = "0.1.0"
