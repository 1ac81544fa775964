"""Twilio: the agent is called, and TwiML calls the number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import pytest

from centralino.adapters.pbx.twilio import Originate
from centralino.domain.errors import PayloadError
from centralino.domain.originate import FailedCallError, Order, Placed
from centralino.ports.originate import Means, PbxLink
from tests.support.crm import LoopbackWeb, Reply, answering, reply
from tests.support.originate.contract import OriginateContract
from tests.support.originate.twilio import FakeTwilio, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.originate import Rung

SID, KEY = f"AC{'0123456789abcdef' * 2}", f"SK{'fedcba9876543210' * 2}"
TOKEN, KEY_SECRET = "auth-token-0f1e2d3c4b5a", "secret-of-the-key-9Zx"
SHOWN = "+390244550001"
ORDER = Order("0123456789abcdefABCDEF", "21", "+390244556677", "0244556677", timeout_s=25)
TIMEOUT_S = 5.0
AGENTS = {exten: f"client:agent_{exten}" for exten in ("21", "22", *map(str, range(100, 200)))}
# Codes of errors as Twilio's dictionary has them, with the status that they come with, and what
# they mean for a call.
CODES = {
    10001: (403, "credentials"),
    10002: (403, "credentials"),
    10005: (403, "credentials"),
    20003: (401, "credentials"),
    20404: (404, "credentials"),
    20429: (429, "refused"),
    21200: (400, "refused"),
    21205: (400, "refused"),
    21210: (400, "refused"),
    21211: (400, "unknown_exten"),
    21212: (400, "refused"),
    21214: (400, "unknown_exten"),
    21215: (400, "refused"),
    21216: (400, "refused"),
    21217: (400, "unknown_exten"),
    21219: (400, "refused"),
    21226: (400, "credentials"),
    99999: (400, "refused"),
    20500: (500, "unknown"),
    20503: (503, "unreachable"),
}


class TestTwilio(OriginateContract):
    originator = Originate
    account: ClassVar = {"account_sid": SID, "caller_id": SHOWN, "agents": json.dumps(AGENTS)}
    secrets: ClassVar = {"auth_token": TOKEN}
    wrong = "auth_token"
    carries = frozenset({"caller_id", "timeout_s"})
    refusals: ClassVar = {
        **{str(code): (error(code, status, "why"), word) for code, (status, word) in CODES.items()},
        "no code": (Reply(400), "refused"),
        "forbidden": (Reply(403), "credentials"),
        "a status that creates nothing": (reply({"sid": "CA1"}, 200), "unknown"),
        "created, nobody knows what": (Reply(201, b"<html>"), "unknown"),
        "a code that is none": (reply({"code": True}, 400), "refused"),
    }
    bad_settings: ClassVar = {
        "account.account_sid": ("AC1", "SK" + "0" * 32, "../Accounts"),
        "account.api_key": ("AC" + "0" * 32,),
        "account.caller_id": ("0244550001", "ACME"),
        "account.agents": ("[]", "{", '{"21": 5}', '{"21": "tel:1"}', '{"a": "client:b"}'),
        "account.agent_uri": ("client:21", "{exten}", "https://{exten}.example.com"),
    }

    def server(self) -> FakeTwilio:
        return FakeTwilio(SID, {SID: TOKEN})

    def expected(self, order: Order) -> Rung:
        """Return what rings: Twilio is given the number itself, and has to be told what to show."""
        rung = super().expected(order)
        return rung._replace(dial=order.number, caller_id=order.caller_id or SHOWN)


@pytest.fixture
def pbx() -> Iterator[FakeTwilio]:
    with FakeTwilio(SID, {SID: TOKEN, KEY: KEY_SECRET}) as fake:
        yield fake


def build(pbx: FakeTwilio, token: str = TOKEN, **account: str) -> Originate:
    settings = {
        "base_url": pbx.url,
        "account_sid": SID,
        "caller_id": SHOWN,
        "agent_uri": "client:agent_{exten}",
        **account,
    }
    link = PbxLink("acme", "twilio", settings, {"auth_token": token})
    return Originate(link, Means(LoopbackWeb()))


def place(pbx: FakeTwilio, order: Order = ORDER, **account: str) -> dict[str, str]:
    """Place a call; return the fields that Twilio got."""
    build(pbx, **account).originate(order, timeout_s=TIMEOUT_S)
    [fields] = pbx.placed
    return fields


def failure(provider: Originate, order: Order = ORDER) -> FailedCallError:
    with pytest.raises(FailedCallError) as caught:
        provider.originate(order, timeout_s=TIMEOUT_S)
    return caught.value


def test_the_agent_is_called_and_then_the_number_as_it_is_written_everywhere(
    pbx: FakeTwilio,
) -> None:
    assert place(pbx) == {
        "To": "client:agent_21",
        "From": SHOWN,
        "Twiml": f'<Response><Dial callerId="{SHOWN}" timeout="60" answerOnBridge="true">'
        "<Number>+390244556677</Number></Dial></Response>",
        "Timeout": "25",
    }


def test_a_call_has_the_id_that_twilio_gave_it(pbx: FakeTwilio) -> None:
    assert build(pbx).originate(ORDER, timeout_s=TIMEOUT_S) == Placed(f"CA{1:032x}")
    pbx.saying = reply({"sid": "CA2", "status": "ringing"}, 201)
    assert build(pbx).originate(ORDER, timeout_s=TIMEOUT_S) == Placed("CA2", "ringing")


def test_the_orders_caller_id_comes_before_the_accounts(pbx: FakeTwilio) -> None:
    fields = place(pbx, ORDER._replace(caller_id="+390299887766"))
    assert fields["From"] == "+390299887766"
    assert 'callerId="+390299887766"' in fields["Twiml"]


@pytest.mark.parametrize(("ordered", "sent"), [(0, "1"), (30, "30"), (9999, "600")])
def test_a_phone_rings_as_long_as_twilio_allows(pbx: FakeTwilio, ordered: int, sent: str) -> None:
    assert place(pbx, ORDER._replace(timeout_s=ordered))["Timeout"] == sent


@pytest.mark.parametrize(
    ("agent_uri", "agents", "to"),
    [
        ("sip:{exten}@acme.sip.twilio.com", "", "sip:21@acme.sip.twilio.com"),
        ("client:{exten}", '{"22": "+393331112233"}', "client:21"),
        ("client:{exten}", '{"21": "+393331112233"}', "+393331112233"),
        ("", '{"21": "sip:anna@example.com"}', "sip:anna@example.com"),
    ],
)
def test_an_agent_is_where_the_settings_say(
    pbx: FakeTwilio, agent_uri: str, agents: str, to: str
) -> None:
    assert place(pbx, agent_uri=agent_uri, agents=agents)["To"] == to


def test_an_agent_who_is_nowhere_is_unknown_and_nobody_is_asked(pbx: FakeTwilio) -> None:
    provider = build(pbx, agent_uri="", agents='{"22": "client:anna"}')
    assert failure(provider).reason == "unknown_exten"
    assert not pbx.requests


@pytest.mark.parametrize(
    ("agents", "noun"),
    [
        ("{}", "<Client>agent_22</Client>"),
        ('{"22": "sip:anna@example.com"}', "<Sip>sip:anna@example.com</Sip>"),
        ('{"22": "+393331112233"}', "<Number>+393331112233</Number>"),
    ],
)
def test_a_colleague_is_called_where_they_are(pbx: FakeTwilio, agents: str, noun: str) -> None:
    assert noun in place(pbx, ORDER._replace(number="22", dial="22"), agents=agents)["Twiml"]


def test_a_short_number_that_is_no_colleagues_is_not_dialled(pbx: FakeTwilio) -> None:
    provider = build(pbx, agent_uri="", agents='{"21": "client:anna"}')
    assert failure(provider, ORDER._replace(number="190", dial="190")).reason == "unknown_exten"
    assert not pbx.requests


def test_an_api_key_is_as_good_as_the_account(pbx: FakeTwilio) -> None:
    provider = build(pbx, KEY_SECRET, api_key=KEY)
    assert provider.originate(ORDER, timeout_s=TIMEOUT_S) == Placed(f"CA{1:032x}")
    assert provider.check(timeout_s=TIMEOUT_S) == f"account {SID}"


def test_twilios_own_words_are_kept_without_the_number(pbx: FakeTwilio) -> None:
    pbx.saying = error(21211, 400, "The phone number +390244556677 is not valid")
    assert failure(build(pbx)).detail == "21211 The phone number +…77 is not valid"


def test_a_check_needs_agents_to_be_somewhere(pbx: FakeTwilio) -> None:
    with pytest.raises(PayloadError) as caught:
        build(pbx, agent_uri="").check(timeout_s=TIMEOUT_S)
    assert caught.value.field == "account.agent_uri"


def test_a_check_of_another_account_says_that_it_is_not_there(pbx: FakeTwilio) -> None:
    with pytest.raises(FailedCallError) as caught:
        build(pbx, account_sid=f"AC{'f' * 32}", api_key=KEY, token=KEY_SECRET).check(
            timeout_s=TIMEOUT_S
        )
    assert caught.value.reason == "credentials"


def test_a_check_of_something_else_is_none_of_twilios(pbx: FakeTwilio) -> None:
    pbx.fault = answering(b"<html>It works!</html>")
    with pytest.raises(FailedCallError) as caught:
        build(pbx).check(timeout_s=TIMEOUT_S)
    assert caught.value.reason == "unreachable"
