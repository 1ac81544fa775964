"""One tenant's dialling in DynamoDB: `ports/dialling.py`'s DialStore."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.adapters.aws import AwsError
from centralino.adapters.store.agent_item import agents_key, read_agents
from centralino.adapters.store.change import is_passing
from centralino.adapters.store.change import list_key as shard_key
from centralino.adapters.store.dial_items import (
    COUNTER_S,
    STEPS,
    block_key,
    call_key,
    click_key,
    cost_limit,
    limits_of,
    options_key,
    read_call,
    read_options_item,
    write_call,
    write_options,
)
from centralino.adapters.store.learner import read_now
from centralino.adapters.store.one_tenant import (
    CONDITION_FAILED,
    MAX_KEYS,
    WRITE_ATTEMPTS,
    OneTenant,
)
from centralino.adapters.store.route_items import list_key
from centralino.adapters.store.table import LIST_INDEX, SCHEMA, SHARDS
from centralino.domain.errors import (
    NotFoundError,
    PayloadError,
    ThrottledError,
    UnavailableError,
)
from centralino.ports.dialling import Begun, Desk, Outcome
from centralino.ports.once import KEPT_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.adapters.store.dial_items import Limit
    from centralino.adapters.store.table import Item, Value
    from centralino.domain.dial_options import Budget, DialOptions
    from centralino.ports.dialling import PlacedCall

# For each request: somebody waits at a telephone, and the PBX needs most of the ten seconds.
TIMEOUT_S = 1.5
# How long a second click is the first one's call, milliseconds; and how long while nobody knows
# whether that rings: a PBX may take eight seconds, and then not say.
CLICK_MS = 5_000
UNSURE_MS = 30_000
# What a PBX says of a call that it took.
SURE = ("placed", "ringing")
# Many click at once where a whole tenant has a limit: each waits a little, several times.
BEGIN_ATTEMPTS = 30
LONGEST_PAUSE_MS = 250
# DynamoDB may take its time with what has ended; this is for clocks that differ.
CLICK_S = 300
_CALL_ID = re.compile(r"[0-9A-Za-z]{22}", re.ASCII)
_BLOCK = re.compile(r"\+?[0-9]{1,20}\*?", re.ASCII)
_CURSOR = re.compile(r"(\d{1,2})\.(.*)", re.ASCII)
_CALLS_CURSOR = re.compile(r"\d{14}#[0-9A-Za-z#]{22,80}", re.ASCII)


class _Seen(NamedTuple):
    """What a transaction that begins a call has to know of those that were refused.

    Attributes:
        before: the item of an attempt of the same id that failed.
        over: the id of a call that the click's claim is still held by and that is over.
    """

    before: Item | None = None
    over: str = ""


class DynamoDialStore(OneTenant):
    """The dialling of one tenant; see the port."""

    # --- options ---------------------------------------------------------------------------------

    def options(self) -> DialOptions:
        """Return the dialling options; see the port."""
        return read_options_item(self._item(options_key(self.tenant)))

    def save_options(self, options: DialOptions) -> DialOptions | None:
        """Save the options over the version that they name; see the port."""
        saved = options._replace(version=options.version + 1)
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": options_key(self.tenant),
            "UpdateExpression": "SET doc = :doc, v = :new, sv = :sv, #type = :type",
            "ConditionExpression": "v = :old" if options.version else "attribute_not_exists(v)",
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": {
                ":doc": {"S": write_options(saved)},
                ":new": {"N": str(saved.version)},
                ":sv": {"N": SCHEMA},
                ":type": {"S": "Dialling"},
            },
        }
        if options.version:
            update["ExpressionAttributeValues"][":old"] = {"N": str(options.version)}
        refused = self._transact([self._while_there(), {"Update": update}])
        if refused and refused[0] == CONDITION_FAILED:
            raise NotFoundError(f"there is no tenant {self.tenant}")
        return None if refused else saved

    # --- whom not to call ------------------------------------------------------------------------

    def block(self, key: str, reason: str, *, now_ms: int) -> None:
        """Put a number or a block on the do-not-call list; see the port."""
        item = {
            **self._block_key(key),
            "type": {"S": "DoNotCall"},
            "sv": {"N": SCHEMA},
            "reason": {"S": reason},
            "at": {"N": str(now_ms)},
            "lpk": {"S": list_key(self.tenant, "block", key)},
            "lsk": {"S": key},
        }
        refused = self._transact(
            [self._while_there(), {"Put": {"TableName": self._table, "Item": item}}]
        )
        if refused:
            raise NotFoundError(f"there is no tenant {self.tenant}")

    def unblock(self, key: str) -> bool:
        """Take a number or a block off the do-not-call list; see the port."""
        delete = {
            "TableName": self._table,
            "Key": self._block_key(key),
            "ConditionExpression": "attribute_exists(pk)",
        }
        return not self._transact([{"Delete": delete}])

    def blocked(
        self, cursor: str = "", limit: int = 100
    ) -> tuple[tuple[tuple[str, str], ...], str]:
        """Return a page of the do-not-call list; see the port."""
        _check_limit(limit)
        shard, after = _read_cursor(cursor)
        keys: list[str] = []
        while shard < SHARDS and len(keys) < limit:
            lpk = {"S": shard_key(self.tenant, "block", shard)}
            payload: dict[str, Any] = {
                "TableName": self._table,
                "IndexName": LIST_INDEX,
                "KeyConditionExpression": "lpk = :lpk",
                "ExpressionAttributeValues": {":lpk": lpk},
                "Limit": limit - len(keys),
            }
            if after:
                entry = {"lpk": lpk, "lsk": {"S": after}}
                payload["ExclusiveStartKey"] = self._block_key(after) | entry
            answer = self._call("Query", payload)
            keys += (item["lsk"]["S"] for item in answer["Items"])
            after = answer.get("LastEvaluatedKey", {}).get("lsk", {}).get("S", "")
            if not after:
                shard += 1
        reasons = {
            item["pk"]["S"].rpartition("#")[2]: item["reason"]["S"]
            for item in self._read([self._block_key(key) for key in keys])
        }
        # The index follows the table a moment later.
        page = tuple((key, reasons[key]) for key in keys if key in reasons)
        return page, _encode(f"{shard}.{after}") if shard < SHARDS else ""

    def _block_key(self, key: str) -> Item:
        if not _BLOCK.fullmatch(key):
            raise PayloadError("key", "a number as +390244556677, or a block as +39024455*")
        return block_key(self.tenant, key)

    # --- before a call ---------------------------------------------------------------------------

    def desk(self, exten: str, blocks: Sequence[str] = (), call_id: str = "") -> Desk:
        """Read what has to be known before a call is placed; see the port.

        Consistently: a number that was put on the do-not-call list is not called from then on.
        """
        keys = [options_key(self.tenant), agents_key(self.tenant)]
        keys += (self._block_key(key) for key in dict.fromkeys(blocks))
        if call_id:
            keys.append(self._call_key(call_id))
        options = agents = call = None
        blocked = []
        for item in self._read(keys):
            match item["sk"]["S"]:
                case "DIALLING":
                    options = item
                case "AGENTS":
                    agents = item
                case "O":
                    call = item
                case _:
                    blocked.append(item["pk"]["S"].rpartition("#")[2])
        return Desk(
            options=read_options_item(options),
            agent=read_agents(agents or {}).get(exten),
            blocked=tuple(sorted(blocked)),
            call=read_call(call) if call else None,
        )

    # --- a call ----------------------------------------------------------------------------------

    def begin(self, call: PlacedCall, budget: Budget, *, home: str) -> Begun:
        """Count a call against its limits and write it down, both or neither; see the port.

        One transaction: the call, the claim of the click, and each counter. What doesn't hold
        decides, in that order: a call that lives already is the answer whatever was spent since.
        """
        limits = limits_of(call, budget, home)
        for limit in limits:
            if limit.add > limit.most:
                # Waiting changes nothing: it is more than the limit by itself.
                return Begun(None, fresh=False, spent=limit.name)
        seen = _Seen()
        actions = self._beginning(call, limits, seen)
        # As long as it says the same it has the same token: what was done, and not answered, is
        # then told to have been done, and is not taken for somebody else's.
        token = secrets.token_urlsafe(12)
        for attempt in range(BEGIN_ATTEMPTS):
            reasons = self._try(actions, token)
            if not reasons:
                return Begun(call, fresh=True)
            found = self._look(call, limits, reasons, seen)
            if isinstance(found, Begun):
                return found
            if found != seen:
                seen = found
                actions = self._beginning(call, limits, seen)
                token = secrets.token_urlsafe(12)
            self._rest(attempt)
        raise ThrottledError("contention")

    def _beginning(
        self, call: PlacedCall, limits: Sequence[Limit], seen: _Seen
    ) -> list[dict[str, Any]]:
        """Return the transaction that a call begins with."""
        click = click_key(self.tenant, call.exten, call.number)
        actions = [
            self._put_call(call, self._call_key(call.call_id), seen.before),
            self._put_click(call, click, seen.over),
            *(self._count(call, limit) for limit in limits),
        ]
        return actions if seen.before is None else [*actions, self._keep(seen.before)]

    def _look(
        self,
        call: PlacedCall,
        limits: Sequence[Limit],
        reasons: Sequence[Mapping[str, Any]],
        seen: _Seen,
    ) -> Begun | _Seen:
        """Return what a refused transaction means, or what the next one has to know."""
        words = [reason.get("Code", "None") for reason in reasons]
        if words[0] == CONDITION_FAILED:
            before = reasons[0].get("Item")
            if before and not _is_over(read_call(before), call.asked_ms):
                return Begun(read_call(before), fresh=False)
            return _Seen(before, seen.over)
        if words[1] == CONDITION_FAILED:
            other = reasons[1].get("Item", {}).get("call_id", {}).get("S", "")
            first = self.get(other) if other else None
            if first and STEPS[first.state] < STEPS["ended"]:
                return Begun(first, fresh=False)
            return _Seen(seen.before, other)
        # If somebody is at the call or at the claim just now, these come first.
        if CONDITION_FAILED in words and words[:2] == ["None", "None"]:
            return _spent(call, limits[words.index(CONDITION_FAILED) - 2])
        return seen

    def refuse(self, call: PlacedCall) -> None:
        """Write down a call that was refused; see the port.

        If there is a call of that id already, this is another attempt and kept beside it.
        """
        for sk in ("O", self._beside(call.asked_ms)):
            item = write_call(self.tenant, call, self._call_key(call.call_id, sk))
            put = {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(pk)",
            }
            if not self._transact([{"Put": put}], TIMEOUT_S):
                return

    def settle(self, call_id: str, outcome: Outcome, *, now_ms: int) -> None:
        """Write down what the PBX made of a call; see the port.

        A call that the PBX did not take costs nothing, but it stays counted: a storm of attempts
        has an end, too. Whatever events said since is newer than an answer that came late.
        """
        key = self._call_key(call_id)
        with_claim = True
        for attempt in range(WRITE_ATTEMPTS):
            item = self._item(key)
            if item is None:
                return
            call = read_call(item)
            if int(item["step"]["N"]) >= min(STEPS[outcome.state], STEPS["placed"]):
                self._settle_late(call, key, outcome)
                return
            update = self._state(key, outcome, STEPS[outcome.state], now_ms)
            # Of one that rings already, nothing but events says that it failed.
            update["ConditionExpression"] = "step < :step AND step < :placed"
            update["ExpressionAttributeValues"][":placed"] = {"N": str(STEPS["placed"])}
            beside = self._claim_settled(call, outcome) if with_claim else []
            beside += self._cost_settled(call, outcome)
            reasons = self._try([{"Update": update}, *beside])
            if not reasons:
                return
            # A claim that another call has by now is not this one's to change.
            with_claim = [reason.get("Code") for reason in reasons[1:2]] != [CONDITION_FAILED]
            self._rest(attempt)
        raise ThrottledError("contention")

    def _settle_late(self, call: PlacedCall, key: Item, outcome: Outcome) -> None:
        """Write down what is left to be said of a call that is further than its answer."""
        if outcome.provider_id:
            self._name(key, outcome.provider_id)
        if outcome.state in SURE:
            self._transact(self._claim_settled(call, outcome), TIMEOUT_S)

    def note(self, call_id: str, state: str, *, at_ms: int, reason: str = "") -> None:
        """Write down what an event says became of a call; see the port."""
        key = self._call_key(call_id)
        noted = self._update_call(key, Outcome(state, reason), STEPS[state], at_ms)
        if noted and state == "ended":
            # Who was busy may be called again at once.
            item = self._item(key)
            call = read_call(item) if item else None
            if call:
                self._release(click_key(self.tenant, call.exten, call.number), call_id)

    def get(self, call_id: str) -> PlacedCall | None:
        """Return a call; see the port."""
        item = self._item(self._call_key(call_id))
        return read_call(item) if item else None

    def calls(self, cursor: str = "", limit: int = 100) -> tuple[tuple[PlacedCall, ...], str]:
        """Return a page of the audit trail, the newest first; see the port.

        The sixteen parts of the list are asked for their newest each: people look at it, not calls.
        """
        _check_limit(limit)
        if cursor and not _CALLS_CURSOR.fullmatch(cursor):
            raise PayloadError("cursor", "the cursor of the page before")
        listed: list[tuple[str, Item]] = []
        for shard in range(SHARDS):
            listed += self._newest(shard, cursor or "9", limit)
        listed.sort(key=lambda entry: entry[0], reverse=True)
        more = len(listed) > limit
        listed = listed[:limit]
        found = {_place(item): item for item in self._read([key for _, key in listed])}
        now = self._now()
        calls = tuple(
            read_call(found[_place(key)])
            for _, key in listed
            # The index follows the table a moment later, and TTL some days.
            if _place(key) in found and float(found[_place(key)]["expires_at"]["N"]) > now
        )
        return calls, listed[-1][0] if more else ""

    def _newest(self, shard: int, below: str, limit: int) -> list[tuple[str, Item]]:
        payload = {
            "TableName": self._table,
            "IndexName": LIST_INDEX,
            "KeyConditionExpression": "lpk = :lpk AND lsk BETWEEN :least AND :below",
            "ExpressionAttributeValues": {
                ":lpk": {"S": shard_key(self.tenant, "call", shard)},
                ":least": {"S": "0"},
                ":below": {"S": below},
            },
            "ScanIndexForward": False,
            # One to see that there is more, and the bound itself, if it is a cursor.
            "Limit": limit + 2,
        }
        return [
            (item["lsk"]["S"], {"pk": item["pk"], "sk": item["sk"]})
            for item in self._call("Query", payload)["Items"]
            if item["lsk"]["S"] < below
        ]

    # --- actions ---------------------------------------------------------------------------------

    def _put_call(self, call: PlacedCall, key: Item, before: Item | None) -> dict[str, Any]:
        put = {
            "TableName": self._table,
            "Item": write_call(self.tenant, call, key),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if before is not None:
            put["ConditionExpression"] = "lsk = :lsk AND step = :step"
            put["ExpressionAttributeValues"] = {":lsk": before["lsk"], ":step": before["step"]}
        return {"Put": put}

    def _keep(self, before: Item) -> dict[str, Any]:
        """Return what keeps an attempt that failed, beside the one that takes its place."""
        asked_ms = int(before["lsk"]["S"].partition("#")[0])
        sk = self._beside(asked_ms)
        item = before | {"sk": {"S": sk}, "lsk": {"S": before["lsk"]["S"] + sk[1:]}}
        return {"Put": {"TableName": self._table, "Item": item}}

    def _beside(self, asked_ms: int) -> str:
        return f"O#{asked_ms:014}#{secrets.token_hex(4)}"

    def _put_click(self, call: PlacedCall, key: Item, over: str) -> dict[str, Any]:
        condition = "attribute_not_exists(pk) OR until_ms <= :now"
        values: dict[str, Value] = {":now": {"N": str(call.asked_ms)}}
        if over:
            condition += " OR call_id = :over"
            values[":over"] = {"S": over}
        item = {
            **key,
            "type": {"S": "Click"},
            "sv": {"N": SCHEMA},
            "call_id": {"S": call.call_id},
            "until_ms": {"N": str(call.asked_ms + UNSURE_MS)},
            "expires_at": {"N": str(call.asked_ms // 1000 + CLICK_S)},
        }
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _count(self, call: PlacedCall, limit: Limit) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": limit.key(self.tenant, call.asked_ms),
                "UpdateExpression": "SET expires_at = :end, sv = :sv, #type = :type ADD n :add",
                "ConditionExpression": "attribute_not_exists(n) OR n <= :room",
                "ExpressionAttributeNames": {"#type": "type"},
                "ExpressionAttributeValues": {
                    ":add": {"N": str(limit.add)},
                    ":room": {"N": str(limit.most - limit.add)},
                    ":end": {"N": str(limit.ends_at(call.asked_ms) + COUNTER_S)},
                    ":sv": {"N": SCHEMA},
                    ":type": {"S": "DialCounter"},
                },
            }
        }

    def _claim_settled(self, call: PlacedCall, outcome: Outcome) -> list[dict[str, Any]]:
        """Return what becomes of a call's claim; while nobody knows whether it rings, it stays."""
        held = self._held(click_key(self.tenant, call.exten, call.number), call.call_id)
        if outcome.state == "failed":
            return [{"Delete": held}]
        if outcome.state not in SURE:
            return []
        held["UpdateExpression"] = "SET until_ms = :until"
        until = {"N": str(call.asked_ms + CLICK_MS)}
        held["ExpressionAttributeValues"][":until"] = until
        return [{"Update": held}]

    def _cost_settled(self, call: PlacedCall, outcome: Outcome) -> list[dict[str, Any]]:
        """Return what gives the cost of a call back that was not placed, if it was counted."""
        key = cost_limit(call.cost).key(self.tenant, call.asked_ms)
        if outcome.state != "failed" or not call.cost or self._item(key) is None:
            return []
        less = {
            "TableName": self._table,
            "Key": key,
            "UpdateExpression": "ADD n :less",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":less": {"N": str(-call.cost)}},
        }
        return [{"Update": less}]

    def _held(self, click: Item, call_id: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": click,
            "ConditionExpression": "call_id = :id",
            "ExpressionAttributeValues": {":id": {"S": call_id}},
        }

    def _release(self, click: Item, call_id: str) -> None:
        self._transact([{"Delete": self._held(click, call_id)}], TIMEOUT_S)

    def _state(self, key: Item, outcome: Outcome, step: int, at_ms: int) -> dict[str, Any]:
        told = {"why": outcome.reason, "detail": outcome.detail, "pbx_id": outcome.provider_id}
        values: dict[str, Value] = {
            ":state": {"S": outcome.state},
            ":step": {"N": str(step)},
            ":at": {"N": str(at_ms)},
        }
        sets = "SET #state = :state, step = :step, changed = :at"
        for name, value in told.items():
            if value:
                sets += f", {name} = :{name}"
                values[f":{name}"] = {"S": value}
        gone = [name for name in ("why", "detail") if not told[name]]
        return {
            "TableName": self._table,
            "Key": key,
            "UpdateExpression": sets + (f" REMOVE {', '.join(gone)}" if gone else ""),
            "ConditionExpression": "step < :step",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": values,
        }

    def _update_call(self, key: Item, outcome: Outcome, step: int, at_ms: int) -> bool:
        """Say how far a call is; return whether it was not as far, and there was one."""
        update = self._state(key, outcome, step, at_ms)
        return not self._transact([{"Update": update}], TIMEOUT_S)

    def _name(self, key: Item, provider_id: str) -> None:
        update = {
            "TableName": self._table,
            "Key": key,
            "UpdateExpression": "SET pbx_id = :id",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":id": {"S": provider_id}},
        }
        self._transact([{"Update": update}], TIMEOUT_S)

    # --- requests --------------------------------------------------------------------------------

    def _try(
        self, actions: Sequence[Mapping[str, Any]], token: str = ""
    ) -> Sequence[Mapping[str, Any]]:
        """Send a transaction; return why it was refused, by action, nothing if it was not.

        One whose answer is lost is sent once more, beyond what the client does: with its token it
        is done once, and nobody else can tell whether it was.
        """
        payload = {
            "TransactItems": [*actions],
            "ClientRequestToken": token or secrets.token_urlsafe(12),
        }
        try:
            try:
                self._call("TransactWriteItems", payload)
            except UnavailableError:
                self._call("TransactWriteItems", payload)
        except AwsError as error:
            if CONDITION_FAILED in error.reasons or is_passing(error):
                reasons: Sequence[Mapping[str, Any]] = error.body.get("CancellationReasons", ())
                # Without reasons the whole of it is in somebody's way.
                return reasons or [{"Code": error.code}] * len(actions)
            raise
        return ()

    def _rest(self, attempt: int) -> None:
        longest = min(LONGEST_PAUSE_MS, 10 * 2**attempt)
        self._pause(secrets.randbelow(longest) / 1000)

    def _call_key(self, call_id: str, sk: str = "O") -> Item:
        if not _CALL_ID.fullmatch(call_id):
            raise PayloadError("call_id", "22 letters and digits")
        return call_key(self.tenant, call_id, sk)

    def _item(self, key: Item) -> Item | None:
        payload = {"TableName": self._table, "Key": key, "ConsistentRead": True}
        item: Item | None = self._call("GetItem", payload).get("Item")
        return item

    def _read(self, keys: Sequence[Item]) -> list[Item]:
        return read_now(self._call, self._table, keys)

    def _call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        return self._client.call(operation, payload, timeout_s=TIMEOUT_S)


def _is_over(before: PlacedCall, now_ms: int) -> bool:
    """Tell whether a call of the same id gives way: it failed, or its key is forgotten by now."""
    return before.state in {"failed", "refused"} or now_ms - before.asked_ms >= KEPT_S * 1000


def _spent(call: PlacedCall, limit: Limit) -> Begun:
    wait_s = limit.ends_at(call.asked_ms) - call.asked_ms // 1000
    return Begun(None, fresh=False, spent=limit.name, retry_after_s=max(1, wait_s))


def _place(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_KEYS:
        raise PayloadError("limit", f"a number from 1 to {MAX_KEYS}")


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[int, str]:
    """Return the shard and the key that a page of the do-not-call list begins after."""
    if not cursor:
        return 0, ""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    match = _CURSOR.fullmatch(text)
    if not match or int(match[1]) >= SHARDS or (match[2] and not _BLOCK.fullmatch(match[2])):
        raise PayloadError("cursor", "the cursor of the page before")
    return int(match[1]), match[2]
