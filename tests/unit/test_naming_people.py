"""People's names, taken apart and written shorter when a contact is saved."""

from __future__ import annotations

import json

import pytest

from centralino.domain.characters import MAX_CHARACTERS, clean
from centralino.domain.naming import MAX_NAME, name_contact


def rungs(first: str, last: str) -> list[str]:
    found: list[str] = name_contact(first, last, "").parts["p"]
    return found


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("Mario", "Rossi", ["Mario Rossi", "M. Rossi", "Rossi"]),
        ("  Mario ", " Rossi\n", ["Mario Rossi", "M. Rossi", "Rossi"]),
        ("MARIO", "ROSSI", ["MARIO ROSSI", "M. ROSSI", "ROSSI"]),
        ("M.", "Rossi", ["M. Rossi", "Rossi"]),
        ("Al", "Rossi", ["Al Rossi", "Rossi"]),
        ("José", "García Márquez", ["José García Márquez", "J. García Márquez", "García Márquez"]),
        ("Anna", "De Luca", ["Anna De Luca", "A. De Luca", "De Luca"]),
        (
            "Ursula",
            "von der Leyen",
            ["Ursula von der Leyen", "U. von der Leyen", "von der Leyen"],
        ),
        ("Jan", "van den Berg", ["Jan van den Berg", "J. van den Berg", "van den Berg"]),
        ("Alfredo", "Di Stefano", ["Alfredo Di Stefano", "A. Di Stefano", "Di Stefano"]),
        ("Sinéad", "O’Connor", ["Sinéad O'Connor", "S. O'Connor", "O'Connor"]),
        (
            "Maria Grazia",
            "Bianchi",
            [
                "Maria Grazia Bianchi",
                "Maria G. Bianchi",
                "M.G. Bianchi",
                "M. Bianchi",
                "Bianchi",
            ],
        ),
        (
            "Jean-Pierre",
            "Dupont",
            ["Jean-Pierre Dupont", "J.-P. Dupont", "J. Dupont", "Dupont"],
        ),
        ("Dott. Mario", "Rossi", ["Dott. Mario Rossi", "Mario Rossi", "M. Rossi", "Rossi"]),
        ("Prof. Dr. Hans", "Huber", ["Prof. Dr. Hans Huber", "Hans Huber", "H. Huber", "Huber"]),
        ("Dott.ssa", "Rossi", ["Dott.ssa Rossi", "Rossi"]),
        ("Ing", "Wong", ["Ing Wong", "I. Wong", "Wong"]),
        (
            "Martin",
            "King Jr.",
            ["Martin King Jr.", "Martin King", "M. King", "King"],
        ),
        (
            'Giuseppe "Beppe"',
            "Di Stefano",
            ["Giuseppe (Beppe) Di Stefano", "Giuseppe Di Stefano", "G. Di Stefano", "Di Stefano"],
        ),
        (
            "Mario (idraulico)",
            "Rossi",
            ["Mario (idraulico) Rossi", "Mario Rossi", "M. Rossi", "Rossi"],
        ),
        ('"Beppe"', "", ["Beppe"]),
        ("Madonna", "", ["Madonna"]),
        ("", "Rossi", ["Rossi"]),
        ("Mario", "Mario Rossi", ["Mario Rossi", "M. Rossi", "Rossi"]),
        ("Mario Rossi", "Rossi", ["Mario Rossi", "M. Rossi", "Rossi"]),
        ("Γιώργος", "Σεφέρης", ["Γιώργος Σεφέρης", "Γ. Σεφέρης", "Σεφέρης"]),
        ("Юлия", "Щукина", ["Юлия Щукина", "Ю. Щукина", "Щукина"]),
        ("محمد", "الهاشمي", ["محمد الهاشمي", "الهاشمي"]),
        ("משה", "כהן", ["משה כהן", "כהן"]),
        ("太郎", "山田", ["山田太郎", "山田"]),
        ("민수", "김", ["김민수", "김"]),
        ("小龙", "李", ["李小龙", "李"]),
        ("マイケル", "ジャクソン", ["マイケル ジャクソン", "ジャクソン"]),
        ("Taro", "山田", ["Taro 山田", "T. 山田", "山田"]),
        ("สมชาย", "ใจดี", ["สมชาย ใจดี", "ใจดี"]),
        ("👷🏽 Mario", "Rossi", ["👷🏽 Mario Rossi", "👷🏽 M. Rossi", "M. Rossi", "Rossi"]),
    ],
)
def test_a_name_grows_shorter_and_keeps_its_surname(
    first: str, last: str, expected: list[str]
) -> None:
    assert rungs(first, last) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Mario Rossi", ["Mario Rossi", "M. Rossi", "Rossi"]),
        ("Rossi, Mario", ["Mario Rossi", "M. Rossi", "Rossi"]),
        ("ROSSI Mario", ["Mario ROSSI", "M. ROSSI", "ROSSI"]),
        ("De Luca", ["De Luca"]),
        ("Anna De Luca", ["Anna De Luca", "A. De Luca", "De Luca"]),
        (
            "Ursula von der Leyen",
            ["Ursula von der Leyen", "U. von der Leyen", "von der Leyen"],
        ),
        ("Dott. Mario Rossi", ["Dott. Mario Rossi", "Mario Rossi", "M. Rossi", "Rossi"]),
        ("Dott. Rossi", ["Dott. Rossi", "Rossi"]),
        ("Rossi, Dott.", ["Dott. Rossi", "Rossi"]),
        (
            "Sammy Davis, Jr.",
            ["Sammy Davis Jr.", "Sammy Davis", "S. Davis", "Davis"],
        ),
        ("山田 太郎", ["山田太郎", "山田"]),
        ("山田太郎", ["山田太郎"]),
    ],
)
def test_a_full_name_in_either_field_is_taken_apart(name: str, expected: list[str]) -> None:
    assert rungs("", name) == expected
    assert rungs(name, "") == expected


