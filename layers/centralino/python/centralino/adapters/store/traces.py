"""What calls have left behind, in DynamoDB: `ports/traces.py`'s TraceStore.

Histories of numbers, decisions, placed calls, events of PBXs and the do-not-call list are lists of
the index. A decision holds the caller's number, a placed call the one that was called: they are
found by looking through all of them. Events are the most by far, and are found by the list alone:
it has the ends of their numbers. Conversations are in no list: they end by themselves within the
hour; so do clicks and what was answered to idempotency keys, within a day.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from centralino.adapters.aws import AwsError
from centralino.adapters.store.change import is_passing
from centralino.adapters.store.change import list_key as shard_key
from centralino.adapters.store.dial_items import block_key, read_call
from centralino.adapters.store.learner import MAX_KEYS, read_now
from centralino.adapters.store.one_tenant import READ_ATTEMPTS, TIMEOUT_S, OneTenant
from centralino.adapters.store.route_items import history_key, read_history, read_kept
from centralino.adapters.store.sockets import EVENT_KIND, NUMBER_DIGITS
from centralino.adapters.store.table import LIST_INDEX, SHARDS
from centralino.domain.errors import PayloadError, ThrottledError
from centralino.ports.traces import TracePage, Traces

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from centralino.adapters.store.table import Item
    from centralino.domain.customer import History
    from centralino.domain.decision import Kept
    from centralino.ports.dialling import PlacedCall

# As many last digits of a number tell it from most others.
_TELLING = 8
KINDS = ("history", "decision", "call", "block", EVENT_KIND)
# Of one question for entries alone; the service ends a page at a megabyte anyhow.
MAX_ENTRIES = 5_000
_CURSOR = re.compile(rf"({'|'.join(KINDS)})\.(\d{{1,2}})(?:\.([\w-]+=*))?", re.ASCII)


class DynamoTraceStore(OneTenant):
    """The traces of one tenant; see the port."""

    def of(self, numbers: Sequence[str], contact_id: str = "") -> Traces:
        """Return what calls from some numbers have left behind; see the port."""
        wanted = frozenset(numbers)
        items = self._read([history_key(self.tenant, number) for number in sorted(wanted)])
        decisions = (
            kept
            for item, kept in self._decisions()
            if _caller(kept) in wanted and not self._is_over(item)
        )
        calls = (
            call
            for item, call in self._calls()
            if _is_about(call, wanted, contact_id) and not self._is_over(item)
        )
        blocked = self._read([block_key(self.tenant, number) for number in sorted(wanted)])
        return Traces(
            self._histories(items),
            tuple(decisions),
            tuple(calls),
            _reasons(blocked),
            tuple(text for keys in self._events(wanted) for text in self._texts(keys)),
        )

    def erase(self, numbers: Sequence[str], contact_id: str = "") -> int:
        """Remove what calls from some numbers have left behind; see the port."""
        wanted = frozenset(numbers)
        keys = [history_key(self.tenant, number) for number in sorted(wanted)]
        gone = self._read(keys)
        # Also what has expired: DynamoDB takes its time.
        gone += [item for item, kept in self._decisions() if _caller(kept) in wanted]
        gone += [item for item, call in self._calls() if _is_about(call, wanted, contact_id)]
        for item in gone:
            self._delete({"pk": item["pk"], "sk": item["sk"]})
        removed = len(gone)
        for keys in self._events(wanted):
            for key in keys:
                self._delete(key)
            removed += len(keys)
        return removed

    def page(self, *, cursor: str = "", limit: int = 100) -> TracePage:
        """List all of the tenant's; see the port.

        A page is a shard's, whatever the limit; but for events, of which there are many more.
        """
        if not 1 <= limit <= MAX_KEYS:
            raise PayloadError("limit", f"a number from 1 to {MAX_KEYS}")
        kind, shard = KINDS[0], 0
        if cursor:
            match = _CURSOR.fullmatch(cursor)
            if not match or int(match[2]) >= SHARDS:
                raise PayloadError("cursor", "the cursor of the page before")
            kind, shard = match[1], int(match[2])
            if kind == EVENT_KIND:
                return self._event_page(shard, match[3] or "", limit)
        items = [item for keys in self._listed(kind, shard) for item in self._read(keys)]
        if kind == "history":
            traces = Traces(self._histories(items), ())
        elif kind == "block":
            traces = Traces({}, (), (), _reasons(items))
        else:
            left = [item for item in items if not self._is_over(item)]
            if kind == "decision":
                traces = Traces({}, tuple(read_kept(item["doc"]["S"]) for item in left))
            else:
                traces = Traces({}, (), tuple(map(read_call, left)))
        return TracePage(traces, _next_shard(kind, shard))

    def _event_page(self, shard: int, after: str, limit: int) -> TracePage:
        """Return some events of a shard, those behind an entry of the list."""
        start: dict[str, str] = {}
        if after:
            lsk = _decoded(after)
            call_id, _, sk = lsk.rpartition("#")[0].partition("#")
            lpk = shard_key(self.tenant, EVENT_KIND, shard)
            start = {"pk": f"T#{self.tenant}#V#{call_id}", "sk": sk, "lpk": lpk, "lsk": lsk}
        entries = next(self._pages(EVENT_KIND, shard, limit, start))
        keys = [{"pk": entry["pk"], "sk": entry["sk"]} for entry in entries]
        cursor = _next_shard(EVENT_KIND, shard)
        if len(entries) == limit:
            last = base64.urlsafe_b64encode(entries[-1]["lsk"]["S"].encode()).decode()
            cursor = f"{EVENT_KIND}.{shard}.{last}"
        return TracePage(Traces({}, (), (), {}, tuple(self._texts(keys))), cursor)

    def purge(self, *, limit: int = 100) -> int:
        """Remove some of the tenant's; see the port."""
        removed = 0
        for kind in KINDS:
            for shard in range(SHARDS):
                for keys in self._listed(kind, shard):
                    for key in keys[: limit - removed]:
                        self._delete(key)
                        removed += 1
                    if removed >= limit:
                        return removed
        return removed

    def _decisions(self) -> Iterator[tuple[Item, Kept]]:
        for shard in range(SHARDS):
            for keys in self._listed("decision", shard):
                for item in self._read(keys):
                    yield item, read_kept(item["doc"]["S"])

    def _calls(self) -> Iterator[tuple[Item, PlacedCall]]:
        for shard in range(SHARDS):
            for keys in self._listed("call", shard):
                for item in self._read(keys):
                    yield item, read_call(item)

    def _events(self, numbers: Collection[str]) -> Iterator[list[Item]]:
        """Yield, a hundred at a time, the keys of all events of the calls that name a number."""
        ends = {number[-NUMBER_DIGITS:] for number in numbers}
        for shard in range(SHARDS):
            # All events of a call are in one shard.
            entries = list(self._entries(EVENT_KIND, shard))
            named = {
                entry["pk"]["S"]
                for entry in entries
                if not ends.isdisjoint(entry["lsk"]["S"].rpartition("#")[2].split(","))
            }
            keys = [
                {"pk": entry["pk"], "sk": entry["sk"]}
                for entry in entries
                if entry["pk"]["S"] in named
            ]
            for start in range(0, len(keys), MAX_KEYS):
                yield keys[start : start + MAX_KEYS]

    def _texts(self, keys: Sequence[Item]) -> Iterator[str]:
        yield from self._unexpired(self._read(keys))

    def _unexpired(self, items: Sequence[Item]) -> Iterator[str]:
        """Yield the texts of events that are not over."""
        yield from (item["doc"]["S"] for item in items if not self._is_over(item))

    def _histories(self, items: Sequence[Item]) -> dict[str, History]:
        return {
            item["pk"]["S"].rpartition("#")[2]: read_history(item)
            for item in items
            if not self._is_over(item)
        }

    def _is_over(self, item: Item) -> bool:
        return int(item["expires_at"]["N"]) <= self._now()

    def _listed(self, kind: str, shard: int) -> Iterator[list[Item]]:
        """Yield the keys in a part of a list, up to a hundred at a time."""
        for entries in self._pages(kind, shard, MAX_KEYS):
            if entries:
                yield [{"pk": entry["pk"], "sk": entry["sk"]} for entry in entries]

    def _entries(self, kind: str, shard: int) -> Iterator[Item]:
        """Yield the entries of a part of a list, thousands with each question."""
        for entries in self._pages(kind, shard, MAX_ENTRIES):
            yield from entries

    def _pages(
        self, kind: str, shard: int, limit: int, start: Mapping[str, str] | None = None
    ) -> Iterator[list[Item]]:
        payload: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": LIST_INDEX,
            "KeyConditionExpression": "lpk = :lpk",
            "ExpressionAttributeValues": {":lpk": {"S": shard_key(self.tenant, kind, shard)}},
            "Limit": limit,
        }
        if start:
            payload["ExclusiveStartKey"] = {name: {"S": text} for name, text in start.items()}
        while True:
            answer = self._call("Query", payload)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            payload["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _read(self, keys: Sequence[Item]) -> list[Item]:
        return read_now(self._call, self._table, keys)

    def _delete(self, key: Item) -> None:
        for attempt in range(READ_ATTEMPTS):
            try:
                self._call("DeleteItem", {"TableName": self._table, "Key": key})
            except AwsError as error:
                if not is_passing(error):
                    raise
                self._pause(0.02 * 2**attempt)
            else:
                return
        raise ThrottledError("contention")

    def _call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        return self._client.call(operation, payload, timeout_s=TIMEOUT_S)


def _decoded(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text).decode()
    except ValueError:
        raise PayloadError("cursor", "the cursor of the page before") from None


def _next_shard(kind: str, shard: int) -> str:
    """Return the cursor of what follows a shard of a list; empty at the end."""
    if shard + 1 < SHARDS:
        return f"{kind}.{shard + 1}"
    following = KINDS[KINDS.index(kind) + 1 :]
    return f"{following[0]}.0" if following else ""


def _is_about(call: PlacedCall, numbers: frozenset[str], contact_id: str) -> bool:
    """Tell whether a call was asked for to one of some numbers, or to a contact."""
    if call.number:
        known = call.number in numbers
    else:
        # What could not be read may have somebody's number in it all the same.
        digits = "".join(char for char in call.asked if char.isdecimal())
        known = any(number[-_TELLING:] in digits for number in numbers)
    return known or bool(contact_id and call.contact_id == contact_id)


def _reasons(items: Sequence[Item]) -> dict[str, str]:
    """Return what is on the do-not-call list, and why."""
    return {item["pk"]["S"].rpartition("#")[2]: item["reason"]["S"] for item in items}


def _caller(kept: Kept) -> str:
    """Return the number that a decision is about; empty if it is nobody's."""
    caller = kept.facts.get("caller")
    number = caller.get("number") if isinstance(caller, dict) else ""
    return number if isinstance(number, str) else ""
