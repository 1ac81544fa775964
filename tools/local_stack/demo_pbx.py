"""The demo tenant's PBX: it takes the request to place a call, and says whose phone rings.

It speaks as `generic` does without a template of its own. No phone rings, of course.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

from local_stack.emulator import HOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

PATH = "/demo-pbx/call"
MAX_BODY = 10_000


class Rung(NamedTuple):
    """A call that it was asked for.

    Attributes:
        exten: whose phone rings first.
        number: what is dialled then.
    """

    exten: str
    number: str


class DemoPbx:
    """A PBX that listens; leaving its context, or `stop`, closes it.

    Args:
        token: what a request has to show.

    Attributes:
        url: where calls are placed.
        rung: the calls that it was asked for, the first one first.
        tell: is told of each call, in a line.
    """

    def __init__(self, token: str) -> None:
        self.rung: list[Rung] = []
        self.tell: Callable[[str], None] = lambda _line: None
        self._token = token
        pbx = self

        class Handler(BaseHTTPRequestHandler):
            """Answers one request."""

            def do_POST(self) -> None:
                """Place a call."""
                length = min(int(self.headers.get("content-length") or 0), MAX_BODY)
                status, said = pbx.take(
                    self.path, self.headers.get("authorization", ""), self.rfile.read(length)
                )
                self._answer(status, said)

            def do_OPTIONS(self) -> None:
                """Say that somebody listens."""
                self._answer(200, {"status": "OK"})

            def log_message(self, *_: object) -> None:
                """Say nothing: what matters is told."""

            def _answer(self, status: int, said: dict[str, str]) -> None:
                body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}{PATH}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, shown: str, body: bytes) -> tuple[int, dict[str, str]]:
        """Take a request to place a call; return the status and what is answered.

        Args:
            path: of the request.
            shown: its `authorization`.
            body: as it came.
        """
        if path != PATH:
            return 404, {"status": "ERROR", "error": "nothing here"}
        if shown != f"Bearer {self._token}":
            return 401, {"status": "ERROR", "error": "who are you?"}
        try:
            asked = json.loads(body)
            call = Rung(str(asked["exten"]), str(asked["number"]))
        except (ValueError, KeyError, TypeError):
            return 400, {"status": "ERROR", "error": "expected number and exten"}
        self.rung.append(call)
        self.tell(f"(the demo's PBX: the phone of {call.exten} rings, then it dials {call.number})")
        return 200, {"status": "OK", "call_id": f"demo-{len(self.rung)}"}
