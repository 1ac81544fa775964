"""HubSpot's CRM API on loopback: contacts and companies, search, lists, the bin.

As unkind as the real one: a search takes five groups of six filters and 200 records at most, ends
after 10,000, doesn't see what is in the bin, and its calculated numbers have no country code; a
merged record's id answers with the winner.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import phonenumbers

from tests.support.crm import FakeCrm, Person, Reply, Request, reply

PORTAL = "62515"
TOKEN = "pat-eu1-11112222-3333-4444-5555-666677778888"
PROPERTIES = {
    "contacts": {
        "firstname",
        "lastname",
        "company",
        "phone",
        "mobilephone",
        "fax",
        "hs_whatsapp_phone_number",
        "hs_lead_status",
        "hubspot_owner_id",
        "lastmodifieddate",
        "hs_object_id",
        "hs_searchable_calculated_phone_number",
        "hs_searchable_calculated_mobile_number",
    },
    "companies": {"name", "phone", "hubspot_owner_id", "hs_lastmodifieddate", "hs_object_id"},
}
MAX_GROUPS, MAX_FILTERS, MAX_SEARCH, MAX_LIST = 5, 6, 200, 100
_FIRST_ID = 100


class Stored(NamedTuple):
    """A record: its properties, all text, and when it was binned."""

    properties: dict[str, str]
    modified_ms: int
    archived_ms: int = 0


class FakeHubspot(FakeCrm):
    """The API.

    Attributes:
        portal: the account's number.
        keeps_zero: whether the calculated number of an Italian line keeps its 0.
        forbidden: objects that the token has no scope for.
        merged: id -> the id of the record that it was merged into.
    """

    def __init__(self, *, keeps_zero: bool = True, forbidden: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.portal = PORTAL
        self.keeps_zero = keeps_zero
        self.forbidden = forbidden
        self.merged: dict[str, str] = {}
        self.records: dict[str, dict[str, Stored]] = {"contacts": {}, "companies": {}}

    def record(self, place: int) -> str:
        """Return an id."""
        return str(_FIRST_ID + place)

    def save(self, person: Person) -> None:
        """Create a contact, or change it."""
        self.put(
            "contacts",
            person.record,
            person.modified_ms,
            firstname=person.first_name,
            lastname=person.last_name,
            company=person.company,
            phone=person.number,
        )

    def put(self, objects: str, record: str, modified_ms: int, **properties: str) -> None:
        """Create any record, or change it."""
        self.records[objects][record] = Stored(properties, modified_ms)

    def delete(self, record: str, at_ms: int) -> None:
        """Move a contact to the bin."""
        stored = self.records["contacts"][record]
        self.records["contacts"][record] = stored._replace(archived_ms=at_ms)

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return reply({"status": "error", "category": "INVALID_AUTHENTICATION"}, 401)
        if request.path == "/account-info/v3/details":
            return reply({"portalId": int(self.portal), "accountType": "STANDARD"})
        return self._answer(request)

    def _answer(self, request: Request) -> Reply:
        head, _, rest = request.path.partition("/crm/v3/objects/")
        objects, _, record = rest.partition("/")
        if head or objects not in self.records:
            return Reply(404, b"<html><h2>HTTP ERROR 404</h2></html>", "text/html")
        if objects in self.forbidden:
            return reply({"status": "error", "category": "MISSING_SCOPES"}, 403)
        if request.method == "POST" and record == "search":
            return self._search(objects, request.json())
        if request.method != "GET":
            return reply({"status": "error"}, 405)
        return self._read(objects, record, request) if record else self._list(objects, request)

    def _read(self, objects: str, record: str, request: Request) -> Reply:
        record = self.merged.get(record, record)
        stored = self.records[objects].get(record)
        if stored is None or stored.archived_ms:
            # Of an id that is a number it says no category.
            told = {"status": "error", "message": "resource not found"}
            return reply({**told, "correlationId": "019db0fe-7069-7247-b1c1-4ec6fabc18b4"}, 404)
        wanted = request.query.get("properties", "").split(",")
        return reply(self._shown(objects, record, wanted))

    def _list(self, objects: str, request: Request) -> Reply:
        query = request.query
        limit = int(query.get("limit", "10"))
        if limit > MAX_LIST or not query.get("after", "0").isdigit():
            return reply({"status": "error", "category": "VALIDATION_ERROR"}, 400)
        archived = query.get("archived") == "true"
        every = sorted(self.records[objects].items(), key=lambda item: int(item[0]))
        left = [
            record
            for record, stored in every
            if bool(stored.archived_ms) == archived and int(record) > int(query.get("after", "0"))
        ]
        return self._page(objects, left, limit, query.get("properties", "").split(","))

    def _page(self, objects: str, left: list[str], limit: int, wanted: list[str]) -> Reply:
        size = min(limit, self.page_size)
        shown = left[:size]
        page: dict[str, Any] = {"results": [self._shown(objects, one, wanted) for one in shown]}
        if len(left) > size:
            page["paging"] = {"next": {"after": shown[-1], "link": "https://api.hubapi.com/?after"}}
        return reply(page)

    def _shown(self, objects: str, record: str, wanted: list[str]) -> dict[str, Any]:
        stored = self.records[objects][record]
        known = self._known(objects, record)
        shown: dict[str, Any] = {
            "id": record,
            # One that is not asked for, or that this portal doesn't know, is left out.
            "properties": {name: known.get(name) for name in wanted if name in PROPERTIES[objects]},
            "createdAt": _iso(stored.modified_ms - 1),
            "updatedAt": _iso(stored.modified_ms),
            "archived": bool(stored.archived_ms),
        }
        if stored.archived_ms:
            shown["archivedAt"] = _iso(stored.archived_ms)
        return shown

    def _known(self, objects: str, record: str) -> dict[str, str]:
        stored = self.records[objects][record]
        modified = "lastmodifieddate" if objects == "contacts" else "hs_lastmodifieddate"
        return {**stored.properties, modified: _iso(stored.modified_ms), "hs_object_id": record}

    def _search(self, objects: str, query: dict[str, Any]) -> Reply:
        groups = query.get("filterGroups", [])
        every = [one for group in groups for one in group["filters"]]
        refused = (
            len(groups) > MAX_GROUPS
            or any(len(group["filters"]) > MAX_FILTERS for group in groups)
            or query.get("limit", 10) > MAX_SEARCH
            or any(one["propertyName"] not in PROPERTIES[objects] for one in every)
            # Nobody was seen to ask for these by anything else.
            or any(
                ("calculated" in one["propertyName"]) != (one["operator"] == "EQ") for one in every
            )
        )
        if refused:
            return reply({"status": "error", "category": "VALIDATION_ERROR"}, 400)
        found = [
            record
            for record, stored in self.records[objects].items()
            if not stored.archived_ms
            and any(all(self._holds(objects, record, one) for one in g["filters"]) for g in groups)
        ]
        if [one["propertyName"] for one in query.get("sorts", [])] == ["hs_object_id"]:
            found.sort(key=int)
        return self._page(objects, found, query.get("limit", 10), query["properties"])

    def _holds(self, objects: str, record: str, one: dict[str, Any]) -> bool:
        name = one["propertyName"]
        stored = self.records[objects][record]
        if name.startswith("hs_searchable_calculated_"):
            plain = {
                "hs_searchable_calculated_phone_number": "phone",
                "hs_searchable_calculated_mobile_number": "mobilephone",
            }[name]
            return bool(one["value"] == self._calculated(stored.properties.get(plain, "")))
        if one["operator"] == "IN":
            # The real one compares lower-case text with lower-case values.
            return stored.properties.get(name, "").lower() in one["values"]
        value = record if name == "hs_object_id" else str(stored.modified_ms)
        compared = int(value) - int(one["value"])
        return {"GTE": compared >= 0, "GT": compared > 0}[one["operator"]]

    def _calculated(self, number: str) -> str:
        try:
            parsed = phonenumbers.parse(number, "IT")
        except phonenumbers.NumberParseException:
            return ""
        national = phonenumbers.national_significant_number(parsed)
        return national if self.keeps_zero else national.lstrip("0")


def _iso(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
