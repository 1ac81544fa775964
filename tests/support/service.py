"""The service for a client in this process: HTTP in, the functions' own answers out, no socket."""

from __future__ import annotations

import base64
import contextlib
import io
import threading
from typing import TYPE_CHECKING

import httpx

from centralino.entry.access import Door
from centralino.entry.lookup import lookup
from tests.support.calls import http_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.admin import Desk


class ServiceTransport(httpx.BaseTransport):
    """Hands each request to the function that has its route.

    Attributes:
        requests: `METHOD path`, in order.
        answers: what to do instead of answering, one for each request from now on; None to answer.
    """

    def __init__(self, desk: Desk) -> None:
        self.requests: list[str] = []
        self.answers: list[Callable[[httpx.Request], httpx.Response] | None] = []
        self._one_at_a_time = threading.Lock()
        self._desk = desk
        self._door = Door(desk.call_store(), desk.clock, 0)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        self.requests.append(f"{request.method} {path}")
        if self.answers and (answer := self.answers.pop(0)):
            return answer(request)
        event = http_event(
            request.url.query.decode(),
            method=request.method,
            path=path,
            headers=dict(request.headers),
            body=request.read(),
            epoch_ms=int(self._desk.clock.now * 1000),
        )
        # A container answers one request at a time, and so does standard output change hands. What
        # a function prints is its log, which is elsewhere than the client's terminal.
        with self._one_at_a_time, contextlib.redirect_stdout(io.StringIO()):
            if path == "/v1/lookup":
                given = lookup(event, self._door)
            else:
                given = self._desk.api.answer(event)
        body = given["body"] or ""
        content = base64.b64decode(body) if given["isBase64Encoded"] else body.encode()
        return httpx.Response(given["statusCode"], headers=given["headers"], content=content)
