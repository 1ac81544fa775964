"""Yeastar P-Series: calls by `call/dial`, one access token for all containers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import pytest

from centralino.adapters.pbx.yeastar import Originate
from centralino.domain.originate import FailedCallError, Placed
from centralino.ports.originate import Means, PbxLink
from tests.support.crm import LoopbackWeb, Reply, answering, failing, truncated
from tests.support.originate.containers import (
    ORDER,
    TIMEOUT_S,
    Containers,
    SharedTokenContract,
)
from tests.support.originate.yeastar import FakeYeastar, say

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT, SECRET = "UEnH9Dmv6uBJEXsYcag1trNfQThYXXXX", "ZLcXl63S9EtMnYoHUnjbVo6sA8CbXXXX"
HTML = b"<html>502 Bad Gateway</html>"


# Error codes of the developer guide, and what they mean for a call.
CODES = {
    -2: ("INTERNAL SERVER ERROR", "unknown"),
    -1: ("FAILURE", "refused"),
    1: ("PARTIAL SUCCESS", "unknown"),
    2: ("PROCESSING", "unknown"),
    10001: ("INTERFACE NOT EXISTED", "refused"),
    10003: ("API VERSION UNSUPPORTED", "refused"),
    10005: ("ACCESS DENIED", "credentials"),
    10009: ("OPERATION FAILED", "refused"),
    40001: ("PARAMETER SYNTAX ERROR", "refused"),
    40002: ("PARAMETER ERROR", "refused"),
    60001: ("DATA NOT FOUND", "unknown_exten"),
    60002: ("MAX LIMITATION EXCEEDED", "refused"),
    70087: ("IP FORBIDDEN", "credentials"),
    99999: ("WHAT COMES NEXT", "refused"),
}


class TestYeastar(SharedTokenContract):
    originator = Originate
    account: ClassVar = {"dial_permission": "22"}
    secrets: ClassVar = {"client_id": CLIENT, "client_secret": SECRET}
    wrong = "client_secret"
    carries = frozenset({"auto_answer"})
    refusals: ClassVar = {
        **{words: (say(code, words), reason) for code, (words, reason) in CODES.items()},
        "no code": (Reply(200, b'{"errmsg":"SUCCESS"}'), "unknown"),
        "a code in words": (Reply(200, b'{"errcode":"0","call_id":"1"}'), "unknown"),
        "true": (Reply(200, b'{"errcode":true}'), "unknown"),
        "a proxy": (Reply(403), "credentials"),
        "too many": (Reply(429), "refused"),
        "nowhere": (Reply(404), "refused"),
    }
    bad_settings: ClassVar = {"account.dial_permission": ("22,23", "a", "2" * 30)}
    login = "/get_token"

    def server(self) -> FakeYeastar:
        return FakeYeastar(CLIENT, SECRET)


@pytest.fixture
def pbx() -> Iterator[FakeYeastar]:
    with FakeYeastar(CLIENT, SECRET) as fake:
        yield fake


def link(pbx: FakeYeastar, secret: str = SECRET, **account: str) -> PbxLink:
    settings = {"base_url": pbx.url, "allow_private": "true", **account}
    return PbxLink("acme", "yeastar", settings, {"client_id": CLIENT, "client_secret": secret})


def failure(provider: Originate) -> FailedCallError:
    with pytest.raises(FailedCallError) as caught:
        provider.originate(ORDER, timeout_s=TIMEOUT_S)
    return caught.value


@pytest.fixture
def provider(pbx: FakeYeastar) -> Originate:
    return Originate(link(pbx), Means(LoopbackWeb()))


def test_the_agents_extension_is_told_to_call_the_number(
    pbx: FakeYeastar, provider: Originate
) -> None:
    assert provider.originate(ORDER, timeout_s=TIMEOUT_S) == Placed("1650095575.872")
    assert [request.json() for request in pbx.dials] == [{"caller": "21", "callee": "0244556677"}]


def test_every_request_says_that_it_is_for_the_openapi(
    pbx: FakeYeastar, provider: Originate
) -> None:
    provider.originate(ORDER, timeout_s=TIMEOUT_S)
    assert [request.headers["user-agent"] for request in pbx.requests] == ["OpenAPI"] * 2


def test_another_extensions_permission_counts_if_one_is_set(pbx: FakeYeastar) -> None:
    provider = Originate(link(pbx, dial_permission="22"), Means(LoopbackWeb()))
    provider.originate(ORDER, timeout_s=TIMEOUT_S)
    assert pbx.permissions == ["22"]


@pytest.mark.parametrize("fault", [answering(HTML), answering(b"{}"), truncated(), failing(502)])
def test_a_login_whose_answer_is_lost_made_no_phone_ring(
    pbx: FakeYeastar, provider: Originate, fault: object
) -> None:
    pbx.fault = fault  # type: ignore[assignment]
    assert failure(provider).reason == "unreachable"
    assert not pbx.dials


def test_a_wrong_secret_is_told_from_a_pbx_that_is_away(pbx: FakeYeastar) -> None:
    assert failure(Originate(link(pbx, "wrong"), Means(LoopbackWeb()))).reason == "credentials"
    assert not pbx.dials


def test_a_pbx_that_gives_no_more_tokens_refuses(pbx: FakeYeastar, provider: Originate) -> None:
    pbx.ends_others = False
    pbx.tokens = {str(number) for number in range(8)}
    error = failure(provider)
    assert (error.reason, error.detail) == ("refused", "60002 MAX LIMITATION EXCEEDED")


def test_the_pbxs_own_words_tell_no_secret_and_no_whole_number(
    pbx: FakeYeastar, provider: Originate
) -> None:
    pbx.saying = say(40002, f"caller 21 callee +390244556677 of {CLIENT} {SECRET}\x07" * 9)
    detail = failure(provider).detail
    assert "callee +…77 of *** ***" in detail
    assert len(detail) <= 200
    assert not {CLIENT, SECRET, "0244556677", "\x07"} & set(detail.split())


def test_a_token_that_ended_is_refreshed_and_the_call_is_dialled_once(pbx: FakeYeastar) -> None:
    containers = Containers(Originate, link(pbx))
    containers.originate()
    containers.let_pass(60)
    pbx.expire()
    assert containers.originate() == "1650095575.873"
    assert (len(pbx.rung), pbx.logins, pbx.refreshes) == (2, 2, 1)


def test_a_token_is_refreshed_before_its_end(pbx: FakeYeastar) -> None:
    containers = Containers(Originate, link(pbx))
    containers.originate()
    containers.let_pass(1790)
    pbx.requests.clear()
    containers.originate()
    assert [request.path.rpartition("/")[2] for request in pbx.requests] == [
        "refresh_token",
        "dial",
    ]


def test_after_a_login_elsewhere_the_refresh_token_is_dead_too_and_we_log_in(
    pbx: FakeYeastar,
) -> None:
    containers = Containers(Originate, link(pbx))
    containers.originate()
    containers.let_pass(60)
    pbx.log_in_elsewhere()
    pbx.requests.clear()
    assert containers.originate() == "1650095575.873"
    assert [request.path.rpartition("/")[2] for request in pbx.requests] == [
        "dial",
        "refresh_token",
        "get_token",
        "dial",
    ]


def test_a_check_says_as_whom_we_are_known_and_rings_nobody(
    pbx: FakeYeastar, provider: Originate
) -> None:
    assert provider.check(timeout_s=TIMEOUT_S) == "API client UEnH9Dmv…"
    assert not pbx.dials


def test_the_tokens_are_kept_with_the_refresh_token(pbx: FakeYeastar) -> None:
    containers = Containers(Originate, link(pbx))
    containers.originate()
    kept = json.loads(json.dumps(containers.store.value))
    assert (kept["access"], kept["refresh"]) == ("access1", "refresh1")
    assert 1700 < kept["expires_at"] - containers.now() <= 1800
