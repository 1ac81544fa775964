"""Figures 18 and 19: placing a call, from a cold start to a real Asterisk's phone."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import secrets
import time
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING, Any

from bench import sandbox
from bench.figures import SETTLE_S, WAKING_READS, Runner, warm_up
from bench.report import Row, show_time
from centralino.adapters.aws import AMAZON_ROOTS, Client
from centralino.adapters.pbx import asterisk, asterisk_ws
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.lines import DynamoLineStore
from centralino.adapters.web import HttpWeb, Reach
from centralino.domain.agent import Agent
from centralino.domain.dial_options import Budget, DialOptions
from centralino.domain.originate import Order
from centralino.domain.settings import Line, Settings
from centralino.ports.originate import Means, PbxLink
from tests.support.asterisk import CHROOT, Link
from tests.support.calls import http_event
from tests.support.dialling_office import DiallingOffice, wait_for
from tests.support.lambda_emulator import LambdaEmulator
from tests.support.memory_store import Stores
from tests.support.socket_gateway import SocketGateway

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.figures import World
    from centralino.ports.originate import Originator

TENANT = "dials"
EXTEN = "21"
WARM = 30
CALLS = 20
LIMIT_S = 8.0
# What is measured is the way of one call, not how many there may be.
NO_LIMITS = Budget(agent_minute=0, agent_hour=0, agent_day=0)


def originate(world: World) -> list[Row]:
    """Figures 18 and 19."""
    return [*_function(world), *_asterisk(world)]


def _function(world: World) -> list[Row]:
    """Measure the function that places calls, by a PBX on loopback that takes every call at once.

    Against a function that says hello, cold and warm; each call is to a number of its own.
    """
    with _pbx() as url, closing(Client("dynamodb", env=world.env)) as client:
        key = _tenant(client, world.env["CENTRALINO_TABLE"], url)
        empty = world.directory / "no-secrets.json"
        empty.write_text("{}")
        env = world.trusting(Path(AMAZON_ROOTS)) | {"CENTRALINO_SECRETS": f"file:{empty}"}
        runners = {
            "hello": Runner(sandbox.compared("Hello"), {}),
            "originate": Runner(sandbox.originating(), env),
        }
        numbers = count(1)
        cold: dict[str, list[float]] = {name: [] for name in runners}
        warm: dict[str, list[float]] = {name: [] for name in runners}
        order = random.Random(1)  # noqa: S311 - so that nobody always runs behind the same neighbour
        names = list(runners)
        for number in range(-1, world.rounds):  # the first round fills the disk's cache
            order.shuffle(names)
            for name in names:
                sandboxed, its_env = runners[name]
                with LambdaEmulator(sandboxed.task, sandboxed.opt, its_env) as function:
                    time.sleep(SETTLE_S)
                    warm_up(world.tls_env, WAKING_READS, world.certificate)
                    first, *others = (
                        _time(function, _click(key, next(numbers)), name) for _ in range(1 + WARM)
                    )
                if number >= 0:
                    cold[name].append(first)
                    warm[name].append(median(others))
    rows = []
    for kind, took in (("cold start and a call placed", cold), ("warm, a call placed", warm)):
        ours, floor = median(took["originate"]), median(took["hello"])
        rows.append(
            Row(
                18,
                f"{kind}, against hello world",
                show_time(ours),
                show_time(floor),
                ours / floor,
                None,
            )
        )
    return rows


def _time(function: LambdaEmulator, event: Mapping[str, Any], name: str) -> float:
    before = time.perf_counter()
    returned = function.invoke(event)
    seconds = time.perf_counter() - before
    if name == "originate" and json.loads(returned["body"]).get("status") != "placed":
        raise RuntimeError(f"no call was placed: {returned}")
    return seconds


def _click(key: str, number: int) -> dict[str, Any]:
    body = json.dumps({"number": f"0244{number:06d}", "exten": EXTEN})
    return http_event(
        method="POST",
        path="/v1/originate",
        headers={"x-api-key": key, "content-type": "application/json"},
        body=body,
        epoch_ms=int(time.time() * 1000),
    )


def _tenant(client: Client, table: str, url: str) -> str:
    """Make a tenant whose PBX that is; return its CRM's key."""
    stores = Stores(client, table)
    stores.now_s = time.time()
    keys = stores.create_tenant(TENANT, Settings(TENANT, line=Line(country="IT", area_code="02")))
    stores.agents(TENANT).save(Agent(EXTEN))
    account = {"base_url": url, "allow_private": "true"}
    DynamoLineStore(client, table, TENANT).save("generic", account, now_s=time.time())
    options = DialOptions(pbx="generic", budget=NO_LIMITS)
    if DynamoDialStore(client, table, TENANT).save_options(options) is None:
        raise RuntimeError("the dialling options could not be saved")
    return keys["crm"]


@contextmanager
def _pbx() -> Iterator[str]:
    """Run a PBX that takes every call; yield its address."""

    class Taking(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response_only(HTTPStatus.ACCEPTED)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Keep the table to the figures."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _asterisk(world: World) -> list[Row]:
    """Measure a real Asterisk: asked through the WebSocket that it opened, against ARI over HTTP.

    The functions run in this process over a store in memory, as what is compared is the way: beside
    two hops more, that who asks isn't who gets the answer, and looks for it.
    """
    names = (
        "a real Asterisk through its WebSocket, until it has answered, against ARI over HTTP",
        "a real Asterisk through its WebSocket, until the phone rings, against ARI over HTTP",
    )
    if os.geteuid() != 0 or not CHROOT.exists():
        return [
            Row(19, f"{name} (needs `make test-asterisk`)", "", "", None, None) for name in names
        ]
    answered: dict[str, list[float]] = {"websocket": [], "http": []}
    rang: dict[str, list[float]] = {"websocket": [], "http": []}
    with ExitStack() as started:
        # What the functions log is no figure.
        started.enter_context(contextlib.redirect_stdout(io.StringIO()))
        gateway = started.enter_context(closing(SocketGateway()))
        key = gateway.stores.create_tenant(TENANT)["link"]
        link = Link(f"ws://127.0.0.1:{gateway.port}/ari", "main", key)
        office = started.enter_context(closing(DiallingOffice([link], (EXTEN,))))
        wait_for(lambda: any(one.filtered for one in gateway.sockets(TENANT).all()))
        web = HttpWeb(Reach(private=True))
        started.callback(web.close)
        account = {"base_url": office.url, "user": office.ari.user}
        known = {"password": office.ari.password}
        ways: dict[str, Originator] = {
            "websocket": asterisk_ws.Originate(
                PbxLink(TENANT, "asterisk_ws", {}, {}), Means(web, sockets=gateway.means(TENANT))
            ),
            "http": asterisk.Originate(PbxLink(TENANT, "asterisk", account, known), Means(web)),
        }
        for number in range(-1, world.rounds * CALLS):
            for name in sorted(ways, reverse=bool(number % 2)):
                call = Order(secrets.token_hex(11), EXTEN, f"+390244{number + 1:06d}", "0244000000")
                before = time.monotonic()
                ways[name].originate(call, timeout_s=LIMIT_S)
                after = time.monotonic()
                rung = office.ring()
                if number >= 0:
                    answered[name].append(after - before)
                    rang[name].append(rung.agent.at - before)
            if number % CALLS == 0:
                office.quiet()
    return [
        Row(
            19,
            name,
            show_time(median(took["websocket"])),
            show_time(median(took["http"])),
            median(took["websocket"]) / median(took["http"]),
            None,
        )
        for name, took in zip(names, (answered, rang), strict=True)
    ]
