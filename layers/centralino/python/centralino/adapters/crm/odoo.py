"""Odoo 17 to 20: automation rules that send a webhook; JSON-2 from 19 on, XML-RPC before that.

The webhook has no signature and no headers of its own, waits for one second and is never sent
again. So its URL carries a secret (`?secret=...`) beside the API key, its body says no more than
which record it is about, and reconciliation finds what got lost.

Webhook: https://www.odoo.com/documentation/19.0/applications/studio/automated_actions.html,
`ir.actions.server._run_action_webhook` in odoo/odoo.
API: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html,
https://www.odoo.com/documentation/18.0/developer/reference/external_api.html
"""

from __future__ import annotations

import hmac
import json
import time
from urllib.parse import parse_qsl, urlsplit

from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import (
    CredentialsError,
    PayloadError,
    RejectedError,
    UnavailableError,
)
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.crm import Crm, Hint, Parsed, Records
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from centralino.ports.crm import Connection, Delivery, Operation
    from centralino.ports.tokens import TokenCache
    from centralino.ports.web import Web

_MODEL = "res.partner"
# The last part of each rule's URL. Everything is read again, so a rule with another URL does no
# harm; `restored` brings back what an archived record's deletion would stop.
_OPERATIONS: Mapping[str, Operation] = {
    "save": "changed",
    "archive": "deleted",
    "unarchive": "restored",
    "delete": "deleted",
}
# Odoo 17 and 18 send a webhook before they commit, 19 after that: seconds that an ordinary save
# may still take.
_SETTLE_S = 10
_MAX_ID = 2**31 - 1  # PostgreSQL's integer
_PROTOCOLS = ("json2", "xmlrpc")
_PAGE = 200
_FOUND = 20
_FIELDS = (
    "name",
    "is_company",
    "commercial_company_name",
    "phone",
    "ref",
    "vat",
    "user_id",
    "write_date",
)
# Not in every version, or not in every database: `mobile` went, the others come with the modules
# that send text messages.
_OPTIONAL = ("mobile", "phone_mobile_search", "phone_sanitized")
_NUMBER_FIELDS = ("phone", "mobile")
# What `phone_mobile_search` leaves out of what is stored and of what is searched.
_SEPARATORS = str.maketrans("", "", " \t\n\r\f\v\u00a0\\./()-")
# Notes are cut, so that they don't cost a contact its other fields: characters.
_MAX_TEXT = 500
_MAX_NUMBER = 100
_LEAST_SEARCHED = 3  # Odoo refuses to search for less
_TAIL = 8  # digits that a number ends in, however it was written
# https://github.com/odoo/odoo/blob/18.0/odoo/addons/base/controllers/rpc.py
_FAULTS = {2: "request", 3: "credentials", 4: "permissions"}


