"""Pipedrive: webhooks of version 2 (the default since March 2025) and 1, API version 2.

It signs nothing: HTTP Basic, over TLS, is all there is. It wants a 2xx within ten seconds; ten
failures ban the webhook for half an hour, whose events are lost, and after three days of them it
is deleted. So everything authentic is acknowledged, whatever it is about.

https://pipedrive.readme.io/docs/guide-for-webhooks-v2
https://developers.pipedrive.com/docs/api/v1/Persons
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from urllib.parse import urlencode

from centralino.domain.contact import MAX_NUMBERS, Contact, ContactNumber
from centralino.domain.crm_values import as_dict, as_milliseconds, as_text, as_whole, read_json
from centralino.domain.errors import (
    CredentialsError,
    PayloadError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.crm import Crm, Hint, Parsed, Records
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any, ClassVar

    from centralino.ports.crm import Delivery, Operation
    from centralino.ports.tokens import Token
    from centralino.ports.web import Answer

# It may have 500; with the names of as many organisations that would be six requests.
PAGE = 200
MAX_IDS = 100  # the most that a list may be asked for by id
MAX_FOUND = 10
WEBHOOK_USER = "centralino"
NOT_FOUND = 404
TOO_MANY = 429
FORBIDDEN = 403
CLOUDFLARE_RETRY_S = 300.0

_PERSON = "person"
# Version 2's words, then version 1's. Whatever they say, the record is read again, unless it is
# gone. A merge is told by `merged_to_id` and `merged_from_id` in version 2.
_OPERATIONS: dict[str, Operation] = {
    "create": "changed",
    "change": "changed",
    "delete": "deleted",
    "added": "changed",
    "updated": "changed",
    "merged": "changed",
    "deleted": "deleted",
}
# The labels that every account has; people make others up.
_KINDS = {"work": "work", "home": "home", "mobile": "mobile", "fax": "fax"}
# https://pipedrive.readme.io/docs/marketplace-oauth-authorization
OAUTH_URL = "https://oauth.pipedrive.com"
_MAX_NUMBER = 100
_MAX_ID = 20
_MAX_CURSOR = 500
_MAX_WORD = 500
_LEAST_MS = 10**11  # 1973, in milliseconds; a smaller count is of seconds


class Adapter(Crm):
    """A company in Pipedrive; its persons are the contacts.

    An organisation's name is read along with its persons; organisations have no numbers.

    Account: `base_url` (`https://acme.pipedrive.com`), `webhook_user` (`centralino` without it).
    Secrets: `api_token` of a user who sees everybody; `webhook_secrets`, the password that the
    webhook is to send.
    """

    slug: ClassVar[str] = "pipedrive"
    # The bin lists nothing, and after 30 days it is empty.
    lists_deletions = False
    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "your address there, as https://acme.pipedrive.com",
        "account.webhook_user?": "the user that the webhook sends, centralino without it",
        "account.oauth_url?": "where tokens are renewed, https://oauth.pipedrive.com without it",
        "secrets.api_token": "the API token of a user who sees all contacts (personal preferences)",
        "secrets.refresh_token?": "of an app with OAuth, in the place of api_token",
        "secrets.client_id?": "of that app",
        "secrets.client_secret?": "of that app",
    }
    instead: ClassVar[Mapping[str, str]] = {"secrets.api_token": "secrets.refresh_token"}
    setup: ClassVar[tuple[str, ...]] = (
        "as a user who sees everybody make a webhook in Settings > Tools and apps > Webhooks",
        "version 2, event action *, event object person",
        "endpoint {url}, HTTP auth username centralino, password {secret}",
    )

    # Inbound -------------------------------------------------------------------------------------

    def verify(self, delivery: Delivery) -> None:
        """Compare user and password with ours; the body is not part of it."""
        scheme, _, value = delivery.headers.get("authorization", "").strip().partition(" ")
        try:
            shown = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            shown = b""
        user = str(self.connection.account.get("webhook_user") or WEBHOOK_USER)
        found = False
        for secret in self.connection.webhook_secrets():
            # All of them, in equal time for equal lengths.
            found |= hmac.compare_digest(_bytes(f"{user}:{secret}"), shown)
        if not found or scheme.lower() != "basic":
            raise CredentialsError("not the user and password of this webhook")

    def parse(self, delivery: Delivery) -> Parsed:
        """Say which person changed or went; events of deals and the like are nothing to us."""
        body = read_json(delivery.body)
        meta = body.get("meta") if isinstance(body, dict) else None
        if not isinstance(meta, dict):
            raise PayloadError("meta", "what an event of Pipedrive is about")
        entity = meta.get("entity", meta.get("object"))
        if not isinstance(entity, str) or not entity:
            raise PayloadError("meta.entity", "the kind of the record")
        if entity != _PERSON:
            return Parsed(())
        action = meta.get("action")
        operation = _OPERATIONS.get(action) if isinstance(action, str) else None
        if operation is None:
            raise PayloadError("meta.action", "create, change or delete")
        if "entity" in meta:
            return _parse_v2(body, meta, operation)
        return _parse_v1(body, meta, operation)

    # Outbound ------------------------------------------------------------------------------------

    def fetch(self, record: str) -> Contact | None:
        """Read a person, and the name of its organisation."""
        if not _is_id(record):
            raise PayloadError("record", "a Pipedrive id, digits")
        answer = self._send(f"/api/v2/persons/{record}")
        if answer.status == NOT_FOUND:
            # Its own words: another server's 404 would have us forget everybody.
            if _body(answer).get("success") is not False:
                raise UnavailableError("malformed")
            return None
        person = _data(answer)
        if not isinstance(person, dict) or _id(person.get("id")) != record:
            raise UnavailableError("malformed")
        # For 30 days a deleted person is still there.
        if _is_deleted(person):
            return None
        return self._contact(person, self._organisations([person]))

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        """Search the phones for the national number: two requests, one to search, one to read.

        A search costs 40 of the day's tokens and ten are allowed in two seconds, so the spelling
        that is part of all others is the only one tried.
        """
        from centralino.domain.national import national_number  # noqa: PLC0415 - not for deliveries

        term = national_number(number) if variants else ""
        if not term:
            return ()
        ends = time.monotonic() + timeout_s
        query = {"term": term, "fields": "phone", "exact_match": "false", "limit": MAX_FOUND}
        found = _data(self._send("/api/v2/persons/search", query, timeout_s))
        items = found.get("items") if isinstance(found, dict) else None
        if not isinstance(items, list):
            raise UnavailableError("malformed")
        names: dict[str, str] = {}
        ids: list[str] = []
        for item in items:
            person = item.get("item") if isinstance(item, dict) else None
            if isinstance(person, dict) and (record := _id(person.get("id"))):
                ids.append(record)
                names.update(_named([person.get("organization")]))
        if not ids:
            return ()
        # What is found lacks the modified time, and with it the version.
        query = {"ids": ",".join(dict.fromkeys(ids)), "limit": MAX_IDS}
        persons = _rows(self._send("/api/v2/persons", query, ends - time.monotonic()))
        return tuple(self._contact(p, names) for p in persons if not _is_deleted(p))

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        """List persons, the oldest change first; the cursor is Pipedrive's own."""
        if len(cursor) > _MAX_CURSOR:
            raise PayloadError("cursor", "one of Pipedrive's")
        query = {"limit": PAGE, "sort_by": "update_time", "sort_direction": "asc"}
        if since_ms > 0:
            query["updated_since"] = _written(since_ms)
        if cursor:
            query["cursor"] = cursor
        answer = self._send("/api/v2/persons", query)
        persons = _rows(answer)
        names = self._organisations(persons)
        more = as_dict(_body(answer).get("additional_data")).get("next_cursor")
        return Records(
            contacts=tuple(self._contact(p, names) for p in persons if not _is_deleted(p)),
            deleted=tuple(
                (_required_id(p), _read_time(p.get("update_time")))
                for p in persons
                if _is_deleted(p)
            ),
            cursor=more if isinstance(more, str) else "",
        )

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:  # noqa: ARG002 - it can't say
        """List nothing: the API has no list of what was deleted."""
        return Records()

    def check(self) -> str:
        """Ask whose token it is."""
        for name in ("account.base_url", "secrets.api_token"):
            kind, _, field = name.partition(".")
            known = self.connection.account if kind == "account" else self.connection.secrets
            if not known.get(field) and not self.spares(name, self.connection.secrets):
                raise PayloadError(name, self.needs[name])
        me = as_dict(_data(self._send("/api/v1/users/me")))
        company = as_text(me.get("company_name"))
        if not company:
            raise UnavailableError("malformed")
        return f"{company[:100]} (Pipedrive)"

    def _send(
        self, path: str, query: Mapping[str, object] | None = None, timeout_s: float | None = None
    ) -> Answer:
        """Ask; a 404 is for the caller, all else that is no success is an error."""
        from centralino.application.oauth import ask_with_token  # noqa: PLC0415 - not the receiver's

        base = str(self.connection.account.get("base_url") or "").rstrip("/")
        url = f"{base}{path}?{urlencode(query)}" if query else f"{base}{path}"

        def send(name: str, value: str) -> Answer:
            headers = {"accept": "application/json", name: value}
            return self.web.send("GET", url, headers=headers, timeout_s=timeout_s)

        if self.connection.secret("refresh_token"):
            answer = ask_with_token(
                self.tokens,
                lambda before: self._renew(before, timeout_s),
                lambda access: send("authorization", f"Bearer {access}"),
                timeout_s,
            )
        else:
            answer = send("x-api-token", self.connection.secret("api_token"))
        if answer.status == NOT_FOUND and not query:
            return answer
        if answer.status == FORBIDDEN and b"cloudflare" in answer.body.lower():
            # Who goes on after too many 429s is shut out for a while, with a page of Cloudflare's.
            raise ThrottledError("throttled", CLOUDFLARE_RETRY_S)
        reset = answer.headers.get("x-ratelimit-reset", "")
        if answer.status == TOO_MANY and "retry-after" not in answer.headers and reset:
            answer = answer._replace(headers={**answer.headers, "retry-after": reset})
        return expect_success(answer)

    def _renew(self, before: Token | None, timeout_s: float | None) -> Token:
        from centralino.application.oauth import Grant, renew_token  # noqa: PLC0415

        secret = self.connection.secret
        client = base64.b64encode(f"{secret('client_id')}:{secret('client_secret')}".encode())
        base = (self.connection.account.get("oauth_url") or OAUTH_URL).rstrip("/")
        headers = {"authorization": f"Basic {client.decode()}"}
        # `api_domain` in the answer is not used: no answer may send our token elsewhere.
        grant = Grant(f"{base}/oauth/token", headers, client=False)
        return renew_token(self.web, grant, self.connection, before, timeout_s=timeout_s)

    def _organisations(self, persons: Collection[Mapping[str, Any]]) -> dict[str, str]:
        """Read the names of some persons' organisations, by their ids."""
        ids = list(dict.fromkeys(filter(None, (_id(person.get("org_id")) for person in persons))))
        names: dict[str, str] = {}
        for start in range(0, len(ids), MAX_IDS):
            query = {"ids": ",".join(ids[start : start + MAX_IDS]), "limit": MAX_IDS}
            names.update(_named(_rows(self._send("/api/v2/organizations", query))))
        return names

    def _contact(self, person: Mapping[str, Any], organisations: Mapping[str, str]) -> Contact:
        record = _required_id(person)
        version = _read_time(person.get("update_time")) or _read_time(person.get("add_time"))
        if not version:
            raise UnavailableError("malformed")
        first, last = as_text(person.get("first_name")), as_text(person.get("last_name"))
        base = str(self.connection.account.get("base_url") or "").rstrip("/")
        return Contact(
            id=f"{self.slug}:{record}",
            version=version,
            first_name=first,
            last_name=last if first or last else as_text(person.get("name")),
            company=organisations.get(_id(person.get("org_id")), ""),
            numbers=_numbers(person.get("phones", person.get("phone"))),
            owner=_id(person.get("owner_id")),
            url=f"{base}/person/{record}",
            updated_at_ms=version,
        )


