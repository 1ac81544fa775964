"""The recall of the number: every region calls every region, in every spelling.

A tenant holds one contact for every example number of every type in libphonenumber's metadata, and
near neighbours of each: one digit off, and the same digits under other country codes. Every region
is the line's country once and gets a call from every contact. `python -m tests.support.recall`
prints the figures; `--write` renews the lists of readings that are truly ambiguous, and of calls
that would show a stranger's name if the caller had no contact.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from centralino.domain.dialling import CODES
from centralino.domain.number import decide, index_number, is_valid, read_cli
from centralino.domain.settings import Line, Settings
from dialling_table.build import expand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phonenumbers import PhoneNumber

    from centralino.domain.number import Decision, Reading
    from centralino.domain.settings import CliFormat

AMBIGUOUS = Path(__file__).parent.parent / "unit" / "ambiguous_readings.txt"
STRANGERS = AMBIGUOUS.with_name("stranger_readings.txt")
SETTINGS = Settings("demo")
NEAR_CODES = 3
FAR_COUNTRIES = 10
_FULL_WIDTH = 0xFF10 - ord("0")
_ARABIC_INDIC = 0x0660 - ord("0")


class Subscriber(NamedTuple):
    """Somebody with a number that exists."""

    region: str
    number: PhoneNumber
    e164: str
    key: str


class Attempt(NamedTuple):
    """One call: who called which country's line, and how the carrier spelled it."""

    line: Line
    spelling: str
    cli: str
    caller: Subscriber

    @property
    def home(self) -> bool:
        """Whether the caller is from the line's own country."""
        return self.caller.region == self.line.country


class Tenant(NamedTuple):
    """All subscribers, and the contacts: key -> whose it is."""

    subscribers: tuple[Subscriber, ...]
    contacts: dict[str, str]


class Recall(NamedTuple):
    """What came of the calls.

    Attributes:
        outcomes: (home or foreign, format, spelling, outcome) -> how many.
        ambiguous: a line of text for every call that could be from two contacts.
        wrong: the same for every call that showed another contact, or none.
        strangers: a line for every contact that the caller would be shown as, alone or among
            others, had the caller none.
        stranger_reasons: spelling and reason -> how many of them.
    """

    outcomes: Counter[tuple[str, str, str, str]]
    ambiguous: list[str]
    wrong: list[str]
    strangers: list[str]
    stranger_reasons: Counter[str]


def make_tenant() -> Tenant:
    """Build the tenant: every example number, and their near neighbours."""
    numbers: dict[tuple[str, str], PhoneNumber] = {}
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                numbers[region, _e164(example)] = example
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        example = phonenumbers.example_number_for_non_geo_entity(code)
        if example is not None:
            numbers[str(code), _e164(example)] = example
    subscribers = tuple(
        Subscriber(region, number, e164, index_number(e164, "")[0])
        for (region, e164), number in numbers.items()
    )
    index = {s.key: s.e164 for s in subscribers}
    for subscriber in subscribers:
        for neighbour in _neighbours(subscriber):
            key, _ = index_number(neighbour, "")
            if key:
                index.setdefault(key, f"neighbour {neighbour}")
    return Tenant(subscribers, index)


def measure(tenant: Tenant) -> Recall:
    """Make all the calls."""
    # re's own cache is too small for phonenumbers in every country at once.
    re._MAXCACHE = 20_000  # type: ignore[attr-defined]
    recall = Recall(Counter(), [], [], [], Counter())
    for attempt in itertools.chain(mixed_calls(tenant), declared_calls(tenant)):
        _count(attempt, tenant, recall)
    recall.ambiguous.sort()
    recall.strangers.sort()
    return recall


def mixed_calls(tenant: Tenant) -> Iterator[Attempt]:
    """Yield every call to a line that says nothing of its format."""
    numbers = {s.e164: s for s in tenant.subscribers}.values()
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        line = Line(country=region)
        for caller in tenant.subscribers:
            if caller.region == region:
                yield from _home_calls(line, caller)
        for caller in numbers:
            yield from _foreign_calls(line, caller)


def declared_calls(tenant: Tenant) -> Iterator[Attempt]:
    """Yield calls to lines whose format is declared and kept to, with an outside prefix or not.

    The callers are from the line's country, from those with the nearest calling codes and from
    ten far ones.
    """
    by_region: dict[str, list[Subscriber]] = {}
    for subscriber in tenant.subscribers:
        by_region.setdefault(subscriber.region, []).append(subscriber)
    regions = sorted(phonenumbers.SUPPORTED_REGIONS, key=lambda r: (_code(r), r))
    for place, region in enumerate(regions):
        near = {regions[(place + step) % len(regions)] for step in (-3, -2, -1, 1, 2, 3)}
        step = len(regions) // (FAR_COUNTRIES + 1)
        far = {regions[(place + n * step) % len(regions)] for n in range(1, FAR_COUNTRIES + 1)}
        for caller in by_region[region]:
            yield from _declared_home_calls(Line(country=region), caller)
        for caller in itertools.chain.from_iterable(by_region[r] for r in sorted(near | far)):
            yield from _declared_foreign_calls(Line(country=region), caller)


