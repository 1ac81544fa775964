"""One access token for all containers: renewed by one of them, kept before anybody uses it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.secret_keeper import TokenPlace
from centralino.adapters.store.token_claims import DynamoTokenClaims
from centralino.adapters.tokens import ATTEMPTS, CLAIM_S, SharedPlace, SharedTokens
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.ports.tokens import Token, origin_of
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.token_store import MemoryTokenStore

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = "of these secrets"


class Issuer:
    """A CRM that ends the access token and the refresh token before with every renewal."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0
        self.renewals = 0
        self.refresh = "refresh-0"
        self._lock = threading.Lock()

    def renew(self, before: Token | None) -> Token:
        with self._lock:
            shown = before.refresh if before else "refresh-0"
            if shown != self.refresh:
                raise RejectedError("credentials")
            self.renewals += 1
            self.refresh = f"refresh-{self.renewals}"
            return Token(f"access-{self.renewals}", self.refresh, self.now + 3600)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def store(issuer: Issuer) -> MemoryTokenStore:
    return MemoryTokenStore(lambda: issuer.now)


def container(store: MemoryTokenStore, issuer: Issuer, origin: str = ORIGIN) -> SharedTokens:
    def pause(seconds: float) -> None:
        issuer.now += seconds

    return SharedTokens(store, origin, now=lambda: issuer.now, pause=pause)


