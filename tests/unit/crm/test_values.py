"""What a CRM sends is taken for what it is, and what it holds can always be indexed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralino.application import index_contact as indexing
from centralino.application.index_contact import index_contact
from centralino.application.trim_contact import trim_contact
from centralino.domain import crm_values
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.crm_values import (
    as_dict,
    as_list,
    as_milliseconds,
    as_text,
    as_whole,
    is_among,
    read_json,
)
from centralino.domain.errors import PayloadError
from centralino.domain.settings import Line

# Also what JSON can hold and UTF-8 can't.
TEXTS = st.text(st.characters(), max_size=700) | st.sampled_from(["\ud800", "a" * 2000, " \n\x00 "])
NUMBERS = st.builds(ContactNumber, TEXTS, st.sampled_from(["mobile", "work", "?"]), st.booleans())
CONTACTS = st.builds(
    Contact,
    id=st.just("generic:1"),
    version=st.integers(-(2**70), 2**70),
    first_name=TEXTS,
    last_name=TEXTS,
    company=TEXTS,
    numbers=st.lists(NUMBERS, max_size=60).map(tuple),
    customer_code=TEXTS,
    owner=TEXTS,
    tags=st.lists(TEXTS, max_size=60).map(tuple),
    status=TEXTS,
    url=TEXTS.map("https://crm.example.com/{}".format),
)


@given(CONTACTS)
def test_whatever_a_crm_holds_of_a_contact_can_be_indexed_and_stored(contact: Contact) -> None:
    trimmed = trim_contact(contact)
    indexed, _ = index_contact(trimmed, Line(country="IT"))
    assert 1 <= indexed.version <= crm_values.MAX_WHOLE
    texts = [value for value in indexed if isinstance(value, str)]
    texts += [*indexed.tags, *(number.number for number in indexed.numbers)]
    "".join(texts).encode()  # half a surrogate pair has no UTF-8
    assert trim_contact(trimmed) == trimmed


def test_a_number_that_is_there_twice_is_kept_once_and_as_the_one_to_dial() -> None:
    twice = (ContactNumber("02 1", "work"), ContactNumber("02 1 ", "mobile", primary=True))
    contact = trim_contact(Contact(id="generic:1", version=1, numbers=twice))
    assert contact.numbers == (ContactNumber("02 1", "mobile", primary=True),)


def test_an_address_that_is_too_long_is_left_out_and_not_cut() -> None:
    for url in ("https://a.it/" + "x" * 500, "javascript:alert(1)", "crm.example.com"):
        assert trim_contact(Contact(id="generic:1", version=1, url=url)).url == ""


def test_texts_are_cut_where_the_index_would_refuse_them() -> None:
    assert crm_values.MAX_TEXT == indexing.MAX_TEXT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Ada\n\tRossi\x00 ", "Ada Rossi"),
        (17, "17"),
        (True, ""),
        (False, ""),
        (None, ""),
        (1.5, ""),
        ([], ""),
        ({"a": 1}, ""),
        (10**400, ""),
        ("a\ud800b", "ab"),
    ],
)
def test_a_text_is_what_a_person_would_read(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("5", 5),
        (0, 0),
        (-1, 0),
        (2**53, 0),
        ("9" * 17, 0),
        ("\u0665", 0),
        (True, 0),
        (1.0, 0),
        (None, 0),
        ([], 0),
    ],
)
def test_a_whole_number_is_one_that_can_be_counted_with(value: object, number: int) -> None:
    assert as_whole(value) == number


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("2026-11-21T10:00:00Z", 1795255200000),
        ("2026-11-21T10:00:00.123Z", 1795255200123),
        ("2026-11-21T11:00:00+01:00", 1795255200000),
        ("2026-11-21 10:00:00", 1795255200000),
        (1795255200000, 1795255200000),
        ("1795255200000", 1795255200000),
        ("1960-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00+14:00", 0),
        ("yesterday", 0),
        ("", 0),
        (None, 0),
        ({}, 0),
    ],
)
def test_a_time_is_read_in_every_spelling_that_crms_use(value: object, milliseconds: int) -> None:
    assert as_milliseconds(value) == milliseconds


def test_what_is_no_object_and_no_list_is_an_empty_one() -> None:
    for value in (None, "x", 1, True):
        assert as_dict(value) == {}
        assert as_list(value) == []
    assert as_dict([1]) == {}
    assert as_list({"a": 1}) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_a_body_that_is_no_json_is_refused_without_a_word_of_it(body: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        read_json(body)
    assert str(caught.value) == "body: expected JSON"
    assert caught.value.__cause__ is None


def test_a_number_is_known_in_whatever_spelling_somebody_has_it() -> None:
    ada = Contact(id="generic:1", version=1, numbers=(ContactNumber("02 / 4455-6677"),))
    assert is_among("+390244556677", [ada], "IT")
    assert not is_among("+390244556677", [ada], "DE")
    assert not is_among("+390244556678", [ada], "IT")
    assert not is_among("+390244556677", [], "IT")