def _home_calls(line: Line, caller: Subscriber) -> Iterator[Attempt]:
    significant = phonenumbers.national_significant_number(caller.number)
    national = phonenumbers.format_number(caller.number, PhoneNumberFormat.NATIONAL)
    dialled = phonenumbers.normalize_digits_only(national)
    international = phonenumbers.format_number(caller.number, PhoneNumberFormat.INTERNATIONAL)
    for spelling, cli in (
        ("+", caller.e164),
        ("+ with separators", international),
        ("+ in parentheses", f"({caller.e164}) "),
        ("+ as a space", f" {caller.e164[1:]}"),
        ("+ percent-encoded", f"%2B{caller.e164[1:]}"),
        ("national", dialled),
        ("national with separators", national),
        ("without the trunk prefix", significant),
        ("SIP URI", f'"Mario Rossi" <sip:{caller.e164}@192.0.2.7:5060;user=phone>;tag=8f3a'),
        ("SIP URI, national", f"sip:{dialled}@pbx.example"),
        ("tel URI", phonenumbers.format_number(caller.number, PhoneNumberFormat.RFC3966)),
        ("full-width", "".join(chr(ord(char) + _FULL_WIDTH) for char in caller.e164)),
        ("Arabic-Indic", "".join(chr(ord(char) + _ARABIC_INDIC) for char in dialled)),
    ):
        yield Attempt(line, spelling, cli, caller)
    for prefix in _idd(line.country):
        yield Attempt(line, "each dialling prefix", prefix + caller.e164[1:], caller)
    area = phonenumbers.length_of_geographical_area_code(caller.number)
    # The placeholder digits of an example may begin like a trunk call; no local number does.
    if 0 < area < len(significant) and significant[area] != "0":
        yield Attempt(
            line._replace(area_code=significant[:area]), "local", significant[area:], caller
        )


def _foreign_calls(line: Line, caller: Subscriber) -> Iterator[Attempt]:
    digits = caller.e164[1:]
    yield Attempt(line, "00", f"00{digits}", caller)
    yield Attempt(line, "digits", digits, caller)
    preferred = _preferred_idd(line.country)
    if preferred != "00":
        yield Attempt(line, "the country's prefix", preferred + digits, caller)


def _declared_home_calls(line: Line, caller: Subscriber) -> Iterator[Attempt]:
    dialled = phonenumbers.normalize_digits_only(
        phonenumbers.format_number(caller.number, PhoneNumberFormat.NATIONAL)
    )
    yield Attempt(_with(line, "plus"), "+", caller.e164, caller)
    yield Attempt(_with(line, "digits"), "digits", caller.e164[1:], caller)
    yield Attempt(_with(line, "plus"), "national", dialled, caller)
    yield Attempt(_with(line, "national"), "national", dialled, caller)
    for prefix in ("0", "9"):
        behind = _with(line, "national")._replace(outside_prefix=prefix)
        yield Attempt(behind, f"{prefix} + national", prefix + dialled, caller)
        yield Attempt(behind, f"{prefix} + +", prefix + caller.e164, caller)


def _declared_foreign_calls(line: Line, caller: Subscriber) -> Iterator[Attempt]:
    digits = caller.e164[1:]
    preferred = _preferred_idd(line.country)
    yield Attempt(_with(line, "plus"), "+", caller.e164, caller)
    yield Attempt(_with(line, "digits"), "digits", digits, caller)
    yield Attempt(_with(line, "national"), "the country's prefix", preferred + digits, caller)
    behind = _with(line, "national")._replace(outside_prefix="0")
    yield Attempt(behind, "0 + the country's prefix", f"0{preferred}{digits}", caller)


def _count(attempt: Attempt, tenant: Tenant, recall: Recall) -> None:
    caller = attempt.caller
    reading = read_cli(attempt.cli, attempt.line, settings=SETTINGS)
    decision = decide(reading, tenant.contacts)
    if decision.key == caller.key:
        outcome = "found"
    elif caller.key in decision.ambiguous_keys:
        outcome = "ambiguous"
        recall.ambiguous.append(_describe(attempt, decision, tenant))
    else:
        outcome = "wrong"
        recall.wrong.append(f"{_describe(attempt, decision, tenant)} {reading.candidates}")
    place = "home" if attempt.home else "foreign"
    recall.outcomes[place, attempt.line.cli_format, attempt.spelling, outcome] += 1
    if len(reading.candidates) > 1:
        _count_strangers(attempt, reading, tenant, recall)


