"""What the tests of PBX providers share: requests as a PBX sends them, and strict readers.

What every provider has to stand is `tests/support/pbx/contract.py`.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, urlencode

from defusedxml.ElementTree import fromstring

from centralino.domain.errors import PayloadError
from centralino.entry.request import Request
from centralino.ports.pbx import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree.ElementTree import Element

    from centralino.ports.pbx import Reply

HOST = "https://api.example.com"
KEY = "demo.aaaaaaaaaaaaaaaaaaaaaa"
FORM = "application/x-www-form-urlencoded"


def ask_url(slug: str, ask: str, node: str = "", id: str = "", query: str = "") -> str:  # noqa: A002
    """Return where a PBX asks, with its key in the path."""
    path = "/".join(part for part in (HOST, "v1/k", KEY, "pbx", slug, ask, node, id) if part)
    return f"{path}?{query}" if query else path


def received(  # noqa: PLR0917 - a request has that many parts
    url: str,
    ask: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    node: str = "",
    id: str = "",  # noqa: A002 - the port's word
) -> Asked:
    """Return a request as the function hands it to a provider.

    Args:
        url: with its query.
        ask: one of `ASKS`.
        method: upper case.
        headers: names in any case.
        body: the raw bytes.
        node: in the path.
        id: behind it.
    """
    path, _, query = url.removeprefix(HOST).partition("?")
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    request = Request(
        {
            "rawPath": path,
            "rawQueryString": query,
            "headers": lower,
            "requestContext": {"http": {"method": method}},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
    )
    try:
        fields = request.fields()
    except PayloadError:
        fields = {}
    form = dict(parse_qsl(body.decode("latin-1"))) if lower.get("content-type") == FORM else {}
    return Asked(
        method, url, lower, fields, dict(parse_qsl(query)), form, body, ask, node=node, id=id
    )


def form_body(fields: Mapping[str, str]) -> bytes:
    """Return fields as a form's body."""
    return urlencode(fields).encode()


def read_strictly(reply: Reply) -> Any:  # noqa: ANN401 - a document is anything
    """Read an answer with a parser that forgives nothing.

    Returns:
        JSON as it is, an XML root, a form's fields as a dict, or the text.
    """
    reply.body.encode("utf-8")
    kind = reply.content_type.partition(";")[0]
    if kind == "application/json":
        return json.loads(reply.body, parse_constant=_refuse)
    if kind in {"text/xml", "application/xml"}:
        return fromstring(reply.body.encode("utf-8"), forbid_dtd=True)
    if kind == FORM:
        if not reply.body:
            return {}
        pairs = parse_qsl(reply.body, keep_blank_values=True, strict_parsing=True, errors="strict")
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)
    assert kind == "text/plain"
    assert reply.body == "" or reply.body.isprintable()
    return reply.body


def skeleton(document: Any) -> Any:  # noqa: ANN401 - the same
    """Return a document's names without its values."""
    if isinstance(document, dict):
        return {name: skeleton(value) for name, value in document.items()}
    if isinstance(document, list):
        return [skeleton(value) for value in document]
    if hasattr(document, "iter"):
        return [(one.tag, sorted(one.attrib)) for one in document.iter()]
    return type(document).__name__


def leaves(document: Any) -> Iterator[str]:  # noqa: ANN401 - the same
    """Give all texts of a document."""
    if isinstance(document, dict):
        for value in document.values():
            yield from leaves(value)
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value)
    elif hasattr(document, "iter"):
        element: Element
        for element in document.iter():
            yield element.text or ""
            yield from element.attrib.values()
    elif isinstance(document, str):
        yield document


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(constant)
