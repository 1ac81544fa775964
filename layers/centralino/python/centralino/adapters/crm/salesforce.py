"""Salesforce: Outbound Messages (SOAP) in; REST, SOQL and SOSL out, authorised by OAuth2.

An Outbound Message is not signed and can't carry a header of ours: it is known by a secret in its
URL and by the organisation's id in its body. It is sent again for 24 hours until it is answered
with one `Ack`, in any order, and may come twice; each of its up to 100 notifications has an id of
its own.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest.htm
"""

from __future__ import annotations

import hmac
import json
import re
import time
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.crm_values import as_dict, as_milliseconds, as_text
from centralino.domain.errors import (
    CredentialsError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.crm import Acknowledgement, Crm, Hint, Parsed, Records
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, ClassVar, NoReturn

    from centralino.ports.crm import Connection, Delivery
    from centralino.ports.tokens import Token, TokenCache
    from centralino.ports.web import Answer, Web

API = "/services/data/v68.0"
TOKEN = "/services/oauth2/token"  # noqa: S105 - a path
PAGE = 500
MAX_FOUND = 20
MAX_TERMS = 12
# How long to wait for a token that another thread is getting.
TOKEN_WAIT_S = 10.0
# The organisation's id is the first element of a message: what follows needn't be read for it.
HEAD = 16 * 1024
# A message has at most 100 notifications; each has as many elements as its record has fields.
MAX_ELEMENTS = 100 * 1000
LIMIT_RETRY_S = 900.0  # the limit is one of 24 hours, and some of it comes back all the time
# What was deleted is known for 15 days; a window of the list may not end before it begins.
KEPT_MS = 15 * 24 * 3600 * 1000 - 3600 * 1000
WINDOW_MS = 24 * 3600 * 1000
MINUTE_MS = 60 * 1000

ACK = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    "</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)

_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
# Where things are in a message: envelope, body, notifications, notification, record, field.
_NOTIFICATIONS, _NOTIFICATION, _OBJECT, _FIELD = 3, 4, 5, 6

# Kinds of records, with what their ids begin with and what their own begin with at ours.
_CONTACT, _LEAD, _ACCOUNT = "Contact", "Lead", "Account"
_PREFIXES = {"003": _CONTACT, "00Q": _LEAD, "001": _ACCOUNT}
_COMPANY = "company-"
_REQUIRED = ("Id", "SystemModstamp")
_FIELDS: dict[str, tuple[str, ...]] = {
    _CONTACT: (
        *_REQUIRED,
        *("FirstName", "LastName", "Phone", "MobilePhone", "HomePhone", "OtherPhone"),
        *("AssistantPhone", "Fax", "Account.Name", "Account.AccountNumber", "Owner.Name"),
    ),
    _LEAD: (
        *_REQUIRED,
        *("FirstName", "LastName", "Company", "Phone", "MobilePhone", "Fax"),
        *("IsConverted", "Owner.Name"),
    ),
    _ACCOUNT: (*_REQUIRED, "Name", "Phone", "Fax", "AccountNumber", "Owner.Name"),
}
# Field -> our kind of number, in the order in which they are kept; the first is the primary.
_NUMBERS: dict[str, dict[str, str]] = {
    _CONTACT: {
        "Phone": "work",
        "MobilePhone": "mobile",
        "HomePhone": "home",
        "OtherPhone": "other",
        "AssistantPhone": "other",
        "Fax": "fax",
    },
    _LEAD: {"Phone": "work", "MobilePhone": "mobile", "Fax": "fax"},
    _ACCOUNT: {"Phone": "switchboard", "Fax": "fax"},
}
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?", re.ASCII)
_CASES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHORT_ID = 15
# SOQL's way to say that a field is unknown: it doesn't exist, or this user may not see it.
_UNKNOWN_FIELD = re.compile(r"(?:No such column|Didn't understand relationship) '([\w.]{1,80})'")
# https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_sosl_find.htm
_RESERVED = re.compile(r"([?&|!{}\[\]()^~*:\\\"'+\-])")
_CURSOR = re.compile(
    r"(Contact|Lead|Account)(?:,(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z),([A-Za-z0-9]{18}))?",
    re.ASCII,
)
_DELETED_CURSOR = re.compile(r"(Contact|Lead|Account),(\d{1,15})", re.ASCII)
_NUMERIC_ZONE = re.compile(r"([+-]\d\d)(\d\d)$", re.ASCII)
_MAX_TEXT = 500
_MAX_NUMBER = 100
_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN = 200, 400, 401, 403


class Adapter(Crm):
    """A Salesforce organisation; its contacts, leads and accounts are the contacts.

    An account is `company-<id>`, a switchboard. A lead that was converted is gone: there is a
    contact in its place.

    Account: `base_url` (My Domain, `https://acme.my.salesforce.com`), `organization_id` (15 or 18
    characters), `objects` (which of `Contact,Lead,Account`; all of them without it).
    Secrets: `client_id` and `client_secret` of a connected app with the client credentials flow;
    `refresh_token`, for one that has the refresh token flow instead; `webhook_secrets`, which the
    URL has as `?secret=` (the query is kept neither in a log nor in the queue).
    """

    slug: ClassVar[str] = "salesforce"
    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "your My Domain address, as https://acme.my.salesforce.com",
        "account.organization_id": "the organisation's id (Setup, Company Information)",
        "account.objects?": "which of Contact,Lead,Account to read; all without it",
        "secrets.client_id": "the consumer key of a connected app",
        "secrets.client_secret": "its consumer secret",
        "secrets.refresh_token?": "only without the client credentials flow",
    }

    setup: ClassVar[tuple[str, ...]] = (
        "in Setup > Outbound Messages make one for each of Contact, Lead and Account",
        "its only field Id, without the session id, endpoint {url}?secret={secret}",
        "in Setup > Flows make a record-triggered flow for each of the three",
        "it starts when a record is created or updated, after the save, and sends the message",
    )

    def __init__(
        self,
        connection: Connection,
        web: Web | None = None,
        tokens: TokenCache | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(connection, web, tokens)
        self._now = now
        self._unknown = _unknown_fields(str(connection.account.get("base_url") or ""))

    # Inbound -------------------------------------------------------------------------------------

    def verify(self, delivery: Delivery) -> None:
        """Compare the URL's `secret` with ours, and the organisation."""
        try:
            shown = dict(parse_qsl(urlsplit(delivery.url).query)).get("secret", "")
        except ValueError:
            shown = ""
        found = False
        for secret in self.connection.webhook_secrets():
            found |= hmac.compare_digest(_bytes(secret), _bytes(shown))
        # The body is looked at only for those who know the secret.
        if not (found and self._is_ours(_read_head(delivery.body))):
            raise CredentialsError("not an Outbound Message of this organisation")

    def _is_ours(self, message: _Message) -> bool:
        """Tell whether a message names one organisation, and that ours."""
        ours = long_id(str(self.connection.account.get("organization_id") or ""))
        return bool(ours) and [ours] == [long_id(one) for one in message.organisations]

    def acknowledge(self, delivery: Delivery) -> Acknowledgement:  # noqa: ARG002 - always the same
        """Return the one answer that isn't sent again."""
        return Acknowledgement(content_type="text/xml; charset=utf-8", body=ACK)

    def parse(self, delivery: Delivery) -> Parsed:
        """Say which records changed; messages about other objects are nothing to us."""
        try:
            message = _read(delivery.body)
        except _NotXmlError:
            raise PayloadError("body", "an Outbound Message of Salesforce") from None
        # Again, for only its beginning was looked at when it came in.
        if not self._is_ours(message):
            raise PayloadError("OrganizationId", "the id of this organisation, once")
        hints: list[Hint] = []
        problems: list[str] = []
        for place, notification in enumerate(message.notifications):
            if notification.kind and notification.kind not in _FIELDS:
                continue
            record = long_id(notification.record)
            if not record or _PREFIXES.get(record[:3]) != notification.kind:
                problems.append(f"Notification[{place}]: expected a record with its type and Id")
                continue
            at_ms = _read_time(notification.modified)
            word = notification.word if _ID.fullmatch(notification.word) else ""
            hints.append(Hint(_ours(notification.kind, record), "changed", at_ms, long_id(word)))
        if problems and not hints:
            raise PayloadError("Notification", "at least one record with its type and Id")
        return Parsed(tuple(hints), tuple(problems))

    # Outbound ------------------------------------------------------------------------------------

    def fetch(self, record: str) -> Contact | None:
        """Read a record, with the names of its account and owner; a converted lead is gone."""
        theirs = record.removeprefix(_COMPANY)
        kind = _PREFIXES.get(theirs[:3], "") if _ID.fullmatch(theirs) else ""
        if not kind or record != _ours(kind, theirs):
            raise PayloadError("record", "an id of a contact, a lead or an account")
        found = self._select(kind, f"WHERE Id = '{long_id(theirs)}'")
        rows = _rows(found, kind)
        # Only this record, and only one: else an answer to another question would be saved.
        if len(rows) > 1 or any(_record_id(row) != long_id(theirs) for row in rows):
            raise UnavailableError("malformed")
        return self._contact(kind, rows[0]) if rows and not _is_converted(rows[0]) else None

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        """Search the phone fields for all spellings at once.

        A `*` before the national number would find the same and more, but Salesforce's reference
        has it in the middle or at the end of a word only.
        """
        if not variants:
            return ()
        from centralino.domain.national import national_number  # noqa: PLC0415 - not for deliveries

        national = national_number(number)
        terms = [national, *(escape(variant.removeprefix("+")) for variant in variants)]
        wanted = " OR ".join(list(dict.fromkeys(filter(None, terms)))[:MAX_TERMS])
        ends = time.monotonic() + timeout_s

        def build() -> str:
            parts = (f"{kind}({','.join(self._fields(kind))})" for kind in self._objects())
            returning = ", ".join(parts)
            search = f"FIND {{{wanted}}} IN PHONE FIELDS RETURNING {returning} LIMIT {MAX_FOUND}"
            return f"{API}/search?{urlencode({'q': search}, quote_via=quote)}"

        body = self._ask_for_fields(build, ends)
        rows = body.get("searchRecords")
        if not isinstance(rows, list):
            raise UnavailableError("malformed")
        found = []
        for row in rows:
            kind = _kind_of(row)
            if kind and not _is_converted(row):
                found.append(self._contact(kind, row))
        return tuple(found)

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        """List contacts, then leads, then accounts, the oldest change first.

        The cursor is the place of the last record and needs nothing at Salesforce, whose own end
        after two days.
        """
        place = _CURSOR.fullmatch(cursor) if cursor else None
        if cursor and not place:
            raise PayloadError("cursor", "one of this provider's")
        objects = self._objects()
        kind = place[1] if place else objects[0]
        since = [f"SystemModstamp >= {_written(since_ms)}"] if since_ms > 0 else []
        behind = []
        if place and place[2]:
            at = place[2]
            behind = [f"(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{place[3]}'))"]
        while True:
            conditions = " AND ".join(since + behind)
            where = f"WHERE {conditions} " if conditions else ""
            body = self._select(kind, f"{where}ORDER BY SystemModstamp, Id LIMIT {PAGE}")
            rows = _rows(body, kind)
            following = _after(objects, kind)
            if rows or not following:
                break
            kind, behind = following, []
        # It may end a page early; then `done` is false.
        if rows and (len(rows) >= PAGE or body.get("done") is not True):
            modified = _written(_modified(rows[-1]), milliseconds_too=True)
            following = f"{kind},{modified},{_record_id(rows[-1])}"
        return Records(
            contacts=tuple(self._contact(kind, row) for row in rows if not _is_converted(row)),
            deleted=tuple(
                (_ours(kind, _record_id(row)), _modified(row)) for row in rows if _is_converted(row)
            ),
            cursor=following,
        )

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        """List what was deleted, a day of one kind at a time; Salesforce knows of 15 days."""
        place = _DELETED_CURSOR.fullmatch(cursor) if cursor else None
        if cursor and not place:
            raise PayloadError("cursor", "one of this provider's")
        objects = self._objects()
        # Seconds are ignored there, nothing ends in the future, and start and end must not be the
        # same minute.
        last = int(self._now() * 1000) // MINUTE_MS * MINUTE_MS
        first = min(max(since_ms, last - KEPT_MS), last - 2 * MINUTE_MS) // MINUTE_MS * MINUTE_MS
        kind = place[1] if place else objects[0]
        start = min(max(int(place[2]), first), last - 2 * MINUTE_MS) if place else first
        end = min(start + WINDOW_MS, last)
        query = urlencode({"start": _written_zone(start), "end": _written_zone(end)})
        body = self._ask(lambda: f"{API}/sobjects/{kind}/deleted/?{query}")
        rows = body.get("deletedRecords")
        if not isinstance(rows, list):
            raise UnavailableError("malformed")
        deleted = []
        for row in rows:
            record = _record_id(row, "id")
            deleted.append((_ours(kind, record), _read_time(row.get("deletedDate"))))
        if end < last:
            following = f"{kind},{end}"
        else:
            after = _after(objects, kind)
            following = f"{after},{first}" if after else ""
        return Records(deleted=tuple(deleted), cursor=following)

    def check(self) -> str:
        """Ask which organisation it is, and whether all kinds of records can be read."""
        for name, meaning in self.needs.items():
            part, _, field = name.partition(".")
            known = self.connection.account if part == "account" else self.connection.secrets
            if not name.endswith("?") and not known.get(field):
                raise PayloadError(name, meaning)
        ours = long_id(str(self.connection.account["organization_id"]))
        expected = self.needs["account.organization_id"]
        if not ours:
            raise PayloadError("account.organization_id", expected)
        query = urlencode({"q": "SELECT Id, Name FROM Organization LIMIT 1"})
        rows = _rows(self._ask(lambda: f"{API}/query?{query}"))
        if not rows or not as_text(rows[0].get("Name")):
            raise UnavailableError("malformed")
        if _record_id(rows[0]) != ours:
            raise PayloadError("account.organization_id", f"{expected}: this one is another's")
        for kind in self._objects():
            try:
                self._select(kind, "LIMIT 1")
            except RejectedError as error:
                if error.reason != "permissions":
                    raise
                raise PayloadError(
                    "account.objects", f"objects that this user may read, {kind} is not"
                ) from error
        return f"{as_text(rows[0]['Name'])[:100]} (Salesforce)"

    def _objects(self) -> tuple[str, ...]:
        """Return the kinds of records that are read, the contacts first."""
        given = str(self.connection.account.get("objects") or ",".join(_FIELDS))
        wanted = {name.strip().lower() for name in given.split(",")}
        objects = tuple(kind for kind in _FIELDS if kind.lower() in wanted)
        if not objects or len(objects) < len(wanted - {""}):
            raise PayloadError("account.objects", "some of Contact,Lead,Account")
        return objects

    def _fields(self, kind: str) -> tuple[str, ...]:
        return tuple(
            field
            for field in _FIELDS[kind]
            # `Account.Name` may be unknown as a whole, or either part of it.
            if self._unknown.isdisjoint((field, *field.split(".")))
        )

    def _select(self, kind: str, rest: str) -> Mapping[str, Any]:
        def build() -> str:
            fields = ", ".join(self._fields(kind))
            select = f"SELECT {fields} FROM {kind} {rest}"  # noqa: S608 - nothing in it is anybody else's
            return f"{API}/query?{urlencode({'q': select})}"

        return self._ask_for_fields(build)

    def _ask_for_fields(
        self, build: Callable[[], str], ends: float | None = None
    ) -> Mapping[str, Any]:
        """Ask with all fields that we want, and again without those that are unknown there."""
        for _ in range(sum(map(len, _FIELDS.values()))):
            try:
                return self._ask(build, ends)
            except _UnknownFieldError as error:
                if error.field in _REQUIRED or error.field in self._unknown:
                    break
                self._unknown.add(error.field)
        raise RejectedError("permissions")

    def _ask(self, build: Callable[[], str], ends: float | None = None) -> Mapping[str, Any]:
        """Ask with the shared token; once more with a new one if it is refused."""
        from centralino.application.oauth import ask_with_token  # noqa: PLC0415 - not the receiver's

        path = build()
        answer = ask_with_token(
            self.tokens,
            lambda before: self._renew(before, ends),
            lambda access: self._send(path, ends, access),
            None if ends is None else ends - time.monotonic(),
        )
        if answer.status != _OK:
            _explain(answer)
        body = answer.json()
        if not isinstance(body, dict):
            raise UnavailableError("malformed")
        return body

    def _renew(self, before: Token | None, ends: float | None) -> Token:
        from centralino.application.oauth import Grant, renew_token  # noqa: PLC0415

        # `instance_url` is not used: My Domain answers for the API, and no answer may send our
        # token elsewhere. It doesn't say when the token ends.
        grant = Grant(f"{self._base()}{TOKEN}")
        timeout_s = None if ends is None else ends - time.monotonic()
        return renew_token(self.web, grant, self.connection, before, timeout_s=timeout_s)

    def _send(self, path: str, ends: float | None, access: str) -> Answer:
        return self.web.send(
            "GET",
            f"{self._base()}{path}",
            headers={"accept": "application/json", "authorization": f"Bearer {access}"},
            timeout_s=None if ends is None else ends - time.monotonic(),
        )

    def _base(self) -> str:
        return str(self.connection.account.get("base_url") or "").rstrip("/")

    def _contact(self, kind: str, row: Mapping[str, Any]) -> Contact:
        record = _record_id(row)
        version = _modified(row)
        account = as_dict(row.get("Account"))
        base = str(self.connection.account.get("base_url") or "").rstrip("/")
        companies = {
            _CONTACT: account.get("Name"),
            _LEAD: row.get("Company"),
            _ACCOUNT: row.get("Name"),
        }
        code = as_text((row if kind == _ACCOUNT else account).get("AccountNumber"))
        return Contact(
            id=f"{self.slug}:{_ours(kind, record)}",
            version=version,
            first_name=as_text(row.get("FirstName")),
            last_name=as_text(row.get("LastName")),
            company=as_text(companies[kind]),
            numbers=_numbers(kind, row),
            customer_code=code if any(map(str.isalnum, code)) else "",
            owner=as_text(as_dict(row.get("Owner")).get("Name")),
            url=f"{base}/{record}",
            updated_at_ms=version,
        )


def long_id(record: str) -> str:
    """Return an id with the 3 characters that spell its case; empty if it can't be one.

    Args:
        record: 15 characters in which case counts, or those and the 3.
    """
    if not _ID.fullmatch(record):
        return ""
    short = record[:_SHORT_ID]
    return short + "".join(
        _CASES[sum(short[start + bit].isupper() << bit for bit in range(5))] for start in (0, 5, 10)
    )


def escape(text: str) -> str:
    """Return a text as SOSL looks for it, whatever it would mean there."""
    return _RESERVED.sub(r"\\\1", text)


# Fields that our user can't see, by the organisation's address. A search has no time to find them
# out one by one, so what another request has found out counts for as long as the container lives.
_UNKNOWN: dict[str, set[str]] = {}
_MAX_UNKNOWN = 2_000


def _unknown_fields(base_url: str) -> set[str]:
    if base_url not in _UNKNOWN and len(_UNKNOWN) >= _MAX_UNKNOWN:
        _UNKNOWN.clear()
    return _UNKNOWN.setdefault(base_url, set())


class _UnknownFieldError(Exception):
    """A field that doesn't exist there, or that the user may not see."""

    def __init__(self, field: str) -> None:
        super().__init__("a field is unknown")
        self.field = field


def _explain(answer: Answer) -> None:
    """Raise what an answer that is no success means; Salesforce says it in its own words."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    error = as_dict(said[0] if isinstance(said, list) and said else None)
    code = error.get("errorCode")
    if code == "REQUEST_LIMIT_EXCEEDED":
        raise ThrottledError("throttled", LIMIT_RETRY_S)
    if answer.status == _BAD_REQUEST and code == "INVALID_FIELD":
        message = error.get("message")
        named = _UNKNOWN_FIELD.search(message) if isinstance(message, str) else None
        if named:
            raise _UnknownFieldError(named[1])
    if answer.status == _BAD_REQUEST and code in {"INVALID_TYPE", "INSUFFICIENT_ACCESS"}:
        raise RejectedError("permissions")
    expect_success(answer)
    raise UnavailableError("malformed")


class _Notification:
    """One notification as far as it has been read."""

    def __init__(self) -> None:
        self.word = ""
        self.kind = ""
        self.record = ""
        self.modified = ""


class _NotXmlError(Exception):
    """It is no XML, or more than we take."""


class _Message:
    """What the parser fills: only what is asked for is kept, however large the message is."""

    def __init__(self) -> None:
        self.organisations: list[str] = []
        self.notifications: list[_Notification] = []
        self._depth = 0
        self._path: list[str] = []
        self._elements = 0
        self._text: list[str] | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element."""
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise _NotXmlError
        self._depth += 1
        self._text = None
        if self._depth > _FIELD:
            return
        self._path.append(tag)
        if self._depth > _NOTIFICATIONS and self._path[2] != f"{_OUTBOUND}notifications":
            return
        self._text = []
        if self._depth == _NOTIFICATION and tag == f"{_OUTBOUND}Notification":
            self.notifications.append(_Notification())
        elif self._depth == _OBJECT and self._inas_dict():
            self.notifications[-1].kind = attributes.get(_TYPE, "").rpartition(":")[2]

    def data(self, text: str) -> None:
        """Take some text."""
        if self._text is not None and len(self._text) < _MAX_TEXT:
            self._text.append(text[:_MAX_TEXT])

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        text = "".join(self._text).strip() if self._text else ""
        if self._depth == _NOTIFICATION and tag == f"{_OUTBOUND}OrganizationId":
            self.organisations.append(text)
        elif self._depth == _OBJECT and self._in_notification() and tag == f"{_OUTBOUND}Id":
            self.notifications[-1].word = text
        elif self._depth == _FIELD and self._inas_dict():
            name = tag.rpartition("}")[2]
            if name == "Id":
                self.notifications[-1].record = text
            elif name == "SystemModstamp":
                self.notifications[-1].modified = text
        if self._depth <= _FIELD:
            self._path.pop()
        self._depth -= 1
        self._text = None

    def close(self) -> None:
        """Take the end of the message."""

    def _in_notification(self) -> bool:
        return len(self._path) > _NOTIFICATIONS and self._path[3] == f"{_OUTBOUND}Notification"

    def _inas_dict(self) -> bool:
        return (
            self._in_notification()
            and len(self._path) > _NOTIFICATION
            and self._path[4] == f"{_OUTBOUND}sObject"
        )


def _read(body: bytes) -> _Message:
    """Read a message: no document type, no entities, nothing from outside.

    Raises:
        _NotXmlError: it is no XML, or tries to be more than that.
    """
    # It takes some time to import, and only the worker's functions have it.
    from defusedxml.ElementTree import DefusedXMLParser  # noqa: PLC0415

    message = _Message()
    parser = DefusedXMLParser(target=message, forbid_dtd=True)
    try:
        parser.feed(body)
        parser.close()
    # Not well-formed is a SyntaxError; what is forbidden, and an encoding that can't be, a
    # ValueError; an encoding that nobody knows a LookupError.
    except (SyntaxError, ValueError, LookupError):
        raise _NotXmlError from None
    return message


def _read_head(body: bytes) -> _Message:
    """Read the beginning of a message with what Python brings, as `_read` would.

    Expat is what works within `_read`'s parser too, so neither sees what the other doesn't. What
    makes XML dangerous needs a document type, which is refused as it begins. What is no XML names
    no organisation.
    """
    # Other providers' deliveries are spared it.
    from xml.parsers import expat  # noqa: PLC0415

    message = _Message()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.StartElementHandler = lambda tag, attributes: message.start(
        _braced(tag), {_braced(name): value for name, value in attributes.items()}
    )
    parser.CharacterDataHandler = message.data
    parser.EndElementHandler = lambda tag: message.end(_braced(tag))
    try:
        parser.Parse(body[:HEAD])
    except (expat.ExpatError, _NotXmlError, ValueError, LookupError):
        return _Message()
    return message


def _refuse(*_: object) -> NoReturn:
    raise _NotXmlError


def _braced(name: str) -> str:
    """Write `uri}name`, as expat has it, as ElementTree does."""
    return f"{{{name}" if "}" in name else name


def _ours(kind: str, record: str) -> str:
    """Return the id of a record within the source."""
    return f"{_COMPANY}{record}" if kind == _ACCOUNT else record


def _after(objects: Sequence[str], kind: str) -> str:
    """Return the kind that is listed after one; empty at the end."""
    following = objects[objects.index(kind) + 1 :] if kind in objects else ()
    return following[0] if following else ""


def _numbers(kind: str, row: Mapping[str, Any]) -> tuple[ContactNumber, ...]:
    numbers: dict[str, ContactNumber] = {}
    for field, number_kind in _NUMBERS[kind].items():
        value = as_text(row.get(field))
        if value and len(value) <= _MAX_NUMBER and value not in numbers:
            numbers[value] = ContactNumber(value, number_kind, field == "Phone")
    return tuple(numbers.values())


def _rows(body: Mapping[str, Any], kind: str = "") -> list[Mapping[str, Any]]:
    rows = body.get("records")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnavailableError("malformed")
    if kind and any(_kind_of(row) != kind for row in rows):
        raise UnavailableError("malformed")
    return rows


def _kind_of(row: object) -> str:
    """Return the kind of a record, by what it says of itself; empty for one that isn't ours."""
    kind = as_dict(as_dict(row).get("attributes")).get("type")
    return kind if isinstance(kind, str) and kind in _FIELDS else ""


def _record_id(row: object, name: str = "Id") -> str:
    value = as_dict(row).get(name)
    record = long_id(value) if isinstance(value, str) else ""
    if not record:
        raise UnavailableError("malformed")
    return record


def _modified(row: Mapping[str, Any]) -> int:
    modified = _read_time(row.get("SystemModstamp"))
    if not modified:
        raise UnavailableError("malformed")
    return modified


def _is_converted(row: Mapping[str, Any]) -> bool:
    return row.get("IsConverted") is True


def _read_time(value: object) -> int:
    """Return milliseconds since 1970 of `2026-11-21T10:00:00.000+0000`; 0 for what is no time."""
    # A zone without a colon is read by Python only since 3.11, and not behind every time.
    return as_milliseconds(_NUMERIC_ZONE.sub(r"\1:\2", value)) if isinstance(value, str) else 0


def _written(milliseconds: int, *, milliseconds_too: bool = False) -> str:
    from centralino.domain.moments import from_milliseconds  # noqa: PLC0415 - as above

    at = from_milliseconds(milliseconds)
    text = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{at.microsecond // 1000:03}Z" if milliseconds_too else f"{text}Z"


def _written_zone(milliseconds: int) -> str:
    """Return a time as the list of what was deleted wants it."""
    return f"{_written(milliseconds).removesuffix('Z')}+00:00"


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
