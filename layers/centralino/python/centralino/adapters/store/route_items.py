"""The items that a call reads and writes to be routed: their keys, and how they are spelled.

`adapters/store/table.py` is the table's one page; this is the part of it that only routing needs,
apart so that a lookup doesn't wait for it. Whoever writes these items elsewhere does it with what
is here.
"""

from __future__ import annotations

import hashlib
import json

from centralino.adapters.store.table import SCHEMA, SHARDS, dump, tenant_key
from centralino.domain.customer import Customer, History, Learned, Purchase
from centralino.domain.decision import Decision, Kept, Passed
from centralino.domain.destination import Destination
from centralino.domain.record import TYPE_CHECKING
from centralino.domain.routing import read_routing
from centralino.ports.route_read import Talk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from centralino.adapters.store.table import Item, Value
    from centralino.domain.routing import Routing

HISTORY_S = 400 * 86_400
TALK_S = 3_600
# A decision of more characters is packed.
LONG = 4_096
_load = json.JSONDecoder().decode
_NOTHING: Mapping[str, str] = {"N": "0", "S": ""}


def routing_key(tenant: str) -> Item:
    """Return the key of a tenant's routing, compiled and as it was written."""
    return tenant_key(tenant, "ROUTING")


def customer_key(tenant: str, code: str, sk: str = "K") -> Item:
    """Return the key of a customer, or of another item beside it: `H`, its history."""
    return {"pk": {"S": f"T#{tenant}#K#{code}"}, "sk": {"S": sk}}


def digits_key(tenant: str, digits: str) -> Item:
    """Return the key of the codes that have the same digits: a keypad has no letters."""
    return {"pk": {"S": f"T#{tenant}#D#{digits}"}, "sk": {"S": "D"}}


def association_key(tenant: str, number: str) -> Item:
    """Return the key of what a number was learned to be."""
    return {"pk": {"S": f"T#{tenant}#A#{number}"}, "sk": {"S": "A"}}


def association_attribute(code: str) -> str:
    """Return the name of the attribute that holds a customer code learned."""
    return f"k:{code}"


def history_key(tenant: str, number: str) -> Item:
    """Return the key of the earlier calls from a number."""
    return {"pk": {"S": f"T#{tenant}#H#{number}"}, "sk": {"S": "H"}}


def talk_key(tenant: str, call_id: str) -> Item:
    """Return the key of a conversation."""
    return {"pk": {"S": f"T#{tenant}#V#{_digest(call_id)}"}, "sk": {"S": "V"}}


def decision_key(tenant: str, call_id: str) -> Item:
    """Return the key of what was decided of a call."""
    return {"pk": {"S": f"T#{tenant}#J#{_digest(call_id)}"}, "sk": {"S": "J"}}


def _digest(call_id: str) -> str:
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()


def read_routing_item(item: Mapping[str, Value]) -> Routing:
    """Build routing from its item."""
    return read_routing(_load(item["doc"]["S"]))


def write_customer(customer: Customer) -> str:
    """Return a customer as its item's `doc`; code and version are elsewhere in the item."""
    fields = customer._asdict()
    del fields["code"], fields["version"]
    fields["purchases"] = [[*purchase] for purchase in customer.purchases]
    defaults = Customer._field_defaults
    return dump({name: value for name, value in fields.items() if value != defaults[name]})


def read_customer_item(code: str, item: Mapping[str, Value]) -> Customer:
    """Build a customer from its item; newer code may have added to it."""
    stored = _load(item["doc"]["S"])
    known = {name: stored[name] for name in Customer._fields if name in stored}
    known["tags"] = tuple(known.get("tags", ()))
    known["purchases"] = tuple(
        Purchase(what, on, tuple(tags)) for what, on, tags in known.get("purchases", ())
    )
    known["code"] = code
    known["version"] = int(item["v"]["N"])
    return Customer(**known)


def write_learned(learned: Learned) -> str:
    """Return an association as an item keeps it, without number and code."""
    return dump(learned[2:])


def read_learned(number: str, code: str, text: str) -> Learned:
    """Build an association from what `write_learned` made."""
    return Learned(number, code, *_load(text)[: len(Learned._fields) - 2])


def read_association_item(number: str, item: Mapping[str, Value]) -> tuple[Learned, ...]:
    """Build the associations of a number from their item.

    When one was used last is an attribute of its own, `u:<code>`, once that was noted.
    """
    found = []
    for name, value in item.items():
        if name[:2] == "k:":
            learned = read_learned(number, name[2:], value["S"])
            used = item.get(f"u:{learned.code}")
            found.append(learned._replace(used_at=int(used["N"])) if used else learned)
    return tuple(found)


