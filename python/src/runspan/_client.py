# SPDX-License-Identifier: MIT
"""A client, and its spans with the methods that an OpenTelemetry span has."""

from __future__ import annotations

import atexit
from time import monotonic

import runspan
from runspan import _abi
from runspan._abi import Code
from runspan._values import clean, encode, encode_schema, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from types import TracebackType

    from typing_extensions import Self

DEFAULT_TIMEOUT = None
"""In proportion to the run, as RUNSPAN_DEFAULT_TIMEOUT_MS of runspan.h says: 0.3 s, or 1 % of its time, at most 2 s."""
_AT_ONCE = 0.1
"""How long a Ctrl-C may have to wait, in seconds."""
_LAST = 0.3
"""How long close itself waits, after the flush."""
_SLICE = 0xFFFF0000
"""RUNSPAN_CORE_SLICE of core.h: with so many milliseconds more, a part of the default wait."""

_NO_LIBRARY = _abi.NoLibrary("no client")


class Status:
    """A span's status codes, by OpenTelemetry's numbers."""

    UNSET = 0
    OK = 1
    ERROR = 2


class _Handle:
    """What a client and a span have: a library, their handle in it, 0 where they do nothing, and the host's log."""

    _lib: _abi.Library
    _handle: int
    _log: Callable[[int, str], None] | None

    def _refused(self, what: object, code: int) -> None:
        if code != Code.DONE and self._log is not None:
            self._debug(what, self._lib.reason(code))

    def _debug(self, what: object, why: object) -> None:
        if self._log is not None:
            try:  # what is the host's, and so is what is called here
                self._log(_abi.Level.DEBUG, f"{what!r}: {why}")
            except Exception:
                pass


