# SPDX-License-Identifier: MIT
"""Logins: the file of users, the sessions, and a limit for failed logins.

Sessions, and the addresses of failed logins, are in memory only: a restart of the server logs everybody out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from runspan_collector.files import replace

Clock = Callable[[], float]

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
LINE = re.compile(r"([A-Za-z0-9._-]{1,64}):(scrypt(?:\$[0-9]{1,9}){3}(?:\$[A-Za-z0-9+/]+=*){2})|\s*")
SHORTEST = 12
"""The least number of characters of a password."""
COST = 2**15, 8, 1
"""scrypt's n, r and p: a guess takes 32 MiB and about 0.1 s."""
LENGTH = 12 * 3600
"""How many seconds a session lasts."""


def hash_password(password: str, salt: bytes | None = None, cost: tuple[int, int, int] | None = None) -> str:
    salt = salt or secrets.token_bytes(16)
    n, r, p = cost or COST
    key = hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)
    return "$".join(["scrypt", str(n), str(r), str(p), *(base64.b64encode(b).decode() for b in (salt, key))])


def matches(password: str, hashed: str) -> bool:
    _, n, r, p, salt, _ = hashed.split("$")
    again = hash_password(password, base64.b64decode(salt), (int(n), int(r), int(p)))
    return hmac.compare_digest(again, hashed)


class Users:
    """The file of users, with lines ``name:hash``. It is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._hashes: dict[str, str] = {}
        self._nobody = hash_password(secrets.token_hex())

    def hash_of(self, name: str) -> str | None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        if (stamp := (stat.st_mtime_ns, stat.st_ino)) != self._stamp:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
            found = [match for line in lines if (match := LINE.fullmatch(line)) and match[1]]
            self._hashes = {match[1]: match[2] for match in found}
            self._stamp = stamp
        return self._hashes.get(name)

    def check(self, name: str, password: str) -> bool:
        """Check a password. This takes as long for an unknown name, so that the time does not say whether it exists."""
        known = self.hash_of(name)
        return matches(password, known or self._nobody) and known is not None

    def set(self, name: str, password: str) -> None:
        if not NAME.fullmatch(name):
            raise ValueError("a name is at most 64 letters, digits, dots, hyphens and underscores")
        if len(password) < SHORTEST:
            raise ValueError(f"a password has at least {SHORTEST} characters")
        if self._path.exists() and not all(map(LINE.fullmatch, self._path.read_text(encoding="utf-8").splitlines())):
            raise ValueError(f"{self._path} is not a file of users: nothing is written over")
        self.hash_of(name)  # reads the file
        hashes = self._hashes | {name: hash_password(password)}
        replace(self._path, "".join(f"{n}:{h}\n" for n, h in sorted(hashes.items())), 0o600)


class Sessions:
    """The sessions. A session ends after twelve hours, with a logout, or when its user's line in the file changes."""

    def __init__(self, users: Users, clock: Clock = time.monotonic, length: float = LENGTH) -> None:
        self._users, self._clock, self._length = users, clock, length
        self._open: dict[str, tuple[str, str | None, float]] = {}  # by the token: name, hash of the password, end

    def begin(self, name: str) -> str:
        now, token = self._clock(), secrets.token_urlsafe(32)
        self._open = {other: session for other, session in self._open.items() if session[2] > now}
        self._open[token] = name, self._users.hash_of(name), now + self._length
        return token

    def user(self, token: str) -> str | None:
        name, hashed, end = self._open.get(token, ("", None, 0.0))
        return name if end > self._clock() and hashed and self._users.hash_of(name) == hashed else None

    def end(self, token: str) -> None:
        self._open.pop(token, None)


class Limit:
    """Limit failed logins in ``within`` seconds: of each client, of each site, and of all clients together.

    The limit of a site is much lower than that of all, so that somebody with many addresses can't lock everybody out.
    """

    def __init__(
        self, clock: Clock = time.monotonic, each: int = 10, site: int = 20, together: int = 100, within: float = 600
    ) -> None:
        self._clock, self._limits, self._within = clock, (each, site, together), within
        self._tries: list[tuple[float, tuple[str, str, str]]] = []  # the time, and whom it counts for

    def take(self, address: str) -> bool:
        """Count a login before it is checked, so that simultaneous ones count too. Return whether it may go on."""
        now, whose = self._clock(), networks(address)
        self._tries = [(then, whom) for then, whom in self._tries if then > now - self._within]
        counts = [sum(whom[i] == whose[i] for _, whom in self._tries) for i in range(3)]
        allowed = all(count < limit for count, limit in zip(counts, self._limits, strict=True))
        self._tries += [(now, whose)] if allowed else []
        return allowed

    def forget(self, address: str) -> None:
        """Forget the failed logins of a client that has logged in."""
        self._tries = [(then, whom) for then, whom in self._tries if whom[0] != networks(address)[0]]


def networks(address: str) -> tuple[str, str, str]:
    """Return the networks of a client, of its site, and of all. With IPv6 a client has 2**64 addresses."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    client, site = (32, 24) if ip.version == 4 else (64, 48)
    return f"{ipaddress.ip_network((ip, client), False)}", f"{ipaddress.ip_network((ip, site), False)}", "all"
