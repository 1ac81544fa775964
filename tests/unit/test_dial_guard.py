"""Who may call whom: the guard against toll fraud, number by number."""

from __future__ import annotations

import re
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType, shortnumberinfo
from phonenumbers.shortdata import _AVAILABLE_REGION_CODES

import dialling_page
from centralino.application.check_call import Asked, block_keys, check_call, check_outside
from centralino.domain.agent import Agent
from centralino.domain.dial_guard import country_of, dear_kind, is_emergency, rings_emergency
from centralino.domain.dial_options import Budget, DialOptions, DialRule
from centralino.domain.errors import PayloadError
from centralino.domain.keys import ApiKey
from centralino.domain.originate import REFUSALS, Order, RefusedCallError
from centralino.domain.settings import Line, Rule
from centralino.ports.dialling import Desk
from fraud_matrix import MATRIX, Attempt, attempt, settings_of

DIALLED = re.compile(r"\+?[0-9]+", re.ASCII)
DEAR = {
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.PAGER,
    PhoneNumberType.UNKNOWN,
}
# Billed as the country that their numbers go with.
TOGETHER = {"IT": {"IT", "VA"}, "NO": {"NO", "SJ"}, "FI": {"FI", "AX"}}
HOMES = sorted(phonenumbers.SUPPORTED_REGIONS)
EXAMPLES = [
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for region in HOMES
    for kind in PhoneNumberType.values()
    if (number := phonenumbers.example_number_for_type(region, kind))
]
WRITTEN = (
    st.text(max_size=40)
    | st.text("0123456789+*#,;w&/@-. ()\u0660\u0669\uff18x", max_size=30)
    | st.sampled_from([one.asked for one in MATRIX])
    | st.builds("".join, st.lists(st.sampled_from(["0", "9", "00", "+", "112", "911", "39", "-"])))
    | st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "0", "9", "00", "011", "tel:", "sip:", "*31#", '"112" <', "Fax "]),
        st.sampled_from(EXAMPLES) | st.sampled_from(EXAMPLES).map(lambda number: number[1:]),
        st.sampled_from(["", ",,112", ";ext=112", "/12", "@host", ">", "#", "w911", "0", "112"]),
    )
)


def crm_key() -> ApiKey:
    return ApiKey("0" * 64, "crm")


def agent_key(exten: str = "21") -> ApiKey:
    return ApiKey("0" * 64, "agent", exten=exten)


def desk(options: DialOptions | None = None, exten: str = "21") -> Desk:
    return Desk(options or DialOptions(), Agent(exten), (), None)


def ask(
    asked: Asked, options: DialOptions | None = None, key: ApiKey | None = None, home: str = "IT"
) -> Order:
    return check_call(
        asked, desk(options, asked.exten), settings_of(home, "02"), key or crm_key(), "c" * 22
    )


def refusal(
    asked: Asked, options: DialOptions | None = None, key: ApiKey | None = None, home: str = "IT"
) -> RefusedCallError:
    with pytest.raises(RefusedCallError) as caught:
        ask(asked, options, key, home)
    return caught.value


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row.home}:{row.asked:.40}")
def test_an_attempt_of_the_fraud_matrix_ends_as_it_says(row: Attempt) -> None:
    assert attempt(row.home, row.asked) == row.outcome


def test_the_matrix_has_each_reason_that_a_number_can_be_refused_for() -> None:
    others = {"do_not_call", "budget", "caller_id", "auto_answer", "exten", "key", "pbx"}

    assert {row.outcome for row in MATRIX if row.outcome in REFUSALS} == set(REFUSALS) - others


def test_the_page_shows_what_was_tried_as_it_happens_now() -> None:
    page = (Path(__file__).parents[2] / "docs/dialling.md").read_text()

    assert dialling_page.matrix() in page
    assert dialling_page.refusals() in page
    assert dialling_page.satellites() in page


