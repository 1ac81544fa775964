"""A fake Odoo: one database behind JSON-2 and XML-RPC, with what res.partner's search makes of
numbers.

Written after odoo/odoo: `addons/rpc/controllers/json2.py`, `odoo/addons/base/controllers/rpc.py`,
`addons/phone_validation/models/mail_thread_phone.py` and the External API pages of 18.0 and 19.0.
"""

from __future__ import annotations

import re
import xmlrpc.client
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.support.crm import FakeCrm, Person, Reply, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.crm import Request

KEY = "6578616d706c65206a736f6e20617069206b6579"
DATABASE = "acme"
LOGIN = "centralino@example.com"
UID = 7
# Fields of every version; beside them `mobile` and what the SMS modules bring.
_FIELDS = {
    "id",
    "name",
    "active",
    "is_company",
    "commercial_company_name",
    "parent_id",
    "phone",
    "ref",
    "vat",
    "user_id",
    "write_date",
}
_STRIPPED = re.compile(r"[\s\\./()\-]")
_DATE = "%Y-%m-%d %H:%M:%S"


class OdooError(Exception):
    """What Odoo refuses: an HTTP status to JSON-2, a fault to XML-RPC."""

    def __init__(self, status: int, fault: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.fault = fault


class FakeOdoo(FakeCrm):
    """One database.

    Attributes:
        json2: whether this server knows JSON-2 (19 and later).
        mobile: whether partners have a mobile number of their own.
        mixin: whether partners have `phone_mobile_search` and `phone_sanitized`.
        databases: how many this server has; with several JSON-2 wants to be told which.
        partners: id -> fields; `write_date` is milliseconds since 1970.
    """

    def __init__(
        self, *, json2: bool = True, mobile: bool = False, mixin: bool = True, databases: int = 1
    ) -> None:
        super().__init__()
        self.json2 = json2
        self.mobile = mobile
        self.mixin = mixin
        self.databases = databases
        self.partners: dict[int, dict[str, Any]] = {}

    def record(self, place: int) -> str:
        return str(400 + place)

    def save(self, person: Person) -> None:
        self.put(
            int(person.record),
            person.modified_ms,
            name=f"{person.first_name} {person.last_name}",
            parent_id=[9000, person.company],
            commercial_company_name=person.company,
            phone=person.number,
        )

    def put(self, partner: int, modified_ms: int, **fields: Any) -> None:  # noqa: ANN401 - any field
        """Create a partner, or write on it, and whatever was archived is back."""
        empty = dict.fromkeys(_FIELDS, False)
        values = {**empty, **self.partners.get(partner, {}), **fields}
        self.partners[partner] = {
            **values,
            "id": partner,
            "active": True,
            "write_date": modified_ms,
        }

    def delete(self, record: str, at_ms: int) -> None:
        """Archive a partner; `unlink` is the other thing that people call deleting."""
        self.partners[int(record)].update(active=False, write_date=at_ms)

    def unlink(self, partner: int) -> None:
        """Delete a partner; nothing is left of it."""
        del self.partners[partner]

    # --- HTTP ------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if request.method != "POST":
            return reply({"name": "werkzeug.exceptions.NotFound"}, 404)
        if request.path.startswith("/xmlrpc/2/"):
            return self._xml(request)
        if self.json2 and request.path.startswith("/json/2/"):
            return self._json(request)
        return Reply(404, b"<!doctype html><title>404 Not Found</title>", "text/html")

    def _json(self, request: Request) -> Reply:
        if self.databases > 1 and request.headers.get("x-odoo-database") != DATABASE:
            return Reply(404, b"<!doctype html><title>404 Not Found</title>", "text/html")
        if request.headers.get("authorization") != f"bearer {KEY}":
            return self._error("werkzeug.exceptions.Unauthorized", "Invalid apikey", 401)
        assert request.headers["content-type"].startswith("application/json")
        parts = request.path.split("/")
        if len(parts) != 5 or parts[3] != "res.partner":
            return self._error("werkzeug.exceptions.NotFound", "the model does not exist", 404)
        try:
            return reply(self._run(parts[4], request.json()))
        except OdooError as error:
            return self._error("odoo.exceptions.UserError", str(error), error.status)

    def _error(self, name: str, message: str, status: int) -> Reply:
        whole = {"name": name, "message": message, "arguments": [message], "debug": "Traceback..."}
        return reply({**whole, "context": {}}, status)

    def _xml(self, request: Request) -> Reply:
        parameters, method = xmlrpc.client.loads(request.body)
        try:
            value = self._rpc(request.path.rpartition("/")[2], str(method), parameters)
            body = xmlrpc.client.dumps((value,), methodresponse=True, allow_none=False)
        except OdooError as error:
            body = xmlrpc.client.dumps(xmlrpc.client.Fault(error.fault, str(error)))
        return Reply(200, body.encode(), "text/xml")

    def _rpc(self, service: str, method: str, parameters: tuple[Any, ...]) -> Any:  # noqa: ANN401 - XML-RPC carries anything
        if parameters[0] != DATABASE:
            raise OdooError(500, 1, f'Traceback: database "{parameters[0]}" does not exist')
        if (service, method) == ("common", "authenticate"):
            return UID if parameters[1:3] == (LOGIN, KEY) else False
        assert (service, method) == ("object", "execute_kw")
        _, uid, key, model, function, arguments, named = parameters
        if (uid, key) != (UID, KEY):
            raise OdooError(403, 3, "Access Denied")
        assert (model, arguments) == ("res.partner", [])
        return self._run(function, named)

    # --- res.partner -----------------------------------------------------------------------------

    def _run(self, method: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - as the method has it
        if method == "fields_get":
            return {
                name: {"type": "char"} for name in arguments["allfields"] if name in self._fields()
            }
        if method == "search_count":
            return len(self._search(arguments["domain"]))
        if method != "search_read":
            raise OdooError(404, 1, f"the method {method} does not exist")
        unknown = set(arguments["fields"]) - self._fields()
        if unknown:
            raise OdooError(500, 1, f"Invalid field {min(unknown)!r} on 'res.partner'")
        assert arguments["order"] == "id"
        limit = min(arguments["limit"], self.page_size)
        return [
            {name: self._shown(partner, name) for name in ("id", *arguments["fields"])}
            for partner in self._search(arguments["domain"])[:limit]
        ]

    def _fields(self) -> set[str]:
        names = {"phone_mobile_search", "phone_sanitized"} if self.mixin else set()
        return _FIELDS | names | ({"mobile"} if self.mobile else set())

    def _shown(self, partner: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - any field
        if name == "write_date":
            # Cut to seconds, as both protocols do.
            return datetime.fromtimestamp(partner[name] / 1000, UTC).strftime(_DATE)
        return partner.get(name, False)

    def _search(self, domain: list[Any]) -> list[dict[str, Any]]:
        if not any(isinstance(leaf, list) and leaf[0] == "active" for leaf in domain):
            domain = [["active", "=", True], *domain]
        matches = self._compile(domain)
        return [self.partners[number] for number in sorted(self.partners) if matches(number)]

    def _compile(self, domain: list[Any]) -> Callable[[int], bool]:
        """Read a domain: conditions in Polish notation, those left over are all to hold."""
        conditions = list(domain)

        def term() -> Callable[[dict[str, Any]], bool]:
            head = conditions.pop(0)
            if head in ("|", "&"):
                one, other = term(), term()
                return (
                    (lambda row: one(row) or other(row))
                    if head == "|"
                    else (lambda row: one(row) and other(row))
                )
            return self._leaf(*head)

        wanted = []
        while conditions:
            wanted.append(term())
        return lambda number: all(test(self.partners[number]) for test in wanted)

    def _leaf(self, name: str, operator: str, value: Any) -> Callable[[dict[str, Any]], bool]:  # noqa: ANN401 - a field's
        if name not in self._fields():
            raise OdooError(500, 1, f"Invalid field res.partner.{name} in leaf")
        if name == "phone_mobile_search":
            assert operator == "="
            return self._by_number(value)
        if name == "phone_sanitized":
            # The E.164 form of the first field that makes one; this fake knows it only as typed.
            return lambda row: row.get("phone") == value
        if operator == "=like":
            pattern = "".join(".*" if part == "%" else re.escape(part) for part in value)
            return lambda row: bool(re.fullmatch(pattern, row.get(name) or ""))
        if name == "write_date":
            since = datetime.strptime(value, _DATE).replace(tzinfo=UTC).timestamp() * 1000
            assert operator == ">="
            return lambda row: row["write_date"] >= since
        if operator == ">":
            return lambda row: row[name] > value
        assert operator == "="
        return lambda row: row.get(name, False) == value

    def _by_number(self, value: str) -> Callable[[dict[str, Any]], bool]:
        if len(value.strip()) < 3:
            raise OdooError(422, 2, "Please enter at least 3 characters")
        term = _STRIPPED.sub("", value)
        wanted = {term}
        if term.startswith(("+", "00")):
            rest = term[1:] if term.startswith("+") else term[2:]
            wanted = {f"+{rest}", f"00{rest}"}
        names = ("phone", "mobile") if self.mobile else ("phone",)
        return lambda row: any(_STRIPPED.sub("", row.get(name) or "") in wanted for name in names)
