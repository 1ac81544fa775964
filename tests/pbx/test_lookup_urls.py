"""The URLs that the files in `integrations/` make PBXs ask reach the lookup, with all they carry.

The service is in memory; what a PBX does to a URL is done here as its source does it (named in
each test), and the gateway in between is `tests/support/http_gateway.py`.
"""

from __future__ import annotations

import base64
import re
import time
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote_plus
from xml.etree import ElementTree as ET

import pytest

from centralino.domain.settings import Line, Settings
from centralino.entry.access import Door
from centralino.entry.lookup import lookup
from tests.support.asterisk import ROOT
from tests.support.calls import Clock, ScriptedStore, holder
from tests.support.http_gateway import HttpGateway

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "acme.0123456789abcdefghijkl"
HOST = "centralino.example"
INTEGRATIONS = ROOT / "integrations"


@pytest.fixture
def gateway() -> Iterator[HttpGateway]:
    store = ScriptedStore(Clock(time.time()))
    store.add_tenant(Settings("acme", line=Line(country="IT", area_code="02")), pbx=KEY)
    store.add_card("acme", "+390244556677", holder("Mario", "Rossi"))
    with closing(HttpGateway(lambda event, _: lookup(event, Door(store, time.time, 30)))) as server:
        yield server


def _get(gateway: HttpGateway, url: str, **headers: str) -> str:
    """Ask the gateway for a URL of `HOST`, path and query to the letter."""
    rest = url.removeprefix(f"https://{HOST}")
    assert rest != url, url
    request = urllib.request.Request(gateway.url + rest, headers=headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
        content: bytes = answer.read()
        return content.decode()


def _fields(document: str, heading: str) -> dict[str, str]:
    """Return the first table under a heading: field -> the value to type."""
    section = document.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| ([A-Z][^|]+?) \| `([^`]+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize("delivered", ["+390244556677", "00390244556677", "0244556677"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_fields_of_freepbx_cid_lookup_get_the_label(
    gateway: HttpGateway, delivered: str, slash: str
) -> None:
    # FreePBX/cidlookup functions.inc.php (9aea123): type://user:urlencode(password)@host:port/path?query
    typed = _fields((INTEGRATIONS / "freepbx.md").read_text(), "CID Lookup")
    query = typed["Query"].replace("[NUMBER]", delivered.replace("+", "%2B"))
    query = query.replace("[NAME]", "ROSSI%20MARIO").replace("[UNIQUEID]", "1650095575.872")
    assert typed["Source type"] == "HTTPS"
    assert quote_plus(typed["Password"]) == KEY
    url = f"https://{typed['Host']}/{slash}{typed['Path']}?{query}"
    basic = "Basic " + _base64(f"{typed['Username']}:{typed['Password']}")
    assert _get(gateway, url, Authorization=basic) == "Mario Rossi"


def test_an_unknown_caller_keeps_the_carriers_name_on_freepbx(gateway: HttpGateway) -> None:
    typed = _fields((INTEGRATIONS / "freepbx.md").read_text(), "CID Lookup")
    query = typed["Query"].replace("[NUMBER]", "0299").replace("[NAME]", "ROSSI%20MARIO")
    basic = "Basic " + _base64(f"{typed['Username']}:{typed['Password']}")
    url = f"https://{typed['Host']}/{typed['Path']}?{query}"
    assert _get(gateway, url, Authorization=basic) == "ROSSI MARIO"


@pytest.mark.parametrize("delivered", ["+390244556677", "00390244556677", "0244556677"])
def test_the_fields_of_freepbx_superfecta_get_the_label(
    gateway: HttpGateway, delivered: str
) -> None:
    # FreePBX/superfecta source-Regular_Expressions_1.module: str_replace('$thenumber', …), '/…/'
    typed = _fields((INTEGRATIONS / "freepbx.md").read_text(), "CID Superfecta")
    body = _get(gateway, typed["URL"].replace("$thenumber", delivered))
    found = re.search(typed["Regular Expressions"], body)
    assert found
    assert found[1] == "Mario Rossi"


@pytest.mark.parametrize("body", ['{"message":"Not Found"}', "<html>", ""])
def test_superfectas_expression_finds_no_name_in_what_a_machine_wrote(body: str) -> None:
    typed = _fields((INTEGRATIONS / "freepbx.md").read_text(), "CID Superfecta")
    assert not re.search(typed["Regular Expressions"], body)


@pytest.mark.parametrize("delivered", ["+390244556677", "00390244556677", "0244556677"])
def test_freeswitchs_mod_cidlookup_gets_the_label(gateway: HttpGateway, delivered: str) -> None:
    # signalwire/freeswitch mod_cidlookup.c (cc93a68): the number's digits only, body as it is
    settings = _freeswitch_settings()
    digits = re.sub(r"\D", "", delivered)
    url = settings["url"].replace("${caller_id_number}", digits)
    assert "$" not in url
    assert _get(gateway, url) == "Mario Rossi"
    assert settings["cache"] == "false"


def test_freeswitch_waits_as_long_as_its_module_does_by_itself() -> None:
    assert _freeswitch_settings()["curl-timeout"] == "2000"


@pytest.mark.parametrize(
    ("looked_up", "shown"),
    [
        ("Mario Rossi", "Mario Rossi"),
        ("*Zoë 山田", "*Zoë 山田"),
        ("3B Meccanica", "3B Meccanica"),
        ('{"message":"Too Many Requests"}', None),
        ("<html>", None),
        ("-ERR Invalid CID data", None),
        ("UNKNOWN", None),
        ("390244556677", None),
        ("", None),
        ("x" * 81, None),
    ],
)
def test_freeswitchs_dialplan_shows_a_label_only_if_it_is_one(
    looked_up: str, shown: str | None
) -> None:
    found = re.fullmatch(_freeswitch_expressions()["${centralino_label}"], looked_up)
    assert (found and found[1]) == shown


@pytest.mark.parametrize(
    ("delivered", "asked"),
    [
        ("+390244556677", "390244556677"),
        ("0244556677", "0244556677"),
        ("anonymous", None),
        ("", None),
        ("02 skipurl", None),
        ("${system(id)}", None),
    ],
)
def test_freeswitchs_dialplan_asks_for_digits_only(delivered: str, asked: str | None) -> None:
    found = re.fullmatch(_freeswitch_expressions()["caller_id_number"], delivered)
    assert (found and found[1]) == asked


@pytest.mark.parametrize(("hidden", "goes_on"), [("false", True), ("true", False), ("", False)])
def test_freeswitchs_dialplan_asks_for_no_number_that_is_withheld(
    hidden: str, *, goes_on: bool
) -> None:
    # switch_caller.c: the field is the word true or false. It has to come before the question.
    field, expression = next(iter(_freeswitch_expressions().items()))
    assert field == "privacy_hide_number"
    assert bool(re.search(expression, hidden)) == goes_on


def _freeswitch_settings() -> dict[str, str]:
    tree = ET.parse(INTEGRATIONS / "freeswitch/cidlookup.conf.xml")  # noqa: S314 - our own file
    assert tree.getroot().get("name") == "cidlookup.conf"
    return {str(p.get("name")): str(p.get("value")) for p in tree.iter("param")}


def _freeswitch_expressions() -> dict[str, str]:
    tree = ET.parse(INTEGRATIONS / "freeswitch/centralino.xml")  # noqa: S314 - our own file
    return {str(c.get("field")): str(c.get("expression")) for c in tree.iter("condition")}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
