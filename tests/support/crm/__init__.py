"""What the tests of CRM providers share: fake CRMs on loopback, and something that asks them.

A fake of a product is a `FakeCrm` in `tests/support/crm/<slug>.py`; what every provider has to
stand is `tests/support/crm/contract.py`.
"""

from __future__ import annotations

import http.client
import json
import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from centralino.adapters.web import HttpWeb, Reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.ports.web import Answer

LOOPBACK = "127.0.0.1"
STOP_S = 30.0  # nothing waits longer, whatever a test forgot


class Request(NamedTuple):
    """One request as a fake CRM got it.

    Attributes:
        method: upper case.
        target: path and query as they were sent, byte for byte.
        headers: names in lower case.
        body: the raw bytes.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Return the path, still quoted."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Return the query; of a name that comes twice the last counts."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        """Return the body's JSON."""
        return json.loads(self.body)


class Reply(NamedTuple):
    """What a fake CRM answers."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


def reply(value: object, status: int = 200, **headers: str) -> Reply:
    """Return an answer in JSON; `retry_after="7"` is the header Retry-After."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), headers=named)


class Fault(NamedTuple):
    """What goes wrong with a request.

    Attributes:
        reply: what is answered in place of the truth; None lets the truth through.
        hangs: nothing is ever answered.
        truncated: the connection ends in good order after half of the body.
        drip_s: seconds between any two bytes of the body.
        drops: the connection ends without an answer, though the request was carried out.
    """

    reply: Reply | None = None
    hangs: bool = False
    truncated: bool = False
    drip_s: float = 0.0
    drops: bool = False


def hang() -> Fault:
    """Take requests and never answer."""
    return Fault(hangs=True)


def throttled(retry_after: str = "7") -> Fault:
    """Answer that there were too many requests; without the header if that is empty."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    return Fault(Reply(429, b'{"message":"too many requests"}', headers=headers))


def failing(status: int = 500) -> Fault:
    """Answer with a status and a page that is no JSON, as a gateway before the CRM does."""
    return Fault(Reply(status, b"<html>sorry</html>", "text/html"))


def answering(body: bytes, status: int = 200) -> Fault:
    """Answer with these bytes, whatever was asked."""
    return Fault(Reply(status, body))


def truncated() -> Fault:
    """Break off after half of the body."""
    return Fault(truncated=True)


def drip(pause_s: float = 0.05) -> Fault:
    """Send the body a byte at a time."""
    return Fault(drip_s=pause_s)


class FakeServer(ABC):
    """An HTTP server on loopback; a context manager.

    Attributes:
        requests: what it was asked, in order.
        fault: what goes wrong with every request; None for nothing.
        faults: what goes wrong with the next requests, each once, before `fault`.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.fault: Fault | None = None
        self.faults: list[Fault] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._errors: list[BaseException] = []
        self._server = _Server((LOOPBACK, 0), _Handler, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Answer one request truthfully; one request at a time."""

    @property
    def url(self) -> str:
        """Return where it is, without a slash at the end."""
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._errors:
            raise self._errors[0]

    def handle(self, request: Request) -> tuple[Reply, Fault]:
        """Note a request and work out what becomes of it."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.pop(0) if self.faults else self.fault or Fault()
            if fault.hangs:
                return Reply(500), fault
            if fault.reply:
                return fault.reply, fault
            try:
                return self.answer(request), fault
            except Exception as error:  # noqa: BLE001 - a fake's own fault fails the test at its end
                self._errors.append(error)
                return Reply(500), fault

    def wait(self, seconds: float = STOP_S) -> bool:
        """Wait for a time, or until the server is stopped; return whether it is."""
        return self._stopped.wait(seconds)

    def note(self, error: BaseException) -> None:
        """Keep an error to raise at the end."""
        self._errors.append(error)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that nothing outlives the test
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], fake: FakeServer
    ) -> None:
        self.fake = fake
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # Without `HTTPServer`'s own, which asks the name service who 127.0.0.1 is.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        # The client has hung up: that is what time-outs are for.
        return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = STOP_S
    server: _Server

    def _answer(self) -> None:
        self.close_connection = True
        fake = self.server.fake
        headers = {name.lower(): text for name, text in self.headers.items()}
        if "transfer-encoding" in headers:
            fake.note(AssertionError("a fake CRM reads no chunked request"))
        body = self.rfile.read(int(headers.get("content-length", "0")))
        answer, fault = fake.handle(Request(self.command, self.path, headers, body))
        if fault.hangs:
            fake.wait()
        if fault.hangs or fault.drops:
            return
        self.send_response(answer.status)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        # A 204 has no body, and says so to clients that take one for the next answer.
        if answer.status != http.client.NO_CONTENT:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if fault.truncated:
            self.wfile.write(answer.body[: len(answer.body) // 2])
        elif fault.drip_s:
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                if fake.wait(fault.drip_s):
                    return
        else:
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
        return


class LoopbackWeb:
    """The real thing (`adapters/web.py`), as for a CRM on the premises, that notes what it is told.

    Args:
        timeout_s: no request is given more.

    Attributes:
        timeouts_s: the time that each request was given, in order; None for the default.
    """

    def __init__(self, timeout_s: float = 5.0) -> None:
        self._timeout_s = timeout_s
        self._web = HttpWeb(Reach(private=True))
        self.timeouts_s: list[float | None] = []

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request."""
        self.timeouts_s.append(timeout_s)
        given_s = self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s)
        return self._web.send(method, url, headers=headers, body=body, timeout_s=given_s)


class Person(NamedTuple):
    """A contact as the contract test puts it into a fake CRM, which keeps it in its own shape.

    Attributes:
        record: the id there; of a kind that the product makes (`FakeCrm.record`).
        number: as somebody typed it there.
        modified_ms: milliseconds since 1970; a product that counts seconds drops the rest.
    """

    record: str
    number: str
    modified_ms: int
    first_name: str = "Ada"
    last_name: str = "Bianchi"
    company: str = "Bianchi Impianti"


class FakeCrm(FakeServer):
    """A product's API, as unkind as its contract.

    It refuses what the contract refuses: no or other credentials with 401, an unknown path, a page
    longer than allowed, a filter that the product doesn't know.

    Attributes:
        page_size: it never lists more records at once than this, whatever is asked for.
    """

    page_size = 3

    @abstractmethod
    def record(self, place: int) -> str:
        """Return the id of the product's `place`-th record, in the product's own form."""

    @abstractmethod
    def save(self, person: Person) -> None:
        """Create a contact, or change it."""

    @abstractmethod
    def delete(self, record: str, at_ms: int) -> None:
        """Delete a contact; it is gone, or in the bin, as the product has it."""
