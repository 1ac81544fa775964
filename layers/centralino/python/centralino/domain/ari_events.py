"""What an Asterisk tells us by itself: its events, and what they say of a call of ours.

The agent's channel has our `call_id` as its id. The channels that the call goes on to have ids of
Asterisk's own; they are known by the variable that they inherit, if ari.conf shows it
(`channelvars=CENTRALINO_CALL`), or by who dials them.

Contract: rest-api/api-docs/events.json of Asterisk 22;
https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Asterisk_REST_Data_Models/
"""

from __future__ import annotations

import json
import re

from centralino.domain.ari import CALL_VARIABLE, AriAnswer
from centralino.domain.clock import DAY_S, day_number
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

# What we want to hear of; each is paid for. `RESTResponse` has to be among them: an Asterisk
# filters its answers as well (seen on 22.10.1).
WANTED = (
    "RESTResponse",
    "StasisStart",
    "StasisEnd",
    "ChannelStateChange",
    "Dial",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "BridgeBlindTransfer",
    "BridgeAttendedTransfer",
    "RecordingFinished",
)
# Where an event says what it is about, the most telling first.
_CHANNELS = ("caller", "channel", "peer", "transferer", "transferee", "replace_channel")
# Q.850's causes, as far as somebody who dialled a number wants to know them.
_CAUSES = {1: "unallocated", 17: "busy", 18: "no_answer", 19: "no_answer", 21: "rejected"}
_NORMAL = (0, 16)
_MAX_CAUSE = 128
_CALL_ID = re.compile(r"[0-9A-Za-z]{22}", re.ASCII)
_CHANNEL_ID = re.compile(r"[A-Za-z0-9._@:;,+=/-]{1,128}", re.ASCII)
_TYPE = re.compile(r"[A-Za-z]{1,40}", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([+-])(\d\d):?(\d\d)|Z)",
    re.ASCII,
)


class Frame(NamedTuple):
    """One message of an Asterisk.

    Attributes:
        type: `RESTResponse`, or the event's; a word.
        content: all of it.
    """

    type: str
    content: Mapping[str, Any]


class Step(NamedTuple):
    """What an event says became of a call.

    Attributes:
        call_id: ours.
        state: one of `domain/originate.STATES`.
        reason: why it ended; empty for the usual.
    """

    call_id: str
    state: str
    reason: str = ""


def read_frame(text: str) -> Frame | None:
    """Read a message; None if it is none of an Asterisk's."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    kind = content.get("type")
    return Frame(kind, content) if isinstance(kind, str) and _TYPE.fullmatch(kind) else None


def answer_of(frame: Frame) -> tuple[str, AriAnswer]:
    """Return the request that a `RESTResponse` answers, and the answer; status 0 for garbage."""
    request_id = frame.content.get("request_id")
    status = frame.content.get("status_code")
    body = frame.content.get("message_body")
    return (
        request_id if isinstance(request_id, str) else "",
        AriAnswer(
            status if isinstance(status, int) and not isinstance(status, bool) else 0,
            body if isinstance(body, str) else "",
        ),
    )


def call_of(frame: Frame) -> str:
    """Return the call that an event is about: ours, else the channel's id; empty if it has none."""
    first = ""
    for channel in _channels(frame):
        if call_id := _call_id(channel):
            return call_id
        channel_id = channel.get("id")
        if not first and isinstance(channel_id, str) and _CHANNEL_ID.fullmatch(channel_id):
            first = channel_id
    return first


def step_of(frame: Frame) -> Step | None:
    """Return what an event says became of a call of ours; None if nothing.

    A call is `ringing` from when a phone of it rings, `answered` when the number answers (the agent
    having answered is not worth a state), and `ended` with the agent's channel.
    """
    content = frame.content
    if frame.type == "Dial":
        # Only what the agent's own channel dials is the number; a Local channel, which has the
        # same variable, dials the agent.
        dialled_by = _part(content, "caller").get("id")
        call_id = _call_id(_part(content, "caller")) or _call_id(_part(content, "peer"))
        status = content.get("dialstatus")
        if call_id and status == "ANSWER" and dialled_by == call_id:
            return Step(call_id, "answered")
        return Step(call_id, "ringing") if call_id and status == "RINGING" else None
    channel = _part(content, "channel")
    call_id = _call_id(channel)
    if frame.type == "ChannelStateChange" and call_id and channel.get("state") == "Ringing":
        return Step(call_id, "ringing")
    if frame.type == "ChannelDestroyed" and call_id and channel.get("id") == call_id:
        return Step(call_id, "ended", _reason(content.get("cause")))
    return None


def happened_ms(frame: Frame, now_ms: int) -> int:
    """Return when an event happened, milliseconds since 1970.

    Args:
        frame: the event.
        now_ms: what counts if it doesn't say, or says what can't be: a PBX's clock may be wrong.
    """
    said = frame.content.get("timestamp")
    match = _TIMESTAMP.fullmatch(said) if isinstance(said, str) else None
    if match is None:
        return now_ms
    hour, minute, second = map(int, match.group(2, 3, 4))
    seconds = DAY_S * day_number(match[1]) + 3600 * hour + 60 * minute + second
    ahead_s = 3600 * int(match[7] or 0) + 60 * int(match[8] or 0)
    seconds += ahead_s if match[6] == "-" else -ahead_s
    at_ms = 1000 * seconds + int((match[5] or "0").ljust(3, "0")[:3])
    return at_ms if abs(at_ms - now_ms) < 1000 * DAY_S else now_ms


def is_call_id(text: str) -> bool:
    """Tell whether an id is one of ours; Asterisk's own have a dot."""
    return _CALL_ID.fullmatch(text) is not None


def _channels(frame: Frame) -> Iterator[Mapping[str, Any]]:
    for name in _CHANNELS:
        if part := _part(frame.content, name):
            yield part


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = content.get(name)
    return part if isinstance(part, dict) else {}


def _call_id(channel: Mapping[str, Any]) -> str:
    """Return the call of ours that a channel belongs to; empty if it is another's."""
    for said in (_part(channel, "channelvars").get(CALL_VARIABLE), channel.get("id")):
        if isinstance(said, str) and is_call_id(said):
            return said
    return ""


def _reason(cause: object) -> str:
    if not isinstance(cause, int) or cause in _NORMAL or not 0 < cause < _MAX_CAUSE:
        return ""
    return _CAUSES.get(cause, f"cause_{cause}")
