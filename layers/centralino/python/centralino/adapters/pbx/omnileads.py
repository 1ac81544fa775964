"""OMniLeads: its customer identification node, destinations in its own `X,Y`, and `makeCall`.

The node posts `idContact=<digits>` and nothing else: no number, no call, no node. So it can't teach
a number, and its node is in our URL, which may have 128 characters and no comma. It reads `status`
and `destination`, both text (a JSON `true` would be `1` to it, and lead to the wrong place), never
looks at the HTTP status, and waits for ten seconds. The newer helper asks `GET {url}/{id}/` and
reads `response` and `data`.

Contract: the dialplan of omlacd (source/astconf/oml_extensions_modules.conf, 1ae68de), of
omlfastagi (fastagi.py, 0d7a1c9), and
https://documentacion-omnileads.readthedocs.io/en/1.10.0/campaigns_inbound_customer_id.html
"""

from __future__ import annotations

import json
import re

from centralino.domain.destination import TYPES
from centralino.domain.errors import PayloadError
from centralino.domain.pbx_values import plain
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.originate import Originator
from centralino.ports.pbx import NAMES, Pbx, Reply, read_call

if TYPE_CHECKING:
    from typing import Any

    from centralino.domain.destination import Destination
    from centralino.domain.originate import Order, Placed
    from centralino.ports.pbx import Asked, PbxCall, Told
    from centralino.ports.tokens import Token
    from centralino.ports.web import Answer

_NAMES = {**NAMES, "digits": ("idcontact",)}
# What its dialplan was seen to switch on: a type that it doesn't know drops the call. Who has a
# newer one writes `X,Y` out in the destination.
_KNOWN = range(1, 10)
_HANGUP = "5,1"
_PAIR = re.compile(r"[0-9]{1,2},[0-9]{1,10}")
_ID = re.compile(r"[0-9]{1,10}")
_TYPED = re.compile(rb"[0-9A-Za-z*#. /_-]{1,64}")
_NOT_FOUND = 404
_ENDED = {401, 403}
_LIFE_S = 300.0
_AGENTS = 'extens and the ids of their agents, {"21": "5"}'
_NO: dict[str, Any] = {"status": "fail", "destination": "false"}


class Adapter(Pbx):
    """OMniLeads; it signs nothing, the key in the URL lets it in."""

    slug = "omnileads"
    asks = ("route", "identify")

    def read(self, asked: Asked) -> PbxCall:
        """See the port; the code comes as a form, as JSON, as bare text, or in the path."""
        call = read_call(asked.fields, _NAMES)._replace(node=asked.node)
        digits = call.digits or asked.id
        if not digits and _TYPED.fullmatch(asked.body.strip()):
            digits = asked.body.decode("ascii").strip()
        # It asks only if the caller typed something: no code is an empty one.
        return call._replace(digits=digits if digits or asked.ask == "identify" else None)

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:  # noqa: ARG002 - the port's
        """See the port; `false` leads to the node's own second destination."""
        pair = spell(told.decision.destination) if told.decision else ""
        verdict = told.verdict
        content: dict[str, Any]
        if pair:
            content = {"status": "ok", "destination": pair}
        elif verdict and verdict.yes and not told.decision:
            content = {"status": "ok", "destination": "true"}
        else:
            content = dict(_NO)
        if asked.id:
            data = verdict.data if verdict else {}
            content["response"] = bool(verdict and verdict.yes)
            content["data"] = {plain(name): plain(value) for name, value in data.items()}
        return Reply(200, json.dumps(content), "application/json")