def _count_strangers(attempt: Attempt, reading: Reading, tenant: Tenant, recall: Recall) -> None:
    caller = attempt.caller
    keys = {c.key for c in reading.candidates}
    # The worst tenant of all has a contact at every reading.
    everyone = decide(reading, keys)
    if caller.key not in (everyone.key, *everyone.ambiguous_keys):
        recall.wrong.append(f"{_describe(attempt, everyone, tenant)} if all had a contact")
    stranger = decide(reading, keys & tenant.contacts.keys() - {caller.key})
    for candidate in reading.candidates:
        if candidate.key in (stranger.key, *stranger.ambiguous_keys):
            how = f"{attempt.spelling} read as {candidate.reason}"
            whose = f"{candidate.key} ({tenant.contacts[candidate.key]})"
            call = f"{attempt.line.country} {attempt.line.cli_format} {how}: {attempt.cli!r}"
            recall.strangers.append(f"{call} is {caller.key}, not stored -> {whose}")
            recall.stranger_reasons[how] += 1


def _describe(attempt: Attempt, decision: Decision, tenant: Tenant) -> str:
    keys = decision.ambiguous_keys or (decision.key,)
    others = ", ".join(f"{key} ({tenant.contacts.get(key, 'nobody')})" for key in keys)
    line = attempt.line
    outcome = "ambiguous" if decision.ambiguous_keys else "wrong"
    return (
        f"{line.country} {line.cli_format} {attempt.spelling}: {attempt.cli!r}"
        f" is {attempt.caller.key} -> {outcome}: {others}"
    )


def _neighbours(subscriber: Subscriber) -> Iterator[str]:
    """Yield numbers one digit off, and the same digits under other country codes."""
    e164 = subscriber.e164
    code = str(subscriber.number.country_code)
    for place in (len(e164) - 1, len(code) + 2, (len(code) + len(e164)) // 2):
        digit = (int(e164[place]) + 1) % 10
        yield f"{e164[:place]}{digit}{e164[place + 1 :]}"
    codes = sorted(CODES)
    start = codes.index(code)
    others = [codes[(start + step) % len(codes)] for step in range(1, len(codes))]
    same_digits = [f"+{other}{e164[len(code) + 1 :]}" for other in others]
    possible = (number for number in same_digits if index_number(number, "")[0])
    yield from itertools.islice(possible, NEAR_CODES)
    yield from itertools.islice(filter(is_valid, same_digits), NEAR_CODES)


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _with(line: Line, cli_format: CliFormat) -> Line:
    return line._replace(cli_format=cli_format)


def _code(region: str) -> int:
    return phonenumbers.country_code_for_valid_region(region)


def _idd(region: str) -> list[str]:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    return expand(metadata.international_prefix or "") if metadata else []


def _preferred_idd(region: str) -> str:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    preferred = metadata.preferred_international_prefix if metadata else ""
    return (preferred or "").replace("~", "") or _idd(region)[0]


def report(tenant: Tenant, recall: Recall) -> str:
    """Return the figures as a text for people."""
    regions = {s.region for s in tenant.subscribers}
    totals: Counter[str] = Counter()
    size = f"{len(regions)} regions, {len(tenant.subscribers)} subscribers"
    lines = [f"{size}, {len(tenant.contacts)} contacts in one tenant"]
    for (place, cli_format, spelling, outcome), count in sorted(recall.outcomes.items()):
        lines.append(f"{place:8} {cli_format:9} {spelling:28} {outcome:10} {count:7}")
        totals[outcome] += count
    lines.append(f"tried {totals.total()}: " + ", ".join(f"{n} {o}" for o, n in totals.items()))
    lines.append(f"calls that would show another, had the caller none: {len(recall.strangers)}")
    reasons = recall.stranger_reasons.most_common()
    lines += [f"    {reason:50} {count:7}" for reason, count in reasons]
    return "\n".join([*lines, *recall.wrong])


if __name__ == "__main__":
    everybody = make_tenant()
    result = measure(everybody)
    if "--write" in sys.argv:
        for path, calls in ((AMBIGUOUS, result.ambiguous), (STRANGERS, result.strangers)):
            path.write_text("\n".join(calls) + "\n", encoding="utf-8")
    sys.stdout.write(report(everybody, result) + "\n")
