"""What a CRM is: one file in `adapters/crm/` answers all of this for one product.

A provider is built for one connection of one tenant. Its inbound half (`verify`, `acknowledge`,
`parse`) needs nothing but the connection and imports nothing heavy at the top of its file, for
the receiver verifies before a CRM that waits one second has lost its patience. The outbound half
asks the CRM over `ports/web.py`.

A webhook is a hint: what it says of a record is believed only where the contract says that nothing
better can be had; otherwise the record is read again. `docs/crm.md` has the rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import ClassVar, Literal

    from centralino.domain.contact import Contact
    from centralino.ports.tokens import TokenCache
    from centralino.ports.web import Web

    # `restored` is a change that may be older than the deletion that it undoes; `erased` is a
    # deletion for good (privacy); a merge is a deletion of each loser and a change of the winner.
    Operation = Literal["changed", "restored", "deleted", "erased"]


class Connection(NamedTuple):
    """A tenant's connection to one CRM.

    Attributes:
        provider: the provider's slug.
        account: what is no secret: `base_url`, an organisation's id, a database, ...; each
            provider documents its own.
        secrets: from the secret store: `webhook_secrets` (a list, two while one is replaced) and
            what the API needs; each provider documents its own. Never stored in the table.
        country: the tenant's, for what a CRM wants in national spelling; ISO 3166 alpha-2.
    """

    provider: str
    account: Mapping[str, str]
    secrets: Mapping[str, object]
    country: str = "IT"

    def webhook_secrets(self) -> tuple[str, ...]:
        """Return the secrets that a webhook may be signed with; none means that all are refused.

        A blank one is none: to HMAC, a key of NULs is the empty key.
        """
        given = self.secrets.get("webhook_secrets")
        if not isinstance(given, (list, tuple)):
            return ()
        texts = (str(secret) for secret in given if secret)
        return tuple(text for text in texts if text.strip(" \t\r\n\0"))

    def secret(self, name: str) -> str:
        """Return one secret of the API; empty if it isn't there."""
        return str(self.secrets.get(name) or "")


