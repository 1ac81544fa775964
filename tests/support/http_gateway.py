"""API Gateway's HTTP API on loopback, as far as one Lambda behind it can tell the difference.

It turns each request into an event of payload format 2.0, calls a handler in this process and
turns its answer into a response. One function, no routes: what `template.yaml` declares is the
local stack's to try.

Contract: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[dict[str, Any], object], Any]

# What the gateway hands on as text; any other body arrives base64-encoded, forms among them.
_TEXT = ("text/", "application/json", "application/xml", "application/javascript")


class HttpGateway:
    """A gateway with one function behind it, on a free port of the loopback address.

    Attributes:
        url: where it listens, without a slash at the end.
        requests: every request as it came over the wire, request line and headers, oldest first.
        bodies: every answer's body, in the same order.
    """

    def __init__(self, handler: Handler) -> None:
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        gateway = self

        class _Connection(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gateway._serve(self, handler)

            do_POST = do_GET  # noqa: N815 - the name is the standard library's
            do_OPTIONS = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep the test's output to the test."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Connection)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening; a connection to the port is refused from here on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, connection: BaseHTTPRequestHandler, handler: Handler) -> None:
        body = connection.rfile.read(int(connection.headers.get("content-length") or 0))
        self.requests.append(f"{connection.requestline}\n{connection.headers}".rstrip())
        try:
            given = handler(event_of(connection, body), None)
        except Exception:  # noqa: BLE001 - the gateway says the same, whatever the function died of
            given = {"statusCode": 500, "body": '{"message":"Internal Server Error"}'}
        status, headers, content = _response(given)
        self.bodies.append(content)
        connection.send_response_only(status)
        for name, value in headers.items():
            connection.send_header(name, value)
        connection.send_header("content-length", str(len(content)))
        connection.end_headers()
        connection.wfile.write(content)


def event_of(connection: BaseHTTPRequestHandler, body: bytes) -> dict[str, Any]:
    """Return the event that API Gateway makes of a request."""
    # Not `connection.path`, which turns `//v1` into `/v1`.
    path, _, query = connection.requestline.split(" ")[1].partition("?")
    headers: dict[str, str] = {}
    for name, value in connection.headers.items():
        # A header that comes twice arrives once, its values joined.
        joined = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
        headers[name.lower()] = joined
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    raw_path = unquote(path)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": headers.get("host", ""),
            "http": {
                "method": connection.command,
                "path": raw_path,
                "protocol": connection.request_version,
                "sourceIp": connection.client_address[0],
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    if parameters:
        event["queryStringParameters"] = parameters
    if body:
        as_text = headers.get("content-type", "").startswith(_TEXT)
        event["isBase64Encoded"] = not as_text
        event["body"] = body.decode() if as_text else base64.b64encode(body).decode()
    return event


def _response(given: Any) -> tuple[int, dict[str, str], bytes]:  # noqa: ANN401 - any JSON at all
    if not isinstance(given, dict) or "statusCode" not in given:
        # The gateway takes anything without a status for the body of a good answer.
        return 200, {"content-type": "application/json"}, json.dumps(given).encode()
    body = given.get("body") or ""
    content = base64.b64decode(body) if given.get("isBase64Encoded") else body.encode()
    headers = {"content-type": "application/json", **(given.get("headers") or {})}
    return int(given["statusCode"]), headers, content
