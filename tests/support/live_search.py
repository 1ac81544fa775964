"""A whole live search on loopback: the lookup and the search as Lambda runs them, and a CRM.

Lambda's own part, invoking one function from the other, is played by `Invocations`: as there, a
container does one thing at a time, and goes on with it when its caller has hung up.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import urlencode

from centralino.adapters.aws import Client
from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.adapters.store.dynamo import DynamoCallStore
from centralino.domain.settings import Line, Settings
from tests.support import lambda_emulator
from tests.support.crm.generic import ACCOUNT, TOKEN, FakeErp
from tests.support.lambda_emulator import LambdaEmulator
from tests.support.tenants import make_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.crm import Fault, Reply, Request
    from tests.support.dynamodb_local import DynamoDBLocal

PATIENCE_S = 2.7
NEVER_S = 30.0
# A late answer that isn't there by then won't come.
LATEST_S = 20.0
_PROVIDER = "generic"
_BETTER = "espocrm"


class SlowErp(FakeErp):
    """A CRM that takes its time.

    Attributes:
        takes_s: seconds before it looks at a search.
        searches: how many it was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.takes_s = 0.0
        self.searches = 0
        self._counting = threading.Lock()

    def handle(self, request: Request) -> tuple[Reply, Fault]:
        """Wait, then answer."""
        with self._counting:
            self.searches += request.path == "/api/search"
        self.wait(self.takes_s)
        return super().handle(request)


class Containers:
    """The containers of one function: whoever calls gets a free one, or waits for it."""

    def __init__(self, containers: Sequence[LambdaEmulator]) -> None:
        self._number = len(containers)
        self._free: SimpleQueue[LambdaEmulator] = SimpleQueue()
        for container in containers:
            self._free.put(container)

    @contextmanager
    def one(self) -> Iterator[LambdaEmulator]:
        """Keep one for the length of a `with` block."""
        container = self._free.get()
        try:
            yield container
        finally:
            self._free.put(container)

    def wait(self) -> None:
        """Wait until all of them are free."""
        with ExitStack() as kept:
            for _ in range(self._number):
                kept.enter_context(self.one())


