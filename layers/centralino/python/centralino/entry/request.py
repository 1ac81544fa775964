"""An HTTP request as API Gateway delivers it (HTTP API, payload format 2.0).

Contract: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re

from centralino.domain.errors import PayloadError, TooLargeError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# A PBX sends a number, a name and an id; more than this is no PBX.
MAX_BODY = 64 * 1024
MAX_FIELDS = 100


class Request:
    """One request, decoded.

    Attributes:
        method: as it was sent; HTTP's are in upper case.
        segments: the path's parts, without empty ones, so that `//v1/lookup/` is `v1`, `lookup`.
        headers: names in lower case.
        source_ip: the caller's address as the gateway saw it.
        received_at: when the gateway took it, seconds since 1970; 0 if it doesn't say.
    """

    def __init__(self, event: Mapping[str, Any]) -> None:
        context = event.get("requestContext") or {}
        http = context.get("http") or {}
        self.method: str = http.get("method", "GET")
        path = event.get("rawPath") or http.get("path") or "/"
        self.segments = path.strip("/").split("/")
        if "" in self.segments:
            self.segments = [part for part in self.segments if part]
        if "%" in path:
            self.segments = [_decoded(part) for part in self.segments]
        self.headers: Mapping[str, str] = event.get("headers") or {}
        # The gateway adds this one to what it has put into lower case; emulators may do neither.
        if "x-forwarded-port" not in self.headers:
            self.headers = {name.lower(): value for name, value in self.headers.items()}
        self.source_ip: str = http.get("sourceIp", "")
        epoch = context.get("timeEpoch")
        self.received_at = epoch / 1000.0 if isinstance(epoch, (int, float)) else 0.0
        self._event = event
        self._query: dict[str, str] | None = None

    def path_key(self) -> str:
        """Return the key in `/v1/k/{key}/…` and take it out of the path; empty without one."""
        if len(self.segments) > 2 and self.segments[1] == "k":  # noqa: PLR2004
            key = self.segments[2]
            self.segments = [self.segments[0], *self.segments[3:]]
            return key
        return ""

    def query(self) -> dict[str, str]:
        """Return the query's fields, names in lower case.

        Raises:
            TooLargeError: there are over `MAX_FIELDS`.
        """
        if self._query is None:
            self._query = _fields(self._event.get("rawQueryString") or "")
        return self._query

    def fields(self) -> dict[str, str]:
        """Return the fields of query and body as one, names in lower case; the query's win.

        The body may be a form, a JSON object, or plain text that holds a form, whatever its
        content type says: PBXs are careless about it.

        Raises:
            TooLargeError: the body is over `MAX_BODY` or has over `MAX_FIELDS` fields.
            PayloadError: the body is none of these.
        """
        query = self.query()
        if not self._event.get("body"):
            return query
        body = self.body()
        if body.lstrip()[:1] == b"{":
            fields = _json_fields(body)
        else:
            fields = _fields(body.decode("latin-1").strip())
        return {**fields, **query}

    def body(self, limit: int = MAX_BODY) -> bytes:
        """Return the body's bytes, at most `limit` of them.

        Raises:
            TooLargeError: there are more.
            PayloadError: it says that it is base64 and isn't.
        """
        body = self._event.get("body") or ""
        if len(body) > limit * 4 // 3:
            raise TooLargeError("body", f"at most {limit} bytes")
        if not self._event.get("isBase64Encoded"):
            return body.encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(body)
        except (binascii.Error, ValueError):
            raise PayloadError("body", "base64, as the gateway announced it") from None


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise PayloadError("body", "a form or a JSON object") from None
    return {
        # A PBX without a number says null.
        name.lower(): "" if value is None else str(value)
        for name, value in content.items()
        if value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool))
    }


def _fields(encoded: str) -> dict[str, str]:
    """Decode a query or form; of a name that comes twice the first one counts.

    Decoded here because importing `urllib.parse` takes longer than the whole rest of a decode.
    """
    fields: dict[str, str] = {}
    if "+" in encoded:
        encoded = encoded.replace("+", " ")
    # The number's `+` is mostly the only escape that there is.
    encoded = "+".join(encoded.split("%2B"))
    plain = "%" not in encoded and encoded.isascii()
    pairs = encoded.split("&")
    if len(pairs) > MAX_FIELDS:
        raise TooLargeError("query", f"at most {MAX_FIELDS} fields")
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not plain:
            name, value = _decoded(name), _decoded(value)
        name = name.lower()
        if name and name not in fields:
            fields[name] = value
    return fields


def read_pairs(encoded: str) -> dict[str, str]:
    """Decode a query or form, the names as they were sent; of those that come twice the first one.

    Raises:
        TooLargeError: there are over `MAX_FIELDS`.
    """
    if encoded.count("&") >= MAX_FIELDS:
        raise TooLargeError("query", f"at most {MAX_FIELDS} fields")
    pairs: dict[str, str] = {}
    for pair in encoded.replace("+", " ").split("&"):
        name, _, value = pair.partition("=")
        if name:
            pairs.setdefault(_decoded(name), _decoded(value))
    return pairs


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


def _decoded(text: str) -> str:
    """Decode percent-escapes: UTF-8, or Latin-1 where they can't be; older PBXs send that."""
    if "%" in text:
        text = _ESCAPE.sub(_unescaped, text)
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))
