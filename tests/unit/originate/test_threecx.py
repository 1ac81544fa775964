"""3CX: calls by `makecall` of the Call Control API, one access token for all containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from centralino.adapters.pbx.threecx import Originate
from centralino.domain.originate import FailedCallError, Placed
from centralino.ports.originate import Means, PbxLink
from tests.support.crm import LoopbackWeb, Reply, answering, failing, reply, truncated
from tests.support.originate.containers import (
    ORDER,
    TIMEOUT_S,
    Containers,
    SharedTokenContract,
)
from tests.support.originate.threecx import FakeThreeCx, fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.crm import Fault

CLIENT, SECRET = "crmclient", "Zq7-key-of-the-client-9"


class TestThreeCx(SharedTokenContract):
    originator = Originate
    secrets: ClassVar = {"client_id": CLIENT, "client_secret": SECRET}
    wrong = "client_secret"
    carries = frozenset({"timeout_s"})
    refusals: ClassVar = {
        "busy": (fail("Busy", "The extension is busy"), "busy"),
        "no phone": (fail("NotConnected", "no free device"), "busy"),
        "not registered": (fail("NotRegistered", ""), "busy"),
        "off": (fail("Failed", "device is offline", 422), "busy"),
        "unprocessed": (fail("InvalidParameters", "destination", 422), "refused"),
        "unprocessed without a word": (Reply(422), "refused"),
        "failed dependency": (Reply(424), "refused"),
        "no such dn": (fail("NotFound", "DN 21 not found"), "unknown_exten"),
        "not found": (Reply(404), "unknown_exten"),
        "conflict": (Reply(409), "busy"),
        "not ours": (Reply(403), "credentials"),
        "no licence": (fail("Forbidden", "this license does not include it"), "credentials"),
        "another word": (fail("Whatever", "comes next"), "refused"),
        "no word": (reply({"finalstatus": "Failure"}), "refused"),
        "no final status": (reply({"result": {"id": 5, "callid": 12}}), "unknown"),
        "a final status that may ring": (reply({"finalstatus": "Pending"}), "unknown"),
        "a final status that is none": (reply({"finalstatus": {"a": 1}}), "unknown"),
        "too many": (Reply(429), "refused"),
    }
    bad_settings: ClassVar = {"account.device": ("a\r\nb", "x" * 200)}
    login = "/connect/token"

    def server(self) -> FakeThreeCx:
        return FakeThreeCx(CLIENT, SECRET)


@pytest.fixture
def pbx() -> Iterator[FakeThreeCx]:
    with FakeThreeCx(CLIENT, SECRET) as fake:
        yield fake


def link(pbx: FakeThreeCx, **account: str) -> PbxLink:
    settings = {"base_url": pbx.url, "allow_private": "true", **account}
    return PbxLink("acme", "threecx", settings, {"client_id": CLIENT, "client_secret": SECRET})


def failure(provider: Originate) -> FailedCallError:
    with pytest.raises(FailedCallError) as caught:
        provider.originate(ORDER, timeout_s=TIMEOUT_S)
    return caught.value


@pytest.fixture
def provider(pbx: FakeThreeCx) -> Originate:
    return Originate(link(pbx), Means(LoopbackWeb()))


def test_the_agents_extension_calls_and_its_phone_rings(
    pbx: FakeThreeCx, provider: Originate
) -> None:
    assert provider.originate(ORDER, timeout_s=TIMEOUT_S) == Placed("12/5", "ringing")
    [request] = pbx.dials
    assert request.path == "/callcontrol/21/makecall"
    assert request.json() == {"destination": "0244556677", "timeout": 25}


@pytest.mark.parametrize(
    ("result", "placed"),
    [
        ({"callid": 12, "id": 5, "status": "Dialing"}, Placed("12/5")),
        ({"callid": "12", "id": "5"}, Placed("12/5")),
        ({"id": 5}, Placed("5")),
        ({"callid": None, "id": [], "status": 3}, Placed("")),
        (None, Placed("")),
    ],
)
def test_a_call_that_succeeded_is_placed_whatever_else_is_said_of_it(
    pbx: FakeThreeCx, provider: Originate, result: object, placed: Placed
) -> None:
    pbx.saying = reply({"finalstatus": "success", "result": result})
    assert provider.originate(ORDER, timeout_s=TIMEOUT_S) == placed


def test_the_pbxs_own_words_are_kept_for_the_log(pbx: FakeThreeCx, provider: Originate) -> None:
    pbx.saying = fail("Busy", f"0244556677 is busy, {SECRET}")
    assert failure(provider).detail == "Busy …77 is busy, ***"


def test_a_phone_can_be_chosen_by_a_part_of_its_name(pbx: FakeThreeCx) -> None:
    provider = Originate(link(pbx, device="web client"), Means(LoopbackWeb()))
    provider.originate(ORDER, timeout_s=TIMEOUT_S)
    assert pbx.devices == ["sip:21@web"]
    assert pbx.dials[0].path == "/callcontrol/21/devices/sip%3A21%40web/makecall"


def test_a_chosen_phone_that_is_off_is_not_replaced_by_another(pbx: FakeThreeCx) -> None:
    del pbx.phones["sip:{exten}@web"]
    error = failure(Originate(link(pbx, device="web client"), Means(LoopbackWeb())))
    assert (error.reason, pbx.rung, pbx.dials) == ("busy", [], [])


@pytest.mark.parametrize(("exten", "reason"), [("90", "credentials"), ("99", "unknown_exten")])
def test_the_phones_of_an_extension_that_is_not_ours_can_not_be_chosen(
    pbx: FakeThreeCx, exten: str, reason: str
) -> None:
    provider = Originate(link(pbx, device="Yealink"), Means(LoopbackWeb()))
    with pytest.raises(FailedCallError) as caught:
        provider.originate(ORDER._replace(exten=exten), timeout_s=TIMEOUT_S)
    assert caught.value.reason == reason
    assert not pbx.dials


@pytest.mark.parametrize(
    "fault", [answering(b"<html>"), answering(b"{}"), truncated(), failing(502)]
)
def test_a_login_whose_answer_is_lost_made_no_phone_ring(
    pbx: FakeThreeCx, provider: Originate, fault: Fault
) -> None:
    pbx.fault = fault
    assert failure(provider).reason == "unreachable"
    assert not pbx.dials


@pytest.mark.parametrize("token", ["a b", "a\r\nX: 1", "x" * 9000, "", "\u00e0", None, 1])
def test_a_token_that_can_be_none_goes_into_no_header(
    pbx: FakeThreeCx, provider: Originate, token: object
) -> None:
    pbx.faults = [answering(reply({"access_token": token}).body)]
    assert failure(provider).reason == "unreachable"
    assert not pbx.dials


def test_a_token_is_used_for_an_hour_whatever_expires_in_counts(pbx: FakeThreeCx) -> None:
    containers = Containers(Originate, link(pbx))
    containers.originate()
    containers.let_pass(3500)
    containers.originate()
    assert pbx.logins == 1
    containers.let_pass(100)
    assert containers.originate() == "14/7"
    assert pbx.logins == 2


def test_a_check_counts_the_extensions_that_the_client_controls(
    pbx: FakeThreeCx, provider: Originate
) -> None:
    pbx.extens = {"21", "22"}
    assert provider.check(timeout_s=TIMEOUT_S) == "an API client with 2 extensions"
    pbx.extens = set()
    with pytest.raises(FailedCallError) as caught:
        provider.check(timeout_s=TIMEOUT_S)
    assert (caught.value.reason, caught.value.detail) == (
        "credentials",
        "the client controls no extension",
    )
