"""The journal: decisions, and the calls that histories count, written without anybody waiting.

A request leaves on a connection of its own just before the answer to the PBX; what DynamoDB said
of it is looked at when the next call comes (docs/adr/0011-the-answer-is-read-later.md). What did
not arrive is sent again: the same request means the same every time, since a decision is put only
where there is none yet, and the histories count in the same transaction.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress

from centralino.adapters.aws import AwsError, Client
from centralino.adapters.store.route_items import (
    HistoryUpdate,
    customer_key,
    decision_key,
    history_key,
    list_key,
    read_kept,
    write_kept,
)
from centralino.adapters.store.table import SCHEMA, dump
from centralino.domain.errors import UnavailableError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.domain.decision import Kept
    from centralino.ports.route_read import Entry

DAY_S = 86_400
# An answer that has not come by then, seconds, will not come; neither will one to a request that
# was on its way while the container was frozen for longer.
LATE_S = 2.0
# How long an answer may take that has begun to come.
REST_S = 0.05
# What is there already is taken even if there is no time left to wait for it.
LEAST_S = 0.001
# As many are on their way at most; of more, the oldest is given up.
MOST = 4
ATTEMPTS = 4
# DynamoDB knows a transaction again by its name for ten minutes; here a little less, seconds.
TOKEN_S = 540
# Two calls of one caller with the same id are two if this lies between them, seconds.
CALL_S = 3_600
_RECEIVE = 65_536


class Posting(Client):
    """A signed client that sends a request now and reads the answer at another time."""

    def post(self, operation: str, payload: Mapping[str, Any], *, timeout_s: float) -> None:
        """Send a request.

        Raises:
            UnavailableError: it could not be sent in time, or there are no credentials.
        """
        limit = time.monotonic() + timeout_s
        request = self._sign(operation, dump(payload).encode("utf-8", "replace"))
        try:
            connection = self._at_hand() or self._open(limit)
            connection.settimeout(max(LEAST_S, limit - time.monotonic()))
            connection.sendall(request)
        except OSError as error:
            self.close()
            late = isinstance(error, TimeoutError)
            raise UnavailableError("timeout" if late else "connection") from error

    def answered(self, left_s: float = REST_S) -> dict[str, Any] | None:
        """Return the answer to what was posted; None if it isn't there yet.

        Args:
            left_s: how long the rest of one may take that has begun to come; `REST_S` at most.

        Raises:
            UnavailableError: there will be none; nobody knows whether the request arrived.
            AwsError: the service refuses it.
        """
        connection = self._socket
        if connection is None:
            raise UnavailableError("connection")
        rest_s = max(LEAST_S, min(REST_S, left_s))
        try:
            if not (data := _waiting(connection, rest_s)):
                return None
            status, body = self._take(connection, data, time.monotonic() + rest_s)
            return self._understand(status, body)
        except (AwsError, UnavailableError):
            raise
        except (OSError, ValueError) as error:
            self.close()
            raise UnavailableError("connection") from error

    def _at_hand(self) -> socket.socket | None:
        """Return the connection, if it is open and quiet."""
        if self._socket is not None:
            try:
                # After a handshake what has come is TLS's own (session tickets), and nothing else
                # will: a caller would wait for nothing.
                if not _waiting(self._socket, LEAST_S):
                    return self._socket
            except OSError:
                pass
            self.close()
        return None


def _waiting(connection: socket.socket, rest_s: float) -> bytes:
    """Return what has come, without waiting for more; nothing if nothing has.

    Raises:
        OSError: the other end is gone.
    """
    if not select.select([connection], [], [], 0)[0]:
        return b""
    connection.settimeout(rest_s)
    try:
        data = connection.recv(_RECEIVE)
    except TimeoutError:
        # What came was TLS's own.
        return b""
    if not data:
        raise ConnectionError("closed")
    return data


class _Post:
    """An entry on its way.

    Attributes:
        sent: whether an answer may come; else it is to be sent, or sent again.
        first_at: when what it says now was sent first.
        word: the transaction's name; another one as soon as it says something else.
        mark: what the item of the list index ends with: the decision is this entry's.
        over: what the decision that is replaced says of itself; None if there is to be none yet.
        bare: the decision is given up, and the histories alone are written.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.client: Posting | None = None
        self.sent = False
        self.sent_at = self.first_at = 0.0
        self.attempts = 0
        self.word = os.urandom(16).hex()
        self.mark = self.word[:12]
        self.over: str | None = _asking("") if entry.asked else None
        self.bare = False

    def changed(self) -> None:
        """Say something else from now on."""
        self.word = os.urandom(16).hex()
        self.sent = False
        self.first_at = 0.0


