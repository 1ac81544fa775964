"""Calls through OMniLeads."""

from __future__ import annotations

import json

import pytest

from centralino.adapters.pbx.omnileads import Originate
from centralino.domain.originate import FailedCallError
from tests.support.crm import Fault, Reply, reply
from tests.support.originate.contract import PLAIN, PLENTY_S, OriginateContract
from tests.support.originate.omnileads import CAMPAIGN, PASSWORD, USER, FakeOmnileads

AGENTS = {str(exten): exten + 1000 for exten in (21, 22, *range(100, 200), 9998)}


class TestOmnileads(OriginateContract):
    originator = Originate
    account = {"campaign": CAMPAIGN, "agents": json.dumps(AGENTS)}  # noqa: RUF012 - a test's own table
    secrets = {"username": USER, "password": PASSWORD}  # noqa: RUF012
    has_tokens = True
    gives_id = False
    refusals = {  # noqa: RUF012
        "no such agent": (
            reply({"status": "ERROR", "message": "m", "errors": {"idAgent": ["Select a valid"]}}),
            "unknown_exten",
        ),
        "no such campaign": (
            reply({"status": "ERROR", "message": "m", "errors": {"idCampaign": ["Select"]}}),
            "refused",
        ),
        "the call failed": (
            reply({"status": "ERROR", "message": "m", "errors": ["Originate failed"]}),
            "refused",
        ),
        "no errors": (reply({"status": "ERROR"}), "refused"),
        "no permission": (reply({"detail": "You do not have permission"}, 403), "credentials"),
        "not authenticated": (reply({"detail": "Invalid token."}, 401), "credentials"),
        "a slash too few": (Reply(301, headers={"Location": "/api/v1/makeCall"}), "refused"),
        "a gateway that waited": (Reply(504, b"<html>", "text/html"), "unknown"),
    }
    bad_settings = {  # noqa: RUF012
        "account.campaign": ("7,8", "7 OR 1=1", "\u0667"),
        "account.agents": (
            "21",
            "[]",
            '{"21": "5&x"}',
            '{"a": "5"}',
            '{"21": {}}',
            '{"21": true}',
            '{"21": null}',
            "[" * 9999,
        ),
        "account.external_system": ("x", "1;2"),
    }

    def server(self) -> FakeOmnileads:
        return FakeOmnileads()

    def test_an_agent_that_is_not_in_the_campaign_is_an_unknown_exten(
        self, pbx: Originate, fake: FakeOmnileads
    ) -> None:
        fake.outsiders = {"22"}

        assert self.fails(pbx) == "unknown_exten"
        assert self.fails(pbx, PLAIN._replace(exten="9998")) == "unknown_exten"
        assert len(fake.dials) == 2

    def test_an_exten_without_an_agent_in_the_settings_asks_nobody(
        self, pbx: Originate, fake: FakeOmnileads
    ) -> None:
        assert self.fails(pbx, PLAIN._replace(exten="9999")) == "unknown_exten"
        assert fake.requests == []

    def test_a_call_that_its_asterisk_refuses_is_refused_though_the_status_is_200(
        self, pbx: Originate, fake: FakeOmnileads
    ) -> None:
        fake.down = True

        with pytest.raises(FailedCallError) as failed:
            pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert failed.value.reason == "refused"
        assert "Originate failed" in failed.value.detail
        assert "244556677" not in failed.value.detail

    def test_the_ids_of_an_external_system_go_along_with_it(self, fake: FakeOmnileads) -> None:
        self.build(fake, external_system="3").originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.dials[0].json() == {
            "idCampaign": CAMPAIGN,
            "idAgent": "1022",
            "idExternalSystem": "3",
            "phone": PLAIN.dial,
        }

    @pytest.mark.parametrize(
        "answer",
        [
            reply({"expires_in": "359"}),
            reply({"token": "a\r\nb"}),
            reply([]),
            Reply(200, b"<html>"),
            Reply(502, b"<html>"),
        ],
    )
    def test_a_login_without_a_token_is_unreachable(
        self, pbx: Originate, fake: FakeOmnileads, answer: Reply
    ) -> None:
        fake.faults = [Fault(answer)]

        assert self.fails(pbx) == "unreachable"
        assert fake.dials == []

    @pytest.mark.parametrize("life", ["359.997618", 359, None, "soon", "-1", "nan", "9" * 400])
    def test_a_token_may_live_for_any_time(
        self, pbx: Originate, fake: FakeOmnileads, life: object
    ) -> None:
        token = "0" * 40
        fake._token = token
        fake.faults = [Fault(reply({"token": token, "expires_in": life}))]

        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(PLAIN)]
