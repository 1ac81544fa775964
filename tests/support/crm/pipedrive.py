"""A fake Pipedrive: API version 2 as its reference has it.

It keeps persons and organisations apart, pages by a cursor of its own, shows deleted persons only
to those who ask for one by its id, and searches phones for a part of what was typed. Unknown
parameters are refused, as version 2 does.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.support.crm import FakeCrm, Person, Reply, Request, reply

if TYPE_CHECKING:
    from collections.abc import Collection

_LIST = frozenset({"ids", "updated_since", "sort_by", "sort_direction", "limit", "cursor"})
_SEARCH = frozenset({"term", "fields", "exact_match", "limit"})


class FakePipedrive(FakeCrm):
    """A company; `token` is what it lets in."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.persons: dict[int, dict[str, Any]] = {}
        self.organisations: dict[int, str] = {}

    def record(self, place: int) -> str:
        return str(100 + place)

    def save(self, person: Person) -> None:
        organisation = next(
            (key for key, name in self.organisations.items() if name == person.company),
            900 + len(self.organisations),
        )
        self.organisations[organisation] = person.company
        self.persons[int(person.record)] = {
            "id": int(person.record),
            "name": f"{person.first_name} {person.last_name}".strip(),
            "first_name": person.first_name,
            "last_name": person.last_name,
            "owner_id": 7,
            "org_id": organisation,
            "add_time": "2020-01-01T00:00:00Z",
            "update_time": written(person.modified_ms),
            "phones": [{"value": person.number, "primary": True, "label": "work"}],
            "emails": [],
            "is_deleted": False,
            "visible_to": 7,
            "label_ids": [],
            "picture_id": None,
            "custom_fields": {},
        }

    def delete(self, record: str, at_ms: int) -> None:  # noqa: ARG002 - it doesn't say when
        self.persons[int(record)]["is_deleted"] = True

    def answer(self, request: Request) -> Reply:
        if request.headers.get("x-api-token") != self.token:
            return _failure(401, "unauthorized access")
        ways = {
            "/api/v1/users/me": self._me,
            "/api/v2/persons": self._list,
            "/api/v2/persons/search": self._search,
            "/api/v2/organizations": self._organisations,
        }
        if request.method == "GET" and request.path in ways:
            return ways[request.path](request)
        folder, _, record = request.path.rpartition("/")
        if request.method != "GET" or folder != "/api/v2/persons" or request.query:
            return Reply(404, b"<html>nothing here</html>", "text/html")
        person = self.persons.get(int(record))
        if person is None:
            return _failure(404, "Person not found")
        return reply({"success": True, "data": person})

    def _me(self, _: Request) -> Reply:
        me = {"id": 7, "name": "Zazzera", "company_id": 1, "company_name": "Acme"}
        return reply({"success": True, "data": me})

    def _list(self, request: Request) -> Reply:
        query = request.query
        refused = _refusal(query, _LIST)
        if refused:
            return refused
        rows = [p for p in self.persons.values() if not p["is_deleted"]]
        if "ids" in query:
            wanted = query["ids"].split(",")
            if len(wanted) > 100:
                return _failure(400, "too many ids")
            rows = [p for p in rows if str(p["id"]) in wanted]
        if since := query.get("updated_since"):
            read(since)
            rows = [p for p in rows if p["update_time"] >= since]
        field = query.get("sort_by", "id")
        rows.sort(key=lambda p: (p[field], p["id"]))
        if cursor := query.get("cursor"):
            try:
                value, last = json.loads(base64.b64decode(cursor, validate=True))
            except ValueError:
                return _failure(400, "invalid cursor")
            rows = [p for p in rows if (p[field], p["id"]) > (value, last)]
        size = min(int(query.get("limit", "100")), self.page_size)
        page, more = rows[:size], rows[size:]
        following = None
        if more and page:
            place = json.dumps([page[-1][field], page[-1]["id"]])
            following = base64.b64encode(place.encode()).decode()
        return reply({"success": True, "data": page, "additional_data": {"next_cursor": following}})

    def _search(self, request: Request) -> Reply:
        query = request.query
        refused = _refusal(query, _SEARCH)
        if refused:
            return refused
        term = query["term"]
        if len(term) < 2:
            return _failure(400, "term is too short")
        items = []
        for person in self.persons.values():
            typed = [phone["value"] for phone in person["phones"]]
            if person["is_deleted"] or not any(term in number for number in typed):
                continue
            organisation = {
                "id": person["org_id"],
                "name": self.organisations[person["org_id"]],
                "address": None,
            }
            # No modified time, and the phones as bare texts.
            item = {
                "id": person["id"],
                "type": "person",
                "name": person["name"],
                "phones": typed,
                "emails": [],
                "owner": {"id": 7},
                "organization": organisation,
            }
            items.append({"result_score": 0.29, "item": item})
        size = int(query.get("limit", "100"))
        return reply({"success": True, "data": {"items": items[:size]}, "additional_data": {}})

    def _organisations(self, request: Request) -> Reply:
        refused = _refusal(request.query, _LIST)
        if refused:
            return refused
        wanted = request.query["ids"].split(",")
        rows = [
            {"id": key, "name": name, "update_time": "2020-01-01T00:00:00Z"}
            for key, name in self.organisations.items()
            if str(key) in wanted
        ]
        return reply({"success": True, "data": rows, "additional_data": {"next_cursor": None}})


def written(milliseconds: int) -> str:
    """Return a time as version 2 writes it, to the second."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str) -> datetime:
    """Read a time as version 2 wants it; a ValueError fails the test."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _refusal(query: dict[str, str], known: Collection[str]) -> Reply | None:
    unknown = set(query) - set(known)
    if unknown:
        return _failure(400, f"unknown parameters: {sorted(unknown)}")
    if not query.get("limit", "100").isdigit() or not 0 < int(query.get("limit", "100")) <= 500:
        return _failure(400, "limit must be 1 to 500")
    return None


def _failure(status: int, error: str) -> Reply:
    return reply({"success": False, "error": error, "data": None}, status)
