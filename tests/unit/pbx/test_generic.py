"""Any PBX: the tenant's own names and templates."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

import pytest

from centralino.adapters.pbx.generic import Adapter
from centralino.domain.destination import CONTINUE, TYPES, Destination
from centralino.domain.errors import PayloadError
from centralino.ports.pbx import Ask, Asked, Told, Verdict
from tests.support.pbx import ask_url, read_strictly, received
from tests.support.pbx.contract import CALL_ID, DID, NEXT, NODE, NUMBER, PbxContract, decided

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = (Path(__file__).parents[3] / "docs" / "pbx.md").read_text()
ALL = (
    "{label}",
    "{destination}",
    "{value}",
    "{agents}",
    "{rule}",
    "{customer_code}",
    "{company}",
    "{url}",
    "{prompt}",
    "{next}",
    "{code}",
    "{number}",
)


class TestJson(PbxContract):
    adapter = Adapter
    options: ClassVar[Mapping[str, Any]] = {
        "names": {"number": ["telephone", "tel"], "did": "dnid", "exten": "user"},
        "withheld": ["NASCOSTO"],
        "events": {"ANSWER": "answered", "HANGUP": "ended"},
        "event_name": "status",
        "values": {"queue:21": "support"},
        "replies": {
            "reply": {"all": list(ALL), "deep": {"label": "a {label} b", "n": 1, "no": None}},
            "ask": {"say": "{prompt}", "to": "{next}"},
            "lookup": {"name": "{label?}"},
        },
    }
    withheld = ("", "anonymous", "NASCOSTO")
    spells = frozenset(TYPES) - {"continue"}

    def request(
        self, ask: str, *, number: str = NUMBER, digits: str | None = None, question: int = 0
    ) -> Asked:
        fields = {"telephone": number, "dnid": DID, "call_id": CALL_ID}
        if digits is not None:
            fields["digits"] = digits
        if question:
            fields["question"] = str(question)
        return received(ask_url("generic", ask, query=urlencode(fields)), ask)

    def events(self) -> tuple[Asked, Asked]:
        return (
            received(
                ask_url("generic", "events", query=f"status=ANSWER&call_id={CALL_ID}&user=21"),
                "events",
            ),
            received(
                ask_url("generic", "events", query=f"status=HANGUP&call_id={CALL_ID}"), "events"
            ),
        )


class TestText(TestJson):
    options: ClassVar[Mapping[str, Any]] = {
        **TestJson.options,
        "format": "text",
        "separator": "|",
        "replies": {"reply": " | ".join(ALL), "ask": "{prompt}"},
    }


class TestXml(TestJson):
    options: ClassVar[Mapping[str, Any]] = {
        **TestJson.options,
        "format": "xml",
        "replies": {
            "reply": f"<r to=\"{{destination}}\" a='{{agents}}'>{''.join(ALL)}</r>",
            "ask": "<r><say>{prompt}</say><to>{next}</to></r>",
        },
    }


class TestForm(TestJson):
    options: ClassVar[Mapping[str, Any]] = {
        **TestJson.options,
        "format": "form",
        "replies": {
            "reply": "&".join(f"f{place}={word}" for place, word in enumerate(ALL)),
            "ask": "say={prompt}",
        },
    }


def answer(options: Mapping[str, Any], told: Told, ask: str = "route", query: str = "") -> Any:  # noqa: ANN401 - a document
    Adapter.check_options(options)
    pbx = Adapter(options, {})
    asked = received(ask_url("generic", ask, query=query), ask)
    return read_strictly(pbx.reply(asked, pbx.read(asked), told))


def presets() -> dict[str, dict[str, Any]]:
    """Return the options that docs/pbx.md has, by their heading."""
    found = re.findall(r"^#### (\w+).*?^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def test_while1_gets_its_keys_and_nulls_where_nobody_is_known() -> None:
    options = presets()["while1"]
    told = Told(
        "Rossi",
        decided(Destination("agent", "21"), agents=("21",), priority=7),
        fields={"contact_id": "crm:42", "url": "https://crm.example/42", "outcome": "hit"},
    )
    assert answer(options, told, query="telephone=0244556677&dnid=0299887766") == {
        "id": "crm:42",
        "name": "Rossi",
        "queue_position": "7",
        "direct_line": "SIP/21",
        "backend_link": "https://crm.example/42",
        "route_identifier": "agent:21",
    }
    unknown = answer(options, Told("", decided(CONTINUE)), query="telephone=anonymous")
    assert set(unknown.values()) <= {None, "0", "continue"}


def test_zammad_s_senders_are_told_to_dial_or_to_reject() -> None:
    options = presets()["Zammad"]
    to = Destination("external", "+390233445566")
    assert answer(options, Told(decision=decided(to))) == {
        "action": "dial",
        "number": "+390233445566",
    }
    assert answer(options, Told(decision=decided(Destination("hangup")))) == {
        "action": "reject",
        "reason": "busy",
    }
    assert answer(options, Told(decision=decided(CONTINUE))) == {}
    assert answer(options, Told(event=True), "events") == {}


def test_tvox_gets_the_callers_name() -> None:
    options = presets()["TVox"]
    told = Told("Rossi", fields={"company": "ACME", "contact_id": "crm:42"})
    found = answer(options, told, "lookup", "clid=0244556677")
    assert (found["label"], found["company"]) == ("Rossi", "ACME")


@pytest.mark.parametrize("separator", [";", "|", "\t", "\n", " ", "#"])
def test_no_value_of_a_text_moves_the_values_behind_it(separator: str) -> None:
    template = separator.join(("{label}", "{value}", "{agents}"))
    options = {"format": "text", "separator": separator, "replies": {"reply": template}}
    Adapter.check_options(options)
    told = Told(
        f"Rossi{separator}external:+881",
        decided(Destination("queue", f"6{separator}00"), agents=("21", f"2{separator}2")),
    )
    asked = received(ask_url("generic", "route"), "route")
    pbx = Adapter(options, {})
    body = pbx.reply(asked, pbx.read(asked), told).body
    blank = "" if separator.isspace() else " "
    assert body.split(separator) == [f"Rossi{blank}external:+881", f"6{blank}00", f"21,2{blank}2"]


def test_what_has_no_template_is_answered_with_nothing() -> None:
    for form, nothing in (("json", {}), ("text", ""), ("form", {})):
        assert answer({"format": form}, Told("Rossi")) == nothing
    assert answer({"format": "xml"}, Told("Rossi")).tag == "response"


def test_a_verdict_may_have_a_template_of_its_own() -> None:
    replies = {"identify:yes": {"in": True}, "identify:no": {"in": False}}
    told = [Told(verdict=Verdict(yes=yes)) for yes in (True, False)]
    assert [answer({"replies": replies}, one, "identify") for one in told] == [
        {"in": True},
        {"in": False},
    ]


def test_it_converses_where_the_tenant_says_how_to_ask() -> None:
    asks = {"replies": {"ask": {"say": "{prompt}"}}}
    assert Adapter(asks, {}).converses
    assert not Adapter({}, {}).converses
    ask = Ask(NODE, again=False, next_url=NEXT)
    assert answer(asks, Told(ask=ask), "identify") == {"say": NODE.prompt}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"format": "yaml"}, "format"),
        ({"format": []}, "format"),
        ({"names": {"colour": "x"}}, "names.colour"),
        ({"names": {"number": 5}}, "names.number"),
        ({"names": {"number": [""]}}, "names.number"),
        ({"withheld": "anonymous"}, "withheld"),
        ({"events": {"ANSWER": "picked up"}}, "events.ANSWER"),
        ({"replies": {"sing": "x"}}, "replies.sing"),
        ({"replies": {"route": "{colour}"}}, "replies.route"),
        ({"replies": {"route": "{label" + "x" * 10_000 + "}"}}, "replies.route"),
        ({"format": "text", "replies": {"route": {}}}, "replies.route"),
        ({"format": "text", "replies": {"route": "{label};{value}"}}, "replies.route"),
        (
            {"format": "text", "separator": "|", "replies": {"route": "{label}|{value};{rule}"}},
            "replies.route",
        ),
        ({"format": "text", "separator": ""}, "separator"),
        ({"format": "text", "separator": ";;"}, "separator"),
        ({"format": "text", "separator": "6"}, "separator"),
        ({"format": "json", "separator": ";"}, "separator"),
        ({"format": "xml", "replies": {"route": "<a>{label}"}}, "replies.route"),
        ({"format": "xml", "replies": {"route": "{label}"}}, "replies.route"),
        ({"format": "xml", "replies": {"route": "<{label}/>"}}, "replies.route"),
        ({"format": "xml", "replies": {"route": "<a><!-- {label} --></a>"}}, "replies.route"),
        ({"format": "xml", "replies": {"route": "<a><![CDATA[{label}]]></a>"}}, "replies.route"),
        ({"format": "xml", "replies": {"route": "<!DOCTYPE a><a/>"}}, "replies.route"),
        ({"format": "form", "replies": {"route": "label"}}, "replies.route"),
        ({"format": "form", "replies": {"route": "a=b c"}}, "replies.route"),
    ],
)
def test_a_mistake_in_the_options_is_found_when_they_are_saved(
    options: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        Adapter.check_options(options)
    assert refused.value.field == field
