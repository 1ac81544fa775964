"""Standard Webhooks: whether a request was signed by who knows the secret, and signing one.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode

from centralino.domain.errors import CredentialsError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WINDOW_S = 300
MIN_SECRET = 24  # bytes, as the specification has it
MAX_SIGNATURES = 20
_WEBHOOK_ID = 200
_DIGITS = 12


def verify_webhook(
    headers: Mapping[str, str], body: bytes, secrets: Iterable[str], *, now_s: float
) -> None:
    """Check a request's signature; `v1` signatures only, within five minutes to both sides.

    Args:
        headers: names in lower case.
        body: as it came, to the byte.
        secrets: any of them may have signed it; what is no secret signs nothing.
        now_s: when it came, seconds since 1970.

    Raises:
        CredentialsError: a header is missing, the time is off, or the signature is wrong.
    """
    word = headers.get("webhook-id", "")
    at = headers.get("webhook-timestamp", "")
    if not (0 < len(word) <= _WEBHOOK_ID and word.isascii() and word.isprintable()):
        raise CredentialsError("expected webhook-id")
    if not (at.isascii() and at.isdigit() and len(at) <= _DIGITS):
        raise CredentialsError("expected webhook-timestamp, seconds since 1970")
    if abs(now_s - int(at)) > WINDOW_S:
        raise CredentialsError("webhook-timestamp is too far from our own time")
    good = _signatures(word, at, body, secrets)
    given = headers.get("webhook-signature", "").split(" ", MAX_SIGNATURES)
    sent = [one.encode("utf-8", "replace") for one in given[:MAX_SIGNATURES]]
    # All of them are compared, so that the time says nothing.
    if not sum(hmac.compare_digest(a, b) for a in good for b in sent):
        raise CredentialsError("webhook-signature is missing or wrong")


def sign_webhook(word: str, body: bytes, secrets: Iterable[str], *, now_s: float) -> dict[str, str]:
    """Return the headers that a request is sent with, signed with each of the secrets.

    Args:
        word: the message's own id, the same when it is sent again.
        body: to the byte.
        secrets: what is no secret signs nothing.
        now_s: when it is sent, seconds since 1970.
    """
    at = str(int(now_s))
    return {
        "webhook-id": word,
        "webhook-timestamp": at,
        "webhook-signature": b" ".join(_signatures(word, at, body, secrets)).decode(),
    }


def secret_key(secret: str) -> bytes:
    """Return a secret's bytes, of `whsec_` and base64; none if it isn't one."""
    text = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""
    return key if len(key) >= MIN_SECRET else b""


def _signatures(word: str, at: str, body: bytes, secrets: Iterable[str]) -> list[bytes]:
    signed = f"{word}.{at}.".encode() + body
    keys = [key for key in map(secret_key, secrets) if key]
    return [b"v1," + b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
