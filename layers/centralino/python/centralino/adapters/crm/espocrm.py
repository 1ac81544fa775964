"""EspoCRM 8 to 10: contacts, leads and accounts; one webhook, URL and secret for each event.

Webhooks: https://docs.espocrm.com/administration/webhooks/
API: https://docs.espocrm.com/development/api/ and .../api-search-params/
What these leave open was read in the source (espocrm/espocrm, application/Espo/Core/Webhook and
Core/Select, Core/Api/ErrorOutput).
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from time import monotonic

from centralino.domain.crm_values import (
    as_dict,
    as_list,
    as_milliseconds,
    as_text,
    is_among,
    read_json,
)
from centralino.domain.errors import CredentialsError, PayloadError, UnavailableError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.crm import Crm, Delivery, Hint, Parsed, Records
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from centralino.domain.contact import Contact, ContactNumber
    from centralino.ports.web import Answer

MAX_EVENTS = 1000  # Espo sends 50 at most
PAGE = 100
PAGE_S = 10.0  # how long records of a page are read one by one
FOUND = 10
# entity -> what its records' ids begin with among our own
_PREFIXES = {"Contact": "", "Lead": "lead-", "Account": "company-"}
_EVENT = re.compile(r"([A-Za-z]{1,40})\.(create|update|delete|fieldUpdate\.[A-Za-z0-9]{1,100})")
# Espo's own ids, those of an import, and UUIDs; none can be taken for one with a prefix.
_ID = re.compile(r"[A-Za-z0-9]{1,40}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CURSOR = re.compile(r"([A-Za-z]{1,40}):([A-Za-z0-9-]{0,40})")
_KINDS = {"Mobile": "mobile", "Office": "work", "Home": "home", "Fax": "fax"}
_FIELDS = {
    "Contact": "firstName,lastName,accountName,assignedUserName",
    "Lead": "firstName,lastName,accountName,assignedUserName,status",
    "Account": "name,assignedUserName",
}
_ALWAYS = "id,phoneNumber,phoneNumberData,modifiedAt,createdAt"
_BASE = "the address of the CRM, https://crm.example.com"
_ENTITIES = "some of Contact,Lead,Account"


class Adapter(Crm):
    """EspoCRM.

    Account: `base_url`, `entities` (`Contact,Lead,Account`; the API user's role has to let it read
    them). Secrets: `webhook_secrets` (the secret keys of all its webhooks), `api_key` (an API
    user's).
    """

    slug = "espocrm"
    page_s = PAGE_S
    lists_deletions = False  # what is deleted can't be asked for
    needs = {  # noqa: RUF012 - the port's own kind of table
        "account.base_url": _BASE,
        "account.entities?": f"{_ENTITIES}; all of them unless told",
        "secrets.api_key": "an API user's key",
        "secrets.webhook_secrets?": "the secret keys of all its webhooks",
    }
    setup = (
        (
            "in Administration > Webhooks make one for each of Contact.create, Contact.update and "
            "Contact.delete, its URL {url}/Contact.create and so on; the same for Lead and Account"
        ),
        "then connect again with the secret keys of all of them: webhook_secrets, a list",
    )

    def verify(self, delivery: Delivery) -> None:
        """See the port; nothing is signed but the body, so a delivery can be played again."""
        secrets = self.connection.webhook_secrets()
        keys = [secret.encode("utf-8", "replace") for secret in secrets]
        if "signature" in delivery.headers:  # since Espo 9
            given, is_hex = delivery.headers["signature"], True
        else:  # until Espo 10
            given, is_hex = delivery.headers.get("x-signature", ""), False
        try:
            # The webhook's id stands before it, and isn't signed.
            sent = b64decode(given, validate=True).partition(b":")[2]
        except ValueError:
            sent = b""
        digests = [hmac.digest(key, delivery.body, "sha256") for key in keys]
        expected = [digest.hex().encode() if is_hex else digest for digest in digests]
        # All of them are compared, so that the time says nothing.
        if not sum(hmac.compare_digest(sent, one) for one in expected):
            raise CredentialsError("the signature is missing or wrong")

    def parse(self, delivery: Delivery) -> Parsed:
        """See the port; the URL says what happened, for the body doesn't."""
        event = _EVENT.fullmatch(delivery.event)
        if not event or event[1] not in _PREFIXES:
            raise PayloadError("event", "Contact.create or another event in the webhook's URL")
        body = read_json(delivery.body)
        if not isinstance(body, list) or len(body) > MAX_EVENTS:
            raise PayloadError("body", f"a list of at most {MAX_EVENTS} records")
        hints: list[Hint] = []
        problems: list[str] = []
        for place, entry in enumerate(body):
            record = as_text(as_dict(entry).get("id"))
            if not _ID.fullmatch(record):
                problems.append(f"[{place}].id: expected an id")
                continue
            record = f"{_PREFIXES[event[1]]}{record}"
            if event[2] == "delete":
                hints.append(Hint(record, "deleted"))
            else:
                hints.append(Hint(record, "changed", as_milliseconds(entry.get("modifiedAt"))))
        return Parsed(tuple(hints), tuple(problems))

    def fetch(self, record: str) -> Contact | None:
        """See the port."""
        for entity, prefix in reversed(_PREFIXES.items()):
            if record.startswith(prefix):
                found = self._read(entity, record.removeprefix(prefix))
                return self._contact(entity, found) if found else None
        return None

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        """See the port; Espo keeps the digits of every number, as they were typed."""
        digits = ["".join(filter(str.isdigit, text)) for text in (number, *variants)]
        values = [text for text in dict.fromkeys(digits) if text]
        if not values:
            return ()
        until = monotonic() + timeout_s
        found: list[Contact] = []
        for entity in self._entities():
            try:
                listed = self._search(entity, values, until - monotonic())
            except UnavailableError:
                # Whoever has the number is the caller, whoever else may have it.
                if is_among(number, found, self.connection.country):
                    break
                raise
            found += [self._contact(entity, entry) for entry in listed]
        return tuple(found)

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        """See the port; in the order of ids, so that no change moves a record between pages."""
        entities = self._entities()
        entity, after = entities[0], ""
        if cursor:
            place = _CURSOR.fullmatch(cursor)
            if not place or place[1] not in entities:
                raise PayloadError("cursor", "one of ours")
            entity, after = place[1], place[2]
        where: list[tuple[str, str, object]] = []
        if since_ms:
            where.append(("greaterThanOrEquals", "modifiedAt", _espo_time(since_ms)))
        if after:
            where.append(("greaterThan", "id", after))
        listed = self._list(entity, where, PAGE)
        whole, last = self._whole(entity, listed)
        if listed:
            contacts = tuple(self._contact(entity, entry) for entry in whole)
            return Records(contacts, cursor=f"{entity}:{last}")
        following = entities[entities.index(entity) + 1 :]
        return Records(cursor=f"{following[0]}:" if following else "")

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:  # noqa: ARG002 - the port's
        """See the port; Espo has no way to ask for what was deleted."""
        return Records()

    def check(self) -> str:
        """See the port."""
        if not self.connection.account.get("base_url", "").startswith(("https://", "http://")):
            raise PayloadError("account.base_url", _BASE)
        if not self.connection.secret("api_key"):
            raise PayloadError("secrets.api_key", "an API user's key")
        user = as_dict(expect_success(self._send("App/user")).json()).get("user")
        if not isinstance(user, dict):
            raise UnavailableError("malformed")
        for entity in self._entities():
            self._list(entity, [], 1)
        return f"EspoCRM user {as_text(user.get('userName'), 100)}"

    def _search(self, entity: str, digits: list[str], left_s: float) -> list[dict[str, Any]]:
        if left_s <= 0:
            raise UnavailableError("timeout")
        where = [("in", "phoneNumberNumeric", digits)]
        return self._list(entity, where, FOUND, timeout_s=left_s)

    def _entities(self) -> tuple[str, ...]:
        given = self.connection.account.get("entities") or ",".join(_PREFIXES)
        entities = tuple(dict.fromkeys(word.strip() for word in given.split(",")))
        if not set(entities) <= set(_PREFIXES):
            raise PayloadError("account.entities", _ENTITIES)
        return entities

    def _read(self, entity: str, number: str) -> dict[str, Any] | None:
        if not _ID.fullmatch(number):
            return None
        answer = self._send(f"{entity}/{number}")
        if answer.status == 404:  # noqa: PLR2004 - HTTP's own
            # Its API says why in a header, and nothing in the body; a proxy's page has no such
            # header, and Espo's own pages, which do, are not of its API.
            if "x-status-reason" not in answer.headers or answer.body.lstrip().startswith(b"<"):
                raise UnavailableError("malformed")
            return None
        found = _entry(expect_success(answer).json())
        return None if found.get("deleted") is True else found

    def _list(
        self,
        entity: str,
        where: Sequence[tuple[str, str, object]],
        size: int,
        timeout_s: float | None = None,
    ) -> list[dict[str, Any]]:
        words: list[tuple[str, str]] = [
            ("select", f"{_ALWAYS},{_FIELDS[entity]}"),
            ("orderBy", "id"),
            ("order", "asc"),
            ("maxSize", str(size)),
        ]
        for place, (kind, attribute, value) in enumerate(where):
            words += [(f"where[{place}][type]", kind), (f"where[{place}][attribute]", attribute)]
            if isinstance(value, list):
                words += [(f"where[{place}][value][]", text) for text in value]
            else:
                words.append((f"where[{place}][value]", str(value)))
        answer = expect_success(self._send(entity, words, timeout_s))
        listed = as_dict(answer.json()).get("list")
        if not isinstance(listed, list):
            raise UnavailableError("malformed")
        return [_entry(one) for one in listed]

    def _whole(
        self, entity: str, listed: Sequence[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], str]:
        """Read again what a list shows without its other numbers, lest they be taken for gone.

        Returns:
            The records, and the last one's id: a page ends early where the time is over or Espo
            doesn't answer any more, so that what was read is never read again.
        """
        until = monotonic() + self.page_s
        whole: list[dict[str, Any] | None] = []
        last = ""
        for one in listed:
            if "phoneNumberData" in one:
                whole.append(one)
            elif last and monotonic() >= until:
                break
            else:
                try:
                    whole.append(self._read(entity, one["id"]))
                except UnavailableError:
                    if not last:
                        raise
                    break
            last = one["id"]
        return [one for one in whole if one is not None], last

    def _contact(self, entity: str, found: Mapping[str, Any]) -> Contact:
        from centralino.application.trim_contact import trim_contact  # noqa: PLC0415 - see the port
        from centralino.domain.contact import Contact  # noqa: PLC0415 - the same

        number = as_text(found["id"])
        is_company = entity == "Account"
        modified_ms = as_milliseconds(found.get("modifiedAt")) or as_milliseconds(
            found.get("createdAt")
        )
        base = self.connection.account.get("base_url", "").rstrip("/")
        return trim_contact(
            Contact(
                id=f"espocrm:{_PREFIXES[entity]}{number}",
                version=modified_ms,
                first_name="" if is_company else as_text(found.get("firstName")),
                last_name="" if is_company else as_text(found.get("lastName")),
                company=as_text(found.get("name" if is_company else "accountName")),
                numbers=_numbers(found, is_company=is_company),
                owner=as_text(found.get("assignedUserName")),
                status=as_text(found.get("status")),
                url=f"{base}/#{entity}/view/{number}",
                updated_at_ms=modified_ms,
            )
        )

    def _send(
        self, path: str, words: Sequence[tuple[str, str]] = (), timeout_s: float | None = None
    ) -> Answer:
        from urllib.parse import urlencode  # noqa: PLC0415 - the receiver asks nobody

        base = self.connection.account.get("base_url", "").rstrip("/")
        query = f"?{urlencode(words)}" if words else ""
        headers = {"x-api-key": self.connection.secret("api_key"), "accept": "application/json"}
        return self.web.send(
            "GET", f"{base}/api/v1/{path}{query}", headers=headers, timeout_s=timeout_s
        )


def _numbers(found: Mapping[str, Any], *, is_company: bool) -> tuple[ContactNumber, ...]:
    from centralino.domain.contact import ContactNumber  # noqa: PLC0415 - see the port

    listed = [as_dict(one) for one in as_list(found.get("phoneNumberData"))]
    if not listed:
        listed = [{"phoneNumber": found.get("phoneNumber"), "primary": True}]
    numbers = []
    for one in listed:
        kind = _KINDS.get(as_text(one.get("type")), "other")
        if is_company and kind in {"work", "other"}:
            kind = "switchboard"
        if one.get("invalid") is not True:
            text = as_text(one.get("phoneNumber"), 100)
            numbers.append(ContactNumber(text, kind, one.get("primary") is True))
    return tuple(numbers)


def _entry(answer: object) -> dict[str, Any]:
    """Return one record of an answer.

    Raises:
        UnavailableError: `malformed`, it is none.
    """
    found = as_dict(answer)
    if not _ID.fullmatch(as_text(found.get("id"))):
        raise UnavailableError("malformed")
    return found


def _espo_time(milliseconds: int) -> str:
    from centralino.domain.moments import from_milliseconds  # noqa: PLC0415 - see the port

    return f"{from_milliseconds(milliseconds):%Y-%m-%d %H:%M:%S}"
