"""S3 in memory, as far as large bodies and imports need it, on loopback.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, and there API_PutObject,
API_ListObjectsV2, API_CreateMultipartUpload, API_UploadPart and API_CompleteMultipartUpload.
"""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class _Asked(NamedTuple):
    """A request."""

    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class _Told(NamedTuple):
    """An answer, and to which operation."""

    operation: str
    status: int = 200
    body: bytes = b""


class _Files:
    """What is kept, and what is being uploaded part by part."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        self._lock = threading.Lock()

    def read(self, asked: _Asked) -> _Told:
        if not asked.key:
            prefix = asked.query["prefix"]
            keys = (key for key in sorted(self.kept) if key.startswith(prefix))
            found = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
            told = f"<ListBucketResult>{found}</ListBucketResult>"
            return _Told("ListObjectsV2", 200, told.encode())
        body = self.kept.get(asked.key)
        if body is None:
            return _Told("GetObject", 404, b"<Error><Code>NoSuchKey</Code></Error>")
        if part := _RANGE.fullmatch(asked.headers.get("range", "")):
            return _Told("GetObject", 206, body[int(part[1]) : int(part[2]) + 1])
        return _Told("GetObject", 200, body)

    def write(self, asked: _Asked) -> _Told:
        if upload := asked.query.get("uploadId"):
            with self._lock:
                self._parts[upload][int(asked.query["partNumber"])] = asked.body
            return _Told("UploadPart")
        if asked.headers.get("if-none-match") == "*" and asked.key in self.kept:
            error = b"<Error><Code>PreconditionFailed</Code></Error>"
            return _Told("PutObject", 412, error)
        self.kept[asked.key] = asked.body
        return _Told("PutObject")

    def upload(self, asked: _Asked) -> _Told:
        if "uploads" in asked.query:
            upload = f"upload-{len(self._parts)}"
            self._parts[upload] = {}
            name = "InitiateMultipartUploadResult"
            body = f"<{name}><UploadId>{upload}</UploadId></{name}>"
            return _Told("CreateMultipartUpload", 200, body.encode())
        parts = self._parts[asked.query["uploadId"]]
        self.kept[asked.key] = b"".join(part for _, part in sorted(parts.items()))
        parts.clear()
        name = "CompleteMultipartUploadResult"
        return _Told("CompleteMultipartUpload", 200, f"<{name}></{name}>".encode())


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: workers that are killed are what the tests are about."""


class FakeS3:
    """One bucket, for the length of a `with` block.

    Args:
        bucket: its name.
        after: called with each operation when it was carried out, before the answer.

    Attributes:
        files: key -> content.
        endpoint: its URL.
    """

    def __init__(self, bucket: str, after: Callable[[str], None] = lambda _: None) -> None:
        files = _Files()
        self.files = files.kept

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Keep quiet."""

            def do_GET(self) -> None:
                self._answer(files.read)

            def do_PUT(self) -> None:
                self._answer(files.write)

            def do_POST(self) -> None:
                self._answer(files.upload)

            def _answer(self, do: Callable[[_Asked], _Told]) -> None:
                url = urlsplit(self.path)
                path = unquote(url.path)
                assert path.partition("/")[2].partition("/")[0] == bucket, path
                told = do(
                    _Asked(
                        path.removeprefix(f"/{bucket}").removeprefix("/"),
                        {n: v[0] for n, v in parse_qs(url.query, keep_blank_values=True).items()},
                        {name.lower(): value for name, value in self.headers.items()},
                        self.rfile.read(int(self.headers.get("content-length", 0))),
                    )
                )
                after(told.operation)
                self._send(told.status, told.body)

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("etag", '"of-no-use"')
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
