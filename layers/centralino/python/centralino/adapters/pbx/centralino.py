"""Centralino's own answers: `/v1/route`, and PBXs that are taught to ask by a script of one's own.

Formats: `json` (the default), `form`, `text`, `xml`; `docs/api.md` and `docs/pbx.md` show them.
Fields are text, but for `priority` and `version`, which are numbers in JSON, and `agents`, a list.
"""

from __future__ import annotations

import json

from centralino.domain.pbx_values import form, plain, xml
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.pbx import ASKS, Pbx, Reply, flat, read_call

if TYPE_CHECKING:
    from typing import Any

    from centralino.ports.pbx import Asked, PbxCall, Told

FORMATS = ("json", "form", "text", "xml")
_NUMBERS = ("priority", "version", "length", "question")


class Adapter(Pbx):
    """Our own spelling; nothing is signed, the key lets in."""

    slug = "centralino"
    asks = ASKS
    converses = True

    def read(self, asked: Asked) -> PbxCall:
        """See the port."""
        call = read_call(asked.fields)
        form_wanted = call.form.strip().lower()
        return call._replace(
            node=asked.node or call.node,
            form=form_wanted if form_wanted in FORMATS else FORMATS[0],
        )

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:  # noqa: ARG002 - the port's
        """See the port."""
        words = flat(told)
        if call.form == "text":
            return Reply(200, _text(words), "text/plain; charset=utf-8")
        if call.form == "form":
            return Reply(200, form(words.items()), "application/x-www-form-urlencoded")
        if call.form == "xml":
            return Reply(200, _xml(words, told), "application/xml; charset=utf-8")
        content = _json(words, told)
        return Reply(200, json.dumps(content, ensure_ascii=False), "application/json")


def _text(words: dict[str, str]) -> str:
    """Return the answer as one word: a destination, `ask:<node>`, `ok`; or the label alone."""
    if words["action"] == "go":
        return plain(words["destination"])
    if words["action"] == "ask":
        return plain(f"ask:{words['node']}")
    return plain(words.get("label") or ("ok" if words["action"] == "ok" else ""))


def _json(words: dict[str, str], told: Told) -> dict[str, Any]:
    content: dict[str, Any] = {plain(name): plain(value) for name, value in words.items()}
    for name in _NUMBERS:
        if name in words:
            content[name] = int(words[name])
    if told.verdict:
        content["data"] = {plain(k): plain(v) for k, v in told.verdict.data.items()}
    if words["action"] == "go" and told.decision:
        content["agents"] = [plain(exten) for exten in told.decision.agents]
        if told.decision.passed:
            content["passed"] = [
                {"rule": plain(rule), "why": plain(why)} for rule, why in told.decision.passed
            ]
    return content


def _xml(words: dict[str, str], told: Told) -> str:
    agents = told.decision.agents if words["action"] == "go" and told.decision else ()
    lines = [
        f"<{name}>{xml(value)}</{name}>"
        for name, value in words.items()
        # A name that is no element's is nobody's field.
        if name != "agents" and name.isascii() and name.isidentifier()
    ]
    if "agents" in words:
        elected = "".join(f"<agent>{xml(exten)}</agent>" for exten in agents)
        lines.append(f"<agents>{elected}</agents>")
    return f'<?xml version="1.0" encoding="UTF-8"?><response>{"".join(lines)}</response>'
