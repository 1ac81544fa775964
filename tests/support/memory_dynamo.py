"""DynamoDB in memory: as much of it as the store uses, and as strict; anything else is an error.

Fast enough for 100,000 interleavings. The contract tests and the same interleavings run against
DynamoDB Local as well, so that this one can't drift from it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import AwsError
from centralino.domain.errors import RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping

Item = dict[str, Any]

_TOKEN = re.compile(r"\s*(<=|>=|[#:]?[A-Za-z_][A-Za-z0-9_]*|#\d+|[(),=<>])")
MAX_ACTIONS = 100
MAX_KEYS = 100
MAX_ITEM_BYTES = 400 * 1024


class MemoryDynamo:
    """Sends nothing anywhere; `adapters/store/sender.py`'s Sender.

    Attributes:
        requests: the operations, in order.
        unprocessed: how many keys each BatchGetItem leaves unprocessed from now on.
        faults: exceptions to raise, one a request, before anything happens.
        items: pk -> sk -> item.
    """

    def __init__(self, table: str = "centralino") -> None:
        self.table = table
        self.requests: list[str] = []
        self.unprocessed = 0
        self.faults: list[Exception] = []
        self.items: dict[str, dict[str, Item]] = defaultdict(dict)
        self._lists: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        self._tokens: dict[str, str] = {}
        self._done: set[str] = set()

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        assert timeout_s > 0
        self.requests.append(operation)
        if self.faults:
            raise self.faults.pop(0)
        # What is not JSON could not have been sent.
        sent = json.loads(json.dumps(payload))
        answer: dict[str, Any] = getattr(self, f"_{operation}")(sent)
        return answer

    def call_text(self, operation: str, text: str, *, timeout_s: float) -> dict[str, Any]:
        return self.call(operation, json.loads(text), timeout_s=timeout_s)

    def all_items(self) -> list[Item]:
        return [item for items in self.items.values() for item in items.values()]

    def index_entries(self) -> int:
        return sum(len(entries) for entries in self._lists.values())

    # --- operations ------------------------------------------------------------------------

    def _GetItem(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the API's name
        self._take(payload, "TableName", "Key", "ConsistentRead")
        item = self._find(payload["Key"])
        return {"Item": dict(item)} if item else {}

    def _BatchGetItem(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        [(table, wanted)] = payload["RequestItems"].items()
        self._take({"TableName": table}, "TableName")
        keys = [(key["pk"]["S"], key["sk"]["S"]) for key in wanted["Keys"]]
        _require(len(set(keys)) == len(keys), "Provided list of item keys contains duplicates")
        _require(0 < len(keys) <= MAX_KEYS, "1 to 100 keys")
        left = wanted["Keys"][len(keys) - min(self.unprocessed, len(keys)) :]
        done = keys[: len(keys) - len(left)]
        found = [dict(self.items[pk][sk]) for pk, sk in done if sk in self.items.get(pk, {})]
        # The order is nobody's promise.
        answer: dict[str, Any] = {"Responses": {table: found[::-1]}, "UnprocessedKeys": {}}
        if left:
            answer["UnprocessedKeys"] = {table: {"Keys": left}}
        return answer

    def _Query(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._take(
            payload,
            "TableName",
            "IndexName",
            "KeyConditionExpression",
            "ExpressionAttributeValues",
            "ConsistentRead",
            "Limit",
            "ExclusiveStartKey",
            "Select",
            "ScanIndexForward",
            "ProjectionExpression",
        )
        _require(payload.get("Limit", 1) > 0, "Limit has to be 1 or more")
        values = payload["ExpressionAttributeValues"]
        match = re.fullmatch(
            r"(l?pk) = (:\w+)(?: AND begins_with\((l?sk), (:\w+)\)"
            r"| AND (l?sk) BETWEEN (:\w+) AND (:\w+))?",
            payload["KeyConditionExpression"],
        )
        assert match, payload
        prefix = values[match[4]]["S"] if match[4] else ""
        least, most = (values[name]["S"].encode() if name else b"" for name in match.group(6, 7))
        backwards = payload.get("ScanIndexForward") is False
        start = payload.get("ExclusiveStartKey")
        if "IndexName" in payload:
            assert (payload["IndexName"], match[1]) == ("list", "lpk")
            assert not payload.get("ConsistentRead"), "an index is never consistent"
            lpk = values[match[2]]["S"]
            entries = sorted(self._lists.get(lpk, ()), key=_as_bytes)
            names = ["lsk", "pk", "sk", "lpk"]
            place = _as_bytes(tuple(start[name]["S"] for name in names[:3])) if start else ()
            after = [
                {name: {"S": text} for name, text in zip(names, (*entry, lpk), strict=True)}
                for entry in entries
                if entry[0].startswith(prefix)
                and (not most or least <= entry[0].encode() <= most)
                and (not place or (_as_bytes(entry) < place) is backwards)
                and _as_bytes(entry) != place
            ]
            if backwards:
                after.reverse()
        else:
            names = ["pk", "sk"]
            found = [
                item
                for sk, item in sorted(self.items.get(values[match[2]]["S"], {}).items())
                if sk.startswith(prefix)
            ]
            assert not most, "only lists are asked like this"
            if backwards:
                found.reverse()
            after = [
                dict(item)
                for item in found
                if not start
                or (
                    (item["sk"]["S"].encode() < start["sk"]["S"].encode()) is backwards
                    and item["sk"] != start["sk"]
                )
            ]
        limit = payload.get("Limit", len(after) + 1)
        answer: dict[str, Any] = {"Count": len(after[:limit])}
        if payload.get("Select") != "COUNT":
            wanted = payload.get("ProjectionExpression", "").split(", ")
            answer["Items"] = [
                {name: item[name] for name in wanted if name in item} if wanted != [""] else item
                for item in after[:limit]
            ]
        # DynamoDB says so too when the limit is reached with the very last item.
        if len(after) >= limit:
            answer["LastEvaluatedKey"] = {name: after[limit - 1][name] for name in names}
        return answer

    def _UpdateItem(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if not self._holds(payload):
            raise AwsError("ConditionalCheckFailedException", "The conditional request failed", {})
        self._apply("Update", payload)
        if payload.get("ReturnValues") == "ALL_NEW":
            return {"Attributes": dict(self._find(payload["Key"]) or {})}
        return {}

    def _PutItem(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if not self._holds(payload):
            raise AwsError("ConditionalCheckFailedException", "The conditional request failed", {})
        self._apply("Put", payload)
        return {}

    def _DeleteItem(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if not self._holds(payload):
            raise AwsError("ConditionalCheckFailedException", "The conditional request failed", {})
        self._apply("Delete", payload)
        return {}

    def _TransactWriteItems(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        token = payload.pop("ClientRequestToken")
        _require(0 < len(token) <= 36, "a token of 1 to 36 characters")
        text = json.dumps(payload)
        if self._tokens.setdefault(token, text) != text:
            raise AwsError("IdempotentParameterMismatchException", "another payload", {})
        if token in self._done:
            return {}
        actions = [next(iter(action.items())) for action in payload["TransactItems"]]
        _require(0 < len(actions) <= MAX_ACTIONS, "1 to 100 actions")
        keys = [json.dumps(_key_of(action)) for _, action in actions]
        _require(len(set(keys)) == len(keys), "cannot include multiple operations on one item")
        reasons: list[dict[str, Any]] = []
        for _, action in actions:
            if self._holds(action):
                reasons.append({"Code": "None"})
                continue
            reason = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
            item = self._find(_key_of(action))
            if item and action.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
                reason["Item"] = dict(item)  # type: ignore[assignment]
            reasons.append(reason)
        if any(reason["Code"] != "None" for reason in reasons):
            del self._tokens[token]
            raise AwsError(
                "TransactionCanceledException", "cancelled", {"CancellationReasons": reasons}
            )
        for kind, action in actions:
            self._apply(kind, action)
        self._done.add(token)
        return {}

    # --- items -----------------------------------------------------------------------------

    def _take(self, payload: Mapping[str, Any], *known: str) -> None:
        assert set(payload) <= set(known), set(payload) - set(known)
        if payload["TableName"] != self.table:
            raise RejectedError("missing_table")

    def _find(self, key: Item) -> Item | None:
        return self.items.get(key["pk"]["S"], {}).get(key["sk"]["S"])

    def _holds(self, action: dict[str, Any]) -> bool:
        self._take(
            action,
            "TableName",
            "Key",
            "Item",
            "UpdateExpression",
            "ConditionExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
            "ReturnValues",
            "ReturnValuesOnConditionCheckFailure",
        )
        _check_placeholders(action)
        condition = action.get("ConditionExpression")
        if not condition:
            return True
        item = self._find(_key_of(action)) or {}
        names = action.get("ExpressionAttributeNames", {})
        values = action.get("ExpressionAttributeValues", {})
        return bool(_condition(condition)(item, names, values))

    def _apply(self, kind: str, action: dict[str, Any]) -> None:
        key = _key_of(action)
        if kind == "ConditionCheck":
            return
        if kind == "Put":
            self._replace(key, action["Item"])
        elif kind == "Delete":
            self._replace(key, None)
        elif kind == "Update":
            self._replace(key, _updated(dict(self._find(key) or key), action))
        else:
            raise NotImplementedError(kind)

    def _replace(self, key: Item, item: Item | None) -> None:
        pk, sk = key["pk"]["S"], key["sk"]["S"]
        old = self.items[pk].pop(sk, None)
        if old and "lpk" in old:
            self._lists[old["lpk"]["S"]].discard((old["lsk"]["S"], pk, sk))
        if item is not None:
            _require(len(json.dumps(item)) < MAX_ITEM_BYTES, "Item size has exceeded the limit")
            self.items[pk][sk] = item
            if "lpk" in item:
                self._lists[item["lpk"]["S"]].add((item["lsk"]["S"], pk, sk))
        elif not self.items[pk]:
            del self.items[pk]


def _key_of(action: Mapping[str, Any]) -> Item:
    source = action.get("Key") or action["Item"]
    return {name: source[name] for name in ("pk", "sk")}


def _as_bytes(entry: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(part.encode() for part in entry)


def _require(truth: bool, message: str) -> None:
    if not truth:
        raise AwsError("ValidationException", message, {})


def _check_placeholders(action: Mapping[str, Any]) -> None:
    """Refuse placeholders that are not defined or not used, as DynamoDB does."""
    text = f"{action.get('ConditionExpression', '')} {action.get('UpdateExpression', '')}"
    used = set(re.findall(r"[#:]\w+", text))
    defined = set(action.get("ExpressionAttributeNames", {})) | set(
        action.get("ExpressionAttributeValues", {})
    )
    _require(used == defined, f"placeholders: {used ^ defined}")


def _number(value: Mapping[str, str]) -> int:
    return int(value["N"])


@cache
def _condition(text: str) -> Any:  # noqa: ANN401 - a function (item, names, values) -> bool
    parser = _Parser(text)
    check = parser.either()
    assert parser.done(), text
    return check


class _Parser:
    """Conditions of AND, OR, brackets, comparisons and attribute_(not_)exists."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        assert "".join(self.tokens) == re.sub(r"\s", "", text), text
        self.place = 0

    def done(self) -> bool:
        return self.place == len(self.tokens)

    def next(self) -> str:
        self.place += 1
        token: str = self.tokens[self.place - 1]
        return token

    def peek(self) -> str:
        return "" if self.done() else self.tokens[self.place]

    def either(self) -> Any:  # noqa: ANN401
        checks = [self.both()]
        while self.peek() == "OR":
            self.next()
            checks.append(self.both())
        return lambda *args: any(check(*args) for check in checks)

    def both(self) -> Any:  # noqa: ANN401
        checks = [self.one()]
        while self.peek() == "AND":
            self.next()
            checks.append(self.one())
        return lambda *args: all(check(*args) for check in checks)

    def one(self) -> Any:  # noqa: ANN401
        token = self.next()
        if token == "(":
            inner = self.either()
            assert self.next() == ")"
            return inner
        if token in {"attribute_exists", "attribute_not_exists"}:
            assert self.next() == "("
            name = self.next()
            assert self.next() == ")"
            wanted = token == "attribute_exists"
            return lambda item, names, _: (names.get(name, name) in item) is wanted
        operator, value = self.next(), self.next()
        return lambda item, names, values: _compare(
            item.get(names.get(token, token)), operator, values[value]
        )


