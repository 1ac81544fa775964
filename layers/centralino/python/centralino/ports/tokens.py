"""One access token (OAuth2) for everybody who asks one CRM for one tenant.

What a renewal does to what was there before is the CRM's choice, and the worst of it counts:

- It may end the access token that others still use. They are refused (401) and take the shared
  token once more; a renewal of their own would end the new one in turn, and so on.
- It may use up the refresh token and give the next one (rotation). A second renewal with the same
  one fails, and some servers then end everything that came from it. So one renews at a time, and
  whoever waited takes what it brought.
- The next refresh token has to be kept before anything else is done: if it is lost, an operator
  has to authorise us anew. Only the client credentials grant has nothing to lose.

So containers share the token where the connection's secrets are, beside them, and claim the right
to renew it in the table. The table has no token, and no function may write any other secret.
"""

from __future__ import annotations

import hashlib

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Token(NamedTuple):
    """An access token.

    Attributes:
        access: what requests are authorised with.
        refresh: what it is renewed with, where the CRM gives a new one each time; else empty.
        expires_at: when it ends, seconds since 1970; 0 if the CRM doesn't say.
    """

    access: str
    refresh: str = ""
    expires_at: float = 0.0


def token_of(provider: str) -> str:
    """Return the name of a connection's access token among its tenant's secrets."""
    return f"{provider}/token"


def origin_of(account: Mapping[str, str], secrets: Mapping[str, object]) -> str:
    """Return what stands for all that a connection's tokens are got with, and tells nothing of it.

    With another address, or other secrets, no token of before is used. What webhooks are signed
    with has nothing to do with it.
    """
    known = sorted(
        (name, str(value)) for name, value in secrets.items() if name != "webhook_secrets"
    )
    parts = [account.get("base_url", ""), *(f"{name}={value}" for name, value in known)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class TokenCache(Protocol):
    """The shared token of one connection; threads may share it."""

    def token(
        self, renew: Callable[[Token | None], Token], *, refused: str = "", timeout_s: float
    ) -> Token:
        """Return the token that everybody uses now; renew it if there is none that is good.

        Args:
            renew: asks the CRM for a new token, given the one before (None: there is none). Of
                several who need a new one, one calls it and the others wait.
            refused: the access token that the CRM has just refused (401). Only if it is still the
                shared one is it renewed.
            timeout_s: how long to wait for somebody else's renewal.

        Raises:
            UnavailableError: `timeout`; or whatever `renew` raises.
            RejectedError: `credentials`, a token is refused that was renewed a moment ago.
        """


class TokenStore(Protocol):
    """Where the containers' one token of a connection is; threads may share it.

    Every method raises UnavailableError, or one of its kinds, when it has no answer.
    """

    def read(self, timeout_s: float) -> Mapping[str, object]:
        """Return what was written last, as it is at this moment; empty if nothing was."""

    def write(self, value: Mapping[str, object], timeout_s: float) -> None:
        """Keep this in the place of what was there."""

    def claim(self, until: float) -> int:
        """Claim to be the one who renews; return the claim, 0 if another has one.

        Args:
            until: when the claim lapses if it isn't released, seconds since 1970.
        """

    def release(self, claim: int) -> None:
        """Give up a claim; nothing happens to one that another has taken since."""
