"""What holds for any text at all that somebody may send as a number."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from centralino.domain.number import MAX_KEYS, decide, index_number, mask, read_cli, variants
from centralino.domain.plans import PLANS
from centralino.domain.settings import CLI_FORMATS, Line, Rule, Settings

COUNTRIES = sorted(name for name in PLANS if name.isalpha())
# Texts near a number are where the mistakes are; wild ones show that nothing raises.
SCRAPS = st.sampled_from(
    (
        *("+", "00", "0", "011", "39", "02", "1", "49", "%2B", "-", "(", ")", "/", " ", ";ext="),
        *("x", "sip:", "tel:", "<", ">", "@", '"', "*", ";phone-context=+39", "\x00"),
        *("\u0661", "\uff11", "\u202e"),
    )
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.from_regex(r"\A\+?[0-9]{1,40}\Z"),
    st.lists(st.one_of(SCRAPS, st.from_regex(r"\A[0-9]{1,6}\Z")), max_size=12).map("".join),
)
LINES = st.builds(
    Line,
    country=st.one_of(st.sampled_from(COUNTRIES), st.text(max_size=3)),
    area_code=st.sampled_from(["", "02", "30", "212"]),
    cli_format=st.sampled_from(CLI_FORMATS),
    outside_prefix=st.sampled_from(["", "0", "9", "00"]),
    rules=st.lists(
        st.builds(Rule, st.sampled_from(["^9", "(", "0", r"(\d+)"]), st.sampled_from(["", r"\1"])),
        max_size=2,
    ).map(tuple),
)
SETTINGS = Settings("demo", extens={"21": ""}, exten_pattern="4[0-9]", block_lengths=(9, 8, 5))


@settings(deadline=None)
@given(TEXTS, LINES, st.booleans())
@example(cli="0" * 256, line=Line(), external=False)
@example(cli="+" * 300, line=Line(), external=False)
def test_any_text_gives_an_answer(cli: str, line: Line, external: bool) -> None:
    reading = read_cli(cli, line, settings=SETTINGS, external=external)
    keys = [c.key for c in reading.candidates]
    assert len(keys) <= MAX_KEYS
    assert bool(reading.exten) == (reading.kind == "internal")
    assert not keys or reading.kind == "number"
    exact = [c.reason != "block" for c in reading.candidates]
    assert exact == sorted(exact, reverse=True)
    for candidate in reading.candidates:
        assert candidate.number.startswith(candidate.key.rstrip("*"))


@settings(deadline=None)
@given(TEXTS, LINES)
def test_a_number_that_was_understood_is_understood_as_itself(cli: str, line: Line) -> None:
    candidates = read_cli(cli, line, settings=SETTINGS).candidates
    for candidate in candidates:
        again = read_cli(candidate.number, Line(), settings=SETTINGS)
        assert again.candidates[0].key == candidate.number
        key, problem = index_number(candidate.number, "")
        # A number of an impossible length may lie in a block; no contact is stored under it.
        impossible = candidates[0].reason == "plus" and "digits" in problem
        assert (key, problem) == (candidate.number, "") or impossible


@settings(deadline=None)
@given(TEXTS, st.one_of(st.sampled_from(COUNTRIES), st.text(max_size=3)))
def test_indexing_twice_changes_nothing(raw: str, country: str) -> None:
    key, problem = index_number(raw, country)
    assert bool(key) != bool(problem)
    if key and not key.endswith("*"):
        assert index_number(key, country) == (key, "")


@settings(deadline=None)
@given(st.from_regex(r"\A\+?[0-9]{3,12}\*\Z"), st.sampled_from(COUNTRIES))
def test_a_block_is_stored_once(raw: str, country: str) -> None:
    key, problem = index_number(raw, country)
    assert bool(key) != bool(problem)
    if key:
        assert index_number(key, country) == (key, "")


@settings(deadline=None)
@given(TEXTS, LINES)
def test_whatever_contacts_there_are_one_or_several_or_none_is_chosen(cli: str, line: Line) -> None:
    reading = read_cli(cli, line, settings=SETTINGS)
    keys = {c.key for c in reading.candidates}
    for found in (keys, set(list(keys)[::2]), set()):
        decision = decide(reading, found)
        chosen = {decision.key, *decision.ambiguous_keys} - {""}
        assert chosen <= found
        assert bool(chosen) == bool(found)
        assert not (decision.key and decision.ambiguous_keys)
        assert len(decision.ambiguous_keys) != 1
        assert {key for key, _ in decision.lost} | chosen >= keys


@settings(deadline=None)
@given(TEXTS, LINES)
def test_a_crm_is_searched_for_each_spelling_once(cli: str, line: Line) -> None:
    reading = read_cli(cli, line, settings=SETTINGS)
    spelled = variants(reading, line)
    assert len(set(spelled)) == len(spelled)
    exact = {c.key for c in reading.candidates if c.reason != "block"}
    assert exact <= set(spelled)


@settings(deadline=None)
@given(TEXTS)
def test_a_log_never_holds_a_whole_number(number: str) -> None:
    shown = mask(number)
    digits = [c for c in number if c in "0123456789"]
    assert sum(c.isdigit() for c in shown) < max(1, len(digits))
