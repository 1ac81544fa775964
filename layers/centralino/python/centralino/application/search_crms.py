"""Search a tenant's CRMs for a caller whom the index does not know, or no longer knows for sure.

All of them are asked at once; whose answer counts is the tenant's priority and not who is first.
What is found is saved as any other record of its source is, so the next call finds it in the index.
Who waited may have given up by then: the search goes on, and its answer is for the next call.

A call rings at several phones, and each may ask. One of them claims the caller and asks the CRMs;
the others wait for what it saves.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from centralino.application.decode_caller import Call, caller_of, came_from_outside
from centralino.domain.circuit import Circuit
from centralino.domain.errors import (
    CentralinoError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.number import index_number, read_cli, variants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal

    from centralino.domain.card import Card
    from centralino.domain.contact import Contact
    from centralino.domain.number import Reading
    from centralino.domain.settings import Line, Settings
    from centralino.ports.callers import AtHand, CallerStore
    from centralino.ports.crm import Crm
    from centralino.ports.store import ContactStore

# For all that is asked of the CRMs. No PBX waits so long: the rest is for the next call.
SEARCH_S = 10.0
# For waiting for another's search and then searching, since that one never came back: Lambda ends
# the function after 15 s, and what was found is to be saved.
TOTAL_S = 13.0
# What saving what was found, and the answer's own way, take of the time of whoever waits.
SAVING_S = 0.2
# How long a caller whom no CRM knows is not searched for again.
UNKNOWN_S = 300.0
# How long what was found is believed without asking again, and after a search that failed.
FRESH_S = 86_400.0
RETRY_S = 300.0
# How long a CRM is left alone that refuses us: an operator has to act.
REJECTED_S = 60.0
# Of more contacts of one CRM with the number, the first it names are saved: a card shows no more.
MAX_HITS = 20
# How often whoever waits for another's search looks whether it has ended.
POLL_S = 0.05
# A container may serve thousands of tenants; what it remembers has an end.
MAX_CIRCUITS = 5_000


class Query(NamedTuple):
    """What to search for.

    Attributes:
        number: the CLI, as delivered.
        did: the number that was called.
        trunk: the line it came in on.
        answer_by: until when somebody waits for the answer, seconds since 1970.
        refresh: the caller is known, but for so long that the CRMs are to be asked again.
    """

    number: str
    did: str = ""
    trunk: str = ""
    answer_by: float = 0.0
    refresh: bool = False


class Reply(NamedTuple):
    """What became of asking one CRM.

    Attributes:
        provider: the CRM.
        contacts: who has the number there, verified.
        problem: why there is no answer, a short word; empty if there is one.
        error: what broke, if that is a fault of ours.
    """

    provider: str
    contacts: tuple[Contact, ...] = ()
    problem: str = ""
    error: Exception | None = None


class Found(NamedTuple):
    """What a search came to.

    Attributes:
        outcome: `found`; `unknown`, all CRMs were asked and none knows the caller; or `degraded`,
            nobody was found and not all CRMs gave an answer.
        cards: the caller's cards as they are stored now.
        replies: what became of each CRM that was asked, the best source first.
        unfit: how many contacts were found that can't be stored as they are.
        problem: why another's search that was waited for gave no answer: `other_late`, it is still
            going on; `other_failed`, it ended and nothing is known.
    """

    outcome: Literal["found", "unknown", "degraded"]
    cards: tuple[Card, ...] = ()
    replies: tuple[Reply, ...] = ()
    unfit: int = 0
    problem: Literal["", "other_late", "other_failed"] = ""


class Providers(Protocol):
    """Opens a tenant's connections to CRMs."""

    def open(self, provider: str) -> Crm:
        """Return a connection.

        Raises:
            CentralinoError: there is none, or what it needs can't be read.
        """

    def reopen(self, provider: str) -> Crm | None:
        """Return a connection with other secrets than those just refused; None without any."""


