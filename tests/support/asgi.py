"""API Gateway for a handler in this process: ASGI in, payload format 2.0 out, no socket."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    Message = MutableMapping[str, Any]


class Gateway:
    """An ASGI application that hands each request to a Lambda handler.

    Args:
        handle: takes an event and gives an answer.
    """

    def __init__(self, handle: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self._handle = handle

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        assert scope["type"] == "http"
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        given = self._handle(_event(scope, body))
        headers = [(name.encode(), value.encode()) for name, value in given["headers"].items()]
        content = given["body"] or ""
        sent = base64.b64decode(content) if given["isBase64Encoded"] else content.encode()
        status = given["statusCode"]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": sent})


def _event(scope: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    path = scope["raw_path"].decode("latin-1").partition("?")[0]
    http = {"method": scope["method"], "path": path, "sourceIp": "203.0.113.7"}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": scope["query_string"].decode("latin-1"),
        "headers": {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
        "requestContext": {"stage": "$default", "http": http},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
