"""What a PBX is, as far as it asks us: how it spells a call, how it signs, how it is answered.

A file in `adapters/pbx/` is a provider: it has a class `Adapter`, a `Pbx`. It does no I/O, imports
nothing that a caller should not wait for, and knows no other provider. `docs/pbx.md` has the rows.
"""

from __future__ import annotations

import re

from centralino.domain.errors import CredentialsError, PayloadError
from centralino.domain.pbx_values import attestation
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from centralino.domain.decision import Decision
    from centralino.domain.destination import Destination
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
        attestation: STIR/SHAKEN's `A`, `B` or `C`, `F` if its check failed; empty if the PBX says
            nothing.
        digits: what the caller typed since we asked; None if this turn brings no digits at all,
            empty if the caller typed nothing in time.
        question: which of our questions the digits answer, 1 for the first; 0 if it doesn't say:
            then it is the one asked last.
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
    question: int = 0
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
        question: which question this is, 1 for the first; what brings the digits names it, so that
            a turn that comes twice is known.
    """

    node: Node
    again: bool
    next_url: str
    question: int = 0


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
        decision: where the call goes; None where that was not asked, and where the question was
            only whether a code is good (a node's `check` and `entered`).
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


# Our own names of a call's fields; a provider that has others has a table of its own. `number`'s
# are those of `/v1/lookup`.
NAMES: Mapping[str, Sequence[str]] = {
    "number": ("number", "cli", "caller", "callerid", "phone", "telephone", "thenumber"),
    "did": ("did",),
    "trunk": ("trunk",),
    "name": ("name",),
    "call_id": ("call_id",),
    "language": ("language",),
    "attestation": ("attestation",),
    "digits": ("digits",),
    "question": ("question",),
    "node": ("node",),
    "event": ("event",),
    "exten": ("exten",),
    "form": ("format",),
}
EVENTS = ("answered", "ended")


class Option(NamedTuple):
    """What may be set of a provider, by `centralino pbx options` or `PATCH /v1/routing`.

    Attributes:
        what: what it is, in a few words.
        pattern: what a value has to match as a whole; numbers and truth values as JSON writes them.
        expected: the same in words, as a phrase that follows "expected".
        table: whether it is an object of such values.
    """

    what: str
    pattern: str = r"[^\x00-\x1f]{1,200}"
    expected: str = "a text of at most 200 characters"
    table: bool = False


# Options that several providers share.
IDS = Option(
    "destination (`queue:support`) -> what the PBX calls it, where that isn't the id",
    r"[A-Za-z0-9_.+*#-]{1,64}",
    "at most 64 letters, digits and _ . + * # -",
    table=True,
)
URL = r"https://[A-Za-z0-9._~:/?#@!&()*+;=%-]{1,490}"
AN_URL = "an https address"


class Pbx:
    """A PBX provider, built for one tenant.

    Attributes:
        slug: the provider's name in URLs and settings; that of the file.
        asks: which of `ASKS` it can ask.
        converses: whether it plays what an `Ask` says and sends what the caller typed; where it
            doesn't, digits come with the first request or not at all. `generic`'s follows from its
            options, so it is the instance that is asked.
        secrets: name -> what it is, of the secrets that its signature needs; any one of them lets
            it in. Empty where it has no signature and the key alone lets it in.
        options: name -> what it is, of what may be set in `Routing.pbx`.
    """

    slug: ClassVar[str]
    asks: ClassVar[Sequence[str]] = ()
    converses: bool = False
    secrets: ClassVar[Mapping[str, str]] = {}
    options: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Build it.

        Args:
            options: `Routing.pbx` of this provider.
            secrets: name -> secret; `name` and `name_old` are both good while a secret rotates.
        """
        self.given = options
        self._secrets = secrets

    @classmethod
    def check_options(cls, options: Mapping[str, Any]) -> None:
        """Look at options before they are saved.

        Raises:
            PayloadError: one is unknown, or not what it has to be; the field is its name.
        """
        for name, value in options.items():
            option = cls.options.get(name)
            if option is None:
                raise PayloadError(name, _one_of(cls.options))
            if option.table and not isinstance(value, dict):
                raise PayloadError(name, "an object")
            entries = value.items() if option.table else [("", value)]
            for key, entry in entries:
                text = _written(entry)
                if text is None or not re.fullmatch(option.pattern, text):
                    raise PayloadError(f"{name}.{key}" if key else name, option.expected)

    def text(self, option: str, default: str = "") -> str:
        """Return an option's value as text."""
        return _written(self.given.get(option, default)) or default

    def table(self, option: str) -> Mapping[str, Any]:
        """Return an option that is a table; an empty one in place of anything else."""
        value = self.given.get(option)
        return value if isinstance(value, dict) else {}

    def id_of(self, to: Destination, option: str = "ids") -> str:
        """Return what the PBX calls a destination, by its text or its name; else its id."""
        table = self.table(option)
        return _written(table.get(to.text)) or _written(table.get(to.name)) or to.id

    def verify(self, asked: Asked, *, now_s: float) -> None:  # noqa: ARG002 - a vendor needs them
        """Check the provider's own signature, where it has one.

        Args:
            asked: the request.
            now_s: seconds since 1970.

        Raises:
            CredentialsError: it is missing, wrong or stale, or no secret is configured.
        """
        if self.secrets:
            raise CredentialsError("this provider's signature is not checked")

    def read(self, asked: Asked) -> PbxCall:
        """Read a call from a request. Any request gives a call: what is missing is empty."""
        return read_call(asked.fields)

    def reply(self, asked: Asked, call: PbxCall, told: Told) -> Reply:
        """Spell an answer. Never raises: whatever is in `told` becomes harmless text."""
        raise NotImplementedError

    def keys(self, name: str) -> tuple[bytes, ...]:
        """Return the secrets of a name that are good now; a blank one is none.

        Raises:
            CredentialsError: there is none.
        """
        texts = (self._secrets.get(name), self._secrets.get(f"{name}_old"))
        # To HMAC, a key of NULs is the empty key.
        good = [text for text in texts if isinstance(text, str) and text.strip(" \t\r\n\0")]
        if not good:
            raise CredentialsError(f"no {name} is configured for {self.slug}")
        return tuple(text.encode("utf-8", "surrogatepass") for text in good)