class Circuits:
    """The circuit breakers of one container, one for each connection."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Circuit] = {}

    def of(self, tenant: str, provider: str) -> Circuit:
        """Return the circuit of a connection."""
        if len(self._known) >= MAX_CIRCUITS:
            self._known.clear()
        return self._known.setdefault((tenant, provider), Circuit())


class Desk(NamedTuple):
    """What a search works with.

    Attributes:
        contacts: the tenant's contacts.
        callers: what is known and noted of its callers.
        providers: opens its connections.
        circuits: of this container.
        now: the time, seconds since 1970.
        pause: waits some seconds.
    """

    contacts: ContactStore
    callers: CallerStore
    providers: Providers
    circuits: Circuits
    now: Callable[[], float]
    pause: Callable[[float], None] = time.sleep


def search_crms(query: Query, settings: Settings, desk: Desk) -> Found:
    """Search the tenant's CRMs for a caller and save whom they know.

    Args:
        query: whom to search for, and how long somebody waits.
        settings: the tenant's.
        desk: what to work with.

    Raises:
        UnavailableError: the store does not answer.
    """
    line = settings.line_for(query.trunk, query.did)
    call = Call(query.number, query.did, query.trunk)
    reading = read_cli(
        query.number, line, settings=settings, external=came_from_outside(call, settings)
    )
    caller = caller_of(reading)
    if not caller:
        return Found("unknown")
    keys = [candidate.key for candidate in reading.candidates]
    claim = _claim(query, desk, keys, caller)
    if isinstance(claim, Found):
        return claim
    try:
        # Whoever had the claim before may have saved an answer since this one looked.
        at_hand = desk.callers.read(keys, caller)
        settled = _settled(query, at_hand, desk.now())
        if settled:
            desk.callers.release(caller, claim)
            return settled
        return _searched(query, settings, desk, _Asked(reading, line, caller, at_hand, claim))
    except Exception:
        # Nobody is to wait for an answer that won't come; a store that is down says so once.
        with suppress(UnavailableError):
            desk.callers.release(caller, claim)
        raise


def _settled(query: Query, at_hand: AtHand, now: float) -> Found | None:
    """Return what is stored if that is the answer, None if the CRMs are to be asked."""
    known = tuple(card for card in at_hand.cards.values() if card.holders)
    if query.refresh:
        if any(0 < card.refresh_at <= now for card in known):
            return None
        return Found("found" if known else "unknown", known)
    if known:
        return Found("found", known)
    return Found("unknown") if at_hand.unknown_until > now else None


def _claim(query: Query, desk: Desk, keys: Sequence[str], caller: str) -> int | Found:
    """Return a claim on asking the CRMs for a caller, or what is known of them without asking.

    While another has the claim, this waits for what it saves: until nobody waits any more for this
    one's own answer, or if nobody does, as long as a search may take.
    """
    began_at = desk.now()
    give_up_at = query.answer_by if query.answer_by > began_at else began_at + SEARCH_S
    waited = ended = False
    while True:
        at_hand = desk.callers.read(keys, caller)
        now = desk.now()
        settled = _settled(query, at_hand, now)
        if settled:
            return settled
        if waited and not at_hand.searching_until:
            if ended:
                return Found("degraded", problem="other_failed")
            # The cards may have been read before they were saved and the claim after: once more.
            ended = True
            continue
        if at_hand.searching_until <= now:
            until = min(now + SEARCH_S, began_at + TOTAL_S)
            claim = desk.callers.claim(caller, until=until)
            if claim:
                return claim
        if query.refresh:
            # Nobody waits, and one refresh is enough.
            return Found("found", tuple(card for card in at_hand.cards.values() if card.holders))
        if now >= give_up_at:
            return Found("degraded", problem="other_late")
        waited, ended = True, False
        desk.pause(POLL_S)


class _Asked(NamedTuple):
    """A question to the CRMs and what is stored about it."""

    reading: Reading
    line: Line
    caller: str
    at_hand: AtHand
    claim: int


def _searched(query: Query, settings: Settings, desk: Desk, asked: _Asked) -> Found:
    began_at = desk.now()
    read_at_ms = int(1000 * began_at)
    asking = _Round(query, settings, desk, asked)
    asking.start()
    # What saving needs takes a tenth of a second to import: the time in which the CRMs answer.
    from centralino.application import apply_record as _  # noqa: F401, PLC0415

    replies, complete = asking.replies()
    failed = not complete or any(reply.problem for reply in replies)
    keys = [candidate.key for candidate in asked.reading.candidates]
    touched, unfit = _saved(settings, desk, replies, set(keys), read_at_ms)
    if query.refresh:
        _drop_the_gone(settings, desk, asked.at_hand, replies, read_at_ms)
        touched |= asked.at_hand.cards.keys()
    if touched:
        refresh_at = _refresh_at(query, began_at, failed=failed)
        cards = [desk.callers.refresh_at(key, refresh_at) for key in keys if key in touched]
        found = tuple(card for card in cards if card and card.holders)
        if found:
            # The note goes with the claim, which is on the same item.
            desk.callers.forget_unknown(asked.caller)
            return Found("found", found, replies, unfit)
    if replies and not failed and not touched and not unfit:
        # An erased contact that a CRM still has is no unknown caller; nor is one that is unfit.
        desk.callers.note_unknown(asked.caller, until=desk.now() + UNKNOWN_S)
    else:
        desk.callers.release(asked.caller, asked.claim)
    return Found("degraded" if failed else "unknown", (), replies, unfit)


def _saved(
    settings: Settings, desk: Desk, replies: Sequence[Reply], keys: set[str], read_at_ms: int
) -> tuple[set[str], int]:
    """Save who was found; return the caller's keys among theirs, and how many are unfit."""
    from centralino.application.apply_record import apply_record  # noqa: PLC0415 - see above

    touched: set[str] = set()
    unfit = 0
    for contact in (contact for reply in replies for contact in reply.contacts):
        try:
            apply_record(desk.contacts, contact, settings.line, read_at_ms=read_at_ms)
        except UnavailableError:
            raise
        except CentralinoError:
            unfit += 1
        else:
            touched |= _keys_of(contact, settings.line) & keys
    return touched, unfit


