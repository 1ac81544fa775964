"""Take in one message of a PBX: an answer that somebody waits for, or an event of a call."""

from __future__ import annotations

from centralino.application.ping_sockets import PING
from centralino.domain.ari_events import (
    answer_of,
    call_of,
    happened_ms,
    is_call_id,
    read_frame,
    step_of,
)
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.domain.ari_events import Frame
    from centralino.ports.dialling import DialStore
    from centralino.ports.sockets import SocketStore

# What our own ids of requests are made of.
_HEX = frozenset("0123456789abcdef")
_MAX_ID = 64


class Taken(NamedTuple):
    """What a message was.

    Attributes:
        outcome: `answer`, `pong`, `event`, `greeting` (an application came or went), `unasked` (an
            answer to nothing that we asked) or `garbage`.
        type: what the PBX calls it; empty for garbage.
        call_id: the call that an event is about; empty if there is none.
        state: what the event says became of a call of ours; empty for nothing.
        status: of an answer.
    """

    outcome: str
    type: str = ""
    call_id: str = ""
    state: str = ""
    status: int = 0


def take_frame(
    store: SocketStore,
    calls: Callable[[str], DialStore],
    socket_id: str,
    text: str,
    *,
    now_ms: int,
) -> Taken:
    """Keep what a message says where it is looked for; one that comes twice changes nothing.

    Args:
        store: the tenant's connections.
        calls: returns a tenant's placed calls.
        socket_id: the connection that it came through.
        text: the message.
        now_ms: the time, milliseconds since 1970.

    Raises:
        UnavailableError: our own store doesn't answer.
    """
    frame = read_frame(text)
    if frame is None:
        return Taken("garbage")
    if frame.type == "RESTResponse":
        return _take_answer(store, socket_id, frame, now_ms)
    call_id = call_of(frame)
    if not call_id:
        return Taken("greeting", frame.type)
    at_ms = happened_ms(frame, now_ms)
    step = step_of(frame)
    # First what is shown to people, who may be looking just now.
    if step is not None and is_call_id(step.call_id):
        calls(store.tenant).note(step.call_id, step.state, at_ms=at_ms, reason=step.reason)
    store.keep_event(call_id, at_ms, text)
    return Taken("event", frame.type, call_id, step.state if step else "")


def _take_answer(store: SocketStore, socket_id: str, frame: Frame, now_ms: int) -> Taken:
    request_id, answer = answer_of(frame)
    if request_id.startswith(PING):
        store.note_pong(socket_id, at_ms=now_ms)
        return Taken("pong", frame.type, status=answer.status)
    if not 0 < len(request_id) <= _MAX_ID or not _HEX.issuperset(request_id):
        return Taken("unasked", frame.type, status=answer.status)
    store.keep_answer(request_id, answer)
    return Taken("answer", frame.type, status=answer.status)
