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
    write_kept,
)
from centralino.adapters.store.table import SCHEMA, dump
from centralino.domain.errors import UnavailableError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.ports.route_read import Entry

DAY_S = 86_400
# An answer that has not come by then, seconds, will not come; neither will one to a request that
# was on its way while the container was frozen for longer.
LATE_S = 2.0
# How long an answer may take that has begun to come.
REST_S = 0.05
# As many are on their way at most; of more, the oldest is given up.
MOST = 4
ATTEMPTS = 4
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
            connection.settimeout(max(0.001, limit - time.monotonic()))
            connection.sendall(request)
        except OSError as error:
            self.close()
            late = isinstance(error, TimeoutError)
            raise UnavailableError("timeout" if late else "connection") from error

    def answered(self) -> dict[str, Any] | None:
        """Return the answer to what was posted; None if it isn't there yet.

        Raises:
            UnavailableError: there will be none; nobody knows whether the request arrived.
            AwsError: the service refuses it.
        """
        connection = self._socket
        if connection is None:
            raise UnavailableError("connection")
        try:
            if not (data := _waiting(connection)):
                return None
            status, body = self._take(connection, data, time.monotonic() + REST_S)
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
                if not _waiting(self._socket):
                    return self._socket
            except OSError:
                pass
            self.close()
        return None


def _waiting(connection: socket.socket) -> bytes:
    """Return what has come, without waiting for more; nothing if nothing has.

    Raises:
        OSError: the other end is gone.
    """
    if not select.select([connection], [], [], 0)[0]:
        return b""
    connection.settimeout(REST_S)
    try:
        data = connection.recv(_RECEIVE)
    except TimeoutError:
        # What came was TLS's own.
        return b""
    if not data:
        raise ConnectionError("closed")
    return data


class _Post:
    """An entry on its way."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.client: Posting | None = None
        self.sent_at = 0.0
        self.attempts = 0
        self.word = os.urandom(16).hex()


class DynamoJournal:
    """Keeps decisions; see the port. Not for several threads at once.

    Args:
        client: builds a client with a connection of its own.
        table: the table's name.
        now: the time, seconds since 1970.

    Attributes:
        lost: how many entries were given up.
    """

    def __init__(
        self,
        client: Callable[[], Posting],
        table: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._table = table
        self._now = now
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
        """Keep a decision; see the port."""
        self.collect(timeout_s=timeout_s)
        while len(self._posts) >= MOST:
            self._give_up(self._posts[0])
        post = _Post(entry)
        self._posts.append(post)
        self._send(post, timeout_s)

    def collect(self, *, timeout_s: float) -> None:
        """See what became of what was sent; see the port."""
        for post in [*self._posts]:
            try:
                arrived = post.client is not None and post.client.answered() is not None
            except AwsError as error:
                self._refused(post, error, timeout_s)
            except UnavailableError:
                self._send(post, timeout_s)
            else:
                if arrived:
                    self._done(post)
                elif not 0 <= self._now() - post.sent_at < LATE_S:
                    if post.client is not None:
                        post.client.close()
                    self._send(post, timeout_s)

    def _refused(self, post: _Post, error: AwsError, timeout_s: float) -> None:
        reasons = error.reasons
        if reasons[:1] == ("ConditionalCheckFailed",):
            # It is kept already: the answer to an earlier attempt was lost.
            self._done(post)
        elif "ConditionalCheckFailed" in reasons:
            # The association that was used is gone.
            post.entry = post.entry._replace(used=None)
            post.word = os.urandom(16).hex()
            self._send(post, timeout_s)
        elif reasons or error.code.startswith("Transaction"):
            self._send(post, timeout_s)
        else:
            self._give_up(post)

    def _send(self, post: _Post, timeout_s: float) -> None:
        if post.attempts >= ATTEMPTS:
            self._give_up(post)
            return
        if timeout_s <= 0:
            return
        post.attempts += 1
        post.sent_at = self._now()
        if post.client is None:
            post.client = self._free.pop() if self._free else self._client()
        # What can't be sent now the next call sends.
        with suppress(UnavailableError):
            post.client.post("TransactWriteItems", self._payload(post), timeout_s=timeout_s)

    def _done(self, post: _Post) -> None:
        self._posts.remove(post)
        if post.client is not None:
            self._free.append(post.client)

    def _give_up(self, post: _Post) -> None:
        self.lost += 1
        if post.client is not None:
            post.client.close()
        self._done(post)

    def _payload(self, post: _Post) -> dict[str, Any]:
        entry, word = post.entry, post.word
        kept = entry.kept
        actions: list[dict[str, Any]] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": {
                        **decision_key(entry.tenant, kept.call_id),
                        "type": {"S": "Decision"},
                        "sv": {"N": SCHEMA},
                        "doc": {"S": write_kept(kept)},
                        "lpk": {"S": list_key(entry.tenant, "decision", kept.call_id)},
                        "lsk": {"S": f"{kept.at:010}#{word[:12]}"},
                        "expires_at": {"N": str(kept.at + entry.keep_days * DAY_S)},
                    },
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
        ]
        if entry.caller:
            update = HistoryUpdate(self._table, history_key(entry.tenant, entry.caller), kept.at)
            actions.append({"Update": update.call(kept.at, entry.day, entry.before).payload()})
        if entry.code:
            key = customer_key(entry.tenant, entry.code, "H")
            update = HistoryUpdate(self._table, key, kept.at)
            actions.append({"Update": update.call(kept.at, entry.day, entry.code_before).payload()})
        if entry.used:
            from centralino.adapters.store.learner import note_use  # noqa: PLC0415 - once a day

            actions += note_use(self._table, entry.tenant, entry.used, kept.at)
        return {"TransactItems": actions, "ClientRequestToken": word}
