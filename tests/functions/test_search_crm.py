"""Live search as a function: what it is asked, what it answers, what it writes to its log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.store.callers import DynamoCallerStore
from centralino.application.search_crms import Circuits
from centralino.domain.card import read_sent_card
from centralino.domain.errors import PayloadError, RejectedError, UnavailableError
from centralino.domain.settings import Line, Settings
from centralino.entry.search import KEPT_S, Connections, Office, search
from tests.support.memory_store import MemoryStores
from tests.support.scripted_crm import ScriptedCrm, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.ports.crm import Crm

MILAN = "+390244556677"
MARKED = "Markovitzky"


class Lambda:
    """The function with its tenant and the tenant's CRM."""

    def __init__(self) -> None:
        self.stores = MemoryStores()
        self.stores.create_tenant(
            "acme", Settings("acme", line=Line(country="IT", area_code="02"), crms=("odoo",))
        )
        self.crm = ScriptedCrm("odoo", secrets={"api_key": "s3cret-key"})
        self.secrets: Mapping[str, object] = {"api_key": "s3cret-key"}
        self.built: list[tuple[str, str, str]] = []
        self.office = Office(
            self.stores.tenants,
            self.stores.contacts,
            lambda tenant: DynamoCallerStore(
                self.stores.client, self.stores.table, tenant, now=self.now
            ),
            Connections(self.build, lambda _tenant, _provider: self.secrets, self.now),
            Circuits(),
            self.now,
            self.pause,
        )

    def pause(self, seconds: float) -> None:
        self.stores.now_s += seconds

    def now(self) -> float:
        return self.stores.now_s

    def build(self, tenant: str, provider: str, country: str) -> Crm:
        self.built.append((tenant, provider, country))
        return self.crm

    def ask(self, number: object = MILAN, **fields: object) -> dict[str, Any]:
        question = {
            "v": 1,
            "tenant": "acme",
            "number": number,
            "did": "",
            "trunk": "",
            "asked_at_ms": int(self.now() * 1000),
            "time_left_ms": 1000,
            "refresh": False,
        }
        # What travels between functions is JSON.
        answer: dict[str, Any] = json.loads(json.dumps(search(question | fields, self.office)))
        return answer


@pytest.fixture
def function() -> Lambda:
    return Lambda()


def test_a_caller_whom_the_crm_knows_is_answered_with_the_stored_card(function: Lambda) -> None:
    function.crm.contacts["7"] = record("odoo:7", "02 44556677")
    answer = function.ask("0244556677")
    assert (answer["outcome"], answer["reason"]) == ("found", "")
    [card] = map(read_sent_card, answer["cards"])
    [stored] = function.stores.calls.read("acme", [MILAN], timeout_s=1).cards.values()
    assert card == stored


def test_a_caller_whom_nobody_knows_is_answered_so(function: Lambda) -> None:
    assert function.ask() == {"outcome": "unknown", "reason": "", "cards": []}


def test_a_crm_that_is_down_is_named(function: Lambda) -> None:
    def fail() -> None:
        raise UnavailableError("server")

    function.crm.before = fail
    assert function.ask() == {"outcome": "degraded", "reason": "odoo:server", "cards": []}


def test_a_store_that_is_down_is_told_from_a_crm(function: Lambda) -> None:
    function.stores.dynamo.unprocessed = 1
    assert function.ask() == {"outcome": "degraded", "reason": "store:unprocessed", "cards": []}


def test_a_search_of_another_phone_that_takes_too_long_is_told_from_a_miss(
    function: Lambda,
) -> None:
    function.office.callers("acme").claim(MILAN, until=function.now() + 10)
    assert function.ask() == {"outcome": "degraded", "reason": "other_late", "cards": []}
    assert not function.crm.asked


def test_a_tenant_that_is_gone_is_no_miss(function: Lambda) -> None:
    answer = function.ask(tenant="bell")
    assert (answer["outcome"], answer["reason"]) == ("degraded", "no_tenant")


def test_what_breaks_is_no_miss_and_is_counted_as_an_error(
    function: Lambda, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = function.office._replace(contacts=lambda _tenant: None)  # type: ignore[arg-type, return-value]
    function.office = broken
    function.crm.contacts["7"] = record("odoo:7", MILAN, last_name=MARKED)
    assert function.ask() == {"outcome": "degraded", "reason": "error", "cards": []}
    line = json.loads(capsys.readouterr().out)
    assert line["outcome"] == "error"
    assert line["reason"].startswith("AttributeError in ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant", ""),
        ("tenant", "a#b"),
        ("tenant", None),
        ("number", 390244556677),
        ("did", None),
        ("asked_at_ms", "now"),
        ("time_left_ms", True),
    ],
)
def test_what_is_no_question_is_refused_by_the_name_of_the_field(
    function: Lambda, field: str, value: object
) -> None:
    with pytest.raises(PayloadError) as refused:
        function.ask(**{field: value})
    assert refused.value.field == field


def test_a_connection_is_kept_and_read_again_after_a_while(function: Lambda) -> None:
    for number in (MILAN, "+390244556678"):
        function.ask(number)
    assert function.built == [("acme", "odoo", "IT")]
    function.stores.now_s += KEPT_S
    function.ask("+390244556679")
    assert len(function.built) == 2


def test_new_secrets_are_used_as_soon_as_the_old_ones_are_refused(function: Lambda) -> None:
    def refuse() -> None:
        raise RejectedError("credentials")

    function.crm.before = refuse
    assert function.ask()["reason"] == "odoo:credentials"
    function.stores.now_s += 60
    function.ask("+390244556678")
    fresh = ScriptedCrm("odoo", record("odoo:7", MILAN), secrets={"api_key": "another"})
    function.crm, function.secrets = fresh, {"api_key": "another"}
    function.stores.now_s += 60
    assert function.ask()["outcome"] == "found"


@pytest.mark.parametrize("breaks", [False, True])
def test_the_log_says_what_happened_and_to_nobody(
    function: Lambda, capsys: pytest.CaptureFixture[str], *, breaks: bool
) -> None:
    def fail() -> None:
        raise KeyError(f"{MARKED} {MILAN} s3cret-key")

    function.crm.contacts["7"] = record("odoo:7", MILAN, last_name=MARKED)
    if breaks:
        function.crm.before = fail
    function.ask("0244556677", did="0299887766", trunk="0299887766")
    captured = capsys.readouterr()
    text = captured.out + captured.err
    for marker in (MARKED, "44556677", "99887766", "s3cret-key"):
        assert marker not in text
    line = json.loads(captured.out.splitlines()[-1])
    assert (line["tenant"], line["Searches"]) == ("acme", 1)
    assert line["outcome"] == ("degraded" if breaks else "found")


def test_a_search_that_ends_after_the_caller_gave_up_says_so(
    function: Lambda, capsys: pytest.CaptureFixture[str]
) -> None:
    def dawdle() -> None:
        function.stores.now_s += 3

    function.crm.before = dawdle
    function.ask()
    assert json.loads(capsys.readouterr().out)["late"] is True
