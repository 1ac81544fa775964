"""Where the secrets of connections to CRMs are: not in the table, and in no log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Secrets(Protocol):
    """Reads the secrets of connections; every method raises UnavailableError without an answer.

    What a connection's secrets are is documented by its provider; `webhook_secrets` is a list.
    """

    def read(self, tenant: str, provider: str, timeout_s: float = ...) -> Mapping[str, object]:
        """Return a connection's secrets, maybe from memory; empty if there are none.

        Raises:
            RejectedError: they can't be read until an operator has acted.
        """

    def refresh(self, tenant: str, provider: str, timeout_s: float = ...) -> Mapping[str, object]:
        """Return a connection's secrets after the known ones were refused: read again.

        That happens at most once a minute for each connection, so that a flood of forgeries can't
        become one of requests; in between it gives what is known.
        """


class SecretKeeper(Protocol):
    """Keeps the secrets of connections, for whoever connects; raises like `Secrets`."""

    def read(self, tenant: str, provider: str) -> Mapping[str, object]:
        """Return a connection's secrets as they are at this moment; empty if there are none."""

    def write(self, tenant: str, provider: str, value: Mapping[str, object]) -> None:
        """Keep a connection's secrets, in the place of those that were there."""

    def remove(self, tenant: str, provider: str) -> None:
        """Remove a connection's secrets, if there are any."""