def _refresh_at(query: Query, began_at: float, *, failed: bool) -> float:
    if not failed:
        return began_at + FRESH_S
    # Somebody waited, so not all were heard: the next call sees to it. A CRM that is down is not
    # to be asked again with every call.
    return began_at + RETRY_S if query.refresh else began_at


def _drop_the_gone(
    settings: Settings,
    desk: Desk,
    at_hand: AtHand,
    replies: Sequence[Reply],
    read_at_ms: int,
) -> None:
    """See to the contacts that a CRM no longer finds under the number: it knows what they are now.

    A search may lag behind, so each is read by its id.
    """
    from centralino.application.apply_record import apply_record  # noqa: PLC0415 - see above

    found = {contact.id for reply in replies for contact in reply.contacts}
    answered = {reply.provider for reply in replies if not reply.problem}
    for contact_id in dict.fromkeys(
        holder.id for card in at_hand.cards.values() for holder in card.holders
    ):
        provider, _, record = contact_id.partition(":")
        if contact_id in found or provider not in answered:
            continue
        try:
            contact = desk.providers.open(provider).fetch(record)
        except CentralinoError:
            continue  # the next refresh asks again
        if contact is None:
            desk.contacts.delete(contact_id, read_at_ms)
        else:
            apply_record(desk.contacts, contact, settings.line, read_at_ms=read_at_ms)