def read_history(item: Mapping[str, Value]) -> History:
    """Build a history from its item: calls are counted by day, and the latest day counts."""
    day = max((name[2:] for name in item if name[:2] == "c:"), default="")
    return History(
        day=day,
        calls=int(item[f"c:{day}"]["N"]) if day else 0,
        last_at=int(item.get("last_at", _NOTHING)["N"]),
        agent=item.get("agent", _NOTHING)["S"],
        agent_at=int(item.get("agent_at", _NOTHING)["N"]),
        ticket=item.get("ticket", _NOTHING)["S"],
    )


class HistoryUpdate:
    """An update of a history: what UpdateItem, and Update in a transaction, are given.

    It has no condition, so two calls at once both count; a day that is over is taken away by the
    next call.

    Args:
        table: the table's name.
        key: `history_key`, or a customer's with `H`.
        at: seconds since 1970.
    """

    def __init__(self, table: str, key: Item, at: int) -> None:
        self._table = table
        self._key = key
        self._set = ["sv = :sv", "#type = :type", "expires_at = :end"]
        self._more = ""
        self._names = {"#type": "type"}
        self._values: dict[str, Value] = {
            ":sv": {"N": SCHEMA},
            ":type": {"S": "History"},
            ":end": {"N": str(at + HISTORY_S)},
        }
        _, tenant, kind, number = key["pk"]["S"].split("#", 3)
        if kind == "H":
            # A customer's is found by the customer; this one by the list alone.
            self._put("lpk", {"S": list_key(tenant, "history", number)})
            self._put("lsk", {"S": number})

    def call(self, at: int, day: str, before: str = "") -> HistoryUpdate:
        """Count a call.

        Args:
            at: seconds since 1970.
            day: the tenant's date.
            before: the day that was counted until now.
        """
        self._put("last_at", {"N": str(at)})
        self._names["#day"] = f"c:{day}"
        self._values[":one"] = {"N": "1"}
        if before and before != day:
            self._names["#before"] = f"c:{before}"
            self._more += " REMOVE #before"
        self._more += " ADD #day :one"
        return self

    def answered(self, exten: str, at: int) -> HistoryUpdate:
        """Say who spoke to the caller, and when."""
        self._put("agent", {"S": exten})
        self._put("agent_at", {"N": str(at)})
        return self

    def ticket(self, ticket: str) -> HistoryUpdate:
        """Say which ticket is open; an empty one is none."""
        self._put("ticket", {"S": ticket})
        return self

    def _put(self, name: str, value: Value) -> None:
        # By a placeholder: `agent` is one of DynamoDB's own words.
        self._set.append(f"#{name} = :{name}")
        self._names[f"#{name}"] = name
        self._values[f":{name}"] = value

    def payload(self) -> dict[str, Any]:
        """Return the parameters."""
        return {
            "TableName": self._table,
            "Key": self._key,
            "UpdateExpression": f"SET {', '.join(self._set)}{self._more}",
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }


def list_key(tenant: str, kind: str, name: str) -> str:
    """Return the partition of the list index that an item of this name is in."""
    import zlib  # noqa: PLC0415 - not before something is written

    return f"T#{tenant}#L#{kind}#{zlib.crc32(name.encode()) % SHARDS}"


def write_talk(talk: Talk) -> str:
    """Return a conversation as its item's `doc`; its version is elsewhere in the item."""
    return dump(talk._replace(version=0))


def read_talk(item: Mapping[str, Value]) -> Talk:
    """Build a conversation from its item; newer code may have added to its end."""
    values = _load(item["doc"]["S"])[: len(Talk._fields)]
    return Talk(*values)._replace(version=int(item["v"]["N"]))


def write_kept(kept: Kept) -> str:
    """Return a decision as its item's `doc`: JSON, packed if it is long.

    The facts have a row for each agent, some 250 bytes of nearly the same words; every call is
    billed by the size of what it keeps. Packed it is `z` and the base64 of zlib's.
    """
    text = dump({**kept._asdict(), "decision": [*kept.decision]})
    if len(text) <= LONG:
        return text
    import base64  # noqa: PLC0415 - few tenants have so many agents
    import zlib  # noqa: PLC0415 - the same

    packed = zlib.compress(text.encode("utf-8", "replace"), level=1)
    return f"z{base64.b64encode(packed).decode()}"


def read_kept(text: str) -> Kept:
    """Build a decision from what `write_kept` made; newer code may have added to it."""
    if text.startswith("z"):
        import base64  # noqa: PLC0415 - as above
        import zlib  # noqa: PLC0415 - as above

        text = zlib.decompress(base64.b64decode(text[1:])).decode()
    stored = _load(text)
    destination, agents, *rest = stored["decision"][: len(Decision._fields)]
    decision = Decision(Destination(*destination), tuple(agents), *rest)
    known = {name: stored[name] for name in Kept._fields if name in stored}
    known["decision"] = decision._replace(passed=tuple(Passed(*told) for told in decision.passed))
    return Kept(**known)
