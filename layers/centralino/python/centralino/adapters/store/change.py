"""Changing a contact together with its number cards.

Plain functions lead from what is known to a TransactWriteItems, and steps learn what is not known
from the transactions that were refused.

A writer assumes the usual (a new contact, cards with room) and sends the transaction at once. If
DynamoDB refuses it, the refusal carries the items that were not as assumed; the next attempt is
made from those. So a new contact costs one round trip, a changed one two, or one if the caller
knows what is stored; `table.py` describes the items and the rules they obey.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.adapters.aws import AwsError
from centralino.adapters.store.sender import Request
from centralino.adapters.store.table import (
    SCHEMA,
    SHARDS,
    attribute_of,
    card_key,
    contact_key,
    dump,
    read_holder,
    write_holder,
)
from centralino.domain.card import HOLDERS_ON_CARD
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import ConflictError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from centralino.adapters.store.sender import Steps
    from centralino.adapters.store.table import Item
    from centralino.domain.card import Holder
    from centralino.ports.store import Outcome

MAX_ITEMS = 100  # of one TransactWriteItems
# An event that comes later than this after a deletion would bring the contact back.
TOMBSTONE_S = 30 * 86_400
# The CRMs that repeat a delivery for the longest (HubSpot, Salesforce) do so for 24 hours.
DELIVERY_S = 25 * 3_600
# The highest version: a number that JSON and every client can hold. Sources stay below it.
ERASED = 2**53 - 1
ATTEMPTS = 60
LONGEST_PAUSE_S = 0.4
# Refusals that a writer meets in a row before it takes a little time: the first two are how it
# learns what is stored.
HASTE = 2
# To leave a card costs at most two items, so this many always fit in one transaction.
LEAVE_AT_ONCE = 40
# Why DynamoDB refuses a write that may well pass the next time: errors, and reasons in a cancelled
# transaction.
_PASSING = {
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_KIND_RANK = {"switchboard": 1, "fax": 2}
# What the condition of a mark is about; no number is spelled so.
_MARK = "mark"
_LATEST_MS = 9_999_999_999_999


class Place(NamedTuple):
    """Where a contact is.

    Attributes:
        table: the table's name.
        tenant: the tenant's id.
        contact_id: the contact's id.
        room: how many holders a card has room for.
    """

    table: str
    tenant: str
    contact_id: str
    room: int = HOLDERS_ON_CARD


class Stored(NamedTuple):
    """What is stored of a contact.

    Attributes:
        word: the item's random word; empty if there is no item.
        version: the version stored.
        digest: stands for all that was written.
        held: number -> rank, of the cards that it is on.
        doc: the contact as JSON; empty for a tombstone.
        expires_at: when a tombstone ends, seconds since 1970.
    """

    word: str = ""
    version: int = 0
    digest: str = ""
    held: Mapping[str, str] = {}
    doc: str = ""
    expires_at: int = 0

    @property
    def deleted(self) -> bool:
        """Whether it is a tombstone."""
        return bool(self.word) and not self.doc


ABSENT = Stored()


class Mark(NamedTuple):
    """What shows that an event was applied, put by the transaction that applies it.

    Attributes:
        key: its key.
        now: the time, seconds since 1970.
    """

    key: Item
    now: int


class Target(NamedTuple):
    """What a contact and its cards are to become.

    Attributes:
        version: the version to store.
        digest: stands for all the rest.
        doc: the contact as JSON; empty for a tombstone.
        held: number -> rank, of the cards that it is to be on.
        texts: number -> the holder as each of them keeps it.
        flagged: whether it has a number that can't be indexed.
        expires_at: when a tombstone ends, seconds since 1970; 0 with an empty `doc` leaves nothing.
    """

    version: int = 0
    digest: str = ""
    doc: str = ""
    held: Mapping[str, str] = {}
    texts: Mapping[str, str] = {}
    flagged: bool = False
    expires_at: int = 0


class Spare(NamedTuple):
    """The best holder that a card has no room for."""

    sk: str
    id: str
    rank: str
    text: str


def rank(holder: Holder) -> str:
    """Return a holder's place among those of a number, the least first; 15 characters."""
    age = _LATEST_MS - min(max(holder.updated_at_ms, 0), _LATEST_MS)
    return f"{_KIND_RANK.get(holder.kind, 0)}{0 if holder.primary else 1}{age:013d}"


