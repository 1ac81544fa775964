"""An Asterisk on loopback: ARI as far as it places calls.

As `res/ari/resource_channels.c` and `rest-api/api-docs/channels.json` of Asterisk 22 have it, and
as a real 22.10 was seen to answer.
"""

from __future__ import annotations

import re
from base64 import b64encode

from tests.support.crm import Reply, Request, reply
from tests.support.originate import FakePbx, Rung

USER, PASSWORD = "centralino", "Pa55 w\u00f6rd:/+&\"<}'"


class FakeAri(FakePbx):
    """The REST interface; a channel lives until `hang_up`."""

    def __init__(self) -> None:
        super().__init__()
        self.channels: set[str] = set()
        self.unregistered: set[str] = set()
        self.vanish = False

    def hang_up(self) -> None:
        """End all calls."""
        self.channels.clear()

    def is_dial(self, request: Request) -> bool:
        """Tell whether a channel is to be made."""
        return request.method == "POST" and request.path.endswith("/channels")

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        known = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {known}":
            return reply({"error": "Unauthorized"}, 401)
        if self.is_dial(request):
            return self._originate(request)
        if request.path == "/ari/asterisk/info":
            return reply({"system": {"version": "22.10.1", "entity_id": "00:11:22:33:44:55"}})
        return self._read(request.path.strip("/").split("/"))

    def _read(self, parts: list[str]) -> Reply:
        match parts:
            case ["ari", "channels", name] if name in self.channels and not self.vanish:
                return reply({"id": name, "state": "Ringing"})
            case ["ari", "endpoints", technology, name] if name in self.extens:
                state = "offline" if name in self.unregistered else "online"
                return reply({"technology": technology, "resource": name, "state": state})
        return reply({"message": "Resource not found"}, 404)

    def _originate(self, request: Request) -> Reply:
        query = request.query
        endpoint = re.fullmatch(r"(PJSIP/|Local/)([0-9]+)(@[a-z-]+(/n)?)?", query["endpoint"])
        if not endpoint:
            return reply({"message": "Invalid endpoint specified"}, 400)
        if query["channelId"] in self.channels:
            said = "Channel with given unique ID already exists"
            return reply({"message": said}, 409)
        exten = endpoint[2]
        if exten not in self.extens or exten in self.unregistered:
            return reply({"error": "Allocation failed"}, 500)
        variables = request.json()["variables"]
        assert variables["__CENTRALINO_CALL"] == query["channelId"]
        assert query["priority"] == "1"
        assert query["context"] == "from-internal"
        shown = re.fullmatch(r'(?:"([^"\\<>]*)" <(\+?[0-9]+)>|(\+?[0-9]+))', query["callerId"])
        assert shown, query["callerId"]
        self.channels.add(query["channelId"])
        self.ring(
            Rung(
                exten,
                query["extension"],
                query["channelId"],
                variables.get("__CENTRALINO_CALLER_ID", ""),
                shown[1] or "",
                variables.get("__CENTRALINO_AUTO_ANSWER") == "1",
                int(query["timeout"]),
            )
        )
        return reply(
            {
                "id": query["channelId"],
                "name": f"{query['endpoint']}-00000001",
                "state": "Down",
                "caller": {"name": "", "number": ""},
                "dialplan": {"context": query["context"], "exten": query["extension"]},
            }
        )
