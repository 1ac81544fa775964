"""Customer codes: what a caller may have meant by what was typed, or spoken.

A keypad has ten digits, `*` and `#`, so a code is found by its digits alone as well: the store
keeps `code_digits` of every customer's code. What kinds of codes a node takes is said by words:

| word | takes |
|---|---|
| `any` | whatever has a letter or a digit |
| `vat` | a VAT number of any country in `COUNTRIES`; by its digits alone, of any that it fits |
| `vat:IT` | a VAT number of one country |
| `tax:IT` | an Italian tax code (codice fiscale), of a person or of a company |
| `pattern:<regex>` | a code that the regex matches in full, without separators, in either case |
| `digits:<regex>` | digits that it matches: `application/compile_nodes.py` makes it of `pattern:` |

Check digits are python-stdnum's (https://arthurdejong.org/python-stdnum/), one module a country; it
is imported when the first code has to be checked and not before (docs/identification.md says how
to see what that costs).
"""

from __future__ import annotations

import re
from importlib import import_module

from centralino.domain.customer import code_digits, normal_code
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

# Whatever is longer is no code.
MAX_TYPED = 80

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# A telephone's keys, from 2 on.
_KEYPAD = ("ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ")


class _Country(NamedTuple):
    """How one country's VAT numbers are checked, and how they look without letters.

    Attributes:
        module: of python-stdnum.
        prefixes: what may stand before the number, the one to write first.
        shapes: number of digits -> how they make a whole number: `#` is the next digit, `-` one
            that is left out, `?` any letter, and everything else stands for itself. Before a `:`
            stands the module that checks it instead.
        endings: what may stand after the number.
    """

    module: str
    prefixes: tuple[str, ...]
    shapes: dict[int, str]
    endings: tuple[str, ...] = ()


def _plain(*lengths: int) -> dict[int, str]:
    return {length: "#" * length for length in lengths}


# The order is that in which digits alone are tried for `vat`. XI is Northern Ireland. A leading
# zero that a spreadsheet lost is put back where it is the rule (IT, and old numbers of BE and GR).
# Where the letter is the check character (CY, ES, IE), digits alone can't be mistyped visibly; a
# French number whose key has letters is checked by the company number in it.
_COUNTRIES = {
    "AT": _Country("at.uid", ("AT",), {8: "U########"}),
    "BE": _Country("be.vat", ("BE",), {10: "##########", 9: "0#########"}),
    "BG": _Country("bg.vat", ("BG",), _plain(9, 10)),
    "CY": _Country("cy.vat", ("CY",), {8: "########?"}),
    "CZ": _Country("cz.dic", ("CZ",), _plain(8, 9, 10)),
    "DE": _Country("de.vat", ("DE",), _plain(9)),
    "DK": _Country("dk.cvr", ("DK",), _plain(8)),
    "EE": _Country("ee.kmkr", ("EE",), _plain(9)),
    "ES": _Country("es.nif", ("ES",), {8: "########?", 7: "X#######?"}),
    "FI": _Country("fi.alv", ("FI",), _plain(8)),
    "FR": _Country(
        "fr.tva",
        ("FR",),
        {11: "###########", 10: "fr.siren:-#########", 9: "fr.siren:#########"},
    ),
    "GR": _Country("gr.vat", ("EL", "GR"), {9: "#########", 8: "0########"}),
    "HR": _Country("hr.oib", ("HR",), _plain(11)),
    "HU": _Country("hu.anum", ("HU",), _plain(8)),
    "IE": _Country("ie.vat", ("IE",), {7: "#######?", 6: "#?#####?"}),
    "IT": _Country("it.iva", ("IT",), {11: "###########", 10: "0##########", 9: "00#########"}),
    "LT": _Country("lt.pvm", ("LT",), _plain(9, 12)),
    "LU": _Country("lu.tva", ("LU",), _plain(8)),
    "LV": _Country("lv.pvn", ("LV",), _plain(11)),
    "MT": _Country("mt.vat", ("MT",), _plain(8)),
    "NL": _Country("nl.btw", ("NL",), {11: "#########B##"}),
    "PL": _Country("pl.nip", ("PL",), _plain(10)),
    "PT": _Country("pt.nif", ("PT",), _plain(9)),
    "RO": _Country("ro.cf", ("RO",), _plain(2, 3, 4, 5, 6, 7, 8, 9, 10, 13)),
    "SE": _Country("se.vat", ("SE",), _plain(12)),
    "SI": _Country("si.ddv", ("SI",), _plain(8)),
    "SK": _Country("sk.dph", ("SK",), _plain(10)),
    "XI": _Country("gb.vat", ("XI",), _plain(9, 12)),
    "GB": _Country("gb.vat", ("GB",), _plain(9, 12)),
    "CH": _Country("ch.uid", ("CHE", "CH"), _plain(9), ("MWST", "TVA", "IVA", "TPV")),
    "NO": _Country("no.orgnr", ("NO",), _plain(9), ("MVA",)),
}
COUNTRIES = tuple(_COUNTRIES)
PREFIXES = {prefix: name for name, c in _COUNTRIES.items() for prefix in c.prefixes}
# Digits of a tax code are year, day (a woman's counts from 41) and municipality: `8510562`.
_TAX_DIGITS = re.compile(r"\d\d(?:0[1-9]|[12]\d|3[01]|4[1-9]|[56]\d|7[01])\d{3}", re.ASCII)


