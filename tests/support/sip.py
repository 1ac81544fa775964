"""A carrier and a phone for a real PBX, as little SIP (RFC 3261, UDP, loopback) as one call needs.

The carrier sends an INVITE with the caller's number and name, as a trunk does; the phone answers
with "busy here", or takes the call where it is told to, and remembers what its display would have
shown.
"""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOPBACK = "127.0.0.1"
# What a real phone or carrier would retry and wait for; on loopback nothing is lost, only late.
PATIENCE_S = 20.0
_SDP = (
    f"v=0\r\no=- 1 1 IN IP4 {LOOPBACK}\r\ns=-\r\nc=IN IP4 {LOOPBACK}\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\n"
).encode()
_FROM = re.compile(
    rb'^From: *(?:"((?:[^"\\]|\\.)*)"|([^"<]*?)) *<sips?:(?:([^@>]*)@)?',
    re.MULTILINE | re.IGNORECASE,
)


class Ring(NamedTuple):
    """One call as the phone got it.

    Attributes:
        name: the display name of the caller, decoded; empty where there was none.
        number: the user part of the caller's address.
        at: when the INVITE came, by `time.monotonic`.
        called: the user part of the address that was called.
        invite: the whole request.
    """

    name: str
    number: str
    at: float
    called: str
    invite: bytes = b""

    def header(self, name: str) -> str:
        """Return a header of the request; empty if there is none."""
        found = re.search(
            rb"^" + name.encode() + rb": *(.*?)\r$", self.invite, re.MULTILINE | re.IGNORECASE
        )
        return found[1].decode() if found else ""