def write_contact(contact: Contact) -> str:
    """Return a contact as its item keeps it: JSON of what is not empty, the numbers as arrays."""
    fields = {name: value for name, value in zip(contact._fields, contact, strict=True) if value}
    del fields["id"]
    fields.pop("version", None)
    return dump(fields)


def read_contact(contact_id: str, stored: Stored) -> Contact:
    """Build a contact from what `write_contact` made."""
    fields = json.loads(stored.doc)
    fields["numbers"] = tuple(ContactNumber(*number) for number in fields.get("numbers", ()))
    fields["tags"] = tuple(fields.get("tags", ()))
    known = {name: value for name, value in fields.items() if name in Contact._fields}
    return Contact(contact_id, stored.version, **known)


def target_of(contact: Contact, holders: Mapping[str, Holder]) -> Target:
    """Return what a contact and its cards are to become when it is saved."""
    doc = write_contact(contact)
    texts = {number: write_holder(holder) for number, holder in holders.items()}
    content = "\n".join((SCHEMA, doc, *(f"{number} {text}" for number, text in texts.items())))
    return Target(
        version=contact.version,
        digest=hashlib.blake2b(content.encode(), digest_size=12).hexdigest(),
        doc=doc,
        held={number: rank(holder) for number, holder in holders.items()},
        texts=texts,
        flagged=_is_flagged(contact),
    )


def read_stored(item: Item | None) -> Stored:
    """Build what is stored of a contact from its item."""
    if item is None:
        return ABSENT
    return Stored(
        word=item["r"]["S"],
        version=int(item["version"]["N"]),
        digest=item.get("digest", {}).get("S", ""),
        held=json.loads(item["held"]["S"]) if "held" in item else {},
        doc=item.get("doc", {}).get("S", ""),
        expires_at=int(item.get("expires_at", {}).get("N", 0)),
    )


def list_key(tenant: str, kind: str, shard: int) -> str:
    """Return the index's partition key of a shard of a list; kinds are `contact`, `tombstone`."""
    return f"T#{tenant}#L#{kind}#{shard}"


def save_decision(
    target: Target, now_s: float, *, new: bool = False
) -> Callable[[Stored], Target | Outcome]:
    """Return how a save decides: the higher version wins, of equal ones the later save.

    Args:
        target: what is to be stored.
        now_s: the time, seconds since 1970.
        new: whether the contact may not be there yet; one that is, is a ConflictError.
    """

    def decide(stored: Stored) -> Target | Outcome:
        if not stored.word:
            return target
        if new and not stored.deleted:
            raise ConflictError("there is a contact of this id already")
        if stored.deleted:
            ended = stored.expires_at <= now_s
            return target if ended or stored.version < target.version else "stale"
        if stored.version > target.version:
            return "stale"
        same = stored.version == target.version and stored.digest == target.digest
        return "unchanged" if same else target

    return decide


def delete_decision(version: int, now_s: float) -> Callable[[Stored], Target | Outcome]:
    """Return how a deletion decides: it wins against a save of its own version."""
    tombstone = Target(version=version, expires_at=int(now_s) + TOMBSTONE_S)

    def decide(stored: Stored) -> Target | Outcome:
        if stored.deleted and stored.version >= version and stored.expires_at > now_s:
            return "unchanged"
        if not stored.deleted and stored.version > version:
            return "stale"
        return tombstone

    return decide


