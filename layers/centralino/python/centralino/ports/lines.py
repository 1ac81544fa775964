"""A tenant's PBXs that place calls, as they are stored.

What is no secret is here; secrets are in the secret store, as those of the provider `dial-<slug>`.
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class StoredLine(NamedTuple):
    """A PBX that places a tenant's calls.

    Attributes:
        provider: the provider's slug.
        account: what is no secret; each provider documents its own.
        connected_at: when it was saved, seconds since 1970.
    """

    provider: str
    account: Mapping[str, str]
    connected_at: int


class LineStore(Protocol):
    """One tenant's PBXs. Every method raises UnavailableError if there is no answer.

    A provider that is no slug is a PayloadError.
    """

    @property
    def tenant(self) -> str:
        """The tenant's id."""

    def get(self, provider: str) -> StoredLine | None:
        """Return a PBX; None if the tenant has none of that provider."""

    def list(self) -> tuple[StoredLine, ...]:
        """Return the tenant's PBXs, by provider."""

    def save(self, provider: str, account: Mapping[str, str], *, now_s: float) -> None:
        """Save a PBX, over what there was.

        Raises:
            NotFoundError: there is no such tenant.
        """

    def remove(self, provider: str) -> bool:
        """Remove a PBX; return whether there was one."""


def secrets_of(provider: str) -> str:
    """Return the name by which the secret store knows a PBX that places calls."""
    return f"dial-{provider}"
