# SPDX-License-Identifier: MIT
"""The functions of include/runspan.h, by ctypes."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable
    from typing import Any

# The return codes that Python looks at; runspan.h has them all.
DONE = 0
OFF_SERVICE = 1
OFF_NO_TELEMETRY = 2
OFF_BY_CHOICE = range(1, 7)
OFF = 20
E_NAME = -5
E_TYPE = -6
E_VALUE = -7

PREVIEW = 1
LOG_DEBUG = 0
LOG_SPAN = 2


class LibraryError(Exception):
    """The library can't be used; the text says why."""


def library_path() -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "librunspan.so")


def no_library() -> str:
    """Return a sentence that says why this package has no library: it may be the one for all other platforms."""
    import platform
    import sys

    system, machine = platform.system(), platform.machine()
    glibc = platform.libc_ver()[0] == "glibc"
    if system == "Linux" and glibc and machine in ("x86_64", "aarch64") and sys.maxsize > 2**32:
        return f"{library_path()} is missing"
    name = {"Darwin": "macOS", "Linux": "Linux" if glibc else "Linux without glibc"}.get(system, system)
    bits = "" if sys.maxsize > 2**32 else ", 32 bits,"
    return f"runspan has no library for {name} on {machine}{bits} yet"


class Library:
    """The loaded front. Raises LibraryError where it can't be, or is of another version than this package."""

    def __init__(self, path: str, version: str) -> None:
        if path == library_path() and not os.path.exists(path):
            raise LibraryError(no_library())
        try:
            import ctypes

            # Calls that only touch memory keep the interpreter's lock: giving it up would cost more than they do. Those
            # that may wait, to a file's loading or the network, give it up.
            # PyPy has no PyDLL.
            lib, waiting = getattr(ctypes, "PyDLL", ctypes.CDLL)(path), ctypes.CDLL(path)
        except (ImportError, OSError) as e:
            raise LibraryError(f"can't load {path}: {e}") from e

        def function(
            name: str, *argtypes: object, restype: object = ctypes.c_int, lib: ctypes.CDLL = lib
        ) -> Callable[..., Any]:
            f: Callable[..., Any] = getattr(lib, name)
            f.argtypes = argtypes  # type: ignore[attr-defined]
            f.restype = restype  # type: ignore[attr-defined]
            return f

        class Options(ctypes.Structure):
            _fields_ = [
                ("struct_size", ctypes.c_size_t),
                ("service", ctypes.c_char_p),
                ("schema", ctypes.c_char_p),
                ("log", ctypes.c_void_p),
                ("log_data", ctypes.c_void_p),
                ("core", ctypes.c_char_p),
                ("flags", ctypes.c_uint32),
            ]

        handle, text = ctypes.c_uint64, ctypes.c_char_p
        handle_out = ctypes.POINTER(handle)
        try:
            found = function("runspan_version", restype=text)()
            if found != version.encode():
                raise LibraryError(f"{path} is version {found!r}, not {version}")
            self.open = function("runspan_open", ctypes.POINTER(Options), handle_out, lib=waiting)
            self.set_resource_string = function("runspan_set_resource_string", handle, text, text)
            self.set_resource_int = function("runspan_set_resource_int", handle, text, ctypes.c_int64)
            self.set_resource_double = function("runspan_set_resource_double", handle, text, ctypes.c_double)
            self.set_resource_bool = function("runspan_set_resource_bool", handle, text, ctypes.c_int)
            self.begin = function("runspan_begin", handle, text, handle_out)
            self.set_name = function("runspan_set_name", handle, text)
            self.set_attr_string = function("runspan_set_attr_string", handle, text, text)
            self.set_attr_int = function("runspan_set_attr_int", handle, text, ctypes.c_int64)
            self.set_attr_double = function("runspan_set_attr_double", handle, text, ctypes.c_double)
            self.set_attr_bool = function("runspan_set_attr_bool", handle, text, ctypes.c_int)
            self.set_attr_strings = function(
                "runspan_set_attr_strings", handle, text, ctypes.POINTER(text), ctypes.c_size_t
            )
            self.set_attr_null = function("runspan_set_attr_null", handle, text)
            self.set_attrs = function("runspan_set_attrs", handle, text, ctypes.c_size_t)
            self.set_error = function("runspan_set_error", handle, text)
            self.end = function("runspan_end", handle, ctypes.c_int)
            self.flush = function("runspan_flush", handle, ctypes.c_uint32, lib=waiting)
            self.close = function("runspan_close", handle, ctypes.c_uint32, lib=waiting)
            self.state = function("runspan_state", handle)
            self.command = function(
                "runspan_command",
                ctypes.POINTER(Options),
                ctypes.c_int,
                ctypes.POINTER(text),
                ctypes.c_int,
                ctypes.POINTER(ctypes.c_int),
                lib=waiting,
            )
            self.consent = function("runspan_consent", text, lib=waiting)
            self._strerror = function("runspan_strerror", ctypes.c_int, restype=text)
        except AttributeError as e:
            raise LibraryError(f"{path} is not librunspan: {e}") from e
        self._ctypes = ctypes
        self._options = Options
        self._log = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)

    def new_handle(self) -> ctypes.c_uint64:
        return self._ctypes.c_uint64(0)

    def new_int(self) -> ctypes.c_int:
        return self._ctypes.c_int(0)

    def by_reference(self, result: ctypes.c_uint64 | ctypes.c_int) -> object:
        return self._ctypes.byref(result)

    def texts(self, texts: list[bytes]) -> object:
        return (self._ctypes.c_char_p * len(texts))(*texts)

    def callback(self, log: Callable[[int, str], None]) -> object:
        """A runspan_log over log. Keep it for as long as the client is open."""

        def call(_data: object, level: int, line: bytes) -> None:
            # An exception has no way through the C frames above.
            try:
                log(level, line.decode("utf-8", "replace"))
            except Exception:
                pass

        return self._log(call)

    def options(self, service: bytes, schema: bytes, callback: object | None, flags: int) -> object:
        options = self._options(
            struct_size=self._ctypes.sizeof(self._options), service=service, schema=schema, flags=flags
        )
        if callback is not None:
            options.log = self._ctypes.cast(callback, self._ctypes.c_void_p)  # type: ignore[arg-type]
        return self._ctypes.byref(options)

    def strerror(self, code: int) -> str:
        text: bytes = self._strerror(code)
        return text.decode()
