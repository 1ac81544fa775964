"""What of the browser side needs no browser: the table of numbers, the page /dial, its README."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from pathlib import Path

import pytest

from centralino.domain.number import read_cli
from centralino.domain.settings import Line, Settings
from centralino.entry.dial_page import dial_page
from extension_tables import PATH, render

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "integrations/click-to-call/extension"
PAGE = ROOT / "tests/browser/pages/forty_ways.html"


def test_the_extension_s_table_is_that_of_the_domain() -> None:
    assert PATH.read_text(encoding="utf-8") == render(), (
        "dialling.js is stale: run python -m extension_tables"
    )


def _written() -> list[tuple[str, str]]:
    """Return the ways to write one number of which `/dial` shows all, and the number."""
    found = []
    for number, html in re.findall(
        r'<li data-calls="(\+[0-9]+)">(.*)', PAGE.read_text(encoding="utf-8")
    ):
        text = re.sub(r"<.*?>|&[#\w]+;", " ", html)
        text = unicodedata.normalize("NFKC", text).strip()
        # A second line's last digits are the user's to take away there.
        if re.fullmatch(r"[0-9+()./ -]+", text, re.ASCII) and not re.search(r"\d{3}/\d\d$", text):
            found.append((text, number))
    return found


@pytest.mark.parametrize(("text", "number"), _written())
def test_what_the_page_dial_sends_is_understood_as_the_extension_understands_it(
    text: str, number: str
) -> None:
    line = Line(country="IT")

    reading = read_cli(text, line, settings=Settings("acme", line=line), external=True)

    assert number in {candidate.number for candidate in reading.candidates}


def test_the_page_dial_runs_nothing_but_itself() -> None:
    headers, page = dial_page()

    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for kind in ("script", "style"):
        (inline,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"\s(?:src|href|style|on\w+)=|https?:|innerHTML|eval\(", page)


def test_the_extension_asks_for_no_more_than_it_uses() -> None:
    manifest = json.loads((EXTENSION / "manifest.json").read_text(encoding="utf-8"))

    assert manifest["manifest_version"] == 3
    assert manifest["permissions"] == ["storage"]
    # No page may talk to it, load its files, or be run code in by it.
    for name in ("externally_connectable", "web_accessible_resources", "content_security_policy"):
        assert name not in manifest
    named = {manifest["background"]["service_worker"], *manifest["icons"].values()}
    named |= {name for script in manifest["content_scripts"] for name in script["js"]}
    for name in named:
        assert (EXTENSION / name).is_file()


def test_nothing_in_the_extension_writes_html_or_runs_text() -> None:
    for path in EXTENSION.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        if path.name != "worker.js":
            assert "x-api-key" not in text
            assert "fetch(" not in text
