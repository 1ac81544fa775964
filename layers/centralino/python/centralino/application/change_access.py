"""Grant a customer access to what the contract pays for, revoke it, or extend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from centralino.application.contract_end import contract_end
from centralino.application.customer_words import contract_words
from centralino.application.save_customer import ATTEMPTS, MAX_TEXT
from centralino.domain.errors import ConflictError, NotFoundError, PayloadError
from centralino.ports.customers import Change

if TYPE_CHECKING:
    from centralino.domain.customer import Customer
    from centralino.ports.customers import CustomerStore

    Access = Literal["grant", "revoke", "extend"]

_DONE = {"grant": "granted", "revoke": "revoked", "extend": "extended"}


def change_access(  # noqa: PLR0913 - who, what, when, until when and why
    store: CustomerStore,
    code: str,
    action: Access,
    *,
    until: str = "",
    reason: str = "",
    who: str,
    now_ms: int,
    time_zone: str,
) -> Customer:
    """Grant, revoke or extend access; the next call sees it, and the audit trail says who did it.

    Args:
        store: the tenant's customers.
        code: the customer's, as `normal_code` spells it.
        action: `grant` makes the customer active, until then or without an end; `revoke` suspends
            it, and leaves the contract's end as it was; `extend` moves the end of a contract that
            is active or has run out, which is active then.
        until: a day or an instant; for `extend` there has to be one.
        reason: for the audit trail.
        who: for the audit trail.
        now_ms: the time, milliseconds since 1970.
        time_zone: the tenant's.

    Raises:
        NotFoundError: there is no such customer.
        PayloadError: `until` or `reason` is not what it has to be.
        ConflictError: a customer who is not active, nor was, can't be extended.
    """
    ends_at = _checked_end(action, until, reason, now_ms, time_zone)
    for _ in range(ATTEMPTS):
        customer = store.get(code)
        if customer is None:
            raise NotFoundError("there is no such customer")
        if action == "revoke":
            wanted = customer._replace(status="suspended")
        else:
            if action == "extend" and customer.status not in ("active", "expired"):
                raise ConflictError(f"the customer is {customer.status}: grant access instead")
            wanted = customer._replace(status="active", valid_until=until, ends_at=ends_at)
        change = Change(
            now_ms, who, _DONE[action], contract_words(customer), contract_words(wanted), reason
        )
        try:
            return store.save(wanted._replace(updated_at_ms=now_ms), change)
        except ConflictError:
            continue
    raise ConflictError("others save this customer again and again: try later")


def _checked_end(action: Access, until: str, reason: str, now_ms: int, time_zone: str) -> int:
    if action not in _DONE:
        raise PayloadError("action", f"one of {', '.join(_DONE)}")
    if action == "revoke" and until:
        raise PayloadError("until", "nothing: access is revoked at once")
    if action == "extend" and not until:
        raise PayloadError("until", "the new end: a day, or a time with its offset")
    if len(reason) > MAX_TEXT:
        raise PayloadError("reason", f"at most {MAX_TEXT} characters")
    ends_at = contract_end(until, time_zone, field="until")
    if ends_at and ends_at * 1000 <= now_ms:
        raise PayloadError("until", "a day or a time to come")
    return ends_at
