"""Put what calls left behind, and customers, into plain words, for exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from centralino.domain.customer import Customer
    from centralino.domain.decision import Kept


def decision_record(kept: Kept) -> dict[str, Any]:
    """Return a decision as plain JSON, every field by its name."""
    decision = kept.decision._asdict()
    decision["destination"] = kept.decision.destination._asdict()
    decision["agents"] = list(kept.decision.agents)
    decision["passed"] = [passed._asdict() for passed in kept.decision.passed]
    return {**kept._asdict(), "facts": dict(kept.facts), "decision": decision}


def customer_record(customer: Customer) -> dict[str, Any]:
    """Return a customer as plain JSON, every field by its name."""
    record = customer._asdict()
    record["tags"] = list(customer.tags)
    record["purchases"] = [
        {**bought._asdict(), "tags": list(bought.tags)} for bought in customer.purchases
    ]
    return record
