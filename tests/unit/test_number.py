"""How one CLI is understood: what a PBX delivers, and what it may mean."""

from __future__ import annotations

import subprocess
import sys

import phonenumbers
import pytest

from centralino.domain import number as number_module
from centralino.domain.number import (
    MAX_KEYS,
    Decision,
    decide,
    index_number,
    is_valid,
    mask,
    read_cli,
    variants,
)
from centralino.domain.settings import Line, Rule, Settings

SETTINGS = Settings("demo", extens={"21": "Anna", "4040": "Reception"}, exten_pattern="3[0-9]{2}")
ITALY = Line(country="IT")
MILAN = "+390244556677"


def keys(cli: str, line: Line = ITALY, settings: Settings = SETTINGS) -> list[str]:
    return [c.key for c in read_cli(cli, line, settings=settings).candidates]


@pytest.mark.parametrize(
    "cli",
    [
        "+390244556677",
        "00390244556677",
        "390244556677",
        "0244556677",
        " 390244556677",
        "%2B390244556677",
        "++390244556677",
        "+39 02 4455 6677",
        "+39 (02) 44.55-66/77",
        "(+39) 02\u00a04455\u20096677",
        "02\u20114455\u20136677",
        "\uff0b\uff13\uff19 02 44556677",
        "\u0660\u0662\u0664\u0664\u0665\u0665\u0666\u0666\u0667\u0667",
        "\u202d+39 02 44556677\u202c",
        "\x00+39\x000244556677\r\n",
        '"Mario" <sip:+390244556677@host;user=phone>',
        "Mario Rossi <sip:0244556677@10.0.0.1:5060>;tag=x",
        '"0113334444" <sip:0244556677@pbx>',
        "sips:+390244556677:secret@pbx.example?Privacy=none",
        "sip:+39-02-4455-6677@pbx;user=phone",
        "sip:+390244556677",
        "tel:+39-02-4455-6677",
        "tel:44556677;phone-context=+3902",
        "sip:0244556677;phone-context=+39@pbx",
        "tel:0244556677;phone-context=pbx.example",
        "+390244556677;ext=12",
        "0244556677 x123",
        "0244556677#12",
        "0244556677 int. 12",
        "0244556677,,12#",
        "0+390244556677",
        "00244556677",
        "000390244556677",
    ],
)
def test_a_caller_from_milan_is_found_in_every_spelling(cli: str) -> None:
    reading = read_cli(cli, ITALY, settings=SETTINGS)
    assert reading.kind == "number"
    assert decide(reading, {MILAN}).key == MILAN


@pytest.mark.parametrize(
    "cli",
    [
        "",
        "   ",
        "anonymous",
        "Anonymous",
        "UNKNOWN",
        "restricted",
        "Private",
        "unavailable",
        "withheld",
        "P",
        "o",
        "Privato",
        "SCONOSCIUTO",
        "+266696687",
        "00266696687",
        "266696687",
        "1266696687",
        "+1266696687",
        "+1 266-696-687",
        "0111266696687",
        "001266696687",
        "+39266696687",
        "Private Number",
        "PRIVATE_NUMBER",
        "No Caller ID",
        "OUT_OF_AREA",
        "Out of Area",
        "unknown number",
        "Unknown-Caller",
        "caller id withheld",
        "Numero privato",
        "NUMERO SCONOSCIUTO",
        "Num\u00e9ro masqu\u00e9",
        "sip:Private%20Number@pbx",
        "0",
        "0000000000",
        "+000",
        "sip:anonymous@anonymous.invalid",
        '"Anonymous" <sip:Anonymous@Anonymous.Invalid:5060>;tag=1',
        "sip:+390244556677@anonymous.invalid",
        "sip:anonymous.invalid",
        "<sip:restricted@192.0.2.1>",
        "tel:anonymous",
        "\u3000",
        "\U0001f600",
        "\x00",
    ],
)
def test_a_withheld_number_is_never_looked_up(cli: str) -> None:
    reading = read_cli(cli, ITALY, settings=SETTINGS)
    assert (reading.kind, reading.shape, reading.candidates) == ("withheld", "withheld", ())


@pytest.mark.parametrize(
    ("cli", "key"), [("+49266696687", "+49266696687"), ("0266696687", "+390266696687")]
)
def test_a_number_that_only_ends_like_a_withheld_one_is_looked_up(cli: str, key: str) -> None:
    assert keys(cli)[0] == key
    assert index_number(cli, "IT") == (key, "")


