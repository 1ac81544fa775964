"""One tenant's contacts in DynamoDB."""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import AwsError
from centralino.adapters.store.change import (
    ABSENT,
    ERASED,
    Mark,
    Place,
    Stored,
    change,
    delete_decision,
    erase_decision,
    is_passing,
    list_key,
    purge_decision,
    rank,
    read_contact,
    read_stored,
    save_decision,
    target_of,
)
from centralino.adapters.store.one_tenant import (
    MAX_KEYS,
    READ_ATTEMPTS,
    TIMEOUT_S,
    OneTenant,
    read_batch,
)
from centralino.adapters.store.sender import Request, run
from centralino.adapters.store.table import (
    LIST_INDEX,
    SHARDS,
    card_key,
    contact_key,
    delivery_key,
    read_card,
    read_holder,
    read_settings_item,
    tenant_key,
    unknown_key,
)
from centralino.domain.card import HOLDERS_ON_CARD
from centralino.domain.contact import ID_PATTERN
from centralino.domain.errors import NotFoundError, PayloadError, ThrottledError
from centralino.ports.store import HolderPage, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from centralino.adapters.store.sender import Sender, Steps
    from centralino.adapters.store.table import Item
    from centralino.domain.card import Holder
    from centralino.domain.contact import Contact
    from centralino.ports.store import Known, Outcome

MAX_KNOWN = MAX_KEYS - 1  # one more asks whether the tenant is still there
_NUMBER = re.compile(r"\+[0-9]{1,20}\*?", re.ASCII)
_CURSOR = re.compile(r"(\d{1,2})\.(.*)", re.ASCII | re.DOTALL)
_SPARE = re.compile(r"N#\d{15}#.+", re.ASCII | re.DOTALL)


