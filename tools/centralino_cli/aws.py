"""Straight to the table, with AWS credentials found as AWS's own tools find them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from typing import Any

_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Session(Protocol):
    """What is needed of a boto3 session."""

    @property
    def region_name(self) -> str | None:
        """The profile's region."""

    def get_credentials(self) -> Any:  # noqa: ANN401 - botocore has no type for it
        """Return credentials that renew themselves; None if there are none."""


class SessionEnvironment(Mapping[str, str]):
    """An environment in which a session's credentials stand, renewed when they end.

    The signed client asks for the key's id first, so that one is when they are looked at.
    """

    def __init__(self, env: Mapping[str, str], session: Session) -> None:
        self._env = env
        self._credentials = session.get_credentials()
        if self._credentials is None:
            raise PayloadError(
                "AWS_ACCESS_KEY_ID", "AWS credentials: in the environment, AWS_PROFILE or SSO"
            )
        self._region = session.region_name or ""
        self._frozen = self._credentials.get_frozen_credentials()

    def __getitem__(self, name: str) -> str:
        if name == _NAMES[0]:
            self._frozen = self._credentials.get_frozen_credentials()
        if name in _NAMES:
            return dict(zip(_NAMES, self._frozen, strict=False))[name] or ""
        if name == "AWS_REGION" and not self._env.get(name):
            return self._env.get("AWS_DEFAULT_REGION") or self._region
        return self._env[name]

    def __iter__(self) -> Iterator[str]:
        return iter({*self._env, *_NAMES, "AWS_REGION"})

    def __len__(self) -> int:
        return len(set(self))


def boto3_session() -> Session:
    """Return a session with what AWS's configuration files, SSO or the machine's role say."""
    import boto3  # noqa: PLC0415 - slow to import, and not needed with keys in the environment

    return boto3.Session()
