# SPDX-License-Identifier: MIT
"""Parse request headers. Other programs on the same host name may have set cookies; the parser ignores them."""

from __future__ import annotations

import re

AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]]+)(?::([0-9]*))?", re.IGNORECASE)
BLANKS = " \t"


def cookies(headers: list[str], name: str) -> list[str]:
    """Return all values of one cookie. RFC 6265 has no escapes: a name ends at the first ``=``, a cookie at ``;``.

    This does not use http.cookies, which fails at the first cookie that it can't parse.
    """
    found = []
    for pair in ";".join(headers).split(";"):
        key, equals, value = pair.partition("=")
        if equals and key.strip(BLANKS) == name:
            value = value.strip(BLANKS)
            found.append(value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value)
    return found


def same_site(origin: str, host: str) -> bool:
    """Return whether ``Origin`` is HTTPS and names the same server as ``Host``."""
    scheme, _, authority = origin.strip(BLANKS).partition("://")
    sender = _host_and_port(authority)
    return scheme.lower() == "https" and sender is not None and sender == _host_and_port(host.strip(BLANKS))


def _host_and_port(authority: str) -> tuple[str, int] | None:
    found = AUTHORITY.fullmatch(authority)
    return (found[1].lower(), int(found[2] or 443)) if found and len(found[2] or "") < 6 else None


def accepts_gzip(headers: list[str]) -> bool:
    for coding in ",".join(headers).split(","):
        name, _, weight = coding.partition(";")
        if name.strip(BLANKS).lower() == "gzip":
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight, re.IGNORECASE)
    return False
