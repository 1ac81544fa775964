"""Writing contacts through the service's batch route, for whoever has a key and no AWS account."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from centralino.adapters.store.bulk import unindexed
from centralino.domain.moments import from_milliseconds
from centralino.domain.number import index_number
from centralino.ports.bulk import Written
from centralino_cli.service import ServiceError, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from centralino.domain.contact import Contact
    from centralino.domain.settings import Line
    from centralino_cli.service import Service

BATCH = 50  # of 100: a batch that is slow should not meet the gateway's 30 s
ATTEMPTS = 8
LONGEST_PAUSE_S = 15.0
_TOO_MANY = 429
_SERVER_ERROR = 500
_TEXTS = (
    "id",
    "version",
    "first_name",
    "last_name",
    "company",
    "customer_code",
    "owner",
    "status",
    "url",
)


class HttpWriter:
    """Writes to one tenant through the service; `ports/bulk.py`'s BulkWriter.

    Args:
        service: with an admin key.
        line: says which country and area a number without a code is from.
        pause: waits some seconds, when the service does not answer or asks to slow down.
    """

    batch_size = BATCH

    def __init__(self, service: Service, line: Line, pause: Callable[[float], None]) -> None:
        self._service = service
        self._line = line
        self._pause = pause

    def write(self, contacts: Sequence[Contact]) -> Sequence[Written]:
        """Write contacts; see the port.

        Raises:
            ServiceError: the service refuses, or did not answer time and again.
        """
        results: dict[int, Written] = {}
        left = list(range(len(contacts)))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._service.send(
                    "POST",
                    path_of("contacts", "batch"),
                    {"contacts": [contact_body(contacts[place]) for place in left]},
                )
            except ServiceError as error:
                if attempt == ATTEMPTS or (error.status and not _passes(error.status)):
                    raise
                self._wait(attempt, error.retry_after_s)
                continue
            again = []
            for place, result in zip(left, answer["results"], strict=True):
                if result["outcome"] == "failed" and _passes(result["problem"]["status"]):
                    again.append(place)
                else:
                    results[place] = self._written(contacts[place], result)
            left = again
            if not left:
                return [results[place] for place in range(len(contacts))]
            self._wait(attempt)
        raise ServiceError("the service could not write, time and again; do it once more later")

    def _written(self, contact: Contact, result: Mapping[str, Any]) -> Written:
        if result["outcome"] == "failed":
            problem = result["problem"]
            return Written("rejected", problem["detail"])
        return Written(result["outcome"], unindexed=self._unindexed(contact))

    def _unindexed(self, contact: Contact) -> tuple[tuple[str, str], ...]:
        """Find the numbers that can't be looked up, as the service does, which does not tell."""
        numbers = []
        for number in contact.numbers:
            key, problem = index_number(number.number, self._line.country, self._line.area_code)
            numbers.append(number._replace(indexed=key, problem=problem))
        return unindexed(contact._replace(numbers=tuple(numbers)))

    def _wait(self, attempt: int, asked_s: float = 0) -> None:
        longest = min(LONGEST_PAUSE_S, 0.25 * 2**attempt)
        self._pause(max(asked_s, random.uniform(longest / 2, longest)))  # noqa: S311 - no secret


def contact_body(contact: Contact) -> dict[str, Any]:
    """Return a contact as the admin API takes it."""
    body: dict[str, Any] = {name: value for name in _TEXTS if (value := getattr(contact, name))}
    body["numbers"] = [
        {"number": number.number, "kind": number.kind, "primary": number.primary}
        for number in contact.numbers
    ]
    body["tags"] = list(contact.tags)
    if contact.updated_at_ms:
        body["updated_at"] = from_milliseconds(contact.updated_at_ms).isoformat()
    return body


def _passes(status: int) -> bool:
    """Tell whether something failed for a reason that may pass."""
    return status >= _SERVER_ERROR or status == _TOO_MANY
