"""What a CLI may mean: from the text that a PBX delivers to ranked keys of the store.

Everything here is pure and total: any text at all gives an answer. The numbering plans come from
libphonenumber's metadata as three generated tables (`dialling`, `plans`, `assigned`; see
`tools/dialling_table`), of which a CLI in E.164 touches only the first, the smallest. Parsing is
libphonenumber's own, with a few reasoned exceptions (`_other_number`), and the tests hold it
against the phonenumbers package; that package itself is imported only off the call path.

How a number is understood, in words and with examples: `docs/numbers.md`.
"""

from __future__ import annotations

import re

from centralino.domain.dialling import CODES, DOUBTFUL
from centralino.domain.record import TYPE_CHECKING, NamedTuple, Record
from centralino.domain.settings import Line

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from typing import Literal

    from centralino.domain.settings import Rule, Settings

    Kind = Literal["number", "withheld", "internal", "unreadable"]
    Shape = Literal["plus", "idd", "national", "digits", "local", "exten", "withheld", "other"]


MAX_KEYS = 12
# A CLI is at most 15 digits, a prefix and some decoration: what is longer is not a number, and
# rules never get to see it.
MAX_RAW = 256
MAX_TEXT = 40
MAX_BLOCK_DIGITS = 4
MAX_E164 = 15

_LAST_RESORT = 3
_MAX_EXACT = 6
_MAX_NATIONAL = 17  # libphonenumber's own limit
_MIN_NATIONAL = 2
_ROUNDS = range(20)
_MASK_TAIL = 4
_MASK_WHOLE = 8
_KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
_MAX_VANITY_START = 6
# With fewer digits, what stands before a slash is rather an area code and half of the number.
_MIN_FIRST_OF_SEVERAL = 8
_MIN_GROUP = 3

# The number spells ANONYMOUS on a keypad; North American gateways send it.
_ANONYMOUS_DIGITS = "266696687"
_ANONYMOUS_STARTS = ("011", "00", "+", "")
# Lower case, without separators: `Out_of_Area` and `No Caller ID` are among them.
_WITHHELD = frozenset(
    {
        *("anonymous", "anonymouscall", "anonymouscaller", "blocked", "blockedcall"),
        *("blockednumber", "calleridblocked", "calleridrestricted", "calleridunavailable"),
        *("calleridwithheld", "hidden", "hiddennumber", "idwithheld", "nocallerid", "noid"),
        *("nonumber", "notavailable", "numberunavailable", "numberwithheld", "o", "outofarea"),
        *("p", "private", "privatecall", "privatecaller", "privatename", "privatenumber"),
        *("restricted", "restrictednumber", "unavailable", "unknown", "unknowncall"),
        *("unknowncaller", "unknownname", "unknownnumber", "withheld", "withheldnumber"),
        # Italian
        *("anonimo", "chiamantesconosciuto", "chiamataanonima", "nascosto", "nondisponibile"),
        *("numeroanonimo", "numeronascosto", "numeronondisponibile", "numeroprivato"),
        *("numeroriservato", "numerosconosciuto", "privato", "riservato", "sconosciuto"),
        # German, French, Spanish and Portuguese
        *("anonym", "privat", "unbekannt", "unterdrückt", "nummerunterdrückt"),
        *("anonyme", "inconnu", "masqué", "numéroinconnu", "numéromasqué", "numéroprivé", "privé"),
        *("anónimo", "desconocido", "númerodesconocido", "númeroprivado", "privado"),
        *("anônimo", "desconhecido", "númerodesconhecido"),
    }
)
_ANONYMOUS_HOST = "anonymous.invalid"

# Patterns are compiled when first used (`_regex`): a CLI in E.164 needs none of them.
_SCHEME = r"(?i)\s*(sips?|tel|callto):(?://)?"
_ESCAPE = r"%([0-7][0-9A-Fa-f])"
_IPV4 = r"\d+(?:\.\d+){3}"
_SEPARATORS = r"[\s.\-/()\[\]~_\x00-\x1f\x7f]+"
_PHONE_CONTEXT = r"(?i);phone-context=(\+[0-9.\-()]+)"
# An extension is only one behind a number: `x12` alone is a name.
_EXTENSION = (
    r"(?i)(?<=[0-9)])[\s,]*(?:;\s*ext=|(?:extension|extn|ext|interno|int|x)\.?\s*[:.]?|#)"
    r"\s*[0-9]{1,15}\s*#?\s*$"
)
# What a dialler waits for after the number: `,,12`, `;12`, `p12`, `w12`.
_POST_DIAL = r"(?i)(?<=[0-9])\s*[,;pw][\s,;pw]*[0-9*#]{0,15}\s*$"
_VANITY = r"(\+?[0-9]+)[A-Za-z](?:[0-9]*[A-Za-z]){2,}[0-9]*"
_LEADING_WORDS = r"^[^0-9+]*?(?=[+(]?[0-9+])"
_TRAILING_WORDS = r"(?<=[0-9])(?:\s+|\s*\()[^0-9]*$"
# `44556677/78/79`, `4455667-8-9`: the endings of further numbers, or groups of one.
_ENDINGS = r"(?<=[0-9])(?:\s*/\s*[0-9]{1,4})+\s*$|(?<=[0-9]{4})(?:\s*-\s*[0-9]){2,}\s*$"
# What a phone dials to hide the number, or to show it, before the number that it calls.
_SERVICE_PREFIX = (
    r"\s*(\*\s*67|\*\s*82|[*#]\s*31\s*#)[\s.\-,]*(?=(?:[+(]\s*)*(?:[0-9][\s.\-/()]*){6})"
)