@given(
    home=st.sampled_from(HOMES),
    written=WRITTEN,
    countries=st.lists(st.sampled_from([*HOMES, "001"]), max_size=3),
    area_code=st.sampled_from(["", "02", "30", "212"]),
)
@example("US", "+91 11 2345 6789", ["IN"], "")
@example("IT", "1121234567", [], "02")
def test_whatever_is_asked_for_only_an_ordinary_number_of_an_allowed_country_is_dialled(
    home: str, written: str, countries: list[str], area_code: str
) -> None:
    options = DialOptions(countries=tuple(countries))

    outcome = attempt(home, written, options, area_code=area_code)

    if outcome in REFUSALS:
        return
    assert DIALLED.fullmatch(outcome)
    parsed = phonenumbers.parse(outcome, home)
    allowed = {place for one in (home, *countries) for place in TOGETHER.get(one, {one})}
    assert any(phonenumbers.is_valid_number_for_region(parsed, place) for place in allowed)
    assert phonenumbers.number_type(parsed) not in DEAR
    assert not str(parsed.country_code).startswith(("87", "881", "882", "883", "979", "808"))


@given(
    home=st.sampled_from(HOMES),
    written=WRITTEN,
    prefix=st.sampled_from(["", "0", "9", "1", "11", "91"]),
    spelling=st.sampled_from(["national", "international", "digits"]),
)
@example("US", "+91 11 2345 6789", "", "digits")
@example("US", "011 39 02 44556677", "", "international")
@example("CO", "+1 231 555 2368", "", "digits")
def test_no_text_makes_an_exchange_begin_an_emergency_call(
    home: str, written: str, prefix: str, spelling: str
) -> None:
    rule = DialRule(outside_prefix=prefix, spelling=spelling)
    options = DialOptions(countries=tuple(HOMES), rules=(rule,), short_numbers=("112", "118"))

    outcome = attempt(home, written, options)

    if outcome in REFUSALS:
        return
    behind = outcome.removeprefix(prefix)
    for seen in (outcome, behind):
        assert not any(
            shortnumberinfo.is_emergency_number(seen, region) for region in _AVAILABLE_REGION_CODES
        )
    assert home in {"BR", "CL", "NI"} or not any(
        shortnumberinfo.is_emergency_number(behind[:size], home) for size in (3, 4, 5)
    )


@given(written=WRITTEN, home=st.sampled_from(HOMES))
def test_any_text_has_do_not_call_keys_or_none(written: str, home: str) -> None:
    keys = block_keys(written, settings_of(home))

    assert all(re.fullmatch(r"\+[1-9][0-9]*\*?", key) for key in keys)
    assert len(keys) <= 7
    assert all(keys[0].startswith(key.rstrip("*")) for key in keys)


def test_a_number_on_the_do_not_call_list_is_refused_in_every_spelling() -> None:
    for written in ("0244556677", "+39 02 4455 6677", "00390244556677", "tel:+390244556677"):
        assert attempt("IT", written) == "0244556677"
        assert attempt("IT", written, blocked=["+390244556677"]) == "do_not_call"
        assert attempt("IT", written, blocked=["+39024455*"]) == "do_not_call"


def test_a_block_on_the_do_not_call_list_stands_against_no_other_number() -> None:
    assert attempt("IT", "0244566677", blocked=["+39024455*", "+390244556677"]) == "0244566677"


def test_a_country_on_the_list_may_be_called_and_the_refusal_names_the_command() -> None:
    refused = refusal(Asked("+41 44 668 18 00", "21"))

    assert refused.reason == "country"
    assert "`centralino dialling allow --country CH`" in refused.hint
    assert attempt("IT", "+41446681800", DialOptions(countries=("CH",))) == "0041446681800"


def test_a_listed_country_allows_its_ordinary_numbers_and_not_its_dear_ones() -> None:
    options = DialOptions(countries=("CH", "GB", "001"))

    assert attempt("IT", "+41 900 123 456", options) == "premium"
    assert attempt("IT", "+44 70 1234 5678", options) == "personal"
    assert attempt("IT", "+881 6 1234 5678", options) == "satellite"
    assert attempt("IT", "+800 1234 5678", options) == "0080012345678"


def test_what_a_line_makes_of_callers_numbers_changes_none_that_is_called() -> None:
    line = Line("IT", "02", "digits", "0", rules=(Rule("^0", "0039"),))
    settings = settings_of("IT")._replace(line=line)
    for written in ("0244556677", "+390244556677", "44556677", "333 1234567", "3902445566"):
        plain = ask(Asked(written, "21"))

        order = check_call(Asked(written, "21"), desk(), settings, crm_key(), "c" * 22)

        assert order == plain


