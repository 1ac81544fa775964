"""What holds for every label: any names, any style, any carrier."""

from __future__ import annotations

import json

import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from centralino.domain import characters
from centralino.domain.label import (
    FORBIDDEN,
    MAX_OCTETS,
    check_style,
    clean_name,
    encode_label,
    fit_company,
    fit_label,
)
from centralino.domain.naming import MAX_NAME, name_contact
from centralino.domain.settings import REPERTOIRES, LabelStyle

GRAPHEMES = regex.compile(r"\X")
INVISIBLE = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Bidi_Control}\p{Zl}\p{Zp}]")

SNIPPETS = [
    "Mario",
    "Rossi",
    "De Luca",
    "von der",
    "O'Neil",
    "Müller",
    "Łódź",
    "Dvořák",
    "Straße",
    "İı",
    "Γιώργος",
    "Юлия",
    "Щукин",
    "محمد",
    "می\u200cخواهم",
    "שלום",
    'בע"מ',
    "山田",
    "太郎",
    "한글",
    "김",
    "ไทยกำ",
    "क्षत्रिय",
    "மணி",
    "ക്ഷ",
    "ക്\u200d",
    "👨‍👩‍👧‍👦",
    "👍🏽",
    "🇮🇹",
    "🇮",
    "❤️",
    "1️⃣",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "e\u0301",
    "a" + "\u0300" * 9,
    "\u0301x",
    "ﬁ",
    "Ａ＄",
    "≮",
    "\u037e",
    "\u202e",
    "\u200b",
    "\ufeff",
    "\u0600",
    "S.r.l.",
    "GmbH",
    "& Co. KG",
    "株式会社",
    "Officine",
    "Meccaniche",
    "Services",
    '"',
    "${",
    "\\",
    ",",
    "\x00",
    "\n",
    "\ud800",
    "\ue000",
    "\U000e0041",
    "(",
    ")",
    "-",
    ".",
    "  ",
    "ㇰ",
    "ㄅ",
    "ᄀ",
    "ᅡ",
    "ᆨ",
]
texts = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(SNIPPETS), max_size=8).map("".join),
    st.lists(st.sampled_from(SNIPPETS), max_size=8).map(" ".join),
)
names = st.tuples(texts, texts, texts)
repertoires = st.sampled_from(REPERTOIRES)
templates = st.one_of(
    st.sampled_from(
        [
            "{flag}{name}",
            "{flag} {name}[ ({company})]",
            "{company} - {name}",
            "{name}[ {company}][ {code}]",
            "{code} {name}",
        ]
    ),
    texts,
)
sound_styles = st.builds(
    LabelStyle,
    max_length=st.integers(10, 60),
    template=st.sampled_from(["{flag}{name}", "{flag} {name}[ ({company})]", "{company}/{name}"]),
    flags=st.fixed_dictionaries({"overdue": st.sampled_from(["!", "*", "!!", "(!)"])}),
    repertoire=repertoires,
)
any_styles = st.builds(
    LabelStyle,
    max_length=st.integers(-2, 200),
    template=templates,
    flags=st.fixed_dictionaries({"overdue": texts}),
    repertoire=repertoires,
)


def width(text: str) -> int:
    return sum(min(2, max(1, wcswidth(grapheme))) for grapheme in GRAPHEMES.findall(text))


def assert_phone_can_show(label: str, style: LabelStyle) -> None:
    assert width(label) <= max(0, style.max_length)
    assert len(label.encode()) <= MAX_OCTETS
    assert not set(label) & set(FORBIDDEN)
    assert not INVISIBLE.search(label)
    body, charset = encode_label(label, style.repertoire)
    assert body.decode(charset) == label


@settings(max_examples=400, deadline=None)
@given(names, any_styles, st.sampled_from(["", "+2", "+2999"]), st.booleans(), texts)
@example(("", "", "क्" * 60 + "क"), LabelStyle(max_length=60), "", False, "")  # noqa: FBT003
def test_a_phone_can_show_the_label_of_any_contact_in_any_style(
    name: tuple[str, str, str],
    style: LabelStyle,
    suffix: str,
    uncertain: bool,
    code: str,
) -> None:
    parts = name_contact(*name).parts
    for fit in (fit_label, fit_company):
        label = fit(parts, style, status="overdue", suffix=suffix, uncertain=uncertain, code=code)
        assert_phone_can_show(label, style)


