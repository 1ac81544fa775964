"""Calls through Asterisk's REST interface; a real Asterisk is asked in `tests/pbx`."""

from __future__ import annotations

import pytest

from centralino.adapters.pbx.asterisk import Originate
from centralino.domain.originate import FailedCallError
from tests.support.crm import Fault, Reply, answering, reply
from tests.support.originate.asterisk import PASSWORD, USER, FakeAri
from tests.support.originate.contract import NUMBER, ORDER, PLAIN, PLENTY_S, OriginateContract


class TestAsterisk(OriginateContract):
    originator = Originate
    account = {"user": USER}  # noqa: RUF012 - a test's own table
    secrets = {"password": PASSWORD}  # noqa: RUF012
    carries = frozenset({"call_id", "caller_id", "name", "auto_answer", "timeout_s"})
    tells = True
    refusals = {  # noqa: RUF012
        "bad parameters": (reply({"message": "Invalid endpoint specified"}, 400), "refused"),
        "no such user": (reply({"error": "Unauthorized"}, 401), "credentials"),
        "a user that may only read": (reply({"error": "Forbidden"}, 403), "credentials"),
        "still starting": (reply({"message": "Asterisk not booted"}, 503), "unreachable"),
        "no channel": (reply({"error": "Allocation failed"}, 500), "refused"),
        "a proxy's page": (Reply(500, b"<html>", "text/html"), "unknown"),
        "a proxy that waited": (Reply(504, b"<html>", "text/html"), "unknown"),
    }
    bad_settings = {  # noqa: RUF012
        "account.endpoint": (
            "PJSIP/{exten}&PJSIP/22",
            "{exten}",
            "PJSIP/{exten},30",
            "a b/{exten}",
        ),
        "account.context": ("from internal", "x,1", "${X}", "x" * 80),
        "account.user": ("a:b", "a\r\nb"),
    }

    def server(self) -> FakeAri:
        return FakeAri()

    def test_a_phone_that_is_not_registered_is_busy_and_one_that_is_not_there_unknown(
        self, pbx: Originate, fake: FakeAri
    ) -> None:
        fake.unregistered = {"22"}

        assert self.fails(pbx, PLAIN) == "busy"
        assert self.fails(pbx, PLAIN._replace(exten="9999")) == "unknown_exten"
        assert fake.rung == []

    def test_the_agent_s_phone_shows_whom_it_is_about_to_call(
        self, pbx: Originate, fake: FakeAri
    ) -> None:
        pbx.originate(ORDER, timeout_s=PLENTY_S)
        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        shown = [request.query["callerId"] for request in fake.dials]
        assert shown == [f'"{ORDER.name}" <{NUMBER}>', NUMBER]

    def test_the_customer_sees_the_did_or_else_the_dialplan_s_choice(
        self, pbx: Originate, fake: FakeAri
    ) -> None:
        pbx.originate(ORDER, timeout_s=PLENTY_S)
        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        numbers = [request.json()["variables"]["CALLERID(num)"] for request in fake.dials]
        assert numbers == [ORDER.caller_id, PLAIN.exten]

    def test_a_phone_may_be_called_by_its_own_dialplan(self, fake: FakeAri) -> None:
        pbx = self.build(fake, endpoint="Local/{exten}@from-internal/n")

        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.dials[0].query["endpoint"] == "Local/22@from-internal/n"
        assert fake.rung == [self.expected(PLAIN)]

    def test_an_id_in_use_that_no_channel_has_is_no_placed_call(
        self, pbx: Originate, fake: FakeAri
    ) -> None:
        fake.channels.add(PLAIN.call_id)
        fake.vanish = True

        assert self.fails(pbx) == "unknown"
        assert fake.rung == []

    def test_an_id_in_use_is_a_placed_call_as_long_as_it_lives(
        self, pbx: Originate, fake: FakeAri
    ) -> None:
        pbx.originate(PLAIN, timeout_s=PLENTY_S)
        assert pbx.originate(PLAIN, timeout_s=PLENTY_S).provider_id == PLAIN.call_id
        fake.hang_up()
        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(PLAIN)] * 2

    @pytest.mark.parametrize("there", [True, False], ids=["there", "gone"])
    @pytest.mark.parametrize("name", sorted(refusals))
    def test_a_call_that_was_lost_is_not_what_the_second_request_is_told(
        self, pbx: Originate, fake: FakeAri, name: str, *, there: bool
    ) -> None:
        fake.dial_faults = [Fault(drops=True), Fault(self.refusals[name][0])]
        fake.vanish = not there

        if there:
            assert pbx.originate(PLAIN, timeout_s=PLENTY_S).provider_id == PLAIN.call_id
        else:
            assert self.fails(pbx) == "unknown"
        assert fake.rung == [self.expected(PLAIN)]
        assert len(fake.dials) == 2

    def test_a_gateway_that_gave_up_is_not_believed_before_asterisk_is_asked(
        self, pbx: Originate, fake: FakeAri
    ) -> None:
        fake.saying = Reply(504, b"<html>sorry</html>", "text/html")
        fake.channels.add(PLAIN.call_id)

        assert pbx.originate(PLAIN, timeout_s=PLENTY_S).provider_id == PLAIN.call_id

    def test_an_answer_about_another_channel_is_none(self, pbx: Originate, fake: FakeAri) -> None:
        fake.saying = reply({"id": "1650095575.872", "state": "Down"})

        assert self.fails(pbx) == "unknown"

    def test_a_check_names_the_version(self, pbx: Originate) -> None:
        assert pbx.check(timeout_s=PLENTY_S) == "centralino at Asterisk 22.10.1"

    def test_what_is_no_asterisk_is_told_so(self, pbx: Originate, fake: FakeAri) -> None:
        fake.fault = answering(b"<html>welcome</html>")

        with pytest.raises(FailedCallError) as failed:
            pbx.check(timeout_s=PLENTY_S)

        assert failed.value.reason == "refused"
