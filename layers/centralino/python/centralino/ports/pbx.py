"""What a PBX is, as far as it asks us: how it spells a call, how it signs, how it is answered.

A file in `adapters/pbx/` is a provider: it has a class `Adapter` that satisfies `Pbx`. It does no
I/O, imports nothing that a caller should not wait for, and knows no other provider.
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from centralino.domain.decision import Decision
    from centralino.domain.routing import Node

# What a PBX may ask: the last word of `/v1/pbx/{provider}/{ask}`.
ASKS = ("lookup", "route", "identify", "events")


class Asked(NamedTuple):
    """A request, decoded, with what a signature needs.

    Attributes:
        method: upper case.
        url: the public URL as the PBX called it, with its query: signatures cover it.
        headers: names in lower case.
        fields: of query and body as one, names in lower case.
        query: the query's fields alone, names as they were sent.
        form: the body's fields, names as they were sent; empty unless it is a form.
        body: the raw bytes.
        ask: one of `ASKS`.
        node: the identify node in the path; empty without one.
        id: what follows the node in the path (OMniLeads' newer helper: `GET {url}/{id}/`).
    """

    method: str
    url: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes
    ask: str
    node: str = ""
    id: str = ""


class PbxCall(NamedTuple):
    """A call as a provider reads it from a request.

    Attributes:
        number: the CLI, as delivered.
        did: the number that was called.
        trunk: the line it came in on.
        name: the name that the carrier sent along.
        call_id: the PBX's own id of the call.
        language: ISO 639-1, if the PBX says; empty otherwise.
        attestation: STIR/SHAKEN's `A`, `B` or `C`; empty if the PBX doesn't say.
        digits: what the caller typed since we asked; None if this turn brings no digits at all,
            empty if the caller typed nothing in time.
        node: the identify node, where the path doesn't name it.
        event: what happened, on `events`: `answered`, `ended`; empty for anything else.
        exten: the extension that an event is about.
        ended: the caller has hung up: nobody hears an answer any more.
        form: the answer's format that was asked for, if the provider has several.
    """

    number: str = ""
    did: str = ""
    trunk: str = ""
    name: str = ""
    call_id: str = ""
    language: str = ""
    attestation: str = ""
    digits: str | None = None
    node: str = ""
    event: str = ""
    exten: str = ""
    ended: bool = False
    form: str = ""


class Ask(NamedTuple):
    """The next turn of a conversation: play, and wait for digits.

    Attributes:
        node: the node that asks.
        again: whether it has asked before.
        next_url: where the digits are to be sent: ours, with the key, as the PBX called us.
    """

    node: Node
    again: bool
    next_url: str


class Verdict(NamedTuple):
    """What a node says of a code, to a PBX that asked the caller itself.

    Attributes:
        yes: whether the caller is who the node is for.
        code: the customer's; empty if unknown.
        data: what is known of the customer, flat text: `name`, `status`, `plan`.
    """

    yes: bool
    code: str = ""
    data: Mapping[str, str] = {}


class Told(NamedTuple):
    """What is answered; the adapter spells it.

    Attributes:
        label: for the phone's display; empty for none.
        decision: where the call goes; None where that was not asked.
        ask: the next question to the caller; None to ask nothing.
        verdict: of a node whose digits the PBX collects; None elsewhere.
        fields: more that is known, flat text: `customer_code`, `customer_status`, `contact_id`,
            `url`, `company`, `outcome`, `rule`.
        event: True in the answer to an event: nothing is decided.
    """

    label: str = ""
    decision: Decision | None = None
    ask: Ask | None = None
    verdict: Verdict | None = None
    fields: Mapping[str, str] = {}
    event: bool = False


class Reply(NamedTuple):
    """An HTTP answer.

    Attributes:
        status: 200 unless the contract wants something else.
        body: text.
        content_type: with its charset.
    """

    status: int
    body: str
    content_type: str


class Pbx(Protocol):
    """A PBX provider, built for one tenant.

    Attributes:
        asks: which of `ASKS` it can ask.
        secrets: names of the secrets that its signature needs (`auth_token`); empty where it has no
            signature and the key alone lets it in.
    """

    asks: Sequence[str]
    secrets: Sequence[str]

    def __init__(self, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Build it.

        Args:
            options: `Routing.pbx` of this provider.
            secrets: name -> secret; `name` and `name_old` are both good while a secret rotates.
        """

    def verify(self, asked: Asked, *, now_s: float) -> None:
        """Check the provider's own signature, where it has one.

        Raises:
            CredentialsError: it is missing, wrong or stale, or no secret is configured.
        """

    def read(self, asked: Asked) -> PbxCall:
        """Read a call from a request. Any request gives a call: what is missing is empty."""

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:
        """Spell an answer. Never raises: whatever is in `told` becomes harmless text."""
