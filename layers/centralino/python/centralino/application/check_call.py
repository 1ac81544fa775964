"""The guard: whether a call may be placed, and what exactly is dialled then."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from centralino.domain.characters import clean, cut
from centralino.domain.dial_guard import (
    COMMON_PREFIXES,
    begins_emergency,
    country_of,
    dear_kind,
    is_emergency,
    is_in,
    rings_emergency,
)
from centralino.domain.dial_plan import dial, dial_short, rule_for
from centralino.domain.dialling import CODES
from centralino.domain.errors import PayloadError
from centralino.domain.number import MAX_RAW, index_number, is_valid, read_cli
from centralino.domain.originate import Order, RefusedCallError
from centralino.domain.settings import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from centralino.domain.dial_options import DialOptions, DialRule
    from centralino.domain.keys import ApiKey
    from centralino.domain.number import Reading
    from centralino.domain.settings import Settings
    from centralino.ports.dialling import Desk

MIN_TIMEOUT_S = 5
MAX_TIMEOUT_S = 120
EXTEN_PATTERN = r"[0-9]{1,20}"
_EXTEN = re.compile(EXTEN_PATTERN, re.ASCII)
_SHORT = re.compile(r"[0-9]{2,6}", re.ASCII)
# What a phone shows of a name; the PBX may cut it further.
_NAME_COLUMNS = 40
_NAME_OCTETS = 80
# With fewer digits a do-not-call block would be longer than any that can be saved.
_MAX_BLOCK_DIGITS = 6
_MIN_BLOCK = len("+290")
# What only looks like an exten because a pattern of them is wide has more digits.
_MOST_EXTEN_DIGITS = 6
# As many last digits of the number that is dialled have to be in the text that was asked for.
_SAME_DIGITS = 6
_LAST_RESORT = 3
# What is dialled before the number or behind it on a keypad changes the call, so it is not just
# dropped: `*31#`, `,,123`, `w9`. An extension in words (`;ext=12`, `int. 12`) is none of that.
_KEYS = re.compile(r"[*#]|[0-9)]\s*[,;pw][\s,;pw]*[0-9]|;\s*postd=", re.IGNORECASE)
_HOST = re.compile(r"(?<!\w)sips?:[^@]*@|@[^0-9]", re.IGNORECASE)


class Asked(NamedTuple):
    """A call as it was asked for.

    Attributes:
        number: whom, in any spelling (`0244556677`, `+39 02 4455-6677`, `tel:…`), or a contact's
            primary number; an exten for an internal call.
        exten: whose phone is to ring first.
        name: what that phone shows; of a contact, empty for a number.
        caller_id: what the called party is to see, in any spelling; empty for the PBX's choice.
        auto_answer: the agent's phone is to answer by itself.
        timeout_s: how long it rings, 5 to 120.
    """

    number: str
    exten: str
    name: str = ""
    caller_id: str = ""
    auto_answer: bool = False
    timeout_s: int = 30


def block_keys(number: str, settings: Settings) -> tuple[str, ...]:
    """Return the keys of the do-not-call list that would stand against a number.

    Args:
        number: as it was asked for, in any spelling.
        settings: the tenant's.

    Returns:
        The number in E.164 and the blocks that it may lie in; nothing for what can't be read.
    """
    key = _number(number, settings)
    if not key:
        return ()
    ends = range(len(key) - 1, max(len(key) - _MAX_BLOCK_DIGITS, _MIN_BLOCK) - 1, -1)
    return (key, *(f"{key[:end]}*" for end in ends))


def is_short(written: str, settings: Settings) -> bool:
    """Tell whether a text is a short number to the guard, and none of the public network.

    Args:
        written: in any spelling.
        settings: the tenant's.
    """
    reading = read_cli(written, _line(settings), settings=settings, external=True)
    number = _number(written, settings)
    return _is_short(reading.cleaned, number, reading, settings.line.country)


def check_call(asked: Asked, desk: Desk, settings: Settings, key: ApiKey, call_id: str) -> Order:
    """Return the order to place a call, or refuse it.

    Args:
        asked: what was asked for.
        desk: what was read for it: `store.desk(exten, block_keys(number, settings), call_id)`.
        settings: the tenant's.
        key: the key that asks.
        call_id: the call's id.

    Raises:
        RefusedCallError: the call is not placed; it says why, and what would allow it.
        PayloadError: `timeout_s` is not what it has to be.
    """
    if not MIN_TIMEOUT_S <= asked.timeout_s <= MAX_TIMEOUT_S:
        raise PayloadError("timeout_s", f"whole seconds, {MIN_TIMEOUT_S} to {MAX_TIMEOUT_S}")
    _check_caller(asked, desk, key)
    rule = rule_for(asked.exten, desk.options.rules)
    number, dialled = _target(asked, desk, settings, rule)
    return Order(
        call_id=call_id,
        exten=asked.exten,
        number=number,
        dial=dialled,
        caller_id=_caller_id(asked.caller_id, desk.options, settings),
        name=cut(clean(asked.name), _NAME_COLUMNS, _NAME_OCTETS),
        auto_answer=asked.auto_answer,
        timeout_s=asked.timeout_s,
    )


def check_outside(number: str, countries: tuple[str, ...], home: str) -> None:
    """Refuse a number in E.164 that nobody should be sent to, whoever sends them.

    Args:
        number: E.164.
        countries: those that may be called beside the tenant's own.
        home: the tenant's own, ISO 3166 alpha-2.

    Raises:
        RefusedCallError: `invalid`, `premium`, ..., or `country`.
    """
    kind = dear_kind(number)
    if kind:
        raise RefusedCallError(kind)
    if not is_valid(number):
        raise RefusedCallError("invalid")
    if not any(is_in(number, country) for country in (home, *countries)):
        country = country_of(number)
        hint = f"It is in {country}. `centralino dialling allow --country {country}` allows it."
        raise RefusedCallError("country", hint if country else "")


def _check_caller(asked: Asked, desk: Desk, key: ApiKey) -> None:
    own = bool(key.exten) and key.exten == asked.exten
    if key.role == "agent" and not own:
        hint = f"It is extension {key.exten}'s." if key.exten else "It names no extension."
        raise RefusedCallError("key", hint)
    if desk.agent is None or not _EXTEN.fullmatch(asked.exten):
        hint = f"`centralino agents set {asked.exten}` registers one."
        raise RefusedCallError("exten", hint if _EXTEN.fullmatch(asked.exten) else "")
    if asked.auto_answer and not own:
        # Anything else is listening into a room.
        raise RefusedCallError("auto_answer")


def _target(asked: Asked, desk: Desk, settings: Settings, rule: DialRule) -> tuple[str, str]:
    """Return whom to call and what to dial for it."""
    home = settings.line.country
    reading = read_cli(asked.number, _line(settings), settings=settings)
    text = reading.cleaned
    if text == asked.exten:
        raise RefusedCallError("self")
    if reading.kind == "internal" and not _is_outside(text, settings, desk.options):
        _check_internal(text, settings, desk.options)
        _check_keys(asked.number)
        return text, text
    number = _number(asked.number, settings)
    if _asks_for_help(text, settings, desk.options, known=bool(number) and is_valid(number)):
        raise RefusedCallError("emergency")
    # What is no exten after all, as a pattern of them is wide, is short if it is nothing else.
    if _is_short(text, number, reading, home):
        if text not in desk.options.short_numbers:
            hint = f"`centralino dialling allow --short {text}` allows it."
            raise RefusedCallError("short", hint)
        _check_keys(asked.number)
        dialled = dial_short(text, rule)
        if _may_help(dialled, settings, desk.options):
            raise RefusedCallError("emergency")
        return text, dialled
    if not number:
        raise RefusedCallError("invalid")
    check_outside(number, desk.options.countries, home)
    _check_keys(asked.number)
    if _is_changed(asked.number, number, reading):
        hint = "Ask for the number alone, with its country code."
        raise RefusedCallError("changed", f"{hint} It would be {number}.")
    if desk.blocked:
        hint = f"`centralino dialling unblock {desk.blocked[0]}` takes it off."
        raise RefusedCallError("do_not_call", hint)
    return number, dial(number, rule, home)


def _line(settings: Settings) -> Line:
    """Return the line as people write numbers: without what its carrier or PBX makes of a CLI."""
    return Line(country=settings.line.country, area_code=settings.line.area_code)


def _number(written: str, settings: Settings) -> str:
    """Return a number in E.164; empty if the text is none, or a block of them."""
    if len(written) > MAX_RAW or written.rstrip().endswith("*"):
        return ""
    return index_number(written, settings.line.country, settings.line.area_code)[0]


def _is_outside(exten: str, settings: Settings, options: DialOptions) -> bool:
    """Tell whether a text that is like an extension is a number of the public network as well.

    A pattern of extensions may be wide, and a PBX dials outside whatever it has no phone for.
    """
    if exten not in settings.extens and (
        len(exten) > _MOST_EXTEN_DIGITS or _is_service(exten, settings, options)
    ):
        return True
    number = index_number(exten, settings.line.country)[0]
    return is_valid(number) and (exten not in settings.extens or dear_kind(number) != "")


def _is_service(exten: str, settings: Settings, options: DialOptions) -> bool:
    """Tell whether a country of the tenant's lines has a short number like this."""
    from phonenumbers import shortnumberinfo  # noqa: PLC0415 - few calls are internal
    from phonenumbers.phonenumber import PhoneNumber  # noqa: PLC0415

    if not _SHORT.fullmatch(exten):
        return False
    return any(
        shortnumberinfo.is_valid_short_number_for_region(
            PhoneNumber(country_code=_calling_code(country), national_number=int(exten)), country
        )
        for country in _countries(settings, options)
    )


