"""Asterisk's REST interface (ARI), as far as it places calls: what is asked, and what is answered.

The same for both ways to an Asterisk: its HTTP server (`adapters/pbx/asterisk.py`) and the
WebSocket that it opens to us (`adapters/pbx/asterisk_ws.py`).

A call is one `POST channels` whose `channelId` is our `call_id`. Asterisk refuses an id that a
channel has already (409), so the same request twice is one call for as long as that channel lives.
But after one true 409 every failure on the same connection is a 409, whatever it is about (seen on
22.10.1: an error number that nobody resets), so `channel_question` has to confirm it.

Contract: rest-api/api-docs/channels.json and res/ari/resource_channels.c of Asterisk 22;
https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/
"""

from __future__ import annotations

import json
import re

from centralino.domain.errors import PayloadError
from centralino.domain.originate import FailedCallError, Placed
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from centralino.domain.originate import Order

# What an Asterisk is told of a call: the dialplan may read them, and events carry the first one if
# ari.conf says `channelvars=CENTRALINO_CALL`. With two underscores before the name, the channels
# that the call goes on to have them as well.
CALL_VARIABLE = "CENTRALINO_CALL"
CALLER_ID_VARIABLE = "CENTRALINO_CALLER_ID"
AUTO_ANSWER_VARIABLE = "CENTRALINO_AUTO_ANSWER"
ENDPOINT = "PJSIP/{exten}"
CONTEXT = "from-internal"
# A technology, then what it calls: a name, and for Local channels a context and flags.
_ENDPOINT = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}/[A-Za-z0-9_.@/+-]{0,100}", re.ASCII)
_CONTEXT = re.compile(r"[A-Za-z0-9_-]{1,79}", re.ASCII)
_QUOTED = str.maketrans("", "", '"\\<>')
_MAX_ID = 150  # AST_MAX_UNIQUEID
_OK = 200
_CONFLICT = 409
_NOT_FOUND = 404
_SERVER_ERROR = 500
_NOT_BOOTED = 503


class AriRequest(NamedTuple):
    """One request.

    Attributes:
        method: upper case.
        uri: below `/ari/`, without a query, its parts percent-encoded.
        query: names and values, not encoded.
        body: JSON; empty for none.
    """

    method: str
    uri: str
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""


class AriAnswer(NamedTuple):
    """What Asterisk answered.

    Attributes:
        status: an HTTP status.
        body: JSON; empty for none.
    """

    status: int
    body: str = ""


def channel_request(order: Order, setting: Callable[[str, str], str]) -> AriRequest:
    """Return the request that places a call: the agent's phone rings, then the number is dialled.

    `callerId` is what the agent's phone shows: whom it is about to call. Once the agent answers the
    dialplan runs as if that phone had dialled the number, so the number that it may show to others
    has to be the channel's own: the DID that was asked for, else the exten.

    Args:
        order: the call.
        setting: `PbxLink.setting`: `endpoint` (`PJSIP/{exten}`), where `{exten}` stands for the
            agent's exten, and `context` (`from-internal`), which dials the number.

    Raises:
        PayloadError: a setting can't be used; it names `account.…`.
    """
    endpoint = endpoint_of(order.exten, setting)
    context = setting("context", CONTEXT)
    if not _CONTEXT.fullmatch(context):
        raise PayloadError("account.context", "a context of the dialplan, as from-internal")
    variables = {
        f"__{CALL_VARIABLE}": order.call_id,
        "CALLERID(num)": order.caller_id or order.exten,
        "CALLERID(name)": "",
    }
    if order.caller_id:
        variables[f"__{CALLER_ID_VARIABLE}"] = order.caller_id
    if order.auto_answer:
        variables[f"__{AUTO_ANSWER_VARIABLE}"] = "1"
        if endpoint.startswith("PJSIP/"):
            # The phone hasn't been called yet when variables are set, and a function may be one.
            variables["PJSIP_HEADER(add,Call-Info)"] = "<sip:centralino>;answer-after=0"
    query = (
        ("endpoint", endpoint),
        ("extension", order.dial),
        ("context", context),
        ("priority", "1"),
        ("callerId", _shown(order)),
        ("timeout", str(order.timeout_s)),
        ("channelId", order.call_id),
    )
    body = json.dumps({"variables": variables}, ensure_ascii=False)
    return AriRequest("POST", "channels", query, body)


def rest_frame(request: AriRequest, request_id: str) -> str:
    """Return a request as it is sent over a WebSocket; the answer names the same id.

    https://docs.asterisk.org/Configuration/Interfaces/Asterisk-REST-Interface-ARI/ARI-REST-over-WebSocket/
    """
    frame: dict[str, Any] = {
        "type": "RESTRequest",
        "transaction_id": request_id,
        "request_id": request_id,
        "method": request.method,
        "uri": request.uri,
    }
    if request.query:
        frame["query_strings"] = [{"name": name, "value": value} for name, value in request.query]
    if request.body:
        frame["content_type"] = "application/json"
        frame["message_body"] = request.body
    return json.dumps(frame, ensure_ascii=False)


