"""Decode a caller: from the CLI as the carrier sent it to the short label for the phone."""

from __future__ import annotations

from centralino.domain.card import Choice, choose
from centralino.domain.errors import UnavailableError
from centralino.domain.label import clean_name, fit_company, fit_label
from centralino.domain.number import Decision, decide, read_cli
from centralino.domain.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal, Protocol

    from centralino.domain.card import Card, Holder
    from centralino.domain.number import Reading
    from centralino.domain.settings import Line, Settings
    from centralino.ports.call_read import Read

    Outcome = Literal[
        "hit",
        "miss",
        "withheld",
        "internal",
        "ambiguous",
        "timeout",
        "degraded",
        "error",
        "refused",
    ]

    class Live(Protocol):
        """What is asked beyond the index, for tenants with CRMs to ask."""

        def read(self, numbers: Sequence[str], caller: str, /) -> Read:
            """Read the cards of some numbers, and whether the caller is known to be unknown."""

        def search(self, found: Read, /) -> Mapping[str, Card]:
            """Search for a caller who isn't in what was read; empty if nobody knows them.

            Raises:
                UnavailableError: not all could be asked, or not in time.
            """

        def refresh(self, found: Read, /) -> None:
            """See to cards that are served now and have to be looked after."""


class Call(Record):
    """A call as the PBX describes it.

    Attributes:
        number: the CLI, as delivered.
        did: the number that was called.
        trunk: the line it came in on.
        name: the name that the carrier sent along.
        call_id: the PBX's own id of the call.
    """

    number: str
    did: str = ""
    trunk: str = ""
    name: str = ""
    call_id: str = ""


class Decoded(Record):
    """What is known of a caller.

    Attributes:
        outcome: what became of the lookup.
        label: what the phone shows; the carrier's name, or nothing, when we know no better.
        reading: how the CLI was understood.
        holder: whose name it is; `None` without one.
        choice: how that holder was picked among those of the number.
        decision: which candidate won, and why the others lost.
        reason: the cause of `timeout` and `degraded`, for the log.
    """

    outcome: Outcome
    label: str
    reading: Reading
    holder: Holder | None = None
    choice: Choice | None = None
    decision: Decision | None = None
    reason: str = ""


def decode_caller(
    call: Call,
    settings: Settings,
    line: Line,
    read: Callable[[Sequence[str]], Read],
    live: Live | None = None,
) -> Decoded:
    """Say who is calling.

    Never raises for anything that a PBX can send, nor for a store that fails: without a label of
    ours the answer is the carrier's name.

    Args:
        call: the call; any string will do as its number.
        settings: the tenant's settings.
        line: the settings of the line that the call came in on.
        read: gives the cards of some numbers in one round trip.
        live: reads in its place, and asks further; without it the index is all there is.
    """
    external = came_from_outside(call, settings)
    reading = read_cli(call.number, line, settings=settings, external=external)
    if reading.candidates:
        decoded = _looked_up(reading, settings, read, live)
    else:
        decoded = _not_asked(reading, settings)
    if decoded.label:
        return decoded
    return decoded._replace(label=clean_name(call.name, settings.label))


def caller_of(reading: Reading) -> str:
    """Return the name of all that a CLI may mean, for the note that nobody knows it."""
    exact = (c.number for c in reading.candidates if c.reason != "block")
    return "/".join(dict.fromkeys(exact))


def came_from_outside(call: Call, settings: Settings) -> bool:
    """Tell whether the PBX says that the call came in on a line: then no exten is calling."""
    return bool(call.trunk) or bool(call.did and call.did not in settings.extens)


def outcome_of(error: UnavailableError) -> Outcome:
    """Name the outcome of a store that fails: a late answer is told from none at all."""
    return "timeout" if error.reason == "timeout" else "degraded"


def _not_asked(reading: Reading, settings: Settings) -> Decoded:
    """Say what there is to say of a CLI that no store is asked for."""
    if reading.kind == "internal":
        name = settings.extens.get(reading.exten, "")
        return Decoded("internal", clean_name(name, settings.label), reading)
    if reading.kind == "withheld":
        return Decoded("withheld", "", reading)
    return Decoded("miss", "", reading)


def _looked_up(
    reading: Reading,
    settings: Settings,
    read: Callable[[Sequence[str]], Read],
    live: Live | None,
) -> Decoded:
    keys = [candidate.key for candidate in reading.candidates]
    try:
        found = live.read(keys, caller_of(reading)) if live else read(keys)
    except UnavailableError as error:
        return Decoded(outcome_of(error), "", reading, reason=error.reason)
    if not found.complete:
        # A key that was not read may be the better one: no name is better than a wrong one.
        return Decoded("degraded", "", reading, reason="unprocessed")
    decoded = _shown(reading, settings, found.cards)
    if not live:
        return decoded
    if decoded.outcome != "miss":
        live.refresh(found)
        return decoded
    try:
        return _shown(reading, settings, live.search(found))
    except UnavailableError as error:
        # That nobody could say is no miss.
        return decoded._replace(outcome=outcome_of(error), reason=f"live_search: {error.reason}")


def _shown(reading: Reading, settings: Settings, cards: Mapping[str, Card]) -> Decoded:
    cards = {key: card for key, card in cards.items() if card.holders}
    decision = decide(reading, cards)
    if decision.key:
        best = cards[decision.key]
        holders = best.holders
        unseen = best.total - len(holders)
    else:
        rivals = [cards[key] for key in decision.ambiguous_keys]
        holders = tuple([holder for card in rivals for holder in card.holders])
        unseen = sum([card.total - len(card.holders) for card in rivals])
    if not holders:
        return Decoded("miss", "", reading, decision=decision)
    choice = choose(holders, unseen, settings.source_priority)
    holder = choice.holder
    # Two readings of the CLI that lead to one person are no riddle.
    ambiguous = choice.others > 0 and not decision.key
    if choice.company:
        label = fit_company(
            holder.parts, settings.label, status=holder.status, code=holder.customer_code
        )
    else:
        label = fit_label(
            holder.parts,
            settings.label,
            status=holder.status,
            suffix=f"+{choice.others}" if choice.others and not ambiguous else "",
            uncertain=ambiguous,
            code=holder.customer_code,
        )
    outcome: Outcome = "ambiguous" if ambiguous else "hit"
    return Decoded(outcome, label, reading, holder, choice, decision, "")