def _countries(settings: Settings, options: DialOptions) -> set[str]:
    return {settings.line.country, *(rule.country for rule in options.rules)} - {""}


def _may_help(digits: str, settings: Settings, options: DialOptions) -> bool:
    """Tell whether an exten or a short number may call for help on one of the tenant's lines."""
    prefixes = {*_own_prefixes(settings, options), *COMMON_PREFIXES}
    return begins_emergency(digits, _countries(settings, options), prefixes)


def _own_prefixes(settings: Settings, options: DialOptions) -> Iterator[str]:
    written = (settings.line.outside_prefix, *(rule.outside_prefix for rule in options.rules))
    yield from filter(None, written)
    for rule in options.rules:
        if rule.carrier_code:
            yield rule.outside_prefix + rule.carrier_code


def _check_internal(exten: str, settings: Settings, options: DialOptions) -> None:
    if _may_help(exten, settings, options):
        raise RefusedCallError("emergency")
    if not options.internal or not _EXTEN.fullmatch(exten):
        hint = "`centralino dialling set internal=true` allows them."
        raise RefusedCallError("internal", "" if options.internal else hint)


def _check_keys(written: str) -> None:
    """Refuse a text with which more is asked for than a number: keys to press, another host."""
    plain = unicodedata.normalize("NFKC", written)
    if _KEYS.search(plain) or ("@" in plain and not _HOST.search(plain)):
        raise RefusedCallError("changed", "Ask for the number alone.")


