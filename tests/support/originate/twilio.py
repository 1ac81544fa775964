"""A fake Twilio: the list of an account's calls, to read and to add to."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from tests.support.crm import Reply, Request, reply
from tests.support.originate import FakePbx, Rung

if TYPE_CHECKING:
    from collections.abc import Mapping

_TO = re.compile(r"\+[1-9][0-9]{6,14}|client:[A-Za-z0-9_.-]+|sips?:[^@\s]+@[a-z0-9.-]+")
_MOST_TWIML = 4000


class FakeTwilio(FakePbx):
    """An account.

    Attributes:
        sid: the account's.
        users: user -> password: the account's SID and its auth token, API keys and their secrets.
        numbers: what may be shown: bought or verified.
        agents: exten -> where that agent is.
        placed: the calls that were taken, with the fields of the request.
    """

    def __init__(self, sid: str, users: Mapping[str, str]) -> None:
        super().__init__()
        self.sid = sid
        self.users = dict(users)
        self.numbers = {"+390299887766", "+390244550001"}
        self.agents = {exten: f"client:agent_{exten}" for exten in self.extens}
        self.placed: list[dict[str, str]] = []

    def is_dial(self, request: Request) -> bool:
        return request.method == "POST"

    def answer(self, request: Request) -> Reply:
        basic = {
            "Basic " + b64encode(f"{user}:{password}".encode()).decode()
            for user, password in self.users.items()
        }
        if request.headers.get("authorization") not in basic:
            return error(20003, 401, "Authenticate")
        if request.path != f"/2010-04-01/Accounts/{self.sid}/Calls.json":
            return error(20404, 404, "The requested resource was not found")
        if request.method == "GET":
            return reply({"calls": [], "page": 0})
        return self._call(dict(parse_qsl(request.body.decode(), strict_parsing=True)))

    def _call(self, fields: dict[str, str]) -> Reply:
        if not _TO.fullmatch(fields["To"]):
            return error(21211, 400, f"The phone number {fields['To']} is not valid")
        if fields["From"] not in self.numbers:
            return error(21210, 400, f"The source {fields['From']} is not verified")
        if len(fields["Twiml"]) > _MOST_TWIML or not 1 <= int(fields["Timeout"]) <= 600:
            return error(21200, 400, "bad")
        twiml = ET.fromstring(fields["Twiml"])  # noqa: S314 - our own; no XML fails the test
        [dial] = twiml
        [noun] = dial
        assert (twiml.tag, dial.tag, dial.get("callerId")) == ("Response", "Dial", fields["From"])
        self.placed.append(fields)
        exten = next((one for one, where in self.agents.items() if where == fields["To"]), "")
        ring_s = int(fields["Timeout"])
        self.ring(Rung(exten, noun.text or "", caller_id=fields["From"], timeout_s=ring_s))
        return reply({"sid": f"CA{len(self.placed):032x}", "status": "queued"}, 201)


def error(code: int, status: int, message: str) -> Reply:
    """Return an answer that is an error, as the API has them."""
    return reply({"code": code, "message": message, "status": status}, status)
