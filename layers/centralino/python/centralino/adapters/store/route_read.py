"""The store of calls that are routed: the lookup's one read with more in it, and the customer."""

from __future__ import annotations

import os
import time

from centralino.adapters.aws import AwsError
from centralino.adapters.store.agent_item import agents_key, read_agents
from centralino.adapters.store.dynamo import DynamoCallStore, dump_key, keys_of, understand
from centralino.adapters.store.route_items import (
    TALK_S,
    HistoryUpdate,
    association_key,
    customer_key,
    digits_key,
    history_key,
    read_association_item,
    read_customer_item,
    read_history,
    read_routing_item,
    read_talk,
    routing_key,
    talk_key,
    write_talk,
)
from centralino.adapters.store.table import SCHEMA
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.call_read import Read
from centralino.ports.route_read import CustomerRead, Found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from centralino.adapters.store.sender import TextSender
    from centralino.adapters.store.table import Item
    from centralino.domain.customer import Customer, History, Learned
    from centralino.domain.routing import Routing
    from centralino.ports.route_read import Beside, Talk

_MALFORMED = (AttributeError, KeyError, TypeError, ValueError)
# What the lookup's own read understands.
_CARDS = ("N", "SETTINGS", "X")


class DynamoRouteStore(DynamoCallStore):
    """Reads what routes a call, of any tenant; writes conversations and nothing else.

    Args:
        client: sends a request to DynamoDB.
        table: the table's name.
        default: the routing of a tenant that wrote none.
        now: the time, seconds since 1970.
    """

    def __init__(
        self, client: TextSender, table: str, default: Routing, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(client, table)
        self._default = default
        self._now = now

    def read(  # noqa: PLR0913 - the port's
        self,
        tenant: str,
        numbers: Sequence[str],
        *,
        key_hash: str = "",
        caller: str = "",
        timeout_s: float,
        beside: Beside | None = None,
    ) -> Read:
        """Read cards and what is asked for beside them; see the ports.

        Eventually consistent: what a call must find at once is read by `customers`.
        """
        keys = keys_of(tenant, numbers, key_hash, caller)
        if key_hash:
            keys.append(dump_key(routing_key(tenant)))
        if beside:
            keys += map(dump_key, _beside_keys(tenant, beside))
        if not keys:
            return Read({}, None, complete=True, beside=Found() if beside else None)
        answer = self._ask(keys, timeout_s)
        try:
            items, unread = self._parts(answer)
            return self._understood(tenant, items, unread, key_hash, beside)
        except _MALFORMED as error:
            raise UnavailableError("malformed") from error

    def _understood(
        self,
        tenant: str,
        items: Sequence[Item],
        unread: Sequence[Item],
        key_hash: str,
        beside: Beside | None,
    ) -> Read:
        ours: list[Item] = []
        cards: list[Item] = []
        routing = self._default
        for item in items:
            sk = item["sk"]["S"]
            if sk in _CARDS or sk.startswith("KEY#"):
                cards.append(item)
            elif sk == "ROUTING":
                routing = read_routing_item(item)
            else:
                ours.append(item)
        read = understand(tenant, cards, unread, with_tenant=bool(key_hash))
        if read.tenant:
            read = read._replace(tenant=read.tenant._replace(routing=routing))
        if beside:
            read = read._replace(beside=self._found(ours))
        return read

    def _found(self, items: Sequence[Item]) -> Found:
        now = self._now()
        learned: dict[str, Sequence[Learned]] = {}
        history: dict[str, History] = {}
        customers: dict[str, Customer] = {}
        spelled: dict[str, Sequence[str]] = {}
        found = Found()
        for item in items:
            sk = item["sk"]["S"]
            name = item["pk"]["S"].rpartition("#")[2]
            if sk == "AGENTS":
                found = found._replace(agents=read_agents(item))
            elif sk == "K":
                customers[name] = read_customer_item(name, item)
            elif sk == "D":
                spelled[name] = tuple(sorted(item["codes"]["SS"]))
            elif _has_ended(item, now):
                continue
            elif sk == "A":
                learned[name] = read_association_item(name, item)
            elif sk == "H":
                history[name] = read_history(item)
            else:
                found = found._replace(talk=read_talk(item))
        return found._replace(
            learned=learned, history=history, customers=customers, spelled=spelled
        )

    def customers(
        self, tenant: str, codes: Sequence[str], *, timeout_s: float
    ) -> Mapping[str, CustomerRead]:
        """Read customers with their history; see the port."""
        codes = tuple(dict.fromkeys(codes))
        keys = [dump_key(customer_key(tenant, code, sk)) for code in codes for sk in ("K", "H")]
        if not keys:
            return {}
        answer = self._ask(keys, timeout_s, ',"ConsistentRead":true')
        read = {code: CustomerRead(None) for code in codes}
        try:
            items, unread = self._parts(answer)
            for item in items:
                code = item["pk"]["S"].rpartition("#")[2]
                if item["sk"]["S"] == "K":
                    read[code] = read[code]._replace(customer=read_customer_item(code, item))
                elif not _has_ended(item, self._now()):
                    read[code] = read[code]._replace(history=read_history(item))
        except _MALFORMED as error:
            raise UnavailableError("malformed") from error
        if unread:
            raise ThrottledError("unprocessed")
        return read

    def save_talk(self, tenant: str, call_id: str, talk: Talk, *, timeout_s: float) -> bool:
        """Save a conversation over the version that it names; see the port.

        An attempt that was lost on its way back is told from another turn by what it wrote.
        """
        key = talk_key(tenant, call_id)
        doc = write_talk(talk)
        values: dict[str, Any] = {":before": {"N": str(talk.version)}, ":doc": {"S": doc}}
        values[":version"] = {"N": str(talk.version + 1)}
        absent = ""
        if talk.version == 0:
            # One that has run out isn't read any more, and may be there for days.
            absent = "attribute_not_exists(pk) OR expires_at <= :now OR "
            values[":now"] = {"N": str(int(self._now()))}
        payload = {
            "TableName": self._table,
            "Item": {
                **key,
                "type": {"S": "Talk"},
                "sv": {"N": SCHEMA},
                "doc": {"S": doc},
                "v": {"N": str(talk.version + 1)},
                "expires_at": {"N": str(int(self._now()) + TALK_S)},
            },
            "ConditionExpression": f"{absent}v = :before OR (v = :version AND doc = :doc)",
            "ExpressionAttributeValues": values,
        }
        try:
            self._client.call("PutItem", payload, timeout_s=timeout_s)
        except AwsError as error:
            if error.code == "ConditionalCheckFailedException":
                return False
            raise RejectedError(error.code) from error
        return True

    def answered(  # noqa: PLR0913 - the port's
        self, tenant: str, *, number: str, code: str, exten: str, at: int, timeout_s: float
    ) -> None:
        """Note who spoke to a caller; see the port."""
        keys = [history_key(tenant, number)] if number else []
        if code:
            keys.append(customer_key(tenant, code, "H"))
        updates = [HistoryUpdate(self._table, key, at).answered(exten, at) for key in keys]
        if not updates:
            return
        payload = {
            "TransactItems": [{"Update": update.payload()} for update in updates],
            "ClientRequestToken": os.urandom(16).hex(),
        }
        try:
            self._client.call("TransactWriteItems", payload, timeout_s=timeout_s)
        except AwsError as error:
            if error.reasons:
                raise ThrottledError("contention") from error
            raise RejectedError(error.code) from error


def _beside_keys(tenant: str, beside: Beside) -> list[Item]:
    keys: list[Item] = []
    for number in dict.fromkeys(beside.numbers):
        keys += (association_key(tenant, number), history_key(tenant, number))
    if beside.agents:
        keys.append(agents_key(tenant))
    if beside.call_id:
        keys.append(talk_key(tenant, beside.call_id))
    for code in dict.fromkeys(beside.codes):
        keys.append(customer_key(tenant, code))
        if code.isascii() and code.isdigit():
            keys.append(digits_key(tenant, code))
    return keys


def _has_ended(item: Item, now: float) -> bool:
    """Tell whether an item has run out; DynamoDB takes those away days later."""
    return float(item.get("expires_at", {"N": "inf"})["N"]) <= now
