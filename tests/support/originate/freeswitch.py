"""A FreeSWITCH on loopback: mod_xml_rpc's `/txtapi/`, as far as it places calls.

It takes an `originate` apart as FreeSWITCH does: variables at commas that are in no quotes, then
the phone, then what is done with it. What is more than that is a test's failure.
"""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import unquote

from tests.support.crm import Reply, Request, reply
from tests.support.originate import FakePbx, Rung

USER, PASSWORD, DOMAIN = "crm", 'p4ss:w\u00f6rd"&</', "pbx.example.com"
UUID = "4b0b1a9e-2f5c-4d1e-9a3b-0123456789ab"
_ORIGINATE = re.compile(
    r"\{(?P<variables>[^{}]*)\}user/(?P<exten>[0-9]+)@(?P<domain>[a-z.]+)"
    r" &transfer\('(?P<dial>[0-9+]+) XML (?P<context>[A-Za-z0-9_.-]+)'\)"
)
_VARIABLE = re.compile(r"([A-Za-z_-]+)=('[^'\\]*'|[^',\\]*)(?:,|$)")


class FakeFreeswitch(FakePbx):
    """The API; `off` are phones that are not registered, `forgetful` one that knows no channels."""

    def __init__(self) -> None:
        super().__init__()
        self.off: set[str] = set()
        self.forgetful = False
        self.context = "default"
        self.variables: list[dict[str, str]] = []

    def is_dial(self, request: Request) -> bool:
        """Tell whether a call is to be placed."""
        return request.path == "/txtapi/originate"

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        known = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {known}":
            return Reply(401, b"", headers={"WWW-Authenticate": 'Basic realm="freeswitch"'})
        argument = unquote(request.target.partition("?")[2])
        if self.is_dial(request):
            return _said(self._originate(argument))
        if request.path == "/txtapi/show":
            return self._show(argument)
        if request.path == "/txtapi/status":
            return _said(
                "UP 0 years, 1 day\nFreeSWITCH (Version 1.10.12 -release 64bit) is ready\n"
            )
        return Reply(404)

    def _show(self, argument: str) -> Reply:
        found = re.fullmatch(r"channels like ([0-9A-Za-z]{22}) as json", argument)
        assert found, argument
        rows = [
            {"uuid": UUID, "presence_data": rung.call_id, "callstate": "RINGING"}
            for rung in self.rung
            if rung.call_id == found[1] and not self.forgetful
        ]
        return reply({"row_count": len(rows), "rows": rows} if rows else {"row_count": 0})

    def _originate(self, argument: str) -> str:
        parts = _ORIGINATE.fullmatch(argument)
        assert parts, argument
        variables = {name: text.strip("'") for name, text in _VARIABLE.findall(parts["variables"])}
        assert re.sub(_VARIABLE, "", parts["variables"]) == ""
        assert (parts["domain"], parts["context"]) == (DOMAIN, self.context)
        self.variables.append(variables)
        exten = parts["exten"]
        if exten not in self.extens:
            return "-ERR SUBSCRIBER_ABSENT\n"
        if exten in self.off:
            return "-ERR USER_NOT_REGISTERED\n"
        self.ring(
            Rung(
                exten,
                parts["dial"],
                variables["presence_data"],
                variables.get("effective_caller_id_number", ""),
                variables.get("origination_caller_id_name", ""),
                variables.get("sip_auto_answer") == "true",
                int(variables["originate_timeout"]),
            )
        )
        return f"+OK {UUID}\n"


def _said(text: str) -> Reply:
    return Reply(200, text.encode(), "text/plain")
