"""The HTTP side of `/v1/route`, `/v1/identify/{node}` and `/v1/pbx/{provider}/{ask}`.

All of them are one flow: the provider reads the call, somebody decides, the provider answers in its
own words. A caller waits, so there is always an answer: whatever goes wrong, the call goes to the
tenant's fallback with status 200, and `x-centralino-outcome`, the log and the metric say why. Only
a bad key, a bad signature and a path that leads nowhere are refused.
"""

from __future__ import annotations

import os
from contextlib import suppress

from centralino.application.decode_caller import Call, decode_caller, outcome_of
from centralino.application.route_caller import At, Caller, Office, Routed, route_caller, shown
from centralino.domain.decision import Decision, Kept
from centralino.domain.errors import (
    CentralinoError,
    CredentialsError,
    ForbiddenError,
    NotFoundError,
    PayloadError,
    UnavailableError,
)
from centralino.domain.label import clean_name
from centralino.domain.learning import is_to_be_noted
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.domain.routing import Routing
from centralino.domain.rulebook import default_routing, fall_back
from centralino.domain.settings import Settings
from centralino.entry.http import allow_origin, answer, problem_answer
from centralino.entry.observability import decode_line, describe, emit, loggable_id
from centralino.entry.request import Request, read_pairs
from centralino.entry.route_line import route_line
from centralino.entry.ways import Renewed, Ways
from centralino.ports.pbx import Ask, Asked, PbxCall, Told, Verdict, node_url
from centralino.ports.route_read import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from centralino.application.converse import Turn
    from centralino.domain.routing import Node
    from centralino.entry.access import Door, Visit
    from centralino.ports.customers import Learner
    from centralino.ports.live_search import LiveSearch
    from centralino.ports.pbx import Pbx
    from centralino.ports.queue import Queue
    from centralino.ports.route_read import Journal, RouteStore
    from centralino.ports.secrets import Secrets

ROLES = ("pbx", "admin")
NATIVE = {"route": "centralino", "identify": "omnileads"}
NOWHERE = "there is nothing at this path; PBXs ask at /v1/lookup, /v1/route and /v1/pbx/{provider}/"
# What a PBX says of a call is kept and compared; nothing that is longer is a name or an id.
MAX_TEXT = 256
# Sending a decision may take so long, seconds; it is only ever more than nothing with a new
# connection.
POST_S = 0.2
# Lessons by which a number leads to a customer that it didn't lead to.
NEWS = ("learned", "conflict")
SECRETS_S = 0.5
_TEXTS = ("number", "did", "trunk", "name", "call_id", "node", "exten")


class Desk(NamedTuple):
    """What calls are routed with; one for each container.

    Attributes:
        door: lets keys in, and reads.
        store: reads customers, keeps conversations.
        journal: keeps decisions.
        provider: returns a provider's class; NotFoundError if there is none of that name.
        secrets: builds what has the secrets of signatures.
        learner: builds what learns a tenant's numbers.
        live_search: builds what asks the CRMs.
        queue: builds the worker's; None where no owner is told of numbers.
    """

    door: Door
    store: RouteStore
    journal: Journal
    provider: Callable[[str], type[Pbx]]
    secrets: Callable[[], Secrets]
    learner: Callable[[str], Learner]
    live_search: Callable[[], LiveSearch | None]
    queue: Callable[[], Queue] | None = None


class Address(NamedTuple):
    """What a path asks for.

    Attributes:
        provider: the slug.
        ask: one of `ASKS`.
        node: the identify node; empty without one.
        id: what follows the node.
    """

    provider: str
    ask: str
    node: str = ""
    id: str = ""


class _UnsignedError(CredentialsError):
    """The key is good as far as we know; the signature isn't, by the options that we know."""


class _Session:
    """One request, as far as it has come: what an answer needs, whatever fails next."""

    def __init__(self, event: Mapping[str, Any], desk: Desk) -> None:
        self.event = event
        self.desk = desk
        self.request = Request(event)
        self.address: Address | None = None
        self.visit: Visit | None = None
        self.adapter: Pbx | None = None
        self.asked: Asked | None = None
        self.call = PbxCall()
        self.told: dict[str, str] = {}


