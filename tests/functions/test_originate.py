"""`/v1/originate` from the gateway's event to its answer; behind it a PBX on paper."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.adapters.aws import AwsError
from centralino.adapters.store.dial_items import CALL_S
from centralino.application.originate_call import LOST_S, PBX_S
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.dial_options import Budget, DialOptions, DialRule
from centralino.domain.errors import PayloadError, UnavailableError
from centralino.domain.keys import ApiKey, hash_key
from centralino.domain.originate import (
    FAILURES,
    REFUSALS,
    FailedCallError,
    Placed,
    RefusedCallError,
)
from centralino.entry.originate import ANSWER_S, FAILED, MAX_KEY, REFUSED, originate
from centralino.ports.once import KEPT_S
from tests.support.calls import http_event
from tests.support.clicks import DID, E164, NUMBER, Clicks, Left, said
from tests.support.memory_dynamo import MemoryDynamo

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.domain.originate import Order


@pytest.fixture
def clicks() -> Clicks:
    return Clicks()


def dynamo_of(clicks: Clicks) -> MemoryDynamo:
    assert isinstance(clicks.stores.client, MemoryDynamo)
    return clicks.stores.client


def failing(reason: str, detail: str = "") -> Callable[[Order], Placed]:
    def make(_: Order) -> Placed:
        raise FailedCallError(reason, detail)

    return make


# --- a call ------------------------------------------------------------------------------------


def test_the_voice_at_work_body_makes_21_s_phone_ring_and_dials_0244556677(
    clicks: Clicks,
) -> None:
    given_ = clicks.click({"number": "0244556677", "exten": "21"})
    document = said(given_)
    assert given_["statusCode"] == 202
    assert document == {
        "call_id": document["call_id"],
        "status": "placed",
        "number": "0244556677",
        "provider_id": "pbx-1",
    }
    assert given_["headers"]["location"] == f"/v1/originate/{document['call_id']}"
    assert given_["headers"]["x-centralino-outcome"] == "placed"
    [order] = clicks.paper.rung
    assert (order.call_id, order.exten, order.number, order.dial, order.timeout_s) == (
        document["call_id"],
        "21",
        E164,
        "0244556677",
        30,
    )


@pytest.mark.parametrize("spelling", ["+39 02 4455-6677", "tel:+39-02-44556677", "0039 0244556677"])
def test_a_number_is_dialled_as_the_line_wants_it_however_it_was_written(
    clicks: Clicks, spelling: str
) -> None:
    rule = DialRule(outside_prefix="0", spelling="international")
    clicks.save(DialOptions(pbx="paper", rules=(rule,)))
    assert said(clicks.click({"number": spelling, "exten": "21"}))["number"] == "000390244556677"


def test_a_contact_is_called_at_its_primary_number_and_its_name_is_shown(clicks: Clicks) -> None:
    numbers = (
        ContactNumber("02 44556688", indexed=E164.replace("77", "88")),
        ContactNumber("02 44556677", primary=True, indexed=E164),
    )
    contact = Contact("api:17", 1, "Mario", "Rossi", "ACME", numbers)
    clicks.stores.contacts("acme").save(contact, {})
    for contact_id in ("17", "api:17"):
        answer = clicks.click({"contact_id": contact_id, "exten": "21"})
        assert answer["statusCode"] == 202
        clicks.stores.now_s += 60
    assert [(order.number, order.name) for order in clicks.paper.rung] == [
        (E164, "Mario Rossi"),
        (E164, "Mario Rossi"),
    ]
    assert clicks.store.calls()[0][0].contact_id == "api:17"


def test_a_contact_without_a_telephone_is_not_called(clicks: Clicks) -> None:
    numbers = (
        ContactNumber("02 44556688", "fax", indexed=E164.replace("77", "88")),
        ContactNumber("02 4455*", indexed="+39024455*"),
        ContactNumber("?"),
    )
    clicks.stores.contacts("acme").save(Contact("api:17", 1, numbers=numbers), {})
    answer = clicks.click({"contact_id": "17", "exten": "21"})
    assert (answer["statusCode"], said(answer)["reason"]) == (422, "invalid")
    missing = clicks.click({"contact_id": "18", "exten": "21"})
    assert missing["statusCode"] == 404
    assert clicks.paper.orders == []
    assert clicks.trail() == [("refused", "invalid"), ("refused", "invalid")]


def test_a_call_may_have_a_caller_id_a_time_out_and_be_answered_by_itself(clicks: Clicks) -> None:
    body = {
        "number": NUMBER,
        "exten": "21",
        "caller_id": "02 44550000",
        "auto_answer": True,
        "timeout_s": 45,
    }
    assert clicks.click(body, role="agent")["statusCode"] == 202
    [order] = clicks.paper.rung
    assert (order.caller_id, order.auto_answer, order.timeout_s) == (DID, True, 45)


@pytest.mark.parametrize(
    "body",
    [
        "number=0244556677&exten=21",
        "number=%2B390244556677&exten=21",
        "number=+390244556677&exten=21",
        '{"number": "0244556677", "exten": 21}',
        '{"number": "0244556677", "exten": "21", "contact_id": null, "auto_answer": "false"}',
    ],
)
def test_forms_and_extensions_as_numbers_are_understood(clicks: Clicks, body: str) -> None:
    assert clicks.click(body)["statusCode"] == 202
    assert [order.number for order in clicks.paper.rung] == [E164]


def test_an_agent_who_names_no_extension_means_the_own(clicks: Clicks) -> None:
    assert clicks.click({"number": NUMBER}, role="agent")["statusCode"] == 202
    assert clicks.paper.rung[0].exten == "21"
    assert clicks.click({"number": NUMBER}, role="crm")["statusCode"] == 400


# --- bad requests --------------------------------------------------------------------------------

BAD: dict[str, tuple[object, str]] = {
    "no body": ("", "number"),
    "no object": ("[1]", "body"),
    "half an object": ('{"number": "0244556677"', "body"),
    "a text": ('"0244556677"', "body"),
    "no number": ({"exten": "21"}, "number"),
    "two of them": ({"number": NUMBER, "contact_id": "17", "exten": "21"}, "contact_id"),
    "no extension": ({"number": NUMBER}, "exten"),
    "a number without its zero": ({"number": 244556677, "exten": "21"}, "number"),
    "a list": ({"number": [NUMBER], "exten": "21"}, "number"),
    "a long text": ({"number": "0" * 257, "exten": "21"}, "number"),
    "an unknown field": ({"number": NUMBER, "exten": "21", "callerid": DID}, "callerid"),
    "no truth": ({"number": NUMBER, "exten": "21", "auto_answer": "maybe"}, "auto_answer"),
    "a number for truth": ({"number": NUMBER, "exten": "21", "auto_answer": 2}, "auto_answer"),
    "no seconds": ({"number": NUMBER, "exten": "21", "timeout_s": "soon"}, "timeout_s"),
    "parts of seconds": ({"number": NUMBER, "exten": "21", "timeout_s": 1.5}, "timeout_s"),
    "too few seconds": ({"number": NUMBER, "exten": "21", "timeout_s": 4}, "timeout_s"),
    "truth for seconds": ({"number": NUMBER, "exten": "21", "timeout_s": True}, "timeout_s"),
    "truth for an extension": ({"number": NUMBER, "exten": True}, "exten"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_names_the_field_and_rings_nowhere(clicks: Clicks, name: str) -> None:
    body, field = BAD[name]
    answer = clicks.click(body)  # type: ignore[arg-type] # that is what is bad
    assert (answer["statusCode"], said(answer)["field"]) == (400, field)
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert clicks.paper.orders == []
    # Where it says whom or whose phone it is about, it is an attempt like any other.
    tried = isinstance(body, dict)
    assert clicks.trail() == ([("refused", "invalid")] if tried else [])


@given(
    body=st.text()
    | st.dictionaries(st.text(), st.none() | st.text() | st.integers()).map(json.dumps)
)
def test_whatever_is_sent_is_answered_and_nothing_rings_by_chance(body: str) -> None:
    clicks = Clicks()
    answer = clicks.click(body)
    assert answer["statusCode"] in {400, 413}
    assert clicks.paper.orders == []


@pytest.mark.parametrize("key", ["é", "a\tb", "x" * (MAX_KEY + 1)])
def test_an_idempotency_key_is_printable_and_not_endless(clicks: Clicks, key: str) -> None:
    answer = clicks.click(key=key)
    assert (answer["statusCode"], said(answer)["field"]) == (400, "idempotency-key")
    assert clicks.paper.orders == []


# --- refused, failed -----------------------------------------------------------------------------


def test_every_refusal_and_every_failure_has_a_status() -> None:
    assert set(REFUSED) <= set(REFUSALS)
    assert set(FAILED) == set(FAILURES) - {"unknown"}


def test_a_refused_call_says_why_and_what_would_allow_it_and_is_in_the_trail(
    clicks: Clicks,
) -> None:
    answer = clicks.click({"number": "+41 44 268 11 11", "exten": "21"})
    document = said(answer)
    assert answer["statusCode"] == 403
    assert (document["reason"], document["status"]) == ("country", 403)
    assert "CH" in document["hint"]
    assert answer["headers"]["x-centralino-outcome"] == "refused"
    [call] = clicks.store.calls()[0]
    assert (call.call_id, call.state, call.reason, call.number, call.country) == (
        document["call_id"],
        "refused",
        "country",
        "+41442681111",
        "CH",
    )
    assert (call.asked, call.exten, call.role) == ("+41 44 268 11 11", "21", "crm")
    assert clicks.paper.orders == []


@pytest.mark.parametrize(
    ("body", "role", "status", "reason"),
    [
        ({"number": "hello", "exten": "21"}, "crm", 422, "invalid"),
        ({"number": "+39899123456", "exten": "21"}, "crm", 403, "premium"),
        ({"number": "112", "exten": "21"}, "admin", 403, "emergency"),
        ({"number": NUMBER, "exten": "23"}, "crm", 422, "exten"),
        ({"number": NUMBER, "exten": "x{evil}"}, "crm", 422, "exten"),
        ({"number": NUMBER, "exten": "22"}, "agent", 403, "key"),
        ({"number": NUMBER, "exten": "21", "auto_answer": True}, "crm", 422, "auto_answer"),
        ({"number": NUMBER, "exten": "21", "caller_id": "+390211111111"}, "crm", 422, "caller_id"),
    ],
)
def test_what_may_not_be_called_is_refused_with_its_reason(
    clicks: Clicks, body: dict[str, object], role: str, status: int, reason: str
) -> None:
    answer = clicks.click(body, role=role)
    assert (answer["statusCode"], said(answer)["reason"]) == (status, reason)
    assert clicks.trail() == [("refused", reason)]
    assert clicks.paper.orders == []


def test_a_number_on_the_do_not_call_list_is_refused(clicks: Clicks) -> None:
    clicks.store.block("+3902445566*", "asked by letter", now_ms=0)
    answer = clicks.click()
    assert (answer["statusCode"], said(answer)["reason"]) == (403, "do_not_call")


def test_a_spent_budget_says_when_to_come_again(clicks: Clicks) -> None:
    clicks.save(DialOptions(pbx="paper", budget=Budget(agent_minute=1)))
    clicks.stores.now_s = clicks.stores.now_s // 60 * 60
    clicks.click()
    clicks.stores.now_s += 20
    answer = clicks.click({"number": "0244556688", "exten": "21"})
    assert (answer["statusCode"], said(answer)["reason"]) == (429, "budget")
    assert answer["headers"]["retry-after"] == "40"
    assert "agent_minute" in said(answer)["hint"]
    assert clicks.trail() == [("refused", "budget"), ("placed", "")]


def test_a_call_that_is_over_a_limit_by_itself_is_not_told_to_come_again(clicks: Clicks) -> None:
    clicks.save(DialOptions(pbx="paper", budget=Budget(cost_day=50, prices={"+39": 20})))
    answer = clicks.click()
    assert (answer["statusCode"], said(answer)["reason"]) == (429, "budget")
    assert "retry-after" not in answer["headers"]


@pytest.mark.parametrize("slug", ["", "other"])
def test_a_tenant_without_a_pbx_is_told_how_to_connect_one(clicks: Clicks, slug: str) -> None:
    clicks.save(DialOptions(pbx=slug))
    answer = clicks.click()
    assert (answer["statusCode"], said(answer)["reason"]) == (409, "pbx")
    assert "centralino pbx connect" in said(answer)["hint"]
    assert clicks.trail() == [("refused", "pbx")]


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("busy", 409),
        ("unknown_exten", 422),
        ("credentials", 502),
        ("refused", 502),
        ("unreachable", 503),
    ],
)
def test_what_the_pbx_says_is_said_in_one_vocabulary_and_not_in_its_own_words(
    clicks: Clicks, reason: str, status: int
) -> None:
    clicks.paper.makes = failing(reason, "486 Zazzera")
    answer = clicks.click()
    assert (answer["statusCode"], said(answer)["reason"]) == (status, reason)
    assert "Zazzera" not in answer["body"]
    assert ("retry-after" in answer["headers"]) is (reason == "unreachable")
    [call] = clicks.store.calls()[0]
    assert (call.state, call.reason, call.detail) == ("failed", reason, "486 Zazzera")
    clicks.paper.makes = clicks.paper.place
    assert clicks.click()["statusCode"] == 202


def test_nobody_knows_is_no_failure_for_trying_again_could_ring_twice(clicks: Clicks) -> None:
    clicks.paper.makes = failing("unknown", "timeout")
    answer = clicks.click()
    assert (answer["statusCode"], said(answer)["status"]) == (202, "unknown")
    assert answer["headers"]["x-centralino-outcome"] == "unknown"
    again = clicks.click()
    assert said(again)["call_id"] == said(answer)["call_id"]
    assert len(clicks.paper.orders) == 1


def test_a_provider_that_breaks_may_have_rung_all_the_same(
    clicks: Clicks, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(order: Order) -> Placed:
        clicks.paper.place(order)
        raise ValueError(order.number)

    clicks.paper.makes = breaks
    answer = clicks.click(key="k1")
    assert (answer["statusCode"], said(answer)["status"]) == (202, "unknown")
    assert "ValueError" in capsys.readouterr().out
    clicks.click(key="k1")
    assert len(clicks.paper.rung) == 1


# --- the same click ------------------------------------------------------------------------------


def test_a_second_click_within_5_seconds_is_one_call(clicks: Clicks) -> None:
    first = clicks.click()
    clicks.stores.now_s += 4.9
    second = clicks.click({"number": "+39 02 44556677", "exten": "21"})
    assert said(second) == said(first)
    assert second["headers"]["x-centralino-outcome"] == "repeated"
    assert len(clicks.paper.rung) == 1
    clicks.stores.now_s += 0.2
    assert said(clicks.click())["call_id"] != said(first)["call_id"]
    assert len(clicks.paper.rung) == 2


def test_who_was_busy_may_be_called_again_at_once(clicks: Clicks) -> None:
    first = said(clicks.click())
    clicks.store.note(first["call_id"], "ended", at_ms=int(clicks.stores.now_s * 1000), reason="17")
    clicks.stores.now_s += 0.5
    assert said(clicks.click())["call_id"] != first["call_id"]
    assert len(clicks.paper.rung) == 2


@pytest.mark.parametrize("forgotten", [False, True])
def test_the_same_key_with_the_same_body_is_one_call_for_a_day(
    clicks: Clicks, *, forgotten: bool
) -> None:
    first = clicks.click(key="click-1")
    for later_s in (1, 60, 86_338):
        clicks.stores.now_s += later_s
        if forgotten:
            _forget_requests(clicks)
        again = clicks.click(key="click-1")
        assert (again["statusCode"], said(again)) == (202, said(first))
        assert again["headers"]["x-centralino-outcome"] == "repeated"
    assert len(clicks.paper.rung) == 1


@pytest.mark.parametrize("number", [NUMBER, "0244556688"])
def test_after_a_day_a_key_is_a_new_one_and_the_trail_has_both(clicks: Clicks, number: str) -> None:
    clicks.click(key="click-1")
    clicks.stores.now_s += KEPT_S
    _forget_requests(clicks)
    again = clicks.click({"number": number, "exten": "21"}, key="click-1")
    assert (again["statusCode"], said(again)["status"]) == (202, "placed")
    assert len(clicks.paper.rung) == 2
    assert clicks.trail() == [("placed", ""), ("placed", "")]


def test_the_same_key_with_another_body_is_refused(clicks: Clicks) -> None:
    clicks.click(key="click-1")
    answer = clicks.click({"number": "0244556688", "exten": "21"}, key="click-1")
    assert (answer["statusCode"], said(answer)["field"]) == (422, "idempotency-key")
    assert len(clicks.paper.rung) == 1
    assert sorted(clicks.trail()) == [("placed", ""), ("refused", "invalid")]


def test_the_same_key_with_another_body_is_refused_when_powertools_has_forgotten_it(
    clicks: Clicks,
) -> None:
    clicks.click(key="click-1")
    _forget_requests(clicks)
    answer = clicks.click({"number": "0244556688", "exten": "21"}, key="click-1")
    assert (answer["statusCode"], said(answer)["field"]) == (422, "idempotency-key")
    again = clicks.click(key="click-1")
    assert again["statusCode"] == 202
    assert len(clicks.paper.rung) == 1


def test_another_key_is_another_call_but_not_within_5_seconds(clicks: Clicks) -> None:
    first = said(clicks.click(key="a"))
    assert said(clicks.click(key="b")) == first
    clicks.stores.now_s += 5
    assert said(clicks.click(key="c"))["call_id"] != first["call_id"]
    assert len(clicks.paper.rung) == 2


def test_the_same_key_of_two_agents_is_two_calls(clicks: Clicks) -> None:
    first = said(clicks.click({"number": NUMBER}, role="agent", key="1"))
    second = said(clicks.click({"number": NUMBER}, role="agent22", key="1"))
    assert first["call_id"] != second["call_id"]
    assert [order.exten for order in clicks.paper.rung] == ["21", "22"]


def test_what_failed_or_was_refused_may_be_tried_again_with_the_same_key(clicks: Clicks) -> None:
    clicks.paper.makes = failing("busy")
    assert clicks.click(key="click-1")["statusCode"] == 409
    clicks.stores.now_s += 1
    clicks.save(DialOptions(pbx=""))
    assert clicks.click(key="click-1")["statusCode"] == 409
    clicks.stores.now_s += 1
    clicks.save(DialOptions(pbx="paper"))
    clicks.paper.makes = clicks.paper.place
    assert clicks.click(key="click-1")["statusCode"] == 202
    assert clicks.trail() == [("placed", ""), ("refused", "pbx"), ("failed", "busy")]


def test_a_request_that_is_at_work_is_not_begun_again(clicks: Clicks) -> None:
    inner: list[dict[str, Any]] = []

    def slow(order: Order) -> Placed:
        inner.append(clicks.click(key="click-1"))
        return clicks.paper.place(order)

    clicks.paper.makes = slow
    assert clicks.click(key="click-1")["statusCode"] == 202
    [answer] = inner
    assert answer["statusCode"] == 409
    assert int(answer["headers"]["retry-after"]) > 0
    assert len(clicks.paper.rung) == 1


def test_a_run_that_was_killed_is_over_when_its_time_is_also_if_none_was_left(
    clicks: Clicks,
) -> None:
    """Powertools took a remaining time of 0 for none at all, and the key was taken for a day.

    https://github.com/aws-powertools/powertools-lambda-python/issues/4759
    """

    class KilledError(BaseException):
        """Lambda ends the process: nobody catches that."""

    def killed(order: Order) -> Placed:
        clicks.paper.place(order)
        raise KilledError

    clicks.paper.makes = killed
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KilledError):
            clicks.click(key="click-1", run_time=Left(0))
    clicks.paper.makes = clicks.paper.place
    _wait_a_millisecond(clicks)
    answer = clicks.click(key="click-1")
    assert (answer["statusCode"], said(answer)["status"]) == (202, "unknown")
    assert len(clicks.paper.rung) == 1


def test_a_run_that_was_killed_holds_the_key_while_it_might_still_be_at_work(
    clicks: Clicks,
) -> None:
    class KilledError(BaseException):
        """Lambda ends the process: nobody catches that."""

    def killed(_: Order) -> Placed:
        raise KilledError

    clicks.paper.makes = killed
    with pytest.raises(KilledError):
        clicks.click(key="click-1", run_time=Left(20_000))
    clicks.paper.makes = clicks.paper.place
    assert clicks.click(key="click-1")["statusCode"] == 409
    assert clicks.paper.rung == []


def _forget_requests(clicks: Clicks) -> None:
    items = dynamo_of(clicks).items
    for pk in [pk for pk in items if "#I#" in pk]:
        del items[pk]


def _wait_a_millisecond(clicks: Clicks) -> None:
    """Let the time of a record in progress pass: its clock is the world's."""
    for items in dynamo_of(clicks).items.values():
        for item in items.values():
            if "in_progress_ms" in item:
                item["in_progress_ms"] = {"N": str(int(item["in_progress_ms"]["N"]) - 1)}