def node_url(asked: Asked, slug: str, node: str) -> str:
    """Return the URL of an identify node, with the request's key and its query.

    What answered an earlier question is left out.

    Args:
        asked: a request to `/v1/pbx/{slug}/...`.
        slug: the provider's.
        node: the node's name.
    """
    path, _, query = asked.url.partition("?")
    place = f"/pbx/{slug}/"
    kept = "&".join(
        pair
        for pair in query.split("&")
        if pair.partition("=")[0] not in {"", "question", "digits"}
    )
    return f"{path.partition(place)[0]}{place}identify/{node}{'?' if kept else ''}{kept}"


def answer_url(ask: Ask) -> str:
    """Return where digits are sent to; it names the question, digits or not."""
    url = ask.next_url
    if "question=" in url or not ask.question:
        return url
    return f"{url}{'&' if '?' in url else '?'}question={ask.question}"


def read_call(fields: Mapping[str, str], names: Mapping[str, Sequence[str]] = NAMES) -> PbxCall:
    """Read a call from fields.

    Args:
        fields: names in lower case.
        names: field of `PbxCall` -> the names that it may have, of which the first one that is
            there counts.
    """
    found: dict[str, Any] = {}
    for field, spellings in names.items():
        for name in spellings:
            if name in fields:
                found[field] = fields[name]
                break
    if "attestation" in found:
        found["attestation"] = attestation(found["attestation"])
    if "language" in found:
        found["language"] = read_language(found["language"])
    if "question" in found:
        found["question"] = _count(found["question"])
        if found["question"] and "digits" not in found:
            # Who answers a question without digits was asked, and typed nothing.
            found["digits"] = ""
    if "event" in found:
        word = found["event"].strip().lower()
        found["event"] = word if word in EVENTS else ""
        found["ended"] = word == "ended"
    return PbxCall(**found)


def read_language(text: str) -> str:
    """Return the ISO 639-1 language of `it`, `it_IT` or `it-IT`; empty for anything else."""
    word = text.strip().lower().replace("_", "-").partition("-")[0]
    return word if len(word) == 2 and word.isascii() and word.isalpha() else ""  # noqa: PLR2004


def prompt(ask: Ask) -> str:
    """Return what is to be played: the node's `again` from the second time on, if it has one."""
    return (ask.again and ask.node.again) or ask.node.prompt


def flat(told: Told) -> dict[str, str]:
    """Return an answer as flat text, in our own words.

    `action` is `go` (with `type`, `id`, `destination`, `agents`, `rule`, ...), `ask` (with `node`,
    `prompt`, `length`, `timeout`, `again`, `next`), `ok` for an event, `continue` where nothing was
    decided. A verdict adds `identified` (`yes` or `no`) and `code`.
    """
    if told.event:
        return {"action": "ok"}
    told_ask, decision, verdict = told.ask, told.decision, told.verdict
    words: dict[str, str] = {"action": "continue"}
    if told_ask:
        node = told_ask.node
        words = {
            "action": "ask",
            "node": node.name,
            "prompt": prompt(told_ask),
            "length": str(node.length),
            "timeout": f"{node.timeout_s:g}",
            "again": "1" if told_ask.again else "0",
            "question": str(told_ask.question),
            "next": answer_url(told_ask),
        }
    elif decision:
        to = decision.destination
        words = {
            "action": "go",
            "type": to.type,
            "id": to.id,
            "destination": to.text,
            "destination_name": to.name,
            "agents": "-".join(decision.agents),
            "rule": decision.rule,
            "priority": str(decision.priority),
            "language": decision.language,
            "version": str(decision.version),
            "fallback": decision.fallback,
        }
    if verdict:
        words["identified"] = "yes" if verdict.yes else "no"
        words["code"] = verdict.code
    words.update((name, text) for name, text in told.fields.items() if name not in words)
    words["label"] = told.label
    return words


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0  # noqa: PLR2004


def _written(value: object) -> str | None:
    """Return a value as JSON writes it, a text without its quotes; None of anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 10**9:
        return str(value)
    return value if isinstance(value, str) else None


def _one_of(options: Mapping[str, Option]) -> str:
    return f"one of {', '.join(options)}" if options else "no options: this provider has none"
