"""What the audit trail says of a customer: its contract, and what an edit changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from centralino.domain.customer import Customer

# The trail outlives the customer, so it has no names in it.
_UNTOLD = ("name",)
_CONTRACT = ("status", "valid_until")
_OWN = ("code", "ends_at", "version", "updated_at_ms")


def contract_words(customer: Customer) -> str:
    """Return a contract in words: `active until 2026-12-31`."""
    until = f" until {customer.valid_until}" if customer.valid_until else ""
    return f"{customer.status}{until}"


def changed_words(before: Customer, after: Customer) -> tuple[str, str]:
    """Return what an edit changed, as it was and as it is; empty if that is nothing."""
    fields = [
        name
        for name in before._fields
        if name not in (*_OWN, *_CONTRACT) and getattr(before, name) != getattr(after, name)
    ]
    old, new = ([_told(customer, name) for name in fields] for customer in (before, after))
    if contract_words(before) != contract_words(after):
        old.insert(0, contract_words(before))
        new.insert(0, contract_words(after))
    return "; ".join(old), "; ".join(new)


def _told(customer: Customer, name: str) -> str:
    value = getattr(customer, name)
    if name in _UNTOLD:
        return name
    if name == "purchases":
        value = ", ".join(f"{purchase.what} {purchase.on}" for purchase in value)
    elif name == "tags":
        value = ", ".join(value)
    return f"{name} {value or '-'}"
