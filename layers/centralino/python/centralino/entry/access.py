"""Who may come in: the key of a request, checked against the tenant that it names.

Keys and settings stay in memory for `cache_s`. One that is older is still used to work out which
cards to read, and is read again in the same round trip; the answer is given only if it held.
"""

from __future__ import annotations

import base64
import binascii

from centralino.domain.deadline import Deadline
from centralino.domain.errors import CredentialsError, ForbiddenError, UnavailableError
from centralino.domain.keys import URL_ROLES, hash_key, tenant_of
from centralino.domain.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from centralino.domain.keys import ApiKey
    from centralino.domain.routing import Routing
    from centralino.domain.settings import Line, Settings
    from centralino.entry.request import Request
    from centralino.ports.call_read import Read
    from centralino.ports.route_read import Beside
    from centralino.ports.store import CallStore

# A container may serve thousands of tenants; what it remembers has an end.
MAX_REMEMBERED = 2_000
# What the origins of browser extensions begin with.
EXTENSIONS = ("chrome-extension://", "moz-extension://", "safari-web-extension://")


class Admitted(Record):
    """A tenant's settings, one of its keys and, where calls are routed, its routing, when read."""

    settings: Settings
    key: ApiKey
    read_at: float
    routing: Routing | None = None


def presented_key(request: Request) -> tuple[str, bool]:
    """Find the key: `x-api-key`, Basic password, Bearer, the path's `/v1/k/{key}/`, `?key=`.

    Takes the key out of the request's path. Several PBXs can do just one of these.

    Returns:
        The key, and whether it came in the URL.
    """
    in_path = request.path_key() if "k" in request.segments else ""
    key = request.headers.get("x-api-key", "").strip() or _authorized(request)
    if key:
        return key, False
    return in_path or request.query().get("key", ""), True


def _authorized(request: Request) -> str:
    """Return the key in the Authorization header; some PBXs send Basic with nothing in it."""
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "basic":
        return _basic_password(value.strip())
    return value.strip() if scheme.lower() == "bearer" else ""


class Door:
    """Lets requests in; one for each container.

    Args:
        store: reads settings and keys, and the cards for those who are in.
        now: the time, seconds since 1970.
        cache_s: how long a key and settings are believed without asking again, seconds.
        read_s: how long the store may take where no call waits, seconds; 0 on the call path,
            where that follows from the call's deadline.
    """

    def __init__(
        self, store: CallStore, now: Callable[[], float], cache_s: float, read_s: float = 0.0
    ) -> None:
        self.store = store
        self.now = now
        self.read_s = read_s
        self._cache_s = cache_s
        self._remembered: dict[str, Admitted] = {}

    def open(self, request: Request, roles: Collection[str]) -> Visit:
        """Let a request in.

        Args:
            request: the request; its path loses the key.
            roles: the roles that may do what it asks for.

        Raises:
            CredentialsError: no key, or not a good one.
            ForbiddenError: the key's role, or the page it came from, is not allowed.
            UnavailableError: the store can't say.
        """
        presented = presented_key(request)
        remembered = self._remembered.get(presented[0])
        tenant = remembered.settings.tenant if remembered else tenant_of(presented[0])
        if not tenant:
            raise CredentialsError("no API key, or one that is not shaped like <tenant>.<secret>")
        visit = Visit(self, request, tenant, presented, roles)
        if remembered is None:
            visit.read(())
        else:
            age_s = visit.now() - remembered.read_at
            visit.enter(remembered, settled=0.0 <= age_s < self._cache_s)
        return visit

    def remember(self, presented: str, admitted: Admitted | None) -> None:
        """Keep what was read of a key; `None` forgets it."""
        if admitted is None:
            self._remembered.pop(presented, None)
            return
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[presented] = admitted


