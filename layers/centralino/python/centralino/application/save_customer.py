"""Create or replace a customer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from centralino.application.contract_end import contract_end
from centralino.application.customer_words import changed_words, contract_words
from centralino.domain.customer import STATUSES, normal_code
from centralino.domain.errors import ConflictError, PayloadError
from centralino.ports.customers import Change

if TYPE_CHECKING:
    from collections.abc import Collection

    from centralino.domain.customer import Customer, Purchase
    from centralino.ports.customers import CustomerStore

MAX_TEXT = 200
MAX_TAGS = 50
MAX_PURCHASES = 200
MAX_PRIORITY = 100
# Who else saved it in the same moment is read and saved over, but not forever.
ATTEMPTS = 10
CODE = "1 to 40 letters and digits; spaces, dots, dashes and slashes don't count"
_EXTEN = re.compile(r"[0-9*#]{0,20}", re.ASCII)
_LANGUAGE = re.compile(r"(?:[a-z]{2})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Saved(NamedTuple):
    """What became of a customer.

    Attributes:
        customer: as it is stored now.
        outcome: `created`, `changed` or `unchanged`.
    """

    customer: Customer
    outcome: str


def save_customer(  # noqa: PLR0913 - who, what, when and over which version
    store: CustomerStore,
    customer: Customer,
    *,
    who: str,
    now_ms: int,
    time_zone: str,
    version: int | None = None,
    note: str = "",
    keep: Collection[str] = (),
) -> Saved:
    """Create or replace a customer, with a line in its audit trail.

    Args:
        store: the tenant's customers.
        customer: what is to be; its `ends_at`, `version` and `updated_at_ms` don't matter.
        who: for the audit trail.
        now_ms: the time, milliseconds since 1970.
        time_zone: the tenant's.
        version: the version that this is an edit of, 0 for none; None to save over whatever there
            is.
        note: the reason, for the audit trail.
        keep: names of fields that stay as they are stored, where there is a customer.

    Raises:
        PayloadError: a field is not what it has to be.
        ConflictError: another version is stored.
    """
    checked = checked_customer(customer, time_zone)
    for _ in range(ATTEMPTS):
        there = store.get(checked.code)
        if version is not None and (there.version if there else 0) != version:
            raise ConflictError("the customer was changed meanwhile: read it again")
        kept = {name: getattr(there, name) for name in keep} if there else {}
        wanted = checked_customer(checked._replace(**kept), time_zone)._replace(
            version=there.version if there else 0,
            updated_at_ms=there.updated_at_ms if there else 0,
        )
        if there and wanted == there:
            return Saved(there, "unchanged")
        before, after = changed_words(there, wanted) if there else ("", contract_words(wanted))
        what = "changed" if there else "created"
        try:
            saved = store.save(
                wanted._replace(updated_at_ms=now_ms),
                Change(now_ms, who, what, before, after, note),
            )
        except ConflictError:
            if version is not None:
                raise
        else:
            return Saved(saved, what)
    raise ConflictError("others save this customer again and again: try later")


def checked_customer(customer: Customer, time_zone: str) -> Customer:
    """Return a customer with its code in the one spelling and `ends_at` worked out.

    Raises:
        PayloadError: a field is not what it has to be.
    """
    code = normal_code(customer.code)
    if not code:
        raise PayloadError("code", CODE)
    if customer.status not in STATUSES:
        raise PayloadError("status", f"one of {', '.join(STATUSES)}")
    for field in ("name", "plan"):
        if len(getattr(customer, field)) > MAX_TEXT:
            raise PayloadError(field, f"at most {MAX_TEXT} characters")
    if not _EXTEN.fullmatch(customer.owner):
        raise PayloadError("owner", "an exten: digits, * and #, at most 20")
    if not _LANGUAGE.fullmatch(customer.language):
        raise PayloadError("language", "two letters of ISO 639-1, as it")
    if not -MAX_PRIORITY <= customer.priority <= MAX_PRIORITY:
        raise PayloadError("priority", f"a number from -{MAX_PRIORITY} to {MAX_PRIORITY}")
    _check_tags("tags", customer.tags)
    _check_purchases(customer.purchases)
    return customer._replace(code=code, ends_at=contract_end(customer.valid_until, time_zone))


def _check_tags(field: str, tags: tuple[str, ...]) -> None:
    if len(tags) > MAX_TAGS:
        raise PayloadError(field, f"at most {MAX_TAGS}")
    for place, tag in enumerate(tags):
        if not 0 < len(tag) <= MAX_TEXT:
            raise PayloadError(f"{field}[{place}]", f"1 to {MAX_TEXT} characters")


def _check_purchases(purchases: tuple[Purchase, ...]) -> None:
    if len(purchases) > MAX_PURCHASES:
        raise PayloadError("purchases", f"at most {MAX_PURCHASES}")
    for place, purchase in enumerate(purchases):
        if not 0 < len(purchase.what) <= MAX_TEXT:
            raise PayloadError(f"purchases[{place}].what", f"1 to {MAX_TEXT} characters")
        if not _DAY.fullmatch(purchase.on):
            raise PayloadError(f"purchases[{place}].on", "a day, as 2026-12-31")
        contract_end(purchase.on, "UTC", field=f"purchases[{place}].on")
        _check_tags(f"purchases[{place}].tags", purchase.tags)
