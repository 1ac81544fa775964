"""HubSpot: contacts and companies, webhooks of a private or public app.

Webhooks: https://developers.hubspot.com/docs/api/webhooks
Signatures: https://developers.hubspot.com/docs/api/webhooks/validating-requests
API: https://developers.hubspot.com/docs/api/crm/contacts, .../crm/companies, .../crm/search,
.../settings/account-information-api
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from time import monotonic

from centralino.domain.crm_values import (
    as_dict,
    as_list,
    as_milliseconds,
    as_text,
    as_whole,
    is_among,
    read_json,
)
from centralino.domain.errors import CredentialsError, PayloadError, UnavailableError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.crm import Crm, Delivery, Hint, Parsed, Records
from centralino.ports.web import expect_success

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from centralino.domain.contact import Contact
    from centralino.ports.crm import Operation
    from centralino.ports.tokens import Token
    from centralino.ports.web import Answer

WINDOW_MS = 5 * 60 * 1000
MAX_EVENTS = 1000  # the vendor sends 100 at most
PAGE = 100
FOUND = 10
# The vendor's table of what is decoded in the URI before a v3 signature is worked out.
_ESCAPES = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
_ESCAPE = re.compile("|".join(_ESCAPES), re.IGNORECASE)
# What happened, the part of `subscriptionType` behind the object. A merge is told below.
_OPERATIONS: Mapping[str, Operation] = {
    "creation": "changed",
    "propertyChange": "changed",
    "deletion": "deleted",
    "restore": "restored",
    "privacyDeletion": "erased",
}
# Nothing that we keep of a contact hangs on these.
_IGNORED = ("associationChange",)
_OBJECTS = {"contact": "contacts", "company": "companies", "0-1": "contacts", "0-2": "companies"}
_TYPE_IDS = {"contacts": "0-1", "companies": "0-2"}
_COMPANY = "company-"
_ID = re.compile(r"[0-9]{1,18}")
_CURSOR = re.compile(r"(contacts|companies):([a-zA-Z0-9=_-]{0,200})")
# property -> kind; the first is the one to dial
_NUMBERS = {
    "contacts": {
        "phone": "work",
        "mobilephone": "mobile",
        "hs_whatsapp_phone_number": "mobile",
        "fax": "fax",
    },
    "companies": {"phone": "switchboard"},
}
_OBJECTS_PATH = "/crm/v3/objects"
# Version 1 ends on 2027-02-16; version 3 has the same form and the same answer.
# https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide
_TOKEN_PATH = "/oauth/v3/token"  # noqa: S105 - a path
_PORTAL = "the account's number, as in its addresses"
_CALCULATED = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")
_MODIFIED = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate"}
_PROPERTIES = {
    "contacts": ("firstname", "lastname", "company", "hs_lead_status", "hubspot_owner_id"),
    "companies": ("name", "hubspot_owner_id"),
}
# HubSpot's own statuses: the record is locked for some seconds; the account is being moved.
_BUSY = (423, 477)


class Adapter(Crm):
    """HubSpot.

    One secret signs for every account that has installed an app, so the account's number is all
    that tells our events from those of others; without it nothing is accepted.

    Account: `portal_id` (that number), `objects` (`contacts,companies`; without companies the scope
    for them isn't needed), `signature` (`v3` to refuse the older ones, which sign no time),
    `app_url`, `base_url`.
    Secrets: `webhook_secrets` (the app's client secret), `token` (a private app's access token) or
    `refresh_token`, `client_id` and `client_secret` of an app with OAuth.
    """

    slug = "hubspot"
    needs = {  # noqa: RUF012 - the port's own kind of table
        "account.portal_id": _PORTAL,
        "account.objects?": "contacts,companies or one of them",
        "account.signature?": "v3 to refuse signatures without a time",
        "account.base_url?": "the API, https://api.hubapi.com unless told",
        "account.app_url?": "where people work, https://app.hubspot.com unless told",
        "secrets.token": "the private app's access token",
        "secrets.refresh_token?": "of an app with OAuth, in the place of token",
        "secrets.client_id?": "of that app",
        "secrets.client_secret?": "of that app",
        "secrets.webhook_secrets": "the app's client secret",
    }
    instead = {"secrets.token": "secrets.refresh_token"}  # noqa: RUF012 - as `needs`
    setup = (
        "in the app's webhook settings set the target URL {url}",
        "subscribe to contact and company creation, deletion, merge, restore and privacy deletion",
        "subscribe to changes of phone, mobilephone, firstname, lastname, company and name",
    )

    def verify(self, delivery: Delivery) -> None:
        """See the port; v3 has a window of five minutes to both sides."""
        if not self._portal():
            raise CredentialsError("no account is configured whose events would be ours")
        headers = delivery.headers
        secrets = [
            secret.encode("utf-8", "replace") for secret in self.connection.webhook_secrets()
        ]
        if "x-hubspot-signature-v3" in headers:
            given, signed = headers["x-hubspot-signature-v3"], _source_v3(delivery)
            expected = [b64encode(hmac.digest(key, signed, "sha256")) for key in secrets]
        elif self.connection.account.get("signature") == "v3":
            raise CredentialsError("expected a signature of version 3")
        else:
            given = headers.get("x-hubspot-signature", "")
            version = headers.get("x-hubspot-signature-version", "v1")
            if version not in {"v1", "v2"}:
                raise CredentialsError("expected a signature of version 1, 2 or 3")
            signed = delivery.body
            if version == "v2":
                signed = f"{delivery.method}{delivery.url}".encode() + delivery.body
            # A plain hash, as the vendor defines it.
            expected = [hashlib.sha256(key + signed).hexdigest().encode() for key in secrets]
        sent = given.encode("utf-8", "replace")
        # All of them are compared, so that the time says nothing.
        if not sum(hmac.compare_digest(sent, one) for one in expected):
            raise CredentialsError("the signature is missing or wrong")

    def parse(self, delivery: Delivery) -> Parsed:
        """See the port; in the order of `occurredAt`, for HubSpot sends them in none.

        Events of another account are no trouble of ours, and left out.
        """
        events = read_json(delivery.body)
        if not isinstance(events, list) or len(events) > MAX_EVENTS:
            raise PayloadError("body", f"a list of at most {MAX_EVENTS} events")
        portal = self._portal()
        hints: list[Hint] = []
        problems: list[str] = []
        for place, event in enumerate(events):
            try:
                hints += tuple(_hints(event, portal))
            except PayloadError as error:
                problems.append(f"[{place}].{error}")
        return Parsed(tuple(sorted(hints, key=_occurred_at)), tuple(problems))

    def fetch(self, record: str) -> Contact | None:
        """See the port; an id that was merged away answers with the winner, and is gone."""
        objects = "companies" if record.startswith(_COMPANY) else "contacts"
        number = record.removeprefix(_COMPANY)
        if not _ID.fullmatch(number):
            return None
        properties = ",".join(_wanted(objects))
        path = f"{_OBJECTS_PATH}/{objects}/{number}?properties={properties}"
        answer = self._send("GET", path)
        if answer.status == 404:  # noqa: PLR2004 - HTTP's own
            if not _says_not_found(answer.json()):
                raise UnavailableError("malformed")
            return None
        found = _object(expect_success(answer).json())
        if found.get("archived") is True or as_text(found["id"]) != number:
            return None
        return self._contact(objects, found)

    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        """See the port.

        HubSpot's own calculated number is without the country code; whether it keeps Italy's
        leading 0 is not documented, so both are asked for.
        """
        if not variants and not number:
            return ()
        until = monotonic() + timeout_s
        found: list[Contact] = []
        for objects in self._objects():
            groups = [{"filters": [one]} for one in _searched(objects, variants, number)]
            query = {"filterGroups": groups, "properties": _wanted(objects), "limit": FOUND}
            try:
                results = _results(self._search(objects, query, until - monotonic()))
            except UnavailableError:
                # Whoever has the number is the caller, whoever else may have it.
                if is_among(number, found, self.connection.country):
                    break
                raise
            found += [self._contact(objects, one) for one in results]
        return tuple(found)

    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        """See the port; in the order of ids, as a search ends after 10,000 records.

        Everything (`since_ms` 0) comes from the list, which has no such end and no delay. A record
        shows up in a search some seconds after it was written.
        """
        objects, after = self._place(cursor)
        if not since_ms:
            return self._list(objects, after, archived=False)
        if after and not _ID.fullmatch(after):
            raise PayloadError("cursor", "one of ours")
        filters = [
            {"propertyName": _MODIFIED[objects], "operator": "GTE", "value": str(since_ms)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": after or "0"},
        ]
        query = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": _wanted(objects),
            "limit": PAGE,
        }
        answer = self._ask("POST", f"{_OBJECTS_PATH}/{objects}/search", query)
        results = _results(answer)
        contacts = tuple(self._contact(objects, one) for one in results)
        more = bool(as_dict(as_dict(answer).get("paging")).get("next")) and results
        following = as_text(results[-1]["id"]) if more else ""
        return Records(contacts, cursor=self._cursor(objects, following))

    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        """See the port; HubSpot lists what was deleted in the last 90 days, in no order of time."""
        objects, after = self._place(cursor)
        return self._list(objects, after, archived=True, since_ms=since_ms)

    def check(self) -> str:
        """See the port."""
        if not self.connection.secret("token"):
            raise PayloadError("secrets.token", "the private app's access token")
        if not self.connection.webhook_secrets():
            raise PayloadError("secrets.webhook_secrets", "the app's client secret")
        portal = self._portal()
        if not portal:
            raise PayloadError("account.portal_id", _PORTAL)
        theirs = as_text(as_dict(self._ask("GET", "/account-info/v3/details")).get("portalId"))
        if not _ID.fullmatch(theirs):
            raise UnavailableError("malformed")
        if theirs != portal:
            raise PayloadError("account.portal_id", f"{theirs}, the account that the token is of")
        for objects in self._objects():
            _results(self._ask("GET", f"{_OBJECTS_PATH}/{objects}?limit=1"))
        return f"HubSpot account {portal}"

    def _portal(self) -> str:
        """Return the account's number; empty if it isn't configured, or is none."""
        portal = self.connection.account.get("portal_id", "")
        return portal if _ID.fullmatch(portal) else ""

    def _search(self, objects: str, query: object, left_s: float) -> object:
        if left_s <= 0:
            raise UnavailableError("timeout")
        return self._ask("POST", f"{_OBJECTS_PATH}/{objects}/search", query, left_s)

    def _objects(self) -> tuple[str, ...]:
        given = self.connection.account.get("objects") or "contacts,companies"
        objects = tuple(dict.fromkeys(word.strip() for word in given.split(",")))
        if not set(objects) <= set(_TYPE_IDS):
            raise PayloadError("account.objects", "contacts,companies or one of them")
        return objects

    def _place(self, cursor: str) -> tuple[str, str]:
        if not cursor:
            return self._objects()[0], ""
        found = _CURSOR.fullmatch(cursor)
        if not found or found[1] not in self._objects():
            raise PayloadError("cursor", "one of ours")
        return found[1], found[2]

    def _cursor(self, objects: str, after: str) -> str:
        """Return the cursor for the next page of these objects, or for the first of the next."""
        if after:
            return f"{objects}:{after}"
        every = self._objects()
        following = every[every.index(objects) + 1 :]
        return f"{following[0]}:" if following else ""

    def _list(self, objects: str, after: str, *, archived: bool, since_ms: int = 0) -> Records:
        words = [f"limit={PAGE}", f"archived={str(archived).lower()}"]
        words += [f"properties={','.join(_wanted(objects))}"]
        words += [f"after={after}"] if after else []
        answer = self._ask("GET", f"{_OBJECTS_PATH}/{objects}?{'&'.join(words)}")
        results = _results(answer)
        following = as_text(
            as_dict(as_dict(as_dict(answer).get("paging")).get("next")).get("after")
        )
        cursor = self._cursor(objects, following)
        if not archived:
            return Records(tuple(self._contact(objects, one) for one in results), cursor=cursor)
        deleted = [
            (_record(objects, as_text(one["id"])), as_milliseconds(one.get("archivedAt")))
            for one in results
        ]
        # One without a time may be new.
        wanted = tuple((record, at) for record, at in deleted if not at or at >= since_ms)
        return Records(deleted=wanted, cursor=cursor)

    def _contact(self, objects: str, found: Mapping[str, Any]) -> Contact:
        from centralino.application.trim_contact import trim_contact  # noqa: PLC0415 - see the port
        from centralino.domain.contact import Contact, ContactNumber  # noqa: PLC0415 - the same

        number = as_text(found["id"])
        values = as_dict(found.get("properties"))
        modified_ms = as_milliseconds(values.get(_MODIFIED[objects])) or as_milliseconds(
            found.get("updatedAt")
        )
        numbers = [
            ContactNumber(as_text(values.get(name)), kind)
            for name, kind in _NUMBERS[objects].items()
            if as_text(values.get(name))
        ]
        if numbers:
            numbers[0] = numbers[0]._replace(primary=True)
        portal = self._portal()
        app = self.connection.account.get("app_url") or "https://app.hubspot.com"
        url = f"{app}/contacts/{portal}/record/{_TYPE_IDS[objects]}/{number}" if portal else ""
        is_person = objects == "contacts"
        return trim_contact(
            Contact(
                id=f"hubspot:{_record(objects, number)}",
                version=modified_ms,
                first_name=as_text(values.get("firstname")) if is_person else "",
                last_name=as_text(values.get("lastname")) if is_person else "",
                company=as_text(values.get("company" if is_person else "name")),
                numbers=tuple(numbers),
                owner=as_text(values.get("hubspot_owner_id")),
                status=as_text(values.get("hs_lead_status")),
                url=url,
                updated_at_ms=modified_ms,
            )
        )

    def _ask(
        self, method: str, path: str, query: object = None, timeout_s: float | None = None
    ) -> Any:  # noqa: ANN401 - JSON is anything
        return expect_success(self._send(method, path, query, timeout_s)).json()

    def _send(
        self, method: str, path: str, query: object = None, timeout_s: float | None = None
    ) -> Answer:
        import json  # noqa: PLC0415 - the receiver asks nobody

        from centralino.application.oauth import Grant, ask_with_token, renew_token  # noqa: PLC0415

        base = (self.connection.account.get("base_url") or "https://api.hubapi.com").rstrip("/")
        body = b"" if query is None else json.dumps(query).encode()

        def send(access: str) -> Answer:
            headers = {"authorization": f"Bearer {access}"}
            if query is not None:
                headers["content-type"] = "application/json"
            url = f"{base}{path}"
            return self.web.send(method, url, headers=headers, body=body, timeout_s=timeout_s)

        def renew(before: Token | None) -> Token:
            grant = Grant(f"{base}{_TOKEN_PATH}")
            return renew_token(self.web, grant, self.connection, before, timeout_s=timeout_s)

        if self.connection.secret("refresh_token"):
            answer = ask_with_token(self.tokens, renew, send, timeout_s)
        else:
            answer = send(self.connection.secret("token"))
        if answer.status in _BUSY:
            raise UnavailableError("server", 5.0)
        return answer


def _source_v3(delivery: Delivery) -> bytes:
    """Return what a v3 signature signs.

    Raises:
        CredentialsError: the time is missing, or too far from ours.
    """
    at = delivery.headers.get("x-hubspot-request-timestamp", "")
    if not (at.isascii() and at.isdigit() and len(at) < 16):  # noqa: PLR2004 - milliseconds
        raise CredentialsError("the signature's time is missing or none")
    if abs(delivery.received_at * 1000 - int(at)) > WINDOW_MS:
        raise CredentialsError("the signature is too old, or a clock is wrong")
    uri = _ESCAPE.sub(lambda found: _ESCAPES[found[0].upper()], delivery.url)
    return f"{delivery.method}{uri}".encode("utf-8", "replace") + delivery.body + at.encode()


def _hints(found: object, portal: str) -> Iterator[Hint]:
    """Give the hints of one event; none of another account's.

    Raises:
        PayloadError: a field is not what it has to be.
    """
    event = as_dict(found)
    if _id(event, "portalId") != portal:
        return
    word, _, action = as_text(event.get("subscriptionType")).partition(".")
    kind = as_text(event.get("objectTypeId")) if word == "object" else word
    objects = _OBJECTS.get(kind)
    if objects is None:
        raise PayloadError("subscriptionType", "an event of contacts or companies")
    if action in _IGNORED:
        return
    at_ms = as_whole(event.get("occurredAt"))
    told = [event.get(name) for name in ("portalId", "subscriptionId", "subscriptionType")]
    told += [event.get("objectId"), at_ms, event.get("propertyName")]
    delivery = "/".join(as_text(value, 100) for value in told)
    if action in _OPERATIONS:
        record = _record(objects, _id(event, "objectId"))
        yield Hint(record, _OPERATIONS[action], at_ms, delivery)
    elif action == "merge":
        primary = "primaryObjectId" if event.get("primaryObjectId") else "objectId"
        winner = _id(event, "newObjectId" if event.get("newObjectId") else primary)
        losers = [as_text(loser) for loser in as_list(event.get("mergedObjectIds"))]
        for loser in dict.fromkeys((_id(event, primary), *losers)):
            if not _ID.fullmatch(loser):
                raise PayloadError("mergedObjectIds", "a list of ids")
            if loser != winner:
                yield Hint(_record(objects, loser), "deleted", at_ms, f"{delivery}/{loser}")
        yield Hint(_record(objects, winner), "changed", at_ms, f"{delivery}/{winner}")
    else:
        raise PayloadError("subscriptionType", "an event that we know")


def _id(event: Mapping[str, Any], field: str) -> str:
    number = as_text(event.get(field))
    if not _ID.fullmatch(number):
        raise PayloadError(field, "an id")
    return number


def _record(objects: str, number: str) -> str:
    return f"{_COMPANY}{number}" if objects == "companies" else number


def _occurred_at(hint: Hint) -> int:
    return hint.occurred_at_ms


def _wanted(objects: str) -> tuple[str, ...]:
    return (*_PROPERTIES[objects], *_NUMBERS[objects], _MODIFIED[objects])


def _searched(objects: str, variants: Sequence[str], number: str) -> Iterator[dict[str, object]]:
    """Give the filters of which one has to hold: HubSpot takes five.

    The calculated numbers were seen with EQ alone. A number without a leading 0 needs but one
    spelling of them, which leaves room for what was typed as a mobile number.
    """
    from centralino.domain.national import national_number  # noqa: PLC0415 - only a search needs it

    spellings = list(dict.fromkeys((number, *variants)))
    names = ["phone"]
    if objects == "contacts":
        national = national_number(number)
        bare = [text for text in dict.fromkeys((national, national.lstrip("0"))) if text]
        for name in _CALCULATED:
            for value in bare:
                yield {"propertyName": name, "operator": "EQ", "value": value}
        if len(bare) < 2:  # noqa: PLR2004 - with and without the 0
            names.append("mobilephone")
    for name in names:
        yield {"propertyName": name, "operator": "IN", "values": spellings}


def _says_not_found(body: object) -> bool:
    """Tell HubSpot's own 404 of a record from what else may answer 404.

    Of an id that is a number it has no category, of any other it has one.
    """
    told = as_dict(body)
    if told.get("status") != "error":
        return False
    if "category" in told:
        return as_text(told["category"]) == "OBJECT_NOT_FOUND"
    return as_text(told.get("message")).lower() == "resource not found"


def _object(answer: object) -> dict[str, Any]:
    """Return one record of an answer.

    Raises:
        UnavailableError: `malformed`, it is none.
    """
    found = as_dict(answer)
    if not _ID.fullmatch(as_text(found.get("id"))) or not isinstance(found.get("properties"), dict):
        raise UnavailableError("malformed")
    return found


def _results(answer: object) -> list[dict[str, Any]]:
    results = as_dict(answer).get("results")
    if not isinstance(results, list):
        raise UnavailableError("malformed")
    return [_object(one) for one in results]
