"""Zendesk Support: webhooks about end users, who are its contacts, and its users API.

An event names the user and no number, so the user is read again with its identities. Agents and
administrators are no contacts: they are the firm's own.

Signature: https://developer.zendesk.com/documentation/webhooks/verifying/
Events: https://developer.zendesk.com/api-reference/webhooks/event-types/user-events/
Users: https://developer.zendesk.com/api-reference/ticketing/users/users/
Listings: https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from urllib.parse import quote, urlencode, urlsplit

from centralino.domain.contact import MAX_NUMBERS, Contact, ContactNumber
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
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, ClassVar

    from centralino.ports.crm import Delivery, Operation
    from centralino.ports.tokens import Token
    from centralino.ports.web import Answer

_SIGNATURE = "x-zendesk-webhook-signature"
_TIMESTAMP = "x-zendesk-webhook-signature-timestamp"
# Zendesk names no limit; it tries again within minutes.
_WINDOW_S = 300.0
# What Zendesk signs its test requests with before a webhook is made is in its documentation.
_PUBLIC_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="  # noqa: S105
# Two of the documented types have a slash where the others have a colon; SDKs have either.
_PREFIXES = ("zen:event-type:user.", "zen:event-type/user.")
# What happens all the time and changes nothing that we keep.
_IRRELEVANT = {
    "default_group_changed",
    "group_membership_created",
    "group_membership_deleted",
    "last_login_changed",
    "notes_changed",
    "only_private_comments_changed",
    "password_changed",
    "photo_changed",
    "time_zone_changed",
}
_MAX_ID_DIGITS = 20
_MAX_WORD = 200
_MAX_CURSOR = 500
_PAGE = 500
_PAGE_S = 10.0  # how long users of a page are read
_PART = re.compile(r"(\d{1,20})@(.*)", re.ASCII | re.DOTALL)  # the user that a page is done up to
_SHOWN = 100  # as many as `show_many` takes
_FOUND = 10
_LEAST_SEARCHED = 4  # digits
_TAIL = 10
_NOT_FOUND, _GONE = 404, 410
_MAX_TEXT = 500
_MAX_NUMBER = 100
_MAX_TAGS = 50


class Adapter(Crm):
    """A connection to one Zendesk account.

    Account: `base_url`; `email`, of the administrator whose API token it is.
    Secrets: `token`, an API token, or without `email` an OAuth access token; `webhook_secrets`, the
    signing secret that Zendesk shows for the webhook, which it does once that has an address.
    """

    slug: ClassVar[str] = "zendesk"
    page_s: ClassVar[float] = _PAGE_S
    needs: ClassVar[Mapping[str, str]] = {
        "account.base_url": "Zendesk's address, https://example.zendesk.com",
        "account.email?": "the administrator's whose API token it is; none for an OAuth token",
        "secrets.token": "an administrator's API token, or an OAuth access token",
        "secrets.refresh_token?": "of an OAuth client, in the place of token",
        "secrets.client_id?": "of that client",
        "secrets.client_secret?": "of that client",
        "secrets.webhook_secrets?": "the webhook's signing secret, once Zendesk shows it",
    }
    instead: ClassVar[Mapping[str, str]] = {"secrets.token": "secrets.refresh_token"}
    setup: ClassVar[tuple[str, ...]] = (
        "in Admin Center > Apps and integrations > Webhooks make a webhook on Zendesk events",
        "subscribe it to users created, deleted and merged, and to their active status changed",
        "subscribe it to users' name, role, tags and external id changed",
        "subscribe it to users' identities and organization memberships, whatever happens to them",
        "endpoint {url}, method POST, format JSON, no authentication",
        "then connect again with the signing secret that it shows: webhook_secrets",
    )

    def verify(self, delivery: Delivery) -> None:
        """Check the signature of time and body, and that the time is ours."""
        signature = delivery.headers.get(_SIGNATURE, "").encode("utf-8", "replace")
        timestamp = delivery.headers.get(_TIMESTAMP, "")
        at_ms = _milliseconds(timestamp)
        if not signature or abs(at_ms / 1000 - delivery.received_at) > _WINDOW_S:
            raise CredentialsError("no signature, or one of another time")
        signed = timestamp.encode("utf-8", "replace") + delivery.body
        good = [
            hmac.compare_digest(signature, sign(secret, signed))
            for secret in self.connection.webhook_secrets()
            if secret != _PUBLIC_SECRET
        ]
        if not any(good):
            raise CredentialsError("another signature")

    def parse(self, delivery: Delivery) -> Parsed:
        """Say which user changed; an event of something else, or of no interest, gives nothing."""
        try:
            body = json.loads(delivery.body)
        except (ValueError, RecursionError):
            raise PayloadError("body", "JSON") from None
        if not isinstance(body, dict) or not isinstance(body.get("type"), str):
            raise PayloadError("type", "an event's type")
        prefix = next((text for text in _PREFIXES if body["type"].startswith(text)), None)
        if prefix is None:
            return Parsed(())
        kind = body["type"].removeprefix(prefix)
        if kind in _IRRELEVANT:
            return Parsed(())
        event, detail = _struct(body.get("event")), _struct(body.get("detail"))
        record = _id(detail.get("id")) or _id(str(body.get("subject")).removeprefix("zen:user:"))
        if not record:
            raise PayloadError("detail.id", "a user's id")
        at_ms = _milliseconds(body.get("time"))
        word = body.get("id")
        word = word if isinstance(word, str) and len(word) <= _MAX_WORD else ""
        if kind == "merged":
            other = _id(_struct(event.get("user")).get("id"))
            return Parsed(tuple(_merged(record, other, at_ms, word)))
        operation: Operation = "changed"
        if kind == "deleted" or (kind == "active_changed" and event.get("current") is False):
            operation = "deleted"
        elif kind == "active_changed" and event.get("current") is True:
            operation = "restored"
        return Parsed((Hint(record, operation, at_ms, word),))

    def fetch(self, record: str) -> Contact | None:
        """Read a user and its identities; one that is deleted, or works here, is no contact."""
        if not _id(record):
            return None
        answer = self._get_if_there(f"users/{record}.json", {"include": "organizations"})
        if answer is None:
            return None
        user = _struct(answer.get("user"))
        if _id(user.get("id")) != record:
            raise UnavailableError("malformed")
        if not _is_contact(user):
            return None
        identities = self._identities(record)
        if identities is None:
            return None
        return self._contact(user, identities, _names(answer))

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        """Search for numbers that end in these digits, and read whoever is found.

        A result has no identities, and what is found is kept: half a contact would take its other
        numbers away.
        """
        digits = _searched(variants, number)
        if len(digits) < _LEAST_SEARCHED:
            return ()
        until_s = time.monotonic() + timeout_s
        asked = {"query": f"role:end-user phone:*{digits}", "per_page": str(_FOUND)}
        found = _structs(self._get("search.json", asked, until_s), "results")
        ids = [_id(user.get("id")) for user in found if user.get("result_type", "user") == "user"]
        return tuple(self._shown([one for one in ids if one][:_FOUND], until_s))

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        """List by the incremental export; what changed in the last minute it leaves out.

        A page ends early where the time is over or Zendesk doesn't answer any more, so that what
        was read is never read again.
        """
        part = _PART.fullmatch(cursor)
        place = part[2] if part else cursor
        users, after = self._export(since_ms, place)
        ids = [_id(user.get("id")) for user in users if _is_contact(user)]
        if part and part[1] in ids:
            ids = ids[ids.index(part[1]) + 1 :]
        until_s = time.monotonic() + self.page_s
        contacts: list[Contact] = []

        def in_time() -> None:
            if contacts and time.monotonic() >= until_s:
                raise UnavailableError("timeout")

        try:
            for start in range(0, len(ids), _SHOWN):
                in_time()
                for contact in self._shown(ids[start : start + _SHOWN], None, in_time):
                    contacts.append(contact)  # noqa: PERF402 - those before an error count
        except UnavailableError:
            if not contacts:
                raise
            after = f"{contacts[-1].id.partition(':')[2]}@{place}"
        return Records(tuple(contacts), cursor=after)

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        """List, by the same export, who was deleted, or is no longer a customer."""
        users, after = self._export(since_ms, cursor)
        deleted = tuple(
            (_id(user.get("id")), _milliseconds(user.get("updated_at")))
            for user in users
            if not _is_contact(user)
        )
        return Records(deleted=deleted, cursor=after)

    def check(self) -> str:
        """Say whose the credentials are; the listings are for administrators only."""
        if urlsplit(self._base()).scheme not in ("https", "http"):
            raise PayloadError("account.base_url", self.needs["account.base_url"])
        if not self.connection.secret("token"):
            raise PayloadError("secrets.token", self.needs["secrets.token"])
        if _PUBLIC_SECRET in self.connection.webhook_secrets():
            expected = f"{self.needs['secrets.webhook_secrets?']}, not that of its test requests"
            raise PayloadError("secrets.webhook_secrets", expected)
        user = _struct(self._get("users/me.json", {}).get("user"))
        # Whoever isn't known is told so with a 200, and is nobody.
        if "id" not in user:
            raise UnavailableError("malformed")
        if not _id(user["id"]):
            raise RejectedError("credentials")
        if user.get("role") != "admin":
            expected = "an administrator's: others may not list users"
            raise PayloadError("secrets.token", expected)
        return f"an administrator of {urlsplit(self._base()).hostname}"

    # --- reading users ---------------------------------------------------------------------------

    def _export(self, since_ms: int, cursor: str) -> tuple[list[dict[str, Any]], str]:
        """Return a page of users, the oldest change first, and the cursor of the next page."""
        if len(cursor) > _MAX_CURSOR:
            raise PayloadError("cursor", "one that this listing gave")
        start = {"cursor": cursor} if cursor else {"start_time": str(max(0, since_ms) // 1000)}
        answer = self._get("incremental/users/cursor.json", {**start, "per_page": str(_PAGE)})
        users = _structs(answer, "users")
        after = answer.get("after_cursor")
        if not isinstance(after, (str, type(None))) or not all(_id(u.get("id")) for u in users):
            raise UnavailableError("malformed")
        ended = answer.get("end_of_stream", True)
        return users, "" if ended else after or ""

    def _shown(
        self, ids: list[str], until_s: float | None, before: Callable[[], object] = int
    ) -> Iterable[Contact]:
        """Read some users at once, with their identities and organisations, in this order.

        Args:
            ids: the users'.
            until_s: a moment of the monotonic clock.
            before: called before each request for one user alone.
        """
        if not ids:
            return
        asked = {"ids": ",".join(ids), "include": "identities,organizations"}
        answer = self._get("users/show_many.json", asked, until_s)
        users, names = _structs(answer, "users"), _names(answer)
        order = {record: place for place, record in enumerate(ids)}
        users.sort(key=lambda user: order.get(_id(user.get("id")), 0))
        together = _structs(answer, "identities") if "identities" in answer else None
        for user in users:
            record = _id(user.get("id"))
            if not record:
                raise UnavailableError("malformed")
            if not _is_contact(user):
                continue
            if together is None:
                before()
                identities = self._identities(record, until_s)
            else:
                identities = [one for one in together if _id(one.get("user_id")) == record]
            if identities is not None:
                yield self._contact(user, identities, names)

    def _identities(self, record: str, until_s: float | None = None) -> list[dict[str, Any]] | None:
        path = f"users/{record}/identities.json"
        answer = self._get_if_there(path, {"page[size]": str(_SHOWN)}, until_s)
        return None if answer is None else _structs(answer, "identities")

    def _contact(
        self,
        user: Mapping[str, Any],
        identities: Iterable[Mapping[str, Any]],
        names: Mapping[str, str],
    ) -> Contact:
        record, modified_ms = _id(user.get("id")), _milliseconds(user.get("updated_at"))
        if not modified_ms:
            raise UnavailableError("malformed")
        # The profile's number is one of the identities too, unless somebody shares it.
        values = [user.get("phone")]
        values += [one.get("value") for one in identities if one.get("type") == "phone_number"]
        written = {text[:_MAX_NUMBER]: None for text in map(_text, values) if text}
        tags = user.get("tags")
        return Contact(
            id=f"{self.slug}:{record}",
            version=modified_ms,
            last_name=_text(user.get("name")),
            company=names.get(_id(user.get("organization_id")), ""),
            numbers=tuple(
                ContactNumber(text, "work", primary=not place)
                for place, text in enumerate(list(written)[:MAX_NUMBERS])
            ),
            customer_code=_text(user.get("external_id")),
            tags=tuple(filter(None, map(_text, tags if isinstance(tags, list) else ())))[
                :_MAX_TAGS
            ],
            status="suspended" if user.get("suspended") is True else "",
            url=f"{self._base()}/agent/users/{record}",
            updated_at_ms=modified_ms,
        )

    # --- HTTP ------------------------------------------------------------------------------------

    def _get(
        self, path: str, query: Mapping[str, str], until_s: float | None = None
    ) -> dict[str, Any]:
        """Get a resource, within a moment of the monotonic clock if one is given."""
        return _object(self._send(path, query, until_s))

    def _get_if_there(
        self, path: str, query: Mapping[str, str], until_s: float | None = None
    ) -> dict[str, Any] | None:
        """Get a resource that may be gone."""
        answer = self._send(path, query, until_s)
        if answer.status not in (_NOT_FOUND, _GONE):
            return _object(answer)
        # Its own words: a 404 of something before it would have us forget everybody.
        told = _struct(answer.json()).get("error")
        if told != "RecordNotFound" and not (answer.status == _GONE and told):
            raise UnavailableError("malformed")
        return None

    def _send(self, path: str, query: Mapping[str, str], until_s: float | None) -> Answer:
        from centralino.application.oauth import Grant, ask_with_token, renew_token  # noqa: PLC0415

        asked = f"?{urlencode(query, quote_via=quote)}" if query else ""

        def left_s() -> float | None:
            return None if until_s is None else until_s - time.monotonic()

        def send(authorization: str) -> Answer:
            headers = {
                "authorization": authorization,
                "accept": "application/json",
                "user-agent": "centralino",
            }
            url = f"{self._base()}/api/v2/{path}{asked}"
            return self.web.send("GET", url, headers=headers, timeout_s=left_s())

        def renew(before: Token | None) -> Token:
            # A renewal ends the access token and the refresh token of before.
            # https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/
            grant = Grant(f"{self._base()}/oauth/tokens", as_json=True)
            return renew_token(self.web, grant, self.connection, before, timeout_s=left_s())

        if not self.connection.secret("refresh_token"):
            return send(self._authorization())
        return ask_with_token(self.tokens, renew, lambda access: send(f"Bearer {access}"), left_s())

    def _authorization(self) -> str:
        token, email = self.connection.secret("token"), self.connection.account.get("email")
        if not email:
            return f"Bearer {token}"
        return f"Basic {base64.b64encode(f'{email}/token:{token}'.encode()).decode()}"

    def _base(self) -> str:
        base = self.connection.account.get("base_url")
        if not base:
            raise PayloadError("account.base_url", self.needs["account.base_url"])
        return base.rstrip("/")


def sign(secret: str, signed: bytes) -> bytes:
    """Return the signature of a time and a body, one after the other; the secret is its text."""
    return base64.b64encode(hmac.digest(secret.encode("utf-8", "replace"), signed, "sha256"))


def _merged(record: str, other: str, at_ms: int, word: str) -> Iterable[Hint]:
    """Give both users of a merge: nothing says for sure which of them is left, so both are read."""
    yield Hint(record, "changed", at_ms, word)
    if other and other != record:
        yield Hint(other, "changed", at_ms, f"{word}:{other}" if word else "")


def _is_contact(user: Mapping[str, Any]) -> bool:
    return user.get("active") is not False and user.get("role", "end-user") == "end-user"


def _names(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the organisations' names by their ids; a list that isn't there is empty."""
    organizations = _structs(answer, "organizations") if "organizations" in answer else []
    return {_id(one.get("id")): _text(one.get("name")) for one in organizations}


