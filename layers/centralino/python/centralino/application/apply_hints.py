"""Apply what a CRM's delivery says of its records, each event once and in any order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from centralino.application.apply_record import apply_record
from centralino.application.index_contact import index_contact
from centralino.domain.errors import (
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from centralino.domain.contact import Contact
    from centralino.domain.settings import Line
    from centralino.ports.crm import Crm, Hint
    from centralino.ports.store import ContactStore, Outcome

# So many times in a row without an answer, and the rest is left for the next time: one record that
# a CRM can't give must not hold up the others, and one that is down need not be asked a hundred
# times.
PATIENCE = 3
# How long a transaction of a CRM's may take that tells before it is over. What is not there after
# that was undone, or deleted since.
EARLY_MS = 600_000
# How often a record may be there and gone again while it is read.
READINGS = 3
_SEEN_AT_ONCE = 100
OUT_OF_TIME = "time"
_SAVED: Mapping[Outcome, str] = {
    "created": "applied",
    "changed": "applied",
    "unchanged": "unchanged",
    "stale": "stale",
    "duplicate": "duplicate",
}
# A deletion of what was never there is one all the same: its tombstone stops what comes late.
_DELETED: Mapping[Outcome, str] = {**_SAVED, "created": "deleted", "changed": "deleted"}


class Applied(NamedTuple):
    """What became of a delivery.

    Attributes:
        counts: how many hints were `applied`, `deleted`, `unchanged`, `stale`, `duplicate`, and
            how many `failed`.
        problems: what can't be applied however often it is tried, without personal data.
        error: what may pass, or needs an operator; the hints that it met were not applied.
    """

    counts: Mapping[str, int]
    problems: tuple[str, ...] = ()
    error: UnavailableError | None = None


class Reading(NamedTuple):
    """A record as it was read.

    Attributes:
        contact: None if it was gone.
        at_ms: when the reading began.
    """

    contact: Contact | None
    at_ms: int


def apply_hints(  # noqa: PLR0913 - what it takes to read and to write
    store: ContactStore,
    crm: Crm,
    hints: Sequence[Hint],
    line: Line,
    *,
    received_at_ms: int,
    now_ms: Callable[[], int],
    renew: Callable[[], Crm],
    has_time: Callable[[], bool] = lambda: True,
) -> Applied:
    """Apply the hints of one delivery; what fails leaves the others alone.

    Applying a delivery again, wholly or after half of it was applied, ends in the same state.

    Args:
        store: the tenant's contacts.
        crm: the connection that the delivery came from.
        hints: in the delivery's order.
        line: says which country and area a number without a code is from.
        received_at_ms: when the delivery came, milliseconds since 1970: the time of an event that
            has none of its own and nothing to be read again.
        now_ms: the time, milliseconds since 1970.
        renew: builds the connection with its secrets read again, after the CRM refused them.
        has_time: whether there is time for one more hint.
    """
    applier = _Applier(store, crm, line, received_at_ms, now_ms, renew)
    named = list(_named(crm.slug, hints))
    counts: Counter[str] = Counter()
    problems: list[str] = []
    error: UnavailableError | None = None
    in_a_row = 0
    try:
        seen = _seen(store, crm, named)
    except UnavailableError as failure:
        return Applied({"failed": len(named)}, error=failure)
    for place, (contact_id, delivery, hint) in enumerate(named):
        if (contact_id, delivery) in seen:
            counts["duplicate"] += 1
            continue
        if not has_time():
            counts["failed"] += len(named) - place
            error = error or UnavailableError(OUT_OF_TIME, retry_after_s=0.0)
            break
        try:
            counts[applier.apply(contact_id, delivery, hint)] += 1
        except PayloadError as failure:
            counts["failed"] += 1
            problems.append(str(failure))
        except UnavailableError as failure:
            error = _worse(error, failure)
            in_a_row += not isinstance(failure, RejectedError)
            if in_a_row >= PATIENCE or _concerns_all(failure):
                counts["failed"] += len(named) - place
                break
            counts["failed"] += 1
        else:
            in_a_row = 0
    return Applied(counts, tuple(problems), error)


class _Applier:
    """Applies the hints of one delivery; a record is read once for all of them."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it takes to read and to write
        self,
        store: ContactStore,
        crm: Crm,
        line: Line,
        received_at_ms: int,
        now_ms: Callable[[], int],
        renew: Callable[[], Crm],
    ) -> None:
        self._store = store
        self._crm = crm
        self._line = line
        self._received_at_ms = received_at_ms
        self._now_ms = now_ms
        self._renew = renew
        self._renewed = False
        # Whatever the delivery says was so before it came, and this was read after that.
        self._readings: dict[str, Reading] = {}

    def apply(self, contact_id: str, delivery: str, hint: Hint) -> str:
        """Apply a hint; return what it counts as."""
        if hint.operation in ("deleted", "erased"):
            return self._delete(contact_id, delivery, hint)
        if hint.contact is not None:
            return _SAVED[self._save(contact_id, delivery, hint, hint.contact)]
        if not self._crm.reads:
            raise PayloadError("contact", "the record itself, since it can't be read again")
        return self._reread(contact_id, delivery, hint)

    def _save(self, contact_id: str, delivery: str, hint: Hint, given: Contact) -> Outcome:
        """Save the record that the event itself has."""
        version = given.version or hint.occurred_at_ms or self._received_at_ms
        if hint.operation == "restored":
            version = max(version, hint.occurred_at_ms)
        contact = given._replace(id=contact_id, version=version)
        contact, holders = index_contact(contact, self._line)
        return self._store.save(contact, holders, delivery=delivery)

    def _delete(self, contact_id: str, delivery: str, hint: Hint) -> str:
        at_ms = hint.occurred_at_ms
        if hint.operation == "erased":
            # Only a contact that is there can be erased; of one that isn't the events that are
            # still under way are stopped like those of a deletion.
            if self._store.erase(contact_id):
                return "deleted"
            at_ms = at_ms or self._now_ms()
        if not at_ms and self._crm.reads:
            # It may have been restored since.
            return self._reread(contact_id, delivery, hint)
        outcome = self._store.delete(contact_id, at_ms or self._received_at_ms, delivery=delivery)
        if outcome == "stale" and self._crm.reads:
            # It was restored since, or what is stored has a version that the CRM doesn't know of.
            return self._reread(contact_id, delivery, hint)
        return _DELETED[outcome]

    def _reread(self, contact_id: str, delivery: str, hint: Hint) -> str:
        """Read a record again and apply what there is, or that it is gone."""
        restored_at_ms = hint.occurred_at_ms if hint.operation == "restored" else 0
        stored_version = 0
        for _ in range(READINGS):
            reading = self._read(hint.record)
            if _is_early(reading, hint):
                return self._await(contact_id, reading, hint)
            if reading.contact is not None and reading.contact.id == contact_id:
                return _SAVED[
                    apply_record(
                        self._store,
                        reading.contact,
                        self._line,
                        read_at_ms=reading.at_ms,
                        restored_at_ms=restored_at_ms,
                        delivery=delivery,
                    )
                ]
            if reading.contact is not None:
                # Some CRMs give the record that this one was merged into.
                apply_record(self._store, reading.contact, self._line, read_at_ms=reading.at_ms)
            outcome = self._store.delete(
                contact_id, max(reading.at_ms, stored_version), delivery=delivery
            )
            if outcome != "stale":
                return _DELETED[outcome]
            # A version beyond the time of the reading: it came back, or the CRM's clock is ahead
            # of ours. What is stored before the next reading is older than that reading.
            stored = self._store.get(contact_id)
            if stored is None:
                return "unchanged"
            stored_version = stored.version
            del self._readings[hint.record]
        raise UnavailableError("contention")

    def _await(self, contact_id: str, reading: Reading, hint: Hint) -> str:
        """Leave a record that was read too early for later; not if it is known to be gone since."""
        if reading.contact is None:
            known = self._store.known([contact_id]).get(contact_id)
            if known and known.deleted and known.version >= hint.as_of_ms:
                return "stale"
        raise UnavailableError("early")

    def _read(self, record: str) -> Reading:
        if record not in self._readings:
            at_ms = self._now_ms()
            self._readings[record] = Reading(self._fetch(record), at_ms)
        return self._readings[record]

    def _fetch(self, record: str) -> Contact | None:
        try:
            return self._crm.fetch(record)
        except RejectedError as error:
            if error.reason != "credentials" or self._renewed:
                raise
        self._renewed = True
        self._crm = self._renew()
        return self._crm.fetch(record)