class Client(_Handle):
    """Reports the runs of one service.

    service: the name that its schema has. schema: the schema: JSON text, or the path of its file, as a Path.
    log: is given log lines, (level, text), on the thread that called; silence
    without it. preview: nothing is sent; log is given each span as it ends, at
    level 2, as OTLP/JSON. library: the path of librunspan, if not the package's.

    Leaving its ``with`` closes it. Where nobody does, the interpreter's exit flushes it.
    """

    def __init__(
        self,
        service: str,
        schema: str | bytes | PathLike[str],
        *,
        log: Callable[[int, str], None] | None = None,
        preview: bool = False,
        library: str | None = None,
    ) -> None:
        lib = self._lib = _abi.load(library or _abi.library_path(), runspan.__version__)
        self._handle = 0
        self._service = service
        self._log = log
        self._callback: object | None = None
        self.state: int = Code.OFF
        """Code.DONE where the client is open; else the code that says why it is not."""
        self.reason: str = ""
        """The state, as a sentence."""
        try:
            self._callback = None if log is None else lib.callback(log)
            handle = lib.new_handle()
            flags = _abi.PREVIEW if preview else 0
            options = lib.options(encode(service), encode_schema(schema), self._callback, flags)
            self.state = lib.open(options, lib.by_reference(handle))
            self.reason = lib.reason(self.state)
            self._handle = handle.value
            if self._handle != 0:
                atexit.register(self.flush)  # not close: the host may end spans later still
        except Exception as e:  # a host must not fail because its telemetry does
            self.reason = str(e) or type(e).__name__

    @property
    def enabled(self) -> bool:
        """Whether spans are reported: false where telemetry is off, whatever the reason, and once it is closed."""
        return self._handle != 0

    def __bool__(self) -> bool:
        return self.enabled

    def consent(self) -> int:
        """Return Code.DONE, or the code of the rule by which the user or the site has opted out by now."""
        try:
            code: int = self._lib.consent(encode(self._service))
            return code
        except Exception as e:
            self._debug("consent", e)
        return self.state

    def set_resource(self, key: str, value: object) -> None:
        """Set an attribute of the resource that all spans share, before the first span."""
        try:
            if self._handle == 0:
                return
            lib, name, value = self._lib, encode(key), clean(value)
            if isinstance(value, bool):
                code = lib.set_resource_bool(self._handle, name, value)
            elif isinstance(value, str):
                code = lib.set_resource_string(self._handle, name, encode(value))
            elif isinstance(value, int):
                code = lib.set_resource_int(self._handle, name, value)
            elif isinstance(value, float):
                code = lib.set_resource_double(self._handle, name, value)
            else:
                code = Code.E_TYPE
            self._refused(key, code)
        except Exception as e:
            self._debug(key, e)

    def start_span(self, name: str, record_exception: bool = True, set_status_on_exception: bool = True) -> Span:
        """Begin a span. The two switches say what leaving its ``with`` by an exception does, as in OpenTelemetry."""
        handle = 0
        try:
            if self._handle != 0:
                out = self._lib.new_handle()
                self._refused(name, self._lib.begin(self._handle, encode(name), self._lib.by_reference(out)))
                handle = out.value
        except Exception as e:
            self._debug(name, e)
        return Span(self, handle, record_exception, set_status_on_exception)

    def flush(self, timeout: float | None = DEFAULT_TIMEOUT) -> bool:
        """Wait at most timeout seconds, and say whether the collector has every span that has ended.

        None is a time in proportion to the run: 0.3 s, or a hundredth of it, at most 2 s.
        """
        deadline = None if timeout is None else self._deadline(timeout)
        while True:  # because Python acts on a Ctrl-C between two calls of C
            left = None if deadline is None else max(deadline - monotonic(), 0)
            begun = monotonic()
            if self._wait("flush", _AT_ONCE if left is None else min(left, _AT_ONCE), default=left is None):
                return True
            if (left is not None and left <= _AT_ONCE) or monotonic() - begun < _AT_ONCE:
                return False  # the time is over, or to wait has no point

    def close(self, timeout: float | None = DEFAULT_TIMEOUT) -> bool:
        """As flush; then the client, and all spans of it, are of no use any more."""
        delivered, deadline = False, None if timeout is None else self._deadline(timeout)
        left = 0.0
        try:
            flushed = self.flush(None if deadline is None else deadline - monotonic())
            # Spans that have not ended end now.
            left = _LAST if flushed and deadline is None else 0.0
        finally:  # a Ctrl-C is no reason to lose what is not written yet
            if self._handle != 0:
                if deadline is not None:
                    left = min(max(deadline - monotonic(), 0), _LAST)
                delivered = self._wait("close", left, default=deadline is None and left > 0)
                self._handle, self.state, self.reason = 0, Code.OFF, "closed"
                atexit.unregister(self.flush)
        return delivered

    def _deadline(self, timeout: float) -> float:
        try:
            return monotonic() + float(timeout)
        except Exception as e:
            self._debug("timeout", e)
            return monotonic()

    def _wait(self, function: str, timeout: float, default: bool) -> bool:
        try:
            if self._handle == 0:
                return False
            milliseconds = min(max(int(timeout * 1000), 0), _SLICE - 1)
            if default:
                milliseconds += _SLICE
            code: int = getattr(self._lib, function)(self._handle, milliseconds)
            return code == Code.DONE
        except Exception as e:
            self._debug(function, e)
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Span(_Handle):
    """One run. A span that could not begin takes every call and does nothing."""

    def __init__(
        self,
        client: Client | None = None,
        handle: int = 0,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> None:
        self._client = client
        self._lib = _NO_LIBRARY if client is None else client._lib
        self._log = None if client is None else client._log
        self._handle = 0 if client is None else handle
        self._status = Status.UNSET
        self._record_exception = record_exception
        self._set_status_on_exception = set_status_on_exception

    def is_recording(self) -> bool:
        return self._handle != 0

    def set_attribute(self, key: str, value: object) -> None:
        """Set an attribute. A key or value that the schema does not allow is left out.

        Values become attributes by opentelemetry-python's rules: what is no
        str, bool, int, float, None or sequence is reported by its str(), NumPy's
        integers and bools among them.
        """
        handle, lib = self._handle, self._lib
        if handle == 0:
            return
        try:
            name = encode(key)
            value = clean(value)
            if isinstance(value, bool):
                code = lib.set_attr_bool(handle, name, value)
            elif isinstance(value, str):
                code = lib.set_attr_string(handle, name, encode(value))
            elif isinstance(value, int):
                code = lib.set_attr_int(handle, name, value)
            elif isinstance(value, float):
                code = lib.set_attr_double(handle, name, value)
            elif value is None:
                code = lib.set_attr_null(handle, name)
            elif isinstance(value, tuple) and all(isinstance(v, str) for v in value):
                code = lib.set_attr_strings(handle, name, lib.texts([encode(v) for v in value]), len(value))
            else:
                code = Code.E_TYPE
            self._refused(key, code)
        except Exception as e:
            self._debug(key, e)

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several attributes, in one call of the library."""
        handle, lib = self._handle, self._lib
        if handle == 0:
            return
        try:
            packed, by_itself = pack(attributes)
            code = lib.set_attrs(handle, packed, len(packed))
            if code != Code.DONE and self._log is not None:
                by_itself = list(attributes)  # which also says which of them is not allowed
            for key in by_itself:
                self.set_attribute(key, attributes[key])
        except Exception as e:
            self._debug("attributes", e)

    def update_name(self, name: str) -> None:
        """Give the span another of the schema's names."""
        self._call("set_name", name)

    def set_status(self, status: object, description: str | None = None) -> None:
        """Set the outcome: one of Status, or an OpenTelemetry status. A description never leaves.

        By OpenTelemetry's rules UNSET changes nothing, and nothing changes OK.
        """
        try:
            code = getattr(status, "status_code", status)
            code = getattr(code, "value", code)
            for known in (Status.OK, Status.ERROR):
                if code == known and self._status != Status.OK and self.is_recording():
                    self._status = known
        except Exception as e:
            self._debug("status", e)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, object] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Record the type of an exception. Its message and stack trace never leave, nor do the other arguments."""
        try:
            kind = type(exception)
            name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        except Exception as e:
            return self._debug("exception", e)
        self._call("set_error", name)

    def end(self) -> None:
        """End the span, now."""
        try:
            if self._handle != 0:
                self._refused("end", self._lib.end(self._handle, self._status))
        except Exception as e:
            self._debug("end", e)
        self._handle = 0

    def _call(self, function: str, text: str) -> None:
        try:
            if self._handle != 0:
                self._refused(text, getattr(self._lib, function)(self._handle, encode(text)))
        except Exception as e:
            self._debug(text, e)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is not None and not _is_success(exc):
            if self._record_exception:
                self.record_exception(exc, escaped=True)
            if self._set_status_on_exception:
                self.set_status(Status.ERROR)
        self.end()


def _is_success(exc: BaseException) -> bool:
    """sys.exit() and sys.exit(0) end a run that succeeded."""
    return isinstance(exc, SystemExit) and (exc.code is None or (isinstance(exc.code, int) and exc.code == 0))
