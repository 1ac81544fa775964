"""Who a caller is by a code, and what a node makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino.application.compile_nodes import compile_nodes
from centralino.application.identify_caller import (
    Identified,
    codes_to_read,
    identify_caller,
    node_destination,
    node_verdict,
    possible_codes,
)
from centralino.domain.customer import Customer, History, code_digits
from centralino.domain.destination import Destination
from centralino.ports.route_read import CustomerRead, Found, Talk

if TYPE_CHECKING:
    from typing import Any

    from centralino.domain.routing import Node

NOW = 1_800_000_000.0
PAYING = Customer("IT00743110157", "Officine Rossi", "active", plan="gold", tags=("vip",))
EXPIRED = Customer("DE136695976", "Alt GmbH", "active", ends_at=int(NOW), plan="bronze")
PENDING = Customer("K123456", "Bianchi", "pending")
TWINS = (Customer("A777", "Uno"), Customer("B777", "Due"))
OFFICE = {c.code: c for c in (PAYING, EXPIRED, PENDING, *TWINS)}
SUPPORT, SALES, GOLD = (Destination("queue", name) for name in ("600", "601", "602"))


def node(**fields: Any) -> Node:  # noqa: ANN401 - any field
    written = {"codes": ["vat", "pattern:[A-Z]\\d{3,6}"], "yes": "queue:600", "no": "queue:601"}
    return compile_nodes({"code": {**written, **fields}}, {})["code"]


def read(sought: tuple[str, ...]) -> Found:
    """Read some codes and digits as the store does in one round trip."""
    return Found(
        customers={code: OFFICE[code] for code in sought if code in OFFICE},
        spelled={
            digits: sorted(code for code in OFFICE if code_digits(code) == digits)
            for digits in sought
        },
    )


def identify(at: Node, typed: str, talk: Talk | None = None) -> Identified:
    """Identify a caller in two round trips."""
    found = read(codes_to_read(at, typed))._replace(talk=talk)
    codes = possible_codes(at, typed, found)
    customers = {code: CustomerRead(OFFICE.get(code), History(calls=1)) for code in codes}
    return identify_caller(at, typed, customers, talk)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("00743110157", "IT00743110157"),
        ("IT 00743110157", "IT00743110157"),
        ("136695976#", "DE136695976"),
        ("123456", "K123456"),
        ("A777", "A777"),
    ],
)
def test_a_code_identifies_its_customer_with_the_history(typed: str, code: str) -> None:
    identified = identify(node(), typed)
    assert identified == Identified("known", code, CustomerRead(OFFICE[code], History(calls=1)))


@pytest.mark.parametrize(
    ("typed", "state"),
    [
        ("777", "several"),
        ("02866820240", "unknown"),
        ("99999999999999", "malformed"),
        ("", "silent"),
        ("#", "silent"),
        ("**", "silent"),
    ],
)
def test_what_is_nobodys_code_or_more_than_one_identifies_nobody(typed: str, state: str) -> None:
    identified = identify(node(), typed)
    assert (identified.state, identified.code, identified.customer) == (state, "", None)
    assert node_destination(node(), identified, NOW) == SALES
    assert not node_verdict(node(), identified, NOW).yes


@pytest.mark.parametrize("mode", ["check", "route", "entered"])
def test_of_two_customers_with_one_code_none_is_taken_in_any_mode(mode: str) -> None:
    assert identify(node(mode=mode), "777") == Identified("several")


def test_nothing_is_read_for_what_can_be_no_code() -> None:
    assert codes_to_read(node(), "99999999999999") == ()
    assert codes_to_read(node(codes=["any"]), "#") == ()


def test_a_code_that_everybody_shares_reads_no_more_than_one_batch() -> None:
    shared = [f"X{n}Y" for n in range(1, 2)] + [f"{a}{b}1" for a in "ABCDE" for b in "ABCDEFGH"]
    found = Found(spelled={"1": shared})
    assert len(possible_codes(node(codes=["any"]), "1", found)) == 20


def test_a_customer_who_was_deleted_meanwhile_is_unknown() -> None:
    gone = {"IT00743110157": CustomerRead(None, History())}
    assert identify_caller(node(), "00743110157", gone).state == "unknown"


@pytest.mark.parametrize(
    ("typed", "yes", "destination"),
    [("00743110157", True, SUPPORT), ("136695976", False, SALES), ("123456", False, SALES)],
)
def test_checking_says_yes_to_who_has_an_active_contract(
    typed: str, yes: bool, destination: Destination
) -> None:
    at = node(mode="check")
    assert node_verdict(at, identify(at, typed), NOW).yes is yes
    assert node_destination(at, identify(at, typed), NOW) == destination


def test_a_contract_ends_at_its_instant_and_not_before() -> None:
    at = node(mode="check")
    assert not node_verdict(at, identify(at, "136695976"), NOW).yes
    assert node_verdict(at, identify(at, "136695976"), NOW - 1).yes


@pytest.mark.parametrize(
    ("typed", "destination"),
    [
        ("00743110157", GOLD),
        ("136695976", Destination("ivr", "3")),
        ("123456", SALES),
        ("999", SALES),
    ],
)
def test_routing_takes_the_first_that_holds_of_plan_status_and_tag(
    typed: str, destination: Destination
) -> None:
    by = {"plan:Gold": "queue:602", "tag:vip": "queue:1", "status:expired": "ivr:3"}
    at = node(mode="route", by=by)
    assert node_destination(at, identify(at, typed), NOW) == destination


def test_without_destinations_a_call_goes_on_with_the_rules() -> None:
    at = node(mode="check", yes=None, no="")
    assert node_destination(at, identify(at, "00743110157"), NOW) is None
    assert node_destination(at, identify(at, "999"), NOW) is None


@pytest.mark.parametrize(
    ("typed", "code", "yes"),
    [
        ("02866820240", "02866820240", True),
        ("00743110157", "IT00743110157", True),
        ("136695976", "DE136695976", True),
        ("777", "", False),
        ("888", "888", True),
        ("99999999999999", "", False),
        ("", "", False),
    ],
)
def test_entering_a_code_is_enough_whoever_has_it(typed: str, code: str, yes: bool) -> None:
    at = node(mode="entered")
    identified = identify(at, typed)
    assert identified.code == code
    assert node_verdict(at, identified, NOW).yes is yes
    assert node_destination(at, identified, NOW) == (SUPPORT if yes else SALES)


def test_a_verdict_tells_what_is_known_of_the_customer() -> None:
    verdict = node_verdict(node(), identify(node(), "136695976"), NOW)
    assert verdict.code == "DE136695976"
    assert verdict.data == {"name": "Alt GmbH", "status": "expired", "plan": "bronze"}
    assert node_verdict(node(), identify(node(), "777"), NOW).data == {}


def test_a_customer_who_was_read_for_another_reason_is_not_taken_for_the_code() -> None:
    known_by_number = {code: CustomerRead(OFFICE[code], History()) for code in OFFICE}
    assert identify_caller(node(), "136695976", known_by_number).code == "DE136695976"
    assert identify_caller(node(), "02866820240", known_by_number).state == "unknown"


@pytest.mark.parametrize("typed", ["136695976", "", "junk"])
def test_a_conversation_that_found_a_customer_keeps_to_it(typed: str) -> None:
    talk = Talk("code", asked=1, version=1, code="IT00743110157")
    assert identify(node(), typed, talk).code == "IT00743110157"


def test_another_nodes_conversation_does_not_count() -> None:
    talk = Talk("other", asked=1, version=1, code="IT00743110157")
    assert identify(node(), "136695976", talk).code == "DE136695976"
