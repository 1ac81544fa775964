"""An OMniLeads on loopback: its login and `makeCall`, as the source of its API has them."""

from __future__ import annotations

from typing import Any

from tests.support.crm import Reply, Request, reply
from tests.support.originate import FakePbx, Rung

USER, PASSWORD = "crm-desk", 'p4ss\u00e9 w/o+rd"&<'
CAMPAIGN = "7"


class FakeOmnileads(FakePbx):
    """The API: an agent's id is a thousand more than the exten; `outsiders` are in no campaign."""

    def __init__(self) -> None:
        super().__init__()
        self.outsiders: set[str] = set()
        self.down = False
        self._token = ""

    def expire(self) -> None:
        """End the token; the next login gives another."""
        self._token = ""

    def is_dial(self, request: Request) -> bool:
        """Tell whether a call is to be placed."""
        return "makeCall" in request.path

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.target == "/api/v1/login":
            return self._log_in(request.json())
        if request.target != "/api/v1/makeCall/":
            # Django without a slash at the end redirects, and a redirected POST has no body.
            return Reply(301, headers={"Location": f"{request.path}/"})
        if not self._token or request.headers.get("authorization") != f"Bearer {self._token}":
            return reply({"detail": "Invalid token."}, 403)
        return self._call(request.json())

    def _log_in(self, known: dict[str, Any]) -> Reply:
        if known.keys() != {"username", "password"}:
            return reply({"username": ["This field is required."]}, 400)
        if (known["username"], known["password"]) != (USER, PASSWORD):
            return reply({"detail": "Invalid Credentials or activate account"}, 404)
        self.logins += 1
        # Who logs in again while a token lives gets the same.
        self._token = self._token or f"{self.logins:040x}"
        user = {"first_name": "CRM", "last_name": "", "email": ""}
        return reply({"token": self._token, "expires_in": "359.997618", "user": user})

    def _call(self, order: dict[str, Any]) -> Reply:
        errors: dict[str, list[str]] = {}
        exten = str(int(order["idAgent"]) - 1000)
        if order["idCampaign"] != CAMPAIGN:
            errors["idCampaign"] = ["Select a valid choice."]
        if exten not in self.extens:
            errors["idAgent"] = ["Select a valid choice."]
        elif exten in self.outsiders:
            errors["idAgent"] = ["El agente no participa en la campa\u00f1a."]
        if errors:
            message = "Hubo errores en los datos recibidos"
            return reply({"status": "ERROR", "message": message, "errors": errors})
        if self.down:
            said = f"Originate failed - contacto: {order['phone']} "
            message = "Error al ejecutar la llamada"
            return reply({"status": "ERROR", "message": message, "errors": [said]})
        self.ring(Rung(exten, order["phone"]))
        return reply({"status": "OK"})