# France and its overseas departments dial each other as one country; these first digits of a
# national number say which calling code it has abroad. All others are +33.
_OVERSEAS = {
    **dict.fromkeys(("262", "263", "268", "269", "639", "692", "693", "7092"), "262"),
    **dict.fromkeys(("70935", "70936", "70937"), "262"),
    **dict.fromkeys(("590", "5987", "690", "691", "7090"), "590"),
    **dict.fromkeys(("594", "5988", "694"), "594"),
    **dict.fromkeys(("70930", "70931", "70932", "70933"), "594"),
    **dict.fromkeys(("596", "5989", "696", "697", "7091"), "596"),
}
_OVERSEAS_CODES = frozenset(("262", "590", "594", "596"))
_FRENCH_LENGTH = 9


class Plan(Record):
    """How one country (or a code without one) dials, from libphonenumber's metadata.

    Attributes:
        code: the calling code.
        idd: a regex of the international prefix.
        trunk: the national (trunk) prefix; empty for none.
        prefix: a regex of what may stand before a national number.
        transform: what to put in its place, as a regex replacement; empty for nothing.
        general: a regex of the national numbers, roughly.
        lengths: the possible lengths of a national number.
        local: lengths that are possible only without the area code.
        bare: a regex of the national numbers that are dialled without the trunk prefix.
    """

    code: str
    idd: str
    trunk: str
    prefix: str
    transform: str
    general: str
    lengths: tuple[int, ...]
    local: tuple[int, ...]
    bare: str


class Candidate(Record):
    """One key to look up, and why.

    Attributes:
        key: E.164 (`+390244556677`) or a block (`+39024455*`).
        reason: `plus`, `idd`, `national`, `digits`, `local`, `outside_prefix` or `block`.
        number: the number that is meant when this key matches, E.164.
        tier: 1 for a reading that the numbering plans and the line's settings allow, 2 for one of
            a possible length only, 3 for the last resort (one leading 0 taken away).
    """

    key: str
    reason: str
    number: str
    tier: int = 1


class Reading(Record):
    """What a CLI may mean.

    Attributes:
        raw: the CLI as delivered.
        cleaned: the CLI unwrapped, without separators, after the rules.
        kind: `number`, `withheld`, `internal`, or `unreadable` (text that is no number).
        exten: the internal extension, if `kind` is `internal`.
        shape: what the CLI looked like, for the first candidate; counted for each trunk.
        candidates: at most `MAX_KEYS`: exact numbers, the likeliest first, then blocks.
        steps: what was unwrapped and which rule fired, for the explanation.
    """

    raw: str
    cleaned: str
    kind: Kind
    exten: str = ""
    shape: Shape = "other"
    candidates: tuple[Candidate, ...] = ()
    steps: tuple[str, ...] = ()


class Decision(Record):
    """Which of the candidates that have a contact is the caller.

    Attributes:
        key: the key that wins; empty if none has a contact or if it can't be told.
        ambiguous_keys: the keys between which it can't be told, the likeliest first; else empty.
        lost: the other candidates, each with the reason why it is not the answer.
    """

    key: str = ""
    ambiguous_keys: tuple[str, ...] = ()
    lost: tuple[tuple[str, str], ...] = ()


class _Text(NamedTuple):
    """An unwrapped CLI; `spaced` if a space stood where a `+` may have been.

    `beginnings` are what may be the first of several numbers in a contact's text.
    """

    text: str
    spaced: bool
    steps: tuple[str, ...]
    beginnings: tuple[str, ...] = ()


