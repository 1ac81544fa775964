"""What the emulator's WebSocket APIs lack beside the real ones: added before it starts.

| the real API Gateway | the emulator without this |
|---|---|
| accepts with the subprotocol that `$connect` answered, if the client had offered it | with none |
| asks `$default` for many messages at a time | for one after the other, on one worker |
| drops the body of `$default`'s answer, as there is no route response | sends it to the client |
| closes a connection whose message is too large with 1009, telling `$disconnect` so | takes it |

What stays different: whatever a client closes with, `$disconnect` is told 1006; connections have no
limit of idle time (10 minutes) nor of life (2 hours).

It is in a module of the emulator's own, at the one pinned version, that these are put; the tests of
the stack see to each. Loaded by `emulator_main.py` in the emulator's Python, never by ours.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

# A frame's; messages of several frames are not told apart here.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
FRAME_LIMIT = 32 * 1024
TOO_LARGE = 1009
# Processes of one function that answer messages: more would only wait for this machine.
WORKERS = 4

_connected: ContextVar[dict[str, Any]] = ContextVar("_connected")


def install(gateway: Any, workers: Any) -> None:  # noqa: ANN401 - modules of another environment
    """Add all of it.

    Args:
        gateway: the module `ministack.services.apigateway`.
        workers: the module `ministack.core.lambda_runtime`.
    """
    invoke = gateway._invoke_ws_lambda  # noqa: SLF001 - the emulator has no other way
    handle = gateway.handle_websocket
    messages: set[asyncio.Task[Any]] = set()

    async def invoke_route(*args: Any, **kwargs: Any) -> dict[str, Any] | None:  # noqa: ANN401
        kind = args[6]
        if kind == "MESSAGE":
            task = asyncio.ensure_future(invoke(*args, **kwargs))
            messages.add(task)
            task.add_done_callback(messages.discard)
            return None
        answer: dict[str, Any] | None = await invoke(*args, **kwargs)
        if kind == "CONNECT":
            _connected.set(answer or {})
        return answer

    async def handle_websocket(
        scope: dict[str, Any],
        receive: Receive,
        send: Send,
        *args: Any,  # noqa: ANN401 - handed on
        **kwargs: Any,  # noqa: ANN401 - handed on
    ) -> None:
        async def receive_limited() -> dict[str, Any]:
            message = await receive()
            content = message.get("text") or message.get("bytes") or ""
            size = len(content.encode() if isinstance(content, str) else content)
            if message["type"] != "websocket.receive" or size <= FRAME_LIMIT:
                return message
            reason = f"Frame larger than {FRAME_LIMIT} bytes"
            await send({"type": "websocket.close", "code": TOO_LARGE, "reason": reason})
            return {"type": "websocket.disconnect", "code": TOO_LARGE, "reason": reason}

        async def send_accepting(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.accept":
                protocol = _subprotocol(_connected.get({}))
                if protocol in (scope.get("subprotocols") or ()):
                    message = {**message, "subprotocol": protocol}
            await send(message)

        await handle(scope, receive_limited, send_accepting, *args, **kwargs)

    gateway._invoke_ws_lambda = invoke_route  # noqa: SLF001
    gateway.handle_websocket = handle_websocket
    workers.get_or_create_worker = _leasing(workers)


def _subprotocol(answer: dict[str, Any]) -> str:
    headers = answer.get("headers") or {}
    return next(
        (str(value) for name, value in headers.items() if name.lower() == "sec-websocket-protocol"),
        "",
    )


def _leasing(workers: Any) -> Callable[..., Any]:  # noqa: ANN401 - a module
    """Return what hands out a worker that is nobody else's until it has answered once."""
    places: defaultdict[str, threading.Semaphore] = defaultdict(
        lambda: threading.Semaphore(WORKERS)
    )

    def lease(name: str, config: Any, code: bytes, qualifier: str = "$LATEST") -> _Lease:  # noqa: ANN401
        place = places[f"{name}:{qualifier}"]
        place.acquire()
        try:
            worker, _ = workers.acquire_worker(name, config, code, qualifier=qualifier)
        except BaseException:
            place.release()
            raise
        return _Lease(worker, workers.release_worker, place)

    return lease


class _Lease:
    """A worker for one invocation."""

    def __init__(
        self,
        worker: Any,  # noqa: ANN401 - the emulator's
        release: Callable[[Any], None],
        place: threading.Semaphore,
    ) -> None:
        self._worker = worker
        self._release = release
        self._place = place

    def invoke(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - handed on
        try:
            return self._worker.invoke(*args, **kwargs)
        finally:
            self._release(self._worker)
            self._place.release()
