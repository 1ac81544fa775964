"""A bucket and a queue in memory, for imports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from centralino.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class MemoryObjects:
    """Keeps files; `ports/objects.py`'s Objects.

    Attributes:
        files: key -> content, of our bucket.
        elsewhere: `s3://bucket/key` -> content, of others'.
        faults: exceptions to raise, one a request.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.elsewhere: dict[str, bytes] = {}
        self.faults: list[Exception] = []

    def _asked(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        self._asked()
        if key not in self.files:
            raise NotFoundError(key)
        return self.files[key][start:end]

    def write(self, key: str, body: bytes, *, new: bool = False) -> bool:
        self._asked()
        if new and key in self.files:
            return False
        self.files[key] = body
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        self._asked()
        yield from sorted(key for key in self.files if key.startswith(prefix))

    def remove(self, key: str) -> None:
        self._asked()
        self.files.pop(key, None)

    def upload(self, key: str, path: Path) -> None:
        self.write(key, path.read_bytes())

    def download(self, place: str, path: Path) -> None:
        self._asked()
        if place not in self.elsewhere:
            raise NotFoundError("there is no such file in the bucket")
        path.write_bytes(self.elsewhere[place])


class MemorySqs:
    """Keeps messages; a client of SQS.

    Attributes:
        messages: not yet taken, in order.
        sent: how many there were.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.sent = 0

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        assert (operation, timeout_s > 0) == ("SendMessage", True)
        self.messages.append(json.loads(payload["MessageBody"]))
        self.sent += 1
        return {"MessageId": str(self.sent)}