@pytest.mark.parametrize("prefix", ["*67", "*82", "#31#", "*31#", "* 67 "])
@pytest.mark.parametrize("number", ["+390244556677", "02 4455 6677", "(02) 44556677"])
def test_a_service_prefix_is_no_part_of_the_number(prefix: str, number: str) -> None:
    reading = read_cli(prefix + number, ITALY, settings=SETTINGS)
    assert reading.candidates[0].key == MILAN
    assert f"service prefix {prefix.replace(' ', '')}" in reading.steps
    assert index_number(prefix + number, "IT") == (MILAN, "")


def test_a_service_prefix_before_an_exten_is_left_alone() -> None:
    settings = SETTINGS._replace(extens={"21": "", "*6721": ""})
    assert read_cli("*6721", ITALY, settings=settings).exten == "*6721"


@pytest.mark.parametrize(
    "cli",
    ["alice", "sip:10.0.0.1", "sip:pbx.example", "*21", "4" * 41, "5", "12ab", "x12"],
)
def test_text_that_is_no_number_is_not_looked_up(cli: str) -> None:
    reading = read_cli(cli, ITALY, settings=SETTINGS)
    assert (reading.kind, reading.shape, reading.candidates) == ("unreadable", "other", ())


def test_forty_digits_are_nobody() -> None:
    assert keys("4" * 40) == []


@pytest.mark.parametrize("cli", ["21", "4040", "301", "sip:21@pbx", "(21)"])
def test_a_registered_exten_is_a_colleague(cli: str) -> None:
    reading = read_cli(cli, ITALY, settings=SETTINGS)
    assert reading.kind == "internal"
    assert reading.exten == reading.cleaned


@pytest.mark.parametrize("cli", ["+21", " 21", "021", "0021", "22", "3011", "210", "+4040"])
def test_anything_else_is_not_a_colleague(cli: str) -> None:
    assert read_cli(cli, ITALY, settings=SETTINGS).kind != "internal"


def test_a_number_with_a_plus_is_not_a_colleague_whatever_the_pattern_takes() -> None:
    settings = SETTINGS._replace(exten_pattern=".*")
    assert read_cli(MILAN, ITALY, settings=settings).kind == "number"


def test_a_spoofed_exten_from_outside_is_not_a_colleague() -> None:
    assert read_cli("21", ITALY, settings=SETTINGS, external=True).kind == "number"


def test_a_rule_cannot_turn_a_caller_from_outside_into_a_colleague() -> None:
    line = ITALY._replace(rules=(Rule("^0", ""),))
    assert read_cli("021", line, settings=SETTINGS).kind == "number"


def test_a_broken_exten_pattern_makes_nobody_a_colleague() -> None:
    reading = read_cli("301", ITALY, settings=SETTINGS._replace(exten_pattern="("))
    assert reading.kind == "number"


def test_rules_run_in_order_on_the_unwrapped_number_and_are_told() -> None:
    rules = (Rule("^9", ""), Rule(r"^8(\d+)$", r"+39\1"))
    line = ITALY._replace(rules=rules)
    reading = read_cli("<sip:98-0244556677@pbx>", line, settings=SETTINGS)
    assert reading.candidates[0].key == MILAN
    assert reading.steps == (
        "angle brackets",
        "sip URI",
        "rule 1: ^9 -> ",
        r"rule 2: ^8(\d+)$ -> +39\1",
    )


def test_a_rule_changes_its_first_match_only() -> None:
    assert keys("9990244556677", ITALY._replace(rules=(Rule("9", ""),)))[0] != MILAN


def test_a_rule_can_make_a_number_withheld() -> None:
    line = ITALY._replace(rules=(Rule("^999$", "anonymous"),))
    assert read_cli("999", line, settings=SETTINGS).kind == "withheld"


def test_a_rule_that_was_saved_broken_is_passed_over() -> None:
    line = ITALY._replace(rules=(Rule("(", ""), Rule("^0", r"\7"), Rule("^5", "")))
    reading = read_cli("50244556677", line, settings=SETTINGS)
    assert reading.candidates[0].key == MILAN
    assert reading.steps[:2] == (
        "rule 1 is invalid and was passed over",
        "rule 2 is invalid and was passed over",
    )


