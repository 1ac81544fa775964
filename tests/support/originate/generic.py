"""Two PBXs on loopback that a tenant's template describes: Voice@work, and one of the long tail."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.support.crm import Reply, Request, reply
from tests.support.originate import FakePbx, Rung

TOKEN = "t0ken-of-the-PBX'\"<&>{exten}"
USER, PASSWORD = "crm", "p\u00e4ss:\"w'o/r%d"
# The long tail's: a key in the path, the order in XML and in the query, its own words for all.
TEMPLATE = {
    "method": "PUT",
    "path": "/c2c/{exten}/{number}?id={call_id}&who={name}&k={token}",
    "headers": '{"X-Ring": "{timeout_s}", "X-Show": "{caller_id}"}',
    "format": "xml",
    "body": "<call to='{international}' name='{name}'><auto>{auto_answer}</auto></call>",
    "success_status": "200,202",
    "success_json": "/result/state=queued",
    "success_match": '"state": *"queued"',
    "failures": '{"DND": "busy", "NO-SUCH": "unknown_exten", "418": "refused"}',
    "id_json": "/result/ids/0",
    "check_path": "/c2c/status",
    "user": USER,
}


class FakeVoiceAtWork(FakePbx):
    """What Voice@work's page shows of it: a number and an exten in JSON. The rest is our guess."""

    def is_dial(self, request: Request) -> bool:
        """Tell whether a call is to be placed."""
        return request.method != "OPTIONS"

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return reply({"error": "who are you?"}, 401)
        if request.method == "OPTIONS":
            return Reply(204)
        order: dict[str, Any] = request.json()
        assert order.keys() == {"number", "exten"}
        assert request.headers["content-type"] == "application/json"
        if order["exten"] not in self.extens:
            return reply({"error": "no such exten"}, 404)
        self.ring(Rung(order["exten"], order["number"]))
        return reply({})


class FakeLongTail(FakePbx):
    """A PBX that has its own way for everything."""

    def is_dial(self, request: Request) -> bool:
        """Tell whether a call is to be placed."""
        return request.method == "PUT"

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        from xml.etree.ElementTree import fromstring  # noqa: PLC0415 - our own XML

        known = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {known}":
            return reply({"result": {"state": "denied"}}, 403)
        if request.path == "/c2c/status":
            return reply({"result": {"state": "up"}})
        _, _, exten, dial = request.path.split("/")
        call = fromstring(request.body.decode())  # noqa: S314 - the same
        assert request.query["k"] == TOKEN
        assert (call.tag, call[0].tag) == ("call", "auto")
        if exten not in self.extens:
            return reply({"result": {"state": "NO-SUCH exten"}})
        self.ring(
            Rung(
                exten,
                dial.replace("%2B", "+"),
                request.query["id"],
                request.headers["x-show"],
                request.query["who"],
                call[0].text == "true",
                int(request.headers["x-ring"]),
            )
        )
        return reply({"result": {"state": "queued", "ids": [4711]}}, 202)