def read_cli(raw: str, line: Line, *, settings: Settings, external: bool = False) -> Reading:
    """Turn a CLI into what it may mean; any text gives an answer.

    Args:
        raw: the CLI as delivered. Don't strip it: a leading space may have been a `+`.
        line: the settings of the line that the call came in on.
        settings: the tenant's, for its extensions and block lengths.
        external: whether anything says that the call came from outside (a trunk, a DID).
    """
    text, spaced = raw, False
    steps: tuple[str, ...] = ()
    plain = len(raw) <= MAX_TEXT and _is_digits(raw)
    if not plain:
        text, spaced, steps, _ = _unwrap(raw)
    if _is_withheld(text):
        return Reading(raw, text, "withheld", shape="withheld", steps=steps)
    if not (external or spaced) and (
        text in settings.extens or (settings.exten_pattern and _is_exten(text, settings))
    ):
        return Reading(raw, text, "internal", exten=text, shape="exten", steps=steps)
    if line.rules:
        ruled, steps = _apply_rules(text, line.rules, steps)
        spaced = spaced and ruled == text
        text, plain = ruled, False
        if _is_withheld(text):
            return Reading(raw, text, "withheld", shape="withheld", steps=steps)
    text = text if plain else _without_prefix(text, line)
    if not (plain or _is_digits(text)) or len(text) > MAX_TEXT:
        return Reading(raw, text, "unreadable", steps=steps)
    exact = _exact(text, line, spaced=spaced)
    if text.endswith(_ANONYMOUS_DIGITS) and _spells_anonymous(text, exact):
        return Reading(raw, text, "withheld", shape="withheld", steps=steps)
    candidates = exact
    if settings.block_lengths:
        candidates = exact + _blocks(exact, settings.block_lengths)
        if len(candidates) > MAX_KEYS:
            candidates, steps = _asked(candidates, steps)
    shape = _shape(text, exact)
    return Reading(raw, text, "number", "", shape, tuple(candidates), steps)


def decide(reading: Reading, found: Container[str]) -> Decision:
    """Choose among the candidates that have a contact.

    Of one number the exact key beats a block and the longer block the shorter. Two readings of
    the same tier that both have a contact are ambiguous; a better tier beats a worse one.

    Args:
        reading: what the CLI may mean.
        found: the keys that exist in the store (a set, or a mapping by key).
    """
    best: dict[str, Candidate] = {}
    lost: list[tuple[str, str]] = []
    key = ""
    for candidate in reading.candidates:
        asked = candidate.key
        if asked not in found:
            lost.append((asked, "has no contact"))
        elif candidate.number in best:
            lost.append((asked, f"{best[candidate.number].key} is more exact"))
        else:
            best[candidate.number] = candidate
            key = asked
    if len(best) < 2:  # noqa: PLR2004 - one number, or none
        return Decision(key, (), tuple(lost))
    tier = min(c.tier for c in best.values())
    peers = [c for c in best.values() if c.tier == tier]
    # Two readings can meet in one key: a block that both numbers lie in.
    keys = tuple(dict.fromkeys(c.key for c in peers))
    lost += [
        (c.key, f"{keys[0]} is the likelier reading")
        for c in best.values()
        if c.tier != tier and c.key not in keys
    ]
    if len(keys) > 1:
        return Decision(ambiguous_keys=keys, lost=tuple(lost))
    return Decision(key=keys[0], lost=tuple(lost))


def index_number(raw: str, country: str, area_code: str = "") -> tuple[str, str]:
    """Work out what a contact's number is stored under.

    Returns:
        The key (E.164, or a block such as `+39024455*`) and an empty problem; or an empty key and
        the problem as a phrase for people. The same number in any spelling gives the same key.

    Args:
        raw: the number as the source wrote it: with an extension, in words, as a URI.
        country: where numbers without a country code are from, ISO 3166 alpha-2.
        area_code: the area code of local numbers, as it follows the country code.
    """
    if raw[:1] == "+" and _is_digits(raw) and not raw.endswith(_ANONYMOUS_DIGITS):
        number = _canonical(raw[1:])
        if number:
            problem = _length_problem(number)
            return ("", problem) if problem else (f"+{number}", "")
    line = Line(country=country, area_code=area_code)
    if raw.rstrip().endswith("*"):
        return _index_block(raw.rstrip()[:-1], line)
    unwrapped = _unwrap(raw, contact=True)
    text = _first_of_several(unwrapped, line)
    problem = _text_problem(text)
    if problem:
        return "", problem
    # A space before a contact's number is a space: only a URL turns a `+` into one.
    exact = _exact(text, line)
    if not exact:
        return "", _index_problem(text, line)
    if _spells_anonymous(text, exact):
        return "", "not a number"
    problem = _length_problem(exact[0].number[1:])
    return ("", problem) if problem else (exact[0].key, "")


def variants(reading: Reading, line: Line) -> tuple[str, ...]:
    """Return the spellings to search a CRM for, the likeliest first.

    TVox's set comes first and in its order: a number that carries the line's country code is
    searched with `+`, without the code and with `00`; any other as delivered, and with `00` for
    its `+`. Then come the `+`, `00`, digits and national spellings of every candidate. Not for the
    call path: the national spelling needs phonenumbers.

    Source: Telenia TVox 24, "Lookup - Riconoscimento del chiamante".
    """
    if reading.kind != "number":
        return ()
    text = reading.cleaned
    plan = _plan(line.country.upper())
    exact = [c for c in reading.candidates if c.reason != "block"]
    spellings: list[str] = []
    national = _after_code(text, plan.code) if plan else ""
    if plan and national:
        spellings += [f"+{plan.code}{national}", national, f"00{plan.code}{national}"]
    else:
        spellings.append(text)
        if text.startswith("+"):
            spellings.append(f"00{text[1:]}")
    for candidate in exact:
        digits = candidate.number[1:]
        spellings += [f"+{digits}", f"00{digits}", digits, _national_spelling(candidate.number)]
    return tuple(dict.fromkeys(s for s in spellings if s))