def test_italy_keeps_its_leading_zero() -> None:
    assert keys("0244556677")[0] == "+390244556677"
    assert "+39244556677" not in keys("0244556677")


def test_germany_loses_it() -> None:
    assert keys("030123456", Line(country="DE"))[0] == "+4930123456"
    assert keys("+49 (0)30 123456")[0] == "+4930123456"


def test_digits_without_plus_are_international_first_where_the_trunk_prefix_is_missing() -> None:
    candidates = read_cli("4915123456789", Line(country="DE"), settings=SETTINGS).candidates
    assert [(c.key, c.reason) for c in candidates] == [
        ("+4915123456789", "digits"),
        ("+494915123456789", "national"),
    ]


class TestAMobileOrMilan:
    """`3902445566` is an Italian mobile, and Milan's 02 445566 without its plus."""

    cli = "3902445566"
    mobile = "+393902445566"
    milan = "+3902445566"

    def test_a_national_line_means_the_mobile(self) -> None:
        for cli_format in ("national", "plus"):
            line = ITALY._replace(cli_format=cli_format)
            assert keys(self.cli, line) == [self.mobile]

    def test_a_line_with_bare_digits_means_milan(self) -> None:
        assert keys(self.cli, ITALY._replace(cli_format="digits")) == [self.milan]

    def test_a_mixed_line_means_the_one_that_is_known(self) -> None:
        reading = read_cli(self.cli, ITALY, settings=SETTINGS)
        assert decide(reading, {self.mobile}).key == self.mobile
        assert decide(reading, {self.milan}).key == self.milan

    def test_a_mixed_line_cannot_tell_if_both_are_known(self) -> None:
        reading = read_cli(self.cli, ITALY, settings=SETTINGS)
        decision = decide(reading, {self.mobile, self.milan})
        assert decision.key == ""
        assert decision.ambiguous_keys == (self.mobile, self.milan)


@pytest.mark.parametrize(
    "cli", ["+378 0549 886377", "+378886377", "+39 0549 886377", "0549886377", "00390549886377"]
)
def test_a_subscriber_of_san_marino_is_one_however_dialled(cli: str) -> None:
    assert keys(cli)[0] == "+3780549886377"
    assert index_number(cli, "IT") == ("+3780549886377", "")


@pytest.mark.parametrize("region", ["GF", "GP", "MQ", "RE", "YT", "BL", "MF"])
@pytest.mark.parametrize("line_country", ["FR", "RE", "MQ"])
def test_france_and_its_overseas_departments_dial_each_other_as_one_country(
    region: str, line_country: str
) -> None:
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
        example = phonenumbers.example_number_for_type(region, kind)
        assert example is not None
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        dialled = f"0{phonenumbers.national_significant_number(example)}"
        for cli in (dialled, f"+33{dialled[1:]}", e164):
            assert keys(cli, Line(country=line_country))[0] == e164
            assert index_number(cli, line_country) == (e164, "")


def test_a_department_dials_france_without_a_code_but_has_freephone_numbers_of_its_own() -> None:
    assert keys("0142685300", Line(country="RE"))[0] == "+33142685300"
    assert keys("0612345678", Line(country="GP"))[0] == "+33612345678"
    assert keys("0801234567", Line(country="RE"))[0] == "+262801234567"
    assert keys("0142685300", Line(country="FR"))[0] == "+33142685300"


@pytest.mark.parametrize("cli", ["048 9012 3456", "+353 48 9012 3456", "00442890123456"])
def test_a_subscriber_of_northern_ireland_is_one_however_dialled_from_ireland(cli: str) -> None:
    assert keys(cli, Line(country="IE"))[0] == "+442890123456"
    assert index_number(cli, "IE") == ("+442890123456", "")


def test_a_mexican_mobile_is_one_with_the_old_1_or_without() -> None:
    assert keys("+52 1 55 1234 5678")[0] == keys("+52 55 1234 5678")[0] == "+525512345678"


def test_an_argentine_mobile_is_one_with_the_9_or_the_15() -> None:
    line = Line(country="AR")
    assert keys("011 15-2345-6789", line)[0] == "+5491123456789"
    assert keys("+54 9 11 2345 6789", line)[0] == "+5491123456789"