class _Round:
    """One question to all CRMs at once."""

    def __init__(self, query: Query, settings: Settings, desk: Desk, asked: _Asked) -> None:
        self._answer_by = query.answer_by
        self._refresh = query.refresh
        self._settings = settings
        self._desk = desk
        # Whose claim has lapsed is not to ask beside the next.
        self._limit = min(desk.now() + SEARCH_S, asked.claim)
        self._keys = {candidate.key for candidate in asked.reading.candidates}
        self._number = asked.reading.candidates[0].number
        self._spellings = variants(asked.reading, asked.line)
        self._answers: queue.SimpleQueue[tuple[str, tuple[Contact, ...] | Exception]]
        self._answers = queue.SimpleQueue()
        self._order = _ranked(settings.crms, settings.source_priority)
        self._done: dict[str, Reply] = {}
        self._reopened: set[str] = set()

    def start(self) -> None:
        """Ask all of them."""
        for provider in self._order:
            self._ask(provider)

    def replies(self) -> tuple[tuple[Reply, ...], bool]:
        """Wait for answers as long as it makes sense.

        Returns:
            What became of each CRM, the best first, and whether all were waited for.
        """
        while len(self._done) < len(self._order) and not self._is_decided():
            found = any(reply.contacts for reply in self._done.values())
            # Whoever waits is not to lose the name that is there to one that may come.
            hurry = found and not self._refresh and self._answer_by < self._limit
            until = self._answer_by - SAVING_S if hurry else self._limit
            try:
                wait_s = max(0.0, until - self._desk.now())
                provider, answer = self._answers.get(timeout=wait_s)
            except queue.Empty:
                if hurry:
                    break
                for provider in self._order:
                    if provider not in self._done:
                        self._fail(provider, UnavailableError("timeout"))
            else:
                self._take(provider, answer)
        complete = len(self._done) == len(self._order) or self._is_decided()
        ranked = tuple(self._done[name] for name in self._order if name in self._done)
        return ranked, complete

    def _is_decided(self) -> bool:
        """Tell whether somebody was found, and every better source has answered."""
        if self._refresh:
            return False
        for provider in self._order:
            if provider not in self._done:
                return False
            if self._done[provider].contacts:
                return True
        return False

    def _ask(self, provider: str) -> None:
        now = self._desk.now()
        if not self._circuit(provider).allows(now):
            self._done[provider] = Reply(provider, problem="circuit_open")
            return
        try:
            crm = self._desk.providers.open(provider)
        except CentralinoError as error:
            self._fail(provider, error)
        else:
            self._start(provider, crm)

    def _start(self, provider: str, crm: Crm) -> None:
        left_s = self._limit - self._desk.now()

        def find() -> None:
            answer: tuple[Contact, ...] | Exception
            try:
                answer = crm.find_by_number(self._spellings, self._number, left_s)
            except Exception as error:  # noqa: BLE001 - a provider that breaks is one that fails
                answer = error
            self._answers.put((provider, answer))

        # One that is left behind must not keep the process from ending.
        threading.Thread(target=find, daemon=True).start()

    def _take(self, provider: str, answer: tuple[Contact, ...] | Exception) -> None:
        if not isinstance(answer, Exception):
            self._circuit(provider).succeeded()
            line = self._settings.line
            contacts = [c for c in answer if _keys_of(c, line) & self._keys]
            self._done[provider] = Reply(provider, tuple(contacts[:MAX_HITS]))
            return
        refused = isinstance(answer, RejectedError) and answer.reason == "credentials"
        if refused and provider not in self._reopened:
            self._reopened.add(provider)
            try:
                if crm := self._desk.providers.reopen(provider):
                    self._start(provider, crm)
                    return
            except CentralinoError as error:
                self._fail(provider, error)
                return
        self._fail(provider, answer)

    def _fail(self, provider: str, error: Exception) -> None:
        pause_s = 0.0
        if isinstance(error, UnavailableError):
            problem = error.reason
            if isinstance(error, RejectedError):
                pause_s = REJECTED_S
            elif isinstance(error, ThrottledError):
                pause_s = error.retry_after_s
        else:
            problem = "error"
            if isinstance(error, CentralinoError):
                problem = "not_connected" if isinstance(error, NotFoundError) else "settings"
        self._circuit(provider).failed(self._desk.now(), pause_s=pause_s)
        broken = None if isinstance(error, CentralinoError) else error
        self._done[provider] = Reply(provider, problem=problem, error=broken)

    def _circuit(self, provider: str) -> Circuit:
        return self._desk.circuits.of(self._settings.tenant, provider)


def _ranked(crms: Sequence[str], source_priority: Sequence[str]) -> tuple[str, ...]:
    """Return CRMs in the order in which `domain/card.py` chooses among their contacts."""
    order = {source: place for place, source in enumerate(source_priority)}
    ranked = sorted(dict.fromkeys(crms), key=lambda crm: (order.get(crm, len(order)), crm))
    return tuple(ranked)


def _keys_of(contact: Contact, line: Line) -> set[str]:
    """Return the keys under which a contact will be found."""
    keys = (index_number(n.number, line.country, line.area_code)[0] for n in contact.numbers)
    return {key for key in keys if key}


def problems_of(replies: Sequence[Reply]) -> Mapping[str, str]:
    """Return the CRMs that gave no answer, each with the reason."""
    return {reply.provider: reply.problem for reply in replies if reply.problem}
