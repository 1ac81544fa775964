"""A user at a browser: a real Chromium, a site with pages, a service as the real one answers."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from centralino.entry.dial_page import dial_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import BrowserContext, Page, Worker

ROOT = Path(__file__).parents[2]
KEY = "acme.AgentAgentAgentAgent00"
ADMIN_KEY = "acme.AdminAdminAdminAdmin00"
ROLES = {KEY: "agent", ADMIN_KEY: "admin"}
# What is marked on a page: for each element that says what is to be found in it, what is; and what
# is found anywhere else.
_MARKS = """() => {
  const found = new Map([...document.querySelectorAll("[data-calls]")].map((e) => [e, []]));
  const elsewhere = [];
  for (const host of document.querySelectorAll("centralino-call")) {
    const number = host.shadowRoot.querySelector(".icon").dataset.number;
    const element = host.closest("[data-calls]");
    if (element) found.get(element).push(number);
    else elsewhere.push([host.parentElement.outerHTML.trim().slice(0, 160), number]);
  }
  const told = [...found].map(([e, numbers]) => [
    e.textContent.trim().slice(0, 80), e.dataset.calls.split(" "), numbers]);
  return [told, elsewhere];
}"""

_LEVELS = 5
_SETTLE = f"""async () => {{
  let box = document.querySelector("aside[data-last]");
  if (!box) {{
    box = document.body.appendChild(document.createElement("aside"));
    box.hidden = true;
    box.dataset.last = "";
    box.append("");
  }}
  const marked = () =>
    box.querySelector("centralino-call")?.shadowRoot.querySelector(".icon").dataset.number;
  const until = async (isSo) => {{
    while (!isSo()) await new Promise((done) => setTimeout(done, 10));
  }};
  for (let level = 0; level < {_LEVELS}; level += 1) {{
    box.firstChild.data = `+39 06 1234567${{level}}`;
    await until(() => marked() === `+39061234567${{level}}`);
  }}
  box.firstChild.data = "";
  await until(() => !marked());
}}"""
# The page's own clock goes this many times as fast: what it waits for is soon there.
_HURRY = """() => {
  const [now, wait] = [performance.now.bind(performance), setTimeout];
  performance.now = () => 20 * now();
  window.setTimeout = (done, ms) => wait(done, ms / 20);
}"""


class Asked(NamedTuple):
    """A request that the service got, header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class Answer(NamedTuple):
    """What a server answers."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})


class Server:
    """A server on the loopback interface; `answer` says what."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        server = self
        self.asked: list[Asked] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                server.asked.append(asked)
                given = server.answer(asked)
                if given is None:
                    self.close_connection = True
                    return
                content = given.body.encode()
                self.send_response(given.status)
                for name, value in {"content-type": given.content_type, **given.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_OPTIONS = handle_one  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://{self.host}:{self._server.server_port}"

    def answer(self, asked: Asked) -> Answer | None:
        """Answer a request; None drops the connection."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        # It is told to stop after each test: it looks for that more often than twice a second.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class SiteOfPages(Server):
    """The CRM: pages from a folder, and those that a test writes; another site than the service."""

    host = "localhost"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.written: dict[str, Answer] = {}

    def write(self, name: str, html: str, **headers: str) -> str:
        """Write a page; return its address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        text = f"<!doctype html><meta charset=utf-8><title>CRM</title>{html}"
        self.written[f"/{name}"] = Answer(200, text, "text/html; charset=utf-8", named)
        return f"{self.origin}/{name}"

    def answer(self, asked: Asked) -> Answer:
        """Answer with a page."""
        page = self._folder / asked.path[1:]
        if asked.path in self.written:
            return self.written[asked.path]
        if page.is_file():
            return Answer(200, page.read_text(encoding="utf-8"), "text/html; charset=utf-8")
        return Answer(404, "", "text/plain")


class FakeService(Server):
    """`/v1/originate` as its entry answers, `/v1/whoami`, and the real page `/dial`.

    Attributes:
        states: what a call goes through, one each time that it is asked for; the last one stays.
        problem: what a call is refused with, if it is: status and the document's fields.
        drops: how many requests for a call are taken, and not answered.
        busy: how many requests for a call are answered as one that is being placed still.
        calls: idempotency key -> what was asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.states = ["placed", "ringing", "answered", "ended"]
        self.problem: tuple[int, dict[str, Any]] | None = None
        self.drops = 0
        self.busy = 0
        self.country = "IT"
        self.calls: dict[str, dict[str, str]] = {}

    @property
    def posted(self) -> list[Asked]:
        """The requests for calls."""
        return [asked for asked in self.asked if asked.method == "POST"]

    def answer(self, asked: Asked) -> Answer | None:
        """Answer a request."""
        if asked.path == "/dial":
            headers, page = dial_page()
            return Answer(200, page, headers.pop("content-type"), headers)
        role = ROLES.get(asked.headers.get("x-api-key", ""))
        if role is None:
            return self._problem(401, {"title": "Not authenticated", "detail": "unknown key"})
        if asked.path == "/v1/whoami":
            return Answer(
                200, json.dumps({"tenant": "acme", "role": role, "country": self.country})
            )
        if asked.path == "/v1/originate" and asked.method == "POST":
            return self._originated(asked)
        if re.fullmatch(r"/v1/originate/[0-9A-Za-z]{22}", asked.path):
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return Answer(200, json.dumps({"call_id": asked.path[-22:], "status": state}))
        return self._problem(404, {"title": "Not found"})

    def _originated(self, asked: Asked) -> Answer | None:
        body = json.loads(asked.body)
        self.calls.setdefault(asked.headers["idempotency-key"], body)
        if self.drops:
            self.drops -= 1
            return None
        if self.busy:
            self.busy -= 1
            return self._problem(409, {"title": "In progress"}, {"retry-after": "0.2"})
        if self.problem is not None:
            return self._problem(*self.problem)
        call = {"call_id": "0" * 22, "status": "requested", "number": body["number"]}
        return Answer(202, json.dumps(call))

    def _problem(
        self, status: int, fields: dict[str, Any], headers: Mapping[str, str] = MappingProxyType({})
    ) -> Answer:
        document = json.dumps({"type": "about:blank", "status": status, **fields})
        return Answer(status, document, "application/problem+json", headers)


class Marked(NamedTuple):
    """What is marked on a page, against what should be.

    Attributes:
        right: how many numbers are marked that should be.
        missed: where a number is that isn't marked, and which.
        wrong: where something is marked that should not be, and as which number.
    """

    right: int
    missed: list[tuple[str, str]]
    wrong: list[tuple[str, str]]

    @property
    def precision(self) -> float:
        """The share of what is marked that should be."""
        return self.right / (self.right + len(self.wrong))

    @property
    def recall(self) -> float:
        """The share of what should be marked that is."""
        return self.right / (self.right + len(self.missed))


class Desk:
    """A user's browser."""

    def __init__(self, context: BrowserContext, service: FakeService, site: SiteOfPages) -> None:
        self.context = context
        self.service = service
        self.site = site
        self.worker: Worker = (
            context.service_workers[0]
            if context.service_workers
            else context.wait_for_event("serviceworker")
        )
        self.extension = self.worker.url.removesuffix("/worker.js")

    def set_up(self, **settings: object) -> None:
        """Save what the options page would have saved."""
        kept = {"url": self.service.origin, "key": KEY, "exten": "21", "country": "IT"}
        self.worker.evaluate("(kept) => chrome.storage.local.set(kept)", {**kept, **settings})

    def kept(self) -> dict[str, Any]:
        """Return what the extension has stored."""
        kept: dict[str, Any] = self.worker.evaluate("() => chrome.storage.local.get()")
        return kept

    def open(self, address: str) -> Page:
        """Open a page, with the extension at work in it."""
        page = self.context.new_page()
        page.goto(address)
        return page

    def dial(self, number: str) -> Page:
        """Open `/dial`, its clock in a hurry, and wait until clicks count."""
        page = self.context.new_page()
        page.add_init_script(f"({_HURRY})()")
        page.goto(f"{self.service.origin}/dial#{number}")
        page.wait_for_function("(then) => performance.now() > then", arg=self._clicks_count(page))
        return page

    def _clicks_count(self, page: Page) -> float:
        """Return when clicks count on the page's clock: those that come with it do not."""
        return float(page.evaluate("performance.now()")) + 700

    def show(self, html: str, **headers: str) -> Page:
        """Open a page of the CRM with something in it."""
        return self.open(self.site.write("page", html, **headers))

    def marks(self, page: Page) -> Marked:
        """Read what is marked on a page once no more is."""
        settle(page)
        told, elsewhere = page.evaluate(_MARKS)
        right, missed, wrong = 0, [], [(text, number) for text, number in elsewhere]
        for text, expected, found in told:
            right += sum(number in expected for number in found)
            missed += [(text, number) for number in expected if number not in found]
            wrong += [(text, number) for number in found if number not in expected]
            if found != expected and sorted(found) == sorted(expected):
                wrong.append((text, f"order {found}"))
        return Marked(right, missed, wrong)

    def leave(self) -> None:
        """Close all pages and forget everything."""
        for page in self.context.pages[1:]:
            page.close()
        self.worker.evaluate(
            "() => Promise.all([chrome.storage.local.clear(), chrome.storage.session.clear()])"
        )


def settle(page: Page) -> None:
    """Wait until the extension has read all that a page holds now.

    It reads blocks in the order in which they changed, those inside of others after them. A block
    of ours changes last, once for each level, and its mark says that the extension was there.
    """
    page.evaluate(_SETTLE)


def leave_time(page: Page) -> None:
    """Leave an extension that is to do nothing the time in which it would have done something.

    Nothing tells when that is: so long that one that is at work is found out on a busy machine too.
    """
    page.wait_for_timeout(800)