def mask(number: str) -> str:
    """Return a number as logs may show it: the calling code, if there is one, and the last digits.

    `+390244555677` gives `+39…5677`; short numbers show two digits or none.
    """
    digits = "".join(c for c in number if "0" <= c <= "9")
    if len(digits) < _MASK_WHOLE:
        return f"…{digits[-2:]}" if len(digits) > _MASK_TAIL else "…"
    code = _calling_code(digits) if number.startswith("+") else ""
    return f"{'+' if code else ''}{code}…{digits[-_MASK_TAIL:]}"


def is_valid(number: str) -> bool:
    """Tell whether an E.164 number is one that its numbering plan assigns."""
    digits = number.removeprefix("+")
    code = digits[:2]
    if code not in CODES:
        code = _calling_code(digits)
    if not code:
        return False
    assigned = _assigned_patterns.get(code)
    if assigned is None:
        # The general patterns refuse most of what isn't a number, and what is assigned needn't be
        # read for that.
        if not any(_regex(plan.general).fullmatch(digits, len(code)) for plan in _regions(code)):
            return False
        assigned = _assigned(code)
    return assigned.fullmatch(digits, len(code)) is not None


def _shape(text: str, exact: list[Candidate]) -> Shape:
    if not exact:
        return "other"
    reason = exact[0].reason
    if reason == "outside_prefix":
        return "idd" if text.startswith("00") else "national"
    return reason  # type: ignore[return-value]  # the other reasons of exact keys are shapes


# --- unwrapping -----------------------------------------------------------------------------------


def _unwrap(raw: str, *, contact: bool = False) -> _Text:
    """Take the number out of whatever surrounds it; what is left has no separators."""
    text = raw[:MAX_RAW]
    if _is_digits(text):
        return _Text(text, spaced=False, steps=())
    steps: list[str] = []
    if not text.isascii():
        text = _to_ascii(text)
        steps.append("other scripts' digits and signs to ASCII")
    if "%" in text:
        text = _regex(_ESCAPE).sub(lambda m: chr(int(m[1], 16)), text)
        steps.append("percent-encoding")
    spaced = text[:1] == " " and text[1:2].isdigit()
    text = _unwrap_uri(text, steps)
    service = _regex(_SERVICE_PREFIX).match(text) if "*" in text or "#" in text else None
    if service:
        steps.append(f"service prefix {_squeeze(service[1])}")
        text = text[service.end() :]
    shorter = _regex(_POST_DIAL).sub("", _regex(_EXTENSION).sub("", text))
    if shorter != text:
        steps.append("extension")
        text = shorter
    beginnings: tuple[str, ...] = ()
    if contact:
        for words in (_LEADING_WORDS, _TRAILING_WORDS):
            text = _regex(words).sub("", text)
        beginnings = _beginnings(text)
    text = _squeeze(text)
    vanity = _regex(_VANITY).fullmatch(text)
    if vanity and len(vanity[1].lstrip("+")) <= _MAX_VANITY_START:
        text = text.upper().translate(_KEYPAD)
        steps.append("letters as on a keypad")
    return _Text(text, spaced, tuple(steps), beginnings)


def _unwrap_uri(text: str, steps: list[str]) -> str:
    """Take the user part out of a name-addr, a SIP or tel URI; their parameters go."""
    start, end = text.find("<"), text.rfind(">")
    if start >= 0:
        text = text[start + 1 : end if end > start else None]
        steps.append("angle brackets")
    elif '"' in text:
        text = text.rpartition('"')[2] or text.strip('"')
        steps.append("display name")
    scheme = _regex(_SCHEME).match(text)
    if scheme:
        text = text[scheme.end() :]
        steps.append(f"{scheme[1].lower()} URI")
    user, at, host = text.partition("@")
    if at:
        if host.lower().startswith(_ANONYMOUS_HOST):
            return "anonymous"
        # A password may follow the user; nobody looks at it.
        text = user.partition(":")[0]
    elif scheme and scheme[1].lower().startswith("sip"):
        # `sip:host` has no user at all, and `sip:10.0.0.1` is not a number.
        if _regex(_IPV4).match(text) or text.lower().startswith(_ANONYMOUS_HOST):
            return "anonymous" if text[:1].isalpha() else "host"
        text = text.partition(":")[0]
    if scheme or at:
        context = _regex(_PHONE_CONTEXT).search(text)
        text = text.partition(";")[0].partition("?")[0]
        if context and not text.lstrip().startswith("+"):
            text = context[1] + text
            steps.append("phone-context")
    return text


