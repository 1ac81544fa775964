"""OMniLeads: its node's own request and the two texts that it reads; its newer helper's."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from centralino.adapters.pbx.omnileads import Adapter
from centralino.domain.destination import CONTINUE, TYPES, Destination
from centralino.ports.pbx import Ask, Asked, Told, Verdict
from tests.support.pbx import FORM, ask_url, form_body, read_strictly, received
from tests.support.pbx.contract import CALL_ID, DID, NEXT, NODE, NUMBER, PbxContract, decided

NO = {"status": "fail", "destination": "false"}


class TestOmnileads(PbxContract):
    adapter = Adapter
    withheld = ("", "anonymous", "unknown", "restricted")
    # Those that its dialplan knows; `identify:vat` has no number.
    spells = frozenset(kind for kind, number in TYPES.items() if 1 <= number <= 8)

    def request(
        self,
        ask: str,
        *,
        number: str = NUMBER,
        digits: str | None = None,
        question: int = 0,  # noqa: ARG002 - it asks by itself
    ) -> Asked:
        fields = {"number": number, "did": DID, "call_id": CALL_ID}
        if ask == "route":
            return received(ask_url("omnileads", ask, query=urlencode(fields)), ask)
        if digits is not None:
            fields["idContact"] = digits
        url = ask_url("omnileads", ask, "vat")
        return received(url, ask, "POST", {"content-type": FORM}, form_body(fields), "vat")


def identify(told: Told, id: str = "") -> Any:  # noqa: A002, ANN401 - a document
    url = ask_url("omnileads", "identify", "check", id)
    asked = received(url, "identify", "GET" if id else "POST", node="check", id=id)
    pbx = Adapter({}, {})
    return read_strictly(pbx.reply(asked, pbx.read(asked), told))


def route(to: Destination) -> Any:  # noqa: ANN401 - the same
    return identify(Told(decision=decided(to), verdict=Verdict(yes=True)))


def test_a_node_that_checks_is_told_true_as_text_and_never_a_json_boolean() -> None:
    assert identify(Told(verdict=Verdict(yes=True))) == {"status": "ok", "destination": "true"}
    assert identify(Told(verdict=Verdict(yes=False))) == NO


@pytest.mark.parametrize(
    ("to", "pair"),
    [
        (Destination("queue", "3"), "1,3"),
        (Destination("queue", "support", "", "1,3"), "1,3"),
        (Destination("schedule", "2"), "2,2"),
        (Destination("ivr", "7"), "3,7"),
        (Destination("extension", "21"), "4,21"),
        (Destination("hangup"), "5,1"),
        (Destination("hangup", omnileads="5,2"), "5,2"),
        (Destination("survey", "1"), "6,1"),
        (Destination("custom", "9"), "7,9"),
        (Destination("voicemail", "21"), "8,21"),
        (Destination("identify", "4"), "9,4"),
        (Destination("agent", "5", "", "11,5"), "11,5"),
    ],
)
def test_a_node_that_routes_is_told_type_and_id(to: Destination, pair: str) -> None:
    assert route(to) == {"status": "ok", "destination": pair}


@pytest.mark.parametrize(
    "to",
    [
        CONTINUE,
        Destination("queue", "support"),
        Destination("queue", ""),
        Destination("queue", "3", "", "(1,3)"),
        Destination("queue", "x", "", "1,3,4"),
        Destination("queue", "٣"),
        Destination("agent", "21"),  # a dialplan of its own doesn't know 11
        Destination("closing", "1"),
        Destination("whatsapp", "1"),
        Destination("external", "390233445566"),
        Destination("nonsense", "1"),
    ],
)
def test_what_it_could_not_switch_to_is_the_nodes_own_second_destination(to: Destination) -> None:
    expected = {"status": "ok", "destination": "1,3"} if to.omnileads == "(1,3)" else NO
    assert route(to) == expected


def test_a_question_cannot_be_asked_there() -> None:
    assert identify(Told(ask=Ask(NODE, again=False, next_url=NEXT))) == NO


def test_the_newer_helper_gets_what_is_known_beside_the_same_two_texts() -> None:
    verdict = Verdict(yes=True, code="IT1", data={"name": "Rossi", "plan": "gold"})
    assert identify(Told(verdict=verdict), id="30565584") == {
        "status": "ok",
        "destination": "true",
        "response": True,
        "data": {"name": "Rossi", "plan": "gold"},
    }
    assert identify(Told(verdict=Verdict(yes=False)), id="1") == {
        **NO,
        "response": False,
        "data": {},
    }


def test_the_answer_is_two_texts_byte_for_byte() -> None:
    asked = received(ask_url("omnileads", "identify", "check"), "identify", "POST")
    pbx = Adapter({}, {})
    reply = pbx.reply(asked, pbx.read(asked), Told(verdict=Verdict(yes=True)))
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert reply.body == '{"status": "ok", "destination": "true"}'
