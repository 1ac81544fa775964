"""A real Asterisk that nobody can reach connects to us, and places calls that it is asked for."""

from __future__ import annotations

import json
import re
import secrets
import ssl
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from centralino.adapters.pbx.asterisk_ws import Originate
from centralino.domain.ari_events import WANTED
from centralino.domain.dial_options import Budget
from centralino.domain.originate import FailedCallError, Order, Placed
from centralino.ports.dialling import PlacedCall
from centralino.ports.originate import Means, PbxLink
from tests.support.asterisk import CHROOT, ROOT, Link
from tests.support.certificates import make_certificate
from tests.support.cutting_proxy import Cut, CuttingProxy
from tests.support.dialling_office import CALLER_ID, EXTEN, DiallingOffice, wait_for
from tests.support.socket_gateway import SocketGateway, kind_of, transcript

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.asterisk

TENANT, SITE, OTHER_SITE = "acme", "milan", "rome"
NUMBER, DIAL = "+390244556677", "0244556677"
LIMIT_S = 8.0
MANY = 100
END = "ChannelDestroyed"
# The events of a call until the customer has answered.
ANSWERED = 8
SHIPPED = ROOT / "integrations" / "asterisk"
END_OF_KEY = b"-----END PRIVATE KEY-----\n"
TRANSCRIPT = ROOT / ".cache" / "asterisk-websocket.txt"


class Line(NamedTuple):
    """A PBX, the WebSocket API that it connects to, and the line between them.

    Attributes:
        gateway: the API with our functions.
        proxy: the line.
        office: the PBX.
        key: what the PBX says who it is with.
    """

    gateway: SocketGateway
    proxy: CuttingProxy
    office: DiallingOffice
    key: str

    def originator(self, **account: str) -> Originate:
        link = PbxLink(TENANT, "asterisk_ws", account, {})
        return Originate(link, Means(None, sockets=self.gateway.means(TENANT)))  # type: ignore[arg-type]

    def place(self, wanted: Order) -> Placed:
        return self.originator().originate(wanted, timeout_s=LIMIT_S)

    def is_ready(self, site: str = SITE) -> bool:
        found = [one for one in self.gateway.sockets(TENANT).all() if one.site == site]
        return bool(found) and found[0].filtered


@pytest.fixture(scope="module")
def running(chroot: None) -> Iterator[Line]:  # noqa: ARG001 - made first
    with ExitStack() as started:
        gateway = started.enter_context(closing(SocketGateway()))
        key = gateway.stores.create_tenant(TENANT)["link"]
        proxy = started.enter_context(closing(CuttingProxy(gateway.port)))
        link = Link(f"ws://127.0.0.1:{proxy.port}/ari", SITE, key)
        office = started.enter_context(closing(DiallingOffice([link])))
        yield Line(gateway, proxy, office, key)


@pytest.fixture
def line(running: Line) -> Line:
    wait_for(running.is_ready)
    running.office.quiet()
    del running.gateway.frames[:]
    return running


def order(number: str = NUMBER, dial: str = DIAL, exten: str = EXTEN, **more: object) -> Order:
    return Order(secrets.token_hex(11), exten, number, dial, **more)  # type: ignore[arg-type]


def nobody_rings(line: Line) -> bool:
    # What was asked for before it has rung by the time that one more call has come through.
    line.place(order("+390200000000", "0200000000"))
    rung = line.office.ring()
    return rung.agent.number == "+390200000000" and not line.office.agent.rings()


def is_over(line: Line, call_id: str) -> bool:
    """Whether Asterisk has told of a call's end."""
    frames = [json.loads(one.text) for one in line.gateway.frames if kind_of(one) == END]
    return any(one["channel"]["id"] == call_id for one in frames)


def test_the_agents_phone_rings_first_and_then_the_customers(line: Line) -> None:
    wanted = order(caller_id=CALLER_ID, name="Mario Ròssi")
    placed = line.place(wanted)
    rung = line.office.ring()
    assert placed.provider_id == wanted.call_id
    assert (rung.agent.called, rung.agent.name, rung.agent.number) == (EXTEN, "Mario Ròssi", NUMBER)
    assert (rung.customer.called, rung.customer.number) == (DIAL, CALLER_ID)
    assert rung.customer.name == ""
    assert rung.agent.at < rung.customer.at


def test_the_transcript_of_a_call_is_kept_to_be_read(line: Line) -> None:
    line.proxy.cut_all()
    wait_for(lambda: any("eventFilter" in one.text for one in line.gateway.frames if not one.sent))
    placed = line.place(order(caller_id=CALLER_ID, name="Mario Ròssi"))
    line.office.ring()
    wait_for(lambda: len(line.gateway.sockets(TENANT).events(placed.provider_id)) >= ANSWERED)
    line.office.asterisk.cli("channel request hangup all")
    wait_for(lambda: is_over(line, placed.provider_id))
    TRANSCRIPT.write_text(transcript(line.gateway.frames) + "\n")