def _to_ascii(text: str) -> str:
    """Replace other scripts' digits and signs; letters stay, everything else is a space."""
    import unicodedata  # noqa: PLC0415 - a CLI outside ASCII is rare

    out = []
    for char in unicodedata.normalize("NFKC", text):
        if char.isascii() or char.isalpha():
            out.append(char)
        elif char.isdecimal():
            out.append(str(int(char)))
        elif unicodedata.category(char) not in {"Cf", "Mn"}:
            out.append(" ")
    return "".join(out)


def _squeeze(text: str) -> str:
    """Take the separators out; several `+` are one."""
    text = _regex(_SEPARATORS).sub("", text)
    return "+" + text.lstrip("+") if text.startswith("+") else text


def _is_digits(text: str) -> bool:
    """Tell whether a text is at least two digits, perhaps with a `+` before them."""
    digits = text.removeprefix("+")
    return len(digits) >= _MIN_NATIONAL and digits.isascii() and digits.isdigit()


def _is_withheld(text: str) -> bool:
    # No word for it ends in a digit, and nearly every CLI does.
    return not text.strip("0+") or (not text[-1].isdigit() and text.lower() in _WITHHELD)


def _spells_anonymous(text: str, exact: list[Candidate]) -> bool:
    """Tell whether a number is ANONYMOUS on a keypad, behind any country code or none.

    Not if a numbering plan assigns it: `+49 2666 96687` is a village in the Westerwald. That the
    last resort finds one counts for nothing (`00266696687` and Milan's 02 66696687).
    """
    if not text.endswith(_ANONYMOUS_DIGITS):
        return False
    spellings = [text, *(c.number for c in exact)]
    return any(map(_is_anonymous, spellings)) and not any(
        c.tier < _LAST_RESORT and is_valid(c.number) for c in exact
    )


def _is_anonymous(number: str) -> bool:
    head = number.removesuffix(_ANONYMOUS_DIGITS)
    codes = (head[len(start) :] for start in _ANONYMOUS_STARTS if head.startswith(start))
    return head != number and any(not code or code in CODES for code in codes)


def _is_exten(text: str, settings: Settings) -> bool:
    """Tell whether a text fits the pattern of the extensions that are not registered."""
    if text.startswith("+") or len(text) > MAX_TEXT:
        return False
    try:
        return bool(re.fullmatch(settings.exten_pattern, text))
    except (re.error, OverflowError, RecursionError):
        return False


def _without_prefix(text: str, line: Line) -> str:
    """Take off the PBX's 0 before a whole international number; no reading has a `+` inside."""
    for prefix in ("0", line.outside_prefix):
        if prefix and text.startswith(f"{prefix}+"):
            text = text[len(prefix) :]
    return text


def _apply_rules(
    text: str, rules: Iterable[Rule], steps: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Apply the line's rules in order, each to its first match; a broken one is passed over."""
    for position, rule in enumerate(rules, start=1):
        if len(text) > MAX_TEXT:
            break
        try:
            ruled = _squeeze(re.sub(rule.pattern, rule.replacement, text, count=1))
        except (re.error, IndexError, OverflowError, RecursionError):
            steps = (*steps, f"rule {position} is invalid and was passed over")
            continue
        if ruled != text:
            steps = (*steps, f"rule {position}: {rule.pattern} -> {rule.replacement}")
            text = ruled
    return text, steps


# --- readings -------------------------------------------------------------------------------------


def _exact(text: str, line: Line, *, spaced: bool = False) -> list[Candidate]:
    """Return the numbers that a text of digits may mean on a line, the likeliest first."""
    if text[0] == "+":
        number = _canonical(text[1:])
        if number:
            number = f"+{number}"
            return [Candidate(number, "plus", number, 1)]
        text = text[1:]
    elif spaced:
        number = _canonical(text)
        if number and is_valid(number):
            return [Candidate(f"+{number}", "plus", f"+{number}")]
    prefix = line.outside_prefix
    if prefix and text.startswith(prefix) and len(text) > len(prefix):
        inside = _exact(text[len(prefix) :], line._replace(outside_prefix=""))
        if inside and (inside[0].reason == "plus" or is_valid(inside[0].number)):
            return inside
        return _merge([*_readings(text, line), *inside])
    readings = _readings(text, line)
    inner = _without_zero(text, line, readings) if text[0] == "0" else []
    return _merge([*readings, *inner]) if inner or len(readings) > 1 else readings


def _merge(candidates: list[Candidate]) -> list[Candidate]:
    """Order candidates by tier and keep the first of each number."""
    unique: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.tier):
        unique.setdefault(candidate.number, candidate)
    return list(unique.values())[:_MAX_EXACT]


