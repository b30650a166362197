# SPDX-License-Identifier: MIT
"""The functions of include/runspan.h, by ctypes."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable
    from typing import Any


class Code:
    """The return codes of runspan.h, where each is explained."""

    DONE = 0
    OFF_SERVICE = 1
    OFF_NO_TELEMETRY = 2
    OFF_DO_NOT_TRACK = 3
    OFF_SDK_DISABLED = 4
    OFF_USER = 5
    OFF_SITE = 6
    NO_ADDRESS_SPACE = 10
    NO_THREADS = 11
    NO_CORE = 12
    OTHER_CORE = 13
    FORKED = 14
    NO_DESCRIPTORS = 15
    REFUSED = 16
    UNSUPPORTED = 17
    NO_STACK = 18
    PRIVILEGED = 19
    OFF = 20
    NOT_DELIVERED = 21
    DROPPED = 22
    BUSY = 23
    NO_PROCESS = 24
    LOCKED_MEMORY = 25
    NO_REAPER = 26
    E_ARGUMENT = -1
    E_HANDLE = -2
    E_SCHEMA = -3
    E_ENDPOINT = -4
    E_NAME = -5
    E_TYPE = -6
    E_VALUE = -7
    E_TOO_LONG = -8
    E_TOO_LATE = -9
    E_TOO_MANY = -10
    E_INTERNAL = -11

    OPT_OUTS = range(OFF_SERVICE, OFF_SITE + 1)
    """The codes that say that the user, or the site, wants no telemetry."""
    SCHEMA_ERRORS = range(E_TOO_MANY, E_NAME + 1)
    """The codes of a call that the schema does not allow, then or at all."""


class Level:
    """The levels of log lines."""

    DEBUG = 0
    WARNING = 1
    SPAN = 2
    ERROR = 3
    """Only where RUNSPAN_STRICT asks for it: a refused call, with its key, value and rule."""


PREVIEW = 1  # the flags
OUT_OF_PROCESS = 8


class LibraryError(Exception):
    """The library can't be used; the text says why."""


def is_on(variable: str) -> bool:
    """Return whether a variable of the environment is set to anything but empty, 0 and false."""
    return os.environ.get(variable, "").lower() not in ("", "0", "false")


def library_path() -> str:
    """Return the path of the package's own library, whether there is one or not."""
    name = {"win32": "runspan.dll", "darwin": "librunspan.dylib"}.get(sys.platform, "librunspan.so")
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", name)


def no_library() -> str:
    """Return a sentence that says why this package has no library. It may be the package for all other platforms."""
    import platform

    folder = os.path.dirname(library_path())
    try:  # hatch_build.py's, where it could not build the library
        with open(os.path.join(folder, "why.txt"), encoding="utf-8") as file:
            return file.read()
    except OSError:
        pass
    while folder and not os.path.exists(folder):
        folder = os.path.dirname(folder)
    if os.path.isfile(folder):
        return f"runspan is in the zip file {folder}; its library must be a file: install runspan, or unpack it"
    system, machine = platform.system(), platform.machine()
    bits = "" if sys.maxsize > 2**32 else ", 32 bits,"
    if system in _SYSTEMS and machine.lower() in _PROCESSORS and not bits:
        return f"{library_path()} is missing"
    return f"runspan has no library for {'macOS' if system == 'Darwin' else system} on {machine}{bits} yet"


# Those for which there is a package with a library.
_SYSTEMS = ("Linux", "Darwin", "Windows")
_PROCESSORS = ("x86_64", "amd64", "aarch64", "arm64")

# Each function's arguments: c char *, C char **, d double, h handle, H *handle, i int, I *int, l int64_t, o options,
# u uint32_t, z size_t.
_CALLS = {
    "set_resource_string": "hcc",
    "set_resource_int": "hcl",
    "set_resource_double": "hcd",
    "set_resource_bool": "hci",
    "begin": "hcH",
    "set_name": "hc",
    "set_attr_string": "hcc",
    "set_attr_int": "hcl",
    "set_attr_double": "hcd",
    "set_attr_bool": "hci",
    "set_attr_strings": "hcCz",
    "set_attr_null": "hc",
    "set_attrs": "hcz",
    "set_error": "hc",
    "end": "hi",
    "state": "h",
    "state_text": "h",
    "strerror": "i",
    "version": "",
}
# The functions that may block, for a file or for the network, give up the interpreter's lock. The others only touch
# memory: giving up the lock would cost more than the call.
_WAITING = {
    "open": "oH",
    "flush": "hu",
    "close": "hu",
    "command": "oiCiI",
    "consent": "c",
}
_TEXTS = ("state_text", "strerror", "version")  # these return a text; the others return an int