def _parse_v2(body: Mapping[str, Any], meta: Mapping[str, Any], operation: Operation) -> Parsed:
    """Read an event of version 2; `meta.id` is the event's own, the same when it is sent again."""
    record = _id(meta.get("entity_id"))
    if not record:
        raise PayloadError("meta.entity_id", "a person's id")
    if operation == "changed" and _came_back(body.get("previous"), body.get("data")):
        operation = "restored"
    at_ms = _read_time(meta.get("timestamp"))
    word = meta.get("id")
    word = word if isinstance(word, str) and 0 < len(word) <= _MAX_WORD else ""
    hints = [Hint(record, operation, at_ms, word)]
    other_word = f"{word}/merge" if word else ""
    winner, loser = _id(meta.get("merged_to_id")), _id(meta.get("merged_from_id"))
    if operation == "deleted" and winner and winner != record:
        hints.append(Hint(winner, "changed", at_ms, other_word))
    elif operation != "deleted" and loser and loser != record:
        hints.insert(0, Hint(loser, "deleted", at_ms, other_word))
    return Parsed(tuple(hints))


def _parse_v1(body: Mapping[str, Any], meta: Mapping[str, Any], operation: Operation) -> Parsed:
    """Read an event of version 1; its `meta.id` is the person's, so no word tells it from others.

    Which of the two is left after a merge isn't documented: both are read again.
    """
    current, previous = as_dict(body.get("current")), as_dict(body.get("previous"))
    ids = [_id(meta.get("id")) or _id(current.get("id")) or _id(previous.get("id"))]
    if not ids[0]:
        raise PayloadError("meta.id", "a person's id")
    if meta.get("action") == "merged":
        others = (current.get("id"), previous.get("id"), current.get("merge_what_id"))
        ids += [_id(other) for other in others]
    elif operation == "changed" and _came_back(previous, current):
        operation = "restored"
    at_ms = as_whole(meta.get("timestamp_micro")) // 1000 or _read_time(meta.get("timestamp"))
    return Parsed(tuple(Hint(record, operation, at_ms) for record in dict.fromkeys(ids) if record))


