"""Live search by invoking the function that does it.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
import time

from centralino.adapters.aws import Client
from centralino.domain.card import read_sent_card
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.domain.card import Card
    from centralino.ports.live_search import Question

# A connection that was idle for longer may be gone without a word: a container freezes. To find
# that out would cost a call its time.
KEEP_S = 20.0
_OK = 200
_ACCEPTED = 202
_FORBIDDEN = 403
_NOT_FOUND = 404
_TOO_MANY = 429
_SERVER_ERROR = 500


class LambdaSearch(Client):
    """Asks the function `search_crm`; see `ports/live_search.py`.

    It is asked once: what a second request would get done, the first is still busy with.

    Args:
        function: its name and alias, or its ARN with the alias.
        env: as for every signed client.
        clock: seconds since 1970 (UTC).
    """

    def __init__(
        self, function: str, *, env: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__("lambda", env=env, clock=clock)
        self._path = f"/2015-03-31/functions/{function.replace(':', '%253A')}/invocations"
        self._used_at = 0.0

    def search(self, question: Question) -> Mapping[str, Card]:
        """Search for a caller; see the port."""
        answer = self._invoke("RequestResponse", question)
        try:
            outcome, reason, sent = answer["outcome"], answer["reason"], answer["cards"]
            cards = [read_sent_card(card) for card in sent]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # It broke: then the answer is Lambda's own, with the error's name.
            raise UnavailableError("search_failed") from error
        if outcome == "degraded":
            raise UnavailableError(f"crm {reason}")
        return {card.number: card for card in cards}

    def refresh(self, question: Question) -> None:
        """Have a caller searched for once more; see the port."""
        self._invoke("Event", question)

    def _invoke(self, kind: str, question: Question) -> dict[str, Any]:
        start = time.monotonic()
        if start - self._used_at > KEEP_S:
            self.close()
        self._used_at = start
        refresh = kind == "Event"
        body = {
            "v": 1,
            "tenant": question.tenant,
            "number": question.number,
            "did": question.did,
            "trunk": question.trunk,
            "asked_at_ms": int(1000 * question.asked_at),
            "time_left_ms": 0 if refresh else int(1000 * question.wait_s),
            "refresh": refresh,
        }
        return self._attempt(kind, json.dumps(body).encode(), start + question.wait_s)

    def _sign(self, operation: str, body: bytes) -> bytes:
        """Return the whole HTTP request; the operation is the type of the invocation."""
        return self._signed(self._path, body, before=f"x-amz-invocation-type:{operation}\n")

    def _understand(self, status: int, answer: bytes) -> dict[str, Any]:
        """Return what the function answered, or raise what keeps it from answering."""
        if status == _ACCEPTED:
            return {}
        if status == _OK:
            body = json.loads(answer)
            if not isinstance(body, dict):
                raise ValueError("not a JSON object")
            return body
        if status == _TOO_MANY:
            raise ThrottledError("throttled")
        if status >= _SERVER_ERROR:
            raise UnavailableError("server")
        if status == _FORBIDDEN:
            raise RejectedError("permissions")
        if status == _NOT_FOUND:
            raise RejectedError("missing_function")
        raise RejectedError("invalid_request")