class Library:
    """The loaded front: its functions, without runspan_. Raise LibraryError where it can't be loaded or used.

    The first call of a function makes its prototype, because an opted-out run needs three of them.
    """

    def __init__(self, path: str, version: str) -> None:
        if path == library_path() and not os.path.exists(path):
            raise LibraryError(no_library())
        try:
            import ctypes

            # PyPy has no PyDLL.
            self._lib, self._waiting = getattr(ctypes, "PyDLL", ctypes.CDLL)(path), ctypes.CDLL(path)
        except (ImportError, OSError) as e:
            raise LibraryError(f"can't load {path}: {e}") from e

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

        self._ctypes = ctypes
        self._options = Options
        self._types = {
            "c": ctypes.c_char_p,
            "C": ctypes.POINTER(ctypes.c_char_p),
            "d": ctypes.c_double,
            "h": ctypes.c_uint64,
            "H": ctypes.POINTER(ctypes.c_uint64),
            "i": ctypes.c_int,
            "I": ctypes.POINTER(ctypes.c_int),
            "l": ctypes.c_int64,
            "o": ctypes.POINTER(Options),
            "u": ctypes.c_uint32,
            "z": ctypes.c_size_t,
        }
        try:
            found = self.version()
        except AttributeError as e:
            raise LibraryError(f"{path} is not librunspan: {e}") from e
        if found != version.encode():
            raise LibraryError(f"{path} is version {found!r}, not {version}")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        waits = name in _WAITING
        arguments = _WAITING.get(name, _CALLS.get(name))
        if arguments is None:
            raise AttributeError(name)
        function: Any = getattr(self._waiting if waits else self._lib, "runspan_" + name)
        function.argtypes = [self._types[letter] for letter in arguments]
        function.restype = self._ctypes.c_char_p if name in _TEXTS else self._ctypes.c_int
        setattr(self, name, function)
        found: Callable[..., Any] = function
        return found

    def new_handle(self) -> ctypes.c_uint64:
        return self._ctypes.c_uint64(0)

    def new_int(self) -> ctypes.c_int:
        return self._ctypes.c_int(0)

    def by_reference(self, result: ctypes.c_uint64 | ctypes.c_int) -> object:
        return self._ctypes.byref(result)

    def texts(self, texts: list[bytes]) -> object:
        return (self._ctypes.c_char_p * len(texts))(*texts)

    def callback(self, log: Callable[[int, str], None]) -> object:
        """Return a runspan_log that calls log. Keep it for as long as the client is open."""

        def call(_data: object, level: int, line: bytes) -> None:
            # An exception has no way through the C frames above.
            try:
                log(level, line.decode("utf-8", "replace"))
            except Exception:
                pass

        types = self._ctypes
        return types.CFUNCTYPE(None, types.c_void_p, types.c_int, types.c_char_p)(call)

    def options(self, service: bytes, schema: bytes, callback: object | None, flags: int) -> object:
        options = self._options(
            struct_size=self._ctypes.sizeof(self._options), service=service, schema=schema, flags=flags
        )
        if callback is not None:
            options.log = self._ctypes.cast(callback, self._ctypes.c_void_p)  # type: ignore[arg-type]
        return self._ctypes.byref(options)

    def reason(self, code: int) -> str:
        """Return the sentence of a code."""
        text: bytes = self.strerror(code)
        return text.decode()

    def describe(self, code: int, handle: int) -> str:
        """Return a sentence about the client that open has made, or could not make."""
        text: bytes = self.state_text(handle) if code >= 0 else self.strerror(code)
        return text.decode()


class NoLibrary(Library):
    """Stand in for a library that can't be used, for the given reason. Each function returns OFF."""

    value = 0  # this object is its own handle, and a handle's value is 0

    def __init__(self, why: str) -> None:
        self._why = why

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _off

    def new_handle(self) -> Any:
        return self

    def new_int(self) -> Any:
        return self

    def by_reference(self, result: object) -> object:
        return result

    def callback(self, log: object) -> object:
        return log

    def options(self, *_: object) -> object:
        return None

    def texts(self, texts: list[bytes]) -> object:
        return texts

    def reason(self, code: int) -> str:
        return self._why

    def describe(self, code: int, handle: int) -> str:
        return self._why


def _off(*_: object) -> int:
    return Code.OFF


_loaded: dict[tuple[str, str], Library] = {}


def load(path: str, version: str) -> Library:
    """Return the library at a path, loaded once, or its stand-in. Raise nothing."""
    library = _loaded.get((path, version))
    if library is None:
        try:
            library = _loaded[path, version] = Library(path, version)
        except Exception as e:  # a host must not fail because its telemetry does
            library = NoLibrary(str(e) or type(e).__name__)
    return library
