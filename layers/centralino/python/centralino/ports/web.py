"""What asks another service over HTTPS, within a time and a size, and never goes elsewhere."""

from __future__ import annotations

import json

from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_RETRY_AFTER_S = 30.0  # where a service that is too busy doesn't say
_MAX_RETRY_AFTER_S = 3600.0


class Answer(NamedTuple):
    """What a service answered.

    Attributes:
        status: the HTTP status.
        headers: names in lower case.
        body: the bytes, unpacked.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        """Return the body's JSON.

        Raises:
            UnavailableError: `malformed`, it is none: a proxy's page, or half an answer.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise UnavailableError("malformed") from error


class Web(Protocol):
    """Sends requests; one is built for each connection to a CRM."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request and return the answer, whatever its status; redirects are not followed.

        Args:
            method: upper case.
            url: absolute; https, or http where the connection allows a private address.
            headers: names and values.
            body: the bytes to send.
            timeout_s: for everything, from looking up the name to the last byte; the connection's
                own limit if left out.

        Raises:
            UnavailableError: `timeout`, `connection`, `certificate`, `too_large`,
                `forbidden_address`; a status is no error here. Its `sent` says whether the other
                side may have got something of the request.
        """


def expect_success(answer: Answer) -> Answer:
    """Return an answer whose status is 2xx; say of any other what it means.

    What has a meaning of its own to a CRM (a 404 for a record that is gone) is for its provider to
    look at first.

    Raises:
        RejectedError: `credentials` (401), `permissions` (403), `redirect` (3xx), `request` (any
            other 4xx): trying again changes nothing.
        ThrottledError: 429, or 503 with a time to come back.
        UnavailableError: `server`, 5xx and 408.
    """
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own classes of statuses
        return answer
    if status == 429 or (status == 503 and "retry-after" in answer.headers):  # noqa: PLR2004
        raise ThrottledError("throttled", _retry_after_s(answer))
    if status >= 500 or status == 408:  # noqa: PLR2004
        raise UnavailableError("server", _RETRY_AFTER_S)
    if status < 400:  # noqa: PLR2004
        raise RejectedError("redirect")
    raise RejectedError({401: "credentials", 403: "permissions"}.get(status, "request"))


def _retry_after_s(answer: Answer) -> float:
    """Read `Retry-After`, seconds or a date; it may not hold us up for more than an hour."""
    text = answer.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = _until_s(text)
    return min(max(seconds, 1.0), _MAX_RETRY_AFTER_S) if seconds == seconds else _RETRY_AFTER_S  # noqa: PLR0124 - "nan" is a float


def _until_s(text: str) -> float:
    from datetime import UTC, datetime  # noqa: PLC0415 - a rare spelling
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return _RETRY_AFTER_S
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()