def _came_back(before: object, now: object) -> bool:
    """Tell whether a person was in the bin before and isn't any more."""
    return _is_deleted(as_dict(before)) and not _is_deleted(as_dict(now))


def _is_deleted(person: Mapping[str, Any]) -> bool:
    return person.get("is_deleted") is True or person.get("active_flag") is False


def _numbers(phones: object) -> tuple[ContactNumber, ...]:
    """Read the phones: a list of objects; a text in old accounts."""
    entries = phones if isinstance(phones, list) else [phones]
    numbers: dict[str, ContactNumber] = {}
    for entry in entries:
        phone = entry if isinstance(entry, dict) else {"value": entry}
        value = as_text(phone.get("value"))
        if not value or len(value) > _MAX_NUMBER or value in numbers:
            continue
        kind = _KINDS.get(as_text(phone.get("label")).lower(), "other")
        numbers[value] = ContactNumber(value, kind, phone.get("primary") is True)
    return tuple(numbers.values())[:MAX_NUMBERS]


def _named(organisations: Collection[object]) -> dict[str, str]:
    """Return the names of organisations by their ids."""
    found = {}
    for organisation in map(as_dict, organisations):
        if record := _id(organisation.get("id")):
            found[record] = as_text(organisation.get("name"))
    return found


def _rows(answer: Answer) -> list[Mapping[str, Any]]:
    rows = _data(answer)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnavailableError("malformed")
    return rows


