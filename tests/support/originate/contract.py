"""The one test that every PBX that places calls passes: `class TestSlug(OriginateContract)` in
`tests/unit/originate/test_<slug>.py`.

A subclass names its provider, its fake PBX (`FakePbx`), the settings and secrets that the fake
expects, and what its product says when it refuses a call. What is special to a product (signatures,
tables of error codes, digests) are further tests in the same file.
"""

from __future__ import annotations

import importlib
import json
import threading
import time
import traceback
from abc import ABC, abstractmethod
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar, TypeVar
from urllib.parse import quote

import pytest

from centralino.adapters.tokens import MemoryTokens
from centralino.adapters.web import HttpWeb, Reach
from centralino.domain.errors import PayloadError
from centralino.domain.originate import FAILURES, FailedCallError, Order, Placed
from centralino.ports.originate import Means, Originator, PbxLink
from tests.support.crm import Fault, LoopbackWeb, Reply, drip, hang, reply, truncated
from tests.support.faulty_http import stopped, unreachable
from tests.support.originate import FakePbx, FlakyWeb, Rung

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from centralino.ports.web import Web

_Test = TypeVar("_Test", bound="Callable[..., object]")
NUMBER = "+390244556677"
DIAL = "00244556677"
CALLER_ID = "+390299887766"
NAME = "Zazzera Impianti"
ORDER = Order(
    "0123456789abcdefABCDEF",
    "21",
    NUMBER,
    DIAL,
    caller_id=CALLER_ID,
    name=NAME,
    auto_answer=True,
    timeout_s=25,
)
PLAIN = Order("abcdefABCDEF0123456789", "22", NUMBER, DIAL)
# Long enough for anything on a busy machine; nothing here is about how quick it is.
PLENTY_S = 30.0
SHORT_S = 0.5
LATER_S = 60.0  # a token that is refused sooner than this after its renewal is not renewed again
# What no PBX ever sends, as the body of an answer with a good status.
GARBAGE = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"[null]",
    b"\xff\xfe\x00",
    b'{"a":',
    b"[" * 100_000,
    b"9" * 5000,
    b"<html><body><h1>It works!</h1></body></html>",
    b"<html>OK</html>",
)
# What an Order can't hold as the guard makes it; no provider may be talked into spelling it.
HOSTILE_EXTENS = (
    "",
    "21@evil",
    "21&PJSIP/22",
    "21,22",
    "21/n",
    "21 ",
    "21\r\nX: 1",
    "../21",
    "21}user/22",
    "${EXTEN}",
    "2\u0661",
    "1" * 100,
)
HOSTILE_DIALS = (
    "",
    "+",
    "0244556677&Local/1",
    "0244556677@evil",
    "0244556677 XML default",
    "0244556677',x='",
    "+39+02",
    "0244556677\r\nX: 1",
    "0244556677;ext=1",
    "\uff10\uff12",
    "sip:a@example.com",
    "1" * 100,
)
HOSTILE_NAMES = (
    "a\" <99> 'b' ${SHELL(rm)} {x} [y]",
    "a'); &bridge(user/22) ;--",
    "a,origination_uuid=1,b='",
    "a\r\nX-Header: 1\r\n\r\n<html>",
    "a\\'\\\"</Say><Dial>1</Dial>]]>&amp;",
    "\u041f\u0435\u0442\u0440 \U0001f600 \u05d0\u0627 \u0000\u202e\ud800",
    "x" * 10_000,
)
BAD_BASES = (
    "ftp://pbx.example.com",
    "pbx.example.com",
    "https://user:word@pbx.example.com",
    "https://pbx.example.com/?a=b",
    "https://pbx.example.com/#x",
    "https://pbx.example.com/a b",
    "https://pbx.example.com\r\nX: 1",
    "https://",
)
# Where no request ever goes, whoever's address it is said to be; the last two are private.
FORBIDDEN = ("169.254.169.254", "0.0.0.0", "224.0.0.1", "fd00:ec2::254")  # noqa: S104 - never bound
PRIVATE = ("127.0.0.1", "10.0.0.5", "192.168.1.5", "100.64.0.1", "::1", "fd12::1")


def only(about: Callable[[type[OriginateContract]], object]) -> Callable[[_Test], _Test]:
    """Leave a test out for PBXs that it can't be about; `tests/unit/originate/conftest.py` does it.

    Not a skip: where nothing may skip it would fail, and it is nothing that somebody could mend.
    """

    def mark(test: _Test) -> _Test:
        test.about = about  # type: ignore[attr-defined]
        return test

    return mark


