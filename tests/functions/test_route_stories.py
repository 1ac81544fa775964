"""Callers in any order, with shared call ids: nobody is taken for who they never said they were.

Hypothesis plays telephones whose CLI is clear, ambiguous, withheld or nobody's own, through `route`
itself: they call, type codes that are right, wrong or two customers', while sales and the CRM edit
what there is. What the stories expect is worked out here, from what was typed and stored, and from
nothing that the code under test says.
"""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from centralino import bootstrap
from centralino.adapters.store.learner import DynamoLearner
from centralino.adapters.store.route_read import DynamoRouteStore
from centralino.application.compile_routing import save_parts
from centralino.application.save_contact import save_contact
from centralino.domain.card import Card
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.customer import Customer, code_digits
from centralino.domain.learning import DAY_S
from centralino.domain.rulebook import default_routing
from centralino.domain.settings import Settings
from centralino.entry.access import Door
from centralino.entry.route import Desk, route
from centralino.ports.customers import Change
from tests.support.calls import holder, http_event
from tests.support.memory_store import MemoryStores
from tests.support.routes import NoSecrets
from tests.support.tenants import ITALY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.adapters.aws import Client
    from centralino.ports.live_search import LiveSearch, Question
    from centralino.ports.route_read import Entry

STORIES, STEPS = 300, 15
SOAK_PARTS, SOAK_STORIES = 20, 1_000
TENANT = "acme"
HOUR_S = 3_600
FORGOTTEN_AFTER_S = 180 * DAY_S


class Phone(NamedTuple):
    """A telephone, as a line shows it.

    Attributes:
        cli: as the PBX delivers it.
        numbers: what that may mean, E.164.
        own: whether it may be somebody's own number, to be learned.
    """

    cli: str
    numbers: tuple[str, ...] = ()
    own: bool = True


MILAN, MOBILE, TWIN, ROME = "+390244556677", "+393331234567", "+393906123456", "+3906123456"
DID = "+390299887766"
PHONES = (
    Phone("0244556677", (MILAN,)),
    Phone("+393331234567", (MOBILE,)),
    Phone("+393906123456", (TWIN,)),
    # A trunk that sends no plus: a mobile, or Rome with its country.
    Phone("3906123456", (TWIN, ROME)),
    Phone("anonymous"),
    Phone("21", own=False),
    Phone("+390299887766", (DID,), own=False),
)
NUMBERS = (MILAN, MOBILE, TWIN, ROME)
CODES = ("IT12345670017", "IT00743110157", "A777", "777")
TYPED = (*["12345670017"] * 3, "00743110157", "777", "777", "999", "12345670018", "")
CALLS = ("c1", "c1", "c2", "c3", "")
KINDS = ["vat:IT", "pattern:[A-Z]?[0-9]{3}"]
NODES: Mapping[str, Mapping[str, Any]] = {
    "vat": {"mode": "check", "codes": KINDS, "attempts": 2},
    "open": {"mode": "entered", "codes": KINDS, "attempts": 2, "yes": "other", "no": "sales"},
    "where": {"mode": "route", "codes": KINDS, "yes": "support", "no": "sales"},
}
RULES: Mapping[str, Any] = {
    "destinations": {"support": "queue:600", "sales": "queue:700", "other": "queue:800"},
    "fallback": "sales",
    "rules": [
        {"name": "paying", "when": "customer.status == 'active'", "to": "support"},
        {"name": "the rest", "to": "sales"},
    ],
}
# Stories meet at one number, mostly: what goes wrong takes several who know of each other.
phones = st.sampled_from((*PHONES[:1] * 4, *PHONES))
codes = st.sampled_from(CODES)
numbers = st.sampled_from((*NUMBERS[:1] * 4, *NUMBERS))


class OpenJournal:
    """Shows what is to be kept of the last call."""

    lost = 0
    entry: Entry | None = None

    def keep(self, entry: Entry, *, timeout_s: float) -> None:
        del timeout_s
        self.entry = entry


