"""What keeps files: an object store, one bucket of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Objects(Protocol):
    """Keeps files by their keys; every method raises UnavailableError when there is no answer."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Return a file, or its bytes from `start` up to but not including `end`.

        Raises:
            NotFoundError: there is no such file.
        """

    def write(self, key: str, body: bytes, *, new: bool = False) -> bool:
        """Keep a file.

        Args:
            key: its key.
            body: what it holds.
            new: only if there is none of this key.

        Returns:
            Whether it was kept; False if it was to be new and isn't.
        """

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, in their order."""

    def remove(self, key: str) -> None:
        """Remove a file, if there is one."""

    def upload(self, key: str, path: Path) -> None:
        """Keep a file of the desk, however large."""

    def download(self, place: str, path: Path) -> None:
        """Bring a file to the desk, however large.

        Args:
            place: `s3://bucket/key`, of any bucket.
            path: where to.

        Raises:
            NotFoundError: there is no such file.
        """
