"""What routes calls, with everything behind it but the network, and requests as PBXs sign them."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from itertools import cycle
from typing import TYPE_CHECKING, Any

from centralino import bootstrap
from centralino.adapters.aws import AwsError
from centralino.adapters.secrets import KeptSecrets
from centralino.adapters.store.journal import DynamoJournal, Posting
from centralino.adapters.store.learner import DynamoLearner
from centralino.adapters.store.route_read import DynamoRouteStore
from centralino.domain.errors import UnavailableError
from centralino.domain.pbx_values import read_form
from centralino.domain.rulebook import default_routing
from centralino.entry.access import Door
from centralino.entry.route import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.calls import Clock
    from tests.support.memory_dynamo import MemoryDynamo

HOST = "cti.example"
# What may become of a request of the journal's.
FATES = (
    "arrives",
    "can't be sent",
    "is not answered",
    "TransactionConflict",
    "ConditionalCheckFailed",
    "ValidationException",
    "connection is lost",
)


class MemoryPosting(Posting):
    """A connection of the journal's that leads to DynamoDB in memory.

    Args:
        dynamo: where what arrives is written.
        fates: what becomes of each request in turn, out of `FATES`.
    """

    def __init__(self, dynamo: MemoryDynamo, fates: Iterator[str]) -> None:
        self._dynamo = dynamo
        self._fates = fates
        self._answer: dict[str, Any] | Exception | None = None

    def connect(self, timeout_s: float) -> None:
        """Do nothing: there is no connection."""

    def close(self) -> None:
        """Do nothing, as well."""

    def post(self, operation: str, payload: Mapping[str, Any], *, timeout_s: float) -> None:
        """Let a request have its fate."""
        fate = next(self._fates)
        self._answer = None
        if fate == "can't be sent":
            raise UnavailableError("timeout")
        if fate == "arrives":
            try:
                self._answer = self._dynamo.call(operation, payload, timeout_s=timeout_s)
            except AwsError as error:
                self._answer = error
        elif fate == "connection is lost":
            self._answer = UnavailableError("connection")
        elif fate.endswith("Exception"):
            self._answer = AwsError(fate, "", {})
        elif fate != "is not answered":
            body = {"CancellationReasons": [{"Code": "None"}, {"Code": fate}]}
            self._answer = AwsError("TransactionCanceledException", "", body)

    def answered(self, left_s: float = 0.0) -> dict[str, Any] | None:
        """Return what became of it; nobody has to wait for that."""
        del left_s
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def route_desk(
    dynamo: MemoryDynamo,
    clock: Clock,
    secrets: Mapping[str, Mapping[str, object]],
    *fates: str,
    cache_s: float = 0,
) -> Desk:
    """Build what calls are routed with.

    Args:
        dynamo: what is stored, in memory.
        clock: what time it is.
        secrets: `<tenant>/crm/pbx-<provider>` -> what it signs with.
        fates: what becomes of the journal's requests, over and over; by default they arrive.
        cache_s: how long keys and settings are believed, seconds.
    """
    store = DynamoRouteStore(dynamo, dynamo.table, default_routing(), now=clock)
    kept = KeptSecrets(lambda name, _timeout_s: secrets.get(name), now=clock)
    turns = cycle(fates or ("arrives",))
    return Desk(
        Door(store, clock, cache_s),
        store,
        DynamoJournal(lambda: MemoryPosting(dynamo, turns), dynamo.table, now=clock),
        bootstrap.pbx_class,
        lambda: kept,
        lambda tenant: DynamoLearner(dynamo, dynamo.table, tenant),
        lambda: None,
    )


def signed(event: Mapping[str, Any], secret: str, now_s: float) -> dict[str, Any]:
    """Sign a request as both Twilio and jambonz do.

    Args:
        event: a request to `HOST`.
        secret: what both sign with.
        now_s: seconds since 1970.
    """
    headers = {name.lower(): value for name, value in event["headers"].items()}
    headers["host"] = HOST
    body = event.get("body") or ""
    sent = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    is_form = is_form and event["requestContext"]["http"]["method"] == "POST"
    query = event["rawQueryString"]
    if sent and not is_form:
        query = f"{query}{'&' if query else ''}bodySHA256={sha256(sent).hexdigest()}"
    url = f"https://{HOST}{event['rawPath']}{'?' if query else ''}{query}"
    fields = set(read_form(sent)) if is_form else set()
    key = secret.encode()
    text = url + "".join(name + value for name, value in sorted(fields))
    mac = hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha1")
    headers["x-twilio-signature"] = base64.b64encode(mac).decode()
    at = int(now_s)
    mac = hmac.digest(key, f"{at}.".encode() + sent, "sha256")
    headers["jambonz-signature"] = f"t={at},v1={mac.hex()}"
    return {**event, "headers": headers, "rawQueryString": query}
