"""KalliopePBX: XML with a value, a prefix for the display and a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

import pytest

from centralino.adapters.pbx.kalliope import Adapter
from centralino.domain.destination import CONTINUE, TYPES, Destination
from centralino.ports.pbx import Ask, Asked, Pbx, Told, Verdict
from tests.support.pbx import ask_url, read_strictly, received
from tests.support.pbx.contract import CALL_ID, DID, NEXT, NODE, NUMBER, PbxContract, decided

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


class TestKalliope(PbxContract):
    adapter = Adapter
    options: ClassVar[Mapping[str, Any]] = {
        "ask_value": "9",
        "values": {"hangup": "0", "queue:21": "1"},
    }
    withheld = ("", "anonymous", "Anonymous", "unknown", "%CALLER_NUM%")
    spells = frozenset(TYPES) - {"continue"}

    def request(
        self, ask: str, *, number: str = NUMBER, digits: str | None = None, question: int = 0
    ) -> Asked:
        fields = {"num": number, "did": DID, "id": CALL_ID}
        if digits is not None:
            fields["code"] = digits
        if question:
            fields["question"] = str(question)
        node = "vat" if ask == "identify" else ""
        url = ask_url("kalliope", ask, node, query=urlencode(fields))
        return received(url, ask, node=node)

    def test_a_question_brings_its_prompt_and_where_the_digits_go(self, pbx: Pbx) -> None:
        """It is led to its own action, which knows where; a prompt is a file's name."""
        asked = self.request("identify")
        node = NODE._replace(prompt="vat-please", again="vat-again")
        for again, name in ((False, "vat-please"), (True, "vat-again")):
            told = Told(ask=Ask(node, again=again, next_url=NEXT))
            root = self.answer(pbx, asked, told)
            assert (root.findtext("message/elem"), root.findtext("value")) == (f"audio:{name}", "9")


def answer(told: Told, **options: object) -> str:
    Adapter.check_options(options)
    pbx = Adapter(options, {})
    asked = received(ask_url("kalliope", "route"), "route")
    reply = pbx.reply(asked, pbx.read(asked), told)
    read_strictly(reply)
    return reply.body.removeprefix(HEAD)


def test_the_label_goes_before_the_name_and_the_value_leads_on() -> None:
    told = Told("VIP", decided(Destination("queue", "600", "support")))
    assert answer(told) == (
        "<response><displayprefix>VIP </displayprefix><value>600</value></response>"
    )
    assert "<value>1</value>" in answer(told, values={"queue:600": "1"})
    assert "<value>2</value>" in answer(told, values={"support": "2"})


def test_the_best_of_elected_agents_is_called() -> None:
    told = Told("", decided(Destination("agent", "21"), agents=("22", "21")))
    assert answer(told) == "<response><value>22</value></response>"


@pytest.mark.parametrize("to", [CONTINUE, Destination("hangup"), Destination("identify", "vat")])
def test_without_a_value_the_action_for_errors_is_taken(to: Destination) -> None:
    assert answer(Told(decision=decided(to))) == "<response></response>"
    assert answer(Told(decision=decided(to)), values={to.text: "7"}) == (
        "<response><value>7</value></response>"
    )


def test_a_code_that_kalliope_asked_for_is_good_or_not() -> None:
    told = [Told(verdict=Verdict(yes=yes)) for yes in (True, False)]
    assert [answer(one) for one in told] == [
        "<response><value>1</value></response>",
        "<response><value>0</value></response>",
    ]
    assert "<value>ok</value>" in answer(told[0], yes_value="ok")


def test_it_can_be_asked_to_ask_only_with_an_action_that_does() -> None:
    assert Adapter({"ask_value": "9"}, {}).converses
    assert not Adapter({}, {}).converses