def _is_early(reading: Reading, hint: Hint) -> bool:
    """Tell whether a record was read before the CRM had saved what it told of it."""
    version = reading.contact.version if reading.contact is not None else 0
    return version < hint.as_of_ms and reading.at_ms < hint.as_of_ms + EARLY_MS


def _named(source: str, hints: Sequence[Hint]) -> Iterator[tuple[str, str, Hint]]:
    """Yield each hint with its contact's id and a word for the event.

    A CRM's word may be the delivery's, for several events of one record; their order tells them
    apart, and it is the same whenever the delivery comes again.
    """
    times: Counter[tuple[str, str]] = Counter()
    for hint in hints:
        contact_id = f"{source}:{hint.record}"
        times[contact_id, hint.delivery] += 1
        place = times[contact_id, hint.delivery]
        again = f"\n{place}" if hint.delivery and place > 1 else ""
        yield contact_id, hint.delivery + again, hint


def _seen(
    store: ContactStore, crm: Crm, named: Sequence[tuple[str, str, Hint]]
) -> frozenset[tuple[str, str]]:
    """Return which events need not be asked about; the transaction knows of all the others."""
    events = [
        (contact_id, delivery)
        for contact_id, delivery, hint in named
        if delivery and crm.reads and hint.contact is None
    ]
    found: frozenset[tuple[str, str]] = frozenset()
    for start in range(0, len(events), _SEEN_AT_ONCE):
        found |= store.seen(events[start : start + _SEEN_AT_ONCE])
    return found


def _concerns_all(error: UnavailableError) -> bool:
    """Tell whether the next hint would meet the same."""
    return isinstance(error, ThrottledError) or error.reason == "credentials"


def _worse(one: UnavailableError | None, other: UnavailableError) -> UnavailableError:
    """Return the error that says more of when trying again makes sense."""
    return one if one is not None and type(other) is UnavailableError else other