def _readings(text: str, line: Line) -> list[Candidate]:
    """Return the readings of digits without `+`, ranked by the numbering plans and the format."""
    plan = _plans.get(line.country) or _plan(line.country.upper())
    found: dict[str, str] = {}
    for number, reason in _possible(text, line, plan):
        if number:
            found.setdefault(number, reason)
    if len(found) == 1:
        [(number, reason)] = found.items()
        number = f"+{number}"
        return [Candidate(number, reason, number, 1)]
    valid = [n for n in found if is_valid(n)]
    reasons = {found[n] for n in valid}
    unlikely: set[str] = set()
    if line.cli_format == "digits" and "digits" in reasons:
        unlikely = {"national", "local"}
    elif line.cli_format in {"national", "plus"} and reasons - {"digits"}:
        unlikely = {"digits"}
    return [
        Candidate(f"+{n}", reason, f"+{n}", 1 if n in valid else 2)
        for n, reason in found.items()
        if reason not in unlikely
    ]


def _possible(text: str, line: Line, plan: Plan | None) -> list[tuple[str, str]]:
    """Return the readings, in the order of the line's format; the impossible ones are empty."""
    found = []
    # Most prefixes are no pattern, and most numbers are not dialled abroad.
    if plan and plan.idd and (text.startswith(plan.idd) or not plan.idd.isdigit()):
        match = _regex(plan.idd).match(text)
        if match and text[match.end() : match.end() + 1] != "0":
            found.append((_international(text[match.end() :]), "idd"))
    if text[:2] == "00":
        found.append((_international(text[2:]), "idd"))
    digits_first = line.cli_format == "digits" or (
        line.cli_format == "mixed"
        and (plan is None or (plan.trunk != "" and _lacks_trunk(text, plan)))
    )
    if digits_first:
        found.append((_international(text), "digits"))
    if plan:
        national = _strip_prefix(text, plan) if plan.prefix else text
        if plan.code in _OVERSEAS_CODES:
            shared = _dialled_as_in_france(text, national, plan)
            found.append((_national(national, shared or plan), "national"))
        else:
            found.append((_national(national, plan), "national"))
    if not digits_first and text[0] != "0":  # no calling code begins with a 0
        found.append((_international(text), "digits"))
    if plan and line.area_code and text[0] != "0":
        found.append((_national(line.area_code + text, plan), "local"))
    return found


def _lacks_trunk(text: str, plan: Plan) -> bool:
    """Tell whether a national number would begin otherwise: `49…` is no way to dial in Germany."""
    if text.startswith(plan.trunk):
        return False
    return not (plan.bare and _regex(plan.bare).fullmatch(text))


def _international(text: str) -> str:
    """Return the number that digits are with their country code; empty if they are none."""
    number = _canonical(text)
    return "" if not number or _length_problem(number) else number


def _national(national: str, plan: Plan) -> str:
    """Return the number that digits are in a country; empty if they are none."""
    if len(national) not in plan.lengths:
        return ""
    dialled = plan.code + national
    number = _canonical(dialled)
    if number == dialled and len(number) <= MAX_E164:
        return number  # whose length was looked at
    return "" if not number or _length_problem(number) else number


def _dialled_as_in_france(text: str, national: str, plan: Plan) -> Plan | None:
    """Return France's plan for a number that one of its overseas departments dialled with a 0.

    Freephone and special numbers, which begin with 8 or 9, each department has of its own.
    """
    if plan.code in _OVERSEAS_CODES and text != national and national[:1] in set("1234567"):
        return _plan("FR")
    return None


def _without_zero(text: str, line: Line, readings: list[Candidate]) -> list[Candidate]:
    """Return the last resort: the readings without one leading 0, which PBXs prepend.

    Only numbers that are assigned, and only if nothing that was delivered is: `0390123456` is
    Strasbourg, never Turin behind an outside line's 0.
    """
    if len(text) <= _MIN_NATIONAL:
        return []
    # Asked first, as what is delivered is mostly a number as it is; but not at a cold start, which
    # may well do without the table of the assigned numbers.
    if _assigned_patterns:
        for candidate in readings:
            if is_valid(candidate.number):
                return []
    known = [c.number for c in readings]
    inner = [
        Candidate(c.number, "outside_prefix", c.number, _LAST_RESORT)
        for c in _readings(text[1:], line)
        if c.number not in known and is_valid(c.number)
    ]
    return [] if inner and any(map(is_valid, known)) else inner


def _asked(
    candidates: list[Candidate], steps: tuple[str, ...]
) -> tuple[list[Candidate], tuple[str, ...]]:
    """Return the candidates that there is room for, and say how many are left out."""
    asked = candidates[:MAX_KEYS]
    left = len({c.key for c in candidates} - {c.key for c in asked})
    if left:
        steps = (*steps, f"{left} block{'s' if left > 1 else ''} not asked")
    return asked, steps


def _blocks(exact: list[Candidate], lengths: Iterable[int]) -> list[Candidate]:
    """Return the blocks that the numbers may lie in, of the likelier numbers first.

    Args:
        exact: the numbers.
        lengths: how many digits blocks have, the longest first, each once.
    """
    blocks = [
        Candidate(f"{candidate.number[: size + 1]}*", "block", candidate.number, candidate.tier)
        for size in lengths
        for candidate in exact
        if 0 < size < len(candidate.number)
    ]
    if len(exact) > 1:
        blocks.sort(key=lambda block: block.tier)
    return blocks


