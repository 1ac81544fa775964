"""One tenant's agents in DynamoDB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import AwsError
from centralino.adapters.store.agent_item import agents_key, read_agents, write_agent
from centralino.adapters.store.one_tenant import CONDITION_FAILED, TIMEOUT_S, OneTenant
from centralino.adapters.store.table import SCHEMA, tenant_key
from centralino.domain.errors import ConflictError, NotFoundError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from centralino.adapters.store.table import Value
    from centralino.domain.agent import Agent

# Together they are far below the 400 KB that an item may have, states included.
MAX_AGENTS = 250
MAX_BYTES = 1_200
_NAMES = re.compile(r"#\w+")


class DynamoAgentStore(OneTenant):
    """The agents of one tenant; see the port."""

    def all(self) -> Sequence[Agent]:
        """Return all agents, by exten, read consistently; see the port."""
        payload = {
            "TableName": self._table,
            "Key": agents_key(self.tenant),
            "ConsistentRead": True,
        }
        item = self._client.call("GetItem", payload, timeout_s=TIMEOUT_S).get("Item", {})
        return [agent for _, agent in sorted(read_agents(item).items())]

    def save(self, agent: Agent) -> bool:
        """Create or replace an agent; see the port."""
        doc = write_agent(agent)
        if len(doc.encode()) > MAX_BYTES:
            raise PayloadError("agent", f"at most {MAX_BYTES} bytes of JSON")
        replace = self._update(
            agent.exten, "SET #a = :doc", "attribute_exists(#a)", {":doc": {"S": doc}}
        )
        if not self._transact([{"Update": replace}]):
            return False
        create = self._update(
            agent.exten,
            "SET #a = :doc, #s = :state, #t = :at, #l = :load, #type = :type, sv = :sv ADD n :one",
            "attribute_not_exists(#a) AND (attribute_not_exists(n) OR n < :most)",
            {
                ":doc": {"S": doc},
                ":state": {"S": agent.state},
                ":at": {"N": str(int(self._now()))},
                ":load": {"N": "0"},
                ":type": {"S": "Agents"},
                ":sv": {"N": SCHEMA},
                ":one": {"N": "1"},
                ":most": {"N": str(MAX_AGENTS)},
            },
        )
        # An erased tenant gets no agents any more.
        check = {
            "TableName": self._table,
            "Key": tenant_key(self.tenant),
            "ConditionExpression": "attribute_exists(doc)",
        }
        refused = self._transact([{"ConditionCheck": check}, {"Update": create}])
        if not refused:
            return True
        if refused[0] == CONDITION_FAILED:
            raise NotFoundError(f"there is no tenant {self.tenant}")
        # Somebody else created the agent just now, or there is no room for another one.
        if not self._transact([{"Update": replace}]):
            return False
        raise ConflictError(f"there are {MAX_AGENTS} agents, which is as many as there may be")

    def set_state(self, exten: str, state: str, *, at: int, load: int | None = None) -> bool:
        """Say whether an agent is available; see the port.

        Said again, a state has begun when it was said first.
        """
        more, values = "", {}
        if load is not None:
            more, values = ", #l = :load", {":load": {"N": str(load)}}
        same = self._update(
            exten,
            f"SET #s = :state{more}",
            "attribute_exists(#a) AND #s = :state",
            {":state": {"S": state}, **values},
        )
        other = self._update(
            exten,
            f"SET #s = :state, #t = :at{more}",
            "attribute_exists(#a)",
            {":state": {"S": state}, ":at": {"N": str(at)}, **values},
        )
        return self._set(same) or self._set(other)

    def delete(self, exten: str) -> bool:
        """Delete an agent; see the port."""
        delete = self._update(
            exten,
            "REMOVE #a, #s, #t, #l ADD n :less",
            "attribute_exists(#a)",
            {":less": {"N": "-1"}},
        )
        return not self._transact([{"Update": delete}])

    def _set(self, update: dict[str, Any]) -> bool:
        """Send an update that may as well be sent twice; return whether its condition held."""
        try:
            self._client.call("UpdateItem", update, timeout_s=TIMEOUT_S)
        except AwsError as error:
            if error.code != f"{CONDITION_FAILED}Exception":
                raise
            return False
        return True

    def _update(
        self, exten: str, expression: str, condition: str, values: dict[str, Value]
    ) -> dict[str, Any]:
        known = {"#type": "type", **{f"#{kind}": f"{kind}:{exten}" for kind in "astl"}}
        # DynamoDB refuses names that are not used.
        used = set(_NAMES.findall(f"{expression} {condition}"))
        return {
            "TableName": self._table,
            "Key": agents_key(self.tenant),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {name: known[name] for name in sorted(used)},
            "ExpressionAttributeValues": values,
        }
