"""What asks another service over HTTPS, within a time and a size, and never goes elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from centralino.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping


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
                `forbidden_address`; a status is no error here.
        """
