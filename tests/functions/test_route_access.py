"""Who may ask where a call goes: every route of the call path, every role, every way for a key."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest

import pbx_page
from centralino import bootstrap
from centralino.application.compile_routing import save_parts
from centralino.application.create_key import create_key
from centralino.domain.keys import ROLES, URL_ROLES, ApiKey, hash_key, new_key
from centralino.entry.admin.document import build_document
from centralino.entry.route import route
from tests.support.admin import Desk, Reply
from tests.support.calls import http_event
from tests.support.route_desk import route_desk, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

THEIRS = "crm:theirs"
MARK = "Zanzibarini"
NUMBER = "+39024455667"
VAT = "IT12345670017"
SECRETS = {"acme": "acmes-secret-of-signatures", "other": "others-secret-of-signatures"}
FORM = "application/x-www-form-urlencoded"
# How a key may come; the last two are in the URL.
HEADERS = ("x-api-key", "bearer", "basic")
TRANSPORTS = (*HEADERS, "path", "query")
# A call that every provider understands in its own words; each answers with a code.
_NUMBERS = ("number", "from", "num", "Caller-Caller-ID-Number", "caller_num")
_CALL_IDS = ("call_id", "CallSid", "call_sid", "id", "Unique-ID", "session_id")
_DIGITS = ("digits", "Digits", "idContact", "code")
WORDS = {
    **dict.fromkeys(_NUMBERS, NUMBER),
    **dict.fromkeys(_CALL_IDS, "call-1"),
    **dict.fromkeys(_DIGITS, VAT.removeprefix("IT")),
    "question": "1",
    "event": "answered",
    "exten": "21",
}


class Place(NamedTuple):
    """One operation of the document, at one provider."""

    method: str
    path: str
    ask: str
    provider: str
    roles: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path.removeprefix('/v1/')}"

    def event(self, key: str, transport: str, tenant: str, now_s: float) -> dict[str, Any]:
        """Return a request of this tenant's PBX, signed with its secret."""
        basic = base64.b64encode(f"pbx:{key}".encode()).decode()
        headers = {
            "x-api-key": {"x-api-key": key},
            "bearer": {"authorization": f"Bearer {key}"},
            "basic": {"authorization": f"Basic {basic}"},
        }.get(transport, {})
        path = self.path
        if transport == "path":
            path = path.replace("/v1/", f"/v1/k/{key}/", 1)
        query = {"key": key} if transport == "query" else {}
        body = None
        if self.method == "GET":
            query |= WORDS
        elif self.provider == "jambonz":
            headers["content-type"], body = "application/json", json.dumps(WORDS)
        else:
            headers["content-type"], body = FORM, urlencode(WORDS)
        event = http_event(
            query,
            method=self.method,
            path=path,
            headers=headers,
            body=body,
            epoch_ms=int(1000 * now_s),
        )
        return signed(event, SECRETS[tenant], now_s)


def places() -> Iterator[Place]:
    """Give every operation of the call path, at every provider that can ask it."""
    for path, methods in build_document()["paths"].items():
        if path != "/v1/route" and not path.startswith(("/v1/identify/", "/v1/pbx/")):
            continue
        for method, operation in methods.items():
            roles = tuple(operation["x-roles"])
            here = path.replace("{node}", "theirs").replace("{id}", VAT)
            if "{provider}" not in path:
                ask = path.split("/")[2]
                yield Place(method.upper(), here, ask, "", roles)
                continue
            for slug in pbx_page.slugs():
                at = here.replace("{provider}", slug)
                asks = bootstrap.pbx_class(slug).asks
                for ask in asks if "{ask}" in path else {"identify"} & set(asks):
                    yield Place(method.upper(), at.replace("{ask}", ask), ask, slug, roles)


PLACES = list(places())
everywhere = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)


