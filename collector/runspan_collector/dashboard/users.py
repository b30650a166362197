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
import threading
import time
from collections.abc import Callable
from pathlib import Path

from runspan_collector.files import replace

Clock = Callable[[], float]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
LINE = re.compile(r"[A-Za-z0-9._-]{1,64}:scrypt\$.*|\s*")
SHORTEST = 12
"""The least number of characters of a password."""
COST = 2**15, 8, 1
"""scrypt's n, r and p: a guess takes 32 MiB and about 0.1 s."""


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
        self._one_at_a_time = threading.Lock()  # limits the memory and time of guesses

    def hash_of(self, name: str) -> str | None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        if (stamp := (stat.st_mtime_ns, stat.st_ino)) != self._stamp:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            self._hashes = dict(line.split(":", 1) for line in lines if ":" in line)
            self._stamp = stamp
        return self._hashes.get(name)

    def check(self, name: str, password: str) -> bool:
        """Check a password. This takes as long for an unknown name, so that the time does not say whether it exists."""
        known = self.hash_of(name)
        with self._one_at_a_time:
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

    def __init__(self, users: Users, clock: Clock = time.monotonic, length: float = 12 * 3600) -> None:
        self._users = users
        self._clock = clock
        self._length = length
        self._open: dict[str, tuple[str, str, float]] = {}  # by the token's hash: name, hash of the password, end
        self._lock = threading.Lock()

    def begin(self, name: str) -> str:
        now = self._clock()
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._open = {key: session for key, session in self._open.items() if session[2] > now}
            self._open[self._key(token)] = name, self._users.hash_of(name) or "", now + self._length
        return token

    def user(self, token: str) -> str | None:
        name, hashed, end = self._open.get(self._key(token), ("", "", 0.0))
        return name if end > self._clock() and hashed and self._users.hash_of(name) == hashed else None

    def end(self, token: str) -> None:
        with self._lock:
            self._open.pop(self._key(token), None)

    @staticmethod
    def _key(token: str) -> str:
        return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Limit:
    """Limit failed logins in ``within`` seconds, for each client, for each site, and for all clients together.

    The limit of a site is much lower than that for all, so that somebody with many addresses can't lock everybody out.
    """

    def __init__(
        self,
        clock: Clock = time.monotonic,
        each: int = 10,
        site: int = 20,
        together: int = 100,
        within: float = 600,
    ) -> None:
        self._clock = clock
        self._each, self._site, self._together, self._within = each, site, together, within
        self._tries: list[tuple[float, Network, Network]] = []
        self._lock = threading.Lock()

    def take(self, address: str) -> bool:
        """Count a login before it is checked, so that simultaneous ones count too. Return whether it may go on."""
        client, site = networks(address)
        with self._lock:
            now = self._clock()
            self._tries = [t for t in self._tries if t[0] > now - self._within]
            if (
                sum(c == client for _, c, _ in self._tries) >= self._each
                or sum(s == site for _, _, s in self._tries) >= self._site
                or len(self._tries) >= self._together
            ):
                return False
            self._tries.append((now, client, site))
            return True

    def forget(self, address: str) -> None:
        """Forget the failed logins of a client that has logged in."""
        client, _ = networks(address)
        with self._lock:
            self._tries = [t for t in self._tries if t[1] != client]


def networks(address: str) -> tuple[Network, Network]:
    """Return the networks of a client and of its site. With IPv6 a client has 2**64 addresses."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:  # IPv4, where one socket listens for both
        ip = ip.ipv4_mapped
    client, site = (32, 24) if ip.version == 4 else (64, 48)
    return ipaddress.ip_network((ip, client), strict=False), ipaddress.ip_network((ip, site), strict=False)