class Visit:
    """One request that is in: its tenant, settings, key and clock.

    Attributes:
        tenant: the tenant's id.
        settings: the tenant's settings, as far as known; `renewed` says that they changed since.
        key: the key that let it in.
        routing: the tenant's routing, as the settings; None where calls are not routed.
        renewed: the settings or the routing were found changed after they had been used.
        settled: the settings and the key hold without asking again.
        line: the line that the call came in on, once it is known: its PBX's patience bounds what is
            read from then on.
        read_s: seconds spent waiting for the store.
        now: the time, seconds since 1970.
    """

    settings: Settings
    key: ApiKey
    routing: Routing | None

    def __init__(
        self,
        door: Door,
        request: Request,
        tenant: str,
        presented: tuple[str, bool],
        roles: Collection[str],
    ) -> None:
        self._door = door
        self._request = request
        self._roles = roles
        self._presented, self._in_url = presented
        self.settled = False
        self.line: Line | None = None
        self.tenant = tenant
        self.renewed = False
        self.read_s = 0.0
        self.now = door.now
        self.deadline = Deadline(request.received_at, self.now())

    def on_line(self, line: Line) -> None:
        """Say which line the call came in on."""
        self.line = line

    def read(self, numbers: Sequence[str], caller: str = "", beside: Beside | None = None) -> Read:
        """Read the cards of some numbers; settings grown old ride along.

        Args:
            numbers: the keys.
            caller: whom the CRMs may be asked for; empty for nobody.
            beside: what routing needs beside them.

        Raises:
            CredentialsError: the key was revoked or ran out meanwhile.
            ForbiddenError: it may no longer do this.
            UnavailableError: the store did not answer, or there is no time left to ask.
        """
        key_hash = "" if self.settled else hash_key(self._presented)
        asked_at = self.now()
        limit_s = self.limit_s(asked_at)
        if limit_s <= 0.0:
            raise UnavailableError("timeout")
        try:
            found = self._door.store.read(
                self.tenant,
                numbers,
                key_hash=key_hash,
                caller=caller,
                timeout_s=limit_s,
                beside=beside,
            )
        finally:
            self.read_s += self.now() - asked_at
        if key_hash:
            self._settle(found)
        return found

    def settle(self) -> None:
        """Make sure that what was believed still holds; costs a round trip only if it is old."""
        if not self.settled:
            self.read(())

    def limit_s(self, now: float) -> float:
        """Return how long the store may take for what is asked now, seconds; 0 for no time left."""
        if self._door.read_s:
            return self._door.read_s
        if self.line is None:
            return self.deadline.first_read_in_s(now)
        return self.deadline.read_in_s(self.line.decode_timeout_s, now)

    def _settle(self, found: Read) -> None:
        if found.tenant is None:
            raise UnavailableError("unprocessed")
        settings, key, routing = found.tenant
        if settings is None or key is None:
            self._door.remember(self._presented, None)
            raise CredentialsError("the API key is unknown")
        before = getattr(self, "settings", settings)
        routed_before = getattr(self, "routing", routing)
        rerouted = routing != routed_before
        if not rerouted:
            # What is worked out of it goes with it.
            routing = routed_before
        admitted = Admitted(settings, key, self.now(), routing)
        self.enter(admitted, settled=True)
        self._door.remember(self._presented, admitted)
        # All of them, not their version: a new block length does not count as an edit.
        self.renewed = rerouted or settings != before

    def enter(self, admitted: Admitted, *, settled: bool) -> None:
        """Come in with what is known of the key, if it is good for this.

        Args:
            admitted: the key and its tenant's settings.
            settled: whether they needn't be asked for again.

        Raises:
            CredentialsError: it isn't a good one.
            ForbiddenError: its role, or the page it came from, is not allowed.
        """
        key = admitted.key
        if key.expires_at and key.expires_at <= self.now():
            raise CredentialsError("the API key has expired")
        if key.networks and not _within(self._request.source_ip, key.networks):
            raise CredentialsError("the API key may not be used from this address")
        if self._in_url and key.role not in URL_ROLES:
            raise CredentialsError(f"a key of role {key.role} may not travel in a URL")
        if key.role not in self._roles:
            raise ForbiddenError(f"a key of role {key.role} may not do this")
        origin = self._request.headers.get("origin", "")
        if origin and not _may_ask(origin, admitted.settings.origins, self._request.headers):
            raise ForbiddenError("this web origin is not among the tenant's")
        self.settings, self.key, self.routing = admitted.settings, key, admitted.routing
        self.settled = settled


def _may_ask(origin: str, allowed: Collection[str], headers: Mapping[str, str]) -> bool:
    """Say whether a page may send requests: the tenant's, our own `/dial`, a browser extension.

    No web page can send an extension's origin, and an extension's key is one that its user gave it.
    """
    if origin in allowed or origin.startswith(EXTENSIONS):
        return True
    scheme, _, host = origin.partition("://")
    return scheme in {"https", "http"} and bool(host) and host == headers.get("host")


def _basic_password(value: str) -> str:
    try:
        return base64.b64decode(value).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _within(address: str, networks: Collection[str]) -> bool:
    import ipaddress  # noqa: PLC0415 - few keys are bound to networks, so few calls pay for it

    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(caller in ipaddress.ip_network(network, strict=False) for network in networks)