def _asks_for_help(text: str, settings: Settings, options: DialOptions, *, known: bool) -> bool:
    """Tell whether somebody who dialled a text would call for help, with or without a prefix.

    Args:
        text: digits, perhaps with a `+`; anything else asks for nothing.
        settings: the tenant's.
        options: the tenant's dialling options.
        known: whether it is a whole number that exists, which then is what it is.
    """
    digits = text.removeprefix("+")
    if is_emergency(digits):
        return True
    if known:
        return False
    if any(is_emergency(rest) for rest in _without_prefixes(digits, settings, options)):
        return True
    return rings_emergency(text, settings.line.country)


def _without_prefixes(digits: str, settings: Settings, options: DialOptions) -> Iterator[str]:
    """Yield what is left of digits behind what may be an outside prefix or a country code."""
    for prefix in {*_own_prefixes(settings, options), *COMMON_PREFIXES}:
        if digits.startswith(prefix):
            yield digits[len(prefix) :]
    for start in ("", "0", "00", "000", "011", "9011"):
        behind = digits[len(start) :] if digits.startswith(start) else ""
        for size in (1, 2, 3):
            if behind[:size] in CODES:
                yield behind[size:]
                yield behind[size:].removeprefix("0")


def _is_short(text: str, number: str, reading: Reading, home: str) -> bool:
    """Tell whether a text is what only the country's own exchanges know: `1240`, `4141`."""
    if reading.kind not in {"number", "internal"} or not _SHORT.fullmatch(text):
        return False
    if not number or not is_valid(number):
        return True
    if not reading.candidates or reading.candidates[0].reason != "local":
        return False
    from phonenumbers import shortnumberinfo  # noqa: PLC0415 - few numbers are as short
    from phonenumbers.phonenumber import PhoneNumber  # noqa: PLC0415

    # `1240` is an information service before it is somebody's number in the same town.
    short = PhoneNumber(country_code=_calling_code(home), national_number=int(text))
    return text[0] != "0" and bool(shortnumberinfo.is_possible_short_number_for_region(short, home))


def _calling_code(country: str) -> int:
    import phonenumbers  # noqa: PLC0415 - few numbers are as short

    return int(phonenumbers.country_code_for_region(country))


def _is_changed(written: str, number: str, reading: Reading) -> bool:
    """Tell whether a number differs from what was asked for in more than separators and prefix."""
    if reading.kind == "number":
        # Read as a caller's, a text is one number; as a contact's, it may be several with endings.
        first = reading.candidates[0] if reading.candidates else None
        if first is None or first.number != number or first.tier == _LAST_RESORT:
            return True
    digits = "".join(_digit(char) for char in written)
    return number[-_SAME_DIGITS:] not in digits


def _digit(char: str) -> str:
    """Return the digit that a character is, in any script, or on a keypad; empty for none."""
    if char.isdecimal():
        return str(int(char))
    place = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".find(char.upper())
    return "22233344455566677778889999"[place] if place >= 0 and char.isascii() else ""


def _caller_id(written: str, options: DialOptions, settings: Settings) -> str:
    if not written:
        return ""
    wanted = _number(written, settings)
    own = {_number(did, settings) for did in settings.dids} | set(options.caller_ids)
    if not wanted or wanted not in own:
        hint = "`centralino dialling allow --caller-id` adds one that is yours."
        raise RefusedCallError("caller_id", hint)
    return wanted