class Phone:
    """A phone on loopback that is busy and remembers who called.

    Attributes:
        answers: what it is called as when it rings and takes the call instead; `*` for anything.
    """

    def __init__(self) -> None:
        self.answers: set[str] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self.address = f"{LOOPBACK}:{self.port}"
        self._rings: queue.Queue[Ring] = queue.Queue()
        self._seen: set[bytes] = set()
        self._thread = threading.Thread(target=self._listen, name="phone", daemon=True)
        self._thread.start()

    def ring(self) -> Ring:
        """Return the next call that came in; `queue.Empty` if none does."""
        return self._rings.get(timeout=PATIENCE_S)

    def rings(self) -> list[Ring]:
        """Return, and forget, the calls that came in so far."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._rings.get_nowait())
        return found

    def close(self) -> None:
        """Stop answering."""
        # An empty datagram to itself ends the listener: closing a socket does not wake a reader.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopper:
            stopper.sendto(b"", (LOOPBACK, self.port))
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while True:
            message, peer = self._socket.recvfrom(65535)
            if not message:
                return
            if message.startswith(b"BYE "):
                self._socket.sendto(_response(message, b"200 OK"), peer)
            if not message.startswith(b"INVITE "):
                continue
            ring = _ring(message)
            call_id = _header(message, b"Call-ID")
            if call_id not in self._seen:
                self._seen.add(call_id)
                self._rings.put(ring)
            takes = bool({ring.called, "*"} & self.answers)
            status, body = (b"200 OK", _SDP) if takes else (b"486 Busy Here", b"")
            contact = f"Contact: <sip:phone@{self.address}>".encode()
            if takes:
                self._socket.sendto(_response(message, b"180 Ringing", b"", contact), peer)
            self._socket.sendto(_response(message, status, body, contact), peer)


class Carrier:
    """A trunk on loopback: places calls to a PBX."""

    def __init__(self, pbx_port: int) -> None:
        self._pbx = (LOOPBACK, pbx_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.settimeout(PATIENCE_S)
        self.port: int = self._socket.getsockname()[1]

    def call(self, number: str, name: str, did: str, headers: Sequence[str] = ()) -> float:
        """Call `did` as `number` and wait for the end of the call; hang up once it is answered.

        Args:
            number: what stands before the `@` of the From header; percent-encoded where needed.
            name: the display name, empty for none.
            did: the number that is called.
            headers: further ones of the INVITE, `Privacy: id` for instance.

        Returns:
            when the INVITE was sent, by `time.monotonic`.

        Raises:
            AssertionError: the PBX refused the call instead of putting it through to the phone.
        """
        request = self._invite(number, name, did, headers)
        sent_at = time.monotonic()
        self._socket.sendto(request, self._pbx)
        while True:
            message = self._socket.recv(65535)
            status = int(message.split(b" ", 2)[1])
            final = 200
            if status >= final and _header(message, b"Call-ID") == _header(request, b"Call-ID"):
                self._socket.sendto(_follow(b"ACK", request, message), self._pbx)
                busy = 486
                assert status in {final, busy}, message.decode(errors="replace")
                if status == final:
                    self._socket.sendto(_follow(b"BYE", request, message), self._pbx)
                return sent_at

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()

    def _invite(self, number: str, name: str, did: str, headers: Sequence[str]) -> bytes:
        shown = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '" ' if name else ""
        here = f"{LOOPBACK}:{self.port}"
        # A SIP user part may hold these as they are (RFC 3261, 25.1); the rest is escaped.
        user = quote(number, safe="+-_.!~*'()&=$,;?/")
        head = (
            f"INVITE sip:{quote(did, safe='+')}@{LOOPBACK}:{self._pbx[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{uuid.uuid4().hex}\r\n"
            "Max-Forwards: 70\r\n"
            f"From: {shown}<sip:{user}@{here}>;tag={uuid.uuid4().hex}\r\n"
            f"To: <sip:{quote(did, safe='+')}@{LOOPBACK}>\r\n"
            f"Call-ID: {uuid.uuid4().hex}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:carrier@{here}>\r\n"
            + "".join(f"{header}\r\n" for header in headers)
            + f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n\r\n"
        )
        return head.encode() + _SDP


def _ring(invite: bytes) -> Ring:
    match = _FROM.search(invite)
    assert match, invite
    name = re.sub(rb"\\(.)", rb"\1", match[1] or match[2] or b"")
    called = invite.split(b" ", 2)[1].partition(b":")[2].partition(b"@")[0]
    return Ring(
        name.decode(),
        unquote((match[3] or b"").decode()),
        time.monotonic(),
        unquote(called.decode()),
        invite,
    )


def _header(message: bytes, name: bytes) -> bytes:
    match = re.search(rb"^" + name + rb": *(.*?)\r$", message, re.MULTILINE | re.IGNORECASE)
    assert match, (name, message)
    return match[1]


def _response(request: bytes, status: bytes, body: bytes = b"", *headers: bytes) -> bytes:
    lines = [b"SIP/2.0 " + status]
    lines += re.findall(rb"^(?:Via|From|Call-ID|CSeq):.*?(?=\r$)", request, re.MULTILINE)
    to = _header(request, b"To")
    lines += [b"To: " + (to if b"tag=" in to else to + b";tag=phone")]
    if body:
        lines += [*headers, b"Content-Type: application/sdp"]
    lines += [b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _follow(method: bytes, invite: bytes, response: bytes) -> bytes:
    """Return the ACK of an INVITE that was answered, or the BYE after it."""
    target = invite.split(b" ", 2)[1]
    via = _header(invite, b"Via")
    # The ACK of a refusal is part of the INVITE's transaction; all else is one of its own.
    if method == b"BYE" or response.startswith(b"SIP/2.0 2"):
        via = via.partition(b"branch=")[0] + b"branch=z9hG4bK" + uuid.uuid4().hex.encode()
    lines = [
        method + b" " + target + b" SIP/2.0",
        b"Via: " + via,
        b"Max-Forwards: 70",
        b"From: " + _header(invite, b"From"),
        b"To: " + _header(response, b"To"),
        b"Call-ID: " + _header(invite, b"Call-ID"),
        b"CSeq: " + (b"2 " if method == b"BYE" else b"1 ") + method,
        b"Content-Length: 0",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"