def test_asterisk_sends_the_events_that_were_asked_for_and_no_others(line: Line) -> None:
    shown = line.place(order())
    line.office.ring()
    line.office.asterisk.cli("channel request hangup all")
    wait_for(lambda: is_over(line, shown.provider_id))
    kinds = {kind_of(one) for one in line.gateway.frames if not one.sent}
    app = httpx.get(
        f"{line.office.url}/ari/applications/centralino",
        auth=(line.office.ari.user, line.office.ari.password),
    )
    assert {one["type"] for one in app.json()["events_allowed"]} == set(WANTED)
    assert {"RESTResponse", "Dial", "ChannelStateChange"} <= kinds <= {*WANTED, "RESTResponse"}


def test_what_happens_to_a_call_is_noted(line: Line) -> None:
    wanted = order()
    calls = line.gateway.calls(TENANT)
    asked = PlacedCall(
        wanted.call_id, NUMBER, EXTEN, NUMBER, DIAL, asked_ms=int(time.time() * 1000)
    )
    calls.begin(asked, Budget(), home="IT")
    line.place(wanted)
    line.office.ring()

    def state() -> str:
        call = calls.get(wanted.call_id)
        return call.state if call else ""

    wait_for(lambda: state() == "answered")
    line.office.asterisk.cli("channel request hangup all")
    wait_for(lambda: state() == "ended")


def test_the_same_call_asked_for_twice_rings_once(line: Line) -> None:
    wanted = order()
    assert line.place(wanted) == line.place(wanted)
    line.office.ring()
    assert nobody_rings(line)


def test_an_exten_that_the_pbx_does_not_have_is_said_to_be_one(line: Line) -> None:
    with pytest.raises(FailedCallError) as failed:
        line.place(order(exten="99"))
    assert failed.value.reason == "unknown_exten"
    # Asterisk answers every failure on this connection with 409 from its first true one on.
    wanted = order()
    line.place(wanted)
    line.place(wanted)
    with pytest.raises(FailedCallError) as failed:
        line.place(order(exten="99"))
    assert failed.value.reason == "unknown_exten"
    line.office.ring()
    assert nobody_rings(line)


def test_the_line_can_be_tried_without_any_phone_ringing(line: Line) -> None:
    said = line.originator().check(timeout_s=LIMIT_S)
    assert "22." in said
    assert SITE in said
    assert nobody_rings(line)


def test_a_wrong_key_does_not_connect_and_the_right_one_does_not_have_to_wait(line: Line) -> None:
    wrong = Link(f"ws://127.0.0.1:{line.gateway.port}/ari", OTHER_SITE, f"{line.key[:-1]}!")
    with closing(DiallingOffice([wrong])) as office:
        wait_for(lambda: "Invalid response code" in office.asterisk.log())
        assert {one.site for one in line.gateway.sockets(TENANT).all()} == {SITE}


@pytest.mark.usefixtures("chroot")
@pytest.mark.parametrize("name", ["localhost", "sockets.example"])
def test_asterisk_connects_by_tls_to_the_name_that_it_was_given_and_to_no_other(
    tmp_path: Path, name: str
) -> None:
    certificate = make_certificate(tmp_path, name)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    asked: list[str | None] = []
    # The real gateway knows whose certificate is wanted by nothing but this name.
    tls.sni_callback = lambda _socket, asked_for, _context: asked.append(asked_for)
    trusts = certificate.read_bytes().partition(END_OF_KEY)[2]
    with closing(SocketGateway(tls)) as gateway:
        key = gateway.stores.create_tenant(TENANT)["link"]
        link = Link(f"wss://localhost:{gateway.port}/ari", SITE, key, trusts=trusts)
        with closing(DiallingOffice([link])) as office:
            wait_for(lambda: len(asked) > 1 or bool(gateway.sockets(TENANT).all()))
            assert set(asked) == {"localhost"}
            connected = bool(gateway.sockets(TENANT).all())
            assert connected == (name == "localhost"), office.asterisk.log()
            assert ("Up" in office.asterisk.cli("ari show websocket sessions")) == connected