def _searched(variants: Sequence[str], number: str) -> str:
    """Return the digits that a number ends in, however it is written, without a leading 0."""
    from centralino.domain.national import national_number  # noqa: PLC0415 - not the receiver's

    written = national_number(number) or (variants[0] if variants else "")
    return "".join(filter(str.isdecimal, written)).lstrip("0")[-_TAIL:]


def _object(answer: Answer) -> dict[str, Any]:
    found = expect_success(answer).json()
    if not isinstance(found, dict):
        raise UnavailableError("malformed")
    return found


def _struct(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _structs(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UnavailableError("malformed")
    return found


def _id(value: object) -> str:
    """Return an id, which is a number in the API and a text in events; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return ""
    if isinstance(value, int) and not 0 < value < 10**_MAX_ID_DIGITS:
        return ""
    text = str(value)
    good = text.isascii() and text.isdecimal() and len(text) <= _MAX_ID_DIGITS
    return text if good else ""


def _text(value: object) -> str:
    return value.strip()[:_MAX_TEXT] if isinstance(value, str) else ""


def _milliseconds(value: object) -> int:
    """Read an ISO 8601 time with its zone; 0 for anything else."""
    from datetime import datetime  # noqa: PLC0415 - rather small, and only once a signature is there

    from centralino.domain.moments import to_milliseconds  # noqa: PLC0415

    if not isinstance(value, str) or not value.isascii():
        return 0
    try:
        at = datetime.fromisoformat(value)
        return max(0, to_milliseconds(at)) if at.tzinfo else 0
    except (ValueError, OverflowError):
        return 0
