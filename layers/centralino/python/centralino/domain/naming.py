"""Naming: what a label may be made of, worked out when a contact is written.

A name is cleaned (`domain/characters.py`), taken apart, and written out as a ladder of rungs, the
longest first; `domain/label.py` picks the first that fits. A person keeps the surname whole
(`domain/people.py`)::

    Dott. Mario Rossi -> Mario Rossi -> M. Rossi -> Rossi

A company loses its legal form (`domain/legal_forms.py`), its generic words are shortened from the
left, then dropped from the left, and the distinctive one stays (`domain/companies.py`)::

    Officine Meccaniche Rossi S.r.l. -> Officine Meccaniche Rossi -> Off Meccaniche Rossi
        -> Off Mecc Rossi -> Mecc Rossi -> Rossi

A name that is not ASCII gets a second ladder in ASCII, spelled by a library that knows every
script, and, where its graphemes are not all one code point and one column, their measures. None of
these modules but `domain/label.py` and `domain/characters.py` is on the call path.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import regex
from anyascii import anyascii
from wcwidth import wcswidth

from centralino.domain.characters import clean, is_ordinary
from centralino.domain.companies import company_key, company_rungs, company_words
from centralino.domain.label import MAX_COLUMNS
from centralino.domain.legal_forms import ends_in_legal_form
from centralino.domain.people import Person, full_name, person_rungs, take_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_NAME = 120

_GRAPHEMES = regex.compile(r"\X")
_NO_LETTERS = regex.compile(r"[\p{So}\p{Sk}\p{Regional_Indicator}\p{Cf}\p{Variation_Selector}]+")
_CASED = regex.compile(r"\p{Lu}|\p{Ll}")
_LATIN = regex.compile(r"[\p{Latin}\p{Common}\p{Inherited}]*")


class Naming(NamedTuple):
    """What a contact's names come to.

    Attributes:
        parts: what labels are made of, compact plain JSON (`domain/label.py` says what is in it).
        person: equal for two contacts that are the same person; empty for a company's own entry.
        company_key: equal for two contacts of the same company; empty without one.
        name: the full name, for the structured answers; the company's where there is no person.
    """

    parts: dict[str, Any]
    person: str
    company_key: str
    name: str


def name_contact(first_name: str, last_name: str, company: str) -> Naming:
    """Work out what labels are made of from a contact's names.

    Any of the names may be empty, and a full name may come in either field. Without a company, a
    single name that ends in a legal form is taken for one.

    Args:
        first_name: as the source has it, with titles and nicknames.
        last_name: as the source has it, with particles (`De Luca`, `van den Berg`).
        company: as the source has it, with its legal form.
    """
    if not company and not (first_name and last_name):
        single = clean(last_name or first_name)
        if ends_in_legal_form(single):
            first_name, last_name, company = "", "", single
    parts: dict[str, Any] = {}
    name = key = shared = ""
    person = take_apart(first_name, last_name)
    if person.first or person.last:
        name = full_name(person)
        key = " ".join(sorted(_comparable(person.first + " " + person.last).split()))
        _put(parts, "p", person_rungs(person, _columns))
        if not name.isascii():
            folded = _folded(person, _to_ascii)
            if not folded.first and not folded.last:
                folded = _folded(person, _name_emoji)
            _put_folded(parts, "p", person_rungs(folded))
    company = clean(company)
    if company:
        company_parts, shared = _name_company(company)
        parts |= company_parts
    return Naming(parts, key, shared, _shown(name or company))


@lru_cache(1024)  # in an export the people of one company are many, and often one after the other
def _name_company(company: str) -> tuple[Mapping[str, Any], str]:
    """Return what labels of a company are made of, and what is equal for its contacts."""
    parts: dict[str, Any] = {}
    words = company_words(company)
    _put(parts, "c", company_rungs(words, _columns))
    if not company.isascii():
        text = " ".join(words)
        _put_folded(parts, "c", company_rungs((_to_ascii(text) or _name_emoji(text)).split()))
    return parts, company_key(_comparable(" ".join(words)).split())


def _folded(person: Person, spell: Callable[[str], str]) -> Person:
    return person._replace(
        title=spell(person.title),
        first=spell(person.first),
        nickname=spell(person.nickname),
        last=spell(person.last),
        degree=spell(person.degree),
    )


def _put(parts: dict[str, Any], key: str, rungs: Sequence[str]) -> None:
    """Keep a ladder without what is too wide for any phone, and its measures where it has some."""
    kept = [rung for rung in rungs[:-1] if _columns(rung) <= MAX_COLUMNS] + [*rungs[-1:]]
    parts[key] = kept
    if all(map(str.isascii, kept)):
        return
    widths = [_columns(rung) for rung in kept]
    if widths != list(map(len, kept)):
        parts[key + "w"] = widths
    runs = _runs(kept[-1])
    if runs[1:] != [1, 1]:
        parts[key + "r"] = runs


def _put_folded(parts: dict[str, Any], key: str, rungs: Sequence[str]) -> None:
    """Keep the ladder in ASCII; an empty one says that there is no such spelling."""
    kept = [rung for rung in rungs[:-1] if len(rung) <= MAX_COLUMNS] + [*filter(None, rungs[-1:])]
    if kept != parts[key]:
        parts[key + "a"] = kept


def _columns(text: str) -> int:
    if is_ordinary(text):
        return len(text)
    return sum(_width(grapheme) for grapheme in _GRAPHEMES.findall(text))


@lru_cache(4096)
def _width(grapheme: str) -> int:
    return min(2, max(1, wcswidth(grapheme)))


def _runs(text: str) -> list[int]:
    """Measure graphemes, run by run: how many, of how many code points, of how many columns."""
    if is_ordinary(text):
        return [len(text), 1, 1]
    runs: list[list[int]] = []
    for grapheme in _GRAPHEMES.findall(text):
        shape = [len(grapheme), _width(grapheme)]
        if runs and runs[-1][1:] == shape:
            runs[-1][0] += 1
        else:
            runs.append([1, *shape])
    return [number for run in runs for number in run]


def _to_ascii(text: str) -> str:
    """Spell the letters of a clean text in ASCII, without its emoji and symbols."""
    if text.isascii():
        return text
    letters = _NO_LETTERS.sub(" ", text)
    # A backquote stands for a letter of Arabic that no phone shows so.
    spelled = clean(anyascii(letters).replace("`", ""))
    if _CASED.search(letters):
        return spelled
    # Scripts without capitals come out in small letters, which is no way to write a name.
    return " ".join(word[:1].upper() + word[1:] for word in spelled.split())


def _name_emoji(text: str) -> str:
    """Name the emoji of a text that has nothing else."""
    return clean(anyascii(text).replace(":", " ")).capitalize()


def _comparable(text: str) -> str:
    """Write a name so that capitals and, in Latin letters, accents make no difference."""
    if text.isascii():
        return text.lower()
    return anyascii(text).lower() if _LATIN.fullmatch(text) else text.casefold()


def _shown(name: str) -> str:
    if len(name) <= MAX_NAME:
        return name
    kept = ""
    for grapheme in _GRAPHEMES.findall(name):
        if len(kept) + len(grapheme) > MAX_NAME:
            break
        kept += grapheme
    return kept.rstrip()