def route(event: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    """Answer one request of a PBX.

    Args:
        event: API Gateway's, payload format 2.0.
        desk: what it is done with.
    """
    started_at = desk.door.now()
    session = _Session(event, desk)
    counted = ""
    try:
        given, outcome, reason = _answered(session)
    except (CredentialsError, ForbiddenError) as error:
        outcome, reason = "refused", str(error)
        status = 401 if isinstance(error, CredentialsError) else 403
        given = answer(status, "", "text/plain; charset=utf-8")
    except NotFoundError as error:
        outcome, reason, counted = "error", str(error), "invalid"
        given = problem_answer(error)
    except PayloadError as error:
        # A PBX that is set up wrongly must not ring the alarm that a mistake of ours rings.
        outcome, reason, counted = "error", str(error), "invalid"
        given = _fallen(session, "error") or problem_answer(error)
    except UnavailableError as error:
        outcome, reason = outcome_of(error), error.reason
        given = _fallen(session, outcome) or problem_answer(error)
    except Exception as error:  # noqa: BLE001 - whatever broke, a caller is waiting
        outcome, reason = "error", describe(error)
        given = _fallen(session, "error") or problem_answer(UnavailableError("error"))
    given["headers"]["x-centralino-outcome"] = outcome
    if session.visit:
        allow_origin(given, session.request)
    _emit(session, counted or outcome, reason, started_at)
    return given


def _answered(session: _Session) -> tuple[dict[str, Any], str, str]:
    """Return the answer, its outcome, and the reason for the log."""
    desk, request = session.desk, session.request
    bad_request: PayloadError | None = None
    fields: Mapping[str, str] = {}
    try:
        fields = request.fields()
    except PayloadError as error:
        bad_request = error
    visit = session.visit = desk.door.open(request, ROLES)
    address = session.address = read_address(request)
    kind = desk.provider(address.provider)
    if address.ask not in kind.asks:
        raise NotFoundError(NOWHERE)
    session.asked = _asked(session, address, fields)
    try:
        return _taken(session, kind, bad_request)
    except Renewed:
        pass
    except (PayloadError, _UnsignedError) as error:
        # A node, an option or a key that was saved, or revoked, since this container read them:
        # what is refused would otherwise be refused for as long as the container lives.
        _settle(visit, error)
        if not visit.renewed:
            raise
    visit.renewed = False
    return _taken(session, kind, bad_request)


def _settle(visit: Visit, error: CentralinoError) -> None:
    """Make sure that what a request was refused by still holds."""
    try:
        visit.settle()
    except UnavailableError:
        # Who is not believed is not told the tenant's fallback because the store is away.
        if isinstance(error, _UnsignedError):
            raise error from None
        raise


def _taken(
    session: _Session, kind: type[Pbx], bad_request: PayloadError | None
) -> tuple[dict[str, Any], str, str]:
    """Verify, read and answer a request, with the routing as it is known now."""
    address, asked = session.address, session.asked
    assert address is not None  # noqa: S101 - nobody gets here without
    assert asked is not None  # noqa: S101 - the same
    adapter = session.adapter = _verified(session, kind, address, asked)
    call = session.call = _within_limits(adapter.read(asked))
    if bad_request and not call.digits:
        raise bad_request
    if session.request.method not in {"GET", "POST"}:
        raise NotFoundError(NOWHERE)
    return _act(session, address, adapter, asked, call)


def read_address(request: Request) -> Address:
    """Return what a path asks for.

    Args:
        request: without the key in its path.

    Raises:
        NotFoundError: it leads nowhere.
    """
    version, *words = request.segments or [""]
    if version != "v1" or not words:
        raise NotFoundError(NOWHERE)
    match words:
        case ["route"]:
            return Address(NATIVE["route"], "route")
        case ["identify", node]:
            return Address(NATIVE["identify"], "identify", node)
        case ["identify", node, code]:
            return Address(NATIVE["identify"], "identify", node, code)
        case ["pbx", provider, ask]:
            return Address(provider, ask)
        case ["pbx", provider, "identify", node]:
            return Address(provider, "identify", node)
    raise NotFoundError(NOWHERE)


def _act(
    session: _Session, address: Address, adapter: Pbx, asked: Asked, call: PbxCall
) -> tuple[dict[str, Any], str, str]:
    if address.ask == "lookup":
        return _look_up(session, adapter, asked, call)
    if address.ask == "events":
        return _note_event(session, adapter, asked, call)
    visit = session.visit
    assert visit is not None  # noqa: S101 - nobody gets here who was not let in
    routing = _routing(visit)
    office = Office(visit.settings, visit.settings.line_for(call.trunk, call.did), routing)
    at = None
    if address.ask == "identify":
        name = asked.node or call.node
        node = routing.nodes.get(name)
        if node is None:
            raise PayloadError("node", "the name of an identify node")
        at = At(node, adapter.converses, call.question)
    ways = Ways(visit, session.desk, office, call)
    routed = route_caller(call, office, ways, at=at, provider=_named(address))
    now_s = visit.now()
    words = shown(routed, office, now_s)
    told = Told(
        label=words.pop("label"),
        decision=routed.decision,
        ask=_ask(address, asked, routed.turn, at.node) if at and routed.turn else None,
        verdict=routed.verdict,
        fields={**words, "call_id": call.call_id},
    )
    reply = adapter.reply(asked, call, told)
    session.told["rule"] = routed.decision.rule if routed.decision else ""
    if routed.taught:
        from centralino.entry.learned import learned_line  # noqa: PLC0415 - few calls teach

        emit(
            learned_line(
                now_s,
                routed.taught,
                tenant=visit.tenant,
                number=routed.caller.number,
                code=routed.who.code,
                call_id=loggable_id(call.call_id),
                node=at.node.name if at else "",
            )
        )
    if not routed.turn and not call.ended:
        _keep(session, routed, office, at)
    if routed.taught and routed.taught.lesson in NEWS:
        _tell_owner(session, routed, office, at)
    given = answer(reply.status, reply.body, reply.content_type)
    return given, _outcome(routed), routed.reason


def _tell_owner(session: _Session, routed: Routed, office: Office, at: At | None) -> None:
    """Have the owner told of a number that was learned, if they said where."""
    visit, queue = session.visit, session.desk.queue
    assert visit is not None  # noqa: S101 - nobody gets here who was not let in
    if queue is None or not office.routing.learning.get("webhook"):
        return
    from centralino.entry.learned import send_notice  # noqa: PLC0415 - few calls teach

    now_s = visit.now()
    send_notice(
        queue,
        tenant=visit.tenant,
        lesson=routed.taught.lesson if routed.taught else "",
        number=routed.caller.number,
        code=routed.who.code,
        node=at.node.name if at else "",
        now_s=now_s,
        left_s=visit.deadline.answer_in_s(office.line.decode_timeout_s, now_s),
    )


def _outcome(routed: Routed) -> str:
    """Name what became of a request, for the header, the log and the metric."""
    if routed.failed:
        return routed.failed
    if routed.turn:
        return "asked"
    if routed.decision is None:
        return "identified" if routed.verdict and routed.verdict.yes else "unidentified"
    return "fallback" if routed.decision.fallback else "decided"


def _look_up(
    session: _Session, adapter: Pbx, asked: Asked, call: PbxCall
) -> tuple[dict[str, Any], str, str]:
    """Say who is calling, as `/v1/lookup` does."""
    visit = session.visit
    assert visit is not None  # noqa: S101 - as above
    line = visit.settings.line_for(call.trunk, call.did)
    office = Office(visit.settings, line, _routing(visit))
    ways = Ways(visit, session.desk, office, call)
    decoded = decode_caller(
        Call(call.number, call.did, call.trunk, call.name, call.call_id),
        visit.settings,
        line,
        ways.look_up,
        ways.live(),
    )
    if not decoded.reason:
        visit.settle()
    if visit.renewed:
        raise Renewed
    words = shown(Routed(Caller(decoded)), office, visit.now())
    told = Told(label=words.pop("label"), fields={**words, "call_id": call.call_id})
    reply = adapter.reply(asked, call, told)
    session.told["shape"] = decoded.reading.shape
    return answer(reply.status, reply.body, reply.content_type), decoded.outcome, decoded.reason


def _note_event(
    session: _Session, adapter: Pbx, asked: Asked, call: PbxCall
) -> tuple[dict[str, Any], str, str]:
    """Note who answered a caller, for the next call."""
    from centralino.application.note_answer import note_answer  # noqa: PLC0415 - nobody waits

    visit = session.visit
    assert visit is not None  # noqa: S101 - as above
    outcome, reason = "ignored", ""
    if call.event == "answered" and call.exten:
        line = visit.settings.line_for(call.trunk, call.did)
        office = Office(visit.settings, line, _routing(visit))
        outcome, reason = note_answer(call, office, Ways(visit, session.desk, office, call))
    else:
        visit.settle()
    reply = adapter.reply(asked, call, Told(event=True))
    return answer(reply.status, reply.body, reply.content_type), outcome, reason


def _routing(visit: Visit) -> Routing:
    return visit.routing or default_routing()


def _named(address: Address) -> str:
    """Return the provider as facts and decisions name it: our own has no name."""
    return "" if address.provider == NATIVE["route"] else address.provider


def _verified(session: _Session, kind: type[Pbx], address: Address, asked: Asked) -> Pbx:
    """Build the provider and check its signature, once more with secrets that were replaced."""
    visit, now_s = session.visit, session.desk.door.now()
    assert visit is not None  # noqa: S101 - nobody gets here who was not let in
    options = _routing(visit).pbx.get(address.provider) or {}
    if not kind.secrets:
        adapter = kind(options, {})
        _verify(adapter, asked, now_s)
        return adapter
    # A call whose signature can't be looked at is answered without it: with the fallback.
    session.adapter = kind(options, {})
    kept = session.desk.secrets()
    name = f"pbx-{address.provider}"
    limit_s = min(SECRETS_S, visit.limit_s(now_s))
    if limit_s <= 0:
        raise UnavailableError("timeout")
    try:
        secrets = kept.read(visit.tenant, name, limit_s)
        adapter = kind(options, _texts(secrets))
        try:
            adapter.verify(asked, now_s=now_s)
        except CredentialsError as error:
            left_s = limit_s - (session.desk.door.now() - now_s)
            renewed = kept.refresh(visit.tenant, name, left_s) if left_s > 0 else secrets
            if renewed == secrets:
                raise _UnsignedError(str(error)) from error
            adapter = kind(options, _texts(renewed))
            _verify(adapter, asked, now_s)
        return adapter
    finally:
        visit.read_s += session.desk.door.now() - now_s


def _verify(adapter: Pbx, asked: Asked, now_s: float) -> None:
    try:
        adapter.verify(asked, now_s=now_s)
    except CredentialsError as error:
        raise _UnsignedError(str(error)) from error


def _texts(secrets: Mapping[str, object]) -> dict[str, str]:
    return {name: value for name, value in secrets.items() if isinstance(value, str)}


def _asked(session: _Session, address: Address, fields: Mapping[str, str]) -> Asked:
    request, event = session.request, session.event
    try:
        body = request.body()
    except PayloadError:
        body = b""
    is_form = "form-urlencoded" in request.headers.get("content-type", "")
    return Asked(
        method=request.method,
        url=_public_url(event, request),
        headers=request.headers,
        fields=fields,
        query=_pairs(event.get("rawQueryString") or ""),
        form=_pairs(body.decode("latin-1")) if is_form else {},
        body=body,
        ask=address.ask,
        node=address.node,
        id=address.id,
    )


def _pairs(encoded: str) -> Mapping[str, str]:
    try:
        return read_pairs(encoded)
    except PayloadError:
        return {}


def _public_url(event: Mapping[str, Any], request: Request) -> str:
    """Return the URL as the PBX called it; the path has the stage, if it isn't the default one."""
    query = event.get("rawQueryString") or ""
    path = event.get("rawPath") or "/"
    return f"{_origin(event, request)}{path}{'?' if query else ''}{query}"


def _origin(event: Mapping[str, Any], request: Request) -> str:
    context = event.get("requestContext") or {}
    host = request.headers.get("host") or context.get("domainName") or ""
    scheme = request.headers.get("x-forwarded-proto", "https")
    return f"{'http' if scheme == 'http' else 'https'}://{host}"


def _within_limits(call: PbxCall) -> PbxCall:
    """Return a call whose texts are of a length, and can be stored."""
    cut: dict[str, Any] = {}
    for name in _TEXTS:
        text: str = getattr(call, name)
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        if len(text) > MAX_TEXT:
            text = text[:MAX_TEXT]
        if text != getattr(call, name):
            cut[name] = text
    return call._replace(**cut) if cut else call


def _ask(address: Address, asked: Asked, turn: Turn, node: Node) -> Ask:
    """Return the next question, with the address that the digits are to be sent to."""
    url = node_url(asked, address.provider, node.name)
    return Ask(node, turn.again, url, turn.question)


def _keep(session: _Session, routed: Routed, office: Office, at: At | None) -> None:
    """Keep what was decided, with the facts that it was decided by."""
    visit, address, facts = session.visit, session.address, routed.facts
    assert visit is not None  # noqa: S101 - as above
    assert address is not None  # noqa: S101 - as above
    call, caller = session.call, routed.caller
    if facts is None:
        return
    decision = routed.decision
    if decision is None:
        yes = bool(routed.verdict and routed.verdict.yes)
        decision = Decision(rule=f"{routed.node}: {'yes' if yes else 'no'}")
    to = decision.destination
    asking = to.type == "identify" and to.id in office.routing.nodes
    asked = caller.found.talk is not None or (at is not None and at.converses)
    now_s = visit.now()
    number = caller.number
    history = routed.customer.history if routed.customer else None
    earlier = caller.found.history.get(number)
    used = routed.who.learned
    stored = routed.customer and routed.customer.customer
    entry = Entry(
        tenant=visit.tenant,
        kept=Kept(
            call_id=call.call_id or os.urandom(16).hex(),
            at=int(now_s),
            facts=facts,
            decision=decision,
            provider=_named(address),
            node=routed.node,
        ),
        keep_days=office.routing.keep_days,
        day=facts["now"]["date"],
        caller=number,
        # What is counted of nobody would outlive the tenant.
        code=routed.who.code if stored else "",
        before=earlier.day if earlier else "",
        code_before=history.day if history else "",
        used=used if used and is_to_be_noted(used, now_s) else None,
        # Without the PBX's id nothing tells that what comes is of the same call.
        asking=asking and bool(call.call_id),
        asked=asked and bool(call.call_id),
    )
    left_s = visit.deadline.answer_in_s(office.line.decode_timeout_s, now_s)
    session.desk.journal.keep(entry, timeout_s=max(0.0, min(POST_S, left_s)))


def _fallen(session: _Session, outcome: str) -> dict[str, Any] | None:
    """Answer without a decision of ours: the tenant's fallback, else go on; None if nobody asked.

    Of a tenant whose key could not be looked at nothing is known, and nothing is told.
    """
    try:
        adapter, asked = session.adapter, session.asked
        if adapter is None or asked is None:
            address = session.address = session.address or read_address(session.request)
            adapter = session.desk.provider(address.provider)({}, {})
            if address.ask not in adapter.asks:
                return None
            fields: Mapping[str, str] = {}
            with suppress(PayloadError):
                fields = session.request.fields()
            asked = _asked(session, address, fields)
        call = session.call if session.call != PbxCall() else _within_limits(adapter.read(asked))
        session.call = call
        visit = session.visit
        told = _without_decision(adapter, call, asked, visit, outcome)
        reply = adapter.reply(asked, call, told)
    except (CentralinoError, LookupError, TypeError, ValueError):
        # Nobody knows any more in which words to answer.
        return None
    return answer(reply.status, reply.body, reply.content_type)


def _without_decision(
    adapter: Pbx, call: PbxCall, asked: Asked, visit: Visit | None, outcome: str
) -> Told:
    if asked.ask == "events":
        return Told(event=True)
    settings = visit.settings if visit else Settings("")
    fields = {"outcome": outcome, "call_id": call.call_id}
    label = clean_name(call.name, settings.label)
    if asked.ask == "lookup":
        return Told(label=label, fields=fields)
    routing = _routing(visit) if visit else Routing()
    if asked.ask == "identify" and not adapter.converses:
        node = routing.nodes.get(asked.node or call.node)
        if node is None or node.mode != "route":
            return Told(label=label, verdict=Verdict(yes=False), fields=fields)
    return Told(label=label, decision=fall_back(routing, outcome), fields=fields)


def _emit(session: _Session, outcome: str, reason: str, started_at: float) -> None:
    """Write the request's one line: log and metric."""
    visit, address = session.visit, session.address
    now = session.desk.door.now()
    total_ms = 1000 * (visit.deadline.elapsed_s(now) if visit else now - started_at)
    handler_ms = 1000 * (now - started_at)
    read_ms = 1000 * visit.read_s if visit else 0.0
    call = session.call
    known = {
        "tenant": visit.tenant if visit else "",
        "key": visit.key.id if visit else "",
        "call_id": loggable_id(call.call_id),
        "trunk": _loggable_trunk(call.trunk, visit),
        "provider": address.provider if address else "",
        **session.told,
        "reason": reason,
    }
    if address and address.ask == "lookup":
        emit(decode_line(now, outcome, (total_ms, handler_ms, read_ms), known))
        return
    known["ask"] = address.ask if address else ""
    emit(
        route_line(
            now,
            outcome,
            total_ms,
            handler_ms=round(handler_ms, 1),
            read_ms=round(read_ms, 1) or None,
            journal_lost=session.desk.journal.lost or None,
            **known,
        )
    )


def _loggable_trunk(trunk: str, visit: Visit | None) -> str:
    """Return a trunk as the log may hold it: many are named by a number."""
    return trunk if visit and trunk in visit.settings.trunks else loggable_id(trunk)