class Site:
    """Two tenants, `acme` with nothing and, if it is there, `other` with all there is to steal."""

    def __init__(self, *, with_theirs: bool = True) -> None:
        self.desk = Desk()
        self.secrets: dict[str, dict[str, object]] = {
            f"{tenant}/crm/pbx-{provider}": {name: secret}
            for tenant, secret in SECRETS.items()
            for provider, name in (("twilio", "auth_token"), ("jambonz", "webhook_secret"))
        }
        if with_theirs:
            self._fill()

    def _fill(self) -> None:
        desk, key = self.desk, self.desk.keys["other"]["admin"]
        desk.add(
            key=key,
            id=THEIRS,
            last_name=MARK,
            numbers=[{"number": NUMBER}],
            customer_code=VAT,
        )
        assert desk.ask("PUT", f"/v1/customers/{VAT}", {"name": MARK}, key=key).status == 201
        node = {"mode": "check", "codes": ["vat:IT"], "prompt": MARK}
        assert desk.ask("PUT", "/v1/nodes/theirs", node, key=key).status == 201
        store = desk.routing("other")
        rules = {"rules": [{"name": MARK, "to": f"queue:{MARK}"}]}
        version = store.add_rules(rules, at=0, by="test").version
        parts = store.parts()._replace(published=version)
        settings = desk.tenants("other").settings()
        assert settings is not None
        save_parts(store, parts, settings, now_s=desk.clock.now)

    def ask(
        self, place: Place, key: str, transport: str = "x-api-key", signer: str = "acme"
    ) -> Reply:
        """Ask in a container that has never served anybody."""
        desk = self.desk
        event = place.event(key, transport, signer, desk.clock.now)
        given = route(event, route_desk(desk.dynamo, desk.clock, self.secrets))
        return Reply(given["statusCode"], given["headers"], given["body"])

    def items(self, tenant: str) -> list[Any]:
        """Return all that is stored of a tenant."""
        prefix = f"T#{tenant}"
        return [
            json.dumps(item, sort_keys=True)
            for item in self.desk.dynamo.all_items()
            if item["pk"]["S"].startswith(prefix)
        ]


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()


def test_every_route_of_the_call_path_is_tried_at_every_pbx() -> None:
    assert {place.provider for place in PLACES} == {"", *pbx_page.slugs()}
    assert {place.ask for place in PLACES} == {"lookup", "route", "identify", "events"}
    assert {place.roles for place in PLACES} == {("pbx", "admin")}


@everywhere
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_ask_what_the_document_says_however_its_key_comes(
    site: Site, place: Place, role: str
) -> None:
    for transport in TRANSPORTS:
        before = site.desk.dynamo.all_items()
        reply = site.ask(place, site.desk.keys["acme"][role], transport)
        if transport not in HEADERS and role not in URL_ROLES:
            expected = (401, "refused")
        elif role not in place.roles:
            expected = (403, "refused")
        else:
            assert reply.status not in {401, 403}, transport
            assert reply.headers["x-centralino-outcome"] != "refused"
            continue
        assert (reply.status, reply.headers["x-centralino-outcome"]) == expected, transport
        assert reply.text == ""
        assert site.desk.dynamo.all_items() == before


@everywhere
def test_of_another_tenant_nothing_is_told_and_nothing_changed(place: Place) -> None:
    site, alone = Site(), Site(with_theirs=False)
    before = site.items("other")
    theirs = site.ask(place, site.desk.keys["acme"]["pbx"])
    absent = alone.ask(place, alone.desk.keys["acme"]["pbx"])
    assert (theirs.status, theirs.text) == (absent.status, absent.text)
    outcome = "x-centralino-outcome"
    assert theirs.headers[outcome] == absent.headers[outcome]
    assert MARK not in f"{theirs.text} {theirs.headers}"
    assert site.items("other") == before


def test_the_owner_of_all_that_is_told_it() -> None:
    site = Site()
    key = site.desk.keys["other"]["pbx"]
    told = {
        (place.ask, place.provider)
        for place in PLACES
        if MARK in site.ask(place, key, signer="other").text
    }
    assert {
        ("route", ""),
        ("lookup", "asterisk"),
        ("route", "jambonz"),
        ("route", "twilio"),
    } <= told


@pytest.mark.parametrize(
    "place",
    [place for place in PLACES if place.provider in {"jambonz", "twilio"}],
    ids=lambda place: place.name,
)
def test_a_key_and_the_signature_of_another_tenant_don_t_go_together(
    site: Site, place: Place
) -> None:
    before = site.desk.dynamo.all_items()
    for tenant, signer in (("acme", "other"), ("other", "acme")):
        reply = site.ask(place, site.desk.keys[tenant]["pbx"], signer=signer)
        assert (reply.status, reply.text) == (401, "")
    assert site.desk.dynamo.all_items() == before


@everywhere
def test_no_bad_key_gets_anywhere(site: Site, place: Place) -> None:
    tenants, now = site.desk.tenants(), site.desk.clock.now
    revoked = create_key(tenants, "pbx", now_s=now)
    tenants.remove_key(revoked.key.hash)
    expired = new_key("acme")
    tenants.add_key(ApiKey(hash_key(expired), "pbx", expires_at=int(now)))
    elsewhere = create_key(tenants, "pbx", now_s=now, networks=["192.0.2.0/24"]).text
    before = site.desk.dynamo.all_items()
    for bad in (
        *("", "acme.short", new_key("acme"), new_key("nobody")),
        *(revoked.text, expired, elsewhere),
    ):
        for transport in TRANSPORTS if bad else HEADERS:
            reply = site.ask(place, bad, transport)
            assert (reply.status, reply.text) == (401, ""), (bad, transport)
    assert site.desk.dynamo.all_items() == before