def test_a_brazilian_caller_is_found_behind_the_carrier_code() -> None:
    assert keys("0 15 11 96123-4567", Line(country="BR"))[0] == "+5511961234567"


def test_a_local_number_takes_the_lines_area_code() -> None:
    assert keys("44556677", ITALY._replace(area_code="02"))[0] == MILAN
    assert keys("5551234", Line(country="US", area_code="212"))[0] == "+12125551234"
    assert MILAN not in keys("44556677")


def test_a_countrys_own_dialling_prefix_is_understood() -> None:
    assert keys("011390244556677", Line(country="US"))[0] == MILAN
    assert keys("8~10390244556677", Line(country="RU"))[0] == MILAN
    assert keys("0011390244556677", Line(country="AU"))[0] == MILAN


def test_a_number_in_letters_is_dialled_on_the_keypad() -> None:
    assert keys("1-800-FLOWERS", Line(country="US"))[0] == "+18003569377"


def test_the_pbx_prefix_of_outside_lines_is_taken_off() -> None:
    line = ITALY._replace(outside_prefix="9")
    assert keys("93331234567", line) == ["+393331234567"]
    assert keys("9+393331234567", line) == ["+393331234567"]
    assert keys("+393331234567", line) == ["+393331234567"]


def test_a_line_with_an_outside_prefix_still_takes_numbers_that_came_without() -> None:
    line = ITALY._replace(outside_prefix="0")
    assert decide(read_cli("0244556677", line, settings=SETTINGS), {MILAN}).key == MILAN


def test_the_zero_of_an_outside_line_is_the_last_resort() -> None:
    reading = read_cli("03331234567", ITALY, settings=SETTINGS)
    assert [(c.key, c.reason) for c in reading.candidates] == [
        ("+3903331234567", "national"),
        ("+393331234567", "outside_prefix"),
    ]
    both = decide(reading, {"+3903331234567", "+393331234567"})
    assert both.key == "+3903331234567"
    assert both.lost == (("+393331234567", "+3903331234567 is the likelier reading"),)


def test_strasbourg_is_never_read_as_turin_behind_an_outside_line() -> None:
    assert keys("0390123456", Line(country="FR")) == ["+33390123456"]


def test_a_line_of_an_unknown_country_takes_international_numbers() -> None:
    assert keys("00390244556677", Line(country="ZZ")) == [MILAN]
    assert keys("0244556677", Line(country="")) == []


@pytest.mark.parametrize(
    ("cli", "shape"),
    [
        ("+390244556677", "plus"),
        (" 390244556677", "plus"),
        ("00390244556677", "idd"),
        ("0244556677", "national"),
        ("390244556677", "digits"),
        ("anonymous", "withheld"),
        ("21", "exten"),
        ("alice", "other"),
        ("999999999999999999", "other"),
    ],
)
def test_what_the_cli_looked_like_is_told(cli: str, shape: str) -> None:
    assert read_cli(cli, ITALY, settings=SETTINGS).shape == shape


