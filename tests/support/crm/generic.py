"""A home-grown CRM on loopback: our contact JSON, by the addresses that `ACCOUNT` names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from centralino.domain.number import index_number
from tests.support.crm import FakeCrm, Person, Reply, Request, reply

TOKEN = "erp-0123456789abcdef"
ACCOUNT = {
    "contact_path": "/api/contacts/{id}",
    "search_path": "/api/search?number={number}&spellings={spellings}",
    "changes_path": "/api/contacts?since={since}&cursor={cursor}",
    "deleted_path": "/api/deleted?since={since}&cursor={cursor}",
}


class FakeErp(FakeCrm):
    """The API; its cursors are opaque, and refused if they were changed."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, Person] = {}
        self.deleted: dict[str, int] = {}

    def record(self, place: int) -> str:
        """Return an id, which may have anything in it but `#`."""
        return f"C/{place} \u00e8?"

    def save(self, person: Person) -> None:
        """Create a contact, or change it."""
        self.people[person.record] = person
        self.deleted.pop(person.record, None)

    def delete(self, record: str, at_ms: int) -> None:
        """Delete a contact."""
        del self.people[record]
        self.deleted[record] = at_ms

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return reply({"error": "who are you?"}, 401)
        if request.path == "/api/contacts":
            since_ms = _milliseconds(request.query["since"])
            listed = sorted(
                (p for p in self.people.values() if p.modified_ms >= since_ms),
                key=lambda person: (person.modified_ms, person.record),
            )
            return self._page(request, "contacts", [_shown(person) for person in listed])
        if request.path == "/api/deleted":
            since_ms = _milliseconds(request.query["since"])
            gone = [
                {"id": record, "deleted_at": _iso(at_ms)}
                for record, at_ms in self.deleted.items()
                if at_ms >= since_ms
            ]
            return self._page(request, "deleted", gone)
        if request.path == "/api/search":
            return reply({"contacts": [_shown(person) for person in self._found(request)]})
        return self._read(request)

    def _read(self, request: Request) -> Reply:
        head, _, record = request.path.rpartition("/")
        person = self.people.get(unquote(record))
        if head == "/api/contacts" and person:
            return reply(_shown(person))
        return reply({"error": "no such contact"}, 404)

    def _found(self, request: Request) -> list[Person]:
        # It compares the last eight digits, as many do: too much is found.
        tail = request.query["number"][-8:]
        return [
            person
            for person in self.people.values()
            if tail in index_number(person.number, "IT")[0]
        ]

    def _page(self, request: Request, name: str, listed: list[dict[str, Any]]) -> Reply:
        cursor = request.query["cursor"]
        if cursor and not cursor.startswith("page "):
            return reply({"error": "no such page"}, 400)
        start = int(cursor.removeprefix("page ") or "0")
        end = start + self.page_size
        following = f"page {end}" if end < len(listed) else None
        return reply({name: listed[start:end], "cursor": following})


def _shown(person: Person) -> dict[str, Any]:
    return {
        "id": person.record,
        "updated_at": _iso(person.modified_ms),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "company": person.company,
        "numbers": [{"number": person.number, "kind": "work", "primary": True}],
    }


def _iso(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