class DynamoContactStore(OneTenant):
    """The contacts of one tenant; see the port.

    Args:
        client: sends a request to DynamoDB; one for each thread if it is `adapters/aws.py`'s.
        table: the table's name.
        tenant: the tenant's id.
        now: the time, seconds since 1970.
        pause: waits some seconds.
        room: how many holders a card has room for; the same for all who write to a table.
        block_lengths: what the settings are known to have, so that it need not be added again.

    Raises:
        PayloadError: that is no tenant's id.
    """

    def __init__(  # noqa: PLR0913 - what it is built from
        self,
        client: Sender,
        table: str,
        tenant: str,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        room: int = HOLDERS_ON_CARD,
        block_lengths: Iterable[int] = (),
    ) -> None:
        super().__init__(client, table, tenant, now=now, pause=pause)
        self._room = room
        self._block_lengths = set(block_lengths)

    def get(self, contact_id: str) -> Contact | None:
        """Return a contact as it is now; None if there is none (any more)."""
        stored = read_stored(self._call("GetItem", self._get_payload(contact_id)).get("Item"))
        return read_contact(contact_id, stored) if stored.doc else None

    def known(self, contact_ids: Sequence[str]) -> Mapping[str, Known]:
        """Return what is stored of some contacts, for `save`; absent ones are left out."""
        ids = tuple(dict.fromkeys(contact_ids))
        if len(ids) > MAX_KNOWN:
            raise PayloadError("contact_ids", f"at most {MAX_KNOWN}")
        items = self._batch([tenant_key(self.tenant), *map(self._key, ids)])
        tenant = [item for item in items if item["sk"]["S"] == "SETTINGS"]
        if not tenant or not read_settings_item(self.tenant, tenant[0]):
            raise NotFoundError(f"there is no tenant {self.tenant}")
        return {_id_of(item): read_stored(item) for item in items if item["sk"]["S"] == "C"}

    def save(
        self,
        contact: Contact,
        holders: Mapping[str, Holder],
        *,
        known: Known | None = None,
        new: bool = False,
        delivery: str = "",
    ) -> Outcome:
        """Save a contact and its place on the cards, all or nothing; see the port."""
        for number in holders:
            if not _NUMBER.fullmatch(number):
                raise PayloadError("numbers", "E.164, or a block as +39024455*")
            if number.endswith("*"):
                self._keep_block_length(len(number) - 2)
        steps = self.save_steps(contact, holders, known=known, new=new, delivery=delivery)
        return run(steps, self._client, TIMEOUT_S)

    def save_steps(
        self,
        contact: Contact,
        holders: Mapping[str, Holder],
        *,
        known: Known | None = None,
        new: bool = False,
        delivery: str = "",
    ) -> Steps[Outcome]:
        """Return the requests of `save`, once the lengths of its blocks are kept."""
        if not 0 <= contact.version < ERASED:
            raise PayloadError("version", f"a number from 0 to {ERASED - 1}")
        decide = save_decision(target_of(contact, holders), self._now(), new=new)
        stored = known if isinstance(known, Stored) else ABSENT
        mark = self._mark(contact.id, delivery)
        return change(self._place(contact.id), decide, stored, self._pause, mark)

    def delete(self, contact_id: str, version: int, *, delivery: str = "") -> Outcome:
        """Delete a contact, known or not; a tombstone stops events that come late."""
        steps = self.delete_steps(contact_id, version, delivery=delivery)
        return run(steps, self._client, TIMEOUT_S)

    def delete_steps(self, contact_id: str, version: int, *, delivery: str = "") -> Steps[Outcome]:
        """Return the requests of `delete`."""
        if not 0 <= version < ERASED:
            raise PayloadError("version", f"a number from 0 to {ERASED - 1}")
        decide = delete_decision(version, self._now())
        mark = self._mark(contact_id, delivery)
        return change(self._place(contact_id), decide, ABSENT, self._pause, mark)

    def seen(self, events: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Return which of some events were applied lately; see the port."""
        keys = {delivery_key(self.tenant, *event)["pk"]["S"]: event for event in events if event[1]}
        if len(keys) > MAX_KEYS:
            raise PayloadError("events", f"at most {MAX_KEYS}")
        items = self._batch([{"pk": {"S": pk}, "sk": {"S": "E"}} for pk in keys])
        now = self._now()
        return frozenset(
            keys[item["pk"]["S"]] for item in items if int(item["expires_at"]["N"]) > now
        )

    def erase(self, contact_id: str) -> bool:
        """Delete a contact for good; return whether there was one."""
        return run(self.erase_steps(contact_id), self._client, TIMEOUT_S) == "changed"

    def erase_steps(self, contact_id: str) -> Steps[Outcome]:
        """Return the requests of `erase`; it looks first, since what isn't there stays absent."""
        answer = yield Request("GetItem", self._get_payload(contact_id))
        stored = read_stored(answer.get("Item"))
        # Before they became a contact they may have called, and nobody knew them. First of all, so
        # that an erasure that was cut off and is repeated still finds the numbers.
        for number in stored.held:
            if not number.endswith("*"):
                yield from self._forget_steps(number)
        decide = erase_decision(self._now())
        outcome = yield from change(self._place(contact_id), decide, stored, self._pause)
        return outcome

    def _forget_steps(self, number: str) -> Steps[None]:
        """Return the requests that take back that a caller is unknown."""
        key = unknown_key(self.tenant, number)
        for _ in range(READ_ATTEMPTS):
            try:
                yield Request("DeleteItem", {"TableName": self._table, "Key": key})
            except AwsError as error:
                if not is_passing(error):
                    raise
                self._pause(0.05)
            else:
                return
        raise ThrottledError("contention")

    def page(self, *, cursor: str = "", limit: int = 50, problems: bool = False) -> Page:
        """List contacts, shard by shard; see the port."""
        if not 1 <= limit <= MAX_KEYS:
            raise PayloadError("limit", f"a number from 1 to {MAX_KEYS}")
        shard, after = _read_cursor(cursor)
        prefix = "!" if problems else ""
        ids: list[str] = []
        while shard < SHARDS and len(ids) < limit:
            found, after = self._listed("contact", shard, after, limit - len(ids), prefix)
            ids += found
            if not after:
                shard += 1
        end = f"{shard}.{after}" if shard < SHARDS else ""
        items = {_id_of(item): item for item in self._batch([self._key(id_) for id_ in ids])}
        contacts = []
        for contact_id in ids:
            # The index follows the table a moment later.
            stored = read_stored(items.get(contact_id))
            if stored.doc:
                contact = read_contact(contact_id, stored)
                if not problems or any(number.problem for number in contact.numbers):
                    contacts.append(contact)
        return Page(tuple(contacts), _encode(end))

    def holders(self, number: str, *, cursor: str = "", limit: int = 100) -> HolderPage:
        """List who has a number; the first page is the card itself."""
        if not _NUMBER.fullmatch(number):
            raise PayloadError("number", "E.164, or a block as +39024455*")
        key = card_key(self.tenant, number)
        answer = self._call(
            "GetItem", {"TableName": self._table, "Key": key, "ConsistentRead": True}
        )
        if "Item" not in answer:
            return HolderPage((), 0, "")
        card = read_card(number, answer["Item"])
        if not cursor:
            ranked = sorted(card.holders, key=lambda holder: (rank(holder), holder.id))
            more = card.total > len(ranked)
            return HolderPage(tuple(ranked), card.total, _encode("N#") if more else "")
        after = _decode(cursor)
        if after != "N#" and not _SPARE.fullmatch(after):
            raise PayloadError("cursor", "the cursor of the page before")
        payload = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {":pk": key["pk"], ":sk": {"S": "N#"}},
            "ConsistentRead": True,
            "Limit": limit,
        }
        if after != "N#":
            payload["ExclusiveStartKey"] = {"pk": key["pk"], "sk": {"S": after}}
        answer = self._call("Query", payload)
        holders = tuple(
            read_holder(item["sk"]["S"].split("#", 2)[2], item["h"]["S"])
            for item in answer["Items"]
        )
        last = answer.get("LastEvaluatedKey", {}).get("sk", {}).get("S", "")
        return HolderPage(holders, card.total, _encode(last))

    def count(self, at_most: int = 10_000) -> int:
        """Count the tenant's contacts, and stop counting at `at_most`."""
        counted = 0
        for shard in range(SHARDS):
            after = ""
            while counted < at_most:
                payload = self._list_payload("contact", shard, after, at_most - counted)
                answer = self._call("Query", payload | {"Select": "COUNT"})
                counted += answer["Count"]
                after = answer.get("LastEvaluatedKey", {}).get("lsk", {}).get("S", "")
                if not after:
                    break
        return counted

    def purge(self, *, limit: int = 100) -> int:
        """Remove some contacts, tombstones and notes of unknown callers; return how many."""
        removed = 0
        ids = list(self._some_ids(min(limit, MAX_KEYS)))
        for item in self._batch([self._key(contact_id) for contact_id in ids]):
            place = self._place(_id_of(item))
            steps = change(place, purge_decision, read_stored(item), self._pause)
            run(steps, self._client, TIMEOUT_S)
            removed += 1
        return removed + self._forget_callers(limit - removed)

    def _forget_callers(self, limit: int) -> int:
        """Remove some notes of unknown callers: each has a number in its key."""
        removed = 0
        for shard in range(SHARDS):
            if removed >= limit:
                break
            callers, _ = self._listed("unknown", shard, "", limit - removed)
            for caller in callers:
                key = unknown_key(self.tenant, caller)
                self._call("DeleteItem", {"TableName": self._table, "Key": key})
                removed += 1
        return removed

    def _some_ids(self, limit: int) -> Iterator[str]:
        for kind in ("contact", "tombstone"):
            for shard in range(SHARDS):
                if limit <= 0:
                    return
                ids, _ = self._listed(kind, shard, "", limit)
                limit -= len(ids)
                yield from ids

    def _mark(self, contact_id: str, delivery: str) -> Mark | None:
        if not delivery:
            return None
        return Mark(delivery_key(self.tenant, contact_id, delivery), int(self._now()))

    def _call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        return self._client.call(operation, payload, timeout_s=TIMEOUT_S)

    def _get_payload(self, contact_id: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": self._key(contact_id), "ConsistentRead": True}

    def _place(self, contact_id: str) -> Place:
        if not ID_PATTERN.fullmatch(contact_id):
            raise PayloadError("id", "source:id, without # and control characters")
        return Place(self._table, self.tenant, contact_id, self._room)

    def _key(self, contact_id: str) -> Item:
        return contact_key(self.tenant, self._place(contact_id).contact_id)

    def _batch(self, keys: Iterable[Item]) -> list[Item]:
        """Read items; eventually consistent, for whoever writes on that is told by a condition."""
        return read_batch(self._client, self._table, keys, self._pause)

    def _listed(
        self, kind: str, shard: int, after: str, limit: int, prefix: str = ""
    ) -> tuple[list[str], str]:
        """Return the ids of a part of a list, and after which entry the next part begins."""
        answer = self._call("Query", self._list_payload(kind, shard, after, limit, prefix))
        ids = [item["lsk"]["S"].removeprefix("!") for item in answer["Items"]]
        return ids, answer.get("LastEvaluatedKey", {}).get("lsk", {}).get("S", "")

    def _list_payload(
        self, kind: str, shard: int, after: str, limit: int, prefix: str = ""
    ) -> dict[str, Any]:
        lpk = {"S": list_key(self.tenant, kind, shard)}
        payload: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": LIST_INDEX,
            "KeyConditionExpression": "lpk = :lpk",
            "ExpressionAttributeValues": {":lpk": lpk},
            "Limit": limit,
        }
        if prefix:
            payload["KeyConditionExpression"] += " AND begins_with(lsk, :prefix)"
            payload["ExpressionAttributeValues"][":prefix"] = {"S": prefix}
        if after:
            entry = {"lpk": lpk, "lsk": {"S": after}}
            payload["ExclusiveStartKey"] = self._key(after.removeprefix("!")) | entry
        return payload

    def _keep_block_length(self, length: int) -> None:
        """Add a length to the settings, so that lookups ask for blocks of that length."""
        if length in self._block_lengths:
            return
        payload = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            "UpdateExpression": "ADD block_lengths :length",
            "ConditionExpression": "attribute_exists(doc)",
            "ExpressionAttributeValues": {":length": {"NS": [str(length)]}},
        }
        for _ in range(READ_ATTEMPTS):
            try:
                self._call("UpdateItem", payload)
            except AwsError as error:
                if error.code == "ConditionalCheckFailedException":
                    raise NotFoundError(f"there is no tenant {self.tenant}") from error
                if not is_passing(error):
                    raise
                self._pause(0.05)
            else:
                self._block_lengths.add(length)
                return
        raise ThrottledError("contention")


def _id_of(item: Item) -> str:
    contact_id: str = item["pk"]["S"].split("#", 3)[3]
    return contact_id


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise PayloadError("cursor", "the cursor of the page before") from error


def _read_cursor(cursor: str) -> tuple[int, str]:
    """Return the shard and the entry that a page begins after."""
    if not cursor:
        return 0, ""
    match = _CURSOR.fullmatch(_decode(cursor))
    after = match[2].removeprefix("!") if match else "#"
    if not match or int(match[1]) >= SHARDS or (after and not ID_PATTERN.fullmatch(after)):
        raise PayloadError("cursor", "the cursor of the page before")
    return int(match[1]), match[2]
