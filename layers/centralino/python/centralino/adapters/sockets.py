"""The WebSocket API's own side: what is sent to a connection, and what closes it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import re
import time

from centralino.adapters.aws import Client
from centralino.domain.errors import (
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.sockets import GoneError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.adapters.aws import _Form

# A connection that was idle for longer may be gone without a word: a container freezes.
KEEP_S = 20.0
_URL = re.compile(r"(https?://[^/]+)((?:/[A-Za-z0-9._~-]+)*)/?")
# What the gateway makes its ids of (base64 and its URL-safe kind); nothing else gets into a path.
_SOCKET_ID = re.compile(r"[A-Za-z0-9+/=_-]{1,128}", re.ASCII)
# The canonical path of a signature is encoded once more than the path that is sent:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
_TWICE = str.maketrans({"+": "%252B", "/": "%252F", "=": "%253D"})
_NO_CONTENT = (b"HTTP/1.1 204", b"HTTP/1.0 204")
_GONE = 410
_FORBIDDEN = 403
_TOO_LARGE = 413
_TOO_MANY = 429
_SERVER_ERROR = 500


class GatewaySockets(Client):
    """Sends through the connections of one WebSocket API; see the port.

    Not for several threads at once, as every client of ours.

    Args:
        url: of the API and its stage, `https://abc.execute-api.eu-south-1.amazonaws.com/ari`.
        env: as for every signed client. `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, the SDKs' own
            variable, says where the API is instead, as in a local stack; the path stays.
        clock: seconds since 1970 (UTC).

    Raises:
        PayloadError: the URL isn't one.
    """

    def __init__(
        self, url: str, *, env: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        match = _URL.fullmatch(url)
        if not match:
            raise PayloadError("CENTRALINO_SOCKETS", "the URL of a WebSocket API and its stage")
        origin = env.get("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI") or match[1]
        super().__init__(
            "execute-api", env={**env, "AWS_ENDPOINT_URL_EXECUTE-API": origin}, clock=clock
        )
        self._path = match[2]
        self._used_at = 0.0

    def post(self, socket_id: str, frame: str, *, timeout_s: float) -> None:
        """Send a text to the PBX; see the port."""
        self._connections("POST", socket_id, frame.encode(), timeout_s)

    def disconnect(self, socket_id: str, *, timeout_s: float) -> None:
        """Close a connection; see the port."""
        try:
            self._connections("DELETE", socket_id, b"", timeout_s)
        except GoneError:
            return

    def _connections(self, method: str, socket_id: str, body: bytes, timeout_s: float) -> None:
        if not _SOCKET_ID.fullmatch(socket_id):
            raise GoneError
        start = time.monotonic()
        if start - self._used_at > KEEP_S:
            self.close()
        self._used_at = start
        self._method = method
        self._attempt(socket_id, body, start + timeout_s)

    def _sign(self, operation: str, body: bytes) -> bytes:
        """Return the whole HTTP request; the operation is the id of the connection."""
        self._forms.clear()  # there are as many as connections
        return super()._sign(operation, body)

    def _form(self, operation: str) -> _Form:
        """Write down what is signed."""
        form = self._written(f"{self._path}/%40connections/{operation.translate(_TWICE)}")
        return form._replace(head=form.head.replace("/%40connections/", "/@connections/", 1))

    def _take(self, connection: socket.socket, data: bytes, limit: float) -> tuple[int, bytes]:
        """Read the rest of an answer; one without content (204) has no length either."""
        if data.startswith(_NO_CONTENT):
            self.close()
            return 204, b""
        return super()._take(connection, data, limit)

    def _understand(self, status: int, answer: bytes) -> dict[str, Any]:  # noqa: ARG002 - a port's
        """Return nothing, or raise what keeps the connection from being written to."""
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own classes of statuses
            return {}
        if status == _GONE:
            raise GoneError
        if status == _TOO_MANY:
            raise ThrottledError("throttled")
        if status >= _SERVER_ERROR:
            raise UnavailableError("server")
        if status == _FORBIDDEN:
            raise RejectedError("permissions")
        raise RejectedError("too_large" if status == _TOO_LARGE else "request")
