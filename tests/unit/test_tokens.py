"""One access token for all who ask a CRM: renewed when it has to be, by one at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from centralino import bootstrap
from centralino.adapters.tokens import MemoryTokens
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.ports.tokens import Token


class Issuer:
    """Gives tokens that end an hour later, and notes what it was shown."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.shown: list[Token | None] = []

    def renew(self, before: Token | None) -> Token:
        self.shown.append(before)
        place = len(self.shown)
        return Token(f"access-{place}", f"refresh-{place}", self.now + 3600)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def tokens(issuer: Issuer) -> MemoryTokens:
    return MemoryTokens(now=lambda: issuer.now)


def test_a_token_is_asked_for_once_and_then_shared(issuer: Issuer, tokens: MemoryTokens) -> None:
    given = {tokens.token(issuer.renew, timeout_s=1.0) for _ in range(5)}
    assert given == {Token("access-1", "refresh-1", 4600.0)}
    assert issuer.shown == [None]


def test_a_token_is_renewed_shortly_before_its_end_with_what_came_with_it(
    issuer: Issuer, tokens: MemoryTokens
) -> None:
    first = tokens.token(issuer.renew, timeout_s=1.0)
    issuer.now += 3500
    assert tokens.token(issuer.renew, timeout_s=1.0) == first
    issuer.now += 80
    assert tokens.token(issuer.renew, timeout_s=1.0).access == "access-2"
    assert issuer.shown == [None, first]


def test_a_token_whose_end_nobody_knows_is_good_until_it_is_refused(issuer: Issuer) -> None:
    tokens = MemoryTokens(now=lambda: issuer.now)
    given = tokens.token(lambda _: Token("a"), timeout_s=1.0)
    issuer.now += 10**9
    assert tokens.token(issuer.renew, timeout_s=1.0) == given
    assert tokens.token(issuer.renew, refused="a", timeout_s=1.0).access == "access-1"


def test_a_refusal_of_an_older_token_does_not_cost_the_newer_one(
    issuer: Issuer, tokens: MemoryTokens
) -> None:
    tokens.token(issuer.renew, timeout_s=1.0)
    issuer.now += 60
    second = tokens.token(issuer.renew, refused="access-1", timeout_s=1.0)
    # Somebody whose request was under way with the first one comes back late.
    assert tokens.token(issuer.renew, refused="access-1", timeout_s=1.0) == second
    assert len(issuer.shown) == 2


def test_a_token_that_is_refused_right_after_its_renewal_is_for_an_operator(
    issuer: Issuer, tokens: MemoryTokens
) -> None:
    tokens.token(issuer.renew, timeout_s=1.0)
    with pytest.raises(RejectedError) as caught:
        tokens.token(issuer.renew, refused="access-1", timeout_s=1.0)
    assert caught.value.reason == "credentials"
    assert len(issuer.shown) == 1
    # A while later it is worth a try again.
    issuer.now += 11
    assert tokens.token(issuer.renew, refused="access-1", timeout_s=1.0).access == "access-2"


def test_a_renewal_that_fails_leaves_the_next_one_its_turn(
    issuer: Issuer, tokens: MemoryTokens
) -> None:
    def fail(_: Token | None) -> Token:
        raise UnavailableError("server")

    for _ in range(2):
        with pytest.raises(UnavailableError):
            tokens.token(fail, timeout_s=1.0)
    assert tokens.token(issuer.renew, timeout_s=1.0).access == "access-1"


def test_of_many_who_come_while_it_is_renewed_none_renews_it_again(issuer: Issuer) -> None:
    tokens = MemoryTokens(now=lambda: issuer.now)
    renewing, go_on = threading.Event(), threading.Event()

    def slow(before: Token | None) -> Token:
        renewing.set()
        assert go_on.wait(30)
        return issuer.renew(before)

    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(tokens.token, slow, timeout_s=30.0)]
        assert renewing.wait(30)
        futures += [threads.submit(tokens.token, slow, timeout_s=30.0) for _ in range(7)]
        go_on.set()
        given = {future.result().access for future in futures}
    assert given == {"access-1"}
    assert issuer.shown == [None]


def test_who_can_not_wait_any_longer_is_told_so(issuer: Issuer, tokens: MemoryTokens) -> None:
    def impatient(before: Token | None) -> Token:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(tokens.token, issuer.renew, timeout_s=0.01)
            error = waiting.exception()
        assert isinstance(error, UnavailableError)
        assert error.reason == "timeout"
        return issuer.renew(before)

    assert tokens.token(impatient, timeout_s=1.0).access == "access-1"
    assert tokens.token(issuer.renew, timeout_s=-1.0).access == "access-1"


def test_a_container_keeps_one_token_for_each_tenant_product_and_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-south-1")
    kept = bootstrap.tokens("acme", "salesforce", "an account")
    assert bootstrap.tokens("acme", "salesforce", "an account") is kept
    # A token is not shown to another organisation, whoever is connected to it now.
    for other in (
        ("other", "salesforce", "an account"),
        ("acme", "dynamics", "an account"),
        ("acme", "salesforce", "another account"),
    ):
        assert bootstrap.tokens(*other) is not kept
    for built in (bootstrap.tokens, bootstrap._token_clients):
        built.cache_clear()
