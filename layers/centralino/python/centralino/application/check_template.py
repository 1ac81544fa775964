"""Check a template before it is saved: filled with hostile values it has to stay what it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from centralino.domain.errors import PayloadError
from centralino.domain.pbx_values import PLACE, fill, percent, xml

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_TEMPLATE = 10_000
# What a value may not turn a template into.
_HOSTILE = "]]>--><&\"'?>%{label}=\u00e8"
_SECTIONS = ("<!--", "<![CDATA[", "<!DOCTYPE", "<!ENTITY")


def check_template(field: str, form: str, template: object, names: Collection[str]) -> None:
    """Check a template.

    Args:
        field: its place, for the error.
        form: `text`, `json`, `xml` or `form`.
        template: text, for `json` any JSON value.
        names: the places that it may have.

    Raises:
        PayloadError: it is too long, has another place, or would be broken by some value.
    """
    text = template if isinstance(template, str) else json.dumps(template)
    if len(text) > MAX_TEMPLATE:
        raise PayloadError(field, f"at most {MAX_TEMPLATE} characters")
    if form != "json" and not isinstance(template, str):
        raise PayloadError(field, "text")
    for place in PLACE.finditer(text):
        if place[1] not in names:
            raise PayloadError(field, f"placeholders out of {', '.join(names)}")
    hostile = dict.fromkeys(names, _HOSTILE)
    if form == "xml":
        _check_xml(field, fill(text, hostile, xml), text)
    if form == "form" and text:
        _check_form(field, fill(text, hostile, percent), text)


def _check_xml(field: str, filled: str, template: str) -> None:
    # Only for templates of XML: a call that is placed waits for this as well.
    from defusedxml import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import ParseError, fromstring  # noqa: PLC0415

    if any(section in template for section in _SECTIONS):
        # A value in one of these would not be escaped by what escapes text.
        raise PayloadError(field, "XML without comments, CDATA and a DOCTYPE")
    try:
        fromstring(filled)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise PayloadError(field, "well-formed XML, whatever the values are") from error


def _check_form(field: str, filled: str, template: str) -> None:
    for pair in filled.split("&"):
        if not re.fullmatch(r"[A-Za-z0-9._~%\[\]-]+=[A-Za-z0-9._~%,:+/-]*", pair):
            raise PayloadError(field, "name=value pairs with & between them")
    if len(template.split("&")) != len(filled.split("&")):
        raise PayloadError(field, "name=value pairs with & between them")
