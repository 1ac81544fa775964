"""Writing and removing the secrets of connections; `adapters/secrets.py` says where they are.

Only the command line does that, with an operator's credentials. A function may write nothing but a
connection's shared access token (`TokenPlace`), which is beside its secrets.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Protocol

from centralino.adapters.aws import AwsError
from centralino.adapters.secrets import (
    FILE,
    SECRETS_MANAGER,
    file_secrets,
    managed_secrets,
    parameters,
    secret_name,
)
from centralino.domain.errors import RejectedError
from centralino.ports.tokens import token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from centralino.adapters.secrets import Source
    from centralino.adapters.store.sender import Sender

TIMEOUT_S = 10.0


class _Place(Protocol):
    """Writes and removes what a `Source` reads."""

    def write(self, name: str, text: str, timeout_s: float = TIMEOUT_S) -> None:
        """Keep a JSON object under a name."""

    def remove(self, name: str) -> None:
        """Remove what is kept under a name, if there is anything."""


class Keeper:
    """Keeps the secrets of connections; `ports/secrets.py`'s SecretKeeper.

    Args:
        source: reads them.
        place: writes them.
    """

    def __init__(self, source: Source, place: _Place) -> None:
        self._source = source
        self._place = place

    def read(self, tenant: str, provider: str) -> Mapping[str, object]:
        """Return a connection's secrets; see the port."""
        return self._source(secret_name(tenant, provider), TIMEOUT_S) or {}

    def write(self, tenant: str, provider: str, value: Mapping[str, object]) -> None:
        """Keep a connection's secrets; see the port."""
        self._place.write(secret_name(tenant, provider), json.dumps(value, ensure_ascii=False))

    def remove(self, tenant: str, provider: str) -> None:
        """Remove a connection's secrets; see the port."""
        self._place.remove(secret_name(tenant, provider))


class _Parameters:
    """SecureString parameters of SSM."""

    def __init__(self, client: Sender, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def write(self, name: str, text: str, timeout_s: float = TIMEOUT_S) -> None:
        payload = {
            "Name": f"{self._prefix}/{name}",
            "Value": text,
            "Type": "SecureString",
            "Overwrite": True,
            # A parameter of more than 4 KB costs; a smaller one doesn't.
            "Tier": "Intelligent-Tiering",
        }
        _call(self._client, "PutParameter", payload, timeout_s=timeout_s)

    def remove(self, name: str) -> None:
        payload = {"Name": f"{self._prefix}/{name}"}
        _call(self._client, "DeleteParameter", payload, fine="ParameterNotFound")


class _Managed:
    """Secrets of Secrets Manager."""

    def __init__(self, client: Sender, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def write(self, name: str, text: str, timeout_s: float = TIMEOUT_S) -> None:
        secret = f"{self._prefix}/{name}"
        value = {"SecretId": secret, "SecretString": text}
        try:
            _call(self._client, "PutSecretValue", value, timeout_s=timeout_s)
        except RejectedError as error:
            if error.reason != "missing_table":  # the client's word for ResourceNotFoundException
                raise
            value = {"Name": secret, "SecretString": text}
            _call(self._client, "CreateSecret", value, timeout_s=timeout_s)

    def remove(self, name: str) -> None:
        # At once: with a window to think again the name would be taken for a month.
        payload = {"SecretId": f"{self._prefix}/{name}", "ForceDeleteWithoutRecovery": True}
        try:
            _call(self._client, "DeleteSecret", payload)
        except RejectedError as error:
            if error.reason != "missing_table":
                raise


class _File:
    """Members of a JSON file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, name: str, text: str, timeout_s: float = TIMEOUT_S) -> None:  # noqa: ARG002
        self._save({**self._content(), name: json.loads(text)})

    def remove(self, name: str) -> None:
        content = self._content()
        if content.pop(name, None) is not None:
            self._save(content)

    def _content(self) -> dict[str, object]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RejectedError("secrets_file") from error
        if not isinstance(content, dict):
            raise RejectedError("secrets_file")
        return content

    def _save(self, content: Mapping[str, object]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # A whole file or the old one, whoever pulls the plug; and its owner's alone.
        with NamedTemporaryFile("w", encoding="utf-8", dir=self._path.parent, delete=False) as file:
            json.dump(content, file, ensure_ascii=False, indent=2)
            file.write("\n")
        Path(file.name).replace(self._path)


class TokenPlace:
    """Where the containers' access token of a connection is: half of the port's TokenStore.

    Args:
        place: the value of `CENTRALINO_SECRETS`; see `adapters/secrets.py`.
        client: builds the signed client of a service.
        tenant: the tenant's id.
        provider: the CRM's slug.
    """

    def __init__(
        self, place: str, client: Callable[[str], Sender], tenant: str, provider: str
    ) -> None:
        self._source, self._place = _open(place, client)
        self._name = secret_name(tenant, token_of(provider))

    def read(self, timeout_s: float) -> Mapping[str, object]:
        """Return what was written last; see the port."""
        return self._source(self._name, timeout_s) or {}

    def write(self, value: Mapping[str, object], timeout_s: float) -> None:
        """Keep a token; see the port."""
        self._place.write(self._name, json.dumps(value), timeout_s)


def open_keeper(place: str, client: Callable[[str], Sender]) -> Keeper:
    """Open the secret store that `CENTRALINO_SECRETS` names, for writing.

    Args:
        place: the variable's value; see `adapters/secrets.py`.
        client: builds the signed client of a service.
    """
    return Keeper(*_open(place, client))


def _open(place: str, client: Callable[[str], Sender]) -> tuple[Source, _Place]:
    if place.startswith(FILE):
        path = place.removeprefix(FILE)
        return file_secrets(path), _File(Path(path))
    if place.startswith(SECRETS_MANAGER):
        prefix = place.removeprefix(SECRETS_MANAGER)
        sender = client("secretsmanager")
        return managed_secrets(sender, prefix), _Managed(sender, prefix)
    sender = client("ssm")
    return parameters(sender, place), _Parameters(sender, place)


def _call(
    client: Sender,
    operation: str,
    payload: Mapping[str, object],
    *,
    fine: str = "",
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Send a request; `fine` is the refusal that is as good as success."""
    try:
        client.call(operation, payload, timeout_s=timeout_s)
    except AwsError as error:
        if error.code != fine:
            # Its message may say what was sent.
            raise RejectedError(error.code) from None
