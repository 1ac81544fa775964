"""The service over HTTP, as its administrator uses it; `docs/api.md` says what there is."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx

from centralino import VERSION
from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

# A batch of contacts takes a while; API Gateway itself gives up after 30 s.
TIMEOUT_S = 35.0


class ServiceError(Exception):
    """The service refused a request, or did not answer.

    Args:
        message: one line.
        status: the HTTP status; 0 if there was no answer.
        retry_after_s: how long it asks to be left alone; 0 if it does not say.
    """

    def __init__(self, message: str, status: int = 0, retry_after_s: float = 0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class Service:
    """One tenant of the service, seen with one API key. Several threads may use it at once.

    Args:
        url: without a slash at its end.
        key: the API key.
        transport: how requests leave; the network if None.

    Raises:
        PayloadError: that is no URL.
    """

    def __init__(self, url: str, key: str, transport: httpx.BaseTransport | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PayloadError("url", "http:// or https:// and a host")
        if not key.isascii() or not key.isprintable():
            raise PayloadError("key", "an API key, as acme.q83vEjRWeJCrze8SNFZ4kA")
        self.url = url
        self._client = httpx.Client(
            base_url=url,
            headers={"x-api-key": key, "user-agent": f"centralino/{VERSION}"},
            timeout=TIMEOUT_S,
            transport=transport,
            # A proxy of the office can't reach this machine's own address.
            trust_env=not _is_here(parts.hostname),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Read something.

        Raises:
            ServiceError: it was refused, or there was no answer.
        """
        return self._ask("GET", path, params=query)

    def send(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Change something; return the answer, None if it is empty.

        Raises:
            ServiceError: it was refused, or there was no answer.
        """
        return self._ask(method, path, json=body)

    def _ask(self, method: str, path: str, **content: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = self._client.request(method, path, **content)
        except httpx.TimeoutException as error:
            raise ServiceError(f"no answer from {self.url} within {TIMEOUT_S:.0f} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceError(f"no answer from {self.url}: {error}") from error
        if answer.is_success:
            return _json(answer) if answer.content else None
        raise ServiceError(_reason(answer), answer.status_code, _retry_after_s(answer))


def path_of(*parts: str) -> str:
    """Return a path of version 1, every part percent-encoded."""
    return "/v1/" + "/".join(quote(part, safe=":") for part in parts)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _json(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    try:
        return answer.json()
    except ValueError as error:
        raise ServiceError(
            f"{answer.url} answered something else than Centralino does", answer.status_code
        ) from error


def _reason(answer: httpx.Response) -> str:
    """Say in one line what the service, or the gateway before it, has against a request."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    said = problem.get("detail") or problem.get("message") or answer.reason_phrase or "refused"
    others = problem.get("errors") or []
    if len(others) > 1:
        said = "; ".join(f"{other['field']}: expected {other['expected']}" for other in others)
    return f"{said} (status {answer.status_code})"


def _retry_after_s(answer: httpx.Response) -> float:
    try:
        return max(0.0, float(answer.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