class Spelled(NamedTuple):
    """What something that was typed may be.

    Attributes:
        valid: whether it can be a code of the node at all; if not, there is nothing to look for.
        codes: codes that it may be, as they are normally spelled, what was typed first.
        digits: the digits to look for; empty if there are none.
        others: more digits to look for: a country typed by its keys (`48` for IT) left out, a
            leading zero put back or left out.
        letters: the letters that were typed; on a keypad there are none.
    """

    valid: bool = False
    codes: tuple[str, ...] = ()
    digits: str = ""
    others: tuple[str, ...] = ()
    letters: str = ""

    @property
    def sought(self) -> tuple[str, ...]:
        """All codes and digits to look for, each once: `Beside.codes`."""
        digits = (self.digits, *self.others) if self.digits else ()
        return tuple(dict.fromkeys((*self.codes, *digits)))


def vat_lengths(country: str) -> tuple[int, ...]:
    """Return how many digits a country's VAT numbers may have, without letters."""
    return tuple(_COUNTRIES[country].shapes)


def spellings(typed: str, kinds: Sequence[str]) -> Spelled:
    """Say what something that was typed, or spoken, may be; never raises.

    Args:
        typed: as the PBX delivered it: digits, `*` and `#`, or text.
        kinds: the kinds of codes that are taken; see above. Unknown ones take nothing.
    """
    text = _clean(typed) if len(typed) <= MAX_TYPED else ""
    readings = [reading for kind in kinds for reading in _readings(kind, text)] if text else []
    codes = tuple(dict.fromkeys(filter(None, map(normal_code, readings))))
    digits = tuple(dict.fromkeys(filter(None, map(code_digits, codes))))
    return Spelled(bool(codes), codes, digits[0] if digits else "", digits[1:], _letters(text))


def meant(spelled: Spelled, kinds: Sequence[str], found: Iterable[str]) -> tuple[str, ...]:
    """Return those of some customers' codes that were meant; more than one: nobody knows which.

    Letters decide if there are any. A code that the node doesn't take wasn't asked for, whatever
    its digits.

    Args:
        spelled: what was typed.
        kinds: the kinds of codes that are taken.
        found: codes of customers, as `normal_code` spells them; those that have neither code nor
            digits in `spelled.sought` don't count.
    """
    fitting = [code for code in dict.fromkeys(found) if _fits(spelled, kinds, code)]
    if spelled.letters:
        exact = [code for code in fitting if code in spelled.codes]
        fitting = exact or fitting
    return tuple(fitting)


def _fits(spelled: Spelled, kinds: Sequence[str], code: str) -> bool:
    if not {code, code_digits(code)} & set(spelled.sought):
        return False
    own = spellings(code, kinds)
    if not own.valid:
        return False
    if not spelled.letters or not own.letters or set(spelled.codes) & set(own.codes):
        return True
    return spelled.letters in own.letters or own.letters in spelled.letters


def _clean(typed: str) -> str:
    """Return capital letters, digits and `_` of a text, of any width and script."""
    if not typed.isascii():
        from unicodedata import normalize  # noqa: PLC0415 - rare

        typed = "".join(str(int(c)) if c.isdecimal() else c for c in normalize("NFKC", typed))
    return "".join(c for c in typed.upper() if c.isalnum() or c == "_").lstrip("_")