# --- what became of it ---------------------------------------------------------------------------


def test_what_became_of_a_call_is_told_as_events_come_in(clicks: Clicks) -> None:
    call_id = said(clicks.click(role="agent"))["call_id"]
    document = said(clicks.read(f"/{call_id}", role="agent"))
    assert document == {
        "call_id": call_id,
        "status": "placed",
        "reason": "",
        "exten": "21",
        "number": NUMBER,
        "contact_id": "",
        "caller_id": "",
        "provider": "paper",
        "provider_id": "pbx-1",
        "asked_at": "2026-11-18T11:06:40.000+00:00",
        "changed_at": "2026-11-18T11:06:40.000+00:00",
    }
    for state in ("ringing", "answered", "ended"):
        clicks.store.note(call_id, state, at_ms=1, reason="16" if state == "ended" else "")
        assert said(clicks.read(f"/{call_id}", role="crm"))["status"] == state
    assert said(clicks.read(f"/{call_id}"))["reason"] == "16"


def test_a_call_whose_run_died_is_unknown_after_a_while(clicks: Clicks) -> None:
    def dies(_: Order) -> Placed:
        raise KeyboardInterrupt

    clicks.paper.makes = dies
    with pytest.raises(KeyboardInterrupt):
        clicks.click()
    call_id = clicks.store.calls()[0][0].call_id
    assert said(clicks.read(f"/{call_id}"))["status"] == "requested"
    clicks.stores.now_s += LOST_S + 1
    assert said(clicks.read(f"/{call_id}"))["status"] == "unknown"
    assert said(clicks.read())["calls"][0]["status"] == "unknown"


