"""One tenant's customers in DynamoDB: `ports/customers.py`'s CustomerStore."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import random
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import AwsError
from centralino.adapters.store.change import DELIVERY_S, is_passing
from centralino.adapters.store.change import list_key as shard_key
from centralino.adapters.store.learner import (
    Bindings,
    DynamoLearner,
    Sides,
    is_whole,
    put_change,
    read_now,
    sort_items,
)
from centralino.adapters.store.one_tenant import MAX_KEYS, TIMEOUT_S, OneTenant
from centralino.adapters.store.route_items import (
    association_key,
    customer_key,
    digits_key,
    history_key,
    list_key,
    read_association_item,
    read_customer_item,
    write_customer,
)
from centralino.adapters.store.table import LIST_INDEX, SCHEMA, SHARDS, delivery_key
from centralino.domain.customer import CODE_PATTERN, code_digits
from centralino.domain.errors import ConflictError, PayloadError, ThrottledError
from centralino.domain.number import mask
from centralino.ports.customers import Change, CustomerPage, LearnedPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from centralino.adapters.store.sender import Sender
    from centralino.adapters.store.table import Item
    from centralino.domain.customer import Customer, Learned
    from centralino.ports.customers import Lesson

ATTEMPTS = 60
LONGEST_PAUSE_S = 0.4
# A counter is of use for its window alone; this is for clocks that differ.
COUNTER_S = 300
# Two actions an association, and the customer's own: as much as one transaction holds.
FORGET_AT_ONCE = 20
_NUMBER = re.compile(r"\+[0-9]{1,20}", re.ASCII)
_CURSOR = re.compile(r"(\d{1,2})\.(.*)", re.ASCII | re.DOTALL)
_PURGE = Change(0, "erasure", "forgotten")


class DynamoCustomerStore(OneTenant):
    """The customers of one tenant; see the port.

    Args:
        client: sends a request to DynamoDB; one for each thread if it is `adapters/aws.py`'s.
        table: the table's name.
        tenant: the tenant's id.
        now: the time, seconds since 1970.
        pause: waits some seconds.

    Raises:
        PayloadError: that is no tenant's id.
    """

    def __init__(
        self,
        client: Sender,
        table: str,
        tenant: str,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(client, table, tenant, now=now, pause=pause)
        self._learner = DynamoLearner(client, table, tenant, now=now, pause=pause)

    # --- customers -------------------------------------------------------------------------

    def get(self, code: str) -> Customer | None:
        """Return a customer as it is now; see the port."""
        item = self._item(self._key(code))
        return read_customer_item(code, item) if item else None

    def spelled(self, digits: str) -> tuple[str, ...]:
        """Return the codes of all customers whose code has exactly these digits."""
        item = self._item(digits_key(self.tenant, digits)) if digits else None
        return tuple(sorted(item["codes"]["SS"])) if item else ()

    def save(self, customer: Customer, change: Change, *, delivery: str = "") -> Customer:
        """Save a customer over the version that it names; see the port."""
        key = self._key(customer.code)
        saved = customer._replace(version=customer.version + 1)
        actions = [self._saved_action(key, customer)]
        if delivery:
            actions.append(self._mark_action(customer.code, delivery))
        actions.append(put_change(self._table, self.tenant, customer.code, change))
        for attempt in range(ATTEMPTS):
            more = []
            if not customer.version:
                more = self._digits_actions(customer.code, there=True)
            reasons = self._write([*actions, *more])
            if not reasons:
                return saved
            own = reasons[: 2 if delivery else 1]
            if "ConditionalCheckFailed" in own:
                raise ConflictError(
                    "the customer was changed meanwhile: read it again"
                    if customer.version
                    else "there is a customer of this code already"
                )
            self._rest(attempt)
        raise ThrottledError("contention")

    def delete(self, code: str, change: Change) -> bool:
        """Delete a customer, its associations and its history; see the port."""
        for attempt in range(ATTEMPTS):
            sides = self._sides_of(code)
            item = sides.customers.get(code)
            if item is None:
                return False
            if not is_whole(sides, code):
                self._rest(attempt)
                continue
            if len(sides.bound) > FORGET_AT_ONCE:
                some = sorted(sides.bound)[:FORGET_AT_ONCE]
                self._loosen(some, Change(change.at, change.who, "forgotten"))
                continue
            plan = Bindings(self._table, self.tenant, sides, self._now())
            for number, _ in sorted(sides.bound):
                plan.loosen(number, code)
                line = Change(change.at, change.who, "forgotten", mask(number))
                plan.note(code, line)
            plan.note(code, change)
            gone = {
                "TableName": self._table,
                "Key": self._key(code),
                "ConditionExpression": "v = :v AND n = :n",
                "ExpressionAttributeValues": {":v": item["v"], ":n": item["n"]},
            }
            history = {"TableName": self._table, "Key": customer_key(self.tenant, code, "H")}
            actions = [
                {"Delete": gone},
                {"Delete": history},
                *plan.actions(leaving=code),
                *self._digits_actions(code, there=False),
            ]
            if not self._write(actions):
                return True
            self._rest(attempt)
        raise ThrottledError("contention")

    def page(self, *, cursor: str = "", limit: int = 50) -> CustomerPage:
        """List customers, shard by shard; see the port."""
        codes, end = self._listed("customer", cursor, limit, CODE_PATTERN, self._key)
        items = sort_items(self._read([self._key(code) for code in codes]))[0]
        # The index follows the table a moment later.
        found = (read_customer_item(code, items[code]) for code in codes if code in items)
        return CustomerPage(tuple(found), end)

    def trail(self, code: str, *, limit: int = 100) -> tuple[Change, ...]:
        """Return the audit trail of a customer, the newest change first."""
        payload: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {":pk": self._key(code)["pk"], ":sk": {"S": "T#"}},
            "ConsistentRead": True,
            "ScanIndexForward": False,
            "Limit": limit,
        }
        now = self._now()
        items: list[Item] = []
        while len(items) < limit:
            answer = self._call("Query", payload)
            items += (it for it in answer["Items"] if int(it["expires_at"]["N"]) > now)
            if "LastEvaluatedKey" not in answer:
                break
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return tuple(map(_read_change, items[:limit]))

    # --- learned numbers -------------------------------------------------------------------

    def learn(
        self, learned: Learned, *, most: int, expired_before: int, timeout_s: float = TIMEOUT_S
    ) -> Lesson:
        """Bind a number to a customer, all or nothing; see the port."""
        self._key(learned.code)
        self._number_key(learned.number)
        return self._learner.learn(
            learned, most=most, expired_before=expired_before, timeout_s=timeout_s
        )

    def learned_of(self, code: str) -> tuple[Learned, ...]:
        """Return the associations of a customer; see the port."""
        sides = self._sides_of(code)
        found = (
            one
            for number, item in sides.numbers.items()
            for one in read_association_item(number, item)
            if one.code == code
        )
        return tuple(sorted(found))

    def learned_by(self, number: str) -> tuple[Learned, ...]:
        """Return the associations of a number; see the port."""
        item = self._item(self._number_key(number))
        return tuple(sorted(read_association_item(number, item))) if item else ()

    def learned_page(self, *, cursor: str = "", limit: int = 50) -> LearnedPage:
        """List the tenant's associations; see the port."""
        numbers, end = self._listed("learned", cursor, limit, _NUMBER, self._number_key)
        items = sort_items(self._read([self._number_key(number) for number in numbers]))[1]
        found = (
            one
            for number in numbers
            if number in items
            for one in sorted(read_association_item(number, items[number]))
        )
        return LearnedPage(tuple(found), end)

    def forget(self, number: str, code: str, change: Change) -> bool:
        """Take an association away; see the port."""
        self._key(code)
        self._number_key(number)
        return bool(self._loosen([(number, code)], change))

    def forget_numbers(self, numbers: Sequence[str], change: Change) -> int:
        """Take all associations and the history of some numbers away; see the port."""
        forgotten = 0
        for number in dict.fromkeys(numbers):
            pairs = [(number, one.code) for one in self.learned_by(number)]
            for start in range(0, len(pairs), FORGET_AT_ONCE):
                forgotten += self._loosen(pairs[start : start + FORGET_AT_ONCE], change)
            self._delete(history_key(self.tenant, number))
        return forgotten

    # --- registrations, erasure ------------------------------------------------------------

    def count(self, bucket: str, *, window_s: int) -> int:
        """Count one more registration; see the port."""
        now = int(self._now())
        window = now // window_s
        # A source's address is somebody's, and of no use here but to be told from another one.
        digest = hashlib.sha256(f"{self.tenant}\n{bucket}\n{window}".encode()).hexdigest()
        payload = {
            "TableName": self._table,
            "Key": {"pk": {"S": f"T#{self.tenant}#R#{digest}"}, "sk": {"S": "R"}},
            "UpdateExpression": "SET expires_at = :end, sv = :sv, #type = :type ADD calls :one",
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": {
                ":end": {"N": str((window + 1) * window_s + COUNTER_S)},
                ":sv": {"N": SCHEMA},
                ":type": {"S": "Counter"},
                ":one": {"N": "1"},
            },
            "ReturnValues": "ALL_NEW",
        }
        return int(self._patiently("UpdateItem", payload)["Attributes"]["calls"]["N"])

    def purge(self, *, limit: int = 100) -> int:
        """Remove some customers with all that is theirs; see the port."""
        removed = 0
        change = _PURGE._replace(at=int(self._now() * 1000))
        codes, _ = self._listed("customer", "", min(limit, MAX_KEYS), CODE_PATTERN, self._key)
        for code in codes:
            # Also where the index is behind: the trail of a customer that is gone goes as well.
            self.delete(code, change)
            self._delete_trail(code)
            removed += 1
        if removed < limit:
            most = min(limit - removed, MAX_KEYS)
            numbers, _ = self._listed("learned", "", most, _NUMBER, self._number_key)
            for number in numbers:
                # A half that a customer left behind: DynamoDB ends items one by one.
                self._delete(self._number_key(number))
                removed += 1
        return removed

    # --- requests --------------------------------------------------------------------------

    def _saved_action(self, key: Item, customer: Customer) -> dict[str, Any]:
        doc = {"S": write_customer(customer)}
        version = {"N": str(customer.version + 1)}
        if customer.version:
            return {
                "Update": {
                    "TableName": self._table,
                    "Key": key,
                    "UpdateExpression": "SET doc = :doc, v = :new, sv = :sv",
                    "ConditionExpression": "v = :old",
                    "ExpressionAttributeValues": {
                        ":doc": doc,
                        ":new": version,
                        ":old": {"N": str(customer.version)},
                        ":sv": {"N": SCHEMA},
                    },
                }
            }
        item = {
            **key,
            "type": {"S": "Customer"},
            "sv": {"N": SCHEMA},
            "doc": doc,
            "v": version,
            "n": {"N": "0"},
            "lpk": {"S": list_key(self.tenant, "customer", customer.code)},
            "lsk": {"S": customer.code},
        }
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _mark_action(self, code: str, delivery: str) -> dict[str, Any]:
        now = int(self._now())
        item = {
            **delivery_key(self.tenant, f"customer:{code}", delivery),
            "type": {"S": "Delivery"},
            "sv": {"N": SCHEMA},
            "expires_at": {"N": str(now + DELIVERY_S)},
        }
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
                "ExpressionAttributeValues": {":now": {"N": str(now)}},
            }
        }

    def _digits_actions(self, code: str, *, there: bool) -> list[dict[str, Any]]:
        """Return what makes a code found by its digits, or no longer so."""
        digits = code_digits(code)
        if not digits:
            return []
        key = digits_key(self.tenant, digits)
        item = self._item(key)
        codes = {*item["codes"]["SS"]} if item else set()
        left = codes | {code} if there else codes - {code}
        if left == codes:
            return []
        action: dict[str, Any] = {"TableName": self._table, "Key": key}
        action["ConditionExpression"] = "codes = :old" if item else "attribute_not_exists(pk)"
        if item:
            action["ExpressionAttributeValues"] = {":old": item["codes"]}
        if not left:
            return [{"Delete": action}]
        action["UpdateExpression"] = "SET codes = :new, sv = :sv, #type = :type"
        action["ExpressionAttributeNames"] = {"#type": "type"}
        action["ExpressionAttributeValues"] = {
            **action.get("ExpressionAttributeValues", {}),
            ":new": {"SS": sorted(left)},
            ":sv": {"N": SCHEMA},
            ":type": {"S": "Digits"},
        }
        return [{"Update": action}]

    def _loosen(self, pairs: Sequence[tuple[str, str]], change: Change) -> int:
        """Take associations away; return how many there were, counted from either side."""
        for attempt in range(ATTEMPTS):
            sides = self._stored(pairs)
            there = set(sides.bound) | {
                (number, one.code)
                for number, item in sides.numbers.items()
                for one in read_association_item(number, item)
            }
            gone = [pair for pair in dict.fromkeys(pairs) if pair in there]
            if not gone:
                return 0
            plan = Bindings(self._table, self.tenant, sides, self._now())
            for number, code in gone:
                plan.loosen(number, code)
                plan.note(code, change._replace(before=mask(number)))
            if not self._write(plan.actions()):
                return len(gone)
            self._rest(attempt)
        raise ThrottledError("contention")

    def _stored(self, pairs: Sequence[tuple[str, str]]) -> Sides:
        """Read what is stored of some associations, from both sides."""
        keys = [
            *(self._number_key(number) for number in dict.fromkeys(n for n, _ in pairs)),
            *(self._key(code) for code in dict.fromkeys(code for _, code in pairs)),
            *(self._bound_key(*pair) for pair in dict.fromkeys(pairs)),
        ]
        items = self._read(keys)
        customers, numbers = sort_items(items)
        bound = {
            (item["sk"]["S"].removeprefix("A#"), item["pk"]["S"].rpartition("#")[2])
            for item in items
            if item["sk"]["S"].startswith("A#")
        }
        return Sides(customers, numbers, bound)

    def _sides_of(self, code: str) -> Sides:
        """Read a customer and all that it is bound to."""
        key = self._key(code)
        numbers = self._learner.bound_to(code, time.monotonic() + TIMEOUT_S)
        items = self._read([key, *map(self._number_key, numbers)])
        return Sides(*sort_items(items), {(number, code) for number in numbers})

    def _delete_trail(self, code: str) -> None:
        payload: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": self._key(code)["pk"]},
            "ConsistentRead": True,
        }
        while True:
            answer = self._call("Query", payload)
            for item in answer["Items"]:
                self._delete({"pk": item["pk"], "sk": item["sk"]})
            if "LastEvaluatedKey" not in answer:
                return
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _listed(
        self,
        kind: str,
        cursor: str,
        limit: int,
        names: re.Pattern[str],
        key_of: Callable[[str], Item],
    ) -> tuple[list[str], str]:
        """Return a page of the names in a list, and the next page's cursor."""
        if not 1 <= limit <= MAX_KEYS:
            raise PayloadError("limit", f"a number from 1 to {MAX_KEYS}")
        shard, after = _read_cursor(cursor, names)
        found: list[str] = []
        while shard < SHARDS and len(found) < limit:
            lpk = {"S": shard_key(self.tenant, kind, shard)}
            payload: dict[str, Any] = {
                "TableName": self._table,
                "IndexName": LIST_INDEX,
                "KeyConditionExpression": "lpk = :lpk",
                "ExpressionAttributeValues": {":lpk": lpk},
                "Limit": limit - len(found),
            }
            if after:
                entry = {"lpk": lpk, "lsk": {"S": after}}
                payload["ExclusiveStartKey"] = key_of(after) | entry
            answer = self._call("Query", payload)
            found += (item["lsk"]["S"] for item in answer["Items"])
            after = answer.get("LastEvaluatedKey", {}).get("lsk", {}).get("S", "")
            if not after:
                shard += 1
        return found, _encode(f"{shard}.{after}" if shard < SHARDS else "")

    def _key(self, code: str) -> Item:
        if not CODE_PATTERN.fullmatch(code):
            raise PayloadError("code", "letters, digits and _, at most 40")
        return customer_key(self.tenant, code)

    def _number_key(self, number: str) -> Item:
        if not _NUMBER.fullmatch(number):
            raise PayloadError("number", "E.164, as +390244556677")
        return association_key(self.tenant, number)

    def _bound_key(self, number: str, code: str) -> Item:
        return customer_key(self.tenant, code, f"A#{number}")

    def _item(self, key: Item) -> Item | None:
        payload = {"TableName": self._table, "Key": key, "ConsistentRead": True}
        item: Item | None = self._call("GetItem", payload).get("Item")
        return item

    def _read(self, keys: Sequence[Item]) -> list[Item]:
        return read_now(self._call, self._table, keys)

    def _delete(self, key: Item) -> None:
        self._patiently("DeleteItem", {"TableName": self._table, "Key": key})

    def _patiently(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a write that has no condition, until nobody else is at its item."""
        for attempt in range(ATTEMPTS):
            try:
                return self._call(operation, payload)
            except AwsError as error:
                if not is_passing(error):
                    raise
            self._rest(attempt)
        raise ThrottledError("contention")

    def _write(self, actions: Iterable[dict[str, Any]]) -> tuple[str, ...]:
        """Send a transaction; return why it was refused, by action, nothing if it was not.

        A transaction even for one item: its token makes the client's second attempt harmless.
        """
        payload = {
            "TransactItems": [*actions],
            "ClientRequestToken": secrets.token_urlsafe(12),
        }
        try:
            self._call("TransactWriteItems", payload)
        except AwsError as error:
            if "ConditionalCheckFailed" in error.reasons or is_passing(error):
                return error.reasons or (error.code,)
            raise
        return ()

    def _rest(self, attempt: int) -> None:
        longest = min(LONGEST_PAUSE_S, 0.01 * 2**attempt)
        self._pause(random.uniform(0, longest))  # noqa: S311 - jitter is no secret

    def _call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        return self._client.call(operation, payload, timeout_s=TIMEOUT_S)


def _read_change(item: Item) -> Change:
    at = int(item["sk"]["S"].split("#")[1])
    return Change(at, *json.loads(item["doc"]["S"])[: len(Change._fields) - 1])


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, names: re.Pattern[str]) -> tuple[int, str]:
    """Return the shard and the name that a page begins after."""
    if not cursor:
        return 0, ""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    match = _CURSOR.fullmatch(text)
    if not match or int(match[1]) >= SHARDS or (match[2] and not names.fullmatch(match[2])):
        raise PayloadError("cursor", "the cursor of the page before")
    return int(match[1]), match[2]
