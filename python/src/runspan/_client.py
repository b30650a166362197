# SPDX-License-Identifier: MIT
"""A client, and its spans with the methods that an OpenTelemetry span has."""

from __future__ import annotations

import atexit
from time import monotonic

import runspan
from runspan import _abi
from runspan._abi import Code, Level
from runspan._values import SchemaError, clean, encode, encode_schema, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike
    from types import TracebackType

    from typing_extensions import Self

    Log = Callable[[int, str], None]

DEFAULT_TIMEOUT = None
"""Wait in proportion to the run, as RUNSPAN_DEFAULT_TIMEOUT_MS of runspan.h: 0.3 s, or 1 % of its time, at most 2 s."""
_AT_ONCE = 0.1
"""The longest time that a Ctrl-C may have to wait, in seconds."""
_LAST = 0.3
"""The longest time that close itself waits, after the flush, in seconds."""
_SLICE = 0xFFFF0000
"""RUNSPAN_CORE_SLICE of core.h: a number of milliseconds with this added is a part of the default wait."""

_NO_LIBRARY = _abi.NoLibrary("no client")

observe: Callable[[Client, Log | None, bool], Log] | None = None
"""runspan.testing's: takes a new client, its log and its preview flag; returns the log that takes the spans instead."""


class Status:
    """A span's status codes, by OpenTelemetry's numbers."""

    UNSET = 0
    OK = 1
    ERROR = 2


class _Handle:
    """The parts that clients and spans share: a library, a handle in it (0: every call does nothing), and a log."""

    _lib: _abi.Library
    _handle: int
    _log: Log | None
    _errors: list[str] | None
    """The core's lines on refused calls, in strict mode. None: the mode is off."""

    def _check(self, key: object, value: object, code: int) -> None:
        if code == Code.DONE:
            return
        self._debug(key, self._lib.reason(code))
        if self._errors is not None and code in Code.SCHEMA_ERRORS:
            told = [line.removeprefix("refused: ") for line in self._errors if str(key) in line]
            self._errors.clear()
            raise SchemaError(key, value, told[-1] if told else _text(key, value, self._lib.reason(code)))

    def _refuse(self, key: object, value: object, why: Exception) -> None:
        """Log an exception of a call that therefore did nothing. Raise SchemaError in strict mode."""
        self._debug(key, why)
        if self._errors is not None:
            raise SchemaError(key, value, _text(key, value, why)) from why

    def _debug(self, key: object, why: object) -> None:
        if self._log is not None:
            try:  # the log, and the key's repr, are the host's code
                self._log(Level.DEBUG, f"{key!r}: {why}")
            except Exception:
                pass