def test_a_short_number_is_dialled_only_from_the_list() -> None:
    options = DialOptions(short_numbers=("1240",), rules=(DialRule(outside_prefix="0"),))

    assert ask(Asked("1240", "21"), options).dial == "01240"
    assert "`centralino dialling allow --short 4141`" in refusal(Asked("4141", "21"), options).hint


def test_a_short_number_is_no_local_number_of_the_tenants_town() -> None:
    assert attempt("IT", "1240", area_code="02") == "short"
    assert attempt("IT", "44556677", area_code="02") == "0244556677"


def test_an_emergency_number_on_the_list_of_short_ones_is_refused_all_the_same() -> None:
    options = DialOptions(short_numbers=("112", "118", "911"))

    assert {attempt("IT", short, options) for short in options.short_numbers} == {"emergency"}


def test_an_outside_prefix_that_makes_a_short_number_an_emergency_one_is_not_dialled() -> None:
    options = DialOptions(short_numbers=("10",), rules=(DialRule(outside_prefix="1"),))

    assert attempt("IT", "10", options) == "emergency"


def test_an_extension_is_called_if_the_tenant_allows_it() -> None:
    refused = refusal(Asked("22", "21"))
    order = ask(Asked("22", "21"), DialOptions(internal=True, rules=(DialRule((), "", "0"),)))

    assert (refused.reason, "internal=true" in refused.hint) == ("internal", True)
    assert (order.number, order.dial) == ("22", "22")


def test_an_extension_that_is_an_emergency_number_at_home_is_not_called() -> None:
    settings = settings_of("IT")
    settings = settings._replace(extens={**settings.extens, "118": "Carla", "110": "Dario"})
    allowed = desk(DialOptions(internal=True))

    with pytest.raises(RefusedCallError) as caught:
        check_call(Asked("118", "21"), allowed, settings, crm_key(), "c" * 22)
    order = check_call(Asked("110", "21"), allowed, settings, crm_key(), "c" * 22)

    assert (caught.value.reason, order.dial) == ("emergency", "110")


@pytest.mark.parametrize(
    "exten", ["0112", "0118", "0113", "9112", "9911", "00112", "1121", "9110", "5112", "0999"]
)
def test_an_extension_that_some_line_takes_for_an_emergency_number_is_not_called(
    exten: str,
) -> None:
    settings = settings_of("IT")._replace(extens={"21": "Anna", exten: "Carla"})
    options = DialOptions(internal=True, rules=(DialRule(outside_prefix="5"),))

    with pytest.raises(RefusedCallError) as caught:
        check_call(Asked(exten, "21"), desk(options), settings, crm_key(), "c" * 22)

    assert caught.value.reason == "emergency"


@pytest.mark.parametrize("exten", ["110", "119", "101", "22", "1000", "9010"])
def test_other_countries_emergency_numbers_are_extensions_like_any_other(exten: str) -> None:
    settings = settings_of("IT")._replace(extens={"21": "Anna", exten: "Carla"})

    order = check_call(
        Asked(exten, "21"), desk(DialOptions(internal=True)), settings, crm_key(), "c" * 22
    )

    assert order.dial == exten


@pytest.mark.parametrize("short", ["1121", "9112", "11211", "9110", "1128", "0112", "00112"])
def test_no_list_makes_a_short_number_of_an_emergency_one(short: str) -> None:
    options = DialOptions(short_numbers=(short,))

    assert attempt("IT", short, options) == "emergency"
    assert attempt("IT", short, options, area_code="02") == "emergency"


def test_a_short_number_is_no_emergency_number_of_the_lines_country_either() -> None:
    for country, short in (("DE", "1101"), ("GB", "9991")):
        options = DialOptions(short_numbers=(short,), rules=(DialRule(country=country),))
        assert attempt("IT", short, options) == "emergency"