def _letters(normal: str) -> str:
    return "".join(c for c in normal if not "0" <= c <= "9")


def _readings(kind: str, normal: str) -> Iterator[str]:
    """Yield what a normal text is as a code of one kind, itself first; nothing if it is none."""
    word, _, rest = kind.partition(":")
    if word == "any":
        yield normal
    elif word == "vat":
        yield from _vat(normal.replace("_", ""), rest)
    elif word == "tax" and rest == "IT":
        yield from _tax(normal.replace("_", ""))
    elif (word == "pattern" or (word == "digits" and not _letters(normal))) and re.fullmatch(
        rest, normal, re.IGNORECASE
    ):
        yield normal


def _vat(normal: str, country: str) -> Iterator[str]:
    if country:
        if country in _COUNTRIES:
            yield from _vat_of(normal, country)
        return
    # With letters the prefix says which country.
    named = PREFIXES.get(normal[:2]) or PREFIXES.get(normal[:3])
    for name in (named,) if named else COUNTRIES:
        readings = tuple(_vat_of(normal, name))
        if readings:
            yield from readings
            return


def _vat_of(normal: str, country: str) -> Iterator[str]:
    """Yield a number as it was typed, whole with its prefix, whole, and without a lost zero."""
    how = _COUNTRIES[country]
    for text in _bare(normal, how):
        whole = _whole(text, how)
        if whole is not None:
            yield text
            if whole:
                yield how.prefixes[0] + whole
                yield whole
            zeros = len(text) - len(text.lstrip("0"))
            for shorter in (text[lost:] for lost in range(1, zeros + 1)):
                if _whole(shorter, how) == whole:
                    yield shorter
            return


def _bare(normal: str, how: _Country) -> Iterator[str]:
    """Yield a number as it was typed, then without prefix and ending, however often typed."""
    yield normal
    for ending in how.endings:
        normal = normal.removesuffix(ending)
    yield normal
    for prefix in how.prefixes:
        for spelled in (prefix, _keys(prefix), _taps(prefix)):
            text = normal
            while text.startswith(spelled):
                text = text.removeprefix(spelled)
                yield text


def _keys(letters: str) -> str:
    """Return the keys that letters are on: `48` for IT."""
    return "".join(str(_key(letter)) for letter in letters)


def _taps(letters: str) -> str:
    """Return the keys pressed as often as it takes: `4448` for IT."""
    return "".join(
        str(_key(letter)) * (_KEYPAD[_key(letter) - 2].index(letter) + 1) for letter in letters
    )


def _key(letter: str) -> int:
    return next(place for place, on in enumerate(_KEYPAD, 2) if letter in on)


def _whole(text: str, how: _Country) -> str | None:
    """Return a number as its country writes it, without prefix.

    Returns:
        None if it can't be one; empty if it can, but digits alone don't say which.
    """
    if not text.isascii():
        return None
    if _letters(text):
        return _checked(how.module, text, how.prefixes[0])
    module, _, template = how.shapes.get(len(text), "").rpartition(":")
    for whole in _filled(template, text) if template else ():
        checked = _checked(module or how.module, whole, how.prefixes[0])
        if checked is not None:
            return "" if module else checked
    return None


def _filled(template: str, digits: str) -> Iterator[str]:
    """Yield a template with the digits in it, and each letter where it has `?`."""
    place = template.find("?")
    if place >= 0:
        for letter in _LETTERS:
            yield from _filled(template[:place] + letter + template[place + 1 :], digits)
        return
    left = iter(digits)
    taken = ((c, next(left)) if c in "#-" else (c, c) for c in template)
    yield "".join(digit for c, digit in taken if c != "-")


def _tax(normal: str) -> Iterator[str]:
    for text in (normal, normal.removeprefix("IT")):
        if _TAX_DIGITS.fullmatch(text) or _checked("it.codicefiscale", text) is not None:
            yield text
            return


def _checked(module: str, number: str, prefix: str = "") -> str | None:
    """Return a number as python-stdnum writes it, without prefix; None if its check says no."""
    library: Any = import_module(f"stdnum.{module}")
    try:
        return str(library.validate(number)).removeprefix(prefix)
    except ValueError:
        return None