def test_another_container_takes_the_token_that_the_first_one_got(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    first, other = container(store, issuer), container(store, issuer)
    assert first.token(issuer.renew, timeout_s=1).access == "access-1"
    assert other.token(issuer.renew, timeout_s=1).access == "access-1"
    assert issuer.renewals == 1


def test_a_container_asks_where_tokens_are_shared_once_and_not_for_every_request(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    tokens = container(store, issuer)
    tokens.token(issuer.renew, timeout_s=1)
    reads = store.reads
    for _ in range(10):
        tokens.token(issuer.renew, timeout_s=1)
    assert store.reads == reads


def test_a_token_that_another_container_has_renewed_is_taken_and_not_renewed_again(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    first, other = container(store, issuer), container(store, issuer)
    first.token(issuer.renew, timeout_s=1)
    other.token(issuer.renew, timeout_s=1)
    issuer.now += 60
    assert first.token(issuer.renew, refused="access-1", timeout_s=1).access == "access-2"
    assert other.token(issuer.renew, refused="access-1", timeout_s=1).access == "access-2"
    issuer.now += 3600
    assert other.token(issuer.renew, timeout_s=1).access == "access-3"
    assert first.token(issuer.renew, timeout_s=1).access == "access-3"
    assert issuer.renewals == 3


def test_a_renewed_token_that_can_not_be_kept_is_used_by_nobody_until_it_is(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    tokens = container(store, issuer)
    store.failing = ATTEMPTS
    with pytest.raises(UnavailableError):
        tokens.token(issuer.renew, timeout_s=1)
    assert not store.value
    # The refresh token is used up: the one that was got for it is kept first of all.
    assert tokens.token(issuer.renew, timeout_s=1).access == "access-1"
    assert store.value["refresh"] == "refresh-1"
    assert container(store, issuer).token(issuer.renew, timeout_s=1).access == "access-1"
    assert issuer.renewals == 1


def test_a_write_that_fails_once_is_tried_again(issuer: Issuer, store: MemoryTokenStore) -> None:
    store.failing = ATTEMPTS - 1
    container(store, issuer).token(issuer.renew, timeout_s=1)
    assert store.value["access"] == "access-1"


def test_a_claim_that_can_not_be_released_does_not_cost_the_token(
    issuer: Issuer, store: MemoryTokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_claim: int) -> None:
        raise UnavailableError("timeout")

    monkeypatch.setattr(store, "release", away)
    assert container(store, issuer).token(issuer.renew, timeout_s=1).access == "access-1"


def test_a_renewal_that_never_came_back_holds_nobody_up_for_good(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    assert store.claim(issuer.now + CLAIM_S)
    with pytest.raises(UnavailableError) as caught:
        container(store, issuer).token(issuer.renew, timeout_s=2)
    assert caught.value.reason == "timeout"
    issuer.now += CLAIM_S
    assert container(store, issuer).token(issuer.renew, timeout_s=2).access == "access-1"


def test_who_waits_takes_what_the_renewal_of_another_brings(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    claim = store.claim(issuer.now + CLAIM_S)
    waited = 0

    def pause(seconds: float) -> None:
        nonlocal waited
        issuer.now += seconds
        waited += 1
        if waited == 3:
            value = issuer.renew(None)._asdict()
            store.write({**value, "renewed_at": issuer.now, "origin": ORIGIN}, 1)
            store.release(claim)

    tokens = SharedTokens(store, ORIGIN, now=lambda: issuer.now, pause=pause)
    assert tokens.token(issuer.renew, timeout_s=10).access == "access-1"
    assert (waited, issuer.renewals) == (3, 1)


def test_a_renewal_that_fails_leaves_the_next_container_its_turn(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    def fail(_: Token | None) -> Token:
        raise UnavailableError("server")

    with pytest.raises(UnavailableError):
        container(store, issuer).token(fail, timeout_s=1)
    assert container(store, issuer).token(issuer.renew, timeout_s=1).access == "access-1"


def test_a_token_that_is_refused_right_after_another_container_renewed_it_is_for_an_operator(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    container(store, issuer).token(issuer.renew, timeout_s=1)
    other = container(store, issuer)
    with pytest.raises(RejectedError):
        other.token(issuer.renew, refused="access-1", timeout_s=1)
    assert issuer.renewals == 1


def test_a_token_of_other_secrets_is_nobodys_any_more(
    issuer: Issuer, store: MemoryTokenStore
) -> None:
    container(store, issuer).token(issuer.renew, timeout_s=1)
    issuer.refresh = "refresh-0"
    again = container(store, issuer, "of others")
    assert again.token(issuer.renew, timeout_s=1).access == "access-2"


def test_of_many_containers_that_need_a_token_at_once_one_renews(issuer: Issuer) -> None:
    store = MemoryTokenStore(lambda: issuer.now)
    for turn in range(1, 6):
        start = threading.Barrier(8)
        containers = [
            SharedTokens(store, ORIGIN, now=lambda: issuer.now, pause=lambda _: None)
            for _ in range(8)
        ]

        def ask(tokens: SharedTokens, start: threading.Barrier = start) -> str:
            start.wait()
            return tokens.token(issuer.renew, timeout_s=60).access

        with ThreadPoolExecutor(8) as threads:
            given = set(threads.map(ask, containers))
        assert given == {f"access-{turn}"}
        assert issuer.renewals == turn
        issuer.now += 7200


def test_what_webhooks_are_signed_with_has_nothing_to_do_with_tokens() -> None:
    account = {"base_url": "https://acme.example.com"}
    origin = origin_of(account, {"client_id": "a", "webhook_secrets": ["one"]})
    assert origin == origin_of(account, {"webhook_secrets": ["two"], "client_id": "a"})
    assert origin != origin_of(account, {"client_id": "b"})
    assert origin != origin_of({"base_url": "https://other.example.com"}, {"client_id": "a"})
    assert "acme" not in origin


def test_a_token_is_kept_beside_the_secrets_and_claimed_in_the_table(
    issuer: Issuer, tmp_path: Path
) -> None:
    file = tmp_path / "secrets.json"
    dynamo = MemoryDynamo("centralino")
    kept = TokenPlace(f"file:{file}", lambda _: dynamo, "acme", "zendesk")
    claims = DynamoTokenClaims(dynamo, "centralino", "acme", now=lambda: issuer.now)
    place = SharedPlace(kept, claims, "zendesk", threading.Lock())
    tokens = SharedTokens(place, ORIGIN, now=lambda: issuer.now, pause=lambda _: None)
    assert tokens.token(issuer.renew, timeout_s=1).access == "access-1"
    assert "access-1" in file.read_text()
    assert "acme/crm/zendesk/token" in file.read_text()
    # No token in the table, and no claim once it is over.
    assert not dynamo.items


def test_a_claim_is_one_containers_until_it_lapses_or_is_released(issuer: Issuer) -> None:
    dynamo = MemoryDynamo("centralino")
    claims = DynamoTokenClaims(dynamo, "centralino", "acme", now=lambda: issuer.now)
    claim = claims.claim("zendesk", issuer.now + 25)
    assert claim
    assert claims.claim("zendesk", issuer.now + 25) == 0
    assert claims.claim("pipedrive", issuer.now + 25)
    claims.release("zendesk", claim + 1)
    assert claims.claim("zendesk", issuer.now + 25) == 0
    claims.release("zendesk", claim)
    second = claims.claim("zendesk", issuer.now + 25)
    assert second
    issuer.now += 25
    assert claims.claim("zendesk", issuer.now + 25) > second
