"""The one test that every CRM provider passes: `class TestSlug(CrmContract)` in
`tests/unit/crm/test_<slug>.py`.

A subclass names its adapter, its fake CRM and its secrets, and signs a body as the product does
(`sign`). The class attributes below say what the product can't do; that is all a subclass may
turn off. What is special to a product (its signature vectors, its search's quirks) are further
tests in the same file.

Recorded deliveries are the raw bodies in `tests/data/crm/<slug>/`, byte for byte, each with an
entry in `deliveries.json` there: its `file`, the `event` of its URL, `from` (where it was seen),
and the `hints` that it is to give, each with `record`, `operation` and, unless 0,
`occurred_at_ms`.
"""

from __future__ import annotations

import json
import traceback
from abc import ABC, abstractmethod
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import pytest

from centralino.application.apply_hints import apply_hints
from centralino.application.index_contact import index_contact
from centralino.domain.contact import ID_PATTERN, NUMBER_KINDS
from centralino.domain.errors import (
    CredentialsError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.number import index_number, read_cli, variants
from centralino.domain.settings import Line, Settings
from centralino.ports.crm import Connection, Delivery, Parsed
from tests.support.crm import (
    FakeCrm,
    Fault,
    LoopbackWeb,
    Person,
    Reply,
    answering,
    drip,
    failing,
    hang,
    throttled,
    truncated,
)
from tests.support.memory_store import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from centralino.domain.contact import Contact
    from centralino.ports.crm import Crm, Hint

_Test = TypeVar("_Test", bound="Callable[..., object]")
DATA = Path(__file__).parents[2] / "data" / "crm"
NOW_S = 1_795_255_200.0  # 2026-11-21T10:00:00Z
NOW_MS = int(NOW_S * 1000)
URL = "https://api.example.com/v1/crm"
NUMBER = "+390244556677"
# What must never be in the text of an error, a problem or a log line.
MARKERS = (NUMBER, "0244556677", "+39 02 4455 6677", "Zazzera", "zazzera@example.com")
# What no header of a signature or a time ever holds.
JUNK_HEADERS = (
    "",
    " ",
    "=",
    ":",
    ",",
    "v1,",
    "AAAA",
    "!!!!",
    "null",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "9" * 400,
    "9" * 5000,
    "\u0661\u0662\u0663",  # digits, though not ASCII's
    "firm\u00e0",
    "\u7b7e\u540d",
    "\udcff\udcfe",  # bytes that were no UTF-8
    "\x00",
    "A" * 100_000,
)
# What a value in a body may be though the contract has another there.
JUNK_VALUES: tuple[object, ...] = (
    None,
    True,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "#",
    "\x00",
    "\ud800",
    "Zazzera <zazzera@example.com> +390244556677",
    "x" * 10_000,
    [],
    {},
    [[]],
    [None],
    {"Zazzera": NUMBER},
)
JUNK_JSON = (
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'"+390244556677"',
    b"[]",
    b"{}",
    b"[null]",
    b"[[]]",
    b"[{}]",
    b'{"a":',
    b'{"Zazzera":"+390244556677"',
    b"\xff\xfe\x00",
    b"\x00" * 100,
    b"NaN",
    b"1e999",
    b"9" * 5000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"<html>Zazzera</html>",
)
_DOCTYPE = b'<?xml version="1.0"?><!DOCTYPE a ['
JUNK_XML = (
    b"<",
    b"<a>",
    b"<a/>",
    b"<a></b>",
    b"<a>" * 100_000,
    _DOCTYPE + b'<!ENTITY x "Zazzera">]><a>&x;</a>',
    # A billion laughs.
    _DOCTYPE
    + b'<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n + 1, b"&a%d;" % n * 10) for n in range(9))
    + b"]><a>&a9;</a>",
    # One long text, quoted again and again.
    _DOCTYPE + b'<!ENTITY a "' + b"a" * 50_000 + b'">]><a>' + b"&a;" * 10_000 + b"</a>",
    _DOCTYPE + b'<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    b'<?xml version="1.0" encoding="utf-16"?><a/>',
    b'<?xml version="1.0" encoding="none-such"?><a/>',
)
MEGABYTES_10 = 10 * 1024 * 1024
HUGE = (
    b'"' + b"a" * MEGABYTES_10 + b'"',
    b"[" + b"0," * (MEGABYTES_10 // 2) + b"0]",
    b"<a>" + b"<b/>" * (MEGABYTES_10 // 4) + b"</a>",
    b"\x00" * MEGABYTES_10,
)


def only(about: Callable[[type[CrmContract]], object]) -> Callable[[_Test], _Test]:
    """Leave a test out for products that it can't be about; `tests/unit/crm/conftest.py` does it.

    Not a skip: where nothing may skip it would fail, and it is nothing that somebody could mend.
    """

    def mark(test: _Test) -> _Test:
        test.about = about  # type: ignore[attr-defined]
        return test

    return mark


def _sends_batches(case: type[CrmContract]) -> bool:
    return case.batch_with_a_bad_entry is not CrmContract.batch_with_a_bad_entry


def _makes_events(case: type[CrmContract]) -> bool:
    return case.event_of is not CrmContract.event_of


def _signs_time(case: type[CrmContract]) -> bool:
    return case.window_s is not None


def _reads(case: type[CrmContract]) -> bool:
    return case.adapter.reads


def _searches(case: type[CrmContract]) -> bool:
    return case.adapter.searches


def _required(case: type[CrmContract]) -> list[str]:
    return [name for name in case.adapter.needs if not name.endswith("?")]


class Recorded(NamedTuple):
    """A recorded delivery and what it is to give."""

    body: bytes
    event: str
    hints: tuple[tuple[str, str, int], ...]


class CrmContract(ABC):
    """What every CRM provider has to stand.

    Attributes:
        adapter: the provider.
        secret: a webhook's secret, of the form that the product's have.
        other_secret: another, that no connection here has.
        account: what `connection.account` holds beside `base_url`.
        secrets: what the API needs, by name.
        signature_headers: the headers without which a delivery is refused, in lower case; each is
            also tried with junk. Empty for a product that signs by something else: override
            `forgeries`.
        signs_body: whether a changed body shows. Not so for Odoo, Pipedrive and Salesforce.
        window_s: how far the time in a signature may be off; None if it has no time.
        spellings: of `NUMBER` (+39 02 4455 6677), those that the product's own search can find by.
        step_ms: the least difference of two modified times in the product: 1000 if it counts
            seconds.
    """

    adapter: ClassVar[type[Crm]]
    secret: ClassVar[str]
    other_secret: ClassVar[str]
    account: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[Mapping[str, object]] = {}
    signature_headers: ClassVar[tuple[str, ...]] = ()
    signs_body: ClassVar[bool] = True
    window_s: ClassVar[float | None] = None
    spellings: ClassVar[tuple[str, ...]] = (NUMBER,)
    step_ms: ClassVar[int] = 1

    # Hooks ---------------------------------------------------------------------------------------

    @abstractmethod
    def sign(self, body: bytes, secret: str, *, at_s: float = NOW_S, event: str = "") -> Delivery:
        """Return an authentic delivery of a body, as the product would send it.

        Args:
            body: the raw bytes.
            secret: `self.secret`, or another.
            at_s: the product's time; `received_at` is `NOW_S` whatever it is.
            event: the last part of the URL's path, for products that have one URL per event.
        """

    @abstractmethod
    def server(self) -> FakeCrm:
        """Return a fake CRM, not yet started, that expects `self.secrets`."""

    def batch_with_a_bad_entry(self) -> tuple[bytes, tuple[str, ...]] | None:
        """Return a body with good entries around a bad one, and the good ones' records, in order.

        None for a product that sends one event at a time.
        """
        return None

    def forgeries(self, delivery: Delivery) -> Iterator[tuple[str, Delivery]]:
        """Give everything that counts as forged, each with a word for it.

        Overridden for a product that signs by its URL, or by headers that mean other things too.
        """
        for header in self.signature_headers:
            others = {k: v for k, v in delivery.headers.items() if k != header}
            yield f"no {header}", delivery._replace(headers=others)
            for junk in JUNK_HEADERS:
                forged = delivery._replace(headers={**others, header: junk})
                yield f"{header}: {junk[:20]!a}", forged
        yield (
            "signed with another secret",
            self.sign(delivery.body, self.other_secret, event=delivery.event),
        )

    def event_of(self, kind: str, person: Person, at_ms: int) -> tuple[bytes, str] | None:  # noqa: ARG002
        """Return the body of an event and the `event` of its URL; None if there is no such event.

        Args:
            kind: `created`, `changed` or `deleted`.
            person: as it is after the event, or was before its deletion.
            at_ms: when it happened, milliseconds since 1970.
        """
        return None

    # What the tests below share ------------------------------------------------------------------

    @classmethod
    def slug(cls) -> str:
        return cls.adapter.slug

    def connection(
        self, *webhook_secrets: object, base_url: str = "", without: str = ""
    ) -> Connection:
        """Return a connection; `without` one setting (`account.base_url`, `secrets.token`)."""
        account = {**self.account, "base_url": base_url}
        secrets = {**self.secrets, "webhook_secrets": list(webhook_secrets)}
        return Connection(
            self.slug(),
            {name: text for name, text in account.items() if f"account.{name}" != without},
            {name: text for name, text in secrets.items() if f"secrets.{name}" != without},
        )

    def inbound(self, *webhook_secrets: object) -> Crm:
        return self.adapter(self.connection(*(webhook_secrets or (self.secret,))))

    @pytest.fixture
    def crm(self) -> Crm:
        """The provider as the receiver builds it."""
        return self.inbound()

    @pytest.fixture
    def fake(self) -> Iterator[FakeCrm]:
        with self.server() as server:
            yield server

    @pytest.fixture
    def web(self) -> LoopbackWeb:
        return LoopbackWeb()

    @pytest.fixture
    def asking(self, fake: FakeCrm, web: LoopbackWeb) -> Crm:
        """The provider as the worker builds it, connected to the fake CRM."""
        return self.adapter(self.connection(self.secret, base_url=fake.url), web)

    @pytest.fixture(autouse=True)
    def _nothing_personal_is_logged(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        caplog.set_level(0)
        yield
        self.says_nothing(caplog.text)

    def says_nothing(self, text: str) -> None:
        """Assert that a text holds nothing that only the tenant may see."""
        tokens = (str(secret) for secret in self.secrets.values())
        for marker in (*MARKERS, self.secret, self.other_secret, *tokens):
            assert marker not in text

    def is_silent(self, error: BaseException) -> None:
        """Assert the same of an error, and of those behind it."""
        self.says_nothing("".join(traceback.format_exception(error)))

    def recorded(self, name: str) -> Recorded:
        """Return a recorded delivery by its file's name."""
        [entry] = [entry for entry in index(self.slug()) if entry["file"] == name]
        hints = tuple(
            (hint["record"], hint["operation"], hint.get("occurred_at_ms", 0))
            for hint in entry["hints"]
        )
        body = (DATA / self.slug() / name).read_bytes()
        return Recorded(body, entry.get("event", ""), hints)

    def any_delivery(self) -> Delivery:
        """Return the first recorded delivery, signed."""
        first = self.recorded(index(self.slug())[0]["file"])
        return self.sign(first.body, self.secret, event=first.event)

    def parse_anything(self, crm: Crm, delivery: Delivery) -> tuple[Hint, ...]:
        """Parse what may be junk: hints that can be worked with, or an error that says nothing."""
        try:
            parsed = crm.parse(delivery)
        except PayloadError as error:
            self.is_silent(error)
            return ()
        self.makes_sense(parsed)
        return parsed.hints

    def makes_sense(self, parsed: Parsed) -> None:
        """Assert that hints can be worked with."""
        self.says_nothing(" ".join(parsed.problems))
        for hint in parsed.hints:
            assert ID_PATTERN.fullmatch(f"{self.slug()}:{hint.record}")
            assert hint.operation in {"changed", "restored", "deleted", "erased"}
            assert 0 <= hint.occurred_at_ms < 2**53
            assert isinstance(hint.delivery, str)
            assert len(hint.delivery) <= 1000

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "recording" in metafunc.fixturenames:
            metafunc.parametrize("recording", [entry["file"] for entry in index(self.slug())])
        if "json_recording" in metafunc.fixturenames:
            files = [entry["file"] for entry in index(self.slug())]
            json_files = [name for name in files if name.endswith(".json")]
            metafunc.parametrize("json_recording", json_files)

    # Inbound -------------------------------------------------------------------------------------

    def test_a_recorded_delivery_gives_its_hints(self, crm: Crm, recording: str) -> None:
        recorded = self.recorded(recording)
        delivery = self.sign(recorded.body, self.secret, event=recorded.event)
        crm.verify(delivery)
        assert 200 <= crm.acknowledge(delivery).status < 300
        parsed = crm.parse(delivery)
        self.makes_sense(parsed)
        found = tuple((hint.record, hint.operation, hint.occurred_at_ms) for hint in parsed.hints)
        assert found == recorded.hints

    def test_every_recorded_delivery_says_where_it_was_seen(self) -> None:
        entries = index(self.slug())
        files = {path.name for path in (DATA / self.slug()).iterdir()} - {"deliveries.json"}
        assert {entry["file"] for entry in entries} == files
        assert all(len(entry["from"]) > 10 for entry in entries)

    def test_a_forged_delivery_is_refused(self, crm: Crm) -> None:
        delivery = self.any_delivery()
        crm.verify(delivery)
        tried = 0
        for name, forged in self.forgeries(delivery):
            tried += 1
            try:
                crm.verify(forged)
            except CredentialsError as error:
                self.is_silent(error)
            else:
                pytest.fail(f"taken for true: {name}")
        assert tried > 1

    @only(lambda case: case.signature_headers)
    def test_a_delivery_without_any_header_is_refused(self, crm: Crm) -> None:
        with pytest.raises(CredentialsError):
            crm.verify(self.any_delivery()._replace(headers={}))

    @only(_signs_time)
    @pytest.mark.parametrize("offset_s", [-1e12, -1.0, 1.0, 1e12])
    def test_a_stale_or_future_delivery_is_refused(self, crm: Crm, offset_s: float) -> None:
        assert self.window_s is not None
        body = self.any_delivery().body
        off_s = self.window_s + abs(offset_s)
        at_s = NOW_S + off_s if offset_s > 0 else max(0.0, NOW_S - off_s)
        with pytest.raises(CredentialsError):
            crm.verify(self.sign(body, self.secret, at_s=at_s))

    @only(_signs_time)
    @pytest.mark.parametrize("side", [-1, 1])
    def test_a_clock_may_be_a_little_off(self, crm: Crm, side: int) -> None:
        assert self.window_s is not None
        at_s = NOW_S + side * (self.window_s - 1)
        crm.verify(self.sign(self.any_delivery().body, self.secret, at_s=at_s))

    def test_while_a_secret_is_replaced_the_old_and_the_new_one_are_good(self) -> None:
        body, event = self.any_delivery().body, self.any_delivery().event
        both = self.inbound(self.secret, self.other_secret)
        both.verify(self.sign(body, self.secret, event=event))
        both.verify(self.sign(body, self.other_secret, event=event))
        with pytest.raises(CredentialsError):
            self.inbound(self.other_secret).verify(self.sign(body, self.secret, event=event))

    @pytest.mark.parametrize("configured", [[], [""], [None], ["", None]])
    def test_without_a_secret_everything_is_refused(self, configured: list[object]) -> None:
        crm = self.adapter(self.connection(*configured))
        delivery = self.any_delivery()
        for attempt in (delivery, self.sign(delivery.body, "", event=delivery.event)):
            with pytest.raises(CredentialsError):
                crm.verify(attempt)

    def test_without_any_settings_everything_is_refused(self) -> None:
        for secrets in ({}, {"webhook_secrets": self.secret}, {"webhook_secrets": None}):
            with pytest.raises(CredentialsError):
                self.adapter(Connection(self.slug(), {}, secrets)).verify(self.any_delivery())

    def test_a_secret_that_is_set_wrongly_refuses_and_does_not_fail(self) -> None:
        delivery = self.any_delivery()
        # A secret that can't be read must not turn into an empty one, which anybody can sign with.
        signed_by_anybody = self.sign(delivery.body, "", event=delivery.event)
        for secret in JUNK_HEADERS[1:]:
            for attempt in (delivery, signed_by_anybody):
                with pytest.raises(CredentialsError):
                    self.inbound(secret).verify(attempt)

    def test_a_body_that_was_changed_on_the_way_is_refused_or_harmless(
        self, crm: Crm, recording: str
    ) -> None:
        recorded = self.recorded(recording)
        delivery = self.sign(recorded.body, self.secret, event=recorded.event)
        body, length = recorded.body, len(recorded.body)
        changed = [body[:cut] for cut in (0, 1, length // 3, length // 2, length - 1)]
        changed += [
            body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
            for place in range(0, length, max(1, length // 40))
        ]
        changed += [body + b" ", body + b"\x00", body + body]
        for other in changed:
            tampered = delivery._replace(body=other)
            if self.signs_body:
                with pytest.raises(CredentialsError):
                    crm.verify(tampered)
            self.parse_anything(crm, tampered)

    def test_the_same_delivery_a_hundred_times_says_the_same(
        self, crm: Crm, recording: str
    ) -> None:
        recorded = self.recorded(recording)
        delivery = self.sign(recorded.body, self.secret, event=recorded.event)
        first = crm.parse(delivery)
        for _ in range(2):
            crm.verify(delivery)
        assert all(crm.parse(delivery) == first for _ in range(100))
        # Another container, some seconds later.
        later = delivery._replace(received_at=NOW_S + 30)
        assert self.inbound().parse(later) == first

    def test_no_two_events_share_their_word(self, crm: Crm) -> None:
        words: dict[str, str] = {}
        for entry in index(self.slug()):
            recorded = self.recorded(entry["file"])
            parsed = crm.parse(self.sign(recorded.body, self.secret, event=recorded.event))
            for place, hint in enumerate(parsed.hints):
                if hint.delivery:
                    # Two hints of one event (a merge) have words of their own, too.
                    assert hint.delivery not in words
                    words[hint.delivery] = f"{entry['file']} {place}"

    @only(_sends_batches)
    def test_a_bad_entry_in_a_batch_does_not_spoil_the_others(self, crm: Crm) -> None:
        batch = self.batch_with_a_bad_entry()
        assert batch is not None
        body, records = batch
        parsed = crm.parse(self.sign(body, self.secret, event=self.any_delivery().event))
        self.makes_sense(parsed)
        assert tuple(hint.record for hint in parsed.hints) == records
        assert parsed.problems

    def test_a_body_of_junk_gives_no_hint_and_no_other_error(self, crm: Crm) -> None:
        for event in {entry.get("event", "") for entry in index(self.slug())}:
            for body in (*JUNK_JSON, *JUNK_XML):
                delivery = self.sign(body, self.secret, event=event)
                try:
                    crm.verify(delivery)
                except CredentialsError as error:
                    self.is_silent(error)
                assert self.parse_anything(crm, delivery) == ()

    @pytest.mark.parametrize("place", range(len(HUGE)))
    def test_ten_megabytes_of_junk_give_no_hint_and_no_other_error(
        self, crm: Crm, place: int
    ) -> None:
        delivery = self.sign(HUGE[place], self.secret, event=self.any_delivery().event)
        crm.verify(delivery)
        assert self.parse_anything(crm, delivery) == ()

    def test_whatever_a_value_is_replaced_by_the_hints_can_be_worked_with(
        self, crm: Crm, json_recording: str
    ) -> None:
        recorded = self.recorded(json_recording)
        tried = 0
        for changed in mutations(json.loads(recorded.body)):
            tried += 1
            body = json.dumps(changed).encode()
            delivery = self.sign(body, self.secret, event=recorded.event)
            crm.verify(delivery)
            self.parse_anything(crm, delivery)
        assert tried > len(JUNK_VALUES)

    def test_an_event_that_nobody_knows_does_no_harm(self, crm: Crm) -> None:
        body = self.any_delivery().body
        for event in ("", "x", "../..", "\u00e8", "A" * 10_000, "%00"):
            self.parse_anything(crm, self.sign(body, self.secret, event=event))

    @only(_makes_events)
    @pytest.mark.parametrize("seed", range(10))
    def test_deliveries_in_any_order_and_twice_end_as_the_crm_has_it(
        self, fake: FakeCrm, asking: Crm, seed: int
    ) -> None:
        kept, gone = fake.record(1), fake.record(2)
        before = Person(kept, "+39 06 1234567", NOW_MS - 240_000)
        after = Person(kept, "+39 02 4455 6677", NOW_MS - 180_000, last_name="Neri")
        deleted = Person(gone, "+39 06 7654321", NOW_MS - 200_000)
        events = [
            self.event_of("created", before, before.modified_ms),
            self.event_of("changed", after, after.modified_ms),
            self.event_of("created", deleted, deleted.modified_ms),
            self.event_of("deleted", deleted, NOW_MS - 150_000),
        ]
        told = [event for event in events if event is not None]
        assert told
        for person in (before, after, deleted):
            fake.save(person)
        fake.delete(gone, NOW_MS - 150_000)
        stores = MemoryStores()
        stores.create_tenant("acme")
        store = stores.contacts("acme")
        order = told * 2
        Random(seed).shuffle(order)
        for body, event in order:
            delivery = self.sign(body, self.secret, event=event)
            asking.verify(delivery)
            applied = apply_hints(
                store,
                asking,
                asking.parse(delivery).hints,
                Line(country="IT"),
                received_at_ms=NOW_MS,
                now_ms=lambda: NOW_MS,
                renew=lambda: asking,
            )
            assert (applied.problems, applied.error) == ((), None)
        contact = store.get(f"{self.slug()}:{kept}")
        assert contact is not None
        # Some products have one field for the whole name.
        assert contact.last_name.endswith("Neri")
        assert [entry.indexed for entry in contact.numbers] == [NUMBER]
        assert store.get(f"{self.slug()}:{gone}") is None
        holders = {
            number: [holder.id for holder in store.holders(number).holders]
            for number in (NUMBER, "+39061234567", "+39067654321")
        }
        assert holders == {NUMBER: [contact.id], "+39061234567": [], "+39067654321": []}

    # Outbound ------------------------------------------------------------------------------------

    def operations(self) -> dict[str, Callable[[Crm, str], object]]:
        """Return what asks the CRM, by name; each takes the provider and a record."""
        ways: dict[str, Callable[[Crm, str], object]] = {"check": lambda crm, _: crm.check()}
        if self.adapter.reads:
            ways["fetch"] = lambda crm, record: crm.fetch(record)
            ways["modified_since"] = lambda crm, _: crm.modified_since(0)
            if self.adapter.lists_deletions:
                ways["deleted_since"] = lambda crm, _: crm.deleted_since(0)
        if self.adapter.searches:
            ways["find_by_number"] = lambda crm, _: search(crm, NUMBER)
        return ways

    def every_way_fails(
        self, fake: FakeCrm, asking: Crm, fault: Fault, expected: type[UnavailableError]
    ) -> Iterator[UnavailableError]:
        """Give the error of each operation under a fault, of exactly the class expected."""
        record = fake.record(1)
        fake.save(Person(record, NUMBER, NOW_MS))
        for name, ask in self.operations().items():
            fake.fault = fault
            with pytest.raises(UnavailableError) as caught:
                ask(asking, record)
            self.is_silent(caught.value)
            assert caught.type is expected, name
            yield caught.value

    @only(_reads)
    def test_a_record_is_read_as_it_is_now(self, fake: FakeCrm, asking: Crm) -> None:
        record, other = fake.record(1), fake.record(2)
        fake.save(Person(record, "+39 02 4455 6677", NOW_MS))
        fake.save(Person(other, "+39 06 1234567", NOW_MS, "Zeno", "Cosini"))
        contact = asking.fetch(record)
        assert contact is not None
        self.is_person(contact, Person(record, "+39 02 4455 6677", NOW_MS))
        fake.save(Person(record, "+39 347 1234567", NOW_MS + 60_000, "Ada", "Neri", "Neri S.p.A."))
        changed = asking.fetch(record)
        assert changed is not None
        self.is_person(
            changed,
            Person(record, "+39 347 1234567", NOW_MS + 60_000, "Ada", "Neri", "Neri S.p.A."),
        )

    def is_person(self, contact: Contact, person: Person) -> None:
        """Assert that a contact is what a person in the CRM should become."""
        assert contact.id == f"{self.slug()}:{person.record}"
        assert ID_PATTERN.fullmatch(contact.id)
        assert contact.version == person.modified_ms // self.step_ms * self.step_ms
        assert contact.updated_at_ms == contact.version
        assert contact.first_name == person.first_name
        assert contact.last_name == person.last_name
        assert contact.company == person.company
        assert [number.number for number in contact.numbers] == [person.number]
        assert all(number.kind in NUMBER_KINDS for number in contact.numbers)
        assert not contact.url or contact.url.startswith(("http://", "https://"))

    @only(lambda kind: kind.adapter.reads)
    def test_whatever_is_in_a_contacts_fields_it_can_be_indexed(
        self, fake: FakeCrm, asking: Crm
    ) -> None:
        record = fake.record(1)
        remark = "02 44556677, but not on Fridays \u00e8 \U0001f4de " * 20
        fake.save(Person(record, remark, NOW_MS, remark, remark, remark))
        contact = asking.fetch(record)
        assert contact is not None
        index_contact(contact, Line(country="IT"))

    @only(_reads)
    def test_a_record_that_is_gone_is_none(self, fake: FakeCrm, asking: Crm) -> None:
        record = fake.record(1)
        assert asking.fetch(record) is None
        fake.save(Person(record, NUMBER, NOW_MS))
        assert asking.fetch(record) is not None
        fake.delete(record, NOW_MS + 1000)
        assert asking.fetch(record) is None

    @only(_reads)
    @pytest.mark.parametrize(
        "body",
        [b"", b"404 page not found", b"404", b"<html><h1>404 Not Found</h1></html>", b"[]"],
        ids=["nothing", "words", "a number", "a page", "a list"],
    )
    def test_a_404_of_a_proxy_is_never_taken_for_an_absent_record(
        self, fake: FakeCrm, asking: Crm, body: bytes
    ) -> None:
        record = fake.record(1)
        fake.save(Person(record, NUMBER, NOW_MS))
        fake.fault = Fault(Reply(404, body, "text/html"))
        with pytest.raises(UnavailableError) as caught:
            asking.fetch(record)
        self.is_silent(caught.value)

    @only(_reads)
    @pytest.mark.parametrize(
        "word",
        ["..", "../1", "1/../2", "1?x=1", "1#x", "1&limit=9", "a b", "\u00e8", "%2e%2e", "\n", "'"],
    )
    def test_an_id_from_outside_reaches_no_other_address(
        self, fake: FakeCrm, asking: Crm, word: str
    ) -> None:
        record = fake.record(1)
        fake.save(Person(record, NUMBER, NOW_MS))
        asking.fetch(record)
        usual = {(request.method, request.path.count("/")) for request in fake.requests}
        names = {frozenset(request.query) for request in fake.requests}
        try:
            found = asking.fetch(word)
        except PayloadError as error:
            self.is_silent(error)
        else:
            assert found is None
        for request in fake.requests:
            assert (request.method, request.path.count("/")) in usual
            assert frozenset(request.query) in names
            assert ".." not in request.path.split("/")

    @pytest.mark.parametrize("status", [401, 403])
    def test_credentials_that_are_refused_are_for_an_operator(
        self, fake: FakeCrm, asking: Crm, status: int
    ) -> None:
        expected = {401: "credentials", 403: "permissions"}[status]
        for error in self.every_way_fails(fake, asking, failing(status), RejectedError):
            assert error.reason == expected

    def test_a_crm_that_is_asked_too_often_says_when_to_come_back(
        self, fake: FakeCrm, asking: Crm
    ) -> None:
        for error in self.every_way_fails(fake, asking, throttled("7"), ThrottledError):
            assert error.retry_after_s == 7.0

    @pytest.mark.parametrize("word", ["", "soon", "-5", "nan", "inf", "9" * 400])
    def test_a_crm_that_does_not_say_when_is_left_alone_for_a_while(
        self, fake: FakeCrm, asking: Crm, word: str
    ) -> None:
        for error in self.every_way_fails(fake, asking, throttled(word), ThrottledError):
            assert 0 < error.retry_after_s <= 3600

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_crm_in_trouble_is_unavailable(self, fake: FakeCrm, asking: Crm, status: int) -> None:
        for error in self.every_way_fails(fake, asking, failing(status), UnavailableError):
            assert error.reason == "server"

    @pytest.mark.parametrize("fault", [hang(), drip()], ids=["hung", "slow"])
    def test_a_crm_that_takes_too_long_is_given_up(self, fake: FakeCrm, fault: Fault) -> None:
        asking = self.adapter(
            self.connection(self.secret, base_url=fake.url), LoopbackWeb(timeout_s=0.1)
        )
        for error in self.every_way_fails(fake, asking, fault, UnavailableError):
            assert error.reason == "timeout"

    def test_an_answer_that_breaks_off_is_none(self, fake: FakeCrm, asking: Crm) -> None:
        for error in self.every_way_fails(fake, asking, truncated(), UnavailableError):
            assert error.reason in {"connection", "malformed"}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"<html>Zazzera +390244556677</html>",
            b'{"Zazzera":',
            b"[" * 100_000,
            b"\xff\xfe",
            b'"+390244556677"',
            b"7",
        ],
    )
    def test_an_answer_that_can_not_be_read_is_never_taken_for_an_absent_record(
        self, fake: FakeCrm, asking: Crm, body: bytes
    ) -> None:
        for error in self.every_way_fails(fake, asking, answering(body), UnavailableError):
            assert error.reason == "malformed"

    @pytest.mark.parametrize(
        "body", [b"[]", b"{}", b"[7]", b'[{"id":[]}]', b'{"Zazzera":"+390244556677"}']
    )
    def test_an_answer_of_another_shape_is_no_other_error(
        self, fake: FakeCrm, asking: Crm, body: bytes
    ) -> None:
        record = fake.record(1)
        fake.save(Person(record, NUMBER, NOW_MS))
        fake.fault = answering(body)
        for ask in self.operations().values():
            try:
                ask(asking, record)
            except (UnavailableError, PayloadError) as error:
                self.is_silent(error)

    @only(_reads)
    def test_what_was_modified_is_listed_page_by_page(self, fake: FakeCrm) -> None:
        old = fake.record(100)
        fake.save(Person(old, NUMBER, NOW_MS - 86_400_000))
        # An import gives them all one time, so a page may end between records of the same one.
        together = [fake.record(n) for n in range(1, 3 * fake.page_size)]
        apart = [fake.record(n) for n in range(30, 30 + 2 * fake.page_size)]
        for record in together:
            fake.save(Person(record, "+39 06 1234567", NOW_MS))
        for place, record in enumerate(apart, start=1):
            fake.save(Person(record, "+39 06 1234567", NOW_MS + 1000 * place))
        found, pages = self.read_all(fake, NOW_MS)
        wanted = {f"{self.slug()}:{record}" for record in (*together, *apart)}
        assert {contact.id for contact in found} == wanted
        assert pages > 2
        assert all(contact.numbers and contact.version >= NOW_MS - 1000 for contact in found)
        everything, _ = self.read_all(fake, 0)
        assert {contact.id for contact in everything} == {*wanted, f"{self.slug()}:{old}"}

    def read_all(self, fake: FakeCrm, since_ms: int) -> tuple[list[Contact], int]:
        """Read all pages, each by a provider of its own, as several invocations do."""
        found: list[Contact] = []
        cursor, pages = "", 0
        while pages == 0 or cursor:
            crm = self.adapter(self.connection(self.secret, base_url=fake.url), LoopbackWeb())
            page = crm.modified_since(since_ms, cursor)
            found += page.contacts
            cursor, pages = page.cursor, pages + 1
            assert pages < 100, "the pages never end"
            assert len(cursor) < 1000
        return found, pages

    @only(_reads)
    def test_nothing_is_listed_where_nothing_was_modified(self, fake: FakeCrm) -> None:
        fake.save(Person(fake.record(1), NUMBER, NOW_MS))
        assert self.read_all(fake, NOW_MS + 3_600_000)[0] == []

    @only(_reads)
    def test_a_cursor_of_somebody_else_is_refused_and_not_sent_on(
        self, fake: FakeCrm, asking: Crm
    ) -> None:
        for cursor in ("../..", "a&b=c", "\u00e8", "#", "x" * 5000):
            try:
                asking.modified_since(0, cursor)
            except (PayloadError, UnavailableError) as error:
                self.is_silent(error)
        for request in fake.requests:
            assert "b" not in request.query
            assert ".." not in request.path.split("/")

    @only(_reads)
    def test_what_was_deleted_is_listed(self, fake: FakeCrm, asking: Crm) -> None:
        records = [fake.record(n) for n in range(1, 2 + 2 * fake.page_size)]
        for record in records:
            fake.save(Person(record, NUMBER, NOW_MS))
        for record in records[1:]:
            fake.delete(record, NOW_MS + 60_000)
        found: dict[str, int] = {}
        cursor, pages = "", 0
        while pages == 0 or cursor:
            page = asking.deleted_since(NOW_MS, cursor)
            assert page.contacts == ()
            found.update(page.deleted)
            cursor, pages = page.cursor, pages + 1
            assert pages < 100, "the pages never end"
        assert set(found) == (set(records[1:]) if self.adapter.lists_deletions else set())
        assert all(at_ms in {0, NOW_MS + 60_000} for at_ms in found.values())

    @only(_searches)
    def test_a_caller_is_found_in_the_crm_whatever_was_typed_there(
        self, fake: FakeCrm, asking: Crm
    ) -> None:
        wanted = set()
        for place, spelling in enumerate(self.spellings, start=1):
            record = fake.record(place)
            fake.save(Person(record, spelling, NOW_MS))
            found = verified(search(asking, NUMBER), NUMBER)
            wanted.add(f"{self.slug()}:{record}")
            # A product may list no more than a handful, so each is looked for by itself.
            assert f"{self.slug()}:{record}" in {contact.id for contact in found}, spelling
            fake.delete(record, NOW_MS)

    @only(_searches)
    def test_a_caller_whom_nobody_knows_is_not_found(self, fake: FakeCrm, asking: Crm) -> None:
        # The last digits are the same, or the number is part of another.
        fake.save(Person(fake.record(1), "+39 06 4455 6677", NOW_MS))
        fake.save(Person(fake.record(2), "+39 02 4455 66770", NOW_MS))
        fake.save(Person(fake.record(3), "+49 2 4455 6677", NOW_MS))
        assert verified(search(asking, NUMBER), NUMBER) == []

    @only(_searches)
    def test_a_search_keeps_to_its_time(self, fake: FakeCrm, asking: Crm, web: LoopbackWeb) -> None:
        fake.save(Person(fake.record(1), NUMBER, NOW_MS))
        search(asking, NUMBER, timeout_s=0.9)
        given = [timeout_s for timeout_s in web.timeouts_s if timeout_s is not None]
        assert given
        assert len(given) == len(web.timeouts_s)
        assert max(given) <= 0.9
        # What the first request takes is taken from those after it.
        assert given == sorted(given, reverse=True)

    @only(_searches)
    def test_a_search_for_nothing_asks_nobody(self, fake: FakeCrm, asking: Crm) -> None:
        assert asking.find_by_number((), "", 1.0) == ()
        assert fake.requests == []

    def test_a_good_connection_says_who_we_are_there(self, asking: Crm) -> None:
        said = asking.check()
        assert 0 < len(said) <= 200
        self.says_nothing(said)

    @only(_required)
    def test_a_setting_that_is_missing_is_named(self, fake: FakeCrm) -> None:
        for name in _required(type(self)):
            connection = self.connection(self.secret, base_url=fake.url, without=name)
            with pytest.raises(PayloadError) as caught:
                self.adapter(connection, LoopbackWeb()).check()
            assert caught.value.field == name
            self.is_silent(caught.value)

    def test_no_secret_is_in_an_address(self, fake: FakeCrm, asking: Crm) -> None:
        # Addresses end up in the logs of proxies.
        record = fake.record(1)
        fake.save(Person(record, NUMBER, NOW_MS))
        for ask in self.operations().values():
            ask(asking, record)
        tokens = [str(secret) for secret in self.secrets.values()]
        assert not [r.target for r in fake.requests for token in tokens if token in r.target]

    def test_the_inbound_half_asks_nobody(self, crm: Crm) -> None:
        with pytest.raises(RuntimeError):
            _ = crm.web


def contract_of(provider: str) -> CrmContract:
    """Return the contract of a provider, which signs as the product does."""
    module = import_module(f"tests.unit.crm.test_{provider}")
    return next(
        kind()
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, CrmContract) and kind is not CrmContract
    )


def index(slug: str) -> list[dict[str, Any]]:
    """Return what `deliveries.json` says of a product's recorded deliveries."""
    entries: list[dict[str, Any]] = json.loads((DATA / slug / "deliveries.json").read_text())
    return entries


def search(crm: Crm, number: str, *, timeout_s: float = 5.0) -> tuple[Contact, ...]:
    """Search as the live search does."""
    line = Line(country="IT")
    reading = read_cli(number, line, settings=Settings(tenant="acme"))
    return crm.find_by_number(variants(reading, line), number, timeout_s)


def verified(contacts: tuple[Contact, ...], number: str) -> list[Contact]:
    """Keep the contacts that have a number, whatever the CRM took for a match."""
    return [
        contact
        for contact in contacts
        if any(index_number(entry.number, "IT")[0] == number for entry in contact.numbers)
    ]


def mutations(value: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON is anything
    """Give a JSON value with each value in it replaced by each kind of junk, or left out."""
    yield from JUNK_VALUES
    if isinstance(value, dict):
        for key, inner in value.items():
            others = {name: kept for name, kept in value.items() if name != key}
            yield others
            for changed in mutations(inner):
                yield {**others, key: changed}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            for changed in mutations(inner):
                yield [*value[:place], changed, *value[place + 1 :]]
