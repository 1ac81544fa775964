"""Learning a number in DynamoDB, on the call path: a code was typed, and the caller waits.

What was learned is stored twice, with the number and with the customer, and both change in one
TransactWriteItems. Two conditions hold it together: `r`, a random word of the number's item that
every change of its associations renews, and `n`, the customer's count of them, which has to be that
of what was read. Whoever was slower looks again.
"""

from __future__ import annotations

import os
import time

from centralino.adapters.aws import AwsError
from centralino.adapters.store.route_items import (
    association_attribute,
    association_key,
    customer_key,
    list_key,
    read_association_item,
    write_learned,
)
from centralino.adapters.store.table import SCHEMA
from centralino.domain.errors import ThrottledError, UnavailableError
from centralino.domain.number import mask
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.ports.customers import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Any

    from centralino.adapters.store.sender import Sender
    from centralino.adapters.store.table import Item
    from centralino.domain.customer import Learned
    from centralino.ports.customers import Lesson

TIMEOUT_S = 5.0
ATTEMPTS = 30
# Longer than any association is believed without being used (`domain/learning.py`).
ASSOCIATION_S = 400 * 86_400
TRAIL_S = 2 * 365 * 86_400
MAX_KEYS = 100  # of one BatchGetItem
# Refused because others were at it.
_PASSING = {
    "ConditionalCheckFailed",
    "ConditionalCheckFailedException",
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_BOUND = "A#"


class Sides(NamedTuple):
    """Both sides of some associations, as they were read.

    Attributes:
        customers: code -> the customer's item; absent codes are left out.
        numbers: number -> its item; a number without associations is left out.
        bound: (number, code) of what is stored with the customers.
    """

    customers: Mapping[str, Item]
    numbers: Mapping[str, Item]
    bound: Collection[tuple[str, str]]


class Bindings:
    """One transaction that binds numbers to customers and takes such associations away.

    Args:
        table: the table's name.
        tenant: the tenant's id.
        sides: what is stored, of every number and code that is touched.
        now_s: the time, seconds since 1970.
    """

    def __init__(self, table: str, tenant: str, sides: Sides, now_s: float) -> None:
        self._table = table
        self._tenant = tenant
        self._sides = sides
        self._now_s = now_s
        self._bound: dict[tuple[str, str], Learned] = {}
        self._loosened: dict[tuple[str, str], None] = {}
        self._changes: list[tuple[str, Change]] = []

    def bind(self, learned: Learned) -> None:
        """Bind a number to a customer; in the place of the same association, if there is one."""
        self._bound[learned.number, learned.code] = learned

    def loosen(self, number: str, code: str) -> None:
        """Take an association away; half of one, too: DynamoDB ends items one by one."""
        self._loosened[number, code] = None

    def note(self, code: str, change: Change) -> None:
        """Write a line into a customer's audit trail."""
        self._changes.append((code, change))

    def actions(self, *, leaving: str = "") -> list[dict[str, Any]]:
        """Return the transaction's actions.

        Args:
            leaving: a customer whose item somebody else deletes in this transaction.
        """
        touched = dict.fromkeys([*self._bound, *self._loosened])
        actions = [self._number_action(number) for number in dict.fromkeys(n for n, _ in touched)]
        actions += [
            self._customer_action(code)
            for code in dict.fromkeys(code for _, code in touched)
            if code != leaving and code in self._sides.customers
        ]
        for number, code in touched:
            actions += self._bound_actions(number, code)
        actions += [
            put_change(self._table, self._tenant, code, change) for code, change in self._changes
        ]
        return [action for action in actions if action]

    def _number_action(self, number: str) -> dict[str, Any]:
        """Return what becomes of a number's item: another random word, and no empty ones."""
        item = self._sides.numbers.get(number, {})
        there = {one.code: one for one in read_association_item(number, item)}
        added = {code: one for (to, code), one in self._bound.items() if to == number}
        gone = [code for to, code in self._loosened if to == number and code in there]
        if not added and not gone:
            return {}
        action: dict[str, Any] = {
            "TableName": self._table,
            "Key": association_key(self._tenant, number),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        if item:
            action["ConditionExpression"] = "r = :r"
            values[":r"] = item["r"]
        for place, code in enumerate(gone):
            # It may be used in this very moment, and then it isn't old any more.
            name = f"#u{place}"
            names[name] = f"u:{code}"
            action["ConditionExpression"] += f" AND {name} = :u{place}"
            values[f":u{place}"] = item[f"u:{code}"]
        if set(there) == set(gone) and not added:
            if names:
                action["ExpressionAttributeNames"] = names
            action["ExpressionAttributeValues"] = values
            return {"Delete": action}
        sets = ["r = :new", "sv = :sv", "#type = :type", "lpk = :lpk", "lsk = :lsk"]
        names["#type"] = "type"
        values |= {
            ":new": {"S": os.urandom(9).hex()},
            ":sv": {"N": SCHEMA},
            ":type": {"S": "Association"},
            ":lpk": {"S": list_key(self._tenant, "learned", number)},
            ":lsk": {"S": number},
        }
        for place, (code, learned) in enumerate(added.items()):
            names |= {f"#k{place}": association_attribute(code), f"#a{place}": f"u:{code}"}
            values |= {
                f":k{place}": {"S": write_learned(learned)},
                f":a{place}": {"N": str(learned.used_at)},
            }
            sets += [f"#k{place} = :k{place}", f"#a{place} = :a{place}"]
        if added:
            sets.append("expires_at = :end")
            values[":end"] = {"N": str(int(self._now_s) + ASSOCIATION_S)}
        removes = []
        for place, code in enumerate(gone):
            names[f"#g{place}"] = association_attribute(code)
            removes += [f"#g{place}", f"#u{place}"]
        action["UpdateExpression"] = f"SET {', '.join(sets)}"
        if removes:
            action["UpdateExpression"] += f" REMOVE {', '.join(removes)}"
        return {
            "Update": {
                **action,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }

    def _customer_action(self, code: str) -> dict[str, Any]:
        item = self._sides.customers[code]
        bound = self._sides.bound
        more = sum(to == code and (number, to) not in bound for number, to in self._bound)
        less = sum(to == code and (number, to) in bound for number, to in self._loosened)
        return {
            "Update": {
                "TableName": self._table,
                "Key": customer_key(self._tenant, code),
                "UpdateExpression": "SET n = :new",
                "ConditionExpression": "n = :old",
                "ExpressionAttributeValues": {
                    ":new": {"N": str(int(item["n"]["N"]) + more - less)},
                    ":old": item["n"],
                },
            }
        }

    def _bound_actions(self, number: str, code: str) -> list[dict[str, Any]]:
        """Return what becomes of an association where it is stored with the customer."""
        key = customer_key(self._tenant, code, f"{_BOUND}{number}")
        there = (number, code) in self._sides.bound
        condition = f"attribute{'' if there else '_not'}_exists(pk)"
        action: dict[str, Any] = {"TableName": self._table, "ConditionExpression": condition}
        learned = self._bound.get((number, code))
        if learned is None:
            return [{"Delete": {**action, "Key": key}}] if there else []
        item = {
            **key,
            "type": {"S": "Learned"},
            "sv": {"N": SCHEMA},
            "doc": {"S": write_learned(learned)},
        }
        return [{"Put": {**action, "Item": item}}]


class DynamoLearner:
    """Learns numbers of one tenant's customers; see `ports/customers.py`.

    Args:
        client: sends a request to DynamoDB.
        table: the table's name.
        tenant: the tenant's id.
        now: the time, seconds since 1970.
        pause: waits some seconds.
        clock: any time that only goes forward, seconds.
    """

    def __init__(  # noqa: PLR0913 - what it is built from
        self,
        client: Sender,
        table: str,
        tenant: str,
        *,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._table = table
        self._tenant = tenant
        self._now = now
        self._pause = pause
        self._clock = clock

    def learn(
        self, learned: Learned, *, most: int, expired_before: int, timeout_s: float = TIMEOUT_S
    ) -> Lesson:
        """Bind a number to a customer, all or nothing; see the port."""
        limit = self._clock() + timeout_s
        for attempt in range(ATTEMPTS):
            sides = self._sides_of(learned, limit)
            if learned.code not in sides.customers:
                return "absent"
            if is_whole(sides, learned.code):
                lesson, actions = self._plan(learned, sides, most, expired_before)
                if not actions or self._write(actions, limit):
                    return lesson
            self._pause(min(0.2, 0.01 * 2**attempt) * os.urandom(1)[0] / 255)
        raise ThrottledError("contention")

    def _plan(
        self, learned: Learned, sides: Sides, most: int, expired_before: int
    ) -> tuple[Lesson, list[dict[str, Any]]]:
        """Return what is to become of a code that was typed, and the actions that it takes."""
        number, code = learned.number, learned.code
        live: set[tuple[str, str]] = set()
        for stored, item in sides.numbers.items():
            for one in read_association_item(stored, item):
                if one.used_at >= expired_before:
                    live.add((stored, one.code))
                    if (stored, one.code) == (number, code):
                        return "known", note_use(self._table, self._tenant, one, self._now())
        plan = Bindings(self._table, self._tenant, sides, self._now())
        at = int(self._now() * 1000)
        rivals = {one.code for one in read_association_item(number, sides.numbers.get(number, {}))}
        known = {*sides.bound, *((number, rival) for rival in rivals)}
        for old in sorted(known - live):
            if old != (number, code):
                plan.loosen(*old)
            plan.note(old[1], Change(at, "unused", "forgotten", mask(old[0])))
        if sum(to == code for _, to in live) >= most:
            if (number, code) in known:
                plan.loosen(number, code)
            return "full", plan.actions()
        plan.bind(learned)
        note = f"node {learned.node}" if learned.node else ""
        plan.note(code, Change(at, "caller", "learned", "", mask(number), note))
        conflict = any(to == number and other != code for to, other in live)
        return "conflict" if conflict else "learned", plan.actions()

    def _sides_of(self, learned: Learned, limit: float) -> Sides:
        """Read all that the number and the customer are bound to."""
        number, code = learned.number, learned.code
        bound = {(to, code) for to in self.bound_to(code, limit)}
        keys = [
            customer_key(self._tenant, code),
            *(
                association_key(self._tenant, to)
                for to in dict.fromkeys([number, *(to for to, _ in sorted(bound))])
            ),
        ]
        customers, numbers = sort_items(self._read(keys, limit))
        item = numbers.get(number, {})
        rivals = {one.code for one in read_association_item(number, item)} - {code}
        if rivals:
            # Whether theirs ran out isn't known here; what they are stored with is needed then.
            more = [customer_key(self._tenant, rival) for rival in sorted(rivals)]
            sides = [customer_key(self._tenant, rival, f"{_BOUND}{number}") for rival in rivals]
            items = self._read([*more, *sides], limit)
            customers |= sort_items(items)[0]
            bound |= {
                (number, item["pk"]["S"].rpartition("#")[2])
                for item in items
                if item["sk"]["S"] != "K"
            }
        return Sides(customers, numbers, bound)

    def bound_to(self, code: str, limit: float) -> list[str]:
        """Return the numbers that are stored with a customer, as they are now.

        Args:
            code: the customer's.
            limit: until when, as the clock has it.
        """
        payload: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {
                ":pk": customer_key(self._tenant, code)["pk"],
                ":sk": {"S": _BOUND},
            },
            "ConsistentRead": True,
        }
        numbers: list[str] = []
        while True:
            answer = self._call("Query", payload, limit)
            numbers += (item["sk"]["S"].removeprefix(_BOUND) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return numbers
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _read(self, keys: Sequence[Item], limit: float) -> list[Item]:
        return read_now(lambda op, payload: self._call(op, payload, limit), self._table, keys)

    def _write(self, actions: Sequence[dict[str, Any]], limit: float) -> bool:
        payload = {"TransactItems": [*actions], "ClientRequestToken": os.urandom(12).hex()}
        try:
            self._call("TransactWriteItems", payload, limit)
        except AwsError as error:
            if is_taken(error):
                return False
            raise
        return True

    def _call(self, operation: str, payload: dict[str, Any], limit: float) -> dict[str, Any]:
        left = limit - self._clock()
        if left <= 0:
            raise UnavailableError("timeout")
        return self._client.call(operation, payload, timeout_s=left)


def note_use(table: str, tenant: str, learned: Learned, now_s: float) -> list[dict[str, Any]]:
    """Return the action that notes a use of an association; none if that was noted today.

    It has a condition, that the association is still there: in a transaction with other actions
    it would hold them up where somebody has just taken it away.

    Args:
        table: the table's name.
        tenant: the tenant's id.
        learned: the association, as it was read.
        now_s: the time, seconds since 1970.
    """
    from centralino.domain.learning import is_to_be_noted  # noqa: PLC0415 - most calls have none

    if not is_to_be_noted(learned, now_s):
        return []
    return [
        {
            "Update": {
                "TableName": table,
                "Key": association_key(tenant, learned.number),
                "UpdateExpression": "SET #u = :now, expires_at = :end",
                "ConditionExpression": "attribute_exists(#k)",
                "ExpressionAttributeNames": {
                    "#u": f"u:{learned.code}",
                    "#k": association_attribute(learned.code),
                },
                "ExpressionAttributeValues": {
                    ":now": {"N": str(int(now_s))},
                    ":end": {"N": str(int(now_s) + ASSOCIATION_S)},
                },
            }
        }
    ]


def put_change(table: str, tenant: str, code: str, change: Change) -> dict[str, Any]:
    """Return the action that writes a line into a customer's audit trail."""
    from centralino.adapters.store.table import dump  # noqa: PLC0415 - not before one is written

    key = customer_key(tenant, code, f"T#{change.at:014}#{os.urandom(6).hex()}")
    item = {
        **key,
        "type": {"S": "Change"},
        "sv": {"N": SCHEMA},
        "doc": {"S": dump(change[1:])},
        "expires_at": {"N": str(change.at // 1000 + TRAIL_S)},
    }
    return {"Put": {"TableName": table, "Item": item}}


def is_taken(error: AwsError) -> bool:
    """Tell whether a transaction was refused because somebody else was faster."""
    return error.code in _PASSING or not _PASSING.isdisjoint(error.reasons)


def read_now(
    call: Callable[[str, dict[str, Any]], dict[str, Any]], table: str, keys: Sequence[Item]
) -> list[Item]:
    """Read items as they are at this moment.

    Args:
        call: sends a request: the operation and its parameters.
        table: the table's name.
        keys: of which each is there once.

    Raises:
        ThrottledError: some were left unprocessed, several times.
    """
    items: list[Item] = []
    for start in range(0, len(keys), MAX_KEYS):
        left = [*keys[start : start + MAX_KEYS]]
        for _ in range(ATTEMPTS):
            wanted = {"RequestItems": {table: {"Keys": left, "ConsistentRead": True}}}
            answer = call("BatchGetItem", wanted)
            items += answer["Responses"].get(table, ())
            left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if not left:
                break
        else:
            raise ThrottledError("unprocessed")
    return items


def is_whole(sides: Sides, code: str) -> bool:
    """Tell whether a customer's associations were read as it counts them.

    They are not read in one moment: somebody may have learned in between, and a transaction that
    is held by the count alone would not know.
    """
    return int(sides.customers[code]["n"]["N"]) == sum(to == code for _, to in sides.bound)


def sort_items(items: Iterable[Item]) -> tuple[dict[str, Item], dict[str, Item]]:
    """Return customers' items by code, and numbers' by number."""
    customers: dict[str, Item] = {}
    numbers: dict[str, Item] = {}
    for item in items:
        name = item["pk"]["S"].rpartition("#")[2]
        if item["sk"]["S"] == "K":
            customers[name] = item
        elif item["sk"]["S"] == "A":
            numbers[name] = item
    return customers, numbers
