"""Which numbers of a text the extension finds, and what that costs; pages are in tests/browser."""

from __future__ import annotations

import random
import string

import phonenumbers

from tests.support.finder import find, read, work

LETTERS = 100_000
NO_NUMBERS = """
Commessa 0244556677
Commessa n. 0244556677
Commesse 3331234567, 3331234568 e 3331234569
Numero di serie 3471234567
Serie 3471234567
Serie n° 3471234567
CIG 0244556677
CIG: 0244556677
CUP 3471234567
C.U.P. 3471234567
INAIL 0244556677
INPS n. 0244556677
scontrino 0244-5566
Scontrino nr. 0244556677
Ricevuta 0244556677
job 3471234567
Job #3471234567
timestamp: 3471234567
pag. 347-1234567
pagg. 347-1234567
Seite 347-1234567
-0244556677
Saldo -3471234567
06 000 000
02 0000 0000
45.1234567
179.123456
1·234·567
CUP, CIG 3471234567
Commessa 02-44556677
Sinistro 02/44556677
Verbale 0244/556677
POD 0244556677
"""
NUMBERS = """
347.1234567
02·4455·6677
02∙4455∙6677
02-4455 6677 / 78
02-4455 6677 /78
Maria Rossi, commessa, tel. 347 1234567
Maria fa la commessa: il suo cellulare è 3471234567
La nostra serie di corsi: chiamare 02 44556677
Pag. 3: chiamare lo 02 44556677
- 0244556677
- 02 44556677
Job title: buyer, 02 44556677
800.123456
Numero 800 900 000
"""


def test_what_is_called_something_else_is_not_to_be_called() -> None:
    texts = NO_NUMBERS.strip().split("\n")

    found = dict(zip(texts, find(texts), strict=True))

    assert {text: numbers for text, numbers in found.items() if numbers} == {}


def test_a_number_is_found_however_it_is_written() -> None:
    texts = NUMBERS.strip().split("\n")

    found = dict(zip(texts, find(texts), strict=True))

    assert {text: numbers for text, numbers in found.items() if len(numbers) != 1} == {}


def test_of_two_lines_with_one_number_the_first_is_called() -> None:
    texts = ["02-4455 6677 / 78", "02 44556677/78 - 06 12345678", "02 44556677·333 1234567"]

    found = [[number for _, number in one] for one in find(texts)]

    assert found == [
        ["+390244556677"],
        ["+390244556677", "+390612345678"],
        ["+390244556677", "+393331234567"],
    ]


def test_a_list_has_all_its_numbers_however_long_it_is() -> None:
    many = [f"02 4455{number:04}" for number in range(1000, 4000)]

    for between in (" / ", " - ", "/ ", " ", " · "):
        (found,) = find([between.join(f"({one[:2]}){one[2:]}" for one in many)])
        assert [written.strip("/ -·") for written, _ in found] == [
            f"({one[:2]}){one[2:]}" for one in many
        ]


def _costly() -> dict[str, str]:
    """Return texts that a pattern could go through again and again, all of about one length."""
    letters = random.Random(5).choices(string.ascii_letters + string.digits + "+/", k=LETTERS)

    def full(piece: str, *, begin: str = "", end: str = "") -> str:
        return begin + piece * ((LETTERS - len(begin) - len(end)) // len(piece)) + end

    return {
        "numbers with a slash between": full("02 44556677 / "),
        "numbers with other lines": full("02 44556677/78 - "),
        "numbers with brackets": full("(02) 44556677 "),
        "short ones with a dash between": full("12 - 34 - 56 - 78 - "),
        "digits": full("1"),
        "digits apart": full("1 "),
        "digits in brackets": full("(1"),
        "brackets": full("( ", end="123456"),
        "base64": "".join(letters),
        "base64 in lines": "\n".join(
            "".join(letters[at : at + 64]) for at in range(0, LETTERS, 64)
        ),
        "letters and a number": full("a", end=" 0244556677"),
        "letters before each number": full("a" * 150 + " 0244556677 "),
        "letters of another script": full("電", end=" 0244556677"),
        "addresses of mail": full("@", end="123456"),
        "addresses of the web": full("a.", end=" 123456"),
        "files": full("1.pdf", end="/ 123456"),
        "long names": full("a" * 290 + ".b "),
        "an IBAN": full("A", begin="IT12", end="123456"),
        "IBANs": full("IT60 X054 2811 1010 0000 0123 457 "),
        "blanks": full(" ", begin="n", end="0244556677"),
        "hyphens": full("1a-", end=" 0244556677"),
        "marks that can't be seen": full("\u200b", begin="02", end="44556677"),
    }


def test_no_text_costs_much_more_than_an_ordinary_one_of_its_length() -> None:
    line = "Rossi S.r.l., via Roma 12, 20121 Milano (MI), tel. 02 44556677, info@example.it\n"
    ordinary = line * (LETTERS // len(line))

    told = work({"ordinary": ordinary, **_costly()})

    spent, found = told.pop("ordinary")
    assert found == len(ordinary) // len(line)
    # What goes back over a text of this length costs a thousand times that.
    assert {name: one for name, (one, _) in told.items() if one > 25 * spent} == {}
    assert told["numbers with a slash between"][1] == LETTERS // len("02 44556677 / ")
    assert told["letters before each number"][1] == LETTERS // 162


def _as_written() -> list[tuple[str, str, str]]:
    """Return (country, a number as libphonenumber writes it there, its E.164 form)."""
    found = []
    styles = phonenumbers.PhoneNumberFormat
    # Of Kiribati's numbers the table doesn't say which are dialled without the 0.
    for region in sorted(phonenumbers.SUPPORTED_REGIONS - {"KI"}):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            e164 = phonenumbers.format_number(number, styles.E164)
            found += [
                (region, phonenumbers.format_number(number, style), e164)
                for style in (styles.NATIONAL, styles.INTERNATIONAL, styles.E164)
            ]
    return found


def test_a_number_is_read_as_libphonenumber_reads_it_in_every_country() -> None:
    written = _as_written()

    numbers = read([(country, text) for country, text, _ in written])

    wrong = [(one, it) for one, it in zip(written, numbers, strict=True) if one[2] != it]
    assert wrong == []
    assert len(written) > 1200