class Invocations:
    """What invokes the search for the lookup; a context manager.

    Args:
        containers: the search's.

    Attributes:
        kinds: the invocations' types, in order.
    """

    def __init__(self, containers: Containers) -> None:
        self.kinds: list[str] = []
        self._containers = containers
        self._threads: list[threading.Thread] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = NEVER_S

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                kind = self.headers["x-amz-invocation-type"]
                outer.kinds.append(kind)
                answer, status = b"", 202
                if kind == "Event":
                    outer.later(body)
                else:
                    answer, status = outer.invoke(body), 200
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True  # the caller has given up

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    @property
    def env(self) -> dict[str, str]:
        """What leads the lookup here."""
        return {
            "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{self._server.server_port}",
            "CENTRALINO_SEARCH_FUNCTION": "search-crm:live",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        for thread in self._threads:
            thread.join()
        self._server.server_close()

    def invoke(self, body: bytes) -> bytes:
        """Invoke the search; what it returns is the answer's body."""
        with self._containers.one() as container:
            return json.dumps(container.invoke(json.loads(body))).encode()

    def wait(self) -> None:
        """Wait until nothing is searched for any more."""
        self._containers.wait()

    def later(self, body: bytes) -> None:
        """Invoke the search behind the answer."""
        thread = threading.Thread(target=self.invoke, args=(body,))
        self._threads.append(thread)
        thread.start()


class Answer(NamedTuple):
    """What the PBX got, and after how long."""

    outcome: str
    label: str
    seconds: float


class Stage:
    """A tenant with a CRM behind the two functions; a context manager.

    Args:
        dynamodb: where the table is made.
        directory: for the file of secrets.
        live_search_s: how long a call waits for the CRM; a PBX waits for 2.7 s.
        better: whether the tenant has another CRM, which it prefers and which never answers.
        containers: how many there are of either function.

    Attributes:
        crm: the CRM.
        lookup: the lookup, running; the first of its containers.
        search: the search, running; the first of its containers.
        invocations: what leads from one to the other.
    """

    def __init__(
        self,
        dynamodb: DynamoDBLocal,
        directory: Path,
        *,
        live_search_s: float = 10.0,
        better: bool = False,
        containers: int = 1,
    ) -> None:
        self._number = containers
        self._dynamodb = dynamodb
        self._directory = directory
        self._settings = Settings(
            "acme",
            line=Line(country="IT", area_code="02", decode_timeout_s=PATIENCE_S),
            crms=(_PROVIDER, *((_BETTER,) if better else ())),
            source_priority=(_BETTER,),
            live_search_s=live_search_s,
        )
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            self.crm = started.enter_context(SlowErp())
            table = self._dynamodb.create_table()
            client = started.enter_context(closing(Client("dynamodb", env=self._dynamodb.env)))
            tenant = make_tenant(client, table, self._settings)
            self._key = tenant.keys["pbx"]
            account = {**ACCOUNT, "base_url": self.crm.url, "allow_private": "true"}
            silent = started.enter_context(SlowErp())
            silent.takes_s = NEVER_S
            connections = DynamoConnectionStore(client, table, "acme")
            connections.save(_PROVIDER, account, now_s=time.time())
            connections.save(_BETTER, {**account, "base_url": silent.url}, now_s=time.time())
            known = {_PROVIDER: {"token": TOKEN}, _BETTER: {"api_key": "espo-key"}}
            secrets = self._directory / "secrets.json"
            secrets.write_text(
                json.dumps({f"acme/crm/{name}": value for name, value in known.items()})
            )
            env = {
                **self._dynamodb.env,
                "CENTRALINO_TABLE": table,
                "CENTRALINO_SECRETS": f"file:{secrets}",
            }
            found = lambda_emulator.artifact("SearchCrmFunction")
            searches = [
                started.enter_context(LambdaEmulator(found.task, found.opt, env, timeout_s=15))
                for _ in range(self._number)
            ]
            self.search = searches[0]
            self.invocations = started.enter_context(Invocations(Containers(searches)))
            found = lambda_emulator.artifact("LookupFunction")
            env |= self.invocations.env
            lookups = [
                started.enter_context(LambdaEmulator(found.task, found.opt, env))
                for _ in range(self._number)
            ]
            self.lookup = lookups[0]
            self._lookups = Containers(lookups)
            self._calls = DynamoCallStore(client, table)
            self._open = started.pop_all()
        return self

    def __exit__(self, *details: object) -> None:
        self._open.__exit__(*details)  # type: ignore[arg-type]

    def ask(self, number: str) -> Answer:
        """Call, as a PBX does."""
        with self._lookups.one() as container:
            # Lambda would have one more container, so waiting for this one is nobody's time.
            event = {
                "version": "2.0",
                "rawPath": "/v1/lookup",
                "rawQueryString": urlencode({"number": number}),
                "headers": {"x-api-key": self._key},
                "requestContext": {
                    "http": {"method": "GET", "path": "/v1/lookup", "sourceIp": "127.0.0.1"},
                    "timeEpoch": int(time.time() * 1000),
                },
                "isBase64Encoded": False,
            }
            before = time.perf_counter()
            returned = container.invoke(event)
            seconds = time.perf_counter() - before
        return Answer(returned["headers"]["x-centralino-outcome"], returned["body"], seconds)

    def is_indexed(self, number: str) -> bool:
        """Tell whether somebody is found under a number now."""
        return number in self._calls.read("acme", [number], timeout_s=5).cards

    def becomes_indexed(self, number: str, within_s: float = LATEST_S) -> bool:
        """Wait until somebody is found under a number; tell whether that happened."""
        give_up_at = time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            if self.is_indexed(number):
                return True
            time.sleep(0.05)
        return False