class DynamoJournal:
    """Keeps decisions; see the port. Not for several threads at once.

    Args:
        client: builds a client with a connection of its own.
        table: the table's name.
        now: the time, seconds since 1970.
        clock: seconds that only ever grow, for what may take only so long.

    Attributes:
        lost: how many entries were given up.
    """

    def __init__(
        self,
        client: Callable[[], Posting],
        table: str,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._clock = clock
        self._free: list[Posting] = []
        self._posts: list[_Post] = []
        self.lost = 0

    def connect(self, timeout_s: float) -> None:
        """Open a connection ahead of the first entry."""
        client = self._client()
        client.connect(timeout_s)
        self._free.append(client)

    def close(self) -> None:
        """Drop the connections; what is on its way may arrive, and nobody will look."""
        for client in [*self._free, *(post.client for post in self._posts if post.client)]:
            client.close()

    def keep(self, entry: Entry, *, timeout_s: float) -> None:
        """Keep a decision; see the port.

        All of it has the one limit: the answers that are there, this entry, and then one of those
        that did not arrive.
        """
        limit = self._clock() + timeout_s
        self._collect(limit)
        while len(self._posts) >= MOST:
            self._give_up(self._posts[0])
        waiting = [post for post in self._posts if not post.sent]
        post = _Post(entry)
        self._posts.append(post)
        self._send(post, limit)
        if waiting:
            self._send(waiting[0], limit)

    def _collect(self, limit: float) -> None:
        """See what became of what was sent."""
        for post in [*self._posts]:
            if not post.sent or post.client is None:
                continue
            try:
                arrived = post.client.answered(limit - self._clock()) is not None
            except AwsError as error:
                self._refused(post, error)
            except UnavailableError:
                post.sent = False
            else:
                if arrived:
                    self._done(post)
                elif not 0 <= self._now() - post.sent_at < LATE_S:
                    post.client.close()
                    post.sent = False

    def _refused(self, post: _Post, error: AwsError) -> None:
        reasons = error.reasons
        if reasons[:1] == ("ConditionalCheckFailed",) and not post.bare:
            self._differs(post, error.body["CancellationReasons"][0].get("Item"))
        elif "ConditionalCheckFailed" in reasons and post.entry.used:
            # The association that was used is gone.
            post.entry = post.entry._replace(used=None)
            post.changed()
        elif reasons or error.code.startswith("Transaction"):
            post.sent = False
        else:
            self._give_up(post)

    def _differs(self, post: _Post, stored: Mapping[str, Any] | None) -> None:
        """Go on with what there is under the call's id, which is not what was expected."""
        entry = post.entry
        if stored is None:
            # Nothing was kept of the call before it was asked.
            post.over = None
            post.changed()
        elif stored["lsk"]["S"].endswith(post.mark):
            # It is kept already: the answer to an earlier attempt was lost.
            self._done(post)
        elif not _is_same_call(stored, entry.kept):
            # A PBX that gives an id twice: the call counts, its decision has no place.
            self.lost += 1
            post.bare = True
            post.changed()
            if not (entry.caller or entry.code):
                self._done(post)
        elif "asking" in stored and (entry.asked or not entry.asking):
            post.over = stored["asking"]["S"]
            post.changed()
        else:
            # A PBX that asks twice of one call.
            self._done(post)

    def _send(self, post: _Post, limit: float) -> None:
        if post.attempts >= ATTEMPTS:
            self._give_up(post)
            return
        left_s = limit - self._clock()
        if left_s <= 0:
            return
        now = self._now()
        if post.bare and post.first_at and not 0 <= now - post.first_at < TOKEN_S:
            # Nothing else would tell that it was counted already.
            self._done(post)
            return
        post.attempts += 1
        post.sent_at = now
        post.first_at = post.first_at or now
        if post.client is None:
            post.client = self._free.pop() if self._free else self._client()
        # What can't be sent now the next call sends.
        with suppress(UnavailableError):
            post.client.post("TransactWriteItems", self._payload(post), timeout_s=left_s)
            post.sent = True

    def _done(self, post: _Post) -> None:
        self._posts.remove(post)
        if post.client is not None:
            self._free.append(post.client)

    def _give_up(self, post: _Post) -> None:
        self.lost += not post.bare
        if post.client is not None:
            post.client.close()
        self._done(post)

    def _payload(self, post: _Post) -> dict[str, Any]:
        entry = post.entry
        at = entry.kept.at
        actions = [] if post.bare else [{"Put": self._decision(post)}]
        if entry.caller and post.over is None:
            update = HistoryUpdate(self._table, history_key(entry.tenant, entry.caller), at)
            actions.append({"Update": update.call(at, entry.day, entry.before).payload()})
        if entry.code and post.over != _asking(entry.code):
            key = customer_key(entry.tenant, entry.code, "H")
            update = HistoryUpdate(self._table, key, at)
            actions.append({"Update": update.call(at, entry.day, entry.code_before).payload()})
        if entry.used:
            from centralino.adapters.store.learner import note_use  # noqa: PLC0415 - once a day

            actions += note_use(self._table, entry.tenant, entry.used, at)
        return {"TransactItems": actions, "ClientRequestToken": post.word}

    def _decision(self, post: _Post) -> dict[str, Any]:
        entry, kept = post.entry, post.entry.kept
        item = {
            **decision_key(entry.tenant, kept.call_id),
            "type": {"S": "Decision"},
            "sv": {"N": SCHEMA},
            "doc": {"S": write_kept(kept)},
            "lpk": {"S": list_key(entry.tenant, "decision", kept.call_id)},
            "lsk": {"S": f"{kept.at:010}#{post.mark}"},
            "expires_at": {"N": str(kept.at + entry.keep_days * DAY_S)},
        }
        if entry.asking:
            # Of the customers, only this one's history has counted the call.
            item["asking"] = {"S": _asking(entry.code)}
        put = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if post.over is not None:
            put["ConditionExpression"] = "asking = :asking"
            put["ExpressionAttributeValues"] = {":asking": {"S": post.over}}
        return put


def _asking(code: str) -> str:
    """Return what a decision says of itself that another one of its call will replace.

    Args:
        code: the customer whose history it counted the call in; empty for none.
    """
    return f"={code}"


def _is_same_call(stored: Mapping[str, Any], kept: Kept) -> bool:
    """Tell whether what is kept under a call's id is of that call, and no other that has the id."""
    try:
        other = read_kept(stored["doc"]["S"])
        numbers = [one.facts["caller"]["number"] for one in (other, kept)]
    except (LookupError, TypeError, ValueError):
        return False
    return numbers[0] == numbers[1] and abs(other.at - kept.at) <= CALL_S