def test_a_call_that_is_not_there_and_one_that_is_anothers_are_the_same(clicks: Clicks) -> None:
    call_id = said(clicks.click(role="agent"))["call_id"]
    absent = [
        clicks.read(f"/{call_id}", role="agent22"),
        clicks.read("/" + "0" * 22, role="agent"),
        clicks.read("/x", role="agent"),
        clicks.read("/%23", role="crm"),
    ]
    assert {(one["statusCode"], one["body"], str(one["headers"])) for one in absent} == {
        (404, absent[0]["body"], str(absent[0]["headers"]))
    }
    other = clicks.stores.create_tenant("other")
    clicks.keys["other"] = other["admin"]
    assert clicks.read(f"/{call_id}", role="other")["body"] == absent[0]["body"]


def test_the_trail_is_for_supervisors_and_has_every_attempt_and_who_made_it(
    clicks: Clicks,
) -> None:
    clicks.click(role="agent")
    clicks.stores.now_s += 1
    clicks.click({"number": "112", "exten": "21"}, role="crm")
    for role in ("supervisor", "admin"):
        first = said(clicks.read(query="limit=1", role=role))
        assert [(one["asked"], one["status"], one["role"]) for one in first["calls"]] == [
            ("112", "refused", "crm")
        ]
        rest = said(clicks.read(query=f"limit=1&cursor={first['cursor'].replace('#', '%23')}"))
        assert [(one["asked"], one["e164"], one["country"]) for one in rest["calls"]] == [
            (NUMBER, E164, "IT")
        ]
        assert rest["cursor"] == ""
    for role in ("agent", "crm"):
        assert clicks.read(role=role)["statusCode"] == 403
    for query in ("limit=0", "limit=101", "limit=x", "limit=1e1", "cursor=x"):
        assert clicks.read(query=query)["statusCode"] == 400


