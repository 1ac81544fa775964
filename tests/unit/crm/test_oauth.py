"""CRMs with OAuth2: the token is renewed as each of them wants it, and shared."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

import pytest

from centralino.adapters.crm import hubspot, pipedrive, zendesk
from centralino.adapters.tokens import MemoryTokens, SharedTokens
from centralino.domain.errors import PayloadError, RejectedError
from centralino.ports.crm import Connection
from tests.support.crm import LoopbackWeb, Person, reply
from tests.support.crm.hubspot import TOKEN as HUBSPOT_TOKEN
from tests.support.crm.hubspot import FakeHubspot
from tests.support.crm.pipedrive import FakePipedrive
from tests.support.crm.zendesk import TOKEN as ZENDESK_TOKEN
from tests.support.crm.zendesk import FakeZendesk
from tests.support.token_store import MemoryTokenStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from centralino.ports.crm import Crm
    from centralino.ports.tokens import TokenCache
    from tests.support.crm import FakeCrm, Reply, Request

NOW_MS = 1_795_000_000_000
NUMBER = "+390244556677"
API_TOKEN = "0123456789abcdef0123456789abcdef01234567"
APP = {"client_id": "our-app", "client_secret": "its secret: ü&=", "refresh_token": "refresh-0"}


class Product(NamedTuple):
    """One CRM: its fake, and how its requests carry a token of the operator's."""

    adapter: type[Crm]
    fake: Callable[[], FakeCrm]
    path: str
    static: Mapping[str, str]
    account: Mapping[str, str]
    record: str


PRODUCTS = {
    "hubspot": Product(
        hubspot.Adapter,
        FakeHubspot,
        "/oauth/v3/token",
        {"authorization": f"Bearer {HUBSPOT_TOKEN}"},
        {"portal_id": "62515"},
        "101",
    ),
    "pipedrive": Product(
        pipedrive.Adapter,
        lambda: FakePipedrive(API_TOKEN),
        "/oauth/token",
        {"x-api-token": API_TOKEN},
        {},
        "101",
    ),
    "zendesk": Product(
        zendesk.Adapter,
        FakeZendesk,
        "/oauth/tokens",
        {"authorization": f"Bearer {ZENDESK_TOKEN}"},
        {},
        "6596848315901",
    ),
}


class Authorities:
    """Stands before a fake CRM: gives tokens, and lets in who has the one that is good.

    A renewal ends the access token and the refresh token of before, as Zendesk's does.
    """

    def __init__(self, product: Product, fake: FakeCrm) -> None:
        self.product = product
        self.refresh = APP["refresh_token"]
        self.access = ""
        self.renewals: list[dict[str, str]] = []
        self._answer = fake.answer
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        if request.path == self.product.path:
            return self._renew(request)
        if not self.access or request.headers.get("authorization") != f"Bearer {self.access}":
            return reply({"error": "invalid_token"}, 401)
        headers = {n: v for n, v in request.headers.items() if n != "authorization"}
        return self._answer(request._replace(headers={**headers, **self.product.static}))

    def _renew(self, request: Request) -> Reply:
        form = self._fields(request)
        with self._lock:
            self.renewals.append(form)
            known = (form.pop("client_id"), form.pop("client_secret"))
            if known != (APP["client_id"], APP["client_secret"]):
                return reply({"error": "invalid_client"}, 401)
            if form != {"grant_type": "refresh_token", "refresh_token": self.refresh}:
                return reply({"error": "invalid_grant"}, 400)
            self.access = f"access-{len(self.renewals)}"
            self.refresh = f"refresh-{len(self.renewals)}"
            return reply(
                {"access_token": self.access, "refresh_token": self.refresh, "expires_in": 1800}
            )

    def _fields(self, request: Request) -> dict[str, str]:
        """Read a renewal as that product's documentation has it."""
        assert request.method == "POST"
        if self.product.adapter is zendesk.Adapter:
            assert request.headers["content-type"] == "application/json"
            fields: dict[str, str] = json.loads(request.body)
            return fields
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if self.product.adapter is pipedrive.Adapter:
            basic = request.headers["authorization"].removeprefix("Basic ")
            client, _, secret = base64.b64decode(basic).decode().partition(":")
            fields |= {"client_id": client, "client_secret": secret}
        return fields


class Site(NamedTuple):
    """A CRM with a contact in it."""

    product: Product
    fake: FakeCrm
    authorities: Authorities

    def crm(self, tokens: TokenCache, **secrets: str) -> Crm:
        url = self.fake.url
        account = {"base_url": url, "oauth_url": url, **self.product.account}
        if self.product.adapter is not pipedrive.Adapter:
            del account["oauth_url"]
        connection = Connection(self.product.adapter.slug, account, {**APP, **secrets})
        return self.product.adapter(connection, LoopbackWeb(), tokens)


@pytest.fixture(params=PRODUCTS)
def site(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    product = PRODUCTS[request.param]
    with product.fake() as fake:
        fake.save(Person(product.record, NUMBER, NOW_MS))
        authorities = Authorities(product, fake)
        monkeypatch.setattr(fake, "answer", authorities.answer)
        yield Site(product, fake, authorities)


def test_a_record_is_read_with_a_token_that_is_got_once(site: Site) -> None:
    crm = site.crm(MemoryTokens())
    for _ in range(3):
        contact = crm.fetch(site.product.record)
        assert contact is not None
        assert contact.numbers
    assert len(site.authorities.renewals) == 1


def test_a_token_that_has_ended_is_renewed_with_what_came_with_it(site: Site) -> None:
    moment = [1000.0]
    crm = site.crm(MemoryTokens(now=lambda: moment[0]))
    for turn in range(1, 4):
        assert crm.fetch(site.product.record)
        assert len(site.authorities.renewals) == turn
        site.authorities.access = "another"
        moment[0] += 60


def test_containers_share_a_token_that_only_one_of_them_may_renew(site: Site) -> None:
    moment = [1_795_000_000.0]
    store = MemoryTokenStore(lambda: moment[0])
    for turn in range(1, 4):
        start = threading.Barrier(6)

        def read(start: threading.Barrier = start) -> object:
            tokens = SharedTokens(store, "origin", now=lambda: moment[0], pause=lambda _: None)
            crm = site.crm(tokens)
            start.wait()
            return crm.fetch(site.product.record)

        with ThreadPoolExecutor(6) as threads:
            found = [future.result() for future in [threads.submit(read) for _ in range(6)]]
        assert all(found)
        assert len(site.authorities.renewals) == turn
        # It ends before its time, and each of them is refused.
        site.authorities.access = "another"
        moment[0] += 60


@pytest.mark.parametrize("wrong", ["refresh_token", "client_secret"])
def test_what_is_not_good_any_more_is_for_an_operator(site: Site, wrong: str) -> None:
    with pytest.raises(RejectedError) as caught:
        site.crm(MemoryTokens(), **{wrong: "used up"}).fetch(site.product.record)
    assert caught.value.reason == "credentials"
    assert "used up" not in str(caught.value)


def test_one_of_both_kinds_of_credentials_is_needed(site: Site) -> None:
    kind = site.product.adapter
    name = next(iter(kind.instead))
    assert kind.spares(name, {"refresh_token": "refresh-0"})
    assert not kind.spares(name, {"refresh_token": ""})
    account = {"base_url": site.fake.url, **site.product.account}
    crm = kind(Connection(kind.slug, account, {}), LoopbackWeb(), MemoryTokens())
    with pytest.raises((PayloadError, RejectedError)):
        crm.check()
