"""One access token (OAuth2) for everybody who asks one CRM for one tenant.

What a renewal does to what was there before is the CRM's choice, and the worst of it counts:

- It may end the access token that others still use. They are refused (401) and take the shared
  token once more; a renewal of their own would end the new one in turn, and so on.
- It may use up the refresh token and give the next one (rotation). A second renewal with the same
  one fails, and some servers then end everything that came from it. So one renews at a time, and
  whoever waited takes what it brought.
- The next refresh token has to be kept before anything else is done: if it is lost, an operator
  has to authorise us anew. Only the client credentials grant has nothing to lose.

Containers share nothing but the connection's secrets, which no function may write. So a provider
whose CRM rotates refresh tokens has to refuse such a connection when it is made; within a container
the rules above hold for threads.
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


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