def test_the_trail_ends_after_two_years(clicks: Clicks) -> None:
    clicks.click()
    clicks.stores.now_s += CALL_S + 1
    assert said(clicks.read())["calls"] == []


# --- who may -------------------------------------------------------------------------------------


def test_a_pbx_s_key_and_no_key_place_no_call(clicks: Clicks) -> None:
    assert clicks.click(role="pbx")["statusCode"] == 403
    clicks.keys["none"] = "acme." + "x" * 22
    answer = clicks.click(role="none")
    assert answer["statusCode"] == 401
    assert answer["headers"]["x-centralino-outcome"] == "denied"
    assert clicks.paper.orders == []
    # A good key that may not is an attempt; one that is none could be anybody's.
    assert clicks.trail() == [("refused", "key")]
    clicks.click("[", role="pbx")
    clicks.read(role="pbx")
    assert clicks.trail() == [("refused", "key")]
    assert clicks.click(role="link")["statusCode"] == 403
    assert clicks.trail() == [("refused", "key")] * 2


def test_a_key_that_was_revoked_a_moment_ago_places_no_call(clicks: Clicks) -> None:
    clicks.click(role="agent")
    clicks.stores.tenants("acme").remove_key(hash_key(clicks.keys["agent"]))
    clicks.stores.now_s += 0.1
    assert clicks.click(role="agent")["statusCode"] == 401
    assert len(clicks.paper.rung) == 1


