"""The number card: who holds a number, with just what the call path needs of each holder."""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

HOLDERS_ON_CARD = 20


class Holder(Record):
    """One contact as a number card keeps it.

    Attributes:
        id: the contact's `source:id`.
        kind: the number's kind (`domain/contact.py`).
        primary: whether it is the contact's primary number.
        parts: what labels are made of, worked out by `domain/naming.py` when the contact was
            written; plain JSON.
        person: equal for two holders that are the same person; empty for a company's own entry.
        company: the company's name as shown in `company=`.
        company_key: equal for two holders of the same company; empty without one.
        name: the full name, for the structured answers.
        owner: who looks after the contact in the CRM; for rules.
        tags: for rules; the first that fit a card (`application/index_contact.py`).
    """

    id: str
    kind: str = "other"
    primary: bool = False
    parts: Mapping[str, Any] = {}
    person: str = ""
    company: str = ""
    company_key: str = ""
    name: str = ""
    customer_code: str = ""
    status: str = ""
    url: str = ""
    updated_at_ms: int = 0
    owner: str = ""
    tags: tuple[str, ...] = ()


# What a holder's fields are without a word of them, but for the id.
_ABSENT = [*Holder("")._asdict().values()][1:]


class Card(Record):
    """What the store knows of one number (or block).

    Attributes:
        number: the key: E.164 or a block (`+39024455*`).
        holders: at most `HOLDERS_ON_CARD`, in no order that matters.
        total: how many holders there are in all.
        refresh_at: from when on the CRMs are to be asked once more, seconds since 1970; 0 for
            never: who wrote the card hears of changes.
    """

    number: str
    holders: tuple[Holder, ...] = ()
    total: int = 0
    refresh_at: int = 0


class Choice(Record):
    """Whose name to show for a number.

    Attributes:
        holder: the best holder.
        others: how many other people or companies share the number.
        company: whether they are all of one company, whose name is shown instead.
        lost: why each of the others lost: (holder id, reason).
    """

    holder: Holder
    others: int = 0
    company: bool = False
    lost: tuple[tuple[str, str], ...] = ()


# A direct line says who is calling; a switchboard or a fax only says from where.
_KIND_RANK = {"switchboard": 1, "fax": 2}


def choose(holders: Sequence[Holder], unseen: int, source_priority: Sequence[str]) -> Choice:
    """Pick the holder to show; the same data always give the same one.

    The order is: source priority, direct line over switchboard over fax, primary, last updated,
    id. One person or one customer code counts once. A contact without any name (exports are full
    of them) doesn't count beside one that has one.

    Args:
        holders: at least one.
        unseen: how many more holders the number has that are not at hand.
        source_priority: sources, the best first; the rest follow by name.
    """
    if len(holders) == 1:
        # Most numbers have one, and a phone waits.
        return Choice(holders[0], unseen, bool(unseen and holders[0].company_key), ())
    order = {source: place for place, source in enumerate(source_priority)}

    def rank(holder: Holder) -> tuple[object, ...]:
        source = holder.id.partition(":")[0]
        return (
            order.get(source, len(order)),
            "" if source in order else source,
            _KIND_RANK.get(holder.kind, 0),
            not holder.primary,
            -holder.updated_at_ms,
            holder.id,
        )

    ranked = sorted([holder for holder in holders if holder.parts] or holders, key=rank)
    best = ranked[0]
    groups = _identities(ranked)
    lost = (
        *(
            (holder.id, "same person" if groups[holder.id] == groups[best.id] else "ranked below")
            for holder in ranked[1:]
        ),
        *((holder.id, "has no name") for holder in holders if holder not in ranked),
    )
    others = len(set(groups.values())) - 1 + unseen
    # Two people of one customer count once, and yet it may be either of them who is calling.
    several = others or len({holder.person for holder in ranked if holder.person}) > 1
    company = bool(several and best.company_key) and all(
        holder.company_key == best.company_key for holder in ranked
    )
    return Choice(best, others, company, lost)


def _identities(holders: Sequence[Holder]) -> dict[str, str]:
    """Group holders that are one person or one customer: holder id -> the group's first id."""
    group: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    for holder in holders:
        marks = [
            (kind, mark)
            for kind, mark in (("person", holder.person), ("code", holder.customer_code))
            if mark
        ]
        known = {group[seen[mark]] for mark in marks if mark in seen}
        first = min(known) if known else holder.id
        group[holder.id] = first
        for member, its_group in group.items():
            if its_group in known:
                group[member] = first
        for mark in marks:
            seen.setdefault(mark, holder.id)
    return group


def write_card(card: Card) -> list[Any]:
    """Return a card as plain JSON: what one function tells another."""
    holders = [[*holder._asdict().values()] for holder in card.holders]
    return [card.number, card.total, card.refresh_at, holders]


def read_sent_card(sent: Sequence[Any]) -> Card:
    """Build a card from what `write_card` made; newer code may have added to a holder's end."""
    number, total, refresh_at, holders = sent
    return Card(
        number, tuple(read_sent_holder(first, rest) for first, *rest in holders), total, refresh_at
    )


def read_sent_holder(contact_id: str, values: list[Any]) -> Holder:
    """Build a holder from its fields as JSON has them; newer code may have added to their end."""
    absent = _ABSENT[len(values) :]
    (
        kind,
        primary,
        parts,
        person,
        company,
        company_key,
        name,
        customer_code,
        status,
        url,
        updated_at_ms,
        owner,
        tags,
    ) = values + absent if absent else values[: len(_ABSENT)]
    return Holder(
        contact_id,
        kind,
        bool(primary),
        parts,
        person,
        company,
        company_key,
        name,
        customer_code,
        status,
        url,
        updated_at_ms,
        owner,
        tuple(tags),
    )