class TestBlocks:
    """A switchboard owns a range of numbers."""

    settings = SETTINGS._replace(block_lengths=(9, 8))

    def test_a_caller_from_the_block_is_found(self) -> None:
        assert keys("0244556677", settings=self.settings) == [MILAN, "+390244556*", "+39024455*"]
        reading = read_cli("0244556677", ITALY, settings=self.settings)
        assert decide(reading, {"+39024455*"}).key == "+39024455*"

    def test_the_exact_number_beats_the_block_and_the_longer_block_the_shorter(self) -> None:
        reading = read_cli(MILAN, ITALY, settings=self.settings)
        assert decide(reading, set(keys(MILAN, settings=self.settings))) == Decision(
            MILAN,
            (),
            (("+390244556*", f"{MILAN} is more exact"), ("+39024455*", f"{MILAN} is more exact")),
        )
        assert decide(reading, {"+390244556*", "+39024455*"}).key == "+390244556*"

    def test_a_block_of_one_reading_and_a_contact_of_the_other_are_ambiguous(self) -> None:
        reading = read_cli("3902445566", ITALY, settings=self.settings)
        found = {"+393902445566", "+39024455*"}
        assert decide(reading, found).ambiguous_keys == ("+393902445566", "+39024455*")

    def test_never_more_keys_than_one_read_takes(self) -> None:
        many = SETTINGS._replace(block_lengths=tuple(range(14, 0, -1)))
        found = keys("3902445566", settings=many)
        assert len(found) == MAX_KEYS
        assert found[:2] == ["+393902445566", "+3902445566"]
        assert read_cli("3902445566", ITALY, settings=many).steps == ("10 blocks not asked",)
        assert read_cli(MILAN, ITALY, settings=many).steps == ("1 block not asked",)
        assert read_cli(MILAN, ITALY, settings=self.settings).steps == ()

    @pytest.mark.parametrize(
        ("raw", "key"),
        [
            ("+39024455*", "+39024455*"),
            ("02 4455*", "+39024455*"),
            ("0039 02/4455 *", "+39024455*"),
            ("+44 (0)20 7946*", "+44207946*"),
            ("+49 30 123456*", "+4930123456*"),
            ("0549 88*", "+378054988*"),
            ("+1 212 555*", "+1212555*"),
        ],
    )
    def test_a_block_is_stored_under_what_its_numbers_begin_with(self, raw: str, key: str) -> None:
        assert index_number(raw, "IT") == (key, "")

    @pytest.mark.parametrize("raw", ["+3902445*", "+39*", "+4915123*", "02*", "+1212*"])
    def test_a_block_of_more_than_ten_thousand_numbers_is_refused(self, raw: str) -> None:
        key, problem = index_number(raw, "IT")
        assert key == ""
        assert "10,000" in problem

    @pytest.mark.parametrize("raw", ["*", "abc*", "+999123*", "+*", "5" * 41 + "*"])
    def test_a_block_of_no_numbers_is_refused(self, raw: str) -> None:
        key, problem = index_number(raw, "IT")
        assert (key, bool(problem)) == ("", True)