class Adapter(Crm):
    """A connection to one Odoo database.

    Account: `base_url`; `protocol` (`json2`, the default, or `xmlrpc`); `database` (needed by
    XML-RPC, and by JSON-2 where a server has several); `login` (XML-RPC).
    Secrets: `api_key`; `webhook_secrets`, each the `secret` in the rules' URLs.
    """

    slug: ClassVar[str] = "odoo"
    lists_deletions = False  # archived ones it lists, deleted ones are just gone
    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "Odoo's address, https://example.odoo.com",
        "account.protocol?": "json2 from Odoo 19 on, xmlrpc before that",
        "account.database?": "the database's name",
        "account.login?": "for xmlrpc: the user that the API key belongs to",
        "secrets.api_key": "an API key of a user who may read contacts",
    }
    setup: ClassVar[tuple[str, ...]] = (
        "in Settings > Technical > Automation Rules make four rules on Contact (res.partner)",
        "give each the action Send Webhook Notification with the field Last Updated on",
        "on save, when Name, Phone, Mobile or Related Company change: {url}/save?secret={secret}",
        "on archived: {url}/archive?secret={secret}",
        "on unarchived: {url}/unarchive?secret={secret}",
        "on deletion: {url}/delete?secret={secret}",
    )

    def __init__(
        self, connection: Connection, web: Web | None = None, tokens: TokenCache | None = None
    ) -> None:
        super().__init__(connection, web, tokens)
        if connection.account.get("protocol") == "xmlrpc":
            self.settle_s = _SETTLE_S
        self._optional: frozenset[str] | None = None
        self._uid = 0

    def verify(self, delivery: Delivery) -> None:
        """Make sure that the URL carries one of the webhook's secrets."""
        try:
            query = dict(parse_qsl(urlsplit(delivery.url).query))
        except ValueError:
            raise CredentialsError("the URL can't be read") from None
        given = query.get("secret", "").encode("utf-8", "replace")
        secrets = self.connection.webhook_secrets()
        # All are compared, so that the time says nothing of which it was.
        good = [hmac.compare_digest(given, secret.encode("utf-8", "replace")) for secret in secrets]
        if not given or not any(good):
            raise CredentialsError("no secret in the URL, or a wrong one")

    def parse(self, delivery: Delivery) -> Parsed:
        """Say which partner changed; everything else in the body is read again."""
        try:
            body = json.loads(delivery.body)
        except (ValueError, RecursionError):
            raise PayloadError("body", "JSON") from None
        if not isinstance(body, dict) or body.get("_model") != _MODEL:
            raise PayloadError("_model", f"`{_MODEL}`")
        record = body.get("_id")
        if not isinstance(record, int) or isinstance(record, bool) or not 0 < record <= _MAX_ID:
            raise PayloadError("_id", "a partner's id")
        operation = _OPERATIONS.get(delivery.event, "changed")
        modified_ms = _milliseconds(body.get("write_date"))
        if operation == "deleted":
            # Without a time it is looked after: the partner may be back already.
            return Parsed((Hint(str(record), operation),))
        # The API cuts the same time to seconds. One transaction, a long import say, has one time.
        as_of_ms = modified_ms // 1000 * 1000 if self.settle_s else 0
        return Parsed((Hint(str(record), operation, modified_ms, as_of_ms=as_of_ms),))

    def fetch(self, record: str) -> Contact | None:
        """Read a partner; one that is archived is gone.

        So is what has no id of the database: an export's own id (`base.main_partner`) can't be
        read by, and the partner is there under its number as well.
        """
        if not _is_id(record):
            return None
        rows = self._read([["id", "=", int(record)]], limit=1)
        return self._contact(rows[0]) if rows else None

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        """Search by what Odoo makes of numbers, or by the last digits where it makes nothing."""
        spellings = {_spelled(text): None for text in (*variants, number)}
        searched = [text for text in spellings if len(text) >= _LEAST_SEARCHED]
        if not searched:
            return ()
        until_s = time.monotonic() + timeout_s
        known = self._known(until_s)
        leaves: list[list[str]] = []
        if "phone_mobile_search" in known:
            leaves = [["phone_mobile_search", "=", text] for text in searched]
        else:
            # Whatever stands between the digits.
            digits = [digit for digit in number or searched[0] if digit.isdecimal()]
            pattern = "%" + "".join(f"{digit}%" for digit in digits[-_TAIL:])
            leaves = [[name, "=like", pattern] for name in self._number_fields(until_s)]
        if "phone_sanitized" in known and number:
            leaves.append(["phone_sanitized", "=", number])
        domain = ["|"] * (len(leaves) - 1) + leaves
        rows = self._read(domain, limit=_FOUND, until_s=until_s)
        return tuple(self._contact(row) for row in rows)

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        """List by id: an import gives thousands the same time, and times are cut to seconds."""
        domain = [*_since(since_ms), ["id", ">", _after(cursor)]]
        rows = self._read(domain, limit=_PAGE)
        contacts = tuple(self._contact(row) for row in rows)
        # A server may list fewer than it was asked for; the end is a page without any.
        return Records(contacts, cursor=str(rows[-1]["id"]) if rows else "")

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        """List what was archived; of what was deleted Odoo keeps nothing."""
        domain = [["active", "=", False], *_since(since_ms), ["id", ">", _after(cursor)]]
        rows = self._rows(domain, ("write_date",), limit=_PAGE)
        deleted = tuple((str(row["id"]), _milliseconds(row.get("write_date"))) for row in rows)
        return Records(deleted=deleted, cursor=str(rows[-1]["id"]) if rows else "")

    def check(self) -> str:
        """Count the contacts that the key may read."""
        if urlsplit(self._account("base_url")).scheme not in ("https", "http"):
            raise PayloadError("account.base_url", self.needs["account.base_url"])
        if not self.connection.secret("api_key"):
            raise PayloadError("secrets.api_key", self.needs["secrets.api_key"])
        try:
            known = self._known(None)
            count = self._call("search_count", {"domain": []})
        except RejectedError as error:
            # What a server before 19, or one that doesn't know which database, answers to JSON-2.
            if error.reason == "not_found":
                expected = "xmlrpc before Odoo 19; with several databases account.database as well"
                raise PayloadError("account.protocol", expected) from None
            raise
        if not isinstance(count, int):
            raise UnavailableError("malformed")
        numbers = "phone and mobile" if "mobile" in known else "phone"
        return f"{count} contacts, with {numbers}, at {urlsplit(self._base()).hostname}"

    def _known(self, until_s: float | None) -> frozenset[str]:
        """Ask, once, which of the fields there are that not every Odoo has."""
        if self._optional is None:
            asked = {"allfields": list(_OPTIONAL), "attributes": ["type"]}
            found = self._call("fields_get", asked, until_s)
            if not isinstance(found, dict):
                raise UnavailableError("malformed")
            self._optional = frozenset(found).intersection(_OPTIONAL)
        return self._optional

    def _number_fields(self, until_s: float | None) -> list[str]:
        known = self._known(until_s)
        return [name for name in _NUMBER_FIELDS if name not in _OPTIONAL or name in known]

    def _read(
        self, domain: list[Any], *, limit: int, until_s: float | None = None
    ) -> list[dict[str, Any]]:
        fields = dict.fromkeys((*_FIELDS, *self._number_fields(until_s)))
        return self._rows(domain, tuple(fields), limit=limit, until_s=until_s)

    def _rows(
        self,
        domain: list[Any],
        fields: tuple[str, ...],
        *,
        limit: int,
        until_s: float | None = None,
    ) -> list[dict[str, Any]]:
        asked = {"domain": domain, "fields": list(fields), "limit": limit, "order": "id"}
        rows = self._call("search_read", asked, until_s)
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get("id"), int) for row in rows
        ):
            raise UnavailableError("malformed")
        return rows

    def _contact(self, row: Mapping[str, Any]) -> Contact:
        modified_ms = _milliseconds(row.get("write_date"))
        if not modified_ms:
            raise UnavailableError("malformed")
        is_company = bool(row.get("is_company"))
        name = _text(row.get("name"))
        numbers: dict[str, ContactNumber] = {}
        for field in _NUMBER_FIELDS:
            number = _text(row.get(field))[:_MAX_NUMBER]
            if number and number not in numbers:
                landline = "switchboard" if is_company else "work"
                kind = "mobile" if field == "mobile" else landline
                numbers[number] = ContactNumber(number, kind, primary=not numbers)
        codes = (_text(row.get("ref")), _text(row.get("vat")))
        return Contact(
            id=f"{self.slug}:{row['id']}",
            version=modified_ms,
            last_name="" if is_company else name,
            company=name if is_company else _text(row.get("commercial_company_name")),
            numbers=tuple(numbers.values()),
            # Odoo writes `/` for "no VAT number".
            customer_code=next((code for code in codes if any(map(str.isalnum, code))), ""),
            owner=_text(row.get("user_id")),
            url=f"{self._base()}/mail/view?model={_MODEL}&res_id={row['id']}",
            updated_at_ms=modified_ms,
        )

    # --- the two protocols -----------------------------------------------------------------------

    def _call(self, method: str, arguments: Mapping[str, Any], until_s: float | None = None) -> Any:  # noqa: ANN401 - JSON is anything
        """Call a method of res.partner, within a moment of the monotonic clock if one is given."""
        if self._protocol() == "json2":
            return self._call_json(method, arguments, until_s)
        database, key = self._account("database"), self.connection.secret("api_key")
        if not self._uid:
            login = self._account("login")
            uid = self._call_xml("common", "authenticate", (database, login, key, {}), until_s)
            if uid is False:
                raise RejectedError("credentials")
            if not isinstance(uid, int):
                raise UnavailableError("malformed")
            self._uid = uid
        call: tuple[Any, ...] = (database, self._uid, key, _MODEL, method, [], dict(arguments))
        return self._call_xml("object", "execute_kw", call, until_s)

    def _call_json(self, method: str, arguments: Mapping[str, Any], until_s: float | None) -> Any:  # noqa: ANN401 - JSON is anything
        headers = {
            "authorization": f"bearer {self.connection.secret('api_key')}",
            "content-type": "application/json; charset=utf-8",
            "user-agent": "centralino",
        }
        if database := self.connection.account.get("database"):
            headers["x-odoo-database"] = database
        answer = self.web.send(
            "POST",
            f"{self._base()}/json/2/{_MODEL}/{method}",
            headers=headers,
            body=json.dumps(arguments).encode(),
            timeout_s=_left_s(until_s),
        )
        if answer.status == 404:  # noqa: PLR2004 - HTTP's "not found"
            raise RejectedError("not_found")
        return expect_success(answer).json()

    def _call_xml(
        self,
        service: str,
        method: str,
        parameters: tuple[Any, ...],
        until_s: float | None,
    ) -> Any:  # noqa: ANN401 - XML-RPC carries anything
        import xmlrpc.client  # noqa: PLC0415 - heavy; the receiver has no need of it
        from xml.parsers.expat import ExpatError  # noqa: PLC0415

        from defusedxml.xmlrpc import DefusedExpatParser  # noqa: PLC0415

        answer = self.web.send(
            "POST",
            f"{self._base()}/xmlrpc/2/{service}",
            headers={"content-type": "text/xml", "user-agent": "centralino"},
            body=xmlrpc.client.dumps(parameters, method).encode(),
            timeout_s=_left_s(until_s),
        )
        expect_success(answer)
        target = xmlrpc.client.Unmarshaller(use_builtin_types=True)
        try:
            parser = DefusedExpatParser(target, forbid_dtd=True)
            parser.feed(answer.body)
            parser.close()
            (value,) = target.close()
        except xmlrpc.client.Fault as fault:
            raise _fault(fault.faultCode) from None
        except (ExpatError, xmlrpc.client.Error, ValueError, LookupError, TypeError):
            raise UnavailableError("malformed") from None
        return value

    def _account(self, name: str) -> str:
        value = self.connection.account.get(name)
        if not value:
            field = f"account.{name}"
            raise PayloadError(field, self.needs.get(field) or self.needs[f"{field}?"])
        return value

    def _base(self) -> str:
        return self._account("base_url").rstrip("/")

    def _protocol(self) -> str:
        protocol = self.connection.account.get("protocol") or _PROTOCOLS[0]
        if protocol not in _PROTOCOLS:
            raise PayloadError("account.protocol", f"one of {', '.join(_PROTOCOLS)}")
        return protocol


