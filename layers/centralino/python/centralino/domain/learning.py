"""Numbers that taught us a customer code: who a caller is taken for, and what may be learned.

Pure, and on the call path. A caller ID proves nothing: it can be spoofed, and VAT numbers are
public. So a learned number leads a call to the right people and shows nothing, unless the tenant
says otherwise (`trust`).
"""

from __future__ import annotations

import re

from centralino.domain.customer import is_same_code, normal_code
from centralino.domain.dialling import CODES
from centralino.domain.number import index_number, is_valid
from centralino.domain.pbx_values import FAILED
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from typing import Any

    from centralino.domain.customer import Learned
    from centralino.domain.settings import Line, Settings

DAY_S = 86_400
MAX_PER_CUSTOMER = 5
DAYS = 180
# As many as can be taken away together with their customer, in one transaction.
MOST_PER_CUSTOMER = 20
MOST_DAYS = 365
TRUSTS = ("routing", "card")
ATTESTATIONS = ("", "A", "B")
# Nobody in the country the call is from stands for its number, or it is proven to be wrong.
UNATTESTED = ("C", FAILED)
_LONGEST_SHORT = 6
# Digits.
_LAST = 4


class LearningOptions(NamedTuple):
    """A tenant's `Routing.learning`, with what is missing filled in.

    Attributes:
        max_per_customer: how many numbers may lead to one customer.
        days: after so many days without a call a number is forgotten.
        trust: `routing`: a learned customer decides where a call goes and nothing else; `card`: the
            phone's display and the agent's card show who it is, too.
        min_attestation: what STIR/SHAKEN has to say of a call for its number to be learned, and to
            be believed: `A`, or `B` for A or B; empty for anything but C and what failed.
    """

    max_per_customer: int = MAX_PER_CUSTOMER
    days: int = DAYS
    trust: str = "routing"
    min_attestation: str = ""


class Who(NamedTuple):
    """Which customer a caller is taken for.

    Attributes:
        code: the customer code, as `normal_code` spells it; empty if unknown.
        source: `typed`, `crm` or `learned`: what said so; empty if unknown.
        ask: whether what is known contradicts itself, so that the caller is to be asked.
        why: in words, for explanations.
        learned: the association that was used; None unless `source` is `learned`.
        spelled: with `crm`, the same code as it was learned, if that is spelled otherwise: it may
            be how the customer is stored; see `as_stored`.
    """

    code: str = ""
    source: str = ""
    ask: bool = False
    why: str = ""
    learned: Learned | None = None
    spelled: str = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes to look the customer up by, the likeliest first."""
        return tuple(filter(None, (self.code, self.spelled)))


def learning_options(stored: Mapping[str, Any]) -> LearningOptions:
    """Read a tenant's options; what is missing, or is none, has its default."""
    trust, least = stored.get("trust"), stored.get("min_attestation")
    most = stored.get("max_per_customer")
    return LearningOptions(
        max_per_customer=_whole(most, MOST_PER_CUSTOMER, MAX_PER_CUSTOMER),
        days=_whole(stored.get("days"), MOST_DAYS, DAYS),
        trust=trust if trust in TRUSTS else "routing",
        min_attestation=least if least in ATTESTATIONS else "",
    )


def is_live(learned: Learned, options: LearningOptions, now_s: float) -> bool:
    """Tell whether an association was used lately enough to be believed."""
    return max(learned.used_at, learned.learned_at) + options.days * DAY_S > now_s


def expired_before(options: LearningOptions, now_s: float) -> int:
    """Return before when an association was last used that counts no more, seconds since 1970."""
    return int(now_s) - options.days * DAY_S + 1


def is_to_be_noted(learned: Learned, now_s: float) -> bool:
    """Tell whether a use is to be noted: once a day is often enough, and a write costs."""
    return learned.used_at + DAY_S <= now_s


def choose_customer(  # noqa: PLR0913, PLR0917 - all that is known of a caller
    declared: Sequence[str],
    learned: Sequence[Learned],
    typed: str,
    attestation: str,
    options: LearningOptions,
    now_s: float,
) -> Who:
    """Say which customer a caller is.

    A code that was typed in this very call beats all. What a CRM declares for the number beats what
    was learned, and where the two differ nobody is sure: the caller is to be asked. So it is where
    several customers are declared, or were learned.

    Args:
        declared: customer codes of the contacts that have the number, however they are spelled.
        learned: what the number has taught, that ran out too.
        typed: the code typed in this call; empty if none was.
        attestation: STIR/SHAKEN's `A`, `B` or `C` of this call, `F` if it failed; empty if the PBX
            doesn't say.
        options: the tenant's.
        now_s: the time, seconds since 1970.
    """
    if code := normal_code(typed):
        return Who(code, "typed", why="typed in this call")
    believed = [one for one in learned if is_live(one, options, now_s)]
    if not _is_attested(attestation, options.min_attestation):
        believed = []
    crm = _different(filter(None, map(normal_code, declared)))
    if crm:
        return _who_declared(crm, _different(one.code for one in believed))
    why = _why_unknown(learned, attestation, options, now_s)
    return _who_learned(believed) if believed else Who(why=why)


