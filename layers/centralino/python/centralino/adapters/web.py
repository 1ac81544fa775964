"""What asks a CRM over HTTPS: to the address that was checked, within a time, up to a size.

A CRM's address comes from whoever set up the connection, and what it answers from whoever runs it.
So the name is looked up once for each connection, the addresses are checked, and the connection
goes to one of those very addresses: a name that means another address a moment later changes
nothing. The certificate is still the name's. Redirects, cookies and proxies do not exist here.

The time is for everything: a service that sends a byte now and then runs out of it all the same.
The size is that of the unpacked body; no more than that is ever unpacked.
"""

from __future__ import annotations

import ipaddress
import logging
import queue
import select
import socket
import ssl
import threading
import time
import zlib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urlsplit

import httpcore

from centralino.domain.errors import RejectedError, UnavailableError
from centralino.ports.web import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Resolve = Callable[[str, int], Sequence[str]]

TIMEOUT_S = 10.0
MAX_BYTES = 5_000_000
# A connection that was idle for longer may have lost its other end: a container freezes.
KEEP_S = 10.0
KEEP_CONNECTIONS = 4

# Who gets no `content-length: 0`.
_WITHOUT_BODY = {"DELETE", "GET", "HEAD"}
# Where private addresses are allowed: on-premise networks, those of VPNs, and this machine.
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "::1/128",
            "fc00::/7",
        ),
    )
)
# Amazon's metadata and credentials by IPv6 are inside of a private range; those by IPv4 are
# link-local, which is never allowed. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/
_AMAZON = ipaddress.ip_network("fd00:ec2::/32")
_GLOBAL_6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address in its last 32 bits (RFC 6052)

# Its debug lines hold the headers of answers.
logging.getLogger("httpcore").setLevel(logging.INFO)


class Asking(threading.local):
    """The request that a thread is sending: until when, whether in the clear, and how far it got.

    Attributes:
        limit: when its time is over, as `time.monotonic` counts.
        clear: it won't be encrypted.
        sent: something of it may have left.
    """

    limit: float = 0.0
    clear: bool = False
    sent: bool = False

    def left(self) -> float:
        """Return the seconds left.

        Raises:
            UnavailableError: `timeout`, there are none.
        """
        left = self.limit - time.monotonic()
        if left <= 0:
            raise UnavailableError("timeout")
        return left


class Reach(NamedTuple):
    """Where a connection may go.

    Attributes:
        private: also to private addresses, and then also by http: an on-premise CRM over a VPN.
        closed: `host:port` of what listens on this machine and is no CRM, as Lambda's own API.
    """

    private: bool = False
    closed: Collection[str] = ()

    def allows(self, address: str, port: int, *, clear: bool = False) -> bool:
        """Tell whether a connection may go there.

        Args:
            address: an IP address.
            port: the TCP port.
            clear: it won't be encrypted.
        """
        try:
            ip = _unwrapped(ipaddress.ip_address(address))
        except ValueError:
            return False
        if any(ip in network for network in _PRIVATE):
            return self.private and ip not in _AMAZON and not self._is_closed(ip, port)
        return _is_public(ip) and not clear

    def _is_closed(self, ip: Address, port: int) -> bool:
        # Whatever the loopback address, it is this machine's port.
        return ip.is_loopback and any(place.endswith(f":{port}") for place in self.closed)