# --- the numbering plans --------------------------------------------------------------------------

_plans: dict[str, Plan] = {}
_plans_of_code: dict[str, tuple[Plan, ...]] = {}
_lengths: dict[str, frozenset[int]] = {}
_patterns: dict[str, re.Pattern[str]] = {}
_assigned_patterns: dict[str, re.Pattern[str]] = {}


def _plan(name: str) -> Plan | None:
    """Return the plan of a region or of a code without one; `None` for one that nobody knows."""
    plan = _plans.get(name)
    if plan is None:
        from centralino.domain.plans import PLANS  # noqa: PLC0415 - E.164 does without

        if name not in PLANS:
            return None
        plan = _plans[name] = Plan(*PLANS[name])  # type: ignore[arg-type]  # generated to fit
    return plan


def _regions(code: str) -> tuple[Plan, ...]:
    """Return the plans of all regions that share a calling code."""
    plans = _plans_of_code.get(code)
    if plans is None:
        from centralino.domain.plans import PLANS  # noqa: PLC0415 - E.164 does without

        names = (name for name, fields in PLANS.items() if fields[0] == code)
        plans = _plans_of_code[code] = tuple(filter(None, map(_plan, names)))
    return plans


def _length_problem(number: str) -> str:
    """Say why no number of the calling code is as long; empty if one is.

    Only the length counts: a range that is newer than the metadata is no problem.

    Args:
        number: a canonical number, digits only.
    """
    if len(number) > MAX_E164:
        return f"more than {MAX_E164} digits"
    code = _calling_code(number)
    lengths = _lengths.get(code)
    if lengths is None:
        lengths = _lengths[code] = frozenset(n for plan in _regions(code) for n in plan.lengths)
    length = len(number) - len(code)
    return "" if length in lengths else f"no number of +{code} has {length} digits after the code"


def _regex(pattern: str) -> re.Pattern[str]:
    """Compile once and for good: re's own cache is too small for every country's patterns."""
    compiled = _patterns.get(pattern)
    if compiled is None:
        compiled = _patterns[pattern] = re.compile(pattern)
    return compiled


def _assigned(code: str) -> re.Pattern[str]:
    """Compile, once and for good, the pattern of the assigned numbers behind a calling code.

    They have to fit the general pattern, too: some of what Germany assigned is too long for it.
    """
    from centralino.domain.assigned import ASSIGNED  # noqa: PLC0415 - E.164 does without

    general = "|".join(dict.fromkeys(plan.general for plan in _regions(code)))
    pattern = re.compile(rf"(?=(?:{general})\Z)(?:{ASSIGNED[code]})")
    _assigned_patterns[code] = pattern
    return pattern


def _calling_code(digits: str) -> str:
    """Return the calling code that digits begin with, or nothing. No code begins another."""
    for length in (2, 3, 1):
        if digits[:length] in CODES:
            return digits[:length]
    return ""


def _canonical(digits: str) -> str:
    """Return the one spelling of an international number, digits only; empty if it can't be one.

    It is what libphonenumber's parser makes of `+digits`, repeated until nothing changes, but for
    the subscribers that have two numbers (`_other_number`).
    """
    for _ in _ROUNDS:
        code = digits[:2] if digits[:2] in CODES else _calling_code(digits)
        national = digits[len(code) :]
        if not code or len(national) < _MIN_NATIONAL:
            return ""
        other = _other_number(code, national)
        if other:
            return other
        plan = _plan(CODES[code]) if national[0] in DOUBTFUL[code] else None
        shorter = code + _strip_prefix(national, plan) if plan and plan.prefix else digits
        if len(shorter) - len(code) > _MAX_NATIONAL:
            return ""
        if shorter == digits:
            return digits
        digits = shorter
    return ""


def _other_number(code: str, national: str) -> str:
    """Return the number that a subscriber with two is known by; empty for everybody else.

    San Marino's landlines, dialled through Italy as 0549, belong to +378; Northern Ireland's,
    dialled from Ireland as 048, to +44 28; those of France's overseas departments, dialled as
    French ones, to their own codes. Mexico's mobiles lost the 1 after +52 in 2019, but carriers
    and address books did not all follow.
    """
    if code == "39":
        return f"378{national}" if national.startswith("0549") else ""
    if code == "52" and national[0] == "1" and len(national) == len("15512345678"):
        return f"52{national[1:]}"
    if code == "353" and national.startswith("48") and len(national) == len("4890123456"):
        return f"4428{national[2:]}"
    if code == "33" and len(national) == _FRENCH_LENGTH:
        for size in (3, 4, 5):
            if national[:size] in _OVERSEAS:
                return _OVERSEAS[national[:size]] + national
    return ""


