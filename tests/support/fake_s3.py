"""S3 in memory, as far as large bodies and imports need it, on loopback.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html and API_PutObject.html
"""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: workers that are killed are what the tests are about."""


class FakeS3:
    """One bucket, for the length of a `with` block.

    Args:
        bucket: its name.
        after: called with `GetObject` or `PutObject` when that was carried out, before the answer.

    Attributes:
        files: key -> content.
        endpoint: its URL.
    """

    def __init__(self, bucket: str, after: Callable[[str], None] = lambda _: None) -> None:
        self.files: dict[str, bytes] = {}
        files = self.files

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Keep quiet."""

            @property
            def key(self) -> str:
                path = unquote(urlsplit(self.path).path)
                assert path.startswith(f"/{bucket}/"), path
                return path.removeprefix(f"/{bucket}/")

            def do_GET(self) -> None:
                body = files.get(self.key)
                after("GetObject")
                if body is None:
                    self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
                    return
                part = _RANGE.fullmatch(self.headers.get("range", ""))
                self._send(206 if part else 200, _part(body, part))

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = 200
                if self.headers.get("if-none-match") == "*" and self.key in files:
                    status, error = 412, b"<Error><Code>PreconditionFailed</Code></Error>"
                else:
                    files[self.key], error = body, b""
                after("PutObject")
                self._send(status, error)

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _part(body: bytes, part: re.Match[str] | None) -> bytes:
    return body[int(part[1]) : int(part[2]) + 1] if part else body
