"""A real Asterisk rings agents' phones by the dialplan that we ship for it."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.pbx.asterisk import Originate
from centralino.adapters.web import HttpWeb, Reach
from centralino.domain.originate import Order
from centralino.ports.originate import Means, PbxLink
from tests.support.asterisk import ROOT
from tests.support.dialling_office import CALLER_ID, EXTEN, EXTENSIONS, DiallingOffice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.dialling_office import Rung

pytestmark = pytest.mark.asterisk

NUMBER, DIAL = "+390244556677", "0244556677"
SHIPPED = (ROOT / "integrations/asterisk/centralino-dial.conf").read_text()
NAME = "Mario R\u00f2ssi"
LIMIT_S = 8.0


@pytest.fixture(scope="module")
def running(chroot: None) -> Iterator[DiallingOffice]:  # noqa: ARG001 - made first
    with closing(DiallingOffice(extensions=EXTENSIONS + SHIPPED)) as office:
        yield office


@pytest.fixture
def office(running: DiallingOffice) -> DiallingOffice:
    running.quiet()
    return running


def originate(office: DiallingOffice, order: Order) -> None:
    """Place a call by the two settings that the file names."""
    account = {
        "base_url": office.url,
        "user": office.ari.user,
        "endpoint": "Local/{exten}@centralino-agents/n",
        "context": "centralino-dial",
    }
    assert all(account[setting] in SHIPPED for setting in ("endpoint", "context"))
    link = PbxLink("acme", "asterisk", account, {"password": office.ari.password})
    pbx = Originate(link, Means(HttpWeb(Reach(private=True))))
    assert pbx.originate(order, timeout_s=LIMIT_S).provider_id == order.call_id


def order(
    number: str = NUMBER, *, caller_id: str = "", name: str = "", auto_answer: bool = False
) -> Order:
    dial = number.replace("+39", "")
    return Order(secrets.token_hex(11), EXTEN, number, dial, caller_id, name, auto_answer)


def placed(office: DiallingOffice, wanted: Order) -> Rung:
    originate(office, wanted)
    return office.ring()


def test_the_agent_sees_whom_the_call_is_to_and_the_customer_the_did(
    office: DiallingOffice,
) -> None:
    rung = placed(office, order(caller_id=CALLER_ID, name=NAME))

    assert (rung.agent.called, rung.agent.name, rung.agent.number) == (EXTEN, NAME, NUMBER)
    assert (rung.customer.called, rung.customer.name) == (DIAL, "")
    assert rung.customer.number == CALLER_ID
    assert rung.agent.at < rung.customer.at


def test_without_a_did_the_customer_sees_the_agent_and_no_name(office: DiallingOffice) -> None:
    rung = placed(office, order(name=NAME))

    assert (rung.customer.name, rung.customer.number) == ("", EXTEN)


def test_the_phone_answers_by_itself_only_if_that_is_asked(office: DiallingOffice) -> None:
    asked = placed(office, order(auto_answer=True))
    office.quiet()
    plain = placed(office, order())

    assert asked.agent.header("Call-Info") == "<sip:centralino>;answer-after=0"
    assert "answer-after" not in asked.customer.invite.decode()
    assert plain.agent.header("Call-Info") == ""


def test_the_call_keeps_its_id_after_the_agent_has_answered(office: DiallingOffice) -> None:
    wanted = order()
    placed(office, wanted)

    originate(office, wanted)  # the id is in use, so nothing rings

    assert placed(office, order("+390200000000")).agent.number == "+390200000000"
    assert office.agent.rings() == []