def test_one_person_has_one_key_however_the_name_is_written() -> None:
    keys = {
        name_contact(*names, "").person
        for names in (
            ("Jürgen", "Müller"),
            ("JURGEN", "MULLER"),
            ("", "Müller, Jürgen"),
            ("Jürgen Müller", ""),
            ("Dr. Jürgen", "Müller"),
        )
    }
    assert keys == {"jurgen muller"}


def test_different_people_have_different_keys() -> None:
    keys = [
        name_contact(*names).person
        for names in (
            ("Mario", "Rossi", ""),
            ("Maria", "Rossi", ""),
            ("伟", "李", ""),
            ("巍", "李", ""),
            ("か", "やまだ", ""),
            ("が", "やまだ", ""),
        )
    ]
    assert len(set(keys)) == len(keys)


def test_a_companys_own_entry_is_no_person() -> None:
    naming = name_contact("", "", "Acme S.r.l.")
    assert naming.person == ""
    assert "p" not in naming.parts
    assert naming.name == "Acme S.r.l."


def test_the_full_name_has_everything() -> None:
    naming = name_contact('Dott. Giuseppe "Beppe"', "Di Stefano", "Acme")
    assert naming.name == "Dott. Giuseppe (Beppe) Di Stefano"
    assert name_contact("太郎", "山田", "").name == "山田太郎"
    assert name_contact("", "", "").name == ""


def test_a_name_without_letters_is_no_name() -> None:
    for nothing in ("", "  ", '"', "\x00\u202e\ufeff", "{}", "\ud800"):
        assert name_contact(nothing, nothing, nothing) == ({}, "", "", "")


def test_a_huge_name_stays_small() -> None:
    naming = name_contact("Mario " * 1000, "Rossi-" * 1000, "Acme " * 1000)
    assert len(naming.name) <= MAX_NAME
    assert len(naming.person) <= 2 * MAX_CHARACTERS + 1
    assert len(json.dumps(naming.parts)) < 1000


def test_an_ordinary_contact_takes_few_bytes_on_the_card() -> None:
    for names in (
        ("Mario", "Rossi", "Officine Meccaniche Rossi S.r.l."),
        ("Maria Grazia", "De Luca", "Studio Legale De Luca e Associati"),
        ("太郎", "山田", "株式会社トヨタ自動車"),
    ):
        parts = name_contact(*names).parts
        stored = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        assert len(stored.encode()) <= 300


def test_plain_names_carry_no_measures_and_no_second_spelling() -> None:
    assert set(name_contact("Mario", "Rossi", "Acme").parts) == {"p", "c"}
    assert set(name_contact("Günther", "Müller", "").parts) == {"p", "pa"}
    assert set(name_contact("太郎", "山田", "").parts) == {"p", "pa", "pw", "pr"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Ｍａｒｉｏ　Ｒｏｓｓｉ", "Mario Rossi"),
        ("𝐌𝐚𝐫𝐢𝐨", "Mario"),
        ("Mª José", "Mª José"),
        ("D’Angelo", "D'Angelo"),
        ("Rossi – Bianchi", "Rossi - Bianchi"),
        ("＄｛ＨＯＳＴ｝＂", "HOST"),
        ("«Acme»", "Acme"),
        ("Rossi\u037e", "Rossi"),
        ("\u202bמשה\u202c", "משה"),
        ("a\u0301\u0301\u0301\u0301\u0301\u0301\u0301b", "á\u0301\u0301\u0301\u0301b"),
        ("\u0301Mario \u0301Rossi", "Mario Rossi"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Ma\u200crio", "Mario"),
        ("จำกัด", "จำกัด"),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿\U000e0041", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("葛\U000e0100", "葛"),
        ('צה"ל', "צה״ל"),
    ],
)
def test_only_what_a_phone_can_show_is_kept_of_a_name(sent: str, kept: str) -> None:
    assert clean(sent) == kept
