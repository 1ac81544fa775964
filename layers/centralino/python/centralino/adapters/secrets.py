"""The secrets of connections to CRMs: in SSM, in Secrets Manager, or in a file on the desk.

| `CENTRALINO_SECRETS` | where the secrets of tenant `acme` for `hubspot` are |
|---|---|
| `/centralino/prod` | SSM parameter `/centralino/prod/acme/crm/hubspot`, a SecureString |
| `secretsmanager:centralino/prod` | secret `centralino/prod/acme/crm/hubspot` of Secrets Manager |
| `file:/path/secrets.json` | member `acme/crm/hubspot` of a JSON object |

Each is one JSON object. It is read once and then believed for a quarter of an hour, so that a
secret which leaked and was replaced stops being good; where the store doesn't answer then, it is
believed on.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

from __future__ import annotations

import json
import time

from centralino.adapters.aws import AwsError
from centralino.domain.errors import RejectedError, UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.adapters.store.sender import Sender

    # The name of a connection's secrets and seconds -> what they are; None if there are none.
    Source = Callable[[str, float], Mapping[str, object] | None]

TIMEOUT_S = 1.0
BELIEVED_S = 900.0
REREAD_S = 60.0
# A container may serve thousands of tenants; what it remembers has an end.
MAX_REMEMBERED = 2_000
FILE = "file:"
SECRETS_MANAGER = "secretsmanager:"


class _Kept(NamedTuple):
    value: Mapping[str, object]
    read_at: float
    asked_at: float


class KeptSecrets:
    """The secrets of connections, kept in memory; see the port.

    Not for several threads at once, as the client behind it.

    Args:
        source: reads them from where they are.
        now: the time, seconds since 1970.
    """

    def __init__(self, source: Source, *, now: Callable[[], float] = time.time) -> None:
        self._source = source
        self._now = now
        self._kept: dict[str, _Kept] = {}

    def read(
        self, tenant: str, provider: str, timeout_s: float = TIMEOUT_S
    ) -> Mapping[str, object]:
        """Return a connection's secrets, maybe from memory; see the port."""
        name = secret_name(tenant, provider)
        kept = self._kept.get(name)
        if kept is None:
            return self._ask(name, timeout_s)
        now = self._now()
        if 0 <= now - kept.read_at < BELIEVED_S or 0 <= now - kept.asked_at < REREAD_S:
            return kept.value
        try:
            return self._ask(name, timeout_s)
        except UnavailableError:
            return kept.value

    def refresh(
        self, tenant: str, provider: str, timeout_s: float = TIMEOUT_S
    ) -> Mapping[str, object]:
        """Return a connection's secrets after the known ones were refused; see the port."""
        name = secret_name(tenant, provider)
        kept = self._kept.get(name)
        if kept and 0 <= self._now() - kept.asked_at < REREAD_S:
            return kept.value
        return self._ask(name, timeout_s)

    def _ask(self, name: str, timeout_s: float) -> Mapping[str, object]:
        now = self._now()
        if kept := self._kept.get(name):
            # Noted before it is asked: a store that fails is left alone for a minute as well.
            self._kept[name] = kept._replace(asked_at=now)
        value = self._source(name, timeout_s) or {}
        if len(self._kept) >= MAX_REMEMBERED:
            self._kept.clear()
        self._kept[name] = _Kept(value, now, now)
        return value


def secret_name(tenant: str, provider: str) -> str:
    """Return the name of a connection's secrets, behind the prefix."""
    return f"{tenant}/crm/{provider}"


def parameters(client: Sender, prefix: str) -> Source:
    """Read SecureString parameters of SSM.

    Args:
        client: the signed client of `ssm`.
        prefix: what their names begin with, as `/centralino/prod`.
    """

    def read(name: str, timeout_s: float) -> Mapping[str, object] | None:
        wanted = {"Name": f"{prefix}/{name}", "WithDecryption": True}
        try:
            answer = client.call("GetParameter", wanted, timeout_s=timeout_s)
        except AwsError as error:
            if error.code == "ParameterNotFound":
                return None
            raise RejectedError(error.code) from error
        return _parsed(answer["Parameter"]["Value"])

    return read


def managed_secrets(client: Sender, prefix: str) -> Source:
    """Read secrets of Secrets Manager.

    Args:
        client: the signed client of `secretsmanager`.
        prefix: what their names begin with, as `centralino/prod`.
    """

    def read(name: str, timeout_s: float) -> Mapping[str, object] | None:
        try:
            answer = client.call(
                "GetSecretValue", {"SecretId": f"{prefix}/{name}"}, timeout_s=timeout_s
            )
        except RejectedError as error:
            if error.reason == "missing_table":  # the client's word for ResourceNotFoundException
                return None
            raise
        except AwsError as error:
            raise RejectedError(error.code) from error
        return _parsed(answer["SecretString"])

    return read


def file_secrets(path: str) -> Source:
    """Read the members of a JSON file; no file is no secrets."""

    def read(name: str, _timeout_s: float) -> Mapping[str, object] | None:
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
                content = json.load(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RejectedError("secrets_file") from error
        if not isinstance(content, dict):
            raise RejectedError("secrets_file")
        value = content.get(name)
        if value is not None and not isinstance(value, dict):
            raise RejectedError("secret_not_json")
        return value

    return read


def open_secrets(place: str, client: Callable[[str], Sender]) -> KeptSecrets:
    """Open the secret store that `CENTRALINO_SECRETS` names; see the module.

    Args:
        place: the variable's value.
        client: builds the signed client of a service.
    """
    if place.startswith(FILE):
        return KeptSecrets(file_secrets(place.removeprefix(FILE)))
    if place.startswith(SECRETS_MANAGER):
        prefix = place.removeprefix(SECRETS_MANAGER)
        return KeptSecrets(managed_secrets(client("secretsmanager"), prefix))
    return KeptSecrets(parameters(client("ssm"), place))


def _parsed(text: str) -> Mapping[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        # Its text is a secret: so not even a part of it is told.
        raise RejectedError("secret_not_json")
    return value
