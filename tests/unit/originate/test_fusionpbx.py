"""Calls through FusionPBX's page for click-to-call."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from centralino.adapters.pbx.fusionpbx import Originate
from centralino.domain.originate import FailedCallError
from tests.support.crm import Reply, answering
from tests.support.originate.contract import DIAL, ORDER, PLENTY_S, OriginateContract
from tests.support.originate.fusionpbx import KEY, LOGIN, UUID, FakeFusionpbx


def page(text: str) -> Reply:
    return Reply(200, f"<html><div>{text}</div></html>".encode(), "text/html")


class TestFusionpbx(OriginateContract):
    originator = Originate
    secrets = {"key": KEY}  # noqa: RUF012 - a test's own table
    wrong = "key"
    carries = frozenset({"caller_id", "name", "auto_answer"})
    refusals = {  # noqa: RUF012
        "busy": (page("<br />-ERR USER_BUSY<br />"), "busy"),
        "off": (page("-ERR USER_NOT_REGISTERED"), "busy"),
        "no such user": (page("-ERR SUBSCRIBER_ABSENT"), "unknown_exten"),
        "any other cause": (page("-ERR GATEWAY_DOWN"), "refused"),
        "no cause": (page("-ERR no reply"), "refused"),
        "no permission": (Reply(200, b"access denied"), "credentials"),
        "the login": (Reply(200, LOGIN, "text/html"), "credentials"),
        "no FreeSWITCH": (page("Connection to Event Socket failed."), "unreachable"),
        "a uuid that is none": (page("+OK yes"), "unknown"),
        "another page": (page("21 has called 0244556677"), "unknown"),
        "no such page": (Reply(404, b"<html>", "text/html"), "refused"),
    }
    bad_settings = {  # noqa: RUF012
        "account.ringback": ("it ring", "x',y='", "${x}"),
        "secrets.key": ("a b", "a\r\nb", "\u00e8"),
    }

    def server(self) -> FakeFusionpbx:
        return FakeFusionpbx()

    def test_the_request_is_the_contract_s(self, pbx: Originate, fake: FakeFusionpbx) -> None:
        pbx.originate(ORDER, timeout_s=PLENTY_S)

        [request] = fake.dials
        assert request.method == "GET"
        query = parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
        assert dict(query) == {
            "key": KEY,
            "src": ORDER.exten,
            "src_cid_name": ORDER.name,
            "src_cid_number": DIAL,
            "dest": DIAL,
            "dest_cid_name": "",
            "dest_cid_number": ORDER.caller_id,
            "auto_answer": "true",
            "rec": "false",
            "ringback": "it-ring",
        }

    def test_the_uuid_is_read_from_the_page(self, pbx: Originate) -> None:
        assert pbx.originate(ORDER, timeout_s=PLENTY_S).provider_id == UUID

    def test_a_freeswitch_that_the_page_cannot_reach_is_unreachable(
        self, pbx: Originate, fake: FakeFusionpbx
    ) -> None:
        fake.down = True

        assert self.fails(pbx) == "unreachable"
        assert fake.rung == []

    def test_a_page_that_is_another_is_told_so(self, pbx: Originate, fake: FakeFusionpbx) -> None:
        fake.fault = answering(b"<html>welcome</html>")

        with pytest.raises(FailedCallError) as failed:
            pbx.check(timeout_s=PLENTY_S)

        assert failed.value.reason == "refused"
