# SPDX-License-Identifier: MIT
"""Report one span for each run of a command-line tool.

A thin layer over librunspan (include/runspan.h), with the same rules: only fields that the schema names leave, sending
happens in the background, and no call blocks longer than its timeout. No call raises. Where telemetry is off, or the
library is missing, broken or of another version, every call does nothing, ``Client.enabled`` is false and
``Client.reason`` says why. Every function may be called from any thread.

Users wait while a program imports this package. So it imports nothing of the standard library that the interpreter has
not loaded at its start, and ctypes only when a client is opened.
"""

from runspan._abi import Code, Level
from runspan._client import Client, Span, Status
from runspan._values import SchemaError

__all__ = ["Client", "Code", "Level", "SchemaError", "Span", "Status", "__version__"]

__version__ = "0.1.0"
