from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.adapters.store.table import read_holder, write_holder
from centralino.application.index_contact import index_contact
from centralino.domain.card import (
    Card,
    Choice,
    Holder,
    choose,
    read_sent_card,
    write_card,
)
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.settings import Line


def made(contact: str, **fields: Any) -> Holder:  # noqa: ANN401 - any of a holder's fields
    return Holder(contact)._replace(**fields)


def winner(*holders: Holder, priority: tuple[str, ...] = (), unseen: int = 0) -> Choice:
    return choose(holders, unseen, priority)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (made("odoo:2", kind="switchboard"), made("hubspot:1", kind="mobile", primary=True)),
        (made("odoo:2", kind="direct"), made("odoo:1", kind="switchboard", primary=True)),
        (made("odoo:2", kind="switchboard"), made("odoo:1", kind="fax")),
        (made("odoo:2", primary=True), made("odoo:1", updated_at_ms=9)),
        (made("odoo:2", updated_at_ms=9), made("odoo:1", updated_at_ms=8)),
        (made("odoo:1"), made("odoo:2")),
        (made("odoo:1"), made("zendesk:1")),
        (made("aaa:9", kind="fax"), made("bbb:1")),
    ],
)
def test_the_better_holder_wins_whichever_comes_first(better: Holder, worse: Holder) -> None:
    priority = ("odoo", "hubspot")

    assert winner(better, worse, priority=priority).holder is better
    assert winner(worse, better, priority=priority).holder is better


def test_one_person_known_to_two_crms_counts_once() -> None:
    choice = winner(made("a:1", person="mario rossi"), made("b:7", person="mario rossi"))

    assert choice.others == 0
    assert choice.lost == (("b:7", "same person"),)


def test_one_customer_code_counts_once_whatever_the_names() -> None:
    choice = winner(
        made("a:1", person="mario rossi", customer_code="IT01"),
        made("b:7", person="rossi mario", customer_code="IT01"),
    )

    assert choice.others == 0


def test_colleagues_whose_company_is_one_customer_show_their_company() -> None:
    choice = winner(
        made("a:1", person="sara villa", company_key="edilnord", customer_code="IT01"),
        made("a:2", person="luca greco", company_key="edilnord", customer_code="IT01"),
    )

    assert (choice.others, choice.company) == (0, True)


def test_a_third_entry_can_show_that_two_others_are_one_person() -> None:
    choice = winner(
        made("a:1", person="mario rossi"),
        made("a:2", person="m. rossi", customer_code="IT01"),
        made("a:3", person="mario rossi", customer_code="IT01"),
    )

    assert choice.others == 0


def test_colleagues_on_one_number_show_their_company() -> None:
    choice = winner(
        made("a:1", person="mario rossi", company_key="acme"),
        made("a:2", person="anna verdi", company_key="acme"),
        made("a:3", company_key="acme"),
    )

    assert choice.company
    assert choice.others == 2


def test_one_colleague_alone_shows_by_name() -> None:
    assert not winner(made("a:1", person="mario rossi", company_key="acme")).company


def test_strangers_on_one_number_show_the_first_and_how_many_more() -> None:
    choice = winner(
        made("a:1", person="mario rossi", company_key="acme"),
        made("a:2", person="anna verdi", company_key="other"),
        made("a:3", person="ugo bianchi"),
    )

    assert (choice.holder.id, choice.others, choice.company) == ("a:1", 2, False)


def test_holders_beyond_the_card_are_counted_as_others() -> None:
    choice = winner(made("a:1", person="x"), made("a:2", person="y"), unseen=2980)

    assert choice.others == 2981


def test_a_contact_without_a_name_does_not_hide_one_that_has_one() -> None:
    named = made("z:9", kind="fax", parts={"p": ["Mario Rossi"]}, person="mario rossi")

    choice = winner(made("api:1", primary=True), named, priority=("api",))

    assert (choice.holder, choice.others) == (named, 0)
    assert choice.lost == (("api:1", "has no name"),)


@given(
    st.lists(
        st.builds(
            Holder,
            id=st.builds("{}:{}".format, st.sampled_from("abc"), st.integers(0, 20)),
            kind=st.sampled_from(["mobile", "switchboard", "fax", "direct"]),
            primary=st.booleans(),
            person=st.sampled_from(["", "p", "q", "r"]),
            company_key=st.sampled_from(["", "acme", "beta"]),
            customer_code=st.sampled_from(["", "1", "2"]),
            updated_at_ms=st.integers(0, 3),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda holder: holder.id,
    )
)
def test_the_choice_does_not_depend_on_the_order_of_the_holders(holders: list[Holder]) -> None:
    choices = {
        (choice.holder.id, choice.others, choice.company)
        for order in itertools.islice(itertools.permutations(holders), 24)
        for choice in [choose(order, 0, ("b",))]
    }
    shuffled = random.sample(holders, len(holders))

    assert choices == {
        (choice.holder.id, choice.others, choice.company)
        for choice in [choose(shuffled, 0, ("b",))]
    }


def test_a_holders_owner_and_tags_come_back_from_an_item_and_from_another_function() -> None:
    holder = made("a:1", owner="21", tags=("vip", "truck"), parts={"p": ["Rossi"]})
    assert read_holder("a:1", write_holder(holder)) == holder
    [sent] = read_sent_card(json.loads(json.dumps(write_card(Card("+39", (holder,), 1))))).holders
    assert sent == holder


def test_a_card_that_is_older_than_owners_and_tags_is_still_read() -> None:
    old = made("a:1", name="Mario", updated_at_ms=5)
    values = [*old._asdict().values()]
    assert read_holder("a:1", json.dumps(values[1:11])) == old._replace(updated_at_ms=0)
    assert read_holder("a:1", json.dumps(values[1:12])) == old
    assert read_sent_card(["+39", 1, 0, [values[:12]]]).holders == (old,)


def test_a_card_keeps_of_a_contact_the_tags_and_the_owner_that_it_has_room_for() -> None:
    contact = Contact(
        "a:1",
        1,
        last_name="Rossi",
        numbers=(ContactNumber("+390244556677"),),
        owner="x" * 65,
        tags=("y" * 65, *(f"tag {n}" for n in range(30))),
    )
    [holder] = index_contact(contact, Line()).holders.values()
    assert holder.owner == ""
    assert holder.tags == tuple(f"tag {n}" for n in range(20))
    named = index_contact(contact._replace(owner="Anna"), Line()).holders["+390244556677"]
    assert named.owner == "Anna"
