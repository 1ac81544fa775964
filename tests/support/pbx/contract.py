"""The one test that every PBX provider passes: `class TestSlug(PbxContract)` in
`tests/unit/pbx/test_<slug>.py`.

A subclass names its adapter, says how the PBX spells a call (`request`), and signs it where the
PBX does (`sign`). What is special to a product, its published signature vectors above all, are
further tests in the same file.

Requests that a contract shows are in `tests/data/pbx/<slug>.json`, byte for byte, each with `from`
(where it was seen) and the `call` that it is to give.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from centralino.domain.decision import Decision, Passed
from centralino.domain.destination import ALONE, CONTINUE, TYPES, Destination
from centralino.domain.errors import CredentialsError, PayloadError
from centralino.domain.number import read_cli
from centralino.domain.routing import Node
from centralino.domain.settings import Settings
from centralino.ports.pbx import ASKS, Ask, Pbx, PbxCall, Told, Verdict
from tests.support.crm.contract import JUNK_HEADERS, JUNK_JSON, JUNK_XML, NOW_S
from tests.support.pbx import ask_url, leaves, read_strictly, received, skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from centralino.ports.pbx import Asked

DATA = Path(__file__).parents[2] / "data" / "pbx"
NUMBER = "+390244556677"
DID = "+390299887766"
CALL_ID = "call-1"
NODE = Node("vat", length=11, prompt="Please type your VAT number", again="Once more")
NEXT = "https://api.example.com/v1/k/demo.aaaaaaaaaaaaaaaaaaaaaa/pbx/x/identify/vat"
# What a CRM, a caller or a tenant may have put where a name should be; each begins with a letter,
# so that none of them is nothing once it is cleaned.
HOSTILE = (
    "a\" onload='x' <b>&amp;]]>",
    "a${SHELL(rm -rf /)} ${{7*7}} $(id) `id`",
    "a'); DROP TABLE calls;--",
    "a\r\nX-Header: 1\r\n\r\n<html>",
    "a,b(c[d{e}f]g)h\\i|j^k~l",
    "a&action=hangup&type=external=",
    "a<!--<![CDATA[<?php ?>]]>-->",
    "a%0d%0a%26%00\x00\x01\x1f\x7f\x85\u2028\u202e",
    "a\ud800\udfff\ufffe\uffff\U0010ffff",
    "a" + "\U0001f600\u05d0\u0627\u4e2d" * 20,
    "a" * 10_000,
    'a"&<' * 2_500,
)
JUNK_OPTIONS: tuple[Any, ...] = (
    *(None, [], [[]], 1.5, -(10**10), "\x00"),
    *({"queue:1": None}, {"queue:1": {}}),
)
JUNK_BODIES = (
    *JUNK_JSON,
    *JUNK_XML,
    b"&&==&=&%%%&%zz=%",
    b"+" * 1000,
    b"a" * 1024 * 1024,
    b"From=" + b"%2B" * (1024 * 1024 // 3),
)


def decided(to: Destination, **more: Any) -> Decision:  # noqa: ANN401 - any field
    return Decision(to, **{"rule": "active customers", "version": 3, **more})


def destination(kind: str, id: str = "21") -> Destination:  # noqa: A002 - the domain's word
    if kind in ALONE:
        return Destination(kind)
    if kind == "external":
        return Destination(kind, "+390233445566")
    return Destination(kind, NODE.name if kind == "identify" else id)


class PbxContract(ABC):
    """What every PBX provider has to stand.

    Attributes:
        adapter: the provider.
        options: with which it can say all that it can say.
        secrets: of the names that the adapter names; none where it has no signature.
        other_secret: of the same form, and not this tenant's.
        withheld: how the PBX spells a number that is withheld.
        spells: the types of destinations that it can be told; any other is as `continue`.
        signature_header: in lower case; empty where nothing is signed.
    """

    adapter: ClassVar[type[Pbx]]
    options: ClassVar[Mapping[str, Any]] = {}
    secrets: ClassVar[Mapping[str, str]] = {}
    other_secret: ClassVar[str] = "another-secret-of-somebody-else"
    withheld: ClassVar[tuple[str, ...]]
    spells: ClassVar[frozenset[str]]
    signature_header: ClassVar[str] = ""

    # Hooks ---------------------------------------------------------------------------------------

    @abstractmethod
    def request(
        self, ask: str, *, number: str = NUMBER, digits: str | None = None, question: int = 0
    ) -> Asked:
        """Return a request as the PBX sends it, about a call from `number` to `DID`, unsigned.

        Args:
            ask: one of those that it can ask.
            number: as the PBX spells it.
            digits: what was typed; None if nobody was asked.
            question: which question that answers.
        """

    def sign(self, asked: Asked, secret: str, *, at_s: float = NOW_S) -> Asked:  # noqa: ARG002
        """Return a request as the PBX signs it; for a PBX that doesn't, as it is."""
        return asked

    def forgeries(self, asked: Asked) -> Iterator[tuple[str, Asked]]:
        """Give everything that counts as forged, each with a word for it."""
        signed = self.sign(asked, self.secret())
        header = self.signature_header
        others = {name: value for name, value in signed.headers.items() if name != header}
        yield "no signature", signed._replace(headers=others)
        for junk in (*JUNK_HEADERS, signed.headers[header][:-1], signed.headers[header] + "A"):
            yield f"{junk[:20]!a}", signed._replace(headers={**others, header: junk})
        yield "another secret", self.sign(asked, self.other_secret)
        yield "another URL", signed._replace(url=signed.url.replace("route", "lookup"))
        yield "another body", signed._replace(body=signed.body.replace(b"39", b"44"))

    # What the tests below share ------------------------------------------------------------------

    @classmethod
    def slug(cls) -> str:
        return cls.adapter.slug

    @classmethod
    def secret(cls) -> str:
        return next(iter(cls.secrets.values()))

    def build(self, **options: Any) -> Pbx:  # noqa: ANN401 - any option
        return self.adapter({**self.options, **options}, self.secrets)

    @pytest.fixture
    def pbx(self) -> Pbx:
        return self.build()

    def asks(self) -> Iterator[Asked]:
        for ask in self.adapter.asks:
            yield self.request(ask)

    def told(self, text: str = "Rossi", prompt: str = "Your number") -> Iterator[Told]:
        """Give every shape of what may be told, with a text wherever a text is."""
        fields = dict.fromkeys(
            ("customer_code", "customer_status", "contact_id", "url", "company", "outcome"), text
        )
        node = NODE._replace(prompt=prompt, again=prompt)
        verdicts = [Verdict(yes, text, {"name": text, "plan": text}) for yes in (True, False)]
        yield Told()
        yield Told(text, fields=fields)
        yield Told(event=True)
        for again, question in ((False, 1), (True, 2)):
            yield Told(text, ask=Ask(node, again, NEXT, question), fields=fields)
        for verdict in verdicts:
            yield Told(text, verdict=verdict, fields=fields)
        for kind in TYPES:
            to = destination(kind)
            passed = (Passed(text, text),)
            yield Told(text, decided(to, rule=text, passed=passed), fields=fields)
            yield Told(text, decided(to._replace(name=text), fallback=text), verdict=verdicts[0])
            yield Told(text, decided(to, agents=("21", "22"), language=text), fields=fields)

    def answer(self, pbx: Pbx, asked: Asked, told: Told) -> Any:  # noqa: ANN401 - a document
        """Return the answer, read strictly."""
        return read_strictly(pbx.reply(asked, pbx.read(asked), told))

    # Requests ------------------------------------------------------------------------------------

    def test_its_requests_are_read_as_its_contract_shows_them(self) -> None:
        recorded = json.loads((DATA / f"{self.slug()}.json").read_text())
        assert recorded
        for entry in recorded:
            pbx = self.build(**entry.get("options", {}))
            where = {name: entry.get(name, "") for name in ("node", "id")}
            url = ask_url(self.slug(), entry["ask"], query=entry.get("query", ""), **where)
            asked = received(
                url,
                entry["ask"],
                entry["method"],
                entry.get("headers", {}),
                entry.get("body", "").encode(),
                **where,
            )
            assert pbx.read(asked) == PbxCall(**entry["call"]), entry["from"]

    def test_a_call_is_read_with_its_number(self, pbx: Pbx) -> None:
        for asked in self.asks():
            if asked.ask != "identify":
                assert pbx.read(asked).number == NUMBER

    def test_a_withheld_number_is_withheld_in_its_own_spelling(self, pbx: Pbx) -> None:
        settings = Settings("demo")
        for ask in self.adapter.asks:
            for spelling in self.withheld:
                number = pbx.read(self.request(ask, number=spelling)).number
                assert read_cli(number, settings.line, settings=settings).kind == "withheld"

    def test_an_empty_request_is_a_call_of_which_nothing_is_known(self, pbx: Pbx) -> None:
        for ask in self.adapter.asks:
            for method in ("GET", "POST"):
                call = pbx.read(received(ask_url(self.slug(), ask), ask, method))
                assert call._replace(digits=None, form="") == PbxCall()

    def test_whatever_comes_for_a_request_is_answered(self, pbx: Pbx) -> None:
        for ask in self.adapter.asks:
            for body in JUNK_BODIES:
                for kind in ("application/json", "application/x-www-form-urlencoded", "text/xml"):
                    asked = received(
                        ask_url(self.slug(), ask), ask, "POST", {"content-type": kind}, body
                    )
                    call = pbx.read(asked)
                    assert all(len(str(value)) <= len(body) + 9 for value in call)
                    read_strictly(pbx.reply(asked, call, Told("Rossi", decided(CONTINUE))))

    def test_a_request_full_of_hostile_text_is_answered(self, pbx: Pbx) -> None:
        for ask in self.adapter.asks:
            for text in HOSTILE:
                asked = self.request(ask)
                asked = asked._replace(fields=dict.fromkeys(asked.fields, text), id=text)
                for told in self.told():
                    self.answer(pbx, asked, told)

    def test_typed_digits_are_read(self, pbx: Pbx) -> None:
        if "identify" in self.adapter.asks:
            assert pbx.read(self.request("identify", digits="12345678901")).digits == "12345678901"

    # Answers -------------------------------------------------------------------------------------

    def test_everything_that_is_told_is_a_document_that_a_strict_parser_reads(
        self, pbx: Pbx
    ) -> None:
        for asked in self.asks():
            for told in self.told():
                self.answer(pbx, asked, told)

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_text_changes_nothing_but_texts(self, pbx: Pbx, text: str) -> None:
        for asked in self.asks():
            harmless = self.told("x")
            for told, plainly in zip(self.told(text, f"Say {text}"), harmless, strict=True):
                reply = pbx.reply(asked, pbx.read(asked), told)
                document = read_strictly(reply)
                assert skeleton(document) == skeleton(self.answer(pbx, asked, plainly))
                assert len(reply.body) < 40_000
                assert not any(
                    set(leaf) & set("\x00\r\n\x85\u2028\u202e") for leaf in leaves(document)
                )

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_ids_are_answered_harmlessly(self, pbx: Pbx, text: str) -> None:
        node = NODE._replace(name=text)
        for asked in self.asks():
            for kind in TYPES:
                to = Destination(kind, text, text, text)
                self.answer(pbx, asked, Told("x", decided(to, agents=(text, text))))
            self.answer(pbx, asked, Told("x", ask=Ask(node, again=True, next_url=text)))

    def test_every_type_of_destination_is_spelled_or_is_as_continue(self, pbx: Pbx) -> None:
        asked = self.request("route")
        call = pbx.read(asked)
        on = pbx.reply(asked, call, Told("Rossi", decided(CONTINUE)))
        spelled = {
            kind
            for kind in TYPES
            if pbx.reply(asked, call, Told("Rossi", decided(destination(kind)))) != on
        }
        assert spelled == self.spells

    def test_a_question_brings_its_prompt_and_where_the_digits_go(self, pbx: Pbx) -> None:
        if not pbx.converses or "identify" not in self.adapter.asks:
            return
        asked = self.request("identify")
        first = self.answer(pbx, asked, Told(ask=Ask(NODE, again=False, next_url=NEXT, question=1)))
        again = self.answer(pbx, asked, Told(ask=Ask(NODE, again=True, next_url=NEXT, question=2)))
        assert self.prompt_of(first) == self.spelled_prompt(NODE.prompt)
        assert self.prompt_of(again) == self.spelled_prompt(NODE.again)

    def prompt_of(self, document: Any) -> str:  # noqa: ANN401 - a document
        """Return the prompt in an answer; overridden where it is not a text of its own."""
        known = {self.spelled_prompt(NODE.prompt), self.spelled_prompt(NODE.again)}
        return next(leaf for leaf in leaves(document) if leaf in known)

    def spelled_prompt(self, prompt: str) -> str:
        """Return a prompt as the PBX is told it."""
        return prompt

    def test_an_answer_that_brings_no_digits_says_that_nothing_was_typed(self, pbx: Pbx) -> None:
        if pbx.converses:
            assert pbx.read(self.request("identify", digits="", question=1)).digits == ""

    def test_events_say_who_answered_and_that_a_call_ended(self, pbx: Pbx) -> None:
        if "events" not in self.adapter.asks:
            return
        answered, ended = (pbx.read(asked) for asked in self.events())
        assert (answered.event, answered.exten, answered.call_id) == ("answered", "21", CALL_ID)
        assert not answered.ended
        assert (ended.event, ended.ended, ended.call_id) == ("ended", True, CALL_ID)

    def events(self) -> tuple[Asked, Asked]:
        """Return an event that agent 21 answered, and one that the call ended."""
        raise NotImplementedError

    # Signatures ----------------------------------------------------------------------------------

    def test_without_a_signature_of_its_own_the_key_alone_lets_it_in(self, pbx: Pbx) -> None:
        if not self.adapter.secrets:
            for asked in self.asks():
                pbx.verify(asked, now_s=NOW_S)
            assert not self.secrets

    def test_a_signed_request_is_let_in_and_a_forged_one_is_not(self, pbx: Pbx) -> None:
        if not self.adapter.secrets:
            return
        for asked in self.asks():
            pbx.verify(self.sign(asked, self.secret()), now_s=NOW_S)
            for word, forged in self.forgeries(asked):
                if forged == self.sign(asked, self.secret()):
                    continue
                assert not self.lets_in(pbx, forged), word

    @staticmethod
    def lets_in(pbx: Pbx, asked: Asked) -> bool:
        try:
            pbx.verify(asked, now_s=NOW_S)
        except CredentialsError:
            return False
        return True

    def test_a_secret_that_is_replaced_is_good_beside_the_new_one(self) -> None:
        for name in self.adapter.secrets:
            both = {name: "the-new-secret", f"{name}_old": self.secret()}
            for secret in both.values():
                asked = self.sign(self.request("route"), secret)
                self.adapter(self.options, both).verify(asked, now_s=NOW_S)
            with pytest.raises(CredentialsError):
                self.adapter(self.options, {name: "the-new-secret"}).verify(
                    self.sign(self.request("route"), self.secret()), now_s=NOW_S
                )

    @pytest.mark.parametrize("secret", [None, "", " ", "\x00", "\x00\x00 \t"])
    def test_without_a_secret_everything_is_refused(self, secret: str | None) -> None:
        for name in self.adapter.secrets:
            known = {} if secret is None else {name: secret}
            with pytest.raises(CredentialsError):
                self.adapter(self.options, known).verify(
                    self.sign(self.request("route"), secret or ""), now_s=NOW_S
                )

    # Options -------------------------------------------------------------------------------------

    def test_the_options_used_here_can_be_saved(self) -> None:
        self.adapter.check_options(self.options)
        self.adapter.check_options({})

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(PayloadError, match="colour: expected"):
            self.adapter.check_options({"colour": "red"})

    def test_an_option_that_is_none_of_its_kind_is_refused(self) -> None:
        for name in self.adapter.options:
            for junk in JUNK_OPTIONS:
                if junk == [] and name == "withheld":
                    continue
                if name == "replies" and isinstance(junk, dict):
                    continue  # its own tests say what a template may be
                with pytest.raises(PayloadError, match=name):
                    self.adapter.check_options({name: junk})

    def test_options_that_no_longer_fit_don_t_break_an_answer(self) -> None:
        for junk in (*JUNK_OPTIONS, {}, "", '"><a>', {"reply": None}, {"queue:21": []}):
            pbx = self.adapter(dict.fromkeys(self.adapter.options, junk), self.secrets)
            for asked in self.asks():
                for told in self.told():
                    self.answer(pbx, asked, told)

    def test_it_asks_what_can_be_asked_and_is_named_like_its_file(self) -> None:
        assert set(self.adapter.asks) <= set(ASKS)
        assert self.adapter.__module__ == f"centralino.adapters.pbx.{self.slug()}"
        assert set(self.secrets) == set(self.adapter.secrets)
