"""Reconcile what we hold of a CRM with the CRM itself: what lost webhooks missed, page by page.

A run reads what was modified and what was deleted since the run before it; the first one, and one
a week where a CRM can't say what was deleted, reads everything and then asks for each contact that
we hold and that it did not meet. After every page it is kept how far the run is, so a run that was
killed goes on at that page, in whichever process. A page that is done twice changes nothing. Where
the time is over in the middle of a page, or the CRM wants to be left alone, the run goes on behind
the last record that is done, so it ends however slow the CRM is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from centralino.application.apply_record import apply_record
from centralino.application.save_contact import save_contact
from centralino.domain.contact import ID_PATTERN
from centralino.domain.errors import (
    CentralinoError,
    NotFoundError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.ports.connections import SyncState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from centralino.domain.contact import Contact
    from centralino.domain.settings import Line
    from centralino.ports.connections import ConnectionStore
    from centralino.ports.crm import Crm
    from centralino.ports.store import ContactStore, Known

HOUR_MS = 3_600_000
# A run asks again for the minutes before the newest change that it knows: a CRM's servers differ in
# their clocks, and what is being saved when it is asked may show up a little later.
OVERLAP_MS = 10 * 60_000
# How far behind ours a CRM's clock may be.
BEHIND_MS = 3 * HOUR_MS
# What changed less than this ago may be told by a webhook that is still under way.
GRACE_MS = 5 * 60_000
FULL_EVERY_MS = 7 * 24 * HOUR_MS
# How long a CRM is left alone that refuses us, or that failed again and again.
REST_MS = HOUR_MS
NOTHING_TO_READ_MS = 24 * HOUR_MS
ATTEMPTS = 5
LONGEST_WAIT_S = 900.0
KNOWN = 99  # what a store's `known` takes
SWEPT = 50  # contacts looked at before it is kept how far a sweep is
# What a page may take, or a question about one record, if every answer comes in its last moment.
PAGE_S = 45.0
# The same of what is saved: a contact, and then how far the run is.
SAVE_S = 15.0
_T = TypeVar("_T")


class Part(NamedTuple):
    """What one part of a run came to.

    Attributes:
        done: whether the run ended, or was not ours to go on with.
        again_s: if it isn't done: when to go on, seconds from now.
        before: the state that the part began with.
        after: the state that it left; None if the connection is gone or somebody else is at it.
    """

    done: bool
    again_s: float = 0.0
    before: SyncState = SyncState()
    after: SyncState | None = None


class _StoppedError(Exception):
    """The time is over in the middle of a page."""


class _OvertakenError(Exception):
    """Somebody else is at the same run, or the connection was removed."""


def sync_crm(  # noqa: PLR0913 - what a run depends on
    links: ConnectionStore,
    contacts: ContactStore,
    crm: Crm,
    line: Line,
    run: str,
    *,
    now: Callable[[], float],
    until_s: float,
    has_time: Callable[[float], bool] = lambda _: True,
    asked_ms: int = 0,
    renew: Callable[[], Crm] | None = None,
    report: Callable[[SyncState], object] | None = None,
) -> Part:
    """Go on with a run, or begin one, until it ends or the time is over.

    Args:
        links: the tenant's connections.
        contacts: the tenant's contacts.
        crm: the connection.
        line: says which country and area a number without a code is from.
        run: the run's id; a run under way is gone on with under its own id only.
        now: the time, seconds since 1970.
        until_s: no page is begun after this, and the CRM is asked for no further record.
        has_time: whether this process has so many seconds left.
        asked_ms: when the run was asked for, milliseconds since 1970; it isn't begun if another
            one began or ended after that. 0: it is, whatever other clocks say.
        renew: builds the connection once more, its secrets read again; for when the CRM says that
            they are wrong.
        report: told how far it is after each page.

    Raises:
        UnavailableError: our own store doesn't answer.
    """
    link = links.get(crm.slug)
    if link is None:
        return Part(done=True)
    before = _begun(link.state, crm, run, asked_ms, int(now() * 1000))
    if before is None:
        return Part(done=True)
    it = _Run(links, contacts, crm, line, now, until_s, has_time, before)
    try:
        if link.state.run != run:
            it.keep(before)
        while it.state.run and it.state.due_ms <= it.now_ms() and it.may_ask():
            renew = it.go_on(renew)
            if report:
                report(it.state)
    except _OvertakenError:
        return Part(done=True, before=before)
    return it.part(before)


def _begun(state: SyncState, crm: Crm, run: str, asked_ms: int, now_ms: int) -> SyncState | None:
    """Return the state of a run that is ours to go on with; None if it isn't."""
    if state.run == run:
        return state
    if state.run or run == state.last_run:
        return None
    if asked_ms and max(state.started_ms, state.finished_ms) > asked_ms:
        return None
    if not crm.reads:
        return state._replace(last_run=run, due_ms=now_ms + NOTHING_TO_READ_MS, problem="")
    weekly = not crm.lists_deletions and now_ms - state.full_ms >= FULL_EVERY_MS
    full = not state.full_ms or weekly
    return SyncState(
        version=state.version,
        run=run,
        last_run=state.last_run,
        full=full,
        stage="modified",
        since_ms=0 if full else max(0, state.mark_ms - OVERLAP_MS),
        started_ms=now_ms,
        moved_ms=now_ms,
        mark_ms=state.mark_ms,
        full_ms=state.full_ms,
        finished_ms=state.finished_ms,
    )


