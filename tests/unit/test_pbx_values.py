"""Text as it goes into forms and XML, and as it comes out again."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlencode

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from centralino.domain.pbx_values import (
    attestation,
    form,
    is_among,
    is_audio,
    is_number,
    is_url,
    is_word,
    percent,
    plain,
    read_form,
    xml,
)
from centralino.ports.pbx import node_url, read_language
from tests.support.pbx import received

ANY_TEXT = st.text(st.characters(codec=None), max_size=200)  # halves of surrogate pairs too


@given(ANY_TEXT)
def test_what_is_left_of_a_text_is_left_of_it_for_good(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    plain(text).encode("utf-8")


@given(ANY_TEXT)
def test_a_text_in_xml_is_read_as_it_is(text: str) -> None:
    root = fromstring(f'<a b="{xml(text)}">{xml(text)}</a>')
    assert (root.text or "", root.attrib["b"]) == (plain(text), plain(text))


@given(ANY_TEXT)
def test_a_text_in_a_form_is_read_as_it_is(text: str) -> None:
    assert unquote(percent(text), errors="strict") == plain(text)
    assert set(percent(text)) & set("+&=;, ()") == set()


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=50), max_size=5))
def test_a_form_is_read_as_any_browser_writes_it(fields: dict[str, str]) -> None:
    pairs = [(plain(name), plain(value)) for name, value in fields.items() if plain(name)]
    assert read_form(urlencode(pairs).encode()) == pairs
    assert parse_qsl(form(pairs), keep_blank_values=True) == pairs


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form(body: bytes) -> None:
    read_form(body)


@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, 10**30, b"x"])
def test_what_is_no_text_is_empty(value: object) -> None:
    assert plain(value) == ""


def test_a_text_has_an_end() -> None:
    assert len(plain("a" * 10_000)) == 1000
    assert plain(12345) == "12345"


def test_a_signature_is_compared_whatever_it_is() -> None:
    assert is_among("abc", (b"x", b"abc"))
    for given_one in ("", "ab", "abcd", "firm\u00e0", "\udcff", "\x00"):
        assert not is_among(given_one, (b"abc",))
    assert not is_among("", ())


@pytest.mark.parametrize(
    ("word", "letter"),
    [
        ("A", "A"),
        (" b ", "B"),
        ("TN-Validation-Passed-C", "C"),
        ("TN-Validation-Passed", ""),
        ("TN-Validation-Failed-A", "F"),
        ("TN-Validation-Failed", "F"),
        ("F", "F"),
        ("No-TN-Validation", ""),
        ("D", ""),
        ("", ""),
    ],
)
def test_an_attestation_counts_only_if_it_passed(word: str, letter: str) -> None:
    assert attestation(word) == letter


def test_words_numbers_urls_and_files_are_told_apart() -> None:
    assert [is_word(text) for text in ("600", "*98", "a b", "", "a,b", "a" * 65)] == [
        *(True, True),
        *(False, False, False, False),
    ]
    assert [is_number(text) for text in ("+390244556677", "0244556677", "+", "+39 02")] == [
        *(True, False),
        *(False, False),
    ]
    urls = ("https://a.example/b?c=d&e=f", "http://a", "ftp://a", "https://a b", "https://${a}")
    assert [is_url(text) for text in urls] == [True, True, False, False, False]
    prompts = ("custom/vat", "vat.wav", "Your number, please", "vat", "a/${b}")
    assert [is_audio(text) for text in prompts] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("text", "language"),
    [("it", "it"), ("it_IT", "it"), ("de-CH", "de"), ("italian", ""), ("", "")],
)
def test_a_language_is_two_letters(text: str, language: str) -> None:
    assert read_language(text) == language


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a/v1/pbx/x/route", "https://a/v1/pbx/x/identify/vat"),
        ("https://a/v1/k/KEY/pbx/x/route", "https://a/v1/k/KEY/pbx/x/identify/vat"),
        (
            "https://a/prod/v1/pbx/x/identify/tax?key=K&question=2&digits=1&trunk=milan",
            "https://a/prod/v1/pbx/x/identify/vat?key=K&trunk=milan",
        ),
    ],
)
def test_a_node_is_where_the_request_went_with_its_key(url: str, expected: str) -> None:
    assert node_url(received(url, "route")._replace(url=url), "x", "vat") == expected