def endpoint_of(exten: str, setting: Callable[[str, str], str]) -> str:
    """Return what Asterisk calls an agent's phone by.

    Raises:
        PayloadError: the setting `endpoint` can't be used.
    """
    endpoint = setting("endpoint", ENDPOINT).replace("{exten}", exten)
    if not _ENDPOINT.fullmatch(endpoint):
        raise PayloadError("account.endpoint", "a technology and {exten}, as PJSIP/{exten}")
    return endpoint


def endpoint_request(exten: str, setting: Callable[[str, str], str]) -> AriRequest | None:
    """Return the question what an agent's phone is doing; None if Asterisk can't know.

    It tells why a channel couldn't be made: Asterisk's answer to that is the same (500, `Allocation
    failed`) for a phone that it doesn't know and for one that is not registered.

    Raises:
        PayloadError: the setting `endpoint` can't be used.
    """
    technology, _, resource = endpoint_of(exten, setting).partition("/")
    if technology == "Local" or "/" in resource:
        return None
    return AriRequest("GET", f"endpoints/{technology}/{resource}")


def judge(answer: AriAnswer, call_id: str) -> Placed:
    """Say what the answer to `channel_request` means.

    Args:
        answer: Asterisk's.
        call_id: the call's, which is the channel's id.

    Raises:
        FailedCallError: it did not place the call. A 409 is for `judge_conflict` first of all, and
            what `could_not_be_made` for `judge_endpoint` to explain.
    """
    if 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's own classes of statuses
        said = _read(answer.body).get("id")
        if not isinstance(said, str) or not 0 < len(said) <= _MAX_ID:
            said = call_id
        return Placed(said)
    detail = f"{answer.status} {message_of(answer)}".strip()
    if answer.status in {401, 403}:
        raise FailedCallError("credentials", detail)
    if answer.status == _NOT_BOOTED:
        raise FailedCallError("unreachable", detail)
    if 300 <= answer.status <= _SERVER_ERROR and answer.status != _CONFLICT:  # noqa: PLR2004
        raise FailedCallError("refused", detail)
    # A proxy's word, or none at all: who knows what lies behind.
    raise FailedCallError("unknown", detail)


def channel_question(call_id: str) -> AriRequest:
    """Return the question whether a call's channel is there."""
    return AriRequest("GET", f"channels/{call_id}")


def judge_conflict(answer: AriAnswer, call_id: str, *, sent_before: bool) -> Placed:
    """Say what a 409 to `channel_request` meant, from the answer to `channel_question`.

    Args:
        answer: Asterisk's.
        call_id: the call's.
        sent_before: whether the same request was sent before, so that the channel may have been
            there and be over.

    Raises:
        FailedCallError: `refused`, the channel could not be made; or `unknown`.
    """
    if answer.status == _NOT_FOUND and not sent_before:
        raise FailedCallError("refused", "500 Allocation failed")
    if answer.status != _OK:
        raise FailedCallError("unknown", f"{_CONFLICT}, then {answer.status}")
    return Placed(call_id)


def judge_endpoint(answer: AriAnswer, failure: FailedCallError) -> FailedCallError:
    """Say why a channel to a phone couldn't be made, from the answer to `endpoint_request`.

    Args:
        answer: Asterisk's.
        failure: what is known so far; returned if the answer says no more.
    """
    if answer.status == _NOT_FOUND:
        return FailedCallError("unknown_exten", failure.detail)
    if _read(answer.body).get("state") == "offline":
        return FailedCallError("busy", f"{failure.detail}; the phone is not registered")
    return failure


def could_not_be_made(failure: FailedCallError) -> bool:
    """Tell whether Asterisk could not make the agent's channel, for whatever reason."""
    return failure.reason == "refused" and failure.detail.startswith(str(_SERVER_ERROR))


def is_conflict(answer: AriAnswer) -> bool:
    """Tell whether Asterisk says that the channel is there already; it may be wrong."""
    return answer.status == _CONFLICT


def is_starting(answer: AriAnswer) -> bool:
    """Tell whether Asterisk is still starting: it did nothing and will do it in a moment."""
    return answer.status == _NOT_BOOTED


def message_of(answer: AriAnswer) -> str:
    """Return what Asterisk says of a failure, one line; empty if it says nothing."""
    body = _read(answer.body)
    said = body.get("message") or body.get("error") or ""
    return " ".join(said.split())[:150] if isinstance(said, str) else ""


def version_of(answer: AriAnswer) -> str:
    """Return the version in an answer to `asterisk/info`; `?` if it isn't there."""
    system = _read(answer.body).get("system")
    version = system.get("version") if isinstance(system, dict) else None
    return version[:40] if isinstance(version, str) and version.isprintable() else "?"


def _shown(order: Order) -> str:
    """Return a caller id, `"name" <number>`, that says whom the agent is about to call."""
    name = order.name.translate(_QUOTED).strip()
    return f'"{name}" <{order.number}>' if name else order.number


def _read(body: str) -> dict[str, Any]:
    try:
        content = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