def test_the_tenants_own_pages_may_read_the_answer_and_no_others_may_ask(clicks: Clicks) -> None:
    answer = clicks.click(headers={"origin": "https://crm.example"})
    assert answer["headers"]["access-control-allow-origin"] == "https://crm.example"
    foreign = clicks.click({"number": "0244556688"}, headers={"origin": "https://evil.example"})
    assert foreign["statusCode"] == 403
    assert "access-control-allow-origin" not in foreign["headers"]


def test_a_refused_call_can_be_read_by_the_page_that_asked(clicks: Clicks) -> None:
    answer = clicks.click(
        {"number": "112", "exten": "21"}, headers={"origin": "https://crm.example"}
    )
    assert answer["headers"]["access-control-allow-origin"] == "https://crm.example"


def test_the_page_that_asks_needs_no_key_and_reads_nothing(clicks: Clicks) -> None:
    before = len(dynamo_of(clicks).requests)
    answer = originate(http_event(path="/dial"), Left(), clicks.exchange)
    assert (answer["statusCode"], answer["body"]) == (200, "<html>")
    assert (answer["headers"]["content-type"], answer["headers"]["x-page"]) == ("text/html", "dial")
    assert len(dynamo_of(clicks).requests) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/v1/originate"), ("POST", "/v1/originate/x"), ("GET", "/v1/originate/x/y")],
)
def test_other_paths_lead_nowhere(clicks: Clicks, method: str, path: str) -> None:
    event = http_event(method=method, path=path, headers={"x-api-key": clicks.keys["admin"]})
    assert originate(event, Left(), clicks.exchange)["statusCode"] == 404


