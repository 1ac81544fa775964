"""EspoCRM's REST API on loopback: contacts, leads and accounts, `where` as its source has it.

As unkind as the real one: times are of whole seconds, a list is of 200 records at most, an
attribute that an entity doesn't have is a bad request, and numbers are compared by their digits as
they were typed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.crm import FakeCrm, Person, Reply, Request, reply

API_KEY = "0123456789abcdef0123456789abcdef"
MAX_SIZE = 200
_WHERE = re.compile(r"where\[(\d+)\]\[(type|attribute|value)\](\[\])?")
_COMMON = {"id", "phoneNumber", "phoneNumberData", "modifiedAt", "createdAt", "assignedUserName"}
_ATTRIBUTES = {
    "Contact": _COMMON | {"firstName", "lastName", "accountName"},
    "Lead": _COMMON | {"firstName", "lastName", "accountName", "status"},
    "Account": _COMMON | {"name"},
}


class FakeEspo(FakeCrm):
    """The API.

    Attributes:
        lists_data: whether a list shows all numbers of a record, or the first alone.
        forbidden: entities that the API user's role may not read.
    """

    def __init__(self, *, lists_data: bool = True, forbidden: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.lists_data = lists_data
        self.forbidden = forbidden
        self.records: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in _ATTRIBUTES}

    def record(self, place: int) -> str:
        """Return an id."""
        return f"66f1e2d3c4b5a{place:04x}"

    def save(self, person: Person) -> None:
        """Create a contact, or change it."""
        self.put(
            "Contact",
            person.record,
            person.modified_ms,
            {"phoneNumber": person.number, "primary": True, "type": "Mobile"},
            firstName=person.first_name,
            lastName=person.last_name,
            accountName=person.company,
        )

    def put(
        self, entity: str, record: str, modified_ms: int, *numbers: dict[str, Any], **values: str
    ) -> None:
        """Create any record, or change it."""
        at = f"{datetime.fromtimestamp(modified_ms // 1000, UTC):%Y-%m-%d %H:%M:%S}"
        self.records[entity][record] = {
            "id": record,
            "createdAt": "2020-01-01 00:00:00",
            "modifiedAt": at,
            "phoneNumber": numbers[0]["phoneNumber"] if numbers else None,
            "phoneNumberData": list(numbers),
            **values,
        }

    def delete(self, record: str, at_ms: int) -> None:
        """Delete a contact."""
        del at_ms
        del self.records["Contact"][record]

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.headers.get("x-api-key") != API_KEY:
            return reply({}, 401)
        if request.path == "/api/v1/App/user":
            return reply({"user": {"id": "1", "userName": "centralino"}, "acl": {}})
        _, _, rest = request.path.partition("/api/v1/")
        entity, _, record = rest.partition("/")
        if entity not in self.records:
            return _not_found(f"Controller {entity} does not exist.")
        if entity in self.forbidden:
            return reply({}, 403)
        return self._read(entity, record) if record else self._list(entity, request)

    def _read(self, entity: str, record: str) -> Reply:
        found = self.records[entity].get(record)
        if not found:
            return _not_found(f"Record {record} does not exist.")
        return reply({**found, "deleted": False})

    def _list(self, entity: str, request: Request) -> Reply:
        words = parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
        plain = dict(words)
        size = int(plain.get("maxSize", "20"))
        conditions: dict[str, dict[str, Any]] = {}
        for name, text in words:
            part = _WHERE.fullmatch(name)
            if part and part[3]:
                conditions.setdefault(part[1], {}).setdefault(part[2], []).append(text)
            elif part:
                conditions.setdefault(part[1], {})[part[2]] = text
        wanted = plain["select"].split(",")
        asked = {*wanted, plain["orderBy"]} | {c["attribute"] for c in conditions.values()}
        if size > MAX_SIZE or not asked <= _ATTRIBUTES[entity] | {"phoneNumberNumeric"}:
            return reply({}, 400)
        found = [
            one
            for one in self.records[entity].values()
            if all(_holds(one, condition) for condition in conditions.values())
        ]
        found.sort(key=lambda one: str(one[plain["orderBy"]]))
        shown = [
            {name: one.get(name) for name in wanted if self.lists_data or name != "phoneNumberData"}
            for one in found[: min(size, self.page_size)]
        ]
        return reply({"total": len(found), "list": shown})


def _not_found(reason: str) -> Reply:
    """Say it as the API does: nothing but a header."""
    return Reply(404, b"", "application/json", {"X-Status-Reason": reason})


def _holds(one: dict[str, Any], condition: dict[str, Any]) -> bool:
    kind, attribute, value = condition["type"], condition["attribute"], condition["value"]
    if attribute == "phoneNumberNumeric" and kind == "in":
        typed = {re.sub(r"\D", "", number["phoneNumber"]) for number in one["phoneNumberData"]}
        return not typed.isdisjoint(value)
    stored = str(one[attribute])
    return bool({"greaterThan": stored > value, "greaterThanOrEquals": stored >= value}[kind])