class Delivery(NamedTuple):
    """One webhook as it came in.

    Attributes:
        method: upper case.
        url: the public URL that the CRM called, `https://host/path?query`, byte for byte.
        headers: names in lower case.
        body: the raw bytes.
        event: the path's last part, behind the provider; empty without one.
        received_at: seconds since 1970 (UTC).
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    event: str
    received_at: float


class Acknowledgement(NamedTuple):
    """What a CRM wants to hear."""

    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    body: str = ""


class Hint(NamedTuple):
    """What one event says of one record.

    Attributes:
        record: the record's id within the source, the part of a contact's id behind `source:`.
        operation: see `Operation`.
        occurred_at_ms: when, by the CRM's clock, milliseconds since 1970; 0 if it doesn't say.
        delivery: the vendor's own word for this one event, unlike that of any other: the same word
            again is the same event again. Empty where there is none. A hash of the body is no such
            word: a name that is changed, changed back and changed again gives the same body twice.
        contact: the record itself, where the event is all there is (nothing to read again).
        as_of_ms: the record's modified time, as its version has it, at the event; 0 if the CRM
            doesn't say. What is read again and is older, or isn't there yet, was read before the
            CRM had saved it, and is read once more later.
    """

    record: str
    operation: Operation
    occurred_at_ms: int = 0
    delivery: str = ""
    contact: Contact | None = None
    as_of_ms: int = 0


class Parsed(NamedTuple):
    """What was found in a delivery.

    Attributes:
        hints: in the delivery's own order.
        problems: what could not be understood, each as a phrase without any personal data; the
            hints beside them count all the same.
    """

    hints: tuple[Hint, ...]
    problems: tuple[str, ...] = ()


class Records(NamedTuple):
    """A page of records, or of what was deleted.

    Attributes:
        contacts: as the CRM has them now; the id is `source:id`, the version the modified time in
            milliseconds since 1970.
        deleted: ids within the source, each with the time of its deletion in milliseconds (0 if
            the CRM doesn't say).
        cursor: for the next page; empty at the end.
    """

    contacts: tuple[Contact, ...] = ()
    deleted: tuple[tuple[str, int], ...] = ()
    cursor: str = ""


class Crm(ABC):
    """One connection to a CRM.

    Errors of the outbound half: UnavailableError (`timeout`, `connection`, `server`, `malformed`),
    ThrottledError with the CRM's own `retry_after_s`, RejectedError (`credentials`, `permissions`):
    an operator has to act. A record that is gone is no error.

    Attributes:
        slug: the provider's name in URLs, ids and settings; that of the file.
        searches: whether `find_by_number` asks anybody.
        reads: whether `fetch` and the listings ask anybody.
        lists_deletions: whether `deleted_since` says what was deleted for good; where it can't,
            reconciliation now and then lists everything and looks for what is missing.
        needs: what has to be known to connect, `account.base_url` -> what that is, in a few words;
            a name that ends in `?` may be left out. The command line asks for these, and takes no
            others.
        instead: a need that another one takes the place of: `secrets.token` -> the refresh token
            with which access tokens are got.
        setup: what a person does at the CRM so that it sends webhooks, a short step each; the
            command line fills in `{url}`, the webhook URL without an event, and `{secret}`.
        settle_s: for how long after a webhook the CRM may still be saving what it tells, seconds;
            the queue holds the delivery back for so long.
        kept_headers: the headers that `parse` reads, in lower case; the queue keeps no others.
    """

    slug: ClassVar[str]
    # Not of the class alone: what a home-grown CRM can do is in its connection's settings.
    searches: bool = True
    reads: bool = True
    lists_deletions: bool = True
    settle_s: int = 0
    needs: ClassVar[Mapping[str, str]] = {}
    instead: ClassVar[Mapping[str, str]] = {}
    setup: ClassVar[tuple[str, ...]] = ()
    kept_headers: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, connection: Connection, web: Web | None = None, tokens: TokenCache | None = None
    ) -> None:
        self.connection = connection
        self._web = web
        self._tokens = tokens

    @property
    def web(self) -> Web:
        """Return what asks the CRM; the inbound half is built without it."""
        if self._web is None:
            raise RuntimeError("this provider was built for its inbound half")
        return self._web

    @property
    def tokens(self) -> TokenCache:
        """Return the access token that everybody shares; only for a CRM with OAuth2."""
        if self._tokens is None:
            raise RuntimeError("this provider was built without what shares its tokens")
        return self._tokens

    @classmethod
    def spares(cls, name: str, secrets: Mapping[str, object]) -> bool:
        """Tell whether a need has another one in its place, and that was given."""
        return bool(secrets.get(cls.instead.get(name, "").partition(".")[2]))

    @abstractmethod
    def verify(self, delivery: Delivery) -> None:
        """Make sure that a delivery comes from this CRM, unchanged and lately.

        Raises:
            CredentialsError: it doesn't, or nothing is configured to tell. Nothing else, whatever
                the headers and the body hold.
        """

    def acknowledge(self, delivery: Delivery) -> Acknowledgement:  # noqa: ARG002 - a vendor may need it
        """Return what the CRM wants to hear once its delivery is safe."""
        return Acknowledgement()

    @abstractmethod
    def parse(self, delivery: Delivery) -> Parsed:
        """Say what a delivery is about; its signature was verified.

        Raises:
            PayloadError: nothing of it can be understood.
        """

    @abstractmethod
    def fetch(self, record: str) -> Contact | None:
        """Read a record as it is now, its `url` that of its page there; None if it is gone."""

    @abstractmethod
    def find_by_number(
        self, variants: Sequence[str], number: str, timeout_s: float
    ) -> tuple[Contact, ...]:
        """Search the CRM for a number; what it finds may be too much, the caller verifies.

        Args:
            variants: the spellings to search for, the likeliest first (`domain/number.variants`).
            number: the likeliest reading, E.164.
            timeout_s: for all of the provider's requests together.
        """

    @abstractmethod
    def modified_since(self, since_ms: int, cursor: str = "") -> Records:
        """List what was modified (or created) at or after a time, the oldest first if it can.

        Args:
            since_ms: milliseconds since 1970; 0 for everything.
            cursor: from the page before.
        """

    @abstractmethod
    def deleted_since(self, since_ms: int, cursor: str = "") -> Records:
        """List what was deleted at or after a time; an empty page where the CRM can't say."""

    @abstractmethod
    def check(self) -> str:
        """Try the connection; return who we are there, in a few words.

        Raises:
            PayloadError: a setting is missing or wrong; it names `account.…` or `secrets.…`.
        """
