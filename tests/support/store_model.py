"""What the table has to hold, worked out from the contacts in it the simple way."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from centralino.adapters.store.change import ERASED, rank, read_contact, read_stored
from centralino.adapters.store.table import write_holder
from centralino.domain.card import Holder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from centralino.domain.contact import Contact

Item = dict[str, Any]


def holders_of(contact: Contact) -> dict[str, Holder]:
    """What the cards keep of a contact, in these tests."""
    return {
        number.indexed: Holder(
            contact.id,
            number.kind,
            number.primary,
            {"p": [contact.last_name]},
            name=contact.last_name,
            company=contact.company,
            updated_at_ms=contact.updated_at_ms,
        )
        for number in contact.numbers
        if number.indexed
    }


def contacts_in(items: Iterable[Item]) -> dict[str, Contact]:
    """The contacts in a table of one tenant."""
    found = {}
    for item in items:
        if item["type"]["S"] == "Contact":
            contact_id = item["pk"]["S"].split("#", 3)[3]
            found[contact_id] = read_contact(contact_id, read_stored(item))
    return found


def expected_cards(tenant: str, contacts: Iterable[Contact], room: int) -> list[Item]:
    """The cards, and the holders beside them, that contacts imply; without their random words."""
    by_number: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for contact in contacts:
        for number, holder in holders_of(contact).items():
            by_number[number].append((rank(holder), contact.id, write_holder(holder)))
    items: list[Item] = []
    for number, holders in by_number.items():
        holders.sort()
        pk = {"S": f"T#{tenant}#N#{number}"}
        card = {
            "pk": pk,
            "sk": {"S": "N"},
            "sv": {"N": "1"},
            "type": {"S": "NumberCard"},
            "n": {"N": str(len(holders))},
        }
        items.append(card | {f"h:{id_}": {"S": text} for _, id_, text in holders[:room]})
        items += [
            {
                "pk": pk,
                "sk": {"S": f"N#{rank_}#{id_}"},
                "sv": {"N": "1"},
                "type": {"S": "Holder"},
                "h": {"S": text},
            }
            for rank_, id_, text in holders[room:]
        ]
    return items


def assert_consistent(tenant: str, items: list[Item], room: int) -> None:
    """All of a tenant's cards follow from its contacts, and nothing else is there."""
    cards = []
    for item in items:
        kind = item["type"]["S"]
        if kind in {"NumberCard", "Holder"}:
            cards.append({name: value for name, value in item.items() if name != "r"})
        elif kind in {"Contact", "Tombstone"}:
            _assert_contact(tenant, item)
    expected = expected_cards(tenant, contacts_in(items).values(), room)
    assert _sorted(cards) == _sorted(expected)


def assert_cards_follow(tenant: str, items: Iterable[Item]) -> None:
    """Every contact is on the cards of its numbers, and there is no orphan: whatever is on them."""
    wanted: dict[str, set[str]] = defaultdict(set)
    found: dict[str, set[str]] = defaultdict(set)
    counted: dict[str, int] = {}
    prefix = f"T#{tenant}#N#"
    for contact in contacts_in(items).values():
        for number in contact.numbers:
            if number.indexed:
                wanted[number.indexed].add(contact.id)
    for item in items:
        number = item["pk"]["S"].removeprefix(prefix)
        if item["type"]["S"] == "NumberCard":
            found[number] |= {name[2:] for name in item if name.startswith("h:")}
            counted[number] = int(item["n"]["N"])
        elif item["type"]["S"] == "Holder":
            found[number].add(item["sk"]["S"].split("#", 2)[2])
    assert found == wanted
    assert counted == {number: len(ids) for number, ids in wanted.items()}


def _assert_contact(tenant: str, item: Item) -> None:
    contact_id = item["pk"]["S"].split("#", 3)[3]
    shard = zlib.crc32(contact_id.encode()) % 16
    stored = read_stored(item)
    if stored.deleted:
        # Nothing of the person but the id.
        names = {"pk", "sk", "type", "sv", "r", "version", "lpk", "lsk", "expires_at"}
        assert set(item) == names
        assert item["lpk"]["S"] == f"T#{tenant}#L#tombstone#{shard}"
        assert item["lsk"]["S"] == contact_id
        return
    contact = read_contact(contact_id, stored)
    flagged = any(number.problem for number in contact.numbers)
    assert item["lpk"]["S"] == f"T#{tenant}#L#contact#{shard}"
    assert item["lsk"]["S"] == ("!" if flagged else "") + contact_id
    assert stored.digest
    held = {number: rank(holder) for number, holder in holders_of(contact).items()}
    assert stored.held == held
    assert 0 <= stored.version < ERASED


def _sorted(items: list[Item]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in items)
