"""The generated parts of `docs/dialling.md`: why calls are refused, and what was tried.

`.venv/bin/cog -P -r docs/dialling.md` writes them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.domain.dial_guard import CODES_OF_NO_COUNTRY, SATELLITES
from centralino.domain.originate import REFUSALS
from fraud_matrix import (
    COUNTRIES,
    EMERGENCIES,
    FINE,
    NOWHERE,
    PREMIUM,
    SHORT,
    TRICKS,
    attempt,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraud_matrix import Attempt

_MAX_SHOWN = 40


def refusals() -> str:
    """Return the table of the words that say why a call is not placed."""
    rows = [f"| `{word}` | {meaning} |" for word, meaning in REFUSALS.items()]
    return "\n".join(["| `reason` | is |", "|---|---|", *rows])


def satellites() -> str:
    """Return the prefixes of satellites and other codes that belong to no country, as a list."""
    codes = [f"`+{code}` ({REFUSALS[kind]})" for code, kind in CODES_OF_NO_COUNTRY.items()]
    return (
        f"Of no country: {', '.join(codes)}.\n\n"
        f"Satellites with a number of a country: {', '.join(f'`{p}`' for p in SATELLITES)}."
    )


def matrix() -> str:
    """Return what was tried and what happened, a table for each kind of attempt."""
    kinds = (
        ("Numbers that cost extra", PREMIUM),
        ("Networks of no country, satellites", NOWHERE),
        ("Other countries, some of which look like home", COUNTRIES),
        ("Emergency numbers", EMERGENCIES),
        ("Short numbers and extensions", SHORT),
        ("Tricks", TRICKS),
        ("What is dialled", FINE),
    )
    return "\n\n".join(f"### {title}\n\n{_table(attempts)}" for title, attempts in kinds)


def count() -> int:
    """Return how many attempts there are."""
    kinds = (PREMIUM, NOWHERE, COUNTRIES, EMERGENCIES, SHORT, TRICKS, FINE)
    return sum(map(len, kinds))


def _table(attempts: Sequence[Attempt]) -> str:
    lines = ["| tenant in | asked for | what that is | happens |", "|---|---|---|---|"]
    for one in attempts:
        happens = attempt(one.home, one.asked)
        outcome = REFUSALS.get(happens)
        told = f"refused: {outcome}" if outcome else f"dials `{happens}`"
        lines.append(f"| {one.home} | {_code(one.asked)} | {one.what} | {told} |")
    return "\n".join(lines)


def _code(text: str) -> str:
    """Return a text as code in a table; what can't be seen is spelled out."""
    shown = text.encode("unicode_escape").decode() if not text.isprintable() else text
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:8]}… ({len(text)} characters)"
    return f"`{shown}`".replace("|", "\\|") if shown.strip() else "(nothing)"
