"""The small signed client: any AWS service that speaks JSON, over one kept connection.

The call path reaches DynamoDB through it and never imports the SDK, which would be most of a cold
start and most of a warm call's CPU time (docs/adr/0001-own-signed-client.md). It signs with
Signature Version 4 and answers, or raises, within the time it was given; only the resolver's time
can't be limited from here, and a connection opened ahead spares the call that too.

Signatures: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

Errors::

    UnavailableError  timeout, connection, server, malformed   tried twice
    ThrottledError    throttled                                tried twice
    RejectedError     credentials, permissions, missing_table, certificate   an operator has to act
    AwsError          anything else that the service refuses: a failed condition, a cancelled
                      transaction, an invalid request; the caller knows what it means

A request may reach the service more than once, so a write has to mean the same every time: carry a
`ClientRequestToken`, or a condition whose failure the caller can tell from success.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import time

from centralino.domain.errors import PayloadError, RejectedError, ThrottledError, UnavailableError
from centralino.domain.record import TYPE_CHECKING, NamedTuple, Record

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from hashlib import _Hash
    from typing import Any

# service: (the prefix of X-Amz-Target, the content type)
PROTOCOLS = {
    "dynamodb": ("DynamoDB_20120810", "application/x-amz-json-1.0"),
    "execute-api": ("", "application/json"),  # by paths: see `sockets.py`
    "lambda": ("", "application/json"),  # by paths and not by targets: see `live_search.py`
    "secretsmanager": ("secretsmanager", "application/x-amz-json-1.1"),
    "sqs": ("AmazonSQS", "application/x-amz-json-1.0"),
    "ssm": ("AmazonSSM", "application/x-amz-json-1.1"),
}
# the first letters of a region: the domain of its partition
DOMAINS = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
}
DOMAIN = "amazonaws.com"
# The roots of Amazon Trust Services, which sign every endpoint under `DOMAIN`: reading these five
# takes a seventh of the time of reading all that the system trusts.
AMAZON_ROOTS = os.path.join(os.path.dirname(__file__), "amazon_roots.pem")  # noqa: PTH118, PTH120 - pathlib is slow to import

# How much of the time the first attempt may use. A container that was frozen wakes up with a
# connection whose other end may be gone without a word: the rest is for a fresh one.
FIRST_ATTEMPT = 0.45
# Whoever throttles or fails is left alone for a moment before the second attempt: at most this
# long, and at most this part of the time.
PAUSE_S = 0.05
PAUSE = 0.1

# Not compiled here: in Lambda nothing is configured, and a cold start would pay for it.
_ENDPOINT = r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?/?"
_THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",  # our own first attempt is still at work
}
_REJECTED = {
    "AccessDenied": "permissions",
    "AccessDeniedException": "permissions",
    "ExpiredToken": "credentials",
    "ExpiredTokenException": "credentials",
    "IncompleteSignature": "credentials",
    "IncompleteSignatureException": "credentials",
    "InvalidAccessKeyId": "credentials",
    "InvalidClientTokenId": "credentials",
    "InvalidSecurity": "credentials",
    "InvalidSignatureException": "credentials",
    "MissingAuthenticationToken": "credentials",
    "MissingAuthenticationTokenException": "credentials",
    "RequestExpired": "credentials",
    "ResourceNotFoundException": "missing_table",
    "SignatureDoesNotMatch": "credentials",
    "UnrecognizedClientException": "credentials",
}
_OK = 200
_TOO_MANY = 429
_SERVER_ERROR = 500
_RECEIVE = 65_536
_HEAD_LIMIT = 65_536
# When sending took longer than this, in seconds, the time left to receive is worked out anew.
_AT_ONCE_S = 0.001
_DAY_S = 86_400
_LENGTH = "\r\ncontent-length:"
_SHA256 = hashlib.sha256()  # to copy one is less work than to make another one
_TWO = tuple([f"{number:02}" for number in range(60)])  # as a time is written
_AS_IS = (False, False, True)  # keys are not sorted and not left out, NaN is not refused
# What `json.JSONEncoder(separators=(",", ":")).encode` makes anew for each text, and calls.
_pieces = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
    None, json.JSONEncoder().default, json.encoder.encode_basestring_ascii, None, ":", ",", *_AS_IS
)
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # what `decode` is made of
# HMAC-SHA256's block, and what its two keys are made with: https://www.rfc-editor.org/rfc/rfc2104
_BLOCK = 64
_INNER = int.from_bytes(b"\x36" * _BLOCK, "big")
_OUTER = int.from_bytes(b"\x5c" * _BLOCK, "big")


class AwsError(Exception):
    """The service understood a request and refused it.

    Args:
        code: the error's name, as `ConditionalCheckFailedException`.
        message: the service's explanation, for a log.
        body: the whole answer (`CancellationReasons`, `Item`, ...).
    """

    def __init__(self, code: str, message: str, body: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.body = body

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a transaction was cancelled: a code for each of its items in order, `None` if none.

        The codes are DynamoDB's: `ConditionalCheckFailed`, `TransactionConflict`, ..., `None`:
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        return tuple(
            reason.get("Code", "None") for reason in self.body.get("CancellationReasons", ())
        )


class Endpoint(NamedTuple):
    """Where a service is.

    Attributes:
        secure: whether it speaks TLS.
        host: a name or an address, without brackets.
        port: the TCP port.
    """

    secure: bool
    host: str
    port: int

    @property
    def header(self) -> str:
        """The value of the Host header: no port if it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def find_region(env: Mapping[str, str]) -> str:
    """Return the region that the environment names.

    Raises:
        PayloadError: it names none.
    """
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or ""
    if not region:
        raise PayloadError("AWS_REGION", "an AWS region, as eu-south-1")
    return region