def erase_decision(now_s: float) -> Callable[[Stored], Target | Outcome]:
    """Return how an erasure decides: it needs a contact, and leaves the id taken.

    To begin with `ABSENT` would be to find nothing to do: `change` has to be told what is stored.
    """
    tombstone = Target(version=ERASED, expires_at=int(now_s) + TOMBSTONE_S)

    def decide(stored: Stored) -> Target | Outcome:
        return tombstone if stored.doc else "unchanged"

    return decide


def purge_decision(stored: Stored) -> Target | Outcome:
    """Decide to leave nothing of a contact, not even a tombstone.

    To begin with `ABSENT` would be to find nothing to do: `change` has to be told what is stored.
    """
    return Target() if stored.word else "unchanged"


def change(
    place: Place,
    decide: Callable[[Stored], Target | Outcome],
    stored: Stored,
    pause: Callable[[float], None],
    mark: Mark | None = None,
) -> Steps[Outcome]:
    """Bring a contact and its cards to what is decided on them.

    Args:
        place: the contact.
        decide: says what is to become of what is stored; asked again whenever that was different.
        stored: what is known, or assumed, to be stored.
        pause: waits some seconds, after a collision with another writer.
        mark: of the event that asks for it; if it is there, nothing is written.

    Returns:
        What became of it.

    Raises:
        ConflictError: `decide` says so.
        UnavailableError: other writers were faster every time.
        AwsError: DynamoDB refuses the request itself.
    """
    cards: dict[str, Item | None] = {}
    spares: dict[str, Spare | None] = {}
    for attempt in range(ATTEMPTS):
        target = decide(stored)
        if not isinstance(target, Target):
            return target
        plan = _Plan(place, stored, cards, spares, mark)
        yield from _find_spares(plan, cards, spares)
        last = plan.fill(target)
        try:
            yield Request("TransactWriteItems", plan.payload())
        except AwsError as error:
            if plan.learn(error) or attempt >= HASTE:
                longest = min(LONGEST_PAUSE_S, 0.01 * 2**attempt)
                pause(random.uniform(0, longest))  # noqa: S311 - jitter is no secret
            if plan.marked:
                return "duplicate"
            stored = plan.stored
        else:
            if last:
                return "created" if not stored.word or stored.deleted else "changed"
            for number in stored.held.keys() - plan.left.held.keys():
                cards.pop(number, None)
                spares.pop(number, None)
            stored = plan.left
    raise UnavailableError("contention")


def _find_spares(
    plan: _Plan, cards: dict[str, Item | None], spares: dict[str, Spare | None]
) -> Steps[None]:
    """Read the spare holders that a plan lacks."""
    for number in plan.lacking():
        answer = yield plan.spare_request(number)
        spares[number] = spare = _read_spare(answer["Items"])
        if spare and attribute_of(spare.id) in (cards[number] or {}):
            # It left the card after we had seen it there: what we know of the card is old.
            del cards[number], spares[number]


def is_passing(error: AwsError) -> bool:
    """Tell whether a write was refused because others were at it, so that it may pass soon."""
    return error.code in _PASSING or not _PASSING.isdisjoint(error.reasons)


def _is_flagged(contact: Contact) -> bool:
    return any(number.problem for number in contact.numbers)


def _spare_sk(its_rank: str, contact_id: str) -> str:
    return f"N#{its_rank}#{contact_id}"


def _read_spare(items: Iterable[Item]) -> Spare | None:
    for item in items:
        _, its_rank, contact_id = item["sk"]["S"].split("#", 2)
        return Spare(item["sk"]["S"], contact_id, its_rank, item["h"]["S"])
    return None


