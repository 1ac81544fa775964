"""A fake Salesforce: the token endpoint, SOQL, SOSL and the list of what was deleted.

It reads of SOQL and SOSL what the adapter may say and refuses all else; a field or an object that
the user may not see is unknown to it. Answers come in short pages with `done` false. Phone fields
are searched by their digits, whole, or up to a `*` at the end; one at the beginning finds nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.support.crm import FakeCrm, Person, Reply, Request, reply

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "/services/data/v68.0"
ORGANISATION = "00Dxx0000001gPFEAY"
PREFIXES = {"003": "Contact", "00Q": "Lead", "001": "Account"}
COLUMNS = {
    "Contact": {
        *("Id", "SystemModstamp", "FirstName", "LastName", "Phone", "MobilePhone", "HomePhone"),
        *("OtherPhone", "AssistantPhone", "Fax", "Account.Name", "Account.AccountNumber"),
        "Owner.Name",
    },
    "Lead": {
        *("Id", "SystemModstamp", "FirstName", "LastName", "Company", "Phone", "MobilePhone"),
        *("Fax", "IsConverted", "Owner.Name"),
    },
    "Account": {"Id", "SystemModstamp", "Name", "Phone", "Fax", "AccountNumber", "Owner.Name"},
    "Organization": {"Id", "Name"},
}
PHONES = ("Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "Fax")

_TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z)"
_SELECT = re.compile(
    r"SELECT (?P<fields>[\w., ]+) FROM (?P<kind>\w+)"
    r"(?: WHERE (?P<where>.+?))?(?P<order> ORDER BY SystemModstamp, Id)?(?: LIMIT (?P<limit>\d+))?"
)
_BY_ID = re.compile(r"Id = '(\w+)'")
_SINCE = re.compile(rf"SystemModstamp >= {_TIME}")
_BEHIND = re.compile(
    rf"\(SystemModstamp > {_TIME} OR \(SystemModstamp = {_TIME} AND Id > '(\w+)'\)\)"
)
_FIND = re.compile(
    r"FIND \{(?P<terms>(?:[^{}\\]|\\.)+)\} IN PHONE FIELDS RETURNING (?P<returning>.+) "
    r"LIMIT (?P<limit>\d+)"
)
_RETURNING = re.compile(r"(\w+)\(([\w.,]+)\)")
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")


class FakeSalesforce(FakeCrm):
    """An organisation.

    Attributes:
        rows: the records by their ids, fields by their names.
        deleted: id -> when, milliseconds since 1970.
        hidden: fields and objects that the user may not see.
        tokens: the access tokens that are good.
        refresh_token: the one that is good, if the app has that flow.
        rotates: whether each renewal uses it up and gives the next.
        ends_others: whether a renewal ends the tokens before it.
        renewals: how often a token was given.
    """

    def __init__(self, client_id: str, client_secret: str, *, now_ms: int) -> None:
        super().__init__()
        self.client_id = client_id
        self.client_secret = client_secret
        self.now_ms = now_ms
        self.rows: dict[str, dict[str, Any]] = {}
        self.deleted: dict[str, int] = {}
        self.hidden: set[str] = set()
        self.tokens: set[str] = set()
        self.refresh_token = ""
        self.rotates = True
        self.ends_others = False
        self.renewals = 0
        self._numbers = count(1)

    def record(self, place: int) -> str:
        return f"003Dn00000{place:05}IAA"

    def save(self, person: Person) -> None:
        self.put(
            person.record,
            person.modified_ms,
            FirstName=person.first_name,
            LastName=person.last_name,
            Phone=person.number,
            Account={"Name": person.company, "AccountNumber": None},
            Owner={"Name": "Bruno"},
        )

    def put(self, record: str, modified_ms: int, **fields: Any) -> None:  # noqa: ANN401 - as JSON has it
        """Create or change a record of any kind; what isn't given is null."""
        self.deleted.pop(record, None)
        self.rows[record] = {"Id": record, "SystemModstamp": written(modified_ms), **fields}

    def delete(self, record: str, at_ms: int) -> None:
        self.rows.pop(record, None)
        self.deleted[record] = at_ms

    def answer(self, request: Request) -> Reply:
        if request.path == "/services/oauth2/token":
            return self._give_token(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            return _failure(401, "INVALID_SESSION_ID", "Session expired or invalid")
        ways = {f"{VERSION}/query": self._query, f"{VERSION}/search": self._search}
        place = re.fullmatch(rf"{VERSION}/sobjects/(\w+)/deleted/", request.path)
        if request.method == "GET" and request.path in ways:
            return ways[request.path](request.query["q"])
        if request.method == "GET" and place:
            return self._list_deleted(place[1], request.query)
        return _failure(404, "NOT_FOUND", "The requested resource does not exist")

    def _give_token(self, request: Request) -> Reply:
        assert request.method == "POST"
        assert not request.query
        form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        if (form["client_id"], form["client_secret"]) != (self.client_id, self.client_secret):
            return reply({"error": "invalid_client_id", "error_description": "no"}, 400)
        answer: dict[str, object] = {}
        if form["grant_type"] == "refresh_token":
            if not self.refresh_token or form["refresh_token"] != self.refresh_token:
                return reply({"error": "invalid_grant", "error_description": "expired"}, 400)
            if self.rotates:
                self.refresh_token = answer["refresh_token"] = f"refresh-{next(self._numbers)}"
        elif form["grant_type"] != "client_credentials" or self.refresh_token:
            return reply({"error": "unsupported_grant_type"}, 400)
        if self.ends_others:
            self.tokens.clear()
        self.renewals += 1
        token = f"{ORGANISATION[:15]}!AQ.{next(self._numbers)}"
        self.tokens.add(token)
        answer |= {
            "access_token": token,
            # A place that nobody may be sent to.
            "instance_url": "https://elsewhere.example.com",
            "token_type": "Bearer",
            "issued_at": str(self.now_ms),
        }
        return reply(answer)

    def _query(self, text: str) -> Reply:
        select = _SELECT.fullmatch(text)
        if not select:
            return _failure(400, "MALFORMED_QUERY", "unexpected token")
        kind, fields = select["kind"], select["fields"].split(", ")
        refused = self._refusal(kind, fields)
        if refused:
            return refused
        if kind == "Organization":
            return _page([{"attributes": {"type": kind}, "Id": ORGANISATION, "Name": "Acme"}])
        rows = [row for record, row in self.rows.items() if PREFIXES[record[:3]] == kind]
        where = select["where"]
        for condition in _conditions(where) if where else []:
            chosen = _chosen(condition, rows)
            if chosen is None:
                return _failure(400, "MALFORMED_QUERY", "unexpected token")
            rows = chosen
        rows.sort(key=lambda row: (row["SystemModstamp"], row["Id"]))
        rows = rows[: int(select["limit"] or len(rows))]
        found = [_view(kind, row, fields) for row in rows[: self.page_size]]
        return _page(found, done=len(rows) <= self.page_size)

    def _search(self, text: str) -> Reply:
        find = _FIND.fullmatch(text)
        if not find:
            return _failure(400, "MALFORMED_SEARCH", "No search term found")
        found = []
        for kind, listed in _RETURNING.findall(find["returning"]):
            fields = listed.split(",")
            refused = self._refusal(kind, fields)
            if refused:
                return refused
            found += [
                _view(kind, row, fields)
                for record, row in self.rows.items()
                if PREFIXES[record[:3]] == kind and _matches(row, find["terms"].split(" OR "))
            ]
        return reply({"searchRecords": found[: int(find["limit"])]})

    def _list_deleted(self, kind: str, query: Mapping[str, str]) -> Reply:
        refused = self._refusal(kind, [])
        if refused:
            return refused
        if not (_ZONED.fullmatch(query["start"]) and _ZONED.fullmatch(query["end"])):
            return _failure(400, "INVALID_REPLICATION_DATE", "not a time")
        start, end = (read(query[name]) // 60_000 * 60_000 for name in ("start", "end"))
        oldest = self.now_ms - 15 * 24 * 3600 * 1000
        if start < oldest or end > self.now_ms or end <= start:
            return _failure(400, "INVALID_REPLICATION_DATE", "not a span")
        found = [
            {"id": record, "deletedDate": written(at_ms)}
            for record, at_ms in self.deleted.items()
            if PREFIXES[record[:3]] == kind and start <= at_ms < end
        ]
        return reply(
            {
                "deletedRecords": found,
                "earliestDateAvailable": written(oldest),
                "latestDateCovered": written(end),
            }
        )

    def _refusal(self, kind: str, fields: list[str]) -> Reply | None:
        if kind not in COLUMNS or kind in self.hidden:
            return _failure(400, "INVALID_TYPE", f"sObject type '{kind}' is not supported.")
        for field in fields:
            relation, _, _ = field.rpartition(".")
            if relation in self.hidden:
                message = f"Didn't understand relationship '{relation}' in field path."
                return _failure(400, "INVALID_FIELD", message)
            if field not in COLUMNS[kind] or field in self.hidden:
                name = field.rpartition(".")[2]
                message = f"\n{field}\n^\nERROR at Row:1:Column:8\nNo such column '{name}' on"
                return _failure(400, "INVALID_FIELD", f"{message} entity '{kind}'.")
        return None


def written(milliseconds: int) -> str:
    """Return a time as REST answers have it."""
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def read(text: str) -> int:
    """Return the milliseconds since 1970 of a time with `Z` or an offset."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def _conditions(where: str) -> list[str]:
    """Take a condition apart at each AND outside of parentheses."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(where):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if not depth and where.startswith(" AND ", place):
            parts.append(where[start:place])
            start = place + len(" AND ")
    return [*parts, where[start:]]


def _chosen(condition: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    if match := _BY_ID.fullmatch(condition):
        return [row for row in rows if row["Id"] == match[1]]
    if match := _SINCE.fullmatch(condition):
        return [row for row in rows if read(row["SystemModstamp"]) >= read(match[1])]
    if match := _BEHIND.fullmatch(condition):
        place = (read(match[2]), match[3])
        assert match[1] == match[2]
        return [row for row in rows if (read(row["SystemModstamp"]), row["Id"]) > place]
    return None


def _view(kind: str, row: Mapping[str, Any], fields: list[str]) -> dict[str, Any]:
    """Return a record with the fields that were asked for, those that are empty as null."""
    url = f"{VERSION}/sobjects/{kind}/{row['Id']}"
    view: dict[str, Any] = {"attributes": {"type": kind, "url": url}}
    for field in fields:
        relation, _, name = field.rpartition(".")
        if not relation:
            view[name] = row.get(name)
        elif row.get(relation) is None:
            view[relation] = None
        else:
            view.setdefault(relation, {"attributes": {"type": relation}})
            view[relation][name] = row[relation].get(name)
    return view


def _matches(row: Mapping[str, Any], terms: list[str]) -> bool:
    typed = [re.sub(r"\D", "", row.get(field) or "") for field in PHONES]
    for term in terms:
        wanted = re.sub(r"\\(.)", r"\1", term)
        beginning = re.fullmatch(r"(\d+)\*", wanted)
        if wanted in filter(None, typed):
            return True
        if beginning and any(digits.startswith(beginning[1]) for digits in typed):
            return True
    return False


def _page(rows: list[dict[str, Any]], *, done: bool = True) -> Reply:
    page: dict[str, Any] = {"totalSize": len(rows), "done": done, "records": rows}
    if not done:
        page["nextRecordsUrl"] = f"{VERSION}/query/01gD0000002HU6KIAW-{len(rows)}"
    return reply(page)


def _failure(status: int, code: str, message: str) -> Reply:
    return reply([{"message": message, "errorCode": code}], status)
