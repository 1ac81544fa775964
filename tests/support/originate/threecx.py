"""A fake 3CX: its token endpoint and its Call Control API.

There is one access token: a login ends the one before it.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.support.crm import Reply, Request, reply
from tests.support.originate import Rung
from tests.support.originate.containers import TokenPbx

_PLACE = re.compile(r"/callcontrol/([^/]+)/(?:devices/([^/]+)/)?(makecall|devices)")
_DESTINATION = re.compile(r"\+?[0-9]{1,30}")


class FakeThreeCx(TokenPbx):
    """A PBX.

    Attributes:
        client_id, client_secret: of the API client.
        phones: device id -> user agent, of each extension; `{exten}` stands for it.
        absent: extensions without a phone.
        others: extensions that there are and the client may not control.
        devices: the device that each call was placed from; empty for none.
        token: the access token that is good.
        expires_in: what is said of a token's life, in a unit of its own.
    """

    def __init__(self, client_id: str, client_secret: str) -> None:
        super().__init__()
        self.client_id = client_id
        self.client_secret = client_secret
        self.phones = {
            "sip:{exten}@10.0.0.5:5060": "Yealink SIP-T46U",
            "sip:{exten}@web": "3CX Web Client",
        }
        self.absent: set[str] = set()
        self.others = {"90"}
        self.devices: list[str] = []
        self.token = ""
        self.expires_in = 60
        self._numbers = count(1)

    def log_in_elsewhere(self) -> None:
        """Let another application log in with the same client."""
        self.token = f"token{next(self._numbers)}"

    def expire(self) -> None:
        """End the access token, as after 60 minutes."""
        self.token = ""

    def is_dial(self, request: Request) -> bool:
        return request.path.endswith("/makecall")

    def answer(self, request: Request) -> Reply:  # noqa: PLR0911 - a case each
        if request.path == "/connect/token":
            return self._log_in(request)
        if not self.token or request.headers.get("authorization") != f"Bearer {self.token}":
            return Reply(401)
        if (request.method, request.path) == ("GET", "/callcontrol"):
            return reply([self._state(exten) for exten in sorted(self.extens)])
        place = _PLACE.fullmatch(request.path)
        if not place:
            return Reply(404)
        exten, device, what = unquote(place[1]), unquote(place[2] or ""), place[3]
        if exten in self.others:
            return Reply(403)
        if exten not in self.extens or (device and device not in self._phones(exten)):
            return Reply(404)
        if (request.method, what) == ("GET", "devices"):
            return reply(self._state(exten)["devices"])
        if (request.method, what) == ("POST", "makecall"):
            return self._call(exten, device, request.json())
        return Reply(405)

    def _call(self, exten: str, device: str, fields: dict[str, Any]) -> Reply:
        timeout = fields.get("timeout", 30)
        if not _DESTINATION.fullmatch(fields["destination"]) or not isinstance(timeout, int):
            return Reply(422)
        if not self._phones(exten):
            return fail("NotConnected", "no free device")
        self.devices.append(device)
        self.ring(Rung(exten, fields["destination"], timeout_s=timeout))
        number = len(self.rung)
        participant = {"id": 4 + number, "status": "Ringing", "dn": exten}
        participant |= {"party_caller_id": fields["destination"], "callid": 11 + number, "legid": 1}
        return reply({"finalstatus": "Success", "reason": "None", "result": participant})

    def _phones(self, exten: str) -> dict[str, str]:
        if exten in self.absent:
            return {}
        return {name.replace("{exten}", exten): kind for name, kind in self.phones.items()}

    def _log_in(self, request: Request) -> Reply:
        fields = dict(parse_qsl(request.body.decode()))
        client = {"client_id": self.client_id, "client_secret": self.client_secret}
        if fields != {**client, "grant_type": "client_credentials"}:
            return reply({"error": "invalid_client"}, 400)
        self.logins += 1
        self.token = f"token{next(self._numbers)}"
        given = {"token_type": "Bearer", "expires_in": self.expires_in, "access_token": self.token}
        return reply(given)

    def _state(self, exten: str) -> dict[str, Any]:
        devices = [
            {"dn": exten, "device_id": device, "user_agent": agent}
            for device, agent in self._phones(exten).items()
        ]
        return {"dn": exten, "type": "Wextension", "devices": devices, "participants": []}


def fail(reason: str, text: str, status: int = 200) -> Reply:
    """Return an answer to a call that is not placed."""
    return reply({"finalstatus": "Failure", "reason": reason, "reasontext": text}, status)