# --- our own trouble -----------------------------------------------------------------------------


def test_nothing_rings_where_the_call_could_not_be_written_down(clicks: Clicks) -> None:
    clicks.click()
    dynamo = dynamo_of(clicks)
    for place in range(3):
        # The key, and the call's beginning, without an idempotency key and with one.
        clicks.stores.now_s += 6
        key = "k" if place == 2 else ""
        faults: list[Any] = [UnavailableError("timeout")]
        if place:
            _fail_at(clicks, "TransactWriteItems", UnavailableError("timeout"))
        else:
            dynamo.faults += faults
        answer = clicks.click(key=key)
        dynamo.faults.clear()
        _fail_at(clicks, "", None)
        assert answer["statusCode"] == 503, place
        assert answer["headers"]["x-centralino-outcome"] == "error"
        assert len(clicks.paper.orders) == 1


def test_a_call_that_rings_is_placed_also_if_that_could_not_be_written_down(
    clicks: Clicks, capsys: pytest.CaptureFixture[str]
) -> None:
    def rings_and_the_store_goes_down(order: Order) -> Placed:
        _fail_at(clicks, "TransactWriteItems", UnavailableError("timeout"))
        return clicks.paper.place(order)

    clicks.paper.makes = rings_and_the_store_goes_down
    answer = clicks.click(key="click-1")
    assert (answer["statusCode"], said(answer)["status"]) == (202, "placed")
    assert "not settled: timeout" in capsys.readouterr().out
    _fail_at(clicks, "", None)
    clicks.paper.makes = clicks.paper.place
    # The key is in progress until the function's time is over, and then its call is found.
    assert clicks.click(key="click-1")["statusCode"] == 409
    _forget_requests(clicks)
    again = said(clicks.click(key="click-1"))
    assert (again["call_id"], again["status"]) == (said(answer)["call_id"], "unknown")
    assert len(clicks.paper.rung) == 1