def _compare(left: Mapping[str, Any] | None, operator: str, right: Mapping[str, Any]) -> bool:
    if left is None or left.keys() != right.keys():
        return False
    if operator == "=":
        return left == right
    one, other = _number(left), _number(right)
    return {"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[operator]


def _updated(item: Item, action: Mapping[str, Any]) -> Item:
    names = action.get("ExpressionAttributeNames", {})
    values = action.get("ExpressionAttributeValues", {})
    old = dict(item)
    parts = re.split(r"\b(SET|REMOVE|ADD)\b", action["UpdateExpression"])
    assert not parts[0].strip()
    for word, clauses in zip(parts[1::2], parts[2::2], strict=True):
        for clause in re.split(r",(?![^(]*\))", clauses):
            text = clause.strip()
            if word == "REMOVE":
                item.pop(names.get(text, text), None)
            elif word == "ADD":
                name, value = text.split()
                item[names.get(name, name)] = _added(old.get(names.get(name, name)), values[value])
            else:
                name, value = (side.strip() for side in text.split("=", 1))
                name = names.get(name, name)
                if default := re.fullmatch(r"if_not_exists\((\S+), (\S+)\)", value):
                    item[name] = old.get(names.get(default[1], default[1]), values[default[2]])
                else:
                    item[name] = values[value]
    return item


def _added(old: Mapping[str, Any] | None, more: Mapping[str, Any]) -> Item:
    if "NS" in more:
        return {"NS": sorted({*(old or {"NS": []})["NS"], *more["NS"]})}
    return {"N": str((_number(old) if old else 0) + _number(more))}
