"""Forget that a number is a customer's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.domain.errors import NotFoundError
from centralino.ports.customers import Change

if TYPE_CHECKING:
    from centralino.ports.customers import CustomerStore


def forget_number(store: CustomerStore, number: str, code: str, *, who: str, now_ms: int) -> None:
    """Take an association away; the next call from the number is asked again.

    Args:
        store: the tenant's customers.
        number: E.164.
        code: the customer's, as `normal_code` spells it.
        who: for the audit trail.
        now_ms: the time, milliseconds since 1970.

    Raises:
        NotFoundError: there is no such association.
    """
    if not store.forget(number, code, Change(now_ms, who, "forgotten")):
        raise NotFoundError("this number doesn't lead to this customer")
