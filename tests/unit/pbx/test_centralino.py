"""Our own answers: JSON, forms, text and XML that say the same."""

from __future__ import annotations

from urllib.parse import urlencode

from centralino.adapters.pbx.centralino import Adapter
from centralino.domain.decision import Passed
from centralino.domain.destination import TYPES, Destination
from centralino.ports.pbx import Ask, Asked, Pbx, Told, Verdict
from tests.support.pbx import ask_url, read_strictly, received
from tests.support.pbx.contract import (
    CALL_ID,
    DID,
    NEXT,
    NODE,
    NUMBER,
    PbxContract,
    decided,
)

FIELDS = {"customer_code": "IT12345678901", "customer_status": "active"}
SUPPORT = Told(
    "Rossi",
    decided(Destination("queue", "600", "support"), agents=("21", "22"), language="it"),
    fields=FIELDS,
)


class TestCentralino(PbxContract):
    adapter = Adapter
    withheld = ("", "anonymous", "Anonymous", "unknown", "sip:anonymous@anonymous.invalid")
    spells = frozenset(TYPES) - {"continue"}
    form = "json"

    def request(
        self, ask: str, *, number: str = NUMBER, digits: str | None = None, question: int = 0
    ) -> Asked:
        fields = {"number": number, "did": DID, "call_id": CALL_ID, "format": self.form}
        if digits is not None:
            fields["digits"] = digits
        if question:
            fields["question"] = str(question)
        return received(ask_url("centralino", ask, query=urlencode(fields)), ask)

    def events(self) -> tuple[Asked, Asked]:
        return (
            received(
                ask_url("centralino", "events", query=f"event=answered&call_id={CALL_ID}&exten=21"),
                "events",
            ),
            received(
                ask_url("centralino", "events", query=f"event=ended&call_id={CALL_ID}"), "events"
            ),
        )


class TestForm(TestCentralino):
    form = "form"


class TestXml(TestCentralino):
    form = "xml"


class TestText(TestCentralino):
    form = "text"

    def test_a_question_brings_its_prompt_and_where_the_digits_go(self, pbx: Pbx) -> None:
        asked = self.request("identify")
        told = Told("Rossi", ask=Ask(NODE, again=False, next_url=NEXT))
        assert self.answer(pbx, asked, told) == "ask:vat"


def answer(form: str, told: Told) -> object:
    asked = received(ask_url("centralino", "route", query=f"number=1&format={form}"), "route")
    pbx = Adapter({}, {})
    return read_strictly(pbx.reply(asked, pbx.read(asked), told))


def test_a_decision_is_told_in_json_with_its_agents_as_a_list() -> None:
    assert answer("json", SUPPORT) == {
        "action": "go",
        "type": "queue",
        "id": "600",
        "destination": "queue:600",
        "destination_name": "support",
        "agents": ["21", "22"],
        "rule": "active customers",
        "priority": 0,
        "language": "it",
        "version": 3,
        "fallback": "",
        "customer_code": "IT12345678901",
        "customer_status": "active",
        "label": "Rossi",
    }


def test_a_form_says_the_same_with_its_agents_in_one_word() -> None:
    form, told = answer("form", SUPPORT), answer("json", SUPPORT)
    assert isinstance(form, dict)
    assert isinstance(told, dict)
    expected = {name: str(value) for name, value in told.items()}
    assert form == {**expected, "agents": "21-22"}


def test_text_is_the_destination_alone_and_on_lookup_the_label() -> None:
    assert answer("text", SUPPORT) == "queue:600"
    assert answer("text", Told("Rossi")) == "Rossi"
    assert answer("text", Told(event=True)) == "ok"


def test_what_was_passed_and_why_is_told_where_it_was_asked_for() -> None:
    told = answer("json", Told(decision=decided(Destination("hangup"), passed=(Passed("a", "b"),))))
    assert isinstance(told, dict)
    assert told["passed"] == [{"rule": "a", "why": "b"}]


def test_a_verdict_says_whether_and_who() -> None:
    told = answer("json", Told(verdict=Verdict(yes=True, code="IT1", data={"name": "Rossi"})))
    assert isinstance(told, dict)
    assert (told["identified"], told["code"], told["data"]) == ("yes", "IT1", {"name": "Rossi"})


def test_an_unknown_format_is_json() -> None:
    assert answer("yaml", Told(event=True)) == {"action": "ok"}
