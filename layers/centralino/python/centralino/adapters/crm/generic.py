"""A CRM or ERP of one's own: Standard Webhooks with our contact JSON; addresses to ask, if any.

`docs/crm.md` has the JSON. Where contacts are read, searched and listed, if anywhere, are templates
in the connection's settings.

Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import logging

from centralino.domain.contact import ID_PATTERN, MAX_NUMBERS, NUMBER_KINDS, ContactNumber
from centralino.domain.crm_values import (
    as_dict,
    as_list,
    as_milliseconds,
    as_text,
    read_json,
)
from centralino.domain.errors import PayloadError, UnavailableError
from centralino.domain.record import TYPE_CHECKING
from centralino.domain.standard_webhook import secret_key, verify_webhook
from centralino.ports.crm import Crm, Delivery, Hint, Parsed, Records
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from centralino.domain.contact import Contact
    from centralino.ports.crm import Connection, Operation
    from centralino.ports.tokens import TokenCache
    from centralino.ports.web import Answer, Web

MAX_EVENTS = 1000
MAX_CURSOR = 500
_NOT_FOUND, _GONE = 404, 410
_log = logging.getLogger(__name__)
_OPERATIONS: Mapping[str, Operation] = {
    "contact.created": "changed",
    "contact.updated": "changed",
    "contact.restored": "restored",
    "contact.deleted": "deleted",
    "contact.erased": "erased",
}
_MERGED = "contact.merged"
# The fields that make an event's data a contact rather than a mere id.
_FIELDS = ("first_name", "last_name", "company", "numbers")
_TIME = "a date and time with its offset, as 2026-11-21T09:00:00Z"
_BASE = "the address before all paths, https://erp.example.com"
# path -> what has to be in it
_PATHS = {
    "contact_path": "{id}",
    "search_path": "{number}, {digits} or {spellings}",
    "changes_path": "{since} or {since_ms}",
    "deleted_path": "{since} or {since_ms}",
}
_SECRETS = "whsec_ and base64 of 24 bytes or more"


class Adapter(Crm):
    """A CRM or ERP of one's own.

    Account, all of it optional: `base_url`, and behind it `contact_path` (`/contacts/{id}`),
    `search_path` (`/contacts?number={number}`), `changes_path`
    (`/contacts?since={since}&cursor={cursor}`), `deleted_path`. Secrets: `webhook_secrets`
    (`whsec_…`), `token` (sent as a bearer token).
    """

    slug = "generic"
    needs = {  # noqa: RUF012 - the port's own kind of table
        "account.base_url?": _BASE,
        "account.contact_path?": "where one contact is, with {id}",
        "account.search_path?": "where contacts are searched, with {number}",
        "account.changes_path?": "where changes are listed, with {since} and {cursor}",
        "account.deleted_path?": "where deletions are listed, with {since} and {cursor}",
        "secrets.token?": "what we show there, as a bearer token",
    }
    setup = (
        "let your system send Standard Webhooks with the contact JSON of docs/crm.md to {url}",
        "signed with the secret {secret}",
    )
    kept_headers = ("webhook-id",)

    def __init__(
        self, connection: Connection, web: Web | None = None, tokens: TokenCache | None = None
    ) -> None:
        super().__init__(connection, web, tokens)
        given = {name for name in _PATHS if connection.account.get(name)}
        self.searches = "search_path" in given
        self.reads = given >= {"contact_path", "changes_path"}
        self.lists_deletions = "deleted_path" in given

    def verify(self, delivery: Delivery) -> None:
        """See the port; `v1` signatures only, within five minutes to both sides."""
        secrets = self.connection.webhook_secrets()
        verify_webhook(delivery.headers, delivery.body, secrets, now_s=delivery.received_at)

    def parse(self, delivery: Delivery) -> Parsed:
        """See the port; one event, or a list of them."""
        body = read_json(delivery.body)
        events = body if isinstance(body, list) else [body]
        if len(events) > MAX_EVENTS:
            raise PayloadError("body", f"at most {MAX_EVENTS} events")
        hints: list[Hint] = []
        problems: list[str] = []
        word = delivery.headers.get("webhook-id", "")
        for place, event in enumerate(events):
            try:
                found = tuple(self._hints(event))
            except PayloadError as error:
                if not isinstance(body, list):
                    raise
                problems.append(f"[{place}].{error}")
                continue
            for number, hint in enumerate(found):
                # The event's own word and its place: a delivery that comes again is the same.
                own = word if len(events) == len(found) == 1 else f"{word}/{place}/{number}"
                hints.append(hint._replace(delivery=own if word else ""))
        return Parsed(tuple(hints), tuple(problems))

    def fetch(self, record: str) -> Contact | None:
        """See the port."""
        # A path of dots leads elsewhere, however it is quoted.
        if not ID_PATTERN.fullmatch(f"{self.slug}:{record}") or record in {".", ".."}:
            return None
        answer = self._ask("contact_path", {"id": record})
        if answer.status == _GONE:
            return None
        if answer.status == _NOT_FOUND:
            # A page is a proxy's, or somebody's who is just replacing the system.
            if not isinstance(answer.json(), dict):
                raise UnavailableError("malformed")
            return None
        try:
            contact = _contact(expect_success(answer).json(), 0)
        except PayloadError as error:
            raise UnavailableError("malformed") from error
        return contact if contact.id == f"{self.slug}:{record}" else None

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        """See the port; one request."""
        if not variants and not number:
            return ()
        words = {
            "number": number,
            "digits": number.removeprefix("+"),
            "spellings": ",".join(dict.fromkeys((number, *variants))),
        }
        answer = self._ask("search_path", words, timeout_s=timeout_s)
        return _contacts(expect_success(answer).json())

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        """See the port."""
        page = self._page("changes_path", since_ms, cursor)
        return Records(_contacts(page), cursor=_cursor(page))

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        """See the port."""
        if not self.lists_deletions:
            return Records()
        page = self._page("deleted_path", since_ms, cursor)
        if not isinstance(page.get("deleted"), list):
            raise UnavailableError("malformed")
        told = [as_dict(one) for one in as_list(page.get("deleted"))]
        return Records(
            deleted=tuple(
                (as_text(one.get("id")), as_milliseconds(one.get("deleted_at")))
                for one in told
                if ID_PATTERN.fullmatch(f"{self.slug}:{as_text(one.get('id'))}")
            ),
            cursor=_cursor(page),
        )

    def check(self) -> str:
        """See the port; each address that is set is tried."""
        account = self.connection.account
        secrets = self.connection.webhook_secrets()
        if not all(secret_key(secret) for secret in secrets):
            raise PayloadError("secrets.webhook_secrets", _SECRETS)
        given = [name for name in _PATHS if account.get(name)]
        base = account.get("base_url", "")
        if (given or base) and not base.startswith(("https://", "http://")):
            raise PayloadError("account.base_url", _BASE)
        for name in given:
            if not any(word in account[name] for word in _PATHS[name].replace(",", "").split()):
                raise PayloadError(f"account.{name}", f"a path with {_PATHS[name]}")
        for name, other in (("contact_path", "changes_path"), ("changes_path", "contact_path")):
            if account.get(name) and not account.get(other):
                raise PayloadError(f"account.{other}", f"a path: {name} is of no use alone")
        if self.reads:
            self._probe()
        if self.searches:
            self.find_by_number((), "+390000000000", 10.0)
        if self.lists_deletions:
            self.deleted_since(0)
        return base.partition("://")[2] if given else "webhooks only"

    def _probe(self) -> None:
        self.modified_since(0)
        try:
            self.fetch("centralino-check")
        except UnavailableError as error:
            if error.reason != "malformed":
                raise
            expected = "a path that answers JSON, with status 404 too where there is no contact"
            raise PayloadError("account.contact_path", expected) from None

    def _page(self, path: str, since_ms: int, cursor: str) -> dict[str, Any]:
        from centralino.domain.moments import from_milliseconds  # noqa: PLC0415 - see the port

        if len(cursor) > MAX_CURSOR:
            raise PayloadError("cursor", "one of ours")
        since = from_milliseconds(since_ms).isoformat(timespec="milliseconds")
        words = {
            "since": since.replace("+00:00", "Z"),
            "since_ms": str(since_ms),
            "cursor": cursor,
        }
        return as_dict(expect_success(self._ask(path, words)).json())

    def _ask(
        self, path: str, words: Mapping[str, str], *, timeout_s: float | None = None
    ) -> Answer:
        from urllib.parse import quote  # noqa: PLC0415 - the receiver asks nobody

        template = self.connection.account.get(path)
        if not template:
            raise PayloadError(f"account.{path}", "a path")
        for word, value in words.items():
            template = template.replace(f"{{{word}}}", quote(value, safe=""))
        token = self.connection.secret("token")
        headers = {"accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        url = f"{self.connection.account.get('base_url', '').rstrip('/')}{template}"
        return self.web.send("GET", url, headers=headers, timeout_s=timeout_s)

    def _hints(self, event: object) -> Iterator[Hint]:
        """Give the hints of one event.

        Raises:
            PayloadError: a field is not what it has to be.
        """
        if not isinstance(event, dict):
            raise PayloadError("body", "an event, or a list of events")
        word = as_text(event.get("type"))
        if word not in _OPERATIONS and word != _MERGED:
            raise PayloadError("type", f"one of {', '.join((*_OPERATIONS, _MERGED))}")
        at_ms = as_milliseconds(event.get("timestamp"))
        if not at_ms:
            raise PayloadError("timestamp", _TIME)
        data = as_dict(event.get("data"))
        record = _record(data, "data.id")
        if word == _MERGED:
            yield from self._merged(data, record, at_ms)
            return
        operation = _OPERATIONS[word]
        if operation in {"deleted", "erased"}:
            yield Hint(record, operation, at_ms)
        else:
            yield Hint(record, operation, at_ms, contact=_contact(data, at_ms, "data."))

    def _merged(self, data: Mapping[str, Any], record: str, at_ms: int) -> Iterator[Hint]:
        losers = data.get("merged_ids")
        if not isinstance(losers, list) or not losers:
            raise PayloadError("data.merged_ids", "a list of ids")
        for place, loser in enumerate(losers):
            gone = _record({"id": loser}, f"data.merged_ids[{place}]")
            if gone != record:
                yield Hint(gone, "deleted", at_ms)
        if any(name in data for name in _FIELDS):
            yield Hint(record, "changed", at_ms, contact=_contact(data, at_ms, "data."))
        elif self.reads:
            yield Hint(record, "changed", at_ms)


def _record(data: Mapping[str, Any], field: str) -> str:
    record = as_text(data.get("id"), 201)
    if not ID_PATTERN.fullmatch(f"{Adapter.slug}:{record}"):
        raise PayloadError(field, "an id of at most 200 characters, without #")
    return record


def _contact(data: object, at_ms: int, prefix: str = "") -> Contact:
    """Read a contact.

    Args:
        data: the JSON.
        at_ms: when it changed, where it doesn't say so itself; 0 if that isn't known either.
        prefix: what stands before its fields' names in an error.

    Raises:
        PayloadError: a field is not what it has to be.
    """
    from centralino.application.trim_contact import trim_contact  # noqa: PLC0415 - see the port
    from centralino.domain.contact import Contact  # noqa: PLC0415 - the same

    fields = as_dict(data)
    record = _record(fields, f"{prefix}id")
    updated_ms = as_milliseconds(fields.get("updated_at")) or at_ms
    if not updated_ms or ("updated_at" in fields and not as_milliseconds(fields["updated_at"])):
        raise PayloadError(f"{prefix}updated_at", _TIME)
    return trim_contact(
        Contact(
            id=f"{Adapter.slug}:{record}",
            version=updated_ms,
            first_name=as_text(fields.get("first_name")),
            last_name=as_text(fields.get("last_name")),
            company=as_text(fields.get("company")),
            numbers=_numbers(fields.get("numbers"), prefix),
            customer_code=as_text(fields.get("customer_code")),
            owner=as_text(fields.get("owner")),
            tags=tuple(as_text(tag) for tag in as_list(fields.get("tags"))),
            status=as_text(fields.get("status")),
            url=as_text(fields.get("url")),
            updated_at_ms=updated_ms,
        )
    )


def _numbers(value: object, prefix: str) -> tuple[ContactNumber, ...]:
    """Read a contact's numbers: none is none, but what can't be read takes none away."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_NUMBERS:
        raise PayloadError(f"{prefix}numbers", f"a list of at most {MAX_NUMBERS}")
    numbers = []
    for place, entry in enumerate(value):
        fields = entry if isinstance(entry, dict) else {"number": entry}
        given = fields.get("number")
        number = as_text(given)
        if not number:
            # Many send an empty text, or null, for a number that isn't there.
            if given is None or isinstance(given, str):
                continue
            raise PayloadError(f"{prefix}numbers[{place}].number", "text")
        kind = fields.get("kind", "other")
        if kind not in NUMBER_KINDS:
            expected = f"one of {', '.join(NUMBER_KINDS)}"
            raise PayloadError(f"{prefix}numbers[{place}].kind", expected)
        numbers.append(ContactNumber(number, kind, fields.get("primary") is True))
    return tuple(numbers)


def _contacts(answer: object) -> tuple[Contact, ...]:
    """Read a list of contacts; one that can't be read doesn't take the others along.

    Raises:
        UnavailableError: `malformed`, it is no list.
    """
    listed = answer.get("contacts") if isinstance(answer, dict) else answer
    if not isinstance(listed, list):
        raise UnavailableError("malformed")
    contacts = []
    for entry in listed:
        try:
            contacts.append(_contact(entry, 0))
        except PayloadError as error:
            _log.warning("a contact was left out: %s", error)
    return tuple(contacts)


def _cursor(page: Mapping[str, Any]) -> str:
    return as_text(page.get("cursor"), MAX_CURSOR)
