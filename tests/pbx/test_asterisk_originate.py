"""A real Asterisk places calls that it is asked for over ARI: the agent's phone, then the other."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.pbx.asterisk import Originate
from centralino.adapters.web import HttpWeb, Reach
from centralino.domain.originate import FailedCallError, Order, Placed
from centralino.ports.originate import Means, PbxLink
from tests.support.cutting_proxy import Cut, CuttingProxy
from tests.support.dialling_office import CALLER_ID, EXTEN, DiallingOffice, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.dialling_office import Rung

pytestmark = pytest.mark.asterisk

NUMBER, DIAL = "+390244556677", "0244556677"
LIMIT_S = 8.0
MANY = 100


@pytest.fixture(scope="module")
def running(chroot: None) -> Iterator[DiallingOffice]:  # noqa: ARG001 - made first
    with closing(DiallingOffice()) as office:
        yield office


@pytest.fixture
def office(running: DiallingOffice) -> DiallingOffice:
    running.quiet()
    return running


def originator(office: DiallingOffice, url: str = "", password: str = "") -> Originate:
    account = {"base_url": url or office.url, "user": office.ari.user}
    link = PbxLink("acme", "asterisk", account, {"password": password or office.ari.password})
    return Originate(link, Means(HttpWeb(Reach(private=True))))


def order(number: str = NUMBER, dial: str = DIAL, exten: str = EXTEN, **more: object) -> Order:
    call_id = secrets.token_hex(11)
    return Order(call_id, exten, number, dial, **more)  # type: ignore[arg-type]


def place(office: DiallingOffice, wanted: Order) -> Placed:
    return originator(office).originate(wanted, timeout_s=LIMIT_S)


def failure(office: DiallingOffice, wanted: Order, **how: str) -> str:
    with pytest.raises(FailedCallError) as failed:
        originator(office, **how).originate(wanted, timeout_s=LIMIT_S)
    return failed.value.reason


def nobody_rings(office: DiallingOffice) -> bool:
    # What was asked for before it has rung by the time that one more call has come through.
    place(office, order("+390200000000", "0200000000"))
    rung = office.ring()
    return rung.agent.number == "+390200000000" and not office.agent.rings()


def test_the_agents_phone_rings_first_and_then_the_customers(office: DiallingOffice) -> None:
    wanted = order(caller_id=CALLER_ID, name="Mario Ròssi")
    placed = place(office, wanted)
    rung = office.ring()
    assert placed.provider_id == wanted.call_id
    assert (rung.agent.called, rung.agent.name, rung.agent.number) == (EXTEN, "Mario Ròssi", NUMBER)
    assert (rung.customer.called, rung.customer.number) == (DIAL, CALLER_ID)
    assert rung.agent.at < rung.customer.at


def test_the_customer_is_shown_neither_a_name_nor_a_number_of_their_own(
    office: DiallingOffice,
) -> None:
    place(office, order(name="Mario Rossi"))
    rung = office.ring()
    assert (rung.customer.name, rung.customer.number) == ("", EXTEN)


def test_the_customer_is_not_called_while_the_agent_does_not_answer(
    office: DiallingOffice,
) -> None:
    office.agent.answers = set()
    place(office, order())
    assert office.agent.ring().number == NUMBER
    wait_for(lambda: "0 active channels" in office.asterisk.cli("core show channels count"))
    assert office.customer.rings() == []


def test_the_agents_phone_is_told_to_answer_by_itself_only_if_that_is_asked(
    office: DiallingOffice,
) -> None:
    place(office, order(auto_answer=True))
    asked = office.ring()
    assert "answer-after=0" in asked.agent.header("Call-Info")
    assert "answer-after" not in asked.customer.invite.decode()
    place(office, order())
    assert not office.ring().agent.header("Call-Info")


def test_the_same_call_asked_for_twice_rings_once(office: DiallingOffice) -> None:
    wanted = order()
    first = place(office, wanted)
    again = place(office, wanted)
    assert first.provider_id == again.provider_id == wanted.call_id
    office.ring()
    assert nobody_rings(office)


def test_an_exten_that_the_pbx_does_not_have_is_said_to_be_one(office: DiallingOffice) -> None:
    assert failure(office, order(exten="99")) == "unknown_exten"
    assert nobody_rings(office)


def test_a_failure_after_a_call_that_was_there_already_is_not_taken_for_it(
    office: DiallingOffice,
) -> None:
    asked = originator(office)
    wanted = order()
    for _ in range(2):
        asked.originate(wanted, timeout_s=LIMIT_S)
    # On the connection that was answered 409 Asterisk answers every failure so.
    with pytest.raises(FailedCallError) as failed:
        asked.originate(order(exten="99"), timeout_s=LIMIT_S)
    assert failed.value.reason == "unknown_exten"


def test_a_wrong_password_is_refused(office: DiallingOffice) -> None:
    assert failure(office, order(), password="wrong") == "credentials"
    assert nobody_rings(office)


def test_the_line_can_be_tried_without_any_phone_ringing(office: DiallingOffice) -> None:
    assert "22." in originator(office).check(timeout_s=LIMIT_S)
    assert nobody_rings(office)


def test_a_pbx_that_is_down_is_unreachable_and_is_asked_again_once_it_is_up(
    office: DiallingOffice,
) -> None:
    office.asterisk.kill()
    try:
        assert failure(office, order()) == "unreachable"
    finally:
        office.asterisk.start()
    place(office, order())
    assert office.ring().agent.number == NUMBER


@pytest.mark.parametrize("delivered", [0, 40, None], ids=["nothing", "a part", "all"])
def test_a_connection_that_is_cut_in_the_middle_of_a_request_rings_once(
    office: DiallingOffice, delivered: int | None
) -> None:
    with closing(CuttingProxy(office.asterisk.http_port)) as proxy:
        proxy.cuts = [Cut(b"POST /ari/channels", near=False, delivered=delivered)]
        wanted = order()
        asked = originator(office, f"http://127.0.0.1:{proxy.port}")
        placed = asked.originate(wanted, timeout_s=LIMIT_S)
        assert proxy.done == 1
    assert placed.provider_id == wanted.call_id
    assert office.ring().customer.called == DIAL
    assert nobody_rings(office)


def test_a_hundred_calls_at_once_ring_a_hundred_phones_once(office: DiallingOffice) -> None:
    wanted = [order(f"+39024450{n:04}", f"024450{n:04}") for n in range(MANY)]
    asked = originator(office)
    with ThreadPoolExecutor(MANY) as threads:
        placed = list(threads.map(lambda one: asked.originate(one, timeout_s=25.0), wanted))
    assert [one.provider_id for one in placed] == [one.call_id for one in wanted]
    rung: list[Rung] = [office.ring() for _ in wanted]
    assert sorted(one.agent.number for one in rung) == [one.number for one in wanted]
    assert sorted(one.customer.called for one in rung) == [one.dial for one in wanted]
    assert nobody_rings(office)
