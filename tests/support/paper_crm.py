"""A CRM on paper: a truth that a test changes as a salesperson would, and a provider that reads it.

It stands for every CRM where those who write are what is tested: its events are hints, with times,
words and merges as the real ones have them, and records are read, listed and searched for over
`ports/web.py`. `inline` makes it one of those that can't be asked: an event is all there is.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import CredentialsError, PayloadError, UnavailableError
from centralino.ports.crm import Connection, Crm, Delivery, Hint, Parsed, Records
from centralino.ports.web import Answer, expect_success

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from centralino.ports.web import Web

SLUG = "paper"
PAGE = "http://paper.example/records/"
NOT_FOUND = 404
# Records of a list's page: fewer than there are.
LISTED = 2
# Mostly records are saved.
DEED_KINDS = ("save", "save", "delete", "delete without a time", "restore", "merge", "erase")


class Event(NamedTuple):
    """What the CRM tells of one record; see `ports/crm.py`'s Hint."""

    record: str
    operation: str
    at_ms: int
    word: str
    fields: Mapping[str, Any] | None = None


class Deed(NamedTuple):
    """Something that a person does at the CRM, in numbers that any state of it gives a meaning.

    Attributes:
        what: one of `DEED_KINDS`.
        one: the record.
        other: the record that a merge leaves, or the name that is saved.
        chosen: a bit for each number that is saved.
        twice: whether it is told twice, a merge in one delivery and not in two.
    """

    what: str
    one: int
    other: int
    chosen: int
    twice: bool


class Office:
    """The CRM's own records, and what it tells of every change.

    Who asks while it changes, in another thread, waits until it has changed.

    Attributes:
        now_ms: the CRM's clock; every change moves it on.
        there: record -> what it is now.
        gone: record -> what it was when it was deleted; what was merged or erased is not there.
        deleted: record -> when it was deleted, for whatever reason.
        erased: the records that were erased; they don't come back.
        lock: held while it changes and while it answers.
    """

    def __init__(self, *, inline: bool = False, now_ms: int = 1_795_000_000_000) -> None:
        self.inline = inline
        self.now_ms = now_ms
        self.there: dict[str, dict[str, Any]] = {}
        self.gone: dict[str, dict[str, Any]] = {}
        self.deleted: dict[str, int] = {}
        self.erased: set[str] = set()
        self.asked: list[str] = []
        self.lock = threading.RLock()
        self._words = 0

    def do(
        self, deed: Deed, records: Sequence[str], names: Sequence[str], numbers: Sequence[str]
    ) -> list[tuple[Event, ...]]:
        """Do something; what can't be done is a save, and one of what was erased is nothing.

        Returns:
            The deliveries that tell of it.
        """
        with self.lock:
            there, gone = sorted(self.there), sorted(self.gone)
            if deed.what == "merge" and len(there) > 1:
                loser = there.pop(deed.one % len(there))
                lost, won = self.merge(loser, there[deed.other % len(there)])
                return [(lost, won)] * 2 if deed.twice else [(lost,), (won,)]
            if deed.what == "restore" and gone:
                event = self.restore(gone[deed.one % len(gone)])
            elif deed.what.startswith("delete") and there:
                # Who can't be asked has to say when.
                timed = self.inline or deed.what == "delete"
                event = self.delete(there[deed.one % len(there)], timed=timed)
            elif deed.what == "erase" and there:
                event = self.delete(there[deed.one % len(there)], erased=True)
            elif (record := records[deed.one]) not in self.erased:
                chosen = [number for bit, number in enumerate(numbers) if deed.chosen >> bit & 1]
                event = self.save(record, names[deed.other], chosen)
            else:
                return []
        return [(event,)] * (1 + deed.twice)

    def save(self, record: str, name: str, numbers: Sequence[str]) -> Event:
        """Create a record, or change it."""
        self.now_ms += 1
        self.gone.pop(record, None)
        self.deleted.pop(record, None)
        self.there[record] = {
            "version": self.now_ms,
            "last_name": name,
            "numbers": [[number, "mobile", False] for number in numbers],
        }
        return self._event(record, "changed")

    def delete(self, record: str, *, timed: bool = True, erased: bool = False) -> Event:
        """Delete a record; without a time as some CRMs do."""
        self.now_ms += 1
        self.gone[record] = self.there.pop(record)
        self.deleted[record] = self.now_ms
        if erased:
            del self.gone[record]
            self.erased.add(record)
        event = self._event(record, "erased" if erased else "deleted")
        return event if timed else event._replace(at_ms=0)

    def restore(self, record: str) -> Event:
        """Take a record out of the bin, with the modified time that it had."""
        self.now_ms += 1
        self.there[record] = self.gone.pop(record)
        del self.deleted[record]
        return self._event(record, "restored")

    def merge(self, loser: str, winner: str) -> list[Event]:
        """Merge two records: one event, told as two."""
        numbers = [number for number, *_ in self.there[loser]["numbers"]]
        numbers += [number for number, *_ in self.there[winner]["numbers"]]
        lost = self.delete(loser)
        self.gone.pop(loser)
        name = self.there[winner]["last_name"]
        won = self.save(winner, name, list(dict.fromkeys(numbers)))
        return [lost, won._replace(word=lost.word)]

    def contact(self, record: str) -> Contact:
        """Return a record as a contact."""
        return contact_of(record, self.there[record])

    def answer(self, method: str, path: str) -> Answer:
        """Answer a request for a record, or for a list of records."""
        assert method == "GET"
        with self.lock:
            return self._answer(path)

    def _answer(self, path: str) -> Answer:
        parts = urlsplit(path)
        record = parts.path.rpartition("/")[2]
        if not record:
            wanted = {name: values[0] for name, values in parse_qs(parts.query).items()}
            return Answer(200, {}, json.dumps(self._list(wanted)).encode())
        self.asked.append(record)
        if record not in self.there:
            return Answer(NOT_FOUND, {}, b"")
        return Answer(200, {}, json.dumps(self.there[record]).encode())

    def _list(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        if "number" in wanted:
            found = {
                record: fields
                for record, fields in self.there.items()
                if wanted["number"] in (number for number, *_ in fields["numbers"])
            }
            return {"records": found}
        if "deleted_since" in wanted:
            since_ms = int(wanted["deleted_since"])
            return {"deleted": [[r, at] for r, at in self.deleted.items() if at >= since_ms]}
        since_ms = int(wanted["modified_since"])
        behind = tuple(json.loads(wanted["cursor"])) if "cursor" in wanted else ()
        places = sorted(
            (fields["version"], record)
            for record, fields in self.there.items()
            if fields["version"] >= since_ms
        )
        places = [place for place in places if place > behind]
        page = {record: self.there[record] for _, record in places[:LISTED]}
        more = len(places) > LISTED
        return {"records": page, "cursor": json.dumps(places[LISTED - 1]) if more else ""}

    def _event(self, record: str, operation: str) -> Event:
        self._words += 1
        fields = self.there.get(record) if self.inline else None
        return Event(record, operation, self.now_ms, f"word-{self._words}", fields)


class OfficeWeb:
    """Asks an office in the same process; `ports/web.py`'s Web.

    Args:
        office: is asked.
        before: called before each request; may raise what a network does.
    """

    def __init__(self, office: Office, before: Callable[[str], None] = lambda _: None) -> None:
        self._office = office
        self._before = before

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - the port's
        body: bytes = b"",  # noqa: ARG002
        timeout_s: float | None = None,  # noqa: ARG002
    ) -> Answer:
        self._before(url)
        return self._office.answer(method, url)


