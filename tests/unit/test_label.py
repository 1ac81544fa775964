"""Labels as they are fitted on the call path, from parts that naming made."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from centralino.domain.errors import PayloadError
from centralino.domain.label import (
    FORBIDDEN,
    check_style,
    clean_name,
    encode_label,
    fit_company,
    fit_label,
)
from centralino.domain.naming import name_contact
from centralino.domain.settings import LabelStyle

ROSSI = name_contact("Mario", "Rossi", "").parts
OFFICINE = name_contact("", "", "Officine Meccaniche Rossi S.r.l.").parts
MARIO_AT_OFFICINE = name_contact("Mario", "Rossi", "Officine Meccaniche Bianchi S.r.l.").parts
WITH_COMPANY = "{flag}{name}[ ({company})]"


@pytest.mark.parametrize(
    ("columns", "label"),
    [(60, "Mario Rossi"), (15, "Mario Rossi"), (11, "Mario Rossi"), (10, "M. Rossi")],
)
def test_a_person_keeps_the_surname_whole(columns: int, label: str) -> None:
    assert fit_label(ROSSI, LabelStyle(max_length=columns)) == label


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        (60, "Officine Meccaniche Rossi"),
        (25, "Officine Meccaniche Rossi"),
        (24, "Off Meccaniche Rossi"),
        (19, "Off Mecc Rossi"),
        (15, "Off Mecc Rossi"),
        (13, "Mecc Rossi"),
        (10, "Mecc Rossi"),
    ],
)
def test_a_company_keeps_its_distinctive_word(columns: int, label: str) -> None:
    assert fit_label(OFFICINE, LabelStyle(max_length=columns)) == label


def test_a_surname_that_is_too_long_is_cut_only_after_everything_else_went() -> None:
    parts = name_contact("Ludovico", "Acquaviva d'Aragona", "").parts
    assert fit_label(parts, LabelStyle(max_length=19)) == "Acquaviva d'Aragona"
    assert fit_label(parts, LabelStyle(max_length=15)) == "Acquaviva d'Ara"


def test_a_flag_comes_first_and_the_name_makes_room_for_it() -> None:
    style = LabelStyle(max_length=11, flags={"overdue": "!", "important": "*"})
    assert fit_label(ROSSI, style, status="overdue") == "!M. Rossi"
    assert fit_label(ROSSI, style, status="important") == "*M. Rossi"
    assert fit_label(ROSSI, style, status="active") == "Mario Rossi"
    assert fit_label(ROSSI, style) == "Mario Rossi"


def test_a_flag_of_emoji_takes_two_columns() -> None:
    style = LabelStyle(max_length=12, flags={"overdue": "⚠️"})
    assert fit_label(ROSSI, style, status="overdue") == "⚠️M. Rossi"
    assert fit_label(ROSSI, style._replace(max_length=13), status="overdue") == "⚠️Mario Rossi"


def test_a_template_that_forgets_the_flag_shows_it_all_the_same() -> None:
    style = LabelStyle(template="{name}", flags={"overdue": "!"})
    assert fit_label(ROSSI, style, status="overdue") == "!Mario Rossi"


def test_further_holders_are_counted_behind_the_name() -> None:
    assert fit_label(ROSSI, LabelStyle(), suffix="+2") == "Mario Rossi +2"
    assert fit_label(ROSSI, LabelStyle(max_length=11), suffix="+2") == "M. Rossi +2"


def test_an_uncertain_name_has_a_question_mark() -> None:
    assert fit_label(ROSSI, LabelStyle(), uncertain=True) == "Mario Rossi?"
    assert fit_label(ROSSI, LabelStyle(), uncertain=True, suffix="+2") == "Mario Rossi? +2"
    assert fit_label(ROSSI, LabelStyle(max_length=11), uncertain=True) == "M. Rossi?"


def test_a_person_is_shown_rather_than_the_company() -> None:
    assert fit_label(MARIO_AT_OFFICINE, LabelStyle()) == "Mario Rossi"


def test_several_people_of_one_company_show_the_company() -> None:
    assert fit_company(MARIO_AT_OFFICINE, LabelStyle(max_length=16)) == "Off Mecc Bianchi"
    assert fit_company(MARIO_AT_OFFICINE, LabelStyle(max_length=15)) == "Mecc Bianchi"
    style = LabelStyle(flags={"overdue": "!"})
    assert fit_company(MARIO_AT_OFFICINE, style, status="overdue", suffix="+3") == "!Bianchi +3"


def test_a_holder_without_a_company_shows_the_person_among_colleagues() -> None:
    assert fit_company(ROSSI, LabelStyle()) == "Mario Rossi"


def test_a_template_shows_the_company_beside_the_person() -> None:
    style = LabelStyle(max_length=60, template=WITH_COMPANY)
    assert fit_label(MARIO_AT_OFFICINE, style) == "Mario Rossi (Officine Meccaniche Bianchi)"


def test_in_a_template_the_company_gives_way_before_the_person() -> None:
    def shown(columns: int) -> str:
        style = LabelStyle(max_length=columns, template=WITH_COMPANY)
        return fit_label(MARIO_AT_OFFICINE, style)

    assert shown(40) == "Mario Rossi (Off Meccaniche Bianchi)"
    assert shown(30) == "Mario Rossi (Off Mecc Bianchi)"
    assert shown(21) == "Mario Rossi (Bianchi)"
    assert shown(18) == "M. Rossi (Bianchi)"
    assert shown(15) == "Rossi (Bianchi)"
    assert shown(14) == "Mario Rossi"


def test_a_bracketed_part_goes_with_its_empty_field() -> None:
    style = LabelStyle(max_length=40, template="{name}[ - {company}][ #{code}]")
    assert fit_label(ROSSI, style) == "Mario Rossi"
    assert fit_label(ROSSI, style, code="C7") == "Mario Rossi #C7"
    assert fit_label(MARIO_AT_OFFICINE, style, code="C7") == (
        "Mario Rossi - Off Meccaniche Bianchi #C7"
    )
    assert fit_label(OFFICINE, style) == "Officine Meccaniche Rossi"


def test_what_hangs_between_empty_fields_goes() -> None:
    style = LabelStyle(max_length=40, template="{company} - {name}")
    assert fit_label(ROSSI, style) == "Mario Rossi"
    spaced = LabelStyle(max_length=40, template="{flag} {name}", flags={"overdue": "!"})
    assert fit_label(ROSSI, spaced, status="overdue") == "! Mario Rossi"
    assert fit_label(ROSSI, spaced) == "Mario Rossi"


def test_a_customer_code_is_shown_whole_or_not_at_all() -> None:
    style = LabelStyle(max_length=15, template="{name}[ {code}]")
    assert fit_label(ROSSI, style, code="IT07") == "M. Rossi IT07"
    assert fit_label(ROSSI, style, code="IT01234567890") == "Mario Rossi"
    assert fit_label(ROSSI, style, code="${EXEC}") == "Mario Rossi"


def test_a_template_of_the_company_alone_shows_a_person_without_one() -> None:
    style = LabelStyle(template="{flag}{company}")
    assert fit_label(ROSSI, style) == "Mario Rossi"
    assert fit_label(OFFICINE, style) == "Off Mecc Rossi"
    assert fit_label(MARIO_AT_OFFICINE, style) == "Mecc Bianchi"


def test_a_contact_without_any_name_has_no_label() -> None:
    style = LabelStyle(flags={"overdue": "!"})
    assert fit_label(name_contact("", "", "").parts, style, status="overdue", suffix="+2") == ""
    assert fit_company({}, style, status="overdue") == ""


def test_a_latin_1_phone_keeps_the_accents_that_it_has() -> None:
    style = LabelStyle(repertoire="latin-1")
    assert fit_label(name_contact("Günther", "Müller", "").parts, style) == "Günther Müller"
    assert fit_label(name_contact("Łukasz", "Nowak", "").parts, style) == "Lukasz Nowak"
    assert fit_label(name_contact("Иван", "Иванов", "").parts, style) == "Ivan Ivanov"
    assert fit_label(name_contact("太郎", "山田", "").parts, style._replace(max_length=20)) == (
        "ShanTian TaiLang"
    )


def test_an_ascii_phone_shows_every_script_in_plain_letters() -> None:
    style = LabelStyle(repertoire="ascii", max_length=20)
    assert fit_label(name_contact("Günther", "Müller", "").parts, style) == "Gunther Muller"
    assert fit_label(name_contact("Γιώργος", "Σεφέρης", "").parts, style) == "Giorgos Seferis"
    assert fit_label(name_contact("Иван", "Иванов", "").parts, style) == "Ivan Ivanov"
    assert fit_label(name_contact("🍕", "Rossi", "").parts, style) == "Rossi"
    assert fit_label(name_contact("", "", "🍕").parts, style) == "Pizza"


def test_a_card_that_lacks_its_ascii_spelling_still_shows_on_an_ascii_phone() -> None:
    style = LabelStyle(repertoire="ascii")
    assert fit_label({"p": ["Günther Müller", "Müller"]}, style) == "Gunther Muller"


def test_wide_characters_count_two() -> None:
    parts = name_contact("", "", "株式会社東京特許許可局").parts
    assert fit_label(parts, LabelStyle(max_length=16)) == "東京特許許可局"
    assert fit_label(parts, LabelStyle(max_length=11)) == "東京特許許"
    assert fit_label(parts, LabelStyle(max_length=10)) == "東京特許許"


def test_a_label_has_at_most_80_bytes() -> None:
    parts = name_contact("", "", "東京" * 15).parts
    label = fit_label(parts, LabelStyle(max_length=60, flags={"overdue": "!"}), status="overdue")
    assert label == "!" + ("東京" * 15)[:26]
    assert len(label.encode()) == 79


def test_an_emoji_is_never_taken_apart() -> None:
    family = "👨‍👩‍👧‍👦"
    parts = name_contact("", "", f"Bellissima{family}🇮🇹🇫🇷").parts
    assert fit_label(parts, LabelStyle(max_length=11)) == "Bellissima"
    assert fit_label(parts, LabelStyle(max_length=12)) == "Bellissima" + family
    assert fit_label(parts, LabelStyle(max_length=13)) == "Bellissima" + family
    assert fit_label(parts, LabelStyle(max_length=14)) == "Bellissima" + family + "🇮🇹"


def test_nothing_forbidden_reaches_a_phone_by_any_way_in() -> None:
    evil = 'a"b<c>d;e,f\\g$h{i}j\x00k\nl'
    style = LabelStyle(
        max_length=60, template="{flag}" + evil + "{name}", flags={"x": evil, "y": "\u202e!"}
    )
    shown = [
        fit_label(name_contact(evil, evil, evil).parts, style, status="x", suffix=evil),
        fit_label({"p": [evil]}, LabelStyle(max_length=60), code=evil),
        fit_label(ROSSI, style, status="y"),
        fit_label({"p": ["Mario Rossi"]}, LabelStyle(max_length=60, flags={"x": evil}), status="x"),
        fit_company(name_contact(evil, evil, evil).parts, style, status="x"),
        clean_name(evil, LabelStyle(max_length=60)),
    ]
    assert all(shown)
    assert not set("".join(shown)) & set(FORBIDDEN)
    assert "".join(shown).isprintable()


def test_a_name_that_is_a_dialplan_expression_is_harmless() -> None:
    parts = name_contact("${SHELL(rm)}", "$[1+1]", "").parts
    assert fit_label(parts, LabelStyle(max_length=40)) == "SHELL (rm) [1+1]"


@pytest.mark.parametrize(
    ("sent", "label"),
    [
        ("ROSSI MARIO", "ROSSI MARIO"),
        ('"Rossi, Mario" ', "Rossi Mario"),
        ("Mario\tRossi\r\n", "Mario Rossi"),
        ("Officine Meccaniche Rossi", "Officine Meccan"),
        ("${HOST}", "HOST"),
        ("\udce9\ud800", ""),
        ("\u202eMario\u200f", "Mario"),
        ("Müller", "Müller"),
        ("", ""),
        (" \x00 ", ""),
    ],
)
def test_the_carriers_name_is_cleaned_and_cut(sent: str, label: str) -> None:
    assert clean_name(sent, LabelStyle(flags={"": "!"})) == label


def test_the_carriers_name_is_folded_for_the_phone() -> None:
    assert clean_name("Müller Straße", LabelStyle(repertoire="ascii")) == "Muller Strasse"
    assert clean_name("Müller", LabelStyle(repertoire="latin-1")) == "Müller"
    assert clean_name("Łukasz Müller", LabelStyle(repertoire="latin-1")) == "Lukasz Muller"
    assert clean_name("Юлия Щукина", LabelStyle(repertoire="ascii")) == "Yuliya Shchukin"
    assert clean_name("Θεοδωράκης", LabelStyle(repertoire="ascii")) == "Theodorakis"
    assert clean_name("山田太郎", LabelStyle(repertoire="ascii")) == ""


@pytest.mark.parametrize(
    ("repertoire", "body", "charset"),
    [
        ("utf-8", b"M\xc3\xbcller", "utf-8"),
        ("latin-1", b"M\xfcller", "iso-8859-1"),
        ("ascii", b"M?ller", "us-ascii"),
        ("ebcdic", b"M\xc3\xbcller", "utf-8"),
    ],
)
def test_a_label_is_encoded_with_its_charset(repertoire: str, body: bytes, charset: str) -> None:
    assert encode_label("Müller", repertoire) == (body, charset)


@pytest.mark.parametrize(
    "style",
    [
        LabelStyle(),
        LabelStyle(max_length=10),
        LabelStyle(max_length=60, template=WITH_COMPANY, flags={"important": "*", "overdue": "!"}),
        LabelStyle(template="{company}"),
        LabelStyle(template="Tel: {name}"),
        LabelStyle(flags={"vip": "⭐", "late": "⚠️", "gold": "AU "}),
        LabelStyle(repertoire="latin-1", flags={"vip": "§"}),
        LabelStyle(repertoire="ascii"),
    ],
)
def test_a_sound_style_is_saved(style: LabelStyle) -> None:
    check_style(style)


@pytest.mark.parametrize(
    ("style", "field"),
    [
        (LabelStyle(max_length=9), "label.max_length"),
        (LabelStyle(max_length=61), "label.max_length"),
        (LabelStyle(max_length=True), "label.max_length"),
        (LabelStyle(max_length="15"), "label.max_length"),  # type: ignore[arg-type]
        (LabelStyle(repertoire="utf8"), "label.repertoire"),
        (LabelStyle(template=""), "label.template"),
        (LabelStyle(template="{flag}"), "label.template"),
        (LabelStyle(template="{nme}"), "label.template"),
        (LabelStyle(template="{name"), "label.template"),
        (LabelStyle(template="name}"), "label.template"),
        (LabelStyle(template="{name}{name}"), "label.template"),
        (LabelStyle(template="{name}{flag}"), "label.template"),
        (LabelStyle(template="[[{name}]]"), "label.template"),
        (LabelStyle(template="[{name}"), "label.template"),
        (LabelStyle(template="{name}]"), "label.template"),
        (LabelStyle(template="{name!r}"), "label.template"),
        (LabelStyle(template="{name};"), "label.template"),
        (LabelStyle(template="${name}"), "label.template"),
        (LabelStyle(template="{name}\n"), "label.template"),
        (LabelStyle(template="Incoming: {name}"), "label.template"),
        (LabelStyle(template="{name} " + "x" * 200), "label.template"),
        (LabelStyle(template="{name}→", repertoire="ascii"), "label.template"),
        (LabelStyle(template=None), "label.template"),  # type: ignore[arg-type]
        (LabelStyle(flags=["!"]), "label.flags"),  # type: ignore[arg-type]
        (LabelStyle(flags={str(n): "!" for n in range(51)}), "label.flags"),
        (LabelStyle(flags={"": "!"}), "label.flags"),
        (LabelStyle(flags={"overdue": ""}), "label.flags.overdue"),
        (LabelStyle(flags={"overdue": "$"}), "label.flags.overdue"),
        (LabelStyle(flags={"overdue": "LATE!"}), "label.flags.overdue"),
        (LabelStyle(flags={"overdue": "\u202e"}), "label.flags.overdue"),
        (LabelStyle(flags={"overdue": "⚠️"}, repertoire="latin-1"), "label.flags.overdue"),
        (LabelStyle(flags={"overdue": 1}), "label.flags.overdue"),  # type: ignore[dict-item]
    ],
)
def test_a_style_that_cannot_be_shown_is_refused_by_name(style: LabelStyle, field: str) -> None:
    with pytest.raises(PayloadError) as refusal:
        check_style(style)
    assert refusal.value.field == field


def test_a_broken_template_that_was_saved_long_ago_still_shows_the_name() -> None:
    for template in ("", "{nme}", "{name", "[{name}", "]"):
        assert fit_label(ROSSI, LabelStyle(template=template)) == "Mario Rossi"


def test_parts_survive_the_store_as_json() -> None:
    for names in (("太郎", "山田", "株式会社トヨタ"), ("Mario", "Rossi", "Acme S.r.l.")):
        parts = name_contact(*names).parts
        assert json.loads(json.dumps(parts)) == parts


def test_fitting_a_plain_name_imports_no_library() -> None:
    code = (
        "import sys\n"
        "from centralino.domain.label import clean_name, encode_label, fit_label\n"
        "from centralino.domain.settings import LabelStyle\n"
        "style = LabelStyle(repertoire='ascii')\n"
        "assert fit_label({'p': ['Mario Rossi']}, style) == 'Mario Rossi'\n"
        "assert fit_label({'p': ['Müller'], 'pa': ['Muller']}, style) == 'Muller'\n"
        "encode_label(clean_name('ROSSI', style), 'ascii')\n"
        "seen = {'unicodedata', 'regex', 'wcwidth', 'anyascii', 'cleanco', 'dataclasses',\n"
        "        'centralino.domain.characters', 'centralino.domain.naming'} & set(sys.modules)\n"
        "assert not seen, seen\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