def test_a_wide_pattern_of_extensions_is_no_way_around_the_guard() -> None:
    settings = settings_of("IT", "02")._replace(
        exten_pattern="[0-9]{3,10}", extens={"21": "Anna", "899123456": "trick", "800123456": "Eva"}
    )

    def outcome(number: str) -> str:
        try:
            order = check_call(
                Asked(number, "21"), desk(DialOptions(internal=True)), settings, crm_key(), "c" * 22
            )
        except RefusedCallError as refused:
            return refused.reason
        return f"{order.number} {order.dial}"

    assert outcome("899123457") == "premium"
    assert outcome("899123456") == "premium"
    assert outcome("112") == "emergency"
    assert outcome("0088161234567") == "invalid"
    assert outcome("008816123456") == "invalid"
    assert outcome("4455") == "4455 4455"
    assert outcome("800123456") == "800123456 800123456"
    assert outcome("0244556677") == "+390244556677 0244556677"


@pytest.mark.parametrize(
    ("home", "pattern", "short"),
    [
        ("IT", r"\d{3,4}", "1240"),
        ("IT", r"\d{3,4}", "1254"),
        ("FR", r"\d{4}", "3240"),
        ("DE", r"\d{3,5}", "11833"),
        ("GB", r"\d{3,6}", "118118"),
    ],
)
def test_a_pattern_of_extensions_is_no_way_around_the_list_of_short_numbers(
    home: str, pattern: str, short: str
) -> None:
    settings = settings_of(home)._replace(exten_pattern=pattern)
    registered = settings._replace(extens={**settings.extens, short: "Carla"})
    asked = Asked(short, "21")

    with pytest.raises(RefusedCallError) as caught:
        check_call(asked, desk(DialOptions(internal=True)), settings, crm_key(), "c" * 22)
    listed = DialOptions(internal=True, short_numbers=(short,))

    assert caught.value.reason == "short"
    assert check_call(asked, desk(listed), settings, crm_key(), "c" * 22).dial == short
    own = check_call(asked, desk(DialOptions(internal=True)), registered, crm_key(), "c" * 22)
    assert own.dial == short


@pytest.mark.parametrize("written", ["22,,112", "22w9", "1240,,9", "1240;5"])
def test_keys_behind_an_extension_or_a_short_number_are_not_dropped_silently(written: str) -> None:
    options = DialOptions(internal=True, short_numbers=("1240",))

    assert attempt("IT", written, options) == "changed"


def test_a_freephone_number_of_north_america_is_one_of_each_country_there() -> None:
    assert attempt("CA", "1-800-356-9377") == "8003569377"
    assert attempt("US", "1-800-356-9377") == "8003569377"
    assert attempt("IT", "+1 800 356 9377") == "country"


def test_an_extension_with_stars_is_not_dialled() -> None:
    settings = settings_of("IT")._replace(extens={"*22": "Bruno"})
    allowed = desk(DialOptions(internal=True))

    with pytest.raises(RefusedCallError) as caught:
        check_call(Asked("*22", "21"), allowed, settings, crm_key(), "c" * 22)

    assert (caught.value.reason, caught.value.hint) == ("internal", "")


def test_an_agents_key_calls_from_its_own_extension_only() -> None:
    assert ask(Asked("0244556677", "21"), key=agent_key("21")).exten == "21"
    assert refusal(Asked("0244556677", "22"), key=agent_key("21")).reason == "key"
    assert refusal(Asked("0244556677", "21"), key=agent_key("")).reason == "key"


@pytest.mark.parametrize("role", ["crm", "supervisor", "admin"])
def test_other_keys_call_from_any_registered_extension(role: str) -> None:
    assert ask(Asked("0244556677", "22"), key=ApiKey("0" * 64, role)).exten == "22"


@pytest.mark.parametrize("exten", ["33", "2a", "*21", "", "+21"])
def test_nobody_calls_from_an_extension_that_is_not_registered(exten: str) -> None:
    with pytest.raises(RefusedCallError) as caught:
        check_call(
            Asked("0244556677", exten),
            Desk(DialOptions(), None if exten == "33" else Agent(exten), (), None),
            settings_of("IT"),
            crm_key(),
            "c" * 22,
        )

    assert caught.value.reason == "exten"


