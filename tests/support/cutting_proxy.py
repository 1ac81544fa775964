"""A TCP proxy that cuts a connection at the very byte that a test wants it cut at."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import NamedTuple

from tests.support.sip import LOOPBACK

_BLOCK = 65_536
# How long the far end has to act on what it got, before it sees the connection's end.
_ACT_S = 0.3


class Cut(NamedTuple):
    """When a connection is cut.

    Attributes:
        mark: what has to pass by, in one piece, towards the near or the far end.
        near: whether it is on its way to the end that opened the connection.
        delivered: how many bytes from the beginning of the piece with the mark still get through;
            None for all of them.
        answered: how many bytes of what the other end says to that still do.
    """

    mark: bytes
    near: bool
    delivered: int | None = None
    answered: int = 0


class _Line:
    """What the two ways of one connection know of each other."""

    def __init__(self) -> None:
        # How many bytes still get through; None for any number.
        self.left: int | None = None

    def take(self, piece: bytes) -> bytes:
        """Return what of a piece still gets through."""
        if self.left is None:
            return piece
        taken = piece[: self.left]
        self.left -= len(taken)
        return taken


class CuttingProxy:
    """Passes connections on, until one is to be cut.

    Args:
        target_port: where connections go, on loopback.

    Attributes:
        port: where it listens, on loopback.
        cuts: what to cut at; each happens once.
        made: how many connections were opened.
        done: how many were cut.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.cuts: list[Cut] = []
        self.made = 0
        self.done = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="cutting proxy", daemon=True)
        self._thread.start()

    def cut_all(self) -> None:
        """Cut every connection that is open now."""
        with self._lock:
            for end in self._open:
                _shut(end)

    def close(self) -> None:
        """Listen no more and cut what is open."""
        # Closing a listener does not wake the one who waits on it.
        _shut(self._listener)
        self._thread.join()
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.made += 1
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            near,
            socket.create_connection((LOOPBACK, self.target_port)) as far,
        ):
            with self._lock:
                self._open |= {near, far}
            line = _Line()
            ways = [
                threading.Thread(target=self._pass_on, args=(near, far, False, line)),
                threading.Thread(target=self._pass_on, args=(far, near, True, line)),
            ]
            for way in ways:
                way.start()
            for way in ways:
                way.join()
            with self._lock:
                self._open -= {near, far}

    def _pass_on(
        self,
        source: socket.socket,
        sink: socket.socket,
        near: bool,
        line: _Line,
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_BLOCK):
                cut = self._cut_for(piece, near=near) if line.left is None else None
                if cut is None:
                    sink.sendall(line.take(piece))
                    continue
                line.left = cut.answered
                sink.sendall(piece[: cut.delivered])
                time.sleep(_ACT_S)
                break
        _shut(source)
        _shut(sink)

    def _cut_for(self, piece: bytes, *, near: bool) -> Cut | None:
        with self._lock:
            for cut in self.cuts:
                if cut.near == near and cut.mark in piece:
                    self.cuts.remove(cut)
                    self.done += 1
                    return cut
        return None


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