@pytest.mark.usefixtures("chroot")
def test_the_shipped_files_connect_once_what_is_the_sites_own_is_filled_in(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with closing(SocketGateway(tls)) as gateway:
        key = gateway.stores.create_tenant(TENANT)["link"]
        ours = {
            r"(?m)^uri = .*": f"uri = wss://localhost:{gateway.port}/ari",
            r"(?m)^password = acme\..*": f"password = {key}",
            # The system's own file is not for servers of tests.
            r"(?m)^ca_list_file = .*": "ca_list_file = /etc/asterisk/centralino-test.pem",
        }
        client = (SHIPPED / "websocket_client.conf").read_text()
        for line, filled in ours.items():
            client, count = re.subn(line, filled, client)
            assert count == 1, line
        files = {
            "ari.conf": (SHIPPED / "ari.conf").read_text(),
            "websocket_client.conf": client,
        }
        trusted = CHROOT / "etc/asterisk/centralino-test.pem"
        trusted.write_bytes(certificate.read_bytes().partition(END_OF_KEY)[2])
        try:
            with closing(DiallingOffice(files=files)) as office:
                wait_for(lambda: any(one.filtered for one in gateway.sockets(TENANT).all()))
                link = PbxLink(TENANT, "asterisk_ws", {}, {})
                asked = Originate(link, Means(None, sockets=gateway.means(TENANT)))  # type: ignore[arg-type]
                wanted = order()
                asked.originate(wanted, timeout_s=LIMIT_S)
                assert office.ring().customer.called == DIAL
                wait_for(lambda: len(gateway.sockets(TENANT).events(wanted.call_id)) >= ANSWERED)
        finally:
            trusted.unlink()


def test_a_call_is_placed_after_the_pbx_was_restarted(line: Line) -> None:
    line.place(order())
    line.office.ring()
    line.office.restart()
    # Not waited for: the PBX is on its way.
    placed = line.place(order("+390244556600", "0244556600"))
    assert placed.provider_id
    rung = line.office.ring()
    assert (rung.agent.number, rung.customer.called) == ("+390244556600", "0244556600")
    wait_for(line.is_ready)


def test_a_line_that_broke_between_two_calls_is_not_noticed(line: Line) -> None:
    line.place(order())
    line.office.ring()
    line.proxy.cut_all()
    line.place(order("+390244556600", "0244556600"))
    assert line.office.ring().customer.called == "0244556600"
    assert nobody_rings(line)


@pytest.mark.parametrize(
    ("delivered", "answered"),
    [(0, 0), (1, 0), (200, 0), (None, 0), (None, 1), (None, 100)],
    ids=[
        "before the request",
        "after a byte of it",
        "in the middle of it",
        "before the answer",
        "after a byte of the answer",
        "in the middle of the answer",
    ],
)
def test_a_line_that_is_cut_in_the_middle_of_a_request_rings_once(
    line: Line, delivered: int | None, answered: int
) -> None:
    line.proxy.cuts = [Cut(b'"uri": "channels"', near=True, delivered=delivered, answered=answered)]
    made = line.proxy.made
    wanted = order()
    placed = line.place(wanted)
    assert (line.proxy.cuts, line.proxy.made) == ([], made + 1)
    assert placed.provider_id == wanted.call_id
    assert line.office.ring().customer.called == DIAL
    assert nobody_rings(line)


def test_a_pbx_that_does_not_come_back_is_unreachable(line: Line) -> None:
    line.office.asterisk.kill()
    try:
        # What is sent into a connection that is just being lost may have arrived: that's `unknown`.
        wait_for(lambda: not line.gateway.sockets(TENANT).all())
        with pytest.raises(FailedCallError) as failed:
            line.place(order())
        assert failed.value.reason == "unreachable"
    finally:
        line.office.asterisk.start()


def test_a_hundred_calls_at_once_ring_a_hundred_phones_once(line: Line) -> None:
    wanted = [order(f"+39024450{n:04}", f"024450{n:04}") for n in range(MANY)]
    asked = line.originator()
    with ThreadPoolExecutor(MANY) as threads:
        placed = list(threads.map(lambda one: asked.originate(one, timeout_s=25.0), wanted))
    assert [one.provider_id for one in placed] == [one.call_id for one in wanted]
    rung = [line.office.ring() for _ in wanted]
    assert sorted(one.agent.number for one in rung) == [one.number for one in wanted]
    assert sorted(one.customer.called for one in rung) == [one.dial for one in wanted]
    asked_for = Counter(one.call_id for one in wanted)
    wait_for(lambda: len(dialled(line) & asked_for) == MANY)
    # An event of a call before these may come late.
    assert {name: n for name, n in dialled(line).items() if name in asked_for} == asked_for
    assert nobody_rings(line)


def dialled(line: Line) -> Counter[str]:
    """Count how often each call made the agent's phone ring, by the events that Asterisk sent."""
    events = [json.loads(one.text) for one in line.gateway.frames if kind_of(one) == "Dial"]
    return Counter(
        one["peer"]["id"] for one in events if one["dialstring"] == EXTEN and not one["dialstatus"]
    )


def test_each_of_two_pbxs_of_a_tenant_is_asked_for_its_own_extens(line: Line) -> None:
    link = Link(f"ws://127.0.0.1:{line.gateway.port}/ari", OTHER_SITE, line.key)
    with closing(DiallingOffice([link], extens=("31",))) as rome:
        wait_for(lambda: line.is_ready(OTHER_SITE))
        line.place(order(exten="31"))
        assert rome.ring().agent.called == "31"
        line.place(order(exten=EXTEN))
        assert line.office.ring().agent.called == EXTEN
        with pytest.raises(FailedCallError) as failed:
            line.originator(site=OTHER_SITE).originate(order(exten=EXTEN), timeout_s=LIMIT_S)
        assert failed.value.reason == "unknown_exten"
        assert not rome.agent.rings()
    wait_for(lambda: {one.site for one in line.gateway.sockets(TENANT).all()} == {SITE})


def test_the_ping_of_the_schedule_is_answered(line: Line) -> None:
    before = int(time.time() * 1000)
    line.gateway.ping()
    wait_for(lambda: line.gateway.sockets(TENANT).all()[0].alive_ms >= before)
