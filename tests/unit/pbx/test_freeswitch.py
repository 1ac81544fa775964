"""FreeSWITCH: mod_xml_curl's dialplan, mod_httapi, and mod_cidlookup's text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

import pytest
from defusedxml.ElementTree import fromstring

from centralino.adapters.pbx.freeswitch import Adapter
from centralino.domain.destination import CONTINUE, Destination
from centralino.entry.request import Request
from centralino.entry.route import read_address
from centralino.ports.pbx import Ask, Asked, Pbx, Told
from tests.support.pbx import FORM, ask_url, form_body, leaves, read_strictly, received
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

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[3]
EXTENS = frozenset(
    {"queue", "schedule", "ivr", "extension", "survey", "custom", "agent", "closing", "external"}
) | {"whatsapp"}


class TestHttapi(PbxContract):
    adapter = Adapter
    withheld = ("", "anonymous", "Anonymous", "0000000000", "unknown", "Restricted")
    spells = EXTENS | {"hangup", "identify"}
    section = ""

    def request(
        self, ask: str, *, number: str = NUMBER, digits: str | None = None, question: int = 0
    ) -> Asked:
        node = "vat" if ask == "identify" else ""
        if ask == "lookup":
            return received(ask_url("freeswitch", ask, query=urlencode({"number": number})), ask)
        fields = {
            "session_id": CALL_ID,
            "Caller-Caller-ID-Number": number,
            "Caller-Destination-Number": DID,
        }
        if self.section:
            fields["section"] = self.section
        if digits:
            fields["centralino_digits"] = digits
        query = f"question={question}" if question else ""
        url = ask_url("freeswitch", ask, node, query=query)
        return received(url, ask, "POST", {"content-type": FORM}, form_body(fields), node)


class TestXmlCurl(TestHttapi):
    options: ClassVar[Mapping[str, Any]] = {"domain": "pbx.example.com", "context": "office"}
    spells = TestHttapi.spells | {"voicemail"}
    section = "dialplan"

    def test_a_question_brings_its_prompt_and_where_the_digits_go(self, pbx: Pbx) -> None:
        told = Told("Rossi", ask=Ask(NODE, again=False, next_url=NEXT, question=1))
        texts = list(leaves(self.answer(pbx, self.request("route"), told)))
        assert f"{{httapi_profile=default,method=POST,url={NEXT}}}" in texts


def request(**fields: str) -> Asked:
    body = form_body({"Caller-Caller-ID-Number": NUMBER, "Unique-ID": CALL_ID, **fields})
    return received(ask_url("freeswitch", "route"), "route", "POST", {"content-type": FORM}, body)


def answer(told: Told, asked: Asked, **options: object) -> str:
    Adapter.check_options(options)
    pbx = Adapter(options, {})
    reply = pbx.reply(asked, pbx.read(asked), told)
    read_strictly(reply)
    # mod_httapi takes nothing else.
    assert (reply.status, reply.content_type) == (200, "text/xml; charset=utf-8")
    return reply.body.removeprefix('<?xml version="1.0" encoding="UTF-8"?>')


DIALPLAN = request(section="dialplan", **{"Caller-Context": "public"})
HTTAPI = request(session_id=CALL_ID)
NOT_FOUND = (
    '<document type="freeswitch/xml"><section name="result"><result status="not found"/>'
    "</section></document>"
)


def test_xml_curl_gets_an_extension_that_sets_the_name_and_transfers() -> None:
    told = Told("Mario Rossi", decided(Destination("queue", "600")))
    assert answer(told, DIALPLAN) == (
        '<document type="freeswitch/xml"><section name="dialplan"><context name="public">'
        '<extension name="centralino"><condition>'
        '<action application="set" data="effective_caller_id_name=Mario Rossi"/>'
        '<action application="transfer" data="600 XML default"/>'
        "</condition></extension></context></section></document>"
    )


def test_xml_curl_rings_elected_agents_one_after_the_other() -> None:
    told = Told("", decided(Destination("agent", "21"), agents=("22", "21")))
    assert 'application="bridge" data="user/22@a.example|user/21@a.example"' in answer(
        told, DIALPLAN, domain="a.example", ring_s=15
    )
    assert 'data="22 XML default"' in answer(told, DIALPLAN)


@pytest.mark.parametrize("section", ["directory", "configuration", "", "dialplan"])
def test_xml_curl_goes_on_with_its_own_dialplan_where_nothing_is_decided(section: str) -> None:
    assert answer(Told("Rossi", decided(CONTINUE)), request(section=section)) == NOT_FOUND


@pytest.mark.parametrize("section", ["directory", "configuration"])
def test_xml_curl_gets_nothing_but_a_dialplan(section: str) -> None:
    told = Told("Rossi", decided(Destination("queue", "600")))
    assert answer(told, request(section=section)) == NOT_FOUND


def test_the_label_goes_along_to_a_context_that_goes_on() -> None:
    asked = request(section="dialplan", **{"Caller-Destination-Number": "390299887766"})
    told = Told("Rossi", decided(CONTINUE))
    assert 'data="390299887766 XML own"' in answer(told, asked, continue_context="own")


def test_httapi_dials_in_a_context() -> None:
    told = Told("Rossi", decided(Destination("queue", "600")))
    assert answer(told, HTTAPI, context="office") == (
        '<document type="xml/freeswitch-httapi"><work><dial context="office" dialplan="XML" '
        'caller-id-name="Rossi">600</dial></work></document>'
    )
    assert "<break/>" in answer(Told("Rossi", decided(CONTINUE)), HTTAPI)


def test_httapi_asks_with_bindings_and_comes_back_whatever_was_typed() -> None:
    node = NODE._replace(prompt="custom/vat.wav")
    told = Told(ask=Ask(node, again=False, next_url=NEXT, question=1))
    to = f"{NEXT}?question=1"
    assert answer(told, HTTAPI) == (
        '<document type="xml/freeswitch-httapi"><work><playback file="custom/vat.wav" '
        'name="centralino_digits" digit-timeout="5000" input-timeout="5000" '
        f'action="{to}"><bind strip="#">~\\d*#</bind><bind>~\\d{{11}}</bind></playback>'
        f'<continue action="{to}"/></work></document>'
    )


def test_words_are_spoken_and_silence_is_a_pause() -> None:
    said = Told(ask=Ask(NODE, again=False, next_url=NEXT))
    assert '<speak engine="flite" voice="slt" text="Please type' in answer(said, HTTAPI)
    silent = Told(ask=Ask(NODE._replace(prompt=""), again=False, next_url=NEXT))
    assert '<pause milliseconds="5000"' in answer(silent, HTTAPI)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_freeswitch_would_expand_reaches_it(text: str) -> None:
    ask = Ask(NODE._replace(prompt=f"Say {text}"), again=False, next_url=NEXT)
    for asked in (DIALPLAN, HTTAPI):
        for told in (Told(text, decided(Destination("queue", "600"))), Told(text, ask=ask)):
            pbx = Adapter({"domain": "a.example"}, {})
            body = pbx.reply(asked, pbx.read(asked), told).body
            assert not re.search(r"[$`]", body)


def test_cidlookup_gets_a_name_without_a_line_end() -> None:
    asked = received(ask_url("freeswitch", "lookup", query="number=390244556677"), "lookup")
    pbx = Adapter({}, {})
    reply = pbx.reply(asked, pbx.read(asked), Told("Rossi ${x}\n"))
    assert (reply.body, reply.content_type) == ("Rossi x", "text/plain; charset=utf-8")


CONFIGURATION = sorted((ROOT / "integrations" / "freeswitch").glob("*.xml"))


@pytest.mark.parametrize("path", CONFIGURATION, ids=lambda path: path.name)
def test_the_shipped_files_are_well_formed_and_their_urls_lead_to_us(path: Path) -> None:
    text = path.read_text()
    fromstring(text)
    for url in re.findall(r"https://centralino\.example(/v1/k/[^\"}?]+)", text):
        request = Request({"rawPath": url})
        assert request.path_key()
        if request.segments != ["v1", "lookup"]:
            assert read_address(request).provider == "freeswitch"
