"""Report on the quality of a tenant's data: what a person should look at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from centralino.domain.card import HOLDERS_ON_CARD
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from centralino.domain.card import Card
    from centralino.domain.contact import Contact
    from centralino.ports.quality import QualityStore
    from centralino.ports.store import ContactStore

    Kind = Literal["unindexable", "crowded", "duplicate", "unknown_caller"]

# unindexable     a contact's number that no call can match
# crowded         a number with more holders than its card has room for
# duplicate       a number that contacts of several sources have
# unknown_caller  somebody who called more than once and whom no CRM knew
KINDS = ("unindexable", "crowded", "duplicate", "unknown_caller")
MAX_LIMIT = 100
_CURSOR = re.compile(r"([cu])\.(.*)", re.ASCII)


class Finding(NamedTuple):
    """Something to look at.

    Attributes:
        kind: one of `KINDS`.
        number: the number: as it was written where it can't be indexed, else E.164.
        contacts: whose it is, ids; of a crowded card those that are on it.
        problem: why it can't be indexed.
        total: how many have the number.
        calls: how often it called in vain.
        last_at: when it last did, seconds since 1970.
    """

    kind: Kind
    number: str
    contacts: tuple[str, ...] = ()
    problem: str = ""
    total: int = 0
    calls: int = 0
    last_at: int = 0


class QualityPage(NamedTuple):
    """A part of the report.

    Attributes:
        findings: what was found in this part; often nothing.
        examined: how many contacts this part looked at.
        cursor: for the next part; empty at the end.
    """

    findings: tuple[Finding, ...]
    examined: int
    cursor: str


def report_data_quality(
    contacts: ContactStore,
    quality: QualityStore,
    *,
    kinds: Collection[str] = KINDS,
    cursor: str = "",
    limit: int = MAX_LIMIT,
) -> QualityPage:
    """Look at a part of a tenant's contacts, and behind the last of them at its unknown callers.

    Each finding comes once, unless contacts change while the report is read.

    Args:
        contacts: the tenant's contacts.
        quality: its cards and unknown callers.
        kinds: which findings are wanted.
        cursor: empty for the first part.
        limit: how many contacts, or callers, to look at.

    Raises:
        PayloadError: a kind that there isn't, the limit, or a cursor that isn't one of ours.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise PayloadError("limit", f"a number from 1 to {MAX_LIMIT}")
    for kind in kinds:
        if kind not in KINDS:
            raise PayloadError("kind", f"one of {', '.join(KINDS)}")
    match = _CURSOR.fullmatch(cursor or ("u." if set(kinds) == {"unknown_caller"} else "c."))
    if not match:
        raise PayloadError("cursor", "the cursor of the part before")
    if match[1] == "c":
        return _contacts_part(contacts, quality, kinds, match[2], limit)
    page = quality.repeated_callers(cursor=match[2], limit=limit)
    findings = (
        Finding("unknown_caller", it.caller, calls=it.calls, last_at=it.last_at)
        for it in page.callers
    )
    return QualityPage(tuple(findings), 0, f"u.{page.cursor}" if page.cursor else "")


def _contacts_part(
    contacts: ContactStore,
    quality: QualityStore,
    kinds: Collection[str],
    cursor: str,
    limit: int,
) -> QualityPage:
    # What can't be indexed has a list of its own: nobody else need be looked at for it.
    problems = set(kinds) <= {"unindexable", "unknown_caller"}
    page = contacts.page(cursor=cursor, limit=limit, problems=problems)
    findings: list[Finding] = []
    if "unindexable" in kinds:
        findings += _unindexable(page.contacts)
    if not problems:
        findings += (it for it in _shared(page.contacts, quality) if it.kind in kinds)
    end = "u." if "unknown_caller" in kinds else ""
    return QualityPage(
        tuple(findings), len(page.contacts), f"c.{page.cursor}" if page.cursor else end
    )


def _unindexable(contacts: Sequence[Contact]) -> Iterator[Finding]:
    for contact in contacts:
        for number in contact.numbers:
            if number.problem:
                yield Finding("unindexable", number.number, (contact.id,), number.problem)


def _shared(contacts: Sequence[Contact], quality: QualityStore) -> Iterator[Finding]:
    """Yield the cards of some contacts that are crowded or of several sources."""
    numbers = {number.indexed for contact in contacts for number in contact.numbers}
    cards = quality.cards(sorted(numbers - {""}))
    for contact in contacts:
        for number in dict.fromkeys(number.indexed for number in contact.numbers):
            card = cards.get(number)
            # A card belongs to the part of the report that its first holder is in.
            if card and min(holder.id for holder in card.holders) == contact.id:
                yield from _of_card(card)


def _of_card(card: Card) -> Iterator[Finding]:
    ids = tuple(sorted(holder.id for holder in card.holders))
    if card.total > HOLDERS_ON_CARD:
        yield Finding("crowded", card.number, ids, total=card.total)
    if len({contact_id.partition(":")[0] for contact_id in ids}) > 1:
        yield Finding("duplicate", card.number, ids, total=card.total)
