"""Live search by invoking the function that does it.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

from centralino.adapters.functions import LambdaFunction
from centralino.domain.card import read_sent_card
from centralino.domain.errors import UnavailableError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from centralino.domain.card import Card
    from centralino.ports.live_search import Question


class LambdaSearch(LambdaFunction):
    """Asks the function `search_crm`; see `ports/live_search.py`.

    It is asked once: what a second request would get done, the first is still busy with.
    """

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
        return self.invoke(kind, body, timeout_s=question.wait_s)