def as_stored(who: Who, stored: Container[str]) -> Who:
    """Return who it is under the code of a customer that there is.

    What was learned is spelled as a customer was stored, so where the CRM's spelling is no
    customer's that one counts.

    Args:
        who: as `choose_customer` says.
        stored: the codes, of `who.codes`, that are customers.
    """
    if who.spelled and who.code not in stored and who.spelled in stored:
        return who._replace(code=who.spelled)
    return who


def may_learn(  # noqa: PLR0911, PLR0913 - a list of reasons
    number: str,
    kind: str,
    attestation: str,
    options: LearningOptions,
    *,
    settings: Settings,
    did: str = "",
    line: Line | None = None,
    ambiguous: bool = False,
    mobiles: Iterable[str] = (),
) -> str:
    """Say why a number may not be learned; nothing if it may.

    Args:
        number: the caller's, E.164; empty if there is none.
        kind: what the CLI was, as `domain/number.py`'s Reading says.
        attestation: as in `choose_customer`.
        options: the tenant's.
        settings: the tenant's; of them its extens and DIDs.
        did: the number that was called.
        line: of the line that the call came in on; by default the DID's.
        ambiguous: whether the CLI may as well mean another number.
        mobiles: the agents', E.164: a transferred call shows one.

    Returns:
        `withheld`, `exten`, `short`, `invalid`, `ambiguous`, `premium`, `did`, `agent` or
        `attestation`.
    """
    if kind == "withheld":
        return "withheld"
    digits = number.removeprefix("+")
    if kind == "internal" or _is_exten(digits, settings):
        return "exten"
    if len(digits) <= _LONGEST_SHORT:
        return "short" if digits else "invalid"
    if not number.startswith("+") or not digits.isdecimal() or not is_valid(number):
        return "invalid"
    if ambiguous:
        return "ambiguous"
    if is_premium(number):
        return "premium"
    if _is_own(number, settings, did, line or settings.line_for("", did)):
        return "did"
    if number in mobiles:
        return "agent"
    if not _is_attested(attestation, options.min_attestation):
        return "attestation"
    return ""


def is_premium(number: str) -> bool:
    """Tell whether who calls a number pays extra; nobody's own telephone has such a number.

    Args:
        number: E.164.
    """
    from centralino.domain.premium import PREMIUM  # noqa: PLC0415 - only who learns asks

    digits = number.removeprefix("+")
    for length in (1, 2, 3):
        code = digits[:length]
        if code in CODES:
            return re.fullmatch(PREMIUM.get(code, "(?!)"), digits[length:]) is not None
    return False


def _who_declared(declared: Sequence[str], taught: Sequence[str]) -> Who:
    """Say who it is by the CRM, from the different codes that were declared, and were learned."""
    if len(declared) > 1:
        return Who(ask=True, why=f"contacts with this number have {len(declared)} customer codes")
    code, spelled = declared[0], ""
    if taught:
        if len(taught) > 1 or not is_same_code(code, taught[0]):
            return Who(ask=True, why="the CRM and what was learned differ")
        spelled = taught[0] if taught[0] != code else ""
    return Who(code, "crm", why="a contact with this number has this code", spelled=spelled)


def _who_learned(believed: Sequence[Learned]) -> Who:
    codes = {one.code for one in believed}
    if len(codes) > 1:
        return Who(ask=True, why=f"{len(codes)} customers were learned for this number")
    used = believed[0]
    return Who(used.code, "learned", why="typed from this number earlier", learned=used)


def _why_unknown(
    learned: Sequence[Learned], attestation: str, options: LearningOptions, now_s: float
) -> str:
    if any(is_live(one, options, now_s) for one in learned):
        if attestation in UNATTESTED:
            return f"the call's attestation is {attestation}"
        return f"the call's attestation is not {options.min_attestation} or better"
    return f"not called for {options.days} days" if learned else "nothing known of this number"


def _is_attested(attestation: str, least: str) -> bool:
    if attestation in UNATTESTED:
        return False
    return not least or "A" <= attestation <= least


def _is_exten(digits: str, settings: Settings) -> bool:
    if digits in settings.extens:
        return True
    return bool(settings.exten_pattern and re.fullmatch(settings.exten_pattern, digits))


def _is_own(number: str, settings: Settings, did: str, line: Line) -> bool:
    """Tell whether a number is the one that was called, or another one of the tenant's."""
    if _is_did(number, did, line):
        return True
    alike = (own for own in settings.dids if _ends_alike(number, own))
    return any(_is_did(number, own, settings.line_for("", own)) for own in alike)


def _ends_alike(number: str, did: str) -> bool:
    """Tell whether a DID may be a number; it takes a glance, as there may be thousands of DIDs."""
    if not did.isascii() or not did.removeprefix("+").isdigit():
        return True
    # However a number is spelled in digits, these stay.
    return number.endswith(did[-_LAST:].removeprefix("+"))


def _is_did(number: str, did: str, line: Line) -> bool:
    return bool(did) and index_number(did, line.country, line.area_code)[0] == number


def _whole(value: object, most: int, default: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    return default


def _different(codes: Iterable[str]) -> list[str]:
    """Return the codes that mean different customers, each in its first spelling."""
    found: list[str] = []
    for code in codes:
        if not any(is_same_code(code, one) for one in found):
            found.append(code)
    return found
