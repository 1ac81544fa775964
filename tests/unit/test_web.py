"""Asking a CRM: only where it is allowed, only so long, only so much."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self

import pytest

from centralino import bootstrap
from centralino.adapters.web import HttpWeb, Reach
from centralino.domain.errors import RejectedError, UnavailableError
from tests.support.certificates import make_certificate
from tests.support.faulty_http import stopped, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

# What must end in time would otherwise take this long, and then succeed.
FOREVER_S = 30.0
SHORT_S = 0.3
LOCAL = Reach(private=True)


class Peer:
    """A server on loopback that writes what it is told, piece by piece.

    Args:
        answers: for each request in turn the pieces of its answer, the last one's again for all
            further ones; a number is a pause in seconds.
        pem: with a certificate and its key it speaks TLS.

    Attributes:
        requests: what it was sent, one text a request.
        connections: how many were opened.
        port: where it listens.
    """

    def __init__(self, *answers: Sequence[bytes | float], pem: Path | None = None) -> None:
        self.requests: list[str] = []
        self.connections = 0
        self._answers = list(answers)
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._context: ssl.SSLContext | None = None
        if pem:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(pem)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._context else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.05)
            try:
                if self._context:
                    connection.settimeout(5)
                    connection = self._context.wrap_socket(connection, server_side=True)
                    connection.settimeout(0.05)
                while self._take(connection) and self._answer(connection):
                    pass
            except OSError:
                pass  # the other side has had enough: that is what these tests are about
            finally:
                connection.close()

    def _take(self, connection: socket.socket) -> bool:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                if self._stopped.is_set():
                    return False
                continue
            if not piece:
                return False
            data += piece
        self.requests.append(data.decode())
        return True

    def _answer(self, connection: socket.socket) -> bool:
        """Answer one request; return whether the connection stays open."""
        pieces = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        for piece in pieces:
            if isinstance(piece, bytes):
                connection.sendall(piece)
            elif self._stopped.wait(piece):
                return False
        return not any(isinstance(piece, bytes) and b"close" in piece for piece in pieces)


def whole(body: bytes, *headers: str, status: str = "200 OK") -> list[bytes]:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return ["\r\n".join(lines).encode() + b"\r\n\r\n" + body]


@pytest.fixture
def web() -> Iterator[HttpWeb]:
    web = HttpWeb(LOCAL, timeout_s=FOREVER_S / 3, max_bytes=100_000)
    yield web
    web.close()


def named(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _host, _port: addresses


# --- where -------------------------------------------------------------------------------------

PUBLIC = (
    "8.8.8.8",
    "151.101.1.69",
    "2606:4700:4700::1111",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
)
PRIVATE = (
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.9.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::1",
    "fd12:3456::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:a00:1::1",
)
NEVER = (
    "0.0.0.0",  # noqa: S104 - an address that must be refused
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "::",
    "::127.0.0.1",
    "64:ff9b:1::1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "2001:db8::1",
    "crm.example",
    "",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_crm_may_be_anywhere_in_public_by_https(address: str) -> None:
    assert Reach().allows(address, 443)
    assert Reach(private=True).allows(address, 443)
    assert not Reach(private=True).allows(address, 80, clear=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_reached_only_where_the_connection_allows_it(address: str) -> None:
    assert not Reach().allows(address, 443)
    assert Reach(private=True).allows(address, 443)
    assert Reach(private=True).allows(address, 80, clear=True)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_services_and_addresses_of_no_host_are_never_reached(address: str) -> None:
    assert not Reach().allows(address, 443)
    assert not Reach(private=True).allows(address, 443)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
def test_what_listens_on_this_machine_and_is_no_crm_is_never_reached(address: str) -> None:
    reach = Reach(private=True, closed=("127.0.0.1:9001",))
    assert not reach.allows(address, 9001)
    assert reach.allows(address, 9002)
    assert reach.allows("10.0.0.1", 9001)


def test_a_connection_reaches_private_addresses_if_its_account_says_so_but_never_lambda_s_own_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Peer(whole(b"ok", "Connection: close")) as crm, Peer(whole(b"an event")) as runtime:
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", f"127.0.0.1:{runtime.port}")
        on_premises = bootstrap.web({"allow_private": "true"})
        assert on_premises.send("GET", crm.url()).body == b"ok"
        for account, url in (
            ({"allow_private": "true"}, runtime.url()),
            ({}, crm.url()),
            ({"allow_private": "false"}, crm.url()),
        ):
            with pytest.raises(RejectedError, match="forbidden_address"):
                bootstrap.web(account).send("GET", url)
        assert not runtime.connections


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data/",
        "http://crm.example/",  # in the clear
        "http://127.0.0.1/",
        "ftp://crm.example/",
        "file:///etc/passwd",
        "https:///nowhere",
        "https://crm.example@127.0.0.1/",
        "https://crm.example:99999/",
        "https://crm.example:x/",
        "https://[::1/",
        "https://crm.example/a b",
        "https://crm.example/\r\nx: y",
        "https://crm.exämple/",
        "",
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(RejectedError) as refused:
        HttpWeb(timeout_s=FOREVER_S).send("GET", url)
    assert refused.value.reason == "forbidden_address"


@pytest.mark.parametrize("private", PRIVATE[:2])
def test_a_public_name_of_a_private_address_is_refused(private: str) -> None:
    web = HttpWeb(resolve=named(private))
    with pytest.raises(RejectedError, match="forbidden_address"):
        web.send("GET", "https://crm.example/")


def test_a_name_is_looked_up_once_and_the_connection_goes_to_the_address_that_was_checked() -> None:
    answers = iter([["127.0.0.1"]])  # a second question would fail the test
    web = HttpWeb(LOCAL, resolve=lambda _host, _port: next(answers))
    with Peer(whole(b"ok")) as peer:
        answer = web.send("GET", peer.url(host="crm.example"))
        web.close()
    assert answer.body == b"ok"
    assert f"host: crm.example:{peer.port}" in peer.requests[0].lower()


def test_of_a_name_s_addresses_only_those_that_are_allowed_are_tried() -> None:
    web = HttpWeb(LOCAL, resolve=named("169.254.169.254", "127.0.0.1"))
    with Peer(whole(b"ok")) as peer:
        assert web.send("GET", peer.url(host="crm.example")).body == b"ok"
        web.close()


def test_the_next_address_is_tried_where_nobody_listens_at_the_first() -> None:
    web = HttpWeb(LOCAL, resolve=named("::1", "127.0.0.1"))
    with Peer(whole(b"ok")) as peer:
        assert web.send("GET", peer.url(host="crm.example")).body == b"ok"
        web.close()


def test_the_certificate_is_the_name_s_although_the_connection_is_to_an_address(
    tmp_path: Path,
) -> None:
    pem = make_certificate(tmp_path, "crm.example")
    trust = ssl.create_default_context(cafile=str(pem))
    web = HttpWeb(LOCAL, trust=trust, resolve=named("127.0.0.1"))
    with Peer(whole(b"ok"), pem=pem) as peer:
        assert web.send("GET", peer.url(host="crm.example")).body == b"ok"
        with pytest.raises(RejectedError) as refused:
            web.send("GET", peer.url(host="other.example"))
        web.close()
    assert refused.value.reason == "certificate"


def test_a_certificate_of_an_authority_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    pem = make_certificate(tmp_path, "crm.example")
    with Peer(whole(b"ok"), pem=pem) as peer, pytest.raises(RejectedError, match="certificate"):
        HttpWeb(LOCAL, resolve=named("127.0.0.1")).send("GET", peer.url(host="crm.example"))
    assert not peer.requests


def test_a_redirect_is_an_answer_like_any_other(web: HttpWeb) -> None:
    elsewhere = whole(b"", "Location: http://169.254.169.254/", status="302 Found")
    with Peer(elsewhere) as peer:
        answer = web.send("GET", peer.url())
    assert answer.status == 302
    assert answer.headers["location"] == "http://169.254.169.254/"
    assert len(peer.requests) == 1


def test_the_environment_s_proxies_are_not_asked(
    web: HttpWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Peer(whole(b"ok")) as peer:
        assert web.send("GET", peer.url()).body == b"ok"


# --- how long ----------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def slowly(*pieces: bytes, times: int = 300) -> list[bytes | float]:
    slow: list[bytes | float] = []
    for piece in pieces:
        slow += (piece, 0.1)
    return slow * times


SLOW: dict[str, list[bytes | float]] = {
    "nothing": [FOREVER_S, HEAD, b"hello"],
    "a head by the byte": [*slowly(*(bytes([byte]) for byte in HEAD), times=1), FOREVER_S],
    "a head without an end": [b"HTTP/1.1 200 OK\r\n", *slowly(b"x: y\r\n")],
    "a body by the byte": [HEAD, *slowly(b"h", times=4), FOREVER_S, b"o"],
    "half of a body": [HEAD, b"he", FOREVER_S, b"llo"],
    "chunks that go on": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        *slowly(b"1\r\nx\r\n"),
        b"0\r\n\r\n",
    ],
}


@pytest.mark.parametrize("pieces", SLOW.values(), ids=SLOW)
def test_a_slow_answer_ends_when_its_time_is_over(
    web: HttpWeb, pieces: Sequence[bytes | float]
) -> None:
    with Peer(pieces) as peer:
        with pytest.raises(UnavailableError) as late:
            web.send("GET", peer.url(), timeout_s=SHORT_S)
        assert late.value.reason == "timeout"
        assert len(peer.requests) == 1


def test_a_service_that_never_begins_with_tls_runs_out_of_its_time() -> None:
    with Peer([FOREVER_S]) as peer, pytest.raises(UnavailableError, match="timeout"):
        HttpWeb(LOCAL).send("GET", f"https://127.0.0.1:{peer.port}/", timeout_s=SHORT_S)


def test_a_resolver_that_does_not_answer_runs_out_of_its_time() -> None:
    answered = threading.Event()

    def resolve(_host: str, _port: int) -> Sequence[str]:
        answered.wait(FOREVER_S)
        return ["127.0.0.1"]

    with Peer(whole(b"ok")) as peer:
        with pytest.raises(UnavailableError) as late:
            HttpWeb(LOCAL, resolve=resolve).send(
                "GET", peer.url(host="crm.example"), timeout_s=SHORT_S
            )
        answered.set()
    assert late.value.reason == "timeout"


def test_without_any_time_nothing_is_sent(web: HttpWeb) -> None:
    with Peer(whole(b"ok")) as peer, pytest.raises(UnavailableError, match="timeout"):
        web.send("GET", peer.url(), timeout_s=0)
    assert not peer.connections


def test_a_slow_request_takes_nothing_of_another_thread_s_time(web: HttpWeb) -> None:
    got: list[bytes] = []
    with Peer([0.6, *whole(b"ok")]) as peer:
        thread = threading.Thread(target=lambda: got.append(web.send("GET", peer.url()).body))
        thread.start()
        with pytest.raises(UnavailableError, match="timeout"):
            web.send("GET", peer.url(), timeout_s=SHORT_S)
        thread.join()
    assert got == [b"ok"]


# --- how much ----------------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large_is_not_read(web: HttpWeb) -> None:
    with (
        Peer([b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n", FOREVER_S]) as peer,
        pytest.raises(UnavailableError, match="too_large"),
    ):
        web.send("GET", peer.url())


def test_a_body_without_a_length_is_read_up_to_the_limit(web: HttpWeb) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    with (
        Peer([head, *[chunk] * 50, FOREVER_S]) as peer,
        pytest.raises(UnavailableError, match="too_large"),
    ):
        web.send("GET", peer.url())


def test_a_bomb_of_gzip_is_not_unpacked(web: HttpWeb) -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * 50_000_000) + b"\0" * 10_000_000)
    assert len(bomb) < 100_000
    with (
        Peer(whole(bomb, "Content-Encoding: gzip")) as peer,
        pytest.raises(UnavailableError, match="too_large"),
    ):
        web.send("GET", peer.url())


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(b"hello"),
        gzip.compress(b"he") + gzip.compress(b"llo"),
        gzip.compress(b"he") + gzip.compress(b"") + gzip.compress(b"llo"),
    ],
    # What is packed says when it was, so it can't name a test.
    ids=["one", "two members", "an empty one between"],
)
def test_a_packed_answer_is_unpacked(web: HttpWeb, packed: bytes) -> None:
    with Peer(whole(packed, "Content-Encoding: GZIP")) as peer:
        assert web.send("GET", peer.url()).body == b"hello"
    assert "accept-encoding: gzip\r\n" in peer.requests[0].lower()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b"hello")[:-4], "gzip"),
        (b"hello", "gzip"),
        (b"", "gzip"),
        (b"hello", "br"),
        (b"hello", "gzip, gzip"),
    ],
    ids=["cut off", "not packed", "nothing", "another packing", "packed twice"],
)
def test_what_cannot_be_unpacked_is_no_answer(web: HttpWeb, body: bytes, encoding: str) -> None:
    with (
        Peer(whole(body, f"Content-Encoding: {encoding}")) as peer,
        pytest.raises(UnavailableError) as failed,
    ):
        web.send("GET", peer.url())
    assert failed.value.reason == "malformed"


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhe"],
        [b"close"],
        [b"SSH-2.0-close\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000 + b"close"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nclose"],
    ],
)
def test_half_an_answer_is_no_answer(web: HttpWeb, pieces: Sequence[bytes]) -> None:
    with Peer(pieces) as peer, pytest.raises(UnavailableError) as failed:
        web.send("GET", peer.url())
    assert failed.value.reason == "connection"


def test_a_place_where_nobody_listens_is_unavailable(web: HttpWeb) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnavailableError, match="connection"):
        web.send("GET", f"http://127.0.0.1:{port}/")


def test_a_name_that_does_not_exist_is_unavailable() -> None:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(UnavailableError) as failed:
        HttpWeb(resolve=resolve).send("GET", "https://crm.example/")
    assert failed.value.reason == "connection"


# --- whether it was sent -----------------------------------------------------------------------


def lost(web: HttpWeb, url: str, timeout_s: float = SHORT_S) -> tuple[str, bool]:
    """Return why a request fails, and whether the other side may have got something of it."""
    with pytest.raises(UnavailableError) as failed:
        web.send("POST", url, timeout_s=timeout_s)
    return failed.value.reason, failed.value.sent


def test_what_nobody_listens_for_was_not_sent(web: HttpWeb) -> None:
    with stopped() as url:
        assert lost(web, url) == ("connection", False)


def test_what_found_no_way_through_was_not_sent(web: HttpWeb) -> None:
    with unreachable() as url:
        assert lost(web, url) == ("timeout", False)


def test_what_was_not_allowed_was_not_sent() -> None:
    with Peer(whole(b"ok")) as peer:
        web = HttpWeb(resolve=named("127.0.0.1"))
        assert lost(web, f"https://pbx.example.com:{peer.port}/") == ("forbidden_address", False)
    assert peer.connections == 0


def test_what_a_wrong_certificate_was_shown_for_was_not_sent(tmp_path: Path) -> None:
    with Peer(whole(b"ok"), pem=make_certificate(tmp_path)) as peer:
        assert lost(HttpWeb(LOCAL), peer.url(), 5.0) == ("certificate", False)


def test_what_never_came_to_tls_was_not_sent() -> None:
    with Peer([FOREVER_S]) as peer:
        assert lost(HttpWeb(LOCAL), f"https://127.0.0.1:{peer.port}/") == ("timeout", False)


@pytest.mark.parametrize("answer", [[FOREVER_S], [b"close"]], ids=["silence", "no answer"])
def test_what_was_taken_and_not_answered_may_have_been_sent(
    web: HttpWeb, answer: Sequence[bytes | float]
) -> None:
    with Peer(answer) as peer:
        _, sent = lost(web, peer.url())
    assert sent
    assert peer.requests


def test_a_request_that_was_not_sent_is_not_taken_for_the_one_before(web: HttpWeb) -> None:
    with Peer([b"close"]) as peer:
        assert lost(web, peer.url())[1]
    with stopped() as url:
        assert not lost(web, url)[1]


# --- what --------------------------------------------------------------------------------------


def test_a_request_says_what_it_was_told_and_little_else(web: HttpWeb) -> None:
    with Peer(whole(b"{}")) as peer:
        web.send(
            "GET",
            peer.url("/people?phone=%2B39024455#top"),
            headers={"X-Api-Key": "k", "Accept": "application/json"},
        )
    lines = peer.requests[0].lower().split("\r\n")
    assert lines[0] == "get /people?phone=%2b39024455 http/1.1"
    assert sorted(filter(None, lines[1:])) == [
        "accept-encoding: gzip",
        "accept: application/json",
        f"host: 127.0.0.1:{peer.port}",
        "user-agent: centralino",
        "x-api-key: k",
    ]


def test_a_status_is_no_error_and_headers_that_come_twice_are_joined(web: HttpWeb) -> None:
    with Peer(whole(b"no", "Link: a", "LINK: b", status="404 Not Found")) as peer:
        answer = web.send("GET", peer.url())
    assert (answer.status, answer.body, answer.headers["link"]) == (404, b"no", "a, b")


def test_a_connection_is_kept_and_replaced_when_the_other_side_has_closed_it(web: HttpWeb) -> None:
    with Peer(whole(b"1"), whole(b"2", "X: close"), whole(b"3")) as peer:
        bodies = [web.send("GET", peer.url()).body for _ in range(2)]
        assert peer.connections == 1
        bodies.append(web.send("GET", peer.url()).body)
    assert bodies == [b"1", b"2", b"3"]
    assert peer.connections == 2