@settings(max_examples=300, deadline=None)
@given(texts, any_styles)
def test_a_phone_can_show_any_name_that_a_carrier_sends(name: str, style: LabelStyle) -> None:
    assert_phone_can_show(clean_name(name, style), style)


@settings(max_examples=300, deadline=None)
@given(names, sound_styles)
def test_a_flag_is_never_cut_off_and_a_label_stays_the_same(
    name: tuple[str, str, str], style: LabelStyle
) -> None:
    check_style(style)
    parts = name_contact(*name).parts
    label = fit_label(parts, style, status="overdue", suffix="+2")
    assert not label or label.startswith(style.flags["overdue"])
    stored = json.loads(json.dumps(name_contact(*name).parts))
    assert fit_label(stored, style, status="overdue", suffix="+2") == label


@settings(max_examples=300, deadline=None)
@given(names, st.integers(10, 60))
def test_a_label_ends_on_a_grapheme_of_one_of_its_rungs(
    name: tuple[str, str, str], columns: int
) -> None:
    parts = name_contact(*name).parts
    label = fit_label(parts, LabelStyle(max_length=columns))
    graphemes = GRAPHEMES.findall(label)
    rungs = [*parts.get("p", parts.get("c", [])), *parts.get("pa", []), *parts.get("ca", [])]
    assert not label or any(
        GRAPHEMES.findall(rung)[: len(graphemes)] == graphemes for rung in rungs
    )


@settings(max_examples=300, deadline=None)
@given(names, st.integers(10, 59), repertoires)
def test_a_wider_phone_never_shows_less(
    name: tuple[str, str, str], columns: int, repertoire: str
) -> None:
    parts = name_contact(*name).parts
    style = LabelStyle(max_length=columns, repertoire=repertoire)
    narrow = fit_label(parts, style)
    wide = fit_label(parts, style._replace(max_length=columns + 1))
    key = "p" if "p" in parts else "c"
    whole = {*parts.get(key, ()), *(parts.get(key + "a", ()) if repertoire != "utf-8" else ())}
    if narrow in whole:
        assert wide in whole
        assert width(wide) >= width(narrow)


@settings(max_examples=300, deadline=None)
@given(names)
def test_parts_are_compact_plain_json_and_keys_are_stable(name: tuple[str, str, str]) -> None:
    naming = name_contact(*name)
    assert json.loads(json.dumps(naming.parts)) == naming.parts
    assert set(naming.parts) <= {"p", "pa", "pw", "pr", "c", "ca", "cw", "cr"}
    assert naming == name_contact(*name)
    assert len(naming.name) <= MAX_NAME
    assert not set(naming.name) & set(FORBIDDEN)
    assert not INVISIBLE.search(naming.name)


def test_every_picture_that_joins_is_one_by_the_rules_of_unicode() -> None:
    joining = [
        chr(point)
        for point in range(0x110000)
        if characters._is_picture(chr(point)) and not characters._extends_emoji(chr(point))
    ]
    assert len(joining) > 900
    assert not [
        ch
        for ch in joining
        if characters.clean(ch) and not regex.match(r"\p{Extended_Pictographic}", ch)
    ]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_cleaning_a_name_twice_changes_nothing(text: str) -> None:
    once = characters.clean(text)
    assert characters.clean(once) == once
    assert not set(once) & set(FORBIDDEN)
    assert not INVISIBLE.search(once)
    for repertoire in REPERTOIRES:
        folded = characters.fold(once, repertoire)
        folded.encode(repertoire)
        assert characters.fold(folded, repertoire) == folded


@settings(max_examples=400, deadline=None)
@given(texts, st.integers(0, 40), st.integers(0, 80))
@example("¡\u200d🇦🇧", 1, 80)
@example("¡\u200d⺀", 1, 80)
@example("¡\u200d❣️", 2, 80)
def test_a_text_is_never_cut_within_a_grapheme(text: str, columns: int, octets: int) -> None:
    clean = characters.clean(text)
    kept = characters.cut(clean, columns, octets)
    graphemes = GRAPHEMES.findall(clean)
    assert "".join(cluster.text for cluster in characters.clusters(clean)) == clean
    assert GRAPHEMES.findall(kept) == graphemes[: len(GRAPHEMES.findall(kept))]
    assert width(kept) <= columns
    assert len(kept.encode()) <= octets
    assert characters.columns(clean) >= width(clean)