class _Run:
    """One run, as far as one process takes it."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a run depends on
        self,
        links: ConnectionStore,
        contacts: ContactStore,
        crm: Crm,
        line: Line,
        now: Callable[[], float],
        until_s: float,
        has_time: Callable[[float], bool],
        state: SyncState,
    ) -> None:
        self.state = state
        self._links = links
        self._contacts = contacts
        self._crm = crm
        self._line = line
        self._now = now
        self._until_s = until_s
        self._has_time = has_time
        self._seen: Collection[str] | None = None
        self._counts: dict[str, int] = {}
        # Of the page under way: the last contact that is done, and whom a sweep has asked for.
        self._reached = ""
        self._asked: list[str] = []

    def now_ms(self) -> int:
        """Return the time, milliseconds since 1970."""
        return int(self._now() * 1000)

    def may_ask(self) -> bool:
        """Tell whether there is time to ask the CRM for something more."""
        return self._now() < self._until_s and self._has_time(PAGE_S)

    def part(self, before: SyncState) -> Part:
        """Return what this part came to."""
        done = not self.state.run
        wait_s = max(0.0, (self.state.due_ms - self.now_ms()) / 1000)
        return Part(done, 0.0 if done else min(wait_s, LONGEST_WAIT_S), before, self.state)

    def keep(self, state: SyncState) -> None:
        """Keep how far it is.

        Raises:
            _OvertakenError: somebody else was faster.
        """
        saved = self._links.save_state(self._crm.slug, state)
        if saved is None:
            raise _OvertakenError
        self.state = saved

    def go_on(self, renew: Callable[[], Crm] | None) -> Callable[[], Crm] | None:
        """Do one page, or keep why it couldn't be done; return what may still renew secrets."""
        try:
            done = self._tried_page()
        except _StoppedError:
            self.keep(self.state)
        except ThrottledError as error:
            self._wait(error.reason, max(error.retry_after_s, 1.0))
        except RejectedError as error:
            if error.reason == "credentials" and renew:
                self._crm = renew()
                return None
            self._give_up(error.reason)
        except PayloadError as error:
            self._give_up(str(error))
        except NotFoundError:
            # The tenant is being erased.
            raise _OvertakenError from None
        except UnavailableError as error:
            if self.state.failures + 1 >= ATTEMPTS:
                self._give_up(error.reason)
            else:
                failures = self.state.failures + 1
                self.state = self.state._replace(failures=failures)
                self._wait(error.reason, min(30.0 * 2.0**failures, LONGEST_WAIT_S))
        else:
            self.keep(done)
        return renew

    def _wait(self, problem: str, wait_s: float) -> None:
        due_ms = self.now_ms() + int(wait_s * 1000)
        self.keep(self.state._replace(problem=problem, due_ms=due_ms, moved_ms=self.now_ms()))

    def _give_up(self, problem: str) -> None:
        """End the run; the next one begins where this one did, so nothing is lost."""
        state = self.state
        self.keep(
            state._replace(
                run="",
                last_run=state.run,
                stage="",
                cursor="",
                page=0,
                reached="",
                failures=0,
                problem=problem,
                due_ms=self.now_ms() + REST_MS,
            )
        )

    def _tried_page(self) -> SyncState:
        """Do one page and return the state after it; if it can't be done, keep what is in mind."""
        self._counts, self._reached, self._asked = {}, "", []
        try:
            return self._page()
        except NotFoundError:
            # Nothing may be written for a tenant that is being erased.
            raise
        except (CentralinoError, _StoppedError):
            self._note()
            raise

    def _note(self) -> None:
        """Take down which part of a page is done."""
        state = self.state
        if self._asked:
            # Whoever is gone is no longer there to be asked for, and the others were met now.
            self._links.mark(self._crm.slug, state.run, state.page, self._asked)
            self._seen = None
            state = state._replace(page=state.page + 1)
        elif self._reached:
            state = state._replace(reached=self._reached)
        else:
            return
        self.state = state._replace(
            **self._counted(), failures=0, problem="", due_ms=0, moved_ms=self.now_ms()
        )

    def _counted(self) -> dict[str, Any]:
        return {name: getattr(self.state, name) + count for name, count in self._counts.items()}

    def _page(self) -> SyncState:
        """Do one page and return the state after it."""
        state = self.state
        if state.stage == "sweep":
            cursor = self._sweep(state)
        else:
            cursor, newest_ms = self._listing(state)
            state = state._replace(newest_ms=max(state.newest_ms, newest_ms))
        if cursor and cursor == state.cursor:
            raise UnavailableError("malformed")
        state = state._replace(
            **self._counted(),
            cursor=cursor,
            page=state.page + 1,
            reached="",
            failures=0,
            problem="",
            due_ms=0,
            moved_ms=self.now_ms(),
        )
        return state if cursor else self._next_stage(state)

    def _next_stage(self, state: SyncState) -> SyncState:
        if state.stage == "modified" and state.full:
            return state._replace(stage="sweep")
        state = state._replace(page=0)
        if state.stage == "modified":
            return state._replace(stage="deleted")
        # By the CRM's own clock as far as that is known. Without an end to that, one change of
        # everything at once would be read again by each run until something else changes.
        newest_ms = min(max(state.newest_ms, state.started_ms - BEHIND_MS), state.started_ms)
        return state._replace(
            run="",
            last_run=state.run,
            stage="",
            mark_ms=max(state.mark_ms, newest_ms),
            full_ms=state.started_ms if state.full else state.full_ms,
            finished_ms=self.now_ms(),
        )

    def _count(self, name: str, count: int = 1) -> None:
        self._counts[name] = self._counts.get(name, 0) + count

    # --- what the CRM lists ----------------------------------------------------------------------

    def _listing(self, state: SyncState) -> tuple[str, int]:
        """Take in a page of what was modified or deleted; return the cursor and the newest time."""
        began_ms = self.now_ms()
        asks = self._crm.modified_since if state.stage == "modified" else self._crm.deleted_since
        records = asks(state.since_ms, state.cursor)
        saves = [contact.id for contact in records.contacts]
        ids = saves + [self._id(record) for record, _ in records.deleted]
        # What changed since then in a way that moves it is the next run's.
        done = ids.index(state.reached) + 1 if state.reached in ids else 0
        self._save(records.contacts[done:], began_ms)
        self._delete(records.deleted[max(0, done - len(saves)) :], began_ms)
        if state.full and records.contacts:
            seen = [contact.id.partition(":")[2] for contact in records.contacts]
            self._links.mark(self._crm.slug, state.run, state.page, seen)
        if state.stage != "modified":
            return records.cursor, 0
        return records.cursor, max((contact.version for contact in records.contacts), default=0)

    def _save(self, records: Sequence[Contact], began_ms: int) -> None:
        for batch in _batches(records):
            ids = [contact.id for contact in batch if _fits(contact.id)]
            known = self._contacts.known(ids) if ids else {}
            for contact in batch:
                self._stop_unless(self._has_time(SAVE_S))
                if _fits(contact.id):
                    self._save_one(contact, known.get(contact.id), began_ms)
                else:
                    self._count("rejected")
                self._done(contact.id)

    def _stop_unless(self, has_time: bool) -> None:  # noqa: FBT001 - its only one
        """Stop in the middle of a page, but not before something of it is done.

        Raises:
            _StoppedError: in time to go on with the next message.
        """
        if (self._reached or self._asked) and not has_time:
            raise _StoppedError

    def _done(self, contact_id: str) -> None:
        self._count("read")
        self._reached = contact_id

    def _id(self, record: str) -> str:
        return f"{self._crm.slug}:{record}"

    def _save_one(self, contact: Contact, known: Known | None, began_ms: int) -> None:
        # Version 0 would be an edit by hand.
        contact = contact._replace(version=max(contact.version, 1))
        try:
            outcome = save_contact(
                self._contacts, contact, self._line, now_ms=began_ms, known=known
            ).outcome
            if outcome == "stale":
                # An event that was faster, or a deletion that was undone without an event.
                outcome = apply_record(self._contacts, contact, self._line, read_at_ms=began_ms)
        except PayloadError:
            self._count("rejected")
            return
        if outcome in ("created", "changed"):
            self._count(self._drift(contact, known, began_ms))

    def _drift(self, contact: Contact, known: Known | None, began_ms: int) -> str:
        if not self.state.full_ms:
            return "imported"
        if known and not known.deleted and known.version >= contact.version:
            return "repaired"
        return "late" if contact.version > began_ms - GRACE_MS else "missed"

    # --- what the CRM no longer has --------------------------------------------------------------

    def _delete(self, deleted: Sequence[tuple[str, int]], began_ms: int) -> None:
        for batch in _batches(deleted):
            ids = [id_ for record, _ in batch if _fits(id_ := self._id(record))]
            known = self._contacts.known(list(dict.fromkeys(ids))) if ids else {}
            for record, at_ms in batch:
                self._stop_unless(self._has_time(SAVE_S))
                if _fits(self._id(record)):
                    self._delete_one(record, at_ms, known.get(self._id(record)), began_ms)
                self._done(self._id(record))

    def _delete_one(self, record: str, at_ms: int, known: Known | None, began_ms: int) -> None:
        if known and known.deleted and known.version >= at_ms:
            return
        if at_ms:
            outcome = self._contacts.delete(self._id(record), at_ms)
            if outcome != "stale":
                self._count("removed", int(known is not None and outcome == "changed"))
                return
        self._stop_unless(self.may_ask())
        self._ask(record, known, began_ms)

    def _ask(self, record: str, known: Known | None, began_ms: int) -> None:
        """Ask for one record, and do as the CRM has it."""
        contact = self._crm.fetch(record)
        if contact is not None:
            if _fits(contact.id):
                self._save_one(contact, known, began_ms)
            return
        outcome = self._contacts.delete(self._id(record), began_ms)
        self._count("removed", int(outcome == "changed"))

    def _sweep(self, state: SyncState) -> str:
        """Ask for each of some contacts that the run did not meet; return the next cursor."""
        if self._seen is None:
            self._seen = self._links.marked(self._crm.slug, state.run)
        page = self._contacts.page(cursor=state.cursor, limit=SWEPT)
        for contact in page.contacts:
            source, _, record = contact.id.partition(":")
            # What changed since the run began was told by a webhook.
            if source != self._crm.slug or contact.version >= state.started_ms:
                continue
            if record not in self._seen:
                self._stop_unless(self.may_ask())
                self._ask(record, _Stored(contact.version), self.now_ms())
                self._asked.append(record)
        return page.cursor


class _Stored(NamedTuple):
    """A contact that is there."""

    version: int
    deleted: bool = False


def _fits(contact_id: str) -> bool:
    return ID_PATTERN.fullmatch(contact_id) is not None


def _batches(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), KNOWN):
        yield items[start : start + KNOWN]
