"""A customer: who pays for what, and until when; and how callers are known to be one."""

from __future__ import annotations

import re

from centralino.domain.record import NamedTuple

CODE_PATTERN = re.compile(r"[A-Z0-9][A-Z0-9_]{0,39}", re.ASCII)
# What people put into a code to read it, and what a keypad doesn't have.
_SEPARATORS = re.compile(r"[\s./\-]+")
# What stands before a VAT number: the prefixes of domain/codes.py, which is not for every call.
VAT_PREFIXES = frozenset(
    (
        *("AT", "BE", "BG", "CH", "CHE", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR"),
        *("GB", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT"),
        *("RO", "SE", "SI", "SK", "XI"),
    )
)
# As short as the number in a VAT number is, behind the country's letters.
_SHORTEST_VAT = 8
STATUSES = ("prospect", "pending", "active", "expired", "suspended")


class Purchase(NamedTuple):
    """Something that a customer bought.

    Attributes:
        what: what it was, in the tenant's own words (`truck`).
        on: the day, `YYYY-MM-DD`.
        tags: for rules (`heavy`, `used`).
    """

    what: str
    on: str
    tags: tuple[str, ...] = ()


class Customer(NamedTuple):
    """A customer as it is stored.

    Attributes:
        code: the customer code (VAT number, contract or customer number), as `normal_code` spells
            it.
        name: to be shown.
        status: one of `STATUSES`, as it was set; `status_at` says what it has become since.
        valid_until: the day (`2026-12-31`, whole) or the instant (`2026-12-31T12:00:00+01:00`) that
            an active contract ends with, as it was given; empty for no end.
        ends_at: the same, seconds since 1970, the first instant that is not covered; 0 for no end.
        plan: what the contract is called (`gold`).
        owner: the exten of the dedicated agent; empty without one.
        priority: the higher the sooner answered; 0 is usual.
        language: of whoever calls, ISO 639-1; empty if unknown.
        version: counts up with every save; an edit names the version that it read.
    """

    code: str
    name: str = ""
    status: str = "active"
    valid_until: str = ""
    ends_at: int = 0
    plan: str = ""
    tags: tuple[str, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    owner: str = ""
    priority: int = 0
    language: str = ""
    version: int = 0
    updated_at_ms: int = 0


class Learned(NamedTuple):
    """An association: a number that taught us a customer code. A caller ID proves nothing.

    Attributes:
        number: E.164.
        code: the customer code.
        learned_at: when the code was typed, seconds since 1970.
        used_at: when a call from the number last was taken for the customer, seconds since 1970.
        node: the identify node at which it was typed.
        call_id: the call's.
        attestation: STIR/SHAKEN's `A`, `B` or `C` of that call; empty if the PBX doesn't say.
    """

    number: str
    code: str
    learned_at: int = 0
    used_at: int = 0
    node: str = ""
    call_id: str = ""
    attestation: str = ""


class History(NamedTuple):
    """What is known of earlier calls of a caller or of a customer.

    Attributes:
        day: the tenant's date of `calls`, `YYYY-MM-DD`.
        calls: calls on that day.
        last_at: the last call, seconds since 1970; 0 for none.
        agent: the exten that spoke to them last; empty for none.
        agent_at: when, seconds since 1970.
        ticket: the open ticket's number; empty for none.
    """

    day: str = ""
    calls: int = 0
    last_at: int = 0
    agent: str = ""
    agent_at: int = 0
    ticket: str = ""


def status_at(customer: Customer, now_s: float) -> str:
    """Return a customer's status at an instant: an active contract that has ended is expired."""
    if customer.status == "active" and 0 < customer.ends_at <= now_s:
        return "expired"
    return customer.status


def normal_code(text: str) -> str:
    """Return the one spelling of a customer code: upper case, without what only helps to read it.

    Spaces, dots, dashes and slashes don't count. Text that is no code gives an empty one.
    """
    code = _SEPARATORS.sub("", text)
    # Upper case would make ASCII of some letters that are not.
    code = code.upper() if code.isascii() else ""
    return code if CODE_PATTERN.fullmatch(code) else ""


def code_digits(code: str) -> str:
    """Return what of a code can be typed on a keypad: its digits; empty if it has none."""
    return "".join(c for c in code if "0" <= c <= "9")


def is_same_code(one: str, other: str) -> bool:
    """Tell whether two codes mean one customer: a VAT number's country in front may be missing.

    Args:
        one: as `normal_code` spells it.
        other: the same.
    """
    if one == other:
        return True
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    # Other letters, and letters before a short number, may well make it another customer's.
    front = longer.removesuffix(shorter)
    return front in VAT_PREFIXES and len(shorter) >= _SHORTEST_VAT