def find_endpoint(service: str, region: str, env: Mapping[str, str]) -> Endpoint:
    """Return where a service is: what the environment says, else Amazon's endpoint of the region.

    The variables are the SDKs':
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html

    Raises:
        PayloadError: a variable doesn't hold a URL of scheme, host and maybe port.
    """
    for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
        if url := env.get(name):
            match = re.fullmatch(_ENDPOINT, url)
            if not match:
                raise PayloadError(name, "http:// or https://, a host and maybe a port, no path")
            secure = match[1] == "https"
            port = int(match[3] or (443 if secure else 80))
            return Endpoint(secure, match[2].strip("[]"), port)
    prefixes = (prefix for prefix in DOMAINS if region.startswith(prefix))
    domain = DOMAINS.get(next(prefixes, ""), DOMAIN)
    return Endpoint(secure=True, host=f"{service}.{region}.{domain}", port=443)


class _Form(Record):
    """What is the same in all requests of a kind on one day, but for the time between its parts.

    Attributes:
        canonical: a hash that knows the beginning of what is signed.
        signed: its end, but for the body's digest.
        head: the beginning of the request.
        authorization: the rest of its head, but for the signature and the length.
    """

    canonical: _Hash
    signed: str
    head: str
    authorization: str


class _Mac:
    """HMAC-SHA256 with a key that signs many texts.

    Copies of two hashes that have the key already; https://www.rfc-editor.org/rfc/rfc2104
    """

    def __init__(self, key: bytes) -> None:
        block = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
        padded = int.from_bytes(block.ljust(_BLOCK, b"\0"), "big")
        self._inner = hashlib.sha256((padded ^ _INNER).to_bytes(_BLOCK, "big"))
        self._outer = hashlib.sha256((padded ^ _OUTER).to_bytes(_BLOCK, "big"))

    def of(self, text: bytes) -> _Hash:
        """Return the code of a text, as a hash whose digest it is."""
        inner = self._inner.copy()
        inner.update(text)
        outer: _Hash = self._outer.copy()
        outer.update(inner.digest())
        return outer