class Originate(Originator):
    """Calls through `makeCall`: the agent's console rings, then the number.

    Account: `base_url`; `campaign`, the id of the campaign that calls belong to; `agents`, a JSON
    object of extens and the ids that OMniLeads has for their agents, each of whom is a member of
    that campaign; `external_system`, with which campaign and agents are that system's own ids.
    Secrets: `username`, `password`.

    It answers with status 200 whatever becomes of the call, and is judged by `status`: an agent
    that it doesn't know, or that is not in the campaign, is `unknown_exten`; any other error
    `refused`. A token lives for some minutes and is shared; one that has ended is refused with 403,
    as its first way of authentication is the session's. It takes no caller id, name or time to ring
    (45 s, its own), and gives no id of the call.

    Uncertain, not seen on a real OMniLeads: what it says if the agent is not logged in. Its source
    has no word for that: the call is accepted, and rings nowhere.

    Contract: api_app/views/agente.py and forms.py of Freetech-Solutions/ominicontacto (182eb5d);
    https://docs.omnileads.net/
    """

    slug = "omnileads"
    needs = {  # noqa: RUF012 - the port's own kind of table
        "account.base_url": "the address of OMniLeads, https://oml.example.com",
        "account.campaign": "the id of the campaign that calls belong to",
        "account.agents": _AGENTS,
        "account.external_system?": "the id of an external system, if the ids are that one's",
        "secrets.username": "a user that may use the API",
        "secrets.password": "that user's password",
    }
    setup = (
        "make a user with the role of an agent or supervisor, whose permissions allow makeCall",
        "make a campaign for calls from the CRM, with every agent as a member; note its id",
        "note the id of every agent",
    )

    def originate(self, order: Order, *, timeout_s: float) -> Placed:
        """Place a call; see the port."""
        from time import monotonic  # noqa: PLC0415 - the inbound half needs none of these

        from centralino.application.ask_pbx import (  # noqa: PLC0415
            ask_logged_in,
            judge_status,
            read_object,
            words,
        )
        from centralino.domain.originate import (  # noqa: PLC0415
            FailedCallError,
            Placed,
            check_order,
        )

        check_order(order)
        ends = monotonic() + timeout_s
        try:
            agent = self._agents().get(order.exten)
        except PayloadError as error:
            raise FailedCallError("refused", str(error)) from None
        if not agent:
            raise FailedCallError("unknown_exten", "the exten has no agent in the settings")
        fields = {"idCampaign": self.link.setting("campaign"), "idAgent": agent}
        if system := self.link.setting("external_system"):
            fields["idExternalSystem"] = system
        fields["phone"] = order.dial
        answer = ask_logged_in(
            self.means,
            lambda _before: self._log_in(ends),
            lambda token: self._post("makeCall/", fields, ends, token),
            ends=ends,
            refused=lambda answer: answer.status in _ENDED,
        )
        said = read_object(judge_status(answer))
        status = said.get("status")
        if status == "OK":
            return Placed()
        errors = said.get("errors")
        told = words(
            self.link, said.get("message"), json.dumps(errors) if errors else "", name=order.name
        )
        if status != "ERROR":
            raise FailedCallError("unknown", told)
        known = not (isinstance(errors, dict) and "idAgent" in errors)
        raise FailedCallError("refused" if known else "unknown_exten", told)

    def check(self, *, timeout_s: float) -> str:
        """Log in; see the port."""
        from time import monotonic  # noqa: PLC0415

        agents = self._agents()
        self._log_in(monotonic() + timeout_s)
        return f"logged in, with {len(agents)} agents"

    def _agents(self) -> dict[str, str]:
        """Return exten -> agent's id, having looked at all settings."""
        from centralino.application.ask_pbx import check_settings  # noqa: PLC0415
        from centralino.domain.crm_values import as_text  # noqa: PLC0415

        number = "[0-9A-Za-z_-]{1,60}"
        check_settings(self.link, self.needs, {"campaign": number, "external_system": "[0-9]{1,9}"})
        try:
            agents = json.loads(self.link.setting("agents"))
        except (ValueError, RecursionError):
            agents = None
        if not isinstance(agents, dict):
            raise PayloadError("account.agents", _AGENTS)
        written = {exten: as_text(agent) for exten, agent in agents.items()}
        for exten, agent in written.items():
            if not (re.fullmatch("[0-9]{1,20}", exten) and re.fullmatch(number, agent)):
                raise PayloadError("account.agents", _AGENTS)
        return written

    def _log_in(self, ends: float) -> Token:
        from time import time  # noqa: PLC0415

        from centralino.application.ask_pbx import (  # noqa: PLC0415
            judge_login,
            read_object,
            read_token,
        )
        from centralino.domain.originate import FailedCallError  # noqa: PLC0415
        from centralino.ports.tokens import Token  # noqa: PLC0415

        known = {name: self.link.secret(name) for name in ("username", "password")}
        # No slash at this one's end; its own word for wrong credentials is 404.
        answer = self._post("login", known, ends)
        if answer.status == _NOT_FOUND and read_object(answer).get("detail"):
            raise FailedCallError("credentials", "the login: wrong user or password")
        said = read_object(judge_login(answer))
        access = read_token({"access_token": said.get("token")})
        life = re.fullmatch(r"([0-9]{1,9})(\.[0-9]*)?", str(said.get("expires_in")))
        return Token(access, expires_at=time() + (float(life[1]) if life else _LIFE_S))

    def _post(self, path: str, fields: dict[str, str], ends: float, token: str = "") -> Answer:
        from centralino.application.ask_pbx import ask_pbx  # noqa: PLC0415

        headers = {"content-type": "application/json", "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        return ask_pbx(
            self.means.web,
            "POST",
            f"{self.link.setting('base_url').rstrip('/')}/api/v1/{path}",
            headers=headers,
            body=json.dumps(fields).encode(),
            ends=ends,
            rings=bool(token),
        )


def spell(to: Destination) -> str:
    """Return a destination as OMniLeads' `X,Y`; empty if it has no such destination."""
    if _PAIR.fullmatch(to.omnileads):
        return to.omnileads
    number = TYPES.get(to.type, 0)
    if to.type == "hangup":
        return _HANGUP
    return f"{number},{to.id}" if number in _KNOWN and _ID.fullmatch(to.id) else ""