class Client(_Handle):
    """Report the runs of one service.

    service: the name that its schema gives.
    schema: JSON text, or the path of its file as a Path.
    log: a function that takes log lines, (level, text), on the thread that called; None: silence.
    preview: send nothing; give log each span as it ends, at Level.SPAN, as OTLP/JSON.
    out_of_process: run the core in a process of its own, for a host that forks, enters a sandbox or locks its memory
        later. Without it runspan decides; ``reason`` says where the core is.
    library: the path of librunspan; None: the package's own.

    No call raises. The tool's own tests may ask for an exception: where the variable RUNSPAN_STRICT is set (to anything
    but empty, 0 and false), a name, key, value or schema that runspan refuses raises SchemaError. Its text has the key,
    the value and the rule. Do not set the variable for users.

    A ``with`` closes the client at its end. A client that nobody closes is flushed when the interpreter exits.
    """

    def __init__(
        self,
        service: str,
        schema: str | bytes | PathLike[str],
        *,
        log: Log | None = None,
        preview: bool = False,
        out_of_process: bool = False,
        library: str | None = None,
    ) -> None:
        lib = self._lib = _abi.load(library or _abi.library_path(), runspan.__version__)
        self._handle = 0
        self._service = service
        self._log = log
        self._errors = [] if _abi.is_on("RUNSPAN_STRICT") else None
        self._callback: object | None = None
        self.state: int = Code.OFF
        """Code.DONE where the client is open. Every other code says why it is not."""
        self.reason: str = ""
        """The state, as a sentence."""
        if observe is not None:
            log, preview = observe(self, log, preview), True
        if self._errors is not None:
            log = _keep_errors(self._errors, log)
        try:
            self._callback = None if log is None else lib.callback(log)
            handle = lib.new_handle()
            flags = (_abi.PREVIEW if preview else 0) | (_abi.OUT_OF_PROCESS if out_of_process else 0)
            options = lib.options(encode(service), encode_schema(schema), self._callback, flags)
            self.state = lib.open(options, lib.by_reference(handle))
            self._handle = handle.value
            self.reason = lib.describe(self.state, self._handle)
            if self._handle != 0:
                atexit.register(self.flush)  # not close: the host may end spans later still
        except Exception as e:  # a host must not fail because its telemetry does
            self.reason = str(e) or type(e).__name__
            if self._errors is not None:
                raise SchemaError(service, None, f"{service!r}: {self.reason}") from e
        if self._errors is not None and self.state < 0:
            raise SchemaError(service, None, f"{service!r}: {'; '.join(self._errors) or self.reason}")

    @property
    def enabled(self) -> bool:
        """Whether the client reports spans: false where telemetry is off, for any reason, and after close."""
        return self._handle != 0

    def __bool__(self) -> bool:
        return self.enabled

    def consent(self) -> int:
        """Return Code.DONE, or the code of the rule by which the user or the site has opted out by now."""
        try:
            code: int = self._lib.consent(encode(self._service))
            return code
        except Exception as e:
            self._refuse("consent", None, e)
        return self.state

    def set_resource(self, key: str, value: object) -> None:
        """Set an attribute of the resource, which all spans share. Call it before the first span begins."""
        lib, handle = self._lib, self._handle
        if handle == 0:
            return
        try:
            name, cleaned = encode(key), clean(value)
            if isinstance(cleaned, bool):
                code = lib.set_resource_bool(handle, name, cleaned)
            elif isinstance(cleaned, str):
                code = lib.set_resource_string(handle, name, encode(cleaned))
            elif isinstance(cleaned, int):
                code = lib.set_resource_int(handle, name, cleaned)
            elif isinstance(cleaned, float):
                code = lib.set_resource_double(handle, name, cleaned)
            else:
                code = Code.E_TYPE
        except Exception as e:
            return self._refuse(key, value, e)
        self._check(key, value, code)

    def start_span(self, name: str, record_exception: bool = True, set_status_on_exception: bool = True) -> Span:
        """Begin a span, now.

        record_exception, set_status_on_exception: what to do if an exception ends its ``with``, as in OpenTelemetry.
        """
        handle = 0
        if self._handle != 0:
            try:
                out = self._lib.new_handle()
                code = self._lib.begin(self._handle, encode(name), self._lib.by_reference(out))
                handle = out.value
            except Exception as e:
                self._refuse(name, None, e)
            else:
                self._check(name, None, code)
        return Span(self, handle, record_exception, set_status_on_exception)

    def flush(self, timeout: float | None = DEFAULT_TIMEOUT) -> bool:
        """Wait until the collector has every span that has ended. Return whether it has.

        timeout: the longest wait, in seconds. None: 0.3 s, or a hundredth of the run's time if that is more, at most 2.
        """
        deadline = None if timeout is None else self._deadline(timeout)
        while True:  # because Python acts on a Ctrl-C between two calls of C
            left = None if deadline is None else max(deadline - monotonic(), 0)
            begun = monotonic()
            if self._wait("flush", _AT_ONCE if left is None else min(left, _AT_ONCE), default=left is None):
                return True
            if (left is not None and left <= _AT_ONCE) or monotonic() - begun < _AT_ONCE:
                return False  # the time is over, or a longer wait has no point

    def close(self, timeout: float | None = DEFAULT_TIMEOUT) -> bool:
        """Flush, end the spans that have not ended, and close the client. Its spans do nothing from then on."""
        delivered, deadline = False, None if timeout is None else self._deadline(timeout)
        left = 0.0
        try:
            flushed = self.flush(None if deadline is None else deadline - monotonic())
            # Spans that have not ended end now.
            left = _LAST if flushed and deadline is None else 0.0
        finally:  # a Ctrl-C must not lose spans that are not on the disk yet
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
            self._refuse("timeout", timeout, e)
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
            self._refuse(function, timeout, e)
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
        self._errors = None if client is None else client._errors
        self._handle = 0 if client is None else handle
        self._status = Status.UNSET
        self._record_exception = record_exception
        self._set_status_on_exception = set_status_on_exception

    def is_recording(self) -> bool:
        return self._handle != 0

    def set_attribute(self, key: str, value: object) -> None:
        """Set an attribute. Do nothing where the schema does not allow the key or the value.

        opentelemetry-python's rules make attributes of values: the str() of a value is reported unless the value is a
        str, bool, int, float, None or sequence. NumPy's integers and bools are reported by their str(), too.
        """
        handle, lib = self._handle, self._lib
        if handle == 0:
            return
        try:
            name = encode(key)
            cleaned = clean(value)
            if isinstance(cleaned, bool):
                code = lib.set_attr_bool(handle, name, cleaned)
            elif isinstance(cleaned, str):
                code = lib.set_attr_string(handle, name, encode(cleaned))
            elif isinstance(cleaned, int):
                code = lib.set_attr_int(handle, name, cleaned)
            elif isinstance(cleaned, float):
                code = lib.set_attr_double(handle, name, cleaned)
            elif cleaned is None:
                code = lib.set_attr_null(handle, name)
            elif isinstance(cleaned, tuple) and all(isinstance(v, str) for v in cleaned):
                code = lib.set_attr_strings(handle, name, lib.texts([encode(v) for v in cleaned]), len(cleaned))
            else:
                code = Code.E_TYPE
        except Exception as e:
            return self._refuse(key, value, e)
        self._check(key, value, code)

    def set_attributes(self, attributes: Mapping[str, object]) -> None:
        """Set several attributes, in one call of the library."""
        handle, lib = self._handle, self._lib
        if handle == 0:
            return
        try:
            packed, by_itself = pack(attributes)
            code = lib.set_attrs(handle, packed, len(packed))
            if code != Code.DONE and (self._errors is not None or self._log is not None):
                by_itself = list(attributes)  # to learn which of them the schema does not allow
            values = [attributes[key] for key in by_itself]
        except Exception as e:
            return self._refuse("attributes", None, e)
        for key, value in zip(by_itself, values, strict=True):
            self.set_attribute(key, value)

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
            self._refuse("status", None, e)

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
            return self._refuse("exception", None, e)
        self._call("set_error", name)

    def end(self) -> None:
        """End the span, now. Its handle is of no use afterwards."""
        handle, self._handle = self._handle, 0
        if handle == 0:
            return
        try:
            code = self._lib.end(handle, self._status)
        except Exception as e:
            return self._refuse("end", None, e)
        self._check("end", None, code)

    def _call(self, function: str, text: str) -> None:
        if self._handle == 0:
            return
        try:
            code = getattr(self._lib, function)(self._handle, encode(text))
        except Exception as e:
            return self._refuse(text, None, e)
        self._check(text, None, code)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._errors = None  # the run's own exception must not be hidden by another
        if exc is not None and not _is_success(exc):
            if self._record_exception:
                self.record_exception(exc, escaped=True)
            if self._set_status_on_exception:
                self.set_status(Status.ERROR)
        self.end()


def _is_success(exc: BaseException) -> bool:
    """Return whether an exception ends a run that succeeded, as sys.exit() and sys.exit(0) do."""
    return isinstance(exc, SystemExit) and (exc.code is None or (isinstance(exc.code, int) and exc.code == 0))


def _text(key: object, value: object, rule: object) -> str:
    return f"{key!r}: {rule}" if value is None else f"{key!r}: {value!r}: {rule}"


def _keep_errors(errors: list[str], log: Log | None) -> Log:
    """Return a log that also appends warnings and errors to a list."""

    def call(level: int, line: str) -> None:
        if level in (Level.WARNING, Level.ERROR):
            errors.append(line)
        if log is not None:
            log(level, line)

    return call