def test_a_phone_answers_by_itself_only_for_the_key_of_its_own_extension() -> None:
    loud = Asked("0244556677", "21", auto_answer=True)

    assert ask(loud, key=agent_key("21")).auto_answer
    assert refusal(loud, key=crm_key()).reason == "auto_answer"
    assert refusal(loud, key=ApiKey("0" * 64, "admin")).reason == "auto_answer"


def test_the_called_party_sees_only_a_did_of_the_tenant() -> None:
    settings = settings_of("IT")._replace(dids={"0244556600": {}, "+39 06 1234567": {}, "77": {}})
    options = DialOptions(caller_ids=("+390811234567",))

    def shown(caller_id: str) -> str:
        asked = Asked("0244556677", "21", caller_id=caller_id)
        return check_call(asked, desk(options), settings, crm_key(), "c" * 22).caller_id

    assert shown("02 4455-6600") == "+390244556600"
    assert shown("+39061234567") == "+39061234567"
    assert shown("081 1234567") == "+390811234567"
    assert shown("") == ""
    for other in ("0244556601", "77", "anonymous", "+41446681800"):
        with pytest.raises(RefusedCallError) as caught:
            shown(other)
        assert caught.value.reason == "caller_id"


def test_the_agents_phone_shows_a_name_without_what_would_break_a_header() -> None:
    order = ask(Asked("0244556677", "21", name='Rossi" <sip:evil@host>\r\nX: ${EXTEN}' + "a" * 99))

    assert order.name.startswith("Rossi")
    assert not set(order.name) & set('"<>;,\\${}\r\n')
    assert len(order.name) <= 40


@pytest.mark.parametrize("timeout_s", [4, 121, 0, -1])
def test_a_phone_rings_neither_too_short_nor_too_long(timeout_s: int) -> None:
    with pytest.raises(PayloadError) as caught:
        ask(Asked("0244556677", "21", timeout_s=timeout_s))

    assert caught.value.field == "timeout_s"


def test_every_hint_that_names_a_command_names_one_of_dialling_or_agents() -> None:
    hints = [
        refusal(Asked(row.asked, "21"), home=row.home).hint
        for row in MATRIX
        if row.outcome in REFUSALS
    ]

    commands = {command for hint in hints for command in re.findall(r"`([a-z]+ [a-z]+)", hint)}
    assert commands == {"centralino dialling"}


def test_numbers_of_a_small_neighbour_count_as_those_of_the_country_that_bills_them() -> None:
    assert country_of("+390669812345") == "IT"
    assert country_of("+4779123456") == "NO"
    assert country_of("+3581812345") == "FI"
    assert country_of("+80012345678") == "001"
    assert country_of("+999123") == ""
    assert country_of("nonsense") == ""


def test_what_is_no_number_is_no_ordinary_one() -> None:
    assert dear_kind("+999123456") == "invalid"
    assert dear_kind("+39") == "invalid"
    assert dear_kind("+390244556677") == ""
    with pytest.raises(RefusedCallError) as caught:
        check_outside("+39 0", (), "IT")
    assert caught.value.reason == "invalid"


def test_an_exchange_waits_for_more_digits_only_after_two() -> None:
    assert rings_emergency("112", "IT")
    assert rings_emergency("1125555", "IT")
    assert rings_emergency("999", "IT")
    assert rings_emergency("03", "LT")
    assert not rings_emergency("037123456", "LT")
    assert not rings_emergency("190555", "BR")
    assert rings_emergency("190", "BR")
    assert not rings_emergency("0244556677", "IT")
    assert not rings_emergency("112555", "XX")


def test_an_emergency_number_of_one_country_is_one_for_everybody() -> None:
    assert all(map(is_emergency, ("112", "911", "999", "000", "118", "110", "119", "1669")))
    assert not any(map(is_emergency, ("0244556677", "1240", "+112", "", "1120", "11a")))


def test_a_call_is_estimated_by_the_longest_prefix_that_has_a_price() -> None:
    budget = Budget(prices={"+39": 10, "+393": 50, "+41": 200}, minutes=3)

    assert budget.cost_of("+390244556677") == 30
    assert budget.cost_of("+393331234567") == 150
    assert budget.cost_of("+5371234567") == 600
    assert budget.cost_of("22") == 0
    assert Budget().cost_of("+390244556677") == 0
