"""API keys: `<tenant>.<22 characters>`, 128 bits, of which only the SHA-256 is stored."""

from __future__ import annotations

import hashlib
import re

from centralino.domain.record import Record

# `pbx` asks who calls; `link` opens a PBX's WebSocket, through which orders go, and nothing else.
ROLES = ("pbx", "link", "crm", "agent", "supervisor", "admin")
# A key in a URL ends up in other people's logs, so only roles that can do little may come that way.
URL_ROLES = ("pbx", "crm")
KEY_PATTERN = re.compile(r"(?P<tenant>[a-z0-9-]{2,12})\.[A-Za-z0-9_-]{22}", re.ASCII)
# How long the shortest key is.
MIN_KEY = 2 + 1 + 22

# As much of a key's hash as names it in lists and logs: enough to tell keys apart, too little to
# find one by.
ID_LENGTH = 12


class ApiKey(Record):
    """A key as it is stored.

    Attributes:
        hash: SHA-256 of the whole key, hex.
        role: one of `ROLES`.
        name: what the administrator called it.
        created_at: seconds since 1970 (UTC).
        expires_at: seconds since 1970 (UTC), 0 for never.
        networks: CIDR blocks it may be used from; empty for anywhere.
        exten: the extension that an agent's key belongs to.
    """

    hash: str
    role: str
    name: str = ""
    created_at: int = 0
    expires_at: int = 0
    networks: tuple[str, ...] = ()
    exten: str = ""

    @property
    def id(self) -> str:
        """What names the key in lists and logs: the beginning of its hash."""
        return self.hash[:ID_LENGTH]


def tenant_of(key: str) -> str:
    """Return the tenant that a key names, or an empty string if it isn't shaped like a key."""
    match = KEY_PATTERN.fullmatch(key)
    return match["tenant"] if match else ""


def hash_key(key: str) -> str:
    """Return what is stored of a key: its SHA-256, hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key(tenant: str) -> str:
    """Make a new key for a tenant; this text is shown once and never stored."""
    import secrets  # noqa: PLC0415 - the call path reads this module and never makes a key

    return f"{tenant}.{secrets.token_urlsafe(16)}"
