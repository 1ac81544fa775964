"""Calls through FreeSWITCH's mod_xml_rpc."""

from __future__ import annotations

import pytest

from centralino.adapters.pbx.freeswitch import Originate
from centralino.domain.originate import FailedCallError
from tests.support.crm import Fault, Reply, answering, hang
from tests.support.originate.contract import DIAL, ORDER, PLAIN, PLENTY_S, OriginateContract
from tests.support.originate.freeswitch import DOMAIN, PASSWORD, USER, UUID, FakeFreeswitch


def said(text: str) -> Reply:
    return Reply(200, text.encode(), "text/plain")


class TestFreeswitch(OriginateContract):
    originator = Originate
    account = {"user": USER, "domain": DOMAIN}  # noqa: RUF012 - a test's own table
    secrets = {"password": PASSWORD}  # noqa: RUF012
    carries = frozenset({"call_id", "caller_id", "name", "auto_answer", "timeout_s"})
    tells = True
    refusals = {  # noqa: RUF012
        "busy": (said("-ERR USER_BUSY\n"), "busy"),
        "refused by the phone": (said("-ERR CALL_REJECTED\n"), "busy"),
        "off": (said("-ERR USER_NOT_REGISTERED\n"), "busy"),
        "not answered": (said("-ERR NO_ANSWER\n"), "busy"),
        "no such user": (said("-ERR SUBSCRIBER_ABSENT\n"), "unknown_exten"),
        "no such route": (said("-ERR NO_ROUTE_DESTINATION\n"), "unknown_exten"),
        "any other cause": (said("-ERR DESTINATION_OUT_OF_ORDER\n"), "refused"),
        "no command": (said("-ERR originate Command not found!\n"), "refused"),
        "misunderstood": (said("-USAGE: <call url> <exten>\n"), "refused"),
        "a uuid that is none": (said("+OK yes\n"), "unknown"),
        "who are you": (Reply(401), "credentials"),
        "a proxy that lets nothing through": (Reply(403, b"<html>"), "credentials"),
        "a proxy with nobody behind it": (Reply(503, b"<html>"), "unreachable"),
    }
    bad_settings = {  # noqa: RUF012
        "account.domain": ("a b", "x}user/22@y", "a,b", "x'", "\u0430.example"),
        "account.context": ("a b", "x') &bridge(user/22", "${x}"),
        "account.user": ("a:b", "a b"),
    }

    def server(self) -> FakeFreeswitch:
        return FakeFreeswitch()

    def test_the_request_is_the_contract_s(self, pbx: Originate, fake: FakeFreeswitch) -> None:
        pbx.originate(ORDER, timeout_s=PLENTY_S)

        assert fake.variables == [
            {
                "presence_data": ORDER.call_id,
                "originate_timeout": "25",
                "origination_caller_id_number": DIAL,
                "origination_caller_id_name": ORDER.name,
                "effective_caller_id_number": ORDER.caller_id,
                "outbound_caller_id_number": ORDER.caller_id,
                "sip_auto_answer": "true",
                "sip_h_Call-Info": "<sip:centralino>;answer-after=0",
            }
        ]

    def test_the_context_is_the_tenant_s(self, fake: FakeFreeswitch) -> None:
        fake.context = "acme.example"

        self.build(fake, context="acme.example").originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(PLAIN)]

    def test_a_phone_that_is_off_is_busy_and_one_that_is_not_there_unknown(
        self, pbx: Originate, fake: FakeFreeswitch
    ) -> None:
        fake.off = {"22"}

        assert self.fails(pbx) == "busy"
        assert self.fails(pbx, PLAIN._replace(exten="9999")) == "unknown_exten"
        assert fake.rung == []

    def test_the_cause_of_a_refusal_is_told(self, pbx: Originate, fake: FakeFreeswitch) -> None:
        fake.saying = said("-ERR NORMAL_TEMPORARY_FAILURE\n")

        with pytest.raises(FailedCallError) as failed:
            pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert failed.value.detail == "-ERR NORMAL_TEMPORARY_FAILURE"

    def test_an_agent_who_answers_gives_the_call_s_uuid(self, pbx: Originate) -> None:
        placed = pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert (placed.provider_id, placed.state) == (UUID, "placed")

    def test_a_phone_that_rings_for_long_is_ringing_and_not_waited_for(
        self, pbx: Originate, fake: FakeFreeswitch
    ) -> None:
        fake.dial_fault = hang()

        placed = pbx.originate(PLAIN, timeout_s=3.0)

        assert (placed.provider_id, placed.state) == (PLAIN.call_id, "ringing")
        assert fake.rung == [self.expected(PLAIN)]

    @pytest.mark.parametrize("fault", [hang(), Fault(drops=True)], ids=["hangs", "drops"])
    def test_a_call_that_is_not_there_when_it_is_asked_for_is_unknown(
        self, pbx: Originate, fake: FakeFreeswitch, fault: Fault
    ) -> None:
        fake.dial_fault = fault
        fake.forgetful = True

        assert self.fails(pbx, timeout_s=2.0) == "unknown"

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b'{"rows":7}', b'{"rows":[1]}', b"-ERR SQL Error", b"<html>"]
    )
    def test_a_question_that_is_not_answered_leaves_the_call_unknown(
        self, pbx: Originate, fake: FakeFreeswitch, body: bytes
    ) -> None:
        fake.dial_fault = Fault(drops=True)
        fake.fault = answering(body)

        assert self.fails(pbx, timeout_s=5.0) == "unknown"

    def test_a_check_names_the_version(self, pbx: Originate) -> None:
        assert pbx.check(timeout_s=PLENTY_S) == "FreeSWITCH 1.10.12"

    def test_what_is_no_freeswitch_is_told_so(self, pbx: Originate, fake: FakeFreeswitch) -> None:
        fake.fault = answering(b"<html>welcome</html>")

        with pytest.raises(FailedCallError) as failed:
            pbx.check(timeout_s=PLENTY_S)

        assert failed.value.reason == "refused"