def test_a_secret_store_that_is_down_is_our_trouble_and_in_the_trail(clicks: Clicks) -> None:
    for error in (UnavailableError("timeout"), ValueError("broken")):
        clicks.fault = error
        answer = clicks.click()
        assert answer["statusCode"] == 503
    assert clicks.trail() == [("failed", "unreachable")] * 2
    assert clicks.paper.orders == []


def test_a_call_that_could_not_begin_because_others_were_in_its_way_is_in_the_trail(
    clicks: Clicks,
) -> None:
    dynamo = dynamo_of(clicks)
    write = dynamo._TransactWriteItems

    def crowded(payload: dict[str, Any]) -> dict[str, Any]:
        if len(payload["TransactItems"]) > 2:
            raise AwsError("TransactionConflictException", "", {})
        return write(payload)

    dynamo.__dict__["_TransactWriteItems"] = crowded
    answer = clicks.click()
    assert answer["statusCode"] == 503
    assert clicks.trail() == [("failed", "unreachable")]
    assert clicks.paper.orders == []
    # It waited a little each time, and some seconds in all at most.
    assert len(clicks.stores.pauses) > 20
    assert max(clicks.stores.pauses) <= 0.25


def test_a_second_click_while_the_pbx_is_slow_is_the_first_call(clicks: Clicks) -> None:
    inner: list[dict[str, Any]] = []

    def slow(order: Order) -> Placed:
        clicks.stores.now_s += 6
        inner.append(clicks.click())
        return clicks.paper.place(order)

    clicks.paper.makes = slow
    first = clicks.click()
    [second] = inner
    assert (said(second)["call_id"], said(second)["status"]) == (
        said(first)["call_id"],
        "requested",
    )
    assert len(clicks.paper.rung) == 1
    clicks.paper.makes = clicks.paper.place
    assert said(clicks.click())["call_id"] != said(first)["call_id"]


