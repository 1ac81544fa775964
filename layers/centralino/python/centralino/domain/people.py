"""People: a name taken apart, and how it grows shorter while the surname stays whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import regex

from centralino.domain.characters import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TITLES = frozenset(
    """
dott dottssa dottoressa dr drssa dra drs prof profssa professor professore ing avv arch
geom rag sig sigra sigrina signor signora signorina egr gentma spett mr mrs ms miss mx sir dame rev
mme mlle madame monsieur herr frau hr dipling diplkfm mag sra srta sr don dona dhr mevr ir
""".split()
)
_DEGREES = frozenset(
    "jr sr ii iii iv phd md dds esq mba cpa msc bsc ma ba llm llb rn cfa pmp obe cbe mbe".split()
)
# What a surname may begin with, in a field that holds the first name as well.
_PARTICLES = frozenset(
    """
de di da del della dello dei degli delle dal dalla d la le lo li van von vom vander der den ter ten
te zu zur zum du des dos das do el al bin ibn ben abu abd af av mac mc st san santa saint 't op
""".split()
)
_NICKNAME = regex.compile(r"[\"“”„«]([^\"“”„«»]*)[\"“”»]|\(([^()]*)\)")
_QUOTES = frozenset('"“„«(')
_SURNAME_FIRST = regex.compile(
    r"[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Bopomofo}\u30fc\u30fb\s]+"
)
_NATIVE = regex.compile(r"[\p{Han}\p{Hangul}\p{Hiragana}\p{Bopomofo}]")
_INITIAL = regex.compile(r"[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}]\p{M}*")


class Person(NamedTuple):
    """A person's name, clean and taken apart; every part may be empty.

    Attributes:
        surname_first: written as in Chinese, Japanese and Korean: the surname first, no blank.
    """

    title: str = ""
    first: str = ""
    nickname: str = ""
    last: str = ""
    degree: str = ""
    surname_first: bool = False


def take_apart(first_name: str, last_name: str) -> Person:
    """Take a person's name apart; either field may hold all of it.

    Args:
        first_name: as the source has it.
        last_name: as the source has it.
    """
    first_name, nickname = _without_nickname(first_name)
    last_name, other = _without_nickname(last_name)
    nickname = nickname or other
    first, last = clean(first_name), clean(last_name)
    if first and last:
        first, last = _without_repetition(first, last)
    elif first or last:
        first, last = _split(first_name if first else last_name)
    title, first = _title(first)
    if not first and not title:
        title, last = _title(last)
    degree, last = _degree(last)
    both = first + last
    native = not both.isascii() and bool(
        _SURNAME_FIRST.fullmatch(both) and _NATIVE.search(both) and first and last
    )
    return Person(title, first, nickname, last, degree, native)


def full_name(person: Person) -> str:
    """Write the whole name: title, nickname and degree too."""
    names = [person.last + person.first] if person.surname_first else [person.first, person.last]
    nickname = f"({person.nickname})" if person.nickname else ""
    names.insert(1, nickname)
    return _join(person.title, *names, person.degree)


def person_rungs(person: Person, measure: Callable[[str], int] = len) -> list[str]:
    """Write a person's name shorter and shorter; the last rung is the surname, whole.

    Args:
        person: a name that was taken apart.
        measure: counts the columns of a text.

    Returns:
        Rungs, each narrower than the one before.
    """
    first, last = person.first, person.last
    ways = [full_name(person)]
    if person.surname_first:
        blank = " " if first.isascii() else ""
        ways = [_join(person.title, last + blank + first), last + blank + first, last]
    elif not last:
        ways += [_join(person.title, first), first]
        names = first.split()
        if len(names) > 1:
            ways += [_join(names[0], *_initials(names[1:])), names[0]]
    else:
        ways += [
            _join(person.title, first, last, person.degree),
            _join(first, last, person.degree),
            _join(first, last),
        ]
        names = first.split()
        if len(names) > 1:
            ways.append(_join(names[0], *_initials(names[1:]), last))
            ways.append(_join("".join(_initials(names)), last))
        if names and _initials(names[:1]):
            ways.append(_join(_hyphened(names[0]), last))
            ways.append(_join(_initials(names[:1])[0], last))
        ways.append(last)
    rungs = ways[:1]
    narrowest = measure(rungs[0])
    for way in ways[1:]:
        width = measure(way)
        if way and width < narrowest:
            rungs.append(way)
            narrowest = width
    return rungs


def _join(*words: str) -> str:
    return " ".join(word for word in words if word)


def _plain(word: str) -> str:
    return word.lower().replace(".", "").replace("-", "")


def _without_nickname(name: str) -> tuple[str, str]:
    if not _QUOTES.isdisjoint(name):
        found = _NICKNAME.search(name)
        if found:
            rest = name[: found.start()] + " " + name[found.end() :]
            if clean(rest):
                return rest, clean(found[1] or found[2] or "")
    return name, ""


def _without_repetition(first: str, last: str) -> tuple[str, str]:
    """Drop a name that stands in both fields: `Mario` with `Mario Rossi`."""
    if last.lower().startswith(first.lower() + " "):
        return first, last[len(first) + 1 :]
    if first.lower().endswith(" " + last.lower()):
        return first[: -len(last) - 1], last
    return first, last


def _split(name: str) -> tuple[str, str]:
    """Split a full name into first name and surname; one word is a surname."""
    surname, comma, first = name.partition(",")
    if comma and clean(surname) and clean(first):
        behind = _plain(clean(first))
        if behind in _TITLES:
            name = first + " " + surname
        elif behind in _DEGREES:
            name = surname + " " + first
        else:
            return clean(first), clean(surname)
    words = clean(name).split()
    titles = 0
    while titles < len(words) - 1 and _plain(words[titles]) in _TITLES:
        titles += 1
    names = words[titles:]
    last = len(names)
    while last > 1 and _plain(names[last - 1]) in _DEGREES:
        last -= 1
    if last == 1:
        at = 0
    elif not name.isascii() and _NATIVE.search(name):
        # Chinese, Japanese and Korean: the surname comes first.
        return " ".join(names[1:]), names[0]
    elif names[0].isupper() and not names[1].isupper() and len(names[0]) > 1:
        # `ROSSI Mario`: capitals tell the surname.
        return " ".join([*words[:titles], *names[1:last]]), " ".join([names[0], *names[last:]])
    else:
        at = _surname_at(names[:last])
    return " ".join([*words[:titles], *names[:at]]), " ".join(names[at:])


def _surname_at(names: Sequence[str]) -> int:
    """Find where the surname begins: at its first particle, or else it is the last word."""
    for at, word in enumerate(names[:-1]):
        if word.lower().replace("'", "") in _PARTICLES or word.lower() in _PARTICLES:
            return at
    return len(names) - 1


def _title(name: str) -> tuple[str, str]:
    """Split the titles off the beginning of a name."""
    words = name.split()
    at = 0
    while at < len(words) and _plain(words[at]) in _TITLES:
        at += 1
    if at == len(words) and at and "." not in words[-1]:
        # `Don` or `Ing` alone is a first name.
        at -= 1
    return " ".join(words[:at]), " ".join(words[at:])


def _degree(name: str) -> tuple[str, str]:
    """Split degrees and generations off the end of a surname."""
    words = name.split()
    at = len(words)
    while at > 1 and _plain(words[at - 1]) in _DEGREES:
        at -= 1
    return " ".join(words[at:]), " ".join(words[:at])


def _initials(names: Sequence[str]) -> list[str]:
    """Write the initials of names; none where a script has none."""
    found = [_INITIAL.match(name) for name in names]
    return [letter[0] + "." for letter in found if letter]


def _hyphened(name: str) -> str:
    """Write the initials of a hyphened name: Jean-Pierre -> J.-P."""
    return "-".join(_initials([part for part in name.split("-") if part]))