class Client:
    """One service in one region, over one connection that is kept between calls.

    Not for several threads at once: each takes a client of its own.

    Args:
        service: one of `PROTOCOLS`.
        env: where the region, the endpoint and the credentials are found, under the names that
            Lambda gives them. The credentials are read for every request, so that a mapping that
            renews them works.
        clock: seconds since 1970 (UTC). Signatures hold for minutes and a container may have been
            frozen for hours, so this is the wall clock and it is asked for each attempt.

    Raises:
        PayloadError: the region or the endpoint isn't one.
    """

    def __init__(
        self, service: str, *, env: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        self.region = find_region(env)
        self.endpoint = find_endpoint(service, self.region, env)
        self._target, self._content_type = PROTOCOLS[service]
        self._service = service
        self._method = "POST"
        self._host = self.endpoint.header
        self._env = env
        self._clock = clock
        self._socket: socket.socket | None = None
        # the key's id, the secret and the token that are signed with, and since when: the beginning
        # of the day, in seconds since 1970
        self._signer = ("", "", "")
        self._midnight = -_DAY_S
        self._day = self._scope = ""
        self._mac = _Mac(b"")
        self._forms: dict[str, _Form] = {}

    def connect(self, timeout_s: float) -> None:
        """Open the connection ahead of the first call; whatever fails here, that call will tell.

        Args:
            timeout_s: how long it may take, in seconds.
        """
        if self._socket is None:
            try:
                self._open(time.monotonic() + timeout_s)
            except OSError:
                self.close()

    def close(self) -> None:
        """Drop the connection; the next call opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def call(
        self, operation: str, payload: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        """Send one request and return the answer; see `call_text`.

        Args:
            operation: the API's name of it, as `BatchGetItem`.
            payload: its parameters in the API's own JSON.
            timeout_s: the time for everything, in seconds.
        """
        return self.call_text(operation, "".join(_pieces(payload, 0)), timeout_s=timeout_s)

    def call_text(self, operation: str, text: str, *, timeout_s: float) -> dict[str, Any]:
        """Send one request and return the answer; a failure that may pass is tried once more.

        Args:
            operation: the API's name of it, as `BatchGetItem`.
            text: its parameters, JSON.
            timeout_s: the time for everything, in seconds: both attempts and the pause between.

        Raises:
            UnavailableError: no usable answer in time; see the module for the reasons.
            ThrottledError: the service asks to slow down.
            RejectedError: it refuses us; an operator has to act.
            AwsError: it refuses this request.
        """
        body = text.encode()
        start = time.monotonic()
        try:
            return self._attempt(operation, body, start + timeout_s * FIRST_ATTEMPT)
        except RejectedError:
            raise
        except UnavailableError as error:
            busy = error.reason in {"server", "throttled"}
        if busy:
            time.sleep(min(PAUSE_S, timeout_s * PAUSE) * os.urandom(1)[0] / 255)
        return self._attempt(operation, body, start + timeout_s)

    def _attempt(self, operation: str, body: bytes, limit: float) -> dict[str, Any]:
        request = self._sign(operation, body)
        try:
            connection, data = self._send(request, limit)
            status, answer = self._take(connection, data, limit)
            return self._understand(status, answer)
        except (AwsError, UnavailableError):
            raise
        except BaseException as error:
            # Half an answer must never be read as the next one.
            self.close()
            if isinstance(error, TimeoutError):
                raise UnavailableError("timeout") from error
            if hasattr(error, "verify_message"):  # it is an ssl.SSLCertVerificationError
                raise RejectedError("certificate") from error
            if isinstance(error, OSError):
                raise UnavailableError("connection") from error
            if isinstance(error, ValueError):
                raise UnavailableError("malformed") from error
            raise

    def _understand(self, status: int, answer: bytes) -> dict[str, Any]:
        """Return what the service said, or raise what it means; ValueError if nobody can tell."""
        if status >= _SERVER_ERROR:
            raise UnavailableError("server")
        if status == _TOO_MANY:
            raise ThrottledError("throttled")
        text = answer.decode().strip() or "{}"
        try:
            body, end = _scan(text, 0)
        except StopIteration:
            raise ValueError("not JSON") from None
        if end != len(text) or not isinstance(body, dict):
            raise ValueError("not a JSON object")
        if status == _OK:
            return body
        raise _refusal(body)

    def _sign(self, operation: str, body: bytes) -> bytes:
        """Return the whole HTTP request, signed."""
        env = self._env
        now = int(self._clock())
        second = now - self._midnight
        signer = (
            env.get("AWS_ACCESS_KEY_ID", ""),
            env.get("AWS_SECRET_ACCESS_KEY", ""),
            env.get("AWS_SESSION_TOKEN", ""),
        )
        if signer != self._signer or not 0 <= second < _DAY_S:
            self._renew(signer, now)
            second = now - self._midnight
        form = self._forms.get(operation)
        if form is None:
            form = self._forms[operation] = self._form(operation)
        at = f"{self._day}T{_TWO[second // 3600]}{_TWO[second // 60 % 60]}{_TWO[second % 60]}Z"
        digest = _SHA256.copy()
        digest.update(body)
        canonical = form.canonical.copy()
        canonical.update(f"{at}{form.signed}{digest.hexdigest()}".encode())
        text = f"AWS4-HMAC-SHA256\n{at}\n{self._scope}\n{canonical.hexdigest()}"
        signature = self._mac.of(text.encode()).hexdigest()
        head = f"{form.head}{at}{form.authorization}{signature}{_LENGTH}{len(body)}\r\n\r\n"
        return head.encode() + body

    def _renew(self, signer: tuple[str, str, str], now: int) -> None:
        """Derive the key of another day, or of other credentials.

        Raises:
            RejectedError: there are none.
        """
        key_id, secret, _ = signer
        if not key_id or not secret:
            raise RejectedError("credentials")
        self._midnight = now // _DAY_S * _DAY_S
        self._day = time.strftime("%Y%m%d", time.gmtime(now))
        self._scope = f"{self._day}/{self.region}/{self._service}/aws4_request"
        mac = _Mac(f"AWS4{secret}".encode())
        for step in self._scope.split("/"):
            mac = _Mac(mac.of(step.encode()).digest())
        self._mac = mac
        self._forms.clear()
        self._signer = signer

    def _form(self, operation: str) -> _Form:
        """Write down what is the same in all requests for an operation on this day."""
        return self._written("/", after=f"x-amz-target:{self._target}.{operation}\n")

    def _written(self, path: str, *, before: str = "", after: str = "") -> _Form:
        """Write down a kind of requests.

        Args:
            path: as the signature has it: what is percent-encoded in the request is so once more.
            before: a line `name:value` that comes between the time and the session token, for they
                are signed in the order of their names.
            after: one that comes behind the token.
        """
        key_id, _, token = self._signer
        line = name = ""
        if token:
            line = f"x-amz-security-token:{' '.join(token.split())}\n"
            name = ";x-amz-security-token"
        if before:
            line, name = f"{before}{line}", f";{before.partition(':')[0]}{name}"
        if after:
            line, name = f"{line}{after}", f"{name};{after.partition(':')[0]}"
        names = f"content-type;host;x-amz-date{name}"
        headers = f"content-type:{self._content_type}\nhost:{self._host}\nx-amz-date:"
        rest = f"\n{line}"
        return _Form(
            canonical=hashlib.sha256(f"{self._method}\n{path}\n\n{headers}".encode()),
            signed=f"{rest}\n{names}\n",
            head=f"{self._method} {path.replace('%25', '%')} HTTP/1.1\n{headers}".replace(
                "\n", "\r\n"
            ),
            authorization=rest.replace("\n", "\r\n")
            + "user-agent:centralino\r\nauthorization:AWS4-HMAC-SHA256 "
            + f"Credential={key_id}/{self._scope}, SignedHeaders={names}, Signature=",
        )

    def _take(self, connection: socket.socket, data: bytes, limit: float) -> tuple[int, bytes]:
        """Read the rest of an answer, whose first bytes are there: the status and the body."""
        head, found, body = data.partition(b"\r\n\r\n")
        head = head.lower()
        length = _find_header(head, b"\r\ncontent-length:")
        more = b""
        whole = found and length.isdigit() and int(length) == len(body)
        if not whole or head.find(b"\r\ntransfer-encoding:") >= 0:  # `in` raises and catches first
            stream = _Stream(connection, data, limit)
            head = stream.take_until(b"\r\n\r\n").lower()
            if _find_header(head, b"\r\ntransfer-encoding:") == b"chunked":
                body = _join_chunks(stream)
            else:  # without a length it is malformed: half of it would look like all of it
                body = stream.take(int(_find_header(head, b"\r\ncontent-length:")))
            more = stream.data
        if not head.startswith(b"http/1."):
            raise ValueError("not an answer of HTTP/1")
        # What nobody asked for would be taken for the next answer.
        if more or (head.find(b"close") > 0 and _find_header(head, b"\r\nconnection:") == b"close"):
            self.close()
        return int(head[9:12]), body

    def _send(self, request: bytes, limit: float) -> tuple[socket.socket, bytes]:
        """Send a request and return the first bytes of its answer.

        A service closes connections that were idle for long. That shows only here (a look at the
        socket before sending can't tell it from the session tickets of TLS 1.3), it is nobody's
        failure, and a fresh connection takes over.
        """
        kept = self._socket
        if kept is not None:
            try:
                if data := _send_on(kept, request, limit):
                    return kept, data
            except TimeoutError:
                raise
            except OSError:
                pass
            self.close()
        fresh = self._open(limit)
        return fresh, _send_on(fresh, request, limit)

    def _open(self, limit: float) -> socket.socket:
        connection = _dial(self.endpoint.host, self.endpoint.port, limit)
        if self.endpoint.secure:
            connection.settimeout(_left(limit))
            connection = self._trust().wrap_socket(
                connection, server_hostname=self.endpoint.host.encode()
            )
        self._socket = connection
        return connection

    def _trust(self) -> ssl.SSLContext:
        """Return whose certificates we believe, read once for all clients."""
        bundle = self._env.get("AWS_CA_BUNDLE") or (
            AMAZON_ROOTS if self.endpoint.host.endswith(f".{DOMAIN}") else ""
        )
        context = _trusting.get(bundle)
        if context is None:
            import ssl  # noqa: PLC0415 - 12 ms that an emulator over http need not pay

            context = _trusting[bundle] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if bundle:
                context.load_verify_locations(bundle)
            else:
                context.load_default_certs()
        return context


# A file of certificates -> what trusts them. Routing has two connections, and reading the roots
# takes longer than a handshake.
_trusting: dict[str, ssl.SSLContext] = {}


class _Stream:
    """What came on a connection and is not read yet, and the rest when it is needed."""

    def __init__(self, connection: socket.socket, data: bytes, limit: float) -> None:
        self.data = data
        self._connection = connection
        self._limit = limit

    def _receive(self) -> bytes:
        self._connection.settimeout(_left(self._limit))
        data = self._connection.recv(_RECEIVE)
        if not data:
            raise ConnectionError("closed in the middle of an answer")
        return data

    def take(self, size: int) -> bytes:
        """Return the next bytes, as many as asked for."""
        if size < 0:
            raise ValueError("a length below zero")
        parts = [self.data]
        missing = size - len(self.data)
        while missing > 0:
            parts.append(self._receive())
            missing -= len(parts[-1])
        data = b"".join(parts)
        self.data = data[size:]
        return data[:size]

    def take_until(self, mark: bytes) -> bytes:
        """Return what precedes a mark, and skip the mark."""
        while True:
            taken, found, rest = self.data.partition(mark)
            if found:
                self.data = rest
                return taken
            if len(self.data) > _HEAD_LIMIT:
                raise ValueError("a head without an end")
            self.data += self._receive()


def _left(limit: float) -> float:
    left = limit - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _dial(host: str, port: int, limit: float) -> socket.socket:
    """Connect to a host, giving each of its addresses an equal share of the time."""
    # As bytes: a text would be encoded by IDNA, whose tables take a millisecond to import.
    addresses = socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM)
    for index, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(limit) / (len(addresses) - index + 1))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            connection.close()
            if index == len(addresses):
                raise
        else:
            return connection
    raise ConnectionError("no address")


def _send_on(connection: socket.socket, request: bytes, limit: float) -> bytes:
    left = limit - time.monotonic()
    if left <= 0.0:
        raise TimeoutError
    connection.settimeout(left)
    sent = connection.send(request)
    if sent < len(request):
        connection.sendall(request[sent:])
    if limit - time.monotonic() < left - _AT_ONCE_S:
        connection.settimeout(_left(limit))
    return connection.recv(_RECEIVE)


def _find_header(head: bytes, name: bytes) -> bytes:
    """Return the value of a header, or nothing; a search is cheaper than parsing all of them.

    Args:
        head: the lines of an answer's head, in lower case, the last one without its end.
        name: with the end of the line before it and the colon behind it.
    """
    start = head.find(name)
    return head[start + len(name) :].partition(b"\r\n")[0].strip() if start >= 0 else b""


def _join_chunks(stream: _Stream) -> bytes:
    parts = []
    while size := int(stream.take_until(b"\r\n").partition(b";")[0], 16):
        parts.append(stream.take(size))
        stream.take_until(b"\r\n")
    while stream.take_until(b"\r\n"):  # trailers, which say nothing to us
        pass
    return b"".join(parts)


def _refusal(body: Mapping[str, Any]) -> Exception:
    """Return what a refusal means; ValueError if that can't be told."""
    code = str(body.get("__type", "")).rpartition("#")[2]
    if code in _THROTTLED:
        return ThrottledError("throttled")
    if code in _REJECTED:
        return RejectedError(_REJECTED[code])
    if not code:
        return ValueError("a refusal without a reason")
    return AwsError(code, str(body.get("message") or body.get("Message") or ""), body)
