"""Asterisk: forms that HASH() takes apart the way they were meant."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

import pytest

from centralino.adapters.pbx.asterisk import Adapter
from centralino.domain.decision import Decision
from centralino.domain.destination import TYPES, Destination
from centralino.ports.pbx import Ask, Asked, Told
from tests.support.pbx import ask_url, received
from tests.support.pbx.contract import (
    CALL_ID,
    DID,
    HOSTILE,
    NEXT,
    NODE,
    NUMBER,
    PbxContract,
    decided,
)

FIELDS = {"customer_code": "IT12345678901", "customer_status": "active", "url": "https://crm"}
SAFE = re.compile(r"[A-Za-z0-9+_.:/-]*")


class TestAsterisk(PbxContract):
    adapter = Adapter
    withheld = ("", "anonymous", "Anonymous", "asterisk-unknown <unknown>", "unavailable")
    spells = frozenset(TYPES) - {"continue"}

    def request(
        self, ask: str, *, number: str = NUMBER, digits: str | None = None, question: int = 0
    ) -> Asked:
        fields = {"number": number, "did": DID, "call_id": CALL_ID}
        if ask == "identify":
            fields["node"] = "vat"
        if digits is not None:
            fields["digits"] = digits
        if question:
            fields["question"] = str(question)
        return received(ask_url("asterisk", ask, query=urlencode(fields)), ask)

    def spelled_prompt(self, prompt: str) -> str:
        return prompt.replace(" ", "")

    def events(self) -> tuple[Asked, Asked]:
        return (
            received(
                ask_url("asterisk", "events", query=f"event=answered&call_id={CALL_ID}&exten=21"),
                "events",
            ),
            received(
                ask_url("asterisk", "events", query=f"event=ended&call_id={CALL_ID}"), "events"
            ),
        )


def body(told: Told) -> str:
    asked = received(ask_url("asterisk", "route"), "route")
    pbx = Adapter({}, {})
    return pbx.reply(asked, pbx.read(asked), told).body


def split_as_hash_does(values: list[str]) -> list[str]:
    """Join fields with commas and split them as HASH() does (app.c, AST_STANDARD_APP_ARGS)."""
    joined = ",".join(value.replace("\\", "\\\\").replace(",", "\\,") for value in values)
    parts, part, depth, brackets, quoted = [], "", 0, 0, False
    signs = iter(joined)
    for sign in signs:
        if sign == "\\":
            part += next(signs, "")
            continue
        if sign == '"':
            quoted = not quoted
            continue
        depth = max(0, depth + (sign == "(") - (sign == ")"))
        brackets = max(0, brackets + (sign == "[") - (sign == "]"))
        if sign == "," and not (depth or brackets or quoted):
            parts.append(part)
            part = ""
        else:
            part += sign
    return [*parts, part]


def test_a_decision_is_a_form_with_the_label_last() -> None:
    decision = decided(Destination("queue", "600"), agents=("21", "22"), language="it")
    assert body(Told("M. Rossi", decision, fields=FIELDS)) == (
        "action=go&type=queue&id=600&destination=queue%3A600&agents=21-22&rule=active-customers"
        "&priority=0&language=it&customer_code=IT12345678901&customer_status=active&fallback="
        "&label=M.%20Rossi"
    )


def test_a_question_is_a_form_that_read_understands() -> None:
    node = NODE._replace(prompt="custom/vat", timeout_s=2.5)
    assert body(Told(ask=Ask(node, again=False, next_url=NEXT, question=1))) == (
        "action=ask&node=vat&prompt=custom%2Fvat&length=11&timeout=2.5&again=0&question=1&label="
    )


def test_an_event_is_acknowledged() -> None:
    assert body(Told(event=True)) == "action=ok"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hash_takes_every_field_for_what_it_is(text: str) -> None:
    fields = dict.fromkeys(("customer_code", "customer_status"), text)
    for agents in ((), ("21",), (text,)):
        for to in (Destination("queue", "600"), Destination("queue", text)):
            decision = Decision(to, agents, rule=text, language=text, fallback=text)
            pairs = parse_qsl(body(Told(text, decision, fields=fields)), keep_blank_values=True)
            values = [value for _, value in pairs]
            assert split_as_hash_does(values) == values
            assert all(SAFE.fullmatch(value) for name, value in pairs if name != "label")
            assert pairs[-1][0] == "label"


@pytest.mark.parametrize(
    "to",
    [
        Destination("queue", "a,b"),
        Destination("queue", ""),
        Destination("queue", "a(b"),
        Destination("nonsense", "1"),
        Destination("external", "+39 02"),
    ],
)
def test_a_destination_that_would_become_another_one_is_continue(to: Destination) -> None:
    told = dict(parse_qsl(body(Told("Rossi", decided(to, agents=("21",)))), keep_blank_values=True))
    assert (told["type"], told["id"], told["agents"]) == ("continue", "", "")
    assert told["rule"] == "active-customers"


@pytest.mark.parametrize("unspelled", ["*22", "2#2", "a,b"])
def test_an_agent_who_can_t_be_spelled_is_left_out_and_the_others_ring(unspelled: str) -> None:
    for agents, spelled in (
        (("21", unspelled, "23"), ("21", "21-23")),
        ((unspelled, "23"), ("23", "23")),
    ):
        to = Destination("agent", agents[0])
        told = dict(parse_qsl(body(Told("", decided(to, agents=agents))), keep_blank_values=True))
        assert (told["type"], told["id"], told["agents"]) == ("agent", *spelled)
        assert told["destination"] == f"agent:{spelled[0]}"
    alone = Told("", decided(Destination("agent", unspelled), agents=(unspelled,)))
    assert "type=continue&id=&destination=continue&agents=&" in body(alone)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("Rossi (2)", "Rossi (2)"),
        ("Rossi [a(b)c]", "Rossi [a(b)c]"),
        ("Rossi (a", "Rossi a"),
        ("Rossi a)(b", "Rossi ab"),
        ("Rossi ([a)]", "Rossi a"),
        ('R,o"s$s{i}\\', "Rossi"),
        ("Müller & Söhne", "Müller & Söhne"),
    ],
)
def test_parentheses_in_a_label_stay_only_in_pairs(label: str, shown: str) -> None:
    assert dict(parse_qsl(body(Told(label))))["label"] == shown