def _fault(code: object) -> UnavailableError:
    """Say what a fault means; its text may hold anything that is stored."""
    reason = _FAULTS.get(code) if isinstance(code, int) else None
    return RejectedError(reason) if reason else UnavailableError("server", 30.0)


def _left_s(until_s: float | None) -> float | None:
    return None if until_s is None else until_s - time.monotonic()


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text[:20]) <= _MAX_ID


def _after(cursor: str) -> int:
    if cursor and not _is_id(cursor):
        raise PayloadError("cursor", "one that this listing gave")
    return int(cursor or 0)


def _since(since_ms: int) -> list[list[str]]:
    """Return the condition; Odoo compares with the microseconds that it doesn't show."""
    if since_ms <= 0:
        return []
    from centralino.domain.moments import from_milliseconds  # noqa: PLC0415 - not the receiver's

    at = from_milliseconds(since_ms).strftime("%Y-%m-%d %H:%M:%S")
    return [["write_date", ">=", at]]


def _spelled(text: str) -> str:
    """Bring the spellings together that Odoo takes for the same anyway."""
    spelled = text.translate(_SEPARATORS)
    return f"+{spelled[2:]}" if spelled.startswith("00") else spelled


def _text(value: object) -> str:
    """Return a field's text; Odoo has `false` for nothing, and `[id, name]` for a link."""
    if isinstance(value, (list, tuple)) and len(value) == 2:  # noqa: PLR2004
        value = value[1]
    return value.strip()[:_MAX_TEXT] if isinstance(value, str) else ""


def _milliseconds(value: object) -> int:
    """Read `2026-11-21 10:00:00`, UTC, perhaps with microseconds; 0 for anything else."""
    from datetime import UTC, datetime  # noqa: PLC0415 - not the receiver's

    from centralino.domain.moments import to_milliseconds  # noqa: PLC0415

    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return 0
    if at is None or at.tzinfo:
        return 0
    return max(0, to_milliseconds(at.replace(tzinfo=UTC)))
