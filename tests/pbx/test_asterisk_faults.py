"""Whatever is wrong with the service, the call goes on in time with the carrier's name.

A call that waited for good would fail here by itself: the carrier gives up after `PATIENCE_S`, and
without the dialplan's time-outs Asterisk would wait for 180 seconds.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.asterisk import CHROOT
from tests.support.faulty_http import answering, hung, response, stopped, unreachable
from tests.support.office import FREEPBX, TWICE, WITHOUT_US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.asterisk_report import Report
    from tests.support.office import Office, Shown

pytestmark = pytest.mark.asterisk

CLI = "+390244556677"
CARRIERS_NAME = "ROSSI MARIO"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 40\r\n\r\n"
PAGE = "<html><body>502 Bad Gateway</body></html>"
EVALUATED = "/tmp/evaluated"  # noqa: S108 - inside Asterisk's own tree
HOSTILE_NAMES = [
    "${SHELL(touch /tmp/evaluated)}",
    "${EVAL(${SHELL(touch /tmp/evaluated)})}",
    "$[1 + 1]",
    'quote " and "quote"',
    "back\\slash, comma; semicolon",
    "Rossi):2 (Milano",
    "))))((((",
    "{}[]<>|&=?#%41",
    "'single' `touch /tmp/evaluated`",
    "Zoë Жуков 山田 😀",
]


def unresolved() -> AbstractContextManager[str]:
    """The name of the service doesn't resolve: the resolver never answers."""

    @contextmanager
    def silent_resolver() -> Iterator[str]:
        configuration = CHROOT / "etc/resolv.conf"
        before = configuration.read_text()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
            resolver.bind(("127.0.0.53", 53))
            configuration.write_text("nameserver 127.0.0.53\n")
            yield "http://centralino.example"
        configuration.write_text(before)

    return silent_resolver()


FAULTS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "stopped": stopped,
    "hung": hung,
    "unreachable": unreachable,
    "its name doesn't resolve": unresolved,
    "slow drip": lambda: answering(HEAD, *[b"Mario"] * 8, pause_s=0.3),
    "500 with JSON": lambda: answering(
        response("500 Internal Server Error", JSON, '{"message":"Internal Server Error"}')
    ),
    "429 with JSON": lambda: answering(
        response("429 Too Many Requests", JSON, '{"message":"Too Many Requests"}')
    ),
    "503 with JSON": lambda: answering(
        response("503 Service Unavailable", JSON, '{"message":"Service Unavailable"}')
    ),
    "404 with JSON": lambda: answering(response("404 Not Found", JSON, '{"message":"Not Found"}')),
    "500 with text": lambda: answering(
        response("500 Internal Server Error", TEXT, "Internal Server Error")
    ),
    "200 with JSON": lambda: answering(response("200 OK", JSON, '{"message":null}')),
    "200 with a page": lambda: answering(response("200 OK", "text/html", PAGE)),
    "502 with a page": lambda: answering(response("502 Bad Gateway", "text/html", PAGE)),
    "a long text": lambda: answering(response("200 OK", TEXT, "Sign in to this network. " * 40)),
    "redirect": lambda: answering(response("302 Found", TEXT, "", "location: http://127.0.0.1:1/")),
    "key refused": lambda: answering(response("401 Unauthorized", TEXT, "")),
    "no label": lambda: answering(response("200 OK", TEXT, "")),
    "not HTTP": lambda: answering(b"SSH-2.0-OpenSSH_10.0\r\n\r\n"),
    "closed without a word": lambda: answering(b""),
}
NEVER_CONNECTED = ("unreachable", "its name doesn't resolve")


def test_the_carriers_name_is_what_the_phone_shows_without_us(office: Office) -> None:
    assert office.call(CLI, CARRIERS_NAME, WITHOUT_US)[:2] == (CARRIERS_NAME, CLI)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_goes_on_with_the_carriers_name_when_the_service_is(
    fault: str, office: Office, report: Report
) -> None:
    with FAULTS[fault]() as url:
        office.ask_at(url)
        if fault in NEVER_CONNECTED:
            # Then the time-out of the connection has to end it alone.
            office.asterisk.set_globals(CENTRALINO_TIMEOUT="60", CENTRALINO_CONNECT_TIMEOUT="1.0")
        else:
            office.asterisk.set_globals(CENTRALINO_TIMEOUT="1.2")
        shown = office.call(CLI, CARRIERS_NAME)
    report.add_fault(fault, shown)
    assert shown[:2] == (CARRIERS_NAME, CLI)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_carriers_name_stays_to_the_letter_and_is_never_evaluated(
    name: str, office: Office
) -> None:
    expected = office.call(CLI, name, WITHOUT_US)
    with stopped() as url:
        office.ask_at(url)
        assert office.call(CLI, name).name == expected.name
    assert not office.asterisk.inside(EVALUATED).exists()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("${SHELL(touch /tmp/evaluated)}", "SHELL(touch /tmp/evaluated)"),
        ("${EVAL(${SHELL(touch /tmp/evaluated)})}", "EVAL(SHELL(touch /tmp/evaluated))"),
        ("$[1 + 1]", "[1 + 1]"),
        ('Ma"rio, <Ro;ssi> \\', "Mario Rossi"),
        ('"', ""),
        ("Rossi):2", "Rossi):2"),
        ("Mario\r\nX-Evil: 1", "MarioX-Evil: 1"),
        ("'*!|&=(", "'*!|&=("),
    ],
)
def test_a_label_that_no_service_of_ours_would_send_is_harmless(
    sent: str, shown: str, office: Office
) -> None:
    with answering(response("200 OK", TEXT, sent)) as url:
        office.ask_at(url)
        assert office.call(CLI, CARRIERS_NAME).name.strip() == shown
    assert not office.asterisk.inside(EVALUATED).exists()


def test_time_outs_take_decimals(office: Office) -> None:
    before = len(office.asterisk.log())
    with answering(response("200 OK", TEXT, "Mario Rossi")) as url:
        office.ask_at(url)
        office.asterisk.set_globals(CENTRALINO_TIMEOUT="2.7")
        assert office.call(CLI).name == "Mario Rossi"
    assert "CURLOPT(httptimeout)=2.7" in office.asterisk.log()[before:]


def test_a_second_lookup_on_the_channel_sees_a_failure_just_as_the_first(office: Office) -> None:
    # Asterisk cuts the list of failure codes down to its first entry once it has used it.
    with answering(response("503 Service Unavailable", TEXT, "Service Unavailable")) as url:
        office.ask_at(url)
        assert office.call(CLI, CARRIERS_NAME, TWICE).name == CARRIERS_NAME


def test_the_sites_own_globals_stay(office: Office) -> None:
    listed = office.asterisk.cli("dialplan show globals")
    assert "SITE_BEFORE=kept" in listed
    assert "SITE_AFTER=kept" in listed
    assert "CENTRALINO_DOLLAR=$" in listed


# What integrations/freepbx.md says of FreePBX's own CID Lookup.
@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("stopped", ""),
        ("429 with JSON", '{"message":"Too Many Requests"}'),
        ("503 with JSON", '{"message":"Service Unavailable"}'),
        ("no label", ""),
    ],
)
def test_freepbx_by_itself_shows_what_goes_wrong(fault: str, shown: str, office: Office) -> None:
    with FAULTS[fault]() as url:
        office.ask_at(url)
        on_the_phone: Shown = office.call(CLI, CARRIERS_NAME, FREEPBX)
    assert on_the_phone.name == shown