class _Plan:
    """One transaction: from what is known to a request, and from its refusal to more knowledge."""

    def __init__(
        self,
        place: Place,
        stored: Stored,
        cards: dict[str, Item | None],
        spares: dict[str, Spare | None],
        mark: Mark | None,
    ) -> None:
        # Whether the event turned out to be applied already.
        self.marked = False
        self.stored = stored
        self.left = stored
        self._table, self._tenant, self._id, self._room = place
        self._attribute = attribute_of(self._id)
        self._cards = cards
        self._spares = spares
        self._word = secrets.token_urlsafe(12)
        self._actions: list[dict[str, Any]] = []
        self._mark = mark
        # What each action's condition is about: a number, the contact (empty), the mark or nothing.
        self._subjects: list[str | None] = []

    def payload(self) -> dict[str, Any]:
        """Return the request; a client that sends it twice has one effect."""
        return {"TransactItems": self._actions, "ClientRequestToken": self._word}

    def lacking(self) -> list[str]:
        """Return the numbers of which the best spare holder has to be known first.

        A holder that leaves an overfull card, or falls behind, makes room for that one.
        """
        return [
            number
            for number in self.stored.held
            if self._is_overfull(number)
            and self._attribute in (self._cards[number] or {})
            and number not in self._spares
        ]

    def spare_request(self, number: str) -> Request:
        """Return the request for a card's best spare holder."""
        return Request(
            "Query",
            {
                "TableName": self._table,
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
                "ExpressionAttributeValues": {
                    ":pk": card_key(self._tenant, number)["pk"],
                    ":sk": {"S": "N#"},
                },
                "ConsistentRead": True,
                "Limit": 1,
            },
        )

    def fill(self, target: Target) -> bool:
        """Plan the whole change, or as much of it as fits in one transaction.

        Returns:
            Whether it is the whole.
        """
        self._fill(target)
        if self._mark:
            self._put_mark(self._mark)
        if len(self._actions) <= MAX_ITEMS:
            return True
        # Leave cards first, those that it won't come back to before the others.
        held = self.stored.held
        leaving = sorted(held, key=lambda number: number in target.held)[:LEAVE_AT_ONCE]
        kept = {number: its for number, its in held.items() if number not in leaving}
        self.left = self.stored._replace(word=self._word, digest="", held=kept)
        self._actions.clear()
        self._subjects.clear()
        old = read_contact(self._id, self.stored)
        self._put_contact(Target(old.version, "", self.stored.doc, kept, flagged=_is_flagged(old)))
        for number in leaving:
            self._leave(number)
        return False

    def learn(self, error: AwsError) -> bool:
        """Take from a refusal what was not as assumed.

        Returns:
            Whether another writer was at it in this moment, so that waiting a little helps.

        Raises:
            AwsError: the refusal is not about conditions or other writers.
        """
        if error.code == "TransactionCanceledException":
            for subject, reason in zip(
                self._subjects, error.body["CancellationReasons"], strict=True
            ):
                if reason.get("Code") == "ConditionalCheckFailed":
                    self._learn_item(subject, reason.get("Item"))
        if not is_passing(error) and "ConditionalCheckFailed" not in error.reasons:
            raise error
        return is_passing(error)

    def _learn_item(self, subject: str | None, item: Item | None) -> None:
        if subject == _MARK:
            self.marked = True
        elif subject == "":
            self.stored = read_stored(item)
        elif subject is not None:
            self._cards[subject] = item
            self._spares.pop(subject, None)

    def _fill(self, target: Target) -> None:
        self._put_contact(target)
        held = self.stored.held
        for number in held:
            if number not in target.held:
                self._leave(number)
        same = bool(self.stored.digest) and self.stored.digest == target.digest
        for number, its_rank in target.held.items():
            if number not in held:
                self._join(number, its_rank, target.texts[number])
            elif not same:
                self._stay(number, its_rank, target.texts[number])

    def _act(self, kind: str, action: dict[str, Any], subject: str | None) -> None:
        action["TableName"] = self._table
        if subject is not None:
            action["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        self._actions.append({kind: action})
        self._subjects.append(subject)

    # --- the contact -----------------------------------------------------------------------

    def _put_contact(self, target: Target) -> None:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if self.stored.word:
            condition = {
                "ConditionExpression": "r = :r",
                "ExpressionAttributeValues": {":r": {"S": self.stored.word}},
            }
        key = contact_key(self._tenant, self._id)
        if not target.doc and not target.expires_at:
            self._act("Delete", {"Key": key, **condition}, "")
            return
        shard = zlib.crc32(self._id.encode()) % SHARDS
        item = key | {
            "type": {"S": "Contact" if target.doc else "Tombstone"},
            "sv": {"N": SCHEMA},
            "r": {"S": self._word},
            "version": {"N": str(target.version)},
            "lpk": {"S": list_key(self._tenant, "contact" if target.doc else "tombstone", shard)},
            "lsk": {"S": f"!{self._id}" if target.flagged else self._id},
        }
        if target.doc:
            item["digest"] = {"S": target.digest}
            item["doc"] = {"S": target.doc}
            item["held"] = {"S": dump(target.held)}
        else:
            item["expires_at"] = {"N": str(target.expires_at)}
        self._act("Put", {"Item": item, **condition}, "")

    def _put_mark(self, mark: Mark) -> None:
        item = mark.key | {
            "type": {"S": "Delivery"},
            "sv": {"N": SCHEMA},
            "expires_at": {"N": str(mark.now + DELIVERY_S)},
        }
        put = {
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
            "ExpressionAttributeValues": {":now": {"N": str(mark.now)}},
        }
        self._act("Put", put, _MARK)

    # --- its cards -------------------------------------------------------------------------

    def _total(self, number: str) -> int:
        card = self._cards.get(number)
        return int(card["n"]["N"]) if card else 0

    def _is_overfull(self, number: str) -> bool:
        return self._total(number) > self._room

    def _is_lost(self, number: str) -> bool:
        """Tell whether a card with room for all lacks the contact, though it should hold it.

        No writer of ours does that, but a table restored or mended by hand may be so.
        """
        if number not in self._cards or self._is_overfull(number):
            return False
        return self._attribute not in (self._cards[number] or {})

    def _join(self, number: str, its_rank: str, text: str) -> None:
        if self._attribute in (self._cards.get(number) or {}):
            self._update(number, put={self._attribute: text})
        elif self._total(number) < self._room:
            self._update(
                number,
                put={self._attribute: text},
                add=1,
                condition="attribute_not_exists(#0) AND (attribute_not_exists(n) OR n < :max)",
            )
        elif (its_rank, self._id) < (worst := self._worst(number))[:2]:
            self._put_spare(number, *worst)
            self._update(number, put={self._attribute: text}, drop=attribute_of(worst[1]), add=1)
        else:
            self._put_spare(number, its_rank, self._id, text)
            self._update(number, add=1)

    def _stay(self, number: str, its_rank: str, text: str) -> None:
        if self._is_lost(number):
            self._join(number, its_rank, text)
        elif not self._is_overfull(number):
            self._update(
                number,
                put={self._attribute: text},
                condition="attribute_exists(#0) AND n <= :max",
            )
        elif self._attribute in (self._cards[number] or {}):
            self._stay_on_card(number, its_rank, text)
        else:
            self._stay_beside(number, its_rank, text)

    def _stay_on_card(self, number: str, its_rank: str, text: str) -> None:
        spare = self._spares[number]
        if spare is None or (its_rank, self._id) < (spare.rank, spare.id):
            self._update(number, put={self._attribute: text})
        else:
            self._drop_spare(number, spare.sk)
            self._put_spare(number, its_rank, self._id, text)
            self._update(number, put={attribute_of(spare.id): spare.text}, drop=self._attribute)

    def _stay_beside(self, number: str, its_rank: str, text: str) -> None:
        was = _spare_sk(self.stored.held[number], self._id)
        worst = self._worst(number)
        if (its_rank, self._id) < worst[:2]:
            self._drop_spare(number, was)
            self._put_spare(number, *worst)
            self._update(number, put={self._attribute: text}, drop=attribute_of(worst[1]))
        else:
            if was != _spare_sk(its_rank, self._id):
                self._drop_spare(number, was)
            self._put_spare(number, its_rank, self._id, text)
            self._update(number)

    def _leave(self, number: str) -> None:
        if self._is_lost(number):
            # What we know may be old: without this the contact could stay on a card, or beside an
            # overfull one, for good.
            check = {
                "Key": card_key(self._tenant, number),
                "ConditionExpression": (
                    "attribute_not_exists(#0) AND (attribute_not_exists(n) OR n <= :max)"
                ),
                "ExpressionAttributeNames": {"#0": self._attribute},
                "ExpressionAttributeValues": {":max": {"N": str(self._room)}},
            }
            self._act("ConditionCheck", check, number)
        elif self._is_overfull(number):
            self._leave_overfull(number)
        elif self._total(number) > 1:
            self._update(
                number,
                drop=self._attribute,
                add=-1,
                condition="attribute_exists(#0) AND n > :one AND n <= :max",
            )
        else:
            self._act(
                "Delete",
                {
                    "Key": card_key(self._tenant, number),
                    "ConditionExpression": "n = :one AND attribute_exists(#0)",
                    "ExpressionAttributeNames": {"#0": self._attribute},
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                },
                number,
            )

    def _leave_overfull(self, number: str) -> None:
        if self._attribute not in (self._cards[number] or {}):
            self._drop_spare(number, _spare_sk(self.stored.held[number], self._id))
            self._update(number, add=-1)
            return
        promoted = {}
        if spare := self._spares[number]:
            self._drop_spare(number, spare.sk)
            promoted = {attribute_of(spare.id): spare.text}
        self._update(number, put=promoted, drop=self._attribute, add=-1)

    def _worst(self, number: str) -> tuple[str, str, str]:
        """Return the last of the holders on a card: rank, id, text."""
        card = self._cards[number] or {}
        return max(
            (rank(read_holder(name[2:], value["S"])), name[2:], value["S"])
            for name, value in card.items()
            if name.startswith("h:")
        )

    def _put_spare(self, number: str, its_rank: str, contact_id: str, text: str) -> None:
        item = card_key(self._tenant, number, _spare_sk(its_rank, contact_id)) | {
            "type": {"S": "Holder"},
            "sv": {"N": SCHEMA},
            "h": {"S": text},
        }
        self._act("Put", {"Item": item}, None)

    def _drop_spare(self, number: str, sk: str) -> None:
        self._act("Delete", {"Key": card_key(self._tenant, number, sk)}, None)

    def _update(
        self,
        number: str,
        *,
        put: Mapping[str, str] | None = None,
        drop: str = "",
        add: int = 0,
        condition: str = "r = :was",
    ) -> None:
        """Plan the update of a card.

        Args:
            number: the card.
            put: attribute -> text, at most one; the condition's `#0`.
            drop: an attribute to remove; the condition's `#0` if nothing is put.
            add: to the count.
            condition: without one, that the card is the one we know.
        """
        names: dict[str, str] = {}
        values: dict[str, dict[str, str]] = {":r": {"S": self._word}}
        sets = ["r = :r"]
        removes = ""
        for attribute, text in (put or {}).items():
            names["#0"] = attribute
            values[":text"] = {"S": text}
            sets.append("#0 = :text")
        if drop:
            name = f"#{len(names)}"
            names[name] = drop
            removes = f" REMOVE {name}"
        adds = ""
        if add:
            values[":add"] = {"N": str(add)}
            adds = " ADD n :add"
        if add > 0:
            sets += ["sv = :sv", "#type = :type"]
            names["#type"] = "type"
            values |= {":sv": {"N": SCHEMA}, ":type": {"S": "NumberCard"}}
        if ":was" in condition:
            values[":was"] = (self._cards[number] or {})["r"]
        if ":max" in condition:
            values[":max"] = {"N": str(self._room)}
        if ":one" in condition:
            values[":one"] = {"N": "1"}
        action: dict[str, Any] = {
            "Key": card_key(self._tenant, number),
            "UpdateExpression": f"SET {', '.join(sets)}{removes}{adds}",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }
        if names:
            action["ExpressionAttributeNames"] = names
        self._act("Update", action, number)