def test_an_agents_key_without_an_extension_is_not_told_of_the_crms_calls(clicks: Clicks) -> None:
    clicks.click(key="1")
    key = "acme." + "y" * 22
    clicks.stores.tenants("acme").add_key(ApiKey(hash_key(key), "agent"))
    clicks.keys["nobody"] = key
    answer = clicks.click(role="nobody", key="1")
    assert (answer["statusCode"], said(answer)["reason"]) == (403, "key")


def test_settings_of_a_pbx_that_cannot_be_used_are_a_pbx_that_is_not_connected(
    clicks: Clicks,
) -> None:
    clicks.fault = PayloadError("account.base_url", "an https URL")
    answer = clicks.click()
    assert (answer["statusCode"], said(answer)["reason"]) == (409, "pbx")


def test_the_pbx_has_8_seconds_and_no_more_than_is_left_of_10(clicks: Clicks) -> None:
    clicks.click()
    assert clicks.paper.limits_s == [PBX_S]
    clicks.stores.now_s += 60
    slow_s = 4.0

    def slow(tenant: str, slug: str) -> Any:  # noqa: ANN401 - an Originator
        clicks.stores.now_s += slow_s
        return clicks.originator(tenant, slug)

    clicks.exchange = clicks.exchange._replace(originator=slow)
    clicks.click()
    assert clicks.paper.limits_s[1] == pytest.approx(ANSWER_S - slow_s - 1)
    clicks.stores.now_s += 60
    slow_s = 9.0
    answer = clicks.click()
    assert (answer["statusCode"], said(answer)["reason"]) == (503, "unreachable")
    assert len(clicks.paper.orders) == 2


def _fail_at(clicks: Clicks, operation: str, error: Exception | None) -> None:
    """Let all requests of a kind fail from now on; with none, let none fail."""
    dynamo = dynamo_of(clicks)
    dynamo.__dict__.pop("_TransactWriteItems", None)
    if error is not None:

        def fail(_: object) -> dict[str, Any]:
            raise error

        dynamo.__dict__[f"_{operation}"] = fail


# --- the log -------------------------------------------------------------------------------------


def test_a_line_says_what_an_operator_needs_and_no_number(
    clicks: Clicks, capsys: pytest.CaptureFixture[str]
) -> None:
    clicks.paper.makes = failing("refused", f"no route to {NUMBER}")
    clicks.click()
    clicks.paper.makes = clicks.paper.place
    clicks.click()
    clicks.click({"number": f"+39899{NUMBER}", "exten": "21"})
    clicks.click({"number": f"tel {NUMBER} {NUMBER}", "exten": "21", "nummer": NUMBER})
    out = capsys.readouterr().out
    assert "44556677" not in out
    failed, placed, refused, _ = map(json.loads, out.splitlines())
    assert (failed["exten"], failed["number"], failed["provider"]) == ("21", "+39…6677", "paper")
    assert (refused["exten"], "number" in refused) == ("21", True)
    assert (failed["outcome"], failed["reason"], failed["Originates"]) == ("failed", "refused", 1)
    for name in ("call_id", "desk_ms", "begin_ms", "pbx_ms", "settle_ms", "OriginateTime"):
        assert name in placed
    assert (placed["tenant"], placed["exten"], placed["number"]) == ("acme", "21", "+39…6677")
    assert (placed["outcome"], placed["provider"], placed["role"]) == ("placed", "paper", "crm")
    [metrics] = placed["_aws"]["CloudWatchMetrics"]
    assert [metric["Name"] for metric in metrics["Metrics"]] == ["Originates", "OriginateTime"]
    assert metrics["Dimensions"] == [["outcome"]]


def test_an_error_of_dynamodb_is_said_by_its_name_alone(
    clicks: Clicks, capsys: pytest.CaptureFixture[str]
) -> None:
    clicks.click()
    capsys.readouterr()
    clicks.stores.now_s += 6
    _fail_at(clicks, "TransactWriteItems", AwsError("ValidationException", NUMBER, {}))
    answer = clicks.click()
    assert answer["statusCode"] == 503
    assert NUMBER not in capsys.readouterr().out + answer["body"]


def test_a_refusal_has_its_reason_and_hint_apart() -> None:
    error = RefusedCallError("country", "`centralino dialling allow --country CH` allows it.")
    assert error.hint in str(error)
    assert RefusedCallError("emergency").hint == ""