@pytest.mark.parametrize(
    ("raw", "country", "key"),
    [
        ("+39 02 44556677", "", MILAN),
        ("02 44556677", "IT", MILAN),
        ("02/44556677 (ufficio)", "IT", MILAN),
        ("Tel. 02-44556677", "it", MILAN),
        ("02 44556677/8", "IT", MILAN),
        ("02 44556677/78/79", "IT", MILAN),
        ("02 4455 6677 / 78 / 79", "IT", MILAN),
        ("+39 02 4455 6677 / 6678", "IT", MILAN),
        ("02 4455/6677/78", "IT", MILAN),
        ("02/4455667/8/9", "IT", "+39024455667"),
        ("02/4455667-8-9", "IT", "+39024455667"),
        ("+49 30 123456-0", "IT", "+49301234560"),
        ("02/44/55/66/77", "IT", MILAN),
        ("02/4455/66/77", "IT", MILAN),
        ("0475/12/34/56", "BE", "+32475123456"),
        ("02/123/45/67", "BE", "+3221234567"),
        ("01/42/68/53/00", "FR", "+33142685300"),
        ("212/555/1234", "US", "+12125551234"),
        ("+39 02 44556677 int. 12", "IT", MILAN),
        ("tel:+39-02-44556677;ext=9", "IT", MILAN),
        (" 0244556677 ", "IT", MILAN),
        ("333 1234567 (moglie)", "IT", "+393331234567"),
        ("cell: 333.1234567", "IT", "+393331234567"),
        ("(212) 555-1234", "US", "+12125551234"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("0049 30 123456", "IT", "+4930123456"),
        ("4915123456789", "DE", "+4915123456789"),
    ],
)
def test_a_contacts_number_is_indexed_as_a_caller_would_deliver_it(
    raw: str, country: str, key: str
) -> None:
    assert index_number(raw, country) == (key, "")


@pytest.mark.parametrize("number", ["+431", "+4312345", "+4912345678901", "+390899999999"])
def test_only_the_length_of_a_number_makes_it_impossible(number: str) -> None:
    """A range that is newer than the metadata is indexed; a length that no range has is not."""
    key, problem = index_number(number, "")
    assert (key, bool(problem)) == ((number, False) if number != "+431" else ("", True))


def test_a_contacts_local_number_is_indexed_with_the_area_code() -> None:
    assert index_number("44556677", "IT", "02") == (MILAN, "")


@pytest.mark.parametrize(
    ("raw", "country", "problem"),
    [
        ("", "IT", "not a number"),
        ("n.d.", "IT", "not a number"),
        ("anonymous", "IT", "not a number"),
        ("mario@example.com", "IT", "not a number"),
        ("112", "IT", "too few digits for a number of IT"),
        ("5551234", "US", "a local number without its area code"),
        ("0244556677", "", "a number without a country code, and no known country to read it in"),
        ("4" * 41, "IT", "too many digits for one number"),
        ("1266696687", "US", "not a number"),
        ("+39266696687", "IT", "not a number"),
        ("+3902445566778899001", "IT", "more than 15 digits"),
        ("+49 181 12345678901234", "IT", "more than 15 digits"),
        ("+1 212 555 236", "IT", "no number of +1 has 9 digits after the code"),
        ("+1212555236", "", "no number of +1 has 9 digits after the code"),
        ("+39 02 4455 6677 - 6678", "IT", "more than 15 digits"),
        ("0244556677 / 3331234567", "IT", "not a possible number of IT or of any other country"),
    ],
)
def test_a_number_that_cannot_be_indexed_says_why(raw: str, country: str, problem: str) -> None:
    assert index_number(raw, country) == ("", problem)


class TestSpellingsForACrm:
    """TVox's order, then everything else that the number may mean."""

    def spell(self, cli: str, line: Line = ITALY) -> tuple[str, ...]:
        return variants(read_cli(cli, line, settings=SETTINGS), line)

    @pytest.mark.parametrize("cli", ["+390244556677", "00390244556677"])
    def test_a_number_with_the_tenants_prefix_gives_tvoxs_three(self, cli: str) -> None:
        assert self.spell(cli)[:3] == ("+390244556677", "0244556677", "00390244556677")

    def test_a_foreign_number_comes_as_delivered_and_with_00(self) -> None:
        assert self.spell("+442079460123") == (
            "+442079460123",
            "00442079460123",
            "442079460123",
            "02079460123",
        )

    def test_a_national_number_comes_as_delivered_then_in_every_spelling(self) -> None:
        assert self.spell("0244556677") == (
            "0244556677",
            "+390244556677",
            "00390244556677",
            "390244556677",
        )

    def test_both_readings_are_spelled(self) -> None:
        assert {"+393902445566", "+3902445566", "02445566"} <= set(self.spell("3902445566"))

    def test_the_national_spelling_has_the_trunk_prefix(self) -> None:
        german = Line(country="DE")
        spelled = self.spell("+4930123456", german)
        assert spelled[:3] == ("+4930123456", "30123456", "004930123456")
        assert "030123456" in spelled

    @pytest.mark.parametrize("cli", ["anonymous", "21", "alice"])
    def test_who_is_not_looked_up_is_not_searched(self, cli: str) -> None:
        assert self.spell(cli) == ()


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+390244555677", "+39…5677"),
        ("0244555677", "…5677"),
        ("+39024*", "…24"),
        ("+39024455*", "+39…4455"),
        ("21", "…"),
        ("54321", "…21"),
        ("alice", "…"),
        ("", "…"),
    ],
)
def test_logs_show_the_code_and_the_last_digits_only(number: str, masked: str) -> None:
    assert mask(number) == masked


def test_a_number_that_exists_is_valid_and_one_that_does_not_is_not() -> None:
    assert is_valid("+390244556677")
    assert not is_valid("+39244556677")
    assert not is_valid("+999123456")


def test_a_cli_in_e164_is_understood_without_phonenumbers_and_without_the_plans() -> None:
    code = (
        "import sys; from centralino.domain import number, settings;"
        "r = number.read_cli({cli!r}, settings.Line(), settings=settings.Settings('demo'));"
        "print(r.candidates[0].key, *sorted(m for m in sys.modules if m.startswith("
        "('phonenumbers', 'centralino.domain.plans', 'centralino.domain.assigned'))))"
    )
    run = [sys.executable, "-c"]
    plus = subprocess.run(
        [*run, code.format(cli=MILAN)], capture_output=True, check=True, text=True
    )
    assert plus.stdout.split() == [MILAN]
    national = subprocess.run(
        [*run, code.format(cli="0244556677")], capture_output=True, check=True, text=True
    )
    assert national.stdout.split() == [MILAN, "centralino.domain.plans"]


def test_every_word_for_a_withheld_number_is_taken_for_one() -> None:
    for word in number_module._WITHHELD:
        for spelling in (word, word.upper(), word.title()):
            assert read_cli(spelling, ITALY, settings=SETTINGS).kind == "withheld", spelling