def body_of(events: Sequence[Event], *, broken: int = 0) -> bytes:
    """Return a delivery's body; some entries of it broken if asked for."""
    entries: list[Any] = [event._asdict() for event in events]
    return json.dumps({"events": [*entries, *[{"oops": True}] * broken]}).encode()


def hints_of(events: Sequence[Event]) -> tuple[Hint, ...]:
    """Return what `PaperCrm.parse` makes of some events."""
    return tuple(map(_hint, (event._asdict() for event in events)))


def paper(office: Office, web: Web | None = None) -> PaperCrm:
    """Build a connection to an office."""
    kind = InlineCrm if office.inline else PaperCrm
    return kind(Connection(SLUG, {}, {}), web or OfficeWeb(office))


class PaperCrm(Crm):
    """The provider."""

    slug = SLUG
    kept_headers = ()

    def verify(self, delivery: Delivery) -> None:
        if delivery.headers.get("x-paper") not in self.connection.webhook_secrets():
            raise CredentialsError("this is not from the paper CRM")

    def parse(self, delivery: Delivery) -> Parsed:
        try:
            entries = json.loads(delivery.body)["events"]
        except (ValueError, KeyError, TypeError) as error:
            raise PayloadError("events", "a list") from error
        hints, problems = [], []
        for place, entry in enumerate(entries):
            try:
                hints.append(_hint(entry))
            except KeyError:
                problems.append(f"events[{place}].record: expected a record's id")
        return Parsed(tuple(hints), tuple(problems))

    def fetch(self, record: str) -> Contact | None:
        page = self.connection.account.get("page", PAGE)
        answer = self.web.send("GET", f"{page}{record}")
        if answer.status == NOT_FOUND:
            return None
        expect_success(answer)
        try:
            return contact_of(record, answer.json())
        except KeyError as error:
            raise UnavailableError("malformed") from error

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        assert variants
        assert timeout_s > 0
        return self._listed(number=number).contacts

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        more = {"cursor": cursor} if cursor else {}
        return self._listed(modified_since=str(since_ms), **more)

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        assert not cursor
        return self._listed(deleted_since=str(since_ms))

    def _listed(self, **wanted: str) -> Records:
        page = self.connection.account.get("page", PAGE)
        answer = self.web.send("GET", f"{page}?{urlencode(wanted)}")
        expect_success(answer)
        told = answer.json()
        contacts = tuple(contact_of(*record) for record in told.get("records", {}).items())
        deleted = tuple((record, at_ms) for record, at_ms in told.get("deleted", ()))
        return Records(contacts, deleted, told.get("cursor", ""))

    def check(self) -> str:
        return "paper"


class InlineCrm(PaperCrm):
    """One that can't be asked."""

    reads = False


def contact_of(record: str, fields: Mapping[str, Any]) -> Contact:
    """Return a record's fields as a contact."""
    return Contact(
        f"{SLUG}:{record}",
        fields["version"],
        last_name=fields["last_name"],
        numbers=tuple(ContactNumber(*number) for number in fields["numbers"]),
        updated_at_ms=fields["version"],
    )


def _hint(entry: Mapping[str, Any]) -> Hint:
    record, fields = entry["record"], entry["fields"]
    return Hint(
        record,
        entry["operation"],
        entry["at_ms"],
        entry["word"],
        contact_of(record, fields) if fields else None,
    )