class Crm:
    """A CRM that the index has not heard of yet: number -> customer code."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    def search(self, question: Question) -> Mapping[str, Card]:
        [phone] = [phone for phone in PHONES if phone.cli == question.number]
        known = {to: self.codes[to] for to in phone.numbers if to in self.codes}
        return {
            to: Card(to, (holder("Mario", "Rossi", contact=f"crm:{to}", code=code),), 1)
            for to, code in known.items()
        }

    def refresh(self, question: Question) -> None:
        del question


class Story(RuleBasedStateMachine):
    """A tenant, its callers, and all who change what is known of them."""

    def __init__(self) -> None:
        super().__init__()
        self.stores = MemoryStores()
        # Nobody's clock is in milliseconds: what a story expects would be, too.
        self.stores.now_s = 1_795_000_000.0
        self.crm, self.journal = Crm(), OpenJournal()
        # Number -> customer codes of its contacts in the index, by contact.
        self.contacts: dict[str, str] = {}
        self.customers: dict[str, str] = {}
        self.edits = 0
        # Call id and caller -> what was typed there, and when.
        self.typed: dict[tuple[str, str], dict[str, float]] = {}
        self.met: set[str] = set()

    @initialize()
    def begin(self) -> None:
        own = Settings(TENANT, line=ITALY, extens={"21": "Anna"}, dids={DID: {}}, crms=("odoo",))
        self.key = self.stores.create_tenant(TENANT, own)["pbx"]
        routing = self.stores.routing(TENANT)
        version = routing.add_rules(RULES, at=int(1000 * self.stores.now_s), by="test").version
        parts = routing.parts()._replace(nodes=NODES, published=version)
        save_parts(routing, parts, own, now_s=self.stores.now_s)
        for code in CODES:
            self.save(code, "active")
        dynamo, table = self.stores.dynamo, self.stores.table
        store = DynamoRouteStore(
            cast("Client", dynamo), table, default_routing(), now=lambda: self.stores.now_s
        )
        self.desk = Desk(
            Door(store, lambda: self.stores.now_s, 30),
            store,
            self.journal,
            bootstrap.pbx_class,
            NoSecrets,
            lambda tenant: DynamoLearner(
                dynamo, table, tenant, now=lambda: self.stores.now_s, pause=lambda _: None
            ),
            lambda: cast("LiveSearch", self.crm),
        )

    # --- what sales, the CRM and time do -----------------------------------------------------

    @rule(code=codes, status=st.sampled_from(["active", "active", "suspended"]))
    def save(self, code: str, status: str) -> None:
        store = self.stores.customers(TENANT)
        there = store.get(code) or Customer(code, "Rossi")
        store.save(there._replace(status=status), self._change("changed"))
        self.customers[code] = status

    @rule(code=st.sampled_from(["A777", "777", "777", "IT00743110157"]))
    def delete(self, code: str) -> None:
        if code in self.customers:
            self.stores.customers(TENANT).delete(code, self._change("deleted"))
            del self.customers[code]

    @rule(number=numbers, code=codes)
    def forget(self, number: str, code: str) -> None:
        if (number, code) in self._bound():
            self.stores.customers(TENANT).forget(number, code, self._change("forgotten"))

    @rule(number=numbers, code=st.sampled_from((*CODES[:2], "")))
    def declare(self, number: str, code: str) -> None:
        self.edits += 1
        contact_id = f"odoo:{number[1:]}"
        if number in self.contacts:
            self.stores.contacts(TENANT).delete(contact_id, self.edits)
            del self.contacts[number]
            return
        contact = Contact(
            contact_id,
            version=self.edits,
            last_name="Rossi",
            customer_code=code,
            numbers=(ContactNumber(number),),
        )
        save_contact(self.stores.contacts(TENANT), contact, ITALY, now_ms=self._now_ms())
        self.contacts[number] = code

    @rule(number=numbers, code=st.sampled_from(CODES[:2]))
    def tell_the_crm(self, number: str, code: str) -> None:
        if self.crm.codes.pop(number, "") != code:
            self.crm.codes[number] = code

    @rule(hours=st.sampled_from([1, 2, 24, 200 * 24]))
    def wait(self, hours: int) -> None:
        self.stores.now_s += hours * HOUR_S

    # --- what callers do ---------------------------------------------------------------------

    @rule(phone=phones, call_id=st.sampled_from(CALLS))
    def call(self, phone: Phone, call_id: str) -> None:
        before = self._bound()
        expected = self._expected(phone)
        told = self._ask("/v1/route", phone, call_id)
        assert self._bound() == before, "a call without a code has taught something"
        entry = self._kept()
        self._check_who(entry, phone, expected, self._said(phone, call_id))
        paying = self.customers.get(taken_for(entry)) == "active"
        assert told["destination"] == ("queue:600" if paying else "queue:700")

    @rule(phone=phones, call_id=st.sampled_from(CALLS), node=st.sampled_from([*NODES]))
    def come_to_a_node(self, phone: Phone, call_id: str, node: str) -> None:
        before, expected = self._bound(), self._expected(phone)
        new = call_id not in self.met
        told = self._ask(f"/v1/pbx/centralino/identify/{node}", phone, call_id)
        self.met.add(call_id)
        assert self._bound() == before, "a call without a code has taught something"
        if told["action"] == "go":
            self._check_who(self._kept(), phone, expected, self._said(phone, call_id))
        if new or not call_id:
            known = expected in self.customers or bool(expected and node == "open")
            assert told["action"] == ("go" if known else "ask")

    @rule(
        phone=phones,
        call_id=st.sampled_from(CALLS),
        node=st.sampled_from(["vat", *NODES]),
        digits=st.sampled_from(TYPED),
        question=st.sampled_from(["", "1", "2"]),
    )
    def type(self, phone: Phone, call_id: str, node: str, digits: str, question: str) -> None:
        before, expected = self._bound(), self._expected(phone)
        owner, new = self._owner(phone), not call_id or call_id not in self.met
        meant = self._meant(digits)
        one = meant[0] if len(meant) == 1 else ""
        fields = {"digits": digits} | ({"question": question} if question else {})
        said = self._said(phone, call_id)
        told = self._ask(f"/v1/pbx/centralino/identify/{node}", phone, call_id, **fields)
        self.met.add(call_id)
        if one or (digits and not meant and node == "open"):
            said[one or digits] = self.stores.now_s
        taught = {(owner, one)} if owner and one else set()
        assert self._bound() - before <= taught, "a number leads to who was not typed from it"
        if told["action"] == "go":
            self._check_who(self._kept(), phone, expected, said)
        if one and new:
            assert told["action"] == "go"
            assert taken_for(self._kept()) == one
            assert taught <= self._bound(), "a code was typed and nothing learned"
        if len(meant) > 1 and new and question == "1":
            assert told["action"] == "ask", "two customers have this code"

    # --- what is expected --------------------------------------------------------------------

    def _expected(self, phone: Phone) -> str:
        """Return whom a number alone says; empty if nobody, or if it contradicts itself."""
        declared = self._declared(phone)
        learned = {
            one.code
            for number in phone.numbers
            for one in self.stores.customers(TENANT).learned_by(number)
            if max(one.used_at, one.learned_at) + FORGOTTEN_AFTER_S > self.stores.now_s
        }
        said = {code for code in declared.values() if code} | learned
        return said.pop() if len(said) == 1 else ""

    def _declared(self, phone: Phone) -> Mapping[str, str]:
        """Return the numbers of a phone that have contacts, with the contacts' codes.

        The CRM is asked for whom the index doesn't know.
        """
        for known in (self.contacts, self.crm.codes):
            if found := {number: known[number] for number in phone.numbers if number in known}:
                return found
        return {}

    def _number(self, phone: Phone) -> str:
        """Return the number that a phone has, if its CLI or a contact says; else nothing.

        A contact doesn't where the other number was learned.
        """
        if len(phone.numbers) < 2:
            return "".join(phone.numbers)
        declared = self._declared(phone)
        store = self.stores.customers(TENANT)
        known = {*declared, *(number for number in phone.numbers if store.learned_by(number))}
        return known.pop() if declared and len(known) == 1 else ""

    def _owner(self, phone: Phone) -> str:
        """Return the number that may be learned from a phone; empty if there is none."""
        return self._number(phone) if phone.own else ""

    def _meant(self, digits: str) -> list[str]:
        return [code for code in self.customers if digits and code_digits(code) == digits]

    def _name(self, phone: Phone) -> str:
        """Return what a phone is told from others by."""
        return self._number(phone) or phone.cli

    def _said(self, phone: Phone, call_id: str) -> dict[str, float]:
        """Return what was typed by a caller in a call, if it has an id to be known by."""
        if not call_id:
            return {}
        return self.typed.setdefault((call_id, self._name(phone)), {})

    def _check_who(
        self, entry: Entry, phone: Phone, expected: str, said: Mapping[str, float]
    ) -> None:
        """Check that a caller is who they said in this call, or else whom the number says."""
        source = entry.kept.facts["customer"]["source"]
        if source == "typed":
            fresh = [code for code, at in said.items() if at + HOUR_S >= self.stores.now_s]
            assert taken_for(entry) in fresh, "the code was not typed by this caller in this call"
            return
        assert taken_for(entry) == expected
        declared = {*self._declared(phone).values()} - {""}
        assert source == (("crm" if declared else "learned") if expected else "")

    # --- how it is done ----------------------------------------------------------------------

    def _ask(self, path: str, phone: Phone, call_id: str, **fields: str) -> dict[str, str]:
        self.journal.entry = None
        fields |= {"number": phone.cli, "call_id": call_id}
        event = http_event(
            fields, path=path, headers={"x-api-key": self.key}, epoch_ms=self._now_ms()
        )
        with redirect_stdout(StringIO()) as log:
            given = route(event, self.desk)
        assert given["statusCode"] == 200, given
        assert given["headers"]["x-centralino-outcome"] in {"asked", "decided"}, log.getvalue()
        told: dict[str, str] = json.loads(given["body"])
        return told

    def _kept(self) -> Entry:
        assert self.journal.entry
        return self.journal.entry

    def _bound(self) -> set[tuple[str, str]]:
        store = self.stores.customers(TENANT)
        return {(one.number, one.code) for code in CODES for one in store.learned_of(code)}

    def _change(self, what: str) -> Change:
        return Change(self._now_ms(), "sales", what)

    def _now_ms(self) -> int:
        return int(1000 * self.stores.now_s)


def taken_for(entry: Entry) -> str:
    """Return the customer code that the rules saw."""
    code: str = entry.kept.facts["customer"]["code"]
    return code


def test_a_call_id_that_comes_again_after_its_conversation_ran_out_is_a_new_call() -> None:
    story, [phone, *_] = Story(), PHONES
    story.begin()
    path = "/v1/pbx/centralino/identify/vat"
    before = [story._ask(path, phone, "c1", digits=digits) for digits in ("999", "999")]
    # The table still has it: DynamoDB takes away what has run out days later.
    story.wait(1)
    after = [story._ask(path, phone, "c1"), story._ask(path, phone, "c1", digits="777")]

    assert [told["action"] for told in before] == ["ask", "go"]
    assert [told["action"] for told in after] == ["ask", "ask"]


def play(stories: int, part: int) -> None:
    """Play some stories."""
    told = 0

    class Here(Story):
        def teardown(self) -> None:
            nonlocal told
            told += 1

    run_state_machine_as_test(
        # Where nothing is random, the parts would play the same.
        seed(part)(Here) if settings().derandomize else Here,
        settings=settings(
            max_examples=stories,
            stateful_step_count=STEPS,
            derandomize=False,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        ),
    )
    assert told >= stories


def test_300_stories_take_nobody_for_who_they_never_said_they_were() -> None:
    play(STORIES, 0)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(SOAK_PARTS))
def test_20000_stories_take_nobody_for_who_they_never_said_they_were(part: int) -> None:
    play(SOAK_STORIES, part)
