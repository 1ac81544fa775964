"""Functions of ours that another one invokes.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
import time

from centralino.adapters.aws import Client
from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.adapters.aws import _Form

# A connection that was idle for longer may be gone without a word: a container freezes. To find
# that out would cost a call its time.
KEEP_S = 20.0
_OK = 200
_ACCEPTED = 202
_FORBIDDEN = 403
_NOT_FOUND = 404
_TOO_MANY = 429
_SERVER_ERROR = 500


class LambdaFunction(Client):
    """One function.

    Args:
        function: its name and alias, or its ARN with the alias.
        env: as for every signed client.
        clock: seconds since 1970 (UTC).
    """

    def __init__(
        self, function: str, *, env: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__("lambda", env=env, clock=clock)
        self._path = f"/2015-03-31/functions/{function.replace(':', '%253A')}/invocations"
        self._used_at = 0.0

    def invoke(self, kind: str, payload: Mapping[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Invoke it, once, and return what it answered.

        Args:
            kind: `RequestResponse`; or `Event`, which waits for nothing and answers nothing.
            payload: JSON.
            timeout_s: for everything, seconds.

        Raises:
            UnavailableError: it did not answer.
        """
        start = time.monotonic()
        if start - self._used_at > KEEP_S:
            self.close()
        self._used_at = start
        return self._attempt(kind, json.dumps(payload).encode(), start + timeout_s)

    def later(self, task: Mapping[str, str]) -> None:
        """Have it run with a task, with nobody waiting; see `ports/sockets.py`."""
        self.invoke("Event", task, timeout_s=1.0)

    def _form(self, operation: str) -> _Form:
        """Write down what is signed; the operation is the type of the invocation."""
        return self._written(self._path, before=f"x-amz-invocation-type:{operation}\n")

    def _understand(self, status: int, answer: bytes) -> dict[str, Any]:
        """Return what the function answered, or raise what keeps it from answering."""
        if status == _ACCEPTED:
            return {}
        if status == _OK:
            body = json.loads(answer)
            if not isinstance(body, dict):
                raise ValueError("not a JSON object")
            return body
        if status == _TOO_MANY:
            raise ThrottledError("throttled")
        if status >= _SERVER_ERROR:
            raise UnavailableError("server")
        if status == _FORBIDDEN:
            raise RejectedError("permissions")
        if status == _NOT_FOUND:
            raise RejectedError("missing_function")
        raise RejectedError("invalid_request")