def _has_tokens(case: type[OriginateContract]) -> bool:
    return case.has_tokens


def _judges(case: type[OriginateContract]) -> bool:
    return case.judges_body


def _dedupes(case: type[OriginateContract]) -> bool:
    return case.originator.dedupes


def _dedupes_not(case: type[OriginateContract]) -> bool:
    return not case.originator.dedupes


class OriginateContract(ABC):
    """What every PBX that places calls has to stand.

    Attributes:
        originator: the provider.
        account: settings that are no secret, beside `base_url`.
        secrets: what the fake expects, by name.
        wrong: one of the secrets, with which the PBX lets nobody in if it is another.
        carries: what of an order the PBX can be told beside `exten` and `dial`: names of `Rung`'s
            fields. What it can't be told is as if it had not been ordered.
        refusals: a name for it -> what the PBX says to a request that would make a phone ring, and
            the word of `FAILURES` that this is.
        bad_settings: setting (`account.context`) -> values that `check` refuses, and that never
            reach the PBX.
        has_tokens: whether it is asked with an access token that ends.
        judges_body: whether a good status alone is not enough.
        gives_id: whether it says what it calls the call.
        later_s: how far the tokens' clock is ahead of ours.
    """

    originator: ClassVar[type[Originator]]
    account: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[Mapping[str, str]] = {}
    wrong: ClassVar[str] = "password"
    carries: ClassVar[frozenset[str]] = frozenset()
    refusals: ClassVar[Mapping[str, tuple[Reply, str]]] = {}
    bad_settings: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    has_tokens: ClassVar[bool] = False
    judges_body: ClassVar[bool] = True
    gives_id: ClassVar[bool] = True
    tells: ClassVar[bool] = False
    later_s: float = 0.0

    # Hooks ---------------------------------------------------------------------------------------

    @abstractmethod
    def server(self) -> FakePbx:
        """Return a fake PBX, not yet started, that expects `self.secrets`."""

    def shown(self, name: str) -> str:
        """Return how a name that is ordered is shown; a PBX may not take every letter."""
        return name

    def expected(self, order: Order) -> Rung:
        """Return what rings for an order: what the PBX can't be told is as if it weren't there."""
        full = Rung(
            order.exten,
            order.dial,
            order.call_id,
            order.caller_id,
            self.shown(order.name),
            order.auto_answer,
            order.timeout_s,
        )
        told = {"exten", "dial", *self.carries}
        return Rung(**{name: value for name, value in full._asdict().items() if name in told})

    # What the tests below share ------------------------------------------------------------------

    def link(self, base_url: str, /, **other: str) -> PbxLink:
        """Return a tenant's way to a PBX; `other` settings and secrets in place of the good ones.

        A name is a setting's if `self.account` has it, or `base_url`; else a secret's. An empty
        text takes it away.
        """
        account = {**self.account, "base_url": base_url, "allow_private": "true"}
        secrets = dict(self.secrets)
        for name, value in other.items():
            place = secrets if name in secrets else account
            place[name] = value
        return PbxLink(
            "acme",
            self.originator.slug,
            {name: value for name, value in account.items() if value},
            {name: value for name, value in secrets.items() if value},
        )

    def build(self, fake: FakePbx, web: Web | None = None, /, **other: str) -> Originator:
        """Build the provider as `bootstrap.originator` does, with a token cache of its own."""
        tokens = MemoryTokens(now=self.now) if self.has_tokens else None
        means = Means(web or LoopbackWeb(PLENTY_S), tokens)
        return self.originator(self.link(fake.url, **other), means)

    def now(self) -> float:
        """Return the time for tokens, seconds since 1970."""
        return time.time() + self.later_s

    @pytest.fixture
    def fake(self) -> Iterator[FakePbx]:
        with self.server() as server:
            yield server

    @pytest.fixture
    def pbx(self, fake: FakePbx) -> Originator:
        return self.build(fake)

    @pytest.fixture(autouse=True)
    def _nothing_secret_is_logged(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        caplog.set_level(0)
        yield
        self.says_nothing(caplog.text)

    def says_nothing(self, text: str) -> None:
        """Assert that a text holds none of the secrets, however they are spelled, and no number."""
        for secret in self.secrets.values():
            for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
                assert spelling not in text
        for marker in (NUMBER[1:], DIAL, NAME):
            assert marker not in text

    def fails(self, pbx: Originator, order: Order = PLAIN, timeout_s: float = PLENTY_S) -> str:
        """Place a call that fails; return the word for it, having looked at what else it says."""
        with pytest.raises(FailedCallError) as failed:
            pbx.originate(order, timeout_s=timeout_s)
        self.is_silent(failed.value)
        return failed.value.reason

    def is_unknown(self, pbx: Originator, timeout_s: float = PLENTY_S) -> None:
        """Place a call that is taken and not answered; nobody knows, unless the PBX tells."""
        if self.tells:
            assert pbx.originate(PLAIN, timeout_s=timeout_s).provider_id == PLAIN.call_id
        else:
            assert self.fails(pbx, timeout_s=timeout_s) == "unknown"

    def is_silent(self, error: FailedCallError) -> None:
        """Assert that an error, and what it says of the PBX's words, holds no secret."""
        assert error.reason in FAILURES
        assert len(error.detail) <= 200
        assert error.detail.isprintable()
        self.says_nothing(error.detail + "".join(traceback.format_exception(error)))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "refusal" in metafunc.fixturenames:
            metafunc.parametrize("refusal", sorted(self.refusals))
        if "bad_setting" in metafunc.fixturenames:
            pairs = [
                (name, value) for name in self.bad_settings for value in self.bad_settings[name]
            ]
            pairs += [("account.base_url", value) for value in BAD_BASES]
            metafunc.parametrize(
                "bad_setting", pairs, ids=lambda pair: f"{pair[0]} {pair[1]!a}"[:60]
            )
        if "missing" in metafunc.fixturenames:
            needed = [name for name in self.originator.needs if not name.endswith("?")]
            metafunc.parametrize("missing", needed)

    # What it is ----------------------------------------------------------------------------------

    def test_a_provider_is_found_by_its_slug_and_says_what_it_needs(self) -> None:
        module = importlib.import_module(f"centralino.adapters.pbx.{self.originator.slug}")
        assert module.Originate is self.originator
        assert self.originator.needs
        for name, what in self.originator.needs.items():
            assert name.split(".")[0] in {"account", "secrets"}
            assert what
        assert self.originator.setup
        assert "https://" in f"{module.__doc__}{self.originator.__doc__}"
        known = {name.partition(".")[2].rstrip("?") for name in self.originator.needs}
        assert {*self.account, *self.secrets} <= known

    # A call --------------------------------------------------------------------------------------

    def test_a_call_rings_the_agent_and_then_the_number(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        placed = pbx.originate(ORDER, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(ORDER)]
        assert placed.state in {"placed", "ringing"}
        assert bool(placed.provider_id) is self.gives_id
        assert placed.provider_id.isprintable()
        assert len(placed.provider_id) <= 200

    def test_a_call_without_anything_special_rings_as_well(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(PLAIN)]

    @pytest.mark.parametrize("dial", ["+390244556677", "00390244556677", "190", "3"])
    def test_a_number_is_dialled_as_it_was_ordered(
        self, pbx: Originator, fake: FakePbx, dial: str
    ) -> None:
        order = PLAIN._replace(dial=dial)

        pbx.originate(order, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(order)]

    def test_two_calls_are_two_calls(self, pbx: Originator, fake: FakePbx) -> None:
        pbx.originate(ORDER, timeout_s=PLENTY_S)
        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(ORDER), self.expected(PLAIN)]

    def test_a_hundred_calls_at_once_ring_a_hundred_phones_once(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        orders = [
            PLAIN._replace(call_id=f"{place:022d}", exten=str(100 + place)) for place in range(100)
        ]
        start = threading.Barrier(20)

        def place(order: Order) -> Placed:
            if int(order.exten) < 120:
                start.wait(PLENTY_S)
            return pbx.originate(order, timeout_s=4 * PLENTY_S)

        with ThreadPoolExecutor(20) as threads:
            placed = list(threads.map(place, orders))

        assert sorted(fake.rung) == sorted(map(self.expected, orders))
        assert len(placed) == 100
        assert fake.logins <= 1

    # Refusals ------------------------------------------------------------------------------------

    def test_every_refusal_of_the_pbx_is_told_in_our_words(
        self, pbx: Originator, fake: FakePbx, refusal: str
    ) -> None:
        fake.saying, reason = self.refusals[refusal]

        assert self.fails(pbx) == reason

    def test_a_phone_that_the_pbx_does_not_have_is_not_placed(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        order = PLAIN._replace(exten="9999")

        reason = self.fails(pbx, order)

        assert reason in {"unknown_exten", "refused"}
        assert fake.rung == []

    def test_wrong_credentials_are_credentials_and_nothing_rings(self, fake: FakePbx) -> None:
        pbx = self.build(fake, **{self.wrong: "another-secret-of-somebody-else"})

        assert self.fails(pbx) == "credentials"
        assert fake.rung == []

    def test_a_pbx_that_repeats_what_it_is_sent_tells_no_secret(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        fake.echoes = True
        user, word = "user", next(iter(self.secrets.values()), "")

        with pytest.raises(FailedCallError) as failed:
            pbx.originate(ORDER, timeout_s=PLENTY_S)

        self.is_silent(failed.value)
        for text in (f"{user}:{word}", *self.secrets.values()):
            assert b64encode(text.encode()).decode().rstrip("=")[:-1] not in failed.value.detail

    @pytest.mark.parametrize("before", range(120, 210, 9))
    def test_no_part_of_a_secret_is_left_where_the_pbx_s_words_are_cut(
        self, pbx: Originator, fake: FakePbx, before: int
    ) -> None:
        for secret in self.secrets.values():
            said = "ab " * (before // 3) + "x" * (before % 3) + secret
            fake.saying = reply({"message": said, "error": said, "errors": [said]}, 400)
            with pytest.raises(FailedCallError) as failed:
                pbx.originate(PLAIN, timeout_s=PLENTY_S)
            assert not any(
                secret[start : start + 5] in failed.value.detail for start in range(len(secret) - 4)
            )

    def test_each_request_has_a_connection_of_its_own(self, pbx: Originator, fake: FakePbx) -> None:
        pbx.check(timeout_s=PLENTY_S)
        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert {request.headers["connection"] for request in fake.requests} == {"close"}

    # Faults --------------------------------------------------------------------------------------

    @only(_judges)
    @pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:20]))
    def test_garbage_is_no_placed_call(self, pbx: Originator, fake: FakePbx, body: bytes) -> None:
        fake.saying = Reply(200, body)

        assert self.fails(pbx) in {"unknown", "refused"}
        assert len(fake.dials) == 1

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_a_gateway_s_page_is_not_told_as_a_call_that_was_not_taken(
        self, pbx: Originator, fake: FakePbx, status: int
    ) -> None:
        fake.saying = Reply(status, b"<html>sorry</html>", "text/html")

        assert self.fails(pbx) in {"unknown", "refused"}
        assert len(fake.dials) == 1

    def test_a_redirect_is_not_followed(self, pbx: Originator, fake: FakePbx) -> None:
        with self.server() as other:
            location = {"Location": f"{other.url}/elsewhere"}
            fake.saying = Reply(307, b"", headers=location)

            assert self.fails(pbx) == "refused"
            assert other.requests == []
        assert len(fake.dials) == 1

    def test_nobody_listening_is_unreachable(self) -> None:
        with stopped() as url:
            pbx = self.originator(self.link(url), Means(LoopbackWeb(PLENTY_S), MemoryTokens()))

            assert self.fails(pbx) == "unreachable"

    def test_no_way_through_is_unreachable(self) -> None:
        with unreachable() as url:
            pbx = self.originator(self.link(url), Means(LoopbackWeb(SHORT_S), MemoryTokens()))

            assert self.fails(pbx, timeout_s=SHORT_S) == "unreachable"

    def test_without_any_time_left_nothing_is_sent(self, pbx: Originator, fake: FakePbx) -> None:
        assert self.fails(pbx, timeout_s=0) == "unreachable"
        assert fake.requests == []

    def test_a_connection_that_is_refused_once_is_tried_once_more(self, fake: FakePbx) -> None:
        web = FlakyWeb("refused")

        self.build(fake, web).originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(PLAIN)]

    def test_a_connection_that_is_refused_again_and_again_is_tried_twice(
        self, fake: FakePbx
    ) -> None:
        web = FlakyWeb(*["refused"] * 9)

        assert self.fails(self.build(fake, web)) == "unreachable"
        assert web.attempts == 2

    def test_an_address_that_is_forbidden_is_tried_once(self, fake: FakePbx) -> None:
        web = FlakyWeb("forbidden", "forbidden")

        assert self.fails(self.build(fake, web)) == "unreachable"
        assert web.attempts == 1

    @only(_dedupes_not)
    @pytest.mark.parametrize(
        "fault", [hang(), Fault(drops=True), drip(3.0)], ids=["hangs", "drops", "drips"]
    )
    def test_what_was_taken_and_not_answered_rings_once_and_nobody_knows(
        self, pbx: Originator, fake: FakePbx, fault: Fault
    ) -> None:
        pbx.check(timeout_s=PLENTY_S)  # whatever it has to know is known: only the call is slow
        fake.dial_fault = fault

        self.is_unknown(pbx, timeout_s=2.0)
        assert fake.rung == [self.expected(PLAIN)]

    @only(lambda case: case.judges_body and not case.originator.dedupes)
    def test_half_an_answer_is_none(self, pbx: Originator, fake: FakePbx) -> None:
        fake.dial_fault = truncated()

        self.is_unknown(pbx)
        assert fake.rung == [self.expected(PLAIN)]

    @only(_dedupes)
    @pytest.mark.parametrize("fault", [Fault(drops=True), truncated()], ids=["drops", "breaks off"])
    def test_what_was_taken_and_not_answered_is_asked_again_and_rings_once(
        self, pbx: Originator, fake: FakePbx, fault: Fault
    ) -> None:
        fake.dial_faults = [fault]

        placed = pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert placed.provider_id
        assert fake.rung == [self.expected(PLAIN)]
        assert len(fake.dials) == 2

    @only(_dedupes)
    def test_what_is_never_answered_rings_once(self, pbx: Originator, fake: FakePbx) -> None:
        fake.dial_fault = Fault(drops=True)

        self.is_unknown(pbx)
        assert fake.rung == [self.expected(PLAIN)]

    @only(_dedupes)
    def test_what_hangs_until_the_time_is_over_rings_once_and_nobody_knows(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        fake.dial_fault = hang()

        assert self.fails(pbx, timeout_s=2.0) == "unknown"
        assert fake.rung == [self.expected(PLAIN)]

    @only(_dedupes)
    def test_the_same_order_twice_is_one_call(self, fake: FakePbx) -> None:
        first = self.build(fake).originate(ORDER, timeout_s=PLENTY_S)
        again = self.build(fake).originate(ORDER, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(ORDER)]
        assert again.provider_id == first.provider_id

    def test_what_was_sent_and_lost_is_never_called_unreachable(self, fake: FakePbx) -> None:
        # Digits alone: a `+` is spelled in many ways.
        web = FlakyWeb("lost", *["refused"] * 9, about=self.expected(PLAIN).dial.lstrip("+"))

        self.is_unknown(self.build(fake, web))
        assert fake.rung == [self.expected(PLAIN)]

    def test_a_pbx_that_is_slow_is_waited_for_no_longer_than_there_is_time(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        fake.fault = fake.dial_fault = hang()
        began = time.monotonic()

        self.fails(pbx, timeout_s=SHORT_S)

        assert time.monotonic() - began < PLENTY_S

    # Tokens --------------------------------------------------------------------------------------

    @only(_has_tokens)
    def test_calls_share_one_token(self, pbx: Originator, fake: FakePbx) -> None:
        pbx.originate(ORDER, timeout_s=PLENTY_S)
        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.logins == 1

    @only(_has_tokens)
    def test_a_token_that_ends_mid_flight_is_renewed_and_the_phone_rings_once(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        pbx.originate(ORDER, timeout_s=PLENTY_S)
        fake.rung.clear()
        fake.expire()
        self.later_s = LATER_S

        pbx.originate(PLAIN, timeout_s=PLENTY_S)

        assert fake.rung == [self.expected(PLAIN)]
        assert fake.logins == 2

    @only(_has_tokens)
    def test_a_login_that_hangs_is_unreachable_as_nothing_can_ring(self, fake: FakePbx) -> None:
        fake.fault = hang()

        assert self.fails(self.build(fake), timeout_s=SHORT_S) == "unreachable"
        assert fake.dials == []

    # Hostile values ------------------------------------------------------------------------------

    @pytest.mark.parametrize("exten", HOSTILE_EXTENS)
    def test_an_exten_that_is_more_than_digits_never_leaves(
        self, pbx: Originator, fake: FakePbx, exten: str
    ) -> None:
        assert self.fails(pbx, PLAIN._replace(exten=exten)) == "refused"
        assert fake.requests == []

    @pytest.mark.parametrize("dial", HOSTILE_DIALS)
    def test_a_number_that_is_more_than_digits_never_leaves(
        self, pbx: Originator, fake: FakePbx, dial: str
    ) -> None:
        assert self.fails(pbx, PLAIN._replace(dial=dial)) == "refused"
        assert fake.requests == []

    @pytest.mark.parametrize("place", ["call_id", "caller_id", "number"])
    def test_an_id_or_number_with_anything_else_in_it_never_leaves(
        self, pbx: Originator, fake: FakePbx, place: str
    ) -> None:
        assert self.fails(pbx, Order(**{**PLAIN._asdict(), place: "+39'},x=\r\n1"})) == "refused"
        assert fake.requests == []

    @pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: repr(name[:20]))
    def test_a_name_never_becomes_anything_else(
        self, pbx: Originator, fake: FakePbx, name: str
    ) -> None:
        order = ORDER._replace(name=name)

        pbx.originate(order, timeout_s=PLENTY_S)

        [rung] = fake.rung
        assert rung._replace(name="") == self.expected(order)._replace(name="")
        assert len(rung.name) <= 200
        assert not set(rung.name) & set("\r\n\x00")

    # Settings ------------------------------------------------------------------------------------

    def test_a_check_rings_nowhere_and_says_who_we_are(
        self, pbx: Originator, fake: FakePbx
    ) -> None:
        said = pbx.check(timeout_s=PLENTY_S)

        assert said
        assert said.isprintable()
        self.says_nothing(said)
        assert fake.rung == []
        assert fake.dials == []

    def test_a_check_names_the_setting_that_is_missing(self, fake: FakePbx, missing: str) -> None:
        name = missing.partition(".")[2]
        with pytest.raises(PayloadError) as refused:
            self.build(fake, **{name: ""}).check(timeout_s=PLENTY_S)

        assert refused.value.field == missing

    def test_a_bad_setting_is_refused_and_nothing_is_sent(
        self, fake: FakePbx, bad_setting: tuple[str, str]
    ) -> None:
        field, value = bad_setting
        pbx = self.build(fake, **{field.partition(".")[2]: value})

        with pytest.raises(PayloadError) as refused:
            pbx.check(timeout_s=PLENTY_S)
        reason = self.fails(pbx)

        assert refused.value.field == field
        assert reason in {"refused", "unreachable"}
        assert fake.rung == []
        assert fake.dials == []

    def test_a_check_with_wrong_credentials_says_so(self, fake: FakePbx) -> None:
        pbx = self.build(fake, **{self.wrong: "another-secret-of-somebody-else"})

        with pytest.raises(FailedCallError) as failed:
            pbx.check(timeout_s=PLENTY_S)

        assert failed.value.reason == "credentials"
        self.is_silent(failed.value)

    def test_a_check_of_a_pbx_that_is_down_says_so(self) -> None:
        with stopped() as url:
            pbx = self.originator(self.link(url), Means(LoopbackWeb(PLENTY_S), MemoryTokens()))
            with pytest.raises(FailedCallError) as failed:
                pbx.check(timeout_s=PLENTY_S)

        assert failed.value.reason == "unreachable"

    # Where requests may go -----------------------------------------------------------------------

    @pytest.mark.parametrize("address", PRIVATE)
    def test_a_name_of_a_private_address_is_not_reached_unless_it_was_allowed(
        self, address: str
    ) -> None:
        self.is_not_reached(address, Reach())

    @pytest.mark.parametrize("address", FORBIDDEN)
    def test_metadata_services_and_addresses_of_no_host_are_never_reached(
        self, address: str
    ) -> None:
        self.is_not_reached(address, Reach(private=True))

    def is_not_reached(self, address: str, reach: Reach) -> None:
        web = HttpWeb(reach, resolve=lambda _host, _port: [address])
        url = "https://pbx.example.com:8089"
        pbx = self.originator(self.link(url), Means(web, MemoryTokens()))
        with pytest.raises(FailedCallError) as failed:
            pbx.originate(PLAIN, timeout_s=PLENTY_S)
        assert (failed.value.reason, failed.value.detail) == ("unreachable", "forbidden_address")