class HttpWeb:
    """Sends requests to the places that it may reach; see `ports/web.py`. Threads may share it.

    Args:
        reach: where requests may go.
        timeout_s: for a request that isn't given a time.
        max_bytes: of a body, unpacked.
        trust: whose certificates to believe; the usual authorities without it.
        resolve: name, port -> IP addresses, the best first; the system's resolver without it.
    """

    def __init__(
        self,
        reach: Reach = Reach(),  # noqa: B008 - a tuple never changes
        *,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._reach = reach
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._asking = Asking()
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust or _usual_authorities(),
            max_keepalive_connections=KEEP_CONNECTIONS,
            keepalive_expiry=KEEP_S,
            network_backend=_Pinned(reach, self._asking, resolve or _system_addresses),
        )

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request and return the answer; see the port."""
        self._asking.sent = False
        try:
            return self._send(method, url, headers or {}, body, timeout_s)
        except UnavailableError as error:
            error.sent = self._asking.sent
            raise

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float | None,
    ) -> Answer:
        asking = self._asking
        parts = _checked(url)
        asking.clear = parts.scheme == "http"
        if asking.clear and not self._reach.private:
            raise RejectedError("forbidden_address")
        asking.limit = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        sent = {
            "accept": "*/*",
            "accept-encoding": "gzip",
            "user-agent": "centralino",
            **{name.lower(): value for name, value in headers.items()},
        }
        try:
            with self._pool.stream(
                method,
                # What is behind `#` is for browsers.
                url.partition("#")[0],
                headers=[(name.encode(), value.encode()) for name, value in sent.items()],
                content=body or (None if method in _WITHOUT_BODY else b""),
                extensions={"timeout": {"pool": asking.left()}},
            ) as response:
                return Answer(response.status, *self._read(response))
        except (httpcore.PoolTimeout, TimeoutError) as error:
            raise UnavailableError("timeout") from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise UnavailableError("connection") from error

    def close(self) -> None:
        """Drop the connections."""
        self._pool.close()

    def _read(self, response: httpcore.Response) -> tuple[dict[str, str], bytes]:
        headers: dict[str, str] = {}
        for name_, value_ in response.headers:
            name, value = name_.decode("latin-1").lower(), value_.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise UnavailableError("too_large")
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding in {"gzip", "x-gzip"}:
            return headers, _unpack(response.iter_stream(), self._max_bytes)
        if encoding not in {"", "identity"}:
            raise UnavailableError("malformed")
        return headers, _join(response.iter_stream(), self._max_bytes)


class _Pinned(httpcore.NetworkBackend):
    """Opens connections, each to an address that was looked up once and checked."""

    def __init__(self, reach: Reach, asking: Asking, resolve: Resolve) -> None:
        self._reach = reach
        self._asking = asking
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the request's own limit counts, here and below
        local_address: str | None = None,  # noqa: ARG002 - asked for by nobody
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - the same
    ) -> httpcore.NetworkStream:
        asking = self._asking
        addresses = [
            address
            for address in self._addresses(host, port)
            if self._reach.allows(address, port, clear=asking.clear)
        ]
        if not addresses:
            raise RejectedError("forbidden_address")
        for index, address in enumerate(addresses, 1):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                # Each address has an equal share of the time.
                connection.settimeout(asking.left() / (len(addresses) - index + 1))
                connection.connect((address, port))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                connection.close()
                if index == len(addresses):
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                return _Stream(connection, asking)
        raise RejectedError("forbidden_address")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Look a name up; the system's resolver knows no time, so it is left behind when it's over.

        Raises:
            UnavailableError: `timeout`, or `connection`: there is no such name.
        """
        found: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                found.put(self._resolve(host, port))
            except OSError as error:
                found.put(error)

        threading.Thread(target=look_up, daemon=True).start()
        try:
            answer = found.get(timeout=self._asking.left())
        except queue.Empty:
            raise UnavailableError("timeout") from None
        if isinstance(answer, OSError):
            raise UnavailableError("connection") from answer
        return answer


class _Stream(httpcore.NetworkStream):
    """A connection on which every wait ends when the request's time is over."""

    def __init__(self, connection: socket.socket, asking: Asking) -> None:
        self._socket = connection
        self._asking = asking

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self._socket.settimeout(self._asking.left())
        return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._socket.settimeout(self._asking.left())
        # Before it is so: what was sent in part may have arrived in part.
        self._asking.sent = True
        try:
            self._socket.sendall(buffer)
        except TimeoutError:
            raise
        except OSError as error:
            # Who refuses a request may do so before the end of it: there may be an answer.
            raise httpcore.WriteError from error

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        try:
            self._socket.settimeout(self._asking.left())
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise RejectedError("certificate") from error
        except BaseException:
            self.close()
            raise
        return _Stream(secured, self._asking)

    def get_extra_info(self, info: str) -> object:
        if info == "is_readable":  # an idle connection with something to read was closed
            return bool(select.select([self._socket], [], [], 0)[0])
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None


@cache
def _usual_authorities() -> ssl.SSLContext:
    """Return whose certificates we believe: read once, for it takes longer than a request."""
    return httpcore.default_ssl_context()


def _checked(url: str) -> SplitResult:
    """Take a URL apart; a name before `@` is refused, for it is there to be taken for the host."""
    try:
        parts = urlsplit(url)
        fine = parts.port != 0
    except ValueError:
        raise RejectedError("forbidden_address") from None
    usual = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    if not (fine and usual and url.isascii() and url.isprintable() and " " not in url):
        raise RejectedError("forbidden_address")
    return parts


def _system_addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def _unwrapped(ip: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip
    return ip


def _is_public(ip: Address) -> bool:
    if ip.version == 6 and ip not in _GLOBAL_6:  # noqa: PLR2004 - the two versions there are
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_link_local)


def _join(pieces: Iterable[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise UnavailableError("too_large")
    return bytes(body)


def _unpack(pieces: Iterable[bytes], max_bytes: int) -> bytes:
    """Unpack gzip as it comes, never more than there may be, whatever it would unpack to."""
    body = bytearray()
    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        for piece in pieces:
            packed = piece
            while packed:
                if decoder.eof:  # a file of gzip may be several, one after the other
                    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
                body += decoder.decompress(packed, max_bytes + 1 - len(body))
                if len(body) > max_bytes:
                    raise UnavailableError("too_large")
                packed = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    except zlib.error as error:
        raise UnavailableError("malformed") from error
    if not decoder.eof:
        raise UnavailableError("malformed")
    return bytes(body)