def _data(answer: Answer) -> Any:  # noqa: ANN401 - JSON is anything
    body = _body(answer)
    if body.get("success") is not True or "data" not in body:
        raise UnavailableError("malformed")
    return body["data"]


def _body(answer: Answer) -> Mapping[str, Any]:
    body = answer.json()
    if not isinstance(body, dict):
        raise UnavailableError("malformed")
    return body


def _id(value: object) -> str:
    """Return an id as digits; Pipedrive writes it as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return ""
    if isinstance(value, int):
        return str(value) if 0 < value < 10**_MAX_ID else ""
    return value if _is_id(value) else ""


def _is_id(text: str) -> bool:
    return len(text) <= _MAX_ID and text.isascii() and text.isdigit() and text[0] != "0"


def _required_id(person: Mapping[str, Any]) -> str:
    record = _id(person.get("id"))
    if not record:
        raise UnavailableError("malformed")
    return record


def _read_time(value: object) -> int:
    """Return milliseconds since 1970; 0 for what is no time.

    Version 2 writes ISO 8601, version 1 `2025-02-17 21:26:58` in UTC; of an event's `timestamp` the
    documentation says that it has ten digits (seconds), and shows it in ISO 8601.
    """
    milliseconds = as_milliseconds(value)
    return milliseconds * 1000 if 0 < milliseconds < _LEAST_MS else milliseconds


def _written(milliseconds: int) -> str:
    from datetime import UTC  # noqa: PLC0415 - the receiver does without

    from centralino.domain.moments import from_milliseconds  # noqa: PLC0415 - the same

    at = from_milliseconds(milliseconds).astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