def _strip_prefix(national: str, plan: Plan) -> str:
    """Take the national prefix off, or put in the area code that it stands for.

    The steps are libphonenumber's: a number that fits the plan stays if the shorter one doesn't,
    and the shorter one must not be too short.
    """
    match = _regex(plan.prefix).match(national)
    if not match:
        return national
    if plan.transform and match.re.groups and match[match.re.groups] is not None:
        shorter = match.expand(plan.transform) + national[match.end() :]
    else:
        shorter = national[match.end() :]
    general = _regex(plan.general)
    if general.fullmatch(national) and not general.fullmatch(shorter):
        return national
    size = len(shorter)
    if size in plan.local or (size <= max(plan.lengths) and size not in plan.lengths):
        return national
    return shorter


# --- contacts and spellings (off the call path) ---------------------------------------------------


def _beginnings(text: str) -> tuple[str, ...]:
    """Return what may be the first of several numbers (`44556677/78/79`), the shortest first.

    Groups of one number may have slashes between them, too: what follows a slash and has fewer
    than three digits is a group or an ending, never where the first number ends.
    """
    tail = _regex(_ENDINGS).search(text)
    if not tail:
        return ()
    if "/" not in tail[0]:
        return (_squeeze(text[: tail.start()]),)
    places = [place for place in range(tail.start(), len(text)) if text[place] == "/"]
    heads = [text[:place] for place in places]
    return tuple(
        _squeeze(head)
        for head in heads
        if sum(map(str.isdigit, head.rpartition("/")[2])) >= _MIN_GROUP
    )


def _first_of_several(unwrapped: _Text, line: Line) -> str:
    """Return the first number, if the text is several with endings; else the text.

    `0475/12/34/56` is one number, `02 44556677/78/79` are three. The numbering plans tell: a
    beginning that is a whole number wins, then the whole text if it is one.
    """
    whole = unwrapped.text
    known = [b for b in unwrapped.beginnings if _is_assigned(b, line)]
    for beginning in known:
        number = _exact(beginning, line)[0].number[1:]
        if len(number) - len(_calling_code(number)) >= _MIN_FIRST_OF_SEVERAL:
            return beginning
    return known[0] if known and not _is_assigned(whole, line) else whole


def _is_assigned(text: str, line: Line) -> bool:
    exact = _exact(text, line) if _is_digits(text) and len(text) <= MAX_TEXT else []
    return bool(exact) and is_valid(exact[0].number)


def _text_problem(text: str) -> str:
    if _is_withheld(text) or not _is_digits(text):
        return "not a number"
    return "too many digits for one number" if len(text) > MAX_TEXT else ""


def _index_problem(text: str, line: Line) -> str:
    plan = _plan(line.country.upper())
    if plan is None:
        return "a number without a country code, and no known country to read it in"
    national = _strip_prefix(text.lstrip("+"), plan)
    if len(national) in plan.local:
        return "a local number without its area code"
    if len(national) < min(plan.lengths):
        return f"too few digits for a number of {line.country.upper()}"
    return f"not a possible number of {line.country.upper()} or of any other country"


def _index_block(raw: str, line: Line) -> tuple[str, str]:
    """Work out a block's key: what all its numbers begin with.

    How many numbers it has follows from the usual length of its kind of number, since many plans
    allow several. It is found by filling the block up until it is a number of that length.
    """
    text = _unwrap(raw, contact=True).text
    problem = _text_problem(text)
    if problem:
        return "", problem
    best = ""
    missing = -1
    for filled in range(_MAX_NATIONAL):
        for digit in "23456789":
            exact = _exact(text + digit * filled, line)
            if exact and exact[0].tier == 1 and _has_usual_length(exact[0].number):
                best, missing = exact[0].number, filled
                break
    if missing < 0:
        return "", "not the beginning of a number that exists"
    if missing > MAX_BLOCK_DIGITS:
        return "", f"a block of at most 10,000 numbers, this one has 10^{missing}"
    return f"{best[: len(best) - missing]}*", ""


def _has_usual_length(number: str) -> bool:
    """Tell whether a valid number is as long as the example of its kind."""
    if not is_valid(number):
        return False
    import phonenumbers  # noqa: PLC0415 - off the call path

    parsed = phonenumbers.parse(number)
    region = phonenumbers.region_code_for_number(parsed)
    kind = phonenumbers.number_type(parsed)
    if region is None:
        return False
    if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        example = phonenumbers.example_number_for_non_geo_entity(parsed.country_code or 0)
    else:
        example = phonenumbers.example_number_for_type(region, kind)
    if example is None:
        return False
    usual = len(phonenumbers.national_significant_number(example))
    return len(phonenumbers.national_significant_number(parsed)) == usual


def _after_code(text: str, code: str) -> str:
    """Return what follows `+code` or `00code`, or nothing."""
    for prefix in (f"+{code}", f"00{code}"):
        if text.startswith(prefix):
            return text[len(prefix) :]
    return ""


def _national_spelling(number: str) -> str:
    """Return a number as it is dialled in its own country, digits only."""
    import phonenumbers  # noqa: PLC0415 - off the call path

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return phonenumbers.normalize_digits_only(written)
