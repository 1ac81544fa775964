"""Route a caller: who is calling, which customer that is, and where the call goes.

A call takes at most two round trips that it waits for: what the CLI may mean with all that hangs
on it, then the customer. Rules, schedules and agents are in memory or in the first one.
"""

from __future__ import annotations

from centralino.application.decode_caller import (
    Call,
    Decoded,
    decode_caller,
    outcome_of,
)
from centralino.domain.customer import STATUSES, History, normal_code, status_at
from centralino.domain.decision import Decision
from centralino.domain.errors import ThrottledError, UnavailableError
from centralino.domain.facts import CallerFacts, CallFacts, Known, build_facts
from centralino.domain.label import clean_name
from centralino.domain.learning import Who, as_stored, choose_customer, learning_options
from centralino.domain.number import decide, is_valid
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.domain.rulebook import evaluate, fall_back
from centralino.ports.pbx import Verdict
from centralino.ports.route_read import Beside, CustomerRead, Found, Talk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from centralino.application.converse import Turn
    from centralino.application.identify_caller import Identified
    from centralino.application.learn_number import Taught
    from centralino.domain.card import Card
    from centralino.domain.customer import Learned
    from centralino.domain.learning import LearningOptions
    from centralino.domain.number import Reading
    from centralino.domain.routing import Node, Routing
    from centralino.domain.settings import Line, Settings
    from centralino.ports.call_read import Read
    from centralino.ports.pbx import PbxCall

    class Ways(Protocol):
        """What a call can do in the time that is left of it.

        All but `learn` and the clocks raise UnavailableError, `timeout` if there is no time.
        """

        def now(self) -> float:
            """Return the time, seconds since 1970."""

        def late(self) -> bool:
            """Tell whether it is time to answer."""

        def read(self, numbers: Sequence[str], caller: str, beside: Beside) -> Read:
            """Read the cards of some numbers, and what is beside them."""

        def search(self, found: Read) -> Mapping[str, Card]:
            """Ask the tenant's CRMs for a caller whom nobody knows; empty if nobody does."""

        def refresh(self, found: Read) -> None:
            """See to cards that are served now and have to be looked after."""

        def customers(self, codes: Sequence[str]) -> Mapping[str, CustomerRead]:
            """Read customers with their history."""

        def save_talk(self, call_id: str, talk: Talk) -> bool:
            """Save a conversation; False if another turn was saved meanwhile."""

        def learn(self, learned: Learned, why_not: str, options: LearningOptions) -> Taught:
            """Learn a number, unless there is a reason not to."""


# How often a turn is taken anew because another one was saved meanwhile.
TURNS = 3


class Office(NamedTuple):
    """What a tenant has set, as a call finds it.

    Attributes:
        settings: the tenant's.
        line: of the line that the call came in on.
        routing: the tenant's.
    """

    settings: Settings
    line: Line
    routing: Routing


class At(NamedTuple):
    """At which identify node a call is, and what it did there.

    Attributes:
        node: the node.
        converses: whether we ask the caller, turn by turn; else the PBX did, once.
        question: which question the digits answer; 0 if the PBX doesn't say.
    """

    node: Node
    converses: bool
    question: int = 0


class Caller(NamedTuple):
    """Who is calling, after the first round trip.

    Attributes:
        decoded: as the lookup has it, with the label.
        found: what was read beside the cards; of conversations the caller's own.
        version: of the conversation that is stored under the call's id, whoever's it is.
        name: what the caller is told from others by, `Talk.number`.
        number: E.164, the one that has a contact or was learned, else the likeliest; empty if
            there is none.
        ambiguous: whether the number is no more than the likeliest guess: the CLI may as well mean
            another one, and no contact tells which.
        declared: the customer codes of all contacts with the number.
        learned: what the number has taught.
    """

    decoded: Decoded
    found: Found = Found()
    version: int = 0
    name: str = ""
    number: str = ""
    ambiguous: bool = False
    declared: tuple[str, ...] = ()
    learned: tuple[Learned, ...] = ()


class Routed(NamedTuple):
    """Where a call goes.

    Attributes:
        caller: who is calling.
        decision: where to; None if the caller is asked, or only a code was looked at.
        who: which customer the caller is taken for.
        customer: that customer, as it is; None if unknown.
        facts: what the rules saw; None where no rule was looked at.
        turn: the question to ask; None to ask nothing.
        verdict: what the PBX is told that asked the caller itself.
        taught: what became of a code that was typed; None if none was.
        node: the node that decided, or asked; empty if the rules did.
        failed: `timeout` or `degraded` where nothing could be decided; empty otherwise.
        reason: what went wrong, for the log: why it is the fallback (`timeout`, `unprocessed`...),
            or why a CRM could not be asked (`live_search: timeout`).
    """

    caller: Caller
    decision: Decision | None = None
    who: Who = Who()
    customer: CustomerRead | None = None
    facts: Mapping[str, Any] | None = None
    turn: Turn | None = None
    verdict: Verdict | None = None
    taught: Taught | None = None
    node: str = ""
    failed: str = ""
    reason: str = ""


def route_caller(  # noqa: PLR0913 - what a call is made of
    call: PbxCall,
    office: Office,
    ways: Ways,
    *,
    at: At | None = None,
    provider: str = "",
    explain: bool = False,
) -> Routed:
    """Say where a call goes.

    Never raises for anything that a PBX can send, nor for a store that fails: then it is the
    tenant's fallback, with the reason.

    Args:
        call: the call as its provider read it.
        office: what the tenant has set.
        ways: what the call can do.
        at: the identify node; None to ask the rules alone.
        provider: the PBX's slug; empty for our own.
        explain: whether to say why each earlier rule did not decide.
    """
    caller = read_caller(call, office, ways, at)
    if caller.decoded.reason and not caller.decoded.decision:
        return _fallen(caller, office, at, caller.decoded.outcome, caller.decoded.reason)
    try:
        routed = _routed(call, office, ways, caller, at, provider, explain=explain)
    except UnavailableError as error:
        return _fallen(caller, office, at, outcome_of(error), error.reason)
    # Decided, but perhaps of a caller whom a CRM that could not be asked knows.
    return routed if routed.reason else routed._replace(reason=caller.decoded.reason)


def read_caller(call: PbxCall, office: Office, ways: Ways, at: At | None = None) -> Caller:
    """Read who is calling: one round trip, and the tenant's CRMs if nobody knows them.

    Never raises for a store that fails: the outcome says so.
    """
    source = _Source(call, ways, at)
    decoded = decode_caller(
        Call(call.number, call.did, call.trunk, call.name, call.call_id),
        office.settings,
        office.line,
        source.read,
        source,
    )
    if source.answer is None and not decoded.reason:
        # Nobody can be looked up, but the agents, and a conversation, are there for everybody.
        try:
            source.read(())
        except UnavailableError as error:
            decoded = decoded._replace(outcome=outcome_of(error), reason=error.reason)
        else:
            if not source.complete:
                decoded = decoded._replace(outcome="degraded", reason="unprocessed")
    return _known(decoded, source)


class _Source:
    """Reads for the decoding and keeps what was read beside the cards."""

    def __init__(self, call: PbxCall, ways: Ways, at: At | None) -> None:
        self._call = call
        self._ways = ways
        self._at = at
        self.answer: Read | None = None
        self.cards: Mapping[str, Card] = {}

    @property
    def complete(self) -> bool:
        return self.answer is not None and self.answer.complete

    def read(self, numbers: Sequence[str], caller: str = "") -> Read:
        codes: tuple[str, ...] = ()
        if self._at and self._call.digits:
            from centralino.application.identify_caller import codes_to_read  # noqa: PLC0415

            codes = codes_to_read(self._at.node, self._call.digits)
        exact = [number for number in numbers if not number.endswith("*")]
        beside = Beside(exact, agents=True, call_id=self._call.call_id, codes=codes)
        self.answer = self._ways.read(numbers, caller, beside)
        self.cards = self.answer.cards
        return self.answer

    def search(self, found: Read) -> Mapping[str, Card]:
        # For who is known by a learned number too: what the CRM declares beats what was learned.
        self.cards = self._ways.search(found)
        return self.cards

    def refresh(self, found: Read) -> None:
        self._ways.refresh(found)


def _known(decoded: Decoded, source: _Source) -> Caller:
    """Put together what is known of a caller."""
    found = (source.answer and source.answer.beside) or Found()
    reading = decoded.reading
    cards = {key: card for key, card in source.cards.items() if card.holders}
    learned = {number: held for number, held in found.learned.items() if held}
    decision = decide(reading, {**cards, **learned})
    # Readings between which nobody can tell all count: then they contradict each other.
    keys = decision.ambiguous_keys or ((decision.key,) if decision.key else ())
    shown = decoded.decision
    if shown:
        keys += tuple(key for key in (shown.key, *shown.ambiguous_keys) if key and key not in keys)
    holders = [holder for key in keys if key in cards for holder in cards[key].holders]
    number = _number_of(reading, keys)
    ambiguous = _is_guess(reading, number, keys, has_contact=any(key in cards for key in keys))
    name = _named(reading, number, ambiguous=ambiguous)
    talk = found.talk
    return Caller(
        decoded,
        found._replace(talk=talk if talk and _is_own(talk, name) else None),
        talk.version if talk else 0,
        name,
        number,
        ambiguous,
        tuple(dict.fromkeys(h.customer_code for h in holders if h.customer_code)),
        tuple(one for key in keys for one in learned.get(key, ())),
    )


def _number_of(reading: Reading, keys: Sequence[str]) -> str:
    """Return the number that the winning key means, else the likeliest one."""
    for key in keys:
        for candidate in reading.candidates:
            if candidate.key == key:
                return candidate.number
    return reading.candidates[0].number if reading.candidates else ""


def _is_guess(reading: Reading, number: str, keys: Sequence[str], *, has_contact: bool) -> bool:
    """Tell whether a CLI may mean another number as well, and no contact decides.

    That one of its numbers was learned decides nothing: the caller may well have the other one.
    """
    best = min((c.tier for c in reading.candidates), default=0)
    return any(
        c.number != number and (c.key in keys or (c.tier == best and not has_contact))
        for c in reading.candidates
    )


def _named(reading: Reading, number: str, *, ambiguous: bool) -> str:
    """Return what a caller is told from others by; empty if withheld."""
    if reading.kind == "withheld":
        return ""
    return reading.exten or (reading.cleaned if ambiguous or not number else number)


def _is_own(talk: Talk, name: str) -> bool:
    """Tell whether a conversation is this caller's.

    PBXs share ids of calls, and some send one and the same with each.
    """
    return not talk.node or talk.number == name


def _routed(  # noqa: PLR0913, PLR0917 - what a call is made of, in one place
    call: PbxCall,
    office: Office,
    ways: Ways,
    caller: Caller,
    at: At | None,
    provider: str,
    *,
    explain: bool,
) -> Routed:
    options = learning_options(office.routing.learning)
    talk = caller.found.talk
    typed = talk.code if talk else ""
    # Whom the number alone says: who types nothing useful is still somebody.
    who = _who(call, caller, typed, options, ways)
    if at is None:
        customers = ways.customers(who.codes) if who.code else {}
        who = stored_as(who, customers)
        asked = _is_over(talk, office.routing)
        routed = Routed(caller, who=who, customer=_existing(customers, who))
        return _by_rules(call, office, ways, routed, provider, asked=asked, explain=explain)
    routed = _at_node(call, office, ways, caller, at, who, options, provider)
    if routed.node:
        return routed
    return _by_rules(call, office, ways, routed, provider, asked=True, explain=explain)


def _who(call: PbxCall, caller: Caller, typed: str, options: LearningOptions, ways: Ways) -> Who:
    return choose_customer(
        caller.declared, caller.learned, typed, call.attestation, options, ways.now()
    )


def _at_node(  # noqa: PLR0913, PLR0917 - as above
    call: PbxCall,
    office: Office,
    ways: Ways,
    caller: Caller,
    at: At,
    who: Who,
    options: LearningOptions,
    provider: str,
) -> Routed:
    """Take a caller's turn at a node: ask, or say where the call goes.

    Without a `node` in the result it is left to the rules.
    """
    from centralino.application.identify_caller import (  # noqa: PLC0415 - most calls meet no node
        node_destination,
        node_verdict,
    )

    node, turns = at.node, _is_turn(call, at)
    identified, customers, turn = _identified(call, ways, caller, at, who)
    who = stored_as(who, customers)
    if turn and turn.ask:
        return Routed(caller, who=who, turn=turn, node=node.name)
    if turns and identified.state == "known":
        who = Who(normal_code(identified.code), "typed", why="typed in this call")
    routed = Routed(
        caller,
        who=who,
        customer=identified.customer or _existing(customers, who),
        taught=_teach(call, office, ways, caller, node, identified, options) if turns else None,
        node=node.name,
    )
    now_s = ways.now()
    to = node_destination(node, identified, now_s)
    if not at.converses:
        routed = routed._replace(verdict=node_verdict(node, identified, now_s))
        if node.mode != "route":
            # Such a PBX takes a yes or a no, and knows by itself where that leads.
            to = None
    elif to is None:
        return routed._replace(node="")
    if to is None and node.mode == "route":
        return routed._replace(node="")
    rule = f"{node.name}: {identified.state}"
    return routed._replace(
        decision=Decision(to, rule=rule, version=office.routing.version) if to else None,
        facts=_facts(call, office, ways, routed, provider, asked=True),
    )


def _is_turn(call: PbxCall, at: At) -> bool:
    """Tell whether the caller was asked already, and typed something, or nothing in time."""
    return call.digits is not None or at.question > 0


def _identified(
    call: PbxCall, ways: Ways, caller: Caller, at: At, who: Who
) -> tuple[Identified, Mapping[str, CustomerRead], Turn | None]:
    """Say whom the digits identify, or the number if nothing was asked yet; and the turn taken."""
    from centralino.application.identify_caller import (  # noqa: PLC0415 - as above
        Identified,
        identify_caller,
        possible_codes,
    )

    node, typed, talk = at.node, call.digits or "", caller.found.talk
    settled = bool(talk and talk.code)
    codes: list[str] = []
    if settled or _is_turn(call, at):
        codes += possible_codes(node, typed, caller.found)
    codes += (code for code in who.codes if code not in codes)
    customers = ways.customers(codes) if codes else {}
    if settled or _is_turn(call, at):
        identified = identify_caller(node, typed, customers, talk)
    else:
        identified = _by_number(stored_as(who, customers), customers, node)
    if not at.converses:
        return identified, customers, None
    turn = _converse(call, ways, caller, at, identified)
    if turn.given_up:
        identified = Identified("unknown")
    elif turn.code and turn.code != identified.code:
        # Another turn was at it, and found out first.
        read = ways.customers((turn.code,)).get(turn.code)
        identified = Identified("known", turn.code, read if read and read.customer else None)
    return identified, customers, turn


def _by_number(who: Who, customers: Mapping[str, CustomerRead], node: Node) -> Identified:
    """Say who the caller is before anything was typed: whoever is known isn't asked."""
    from centralino.application.identify_caller import Identified  # noqa: PLC0415 - as above

    customer = _existing(customers, who)
    if customer and customer.customer:
        return Identified("known", who.code, customer)
    if who.code and node.mode == "entered":
        # Of a customer that only the CRM knows.
        return Identified("known", who.code)
    return Identified()


def _converse(call: PbxCall, ways: Ways, caller: Caller, at: At, identified: Identified) -> Turn:
    """Take a turn of a conversation and save it; taken anew if another one was saved meanwhile."""
    from centralino.application.converse import converse, without_store  # noqa: PLC0415 - as above

    # Another caller's is saved over.
    talk = caller.found.talk or Talk("", version=caller.version)
    for _ in range(TURNS):
        turn = converse(
            at.node,
            talk,
            call.digits,
            identified,
            number=caller.name,
            now_s=ways.now(),
            question=at.question,
        )
        if turn.talk is None:
            return turn
        if not call.call_id:
            return without_store(turn, call.digits, at.question)
        try:
            if ways.save_talk(call.call_id, turn.talk):
                return turn
            beside = ways.read((), "", Beside(call_id=call.call_id)).beside
        except UnavailableError:
            return without_store(turn, call.digits, at.question)
        saved = (beside and beside.talk) or Talk("")
        talk = saved if _is_own(saved, caller.name) else Talk("", version=saved.version)
    raise ThrottledError("contention")


def _teach(  # noqa: PLR0913, PLR0917 - all that is asked before a number is learned
    call: PbxCall,
    office: Office,
    ways: Ways,
    caller: Caller,
    node: Node,
    identified: Identified,
    options: LearningOptions,
) -> Taught | None:
    """Learn the number of a caller who typed a customer's code."""
    if not (node.teaches and call.number and call.digits and identified.customer):
        return None
    from centralino.application.identify_caller import possible_codes  # noqa: PLC0415 - as above
    from centralino.domain.customer import Learned  # noqa: PLC0415 - few calls teach
    from centralino.domain.learning import may_learn  # noqa: PLC0415 - as above

    code = normal_code(identified.code)
    if code not in possible_codes(node, call.digits, caller.found._replace(talk=None)):
        # The conversation knew it already, or another turn found out: this isn't what was typed.
        return None
    reading = caller.decoded.reading
    why_not = may_learn(
        caller.number,
        reading.kind,
        call.attestation,
        options,
        settings=office.settings,
        did=call.did,
        line=office.line,
        ambiguous=caller.ambiguous,
        mobiles=[agent.mobile for agent in caller.found.agents.values() if agent.mobile],
    )
    learned = Learned(
        caller.number,
        code,
        node=node.name,
        call_id=call.call_id,
        attestation=call.attestation,
    )
    return ways.learn(learned, why_not, options)


def _by_rules(  # noqa: PLR0913 - what a rule may be about
    call: PbxCall,
    office: Office,
    ways: Ways,
    routed: Routed,
    provider: str,
    *,
    asked: bool,
    explain: bool,
) -> Routed:
    facts = _facts(call, office, ways, routed, provider, asked=asked)
    decision = evaluate(office.routing, facts, explain=explain, late=ways.late)
    late = "timeout" if decision.fallback == "timeout" else ""
    return routed._replace(decision=decision, facts=facts, failed=late, reason=late)


def _facts(  # noqa: PLR0913 - as above
    call: PbxCall, office: Office, ways: Ways, routed: Routed, provider: str, *, asked: bool
) -> dict[str, Any]:
    caller, who = routed.caller, routed.who
    reading = caller.decoded.reading
    history = routed.customer.history if routed.customer else None
    return build_facts(
        CallFacts(
            id=call.call_id,
            did=call.did,
            trunk=call.trunk,
            language=call.language,
            provider=provider,
            attestation=call.attestation,
            asked=asked,
            typed=who.code if who.source == "typed" else "",
        ),
        CallerFacts(
            number=caller.number,
            kind=reading.kind,
            exten=reading.exten,
            valid=bool(caller.number) and is_valid(caller.number),
        ),
        Known(
            holder=caller.decoded.holder,
            code=who.code,
            source=who.source,
            customer=routed.customer.customer if routed.customer else None,
            history=history or caller.found.history.get(caller.number) or History(),
            agents=caller.found.agents,
        ),
        office.routing,
        ways.now(),
    )


def _fallen(caller: Caller, office: Office, at: At | None, outcome: str, reason: str) -> Routed:
    if at and not at.converses and at.node.mode != "route":
        # A PBX that asked for a yes or a no: nobody is let through for a store that fails.
        return Routed(caller, verdict=Verdict(yes=False), failed=outcome, reason=reason)
    return Routed(caller, fall_back(office.routing, outcome), failed=outcome, reason=reason)


def _existing(customers: Mapping[str, CustomerRead], who: Who) -> CustomerRead | None:
    return customers.get(who.code) if who.code else None


def stored_as(who: Who, customers: Mapping[str, CustomerRead]) -> Who:
    """Return who it is under the code of a customer that was read."""
    return as_stored(who, [code for code, read in customers.items() if read.customer])


def _is_over(talk: Talk | None, routing: Routing) -> bool:
    """Tell whether the caller was asked already, so that asking again is no use."""
    if talk is None:
        return False
    node = routing.nodes.get(talk.node)
    return bool(talk.code) or node is None or talk.asked > node.attempts


def shown(routed: Routed, office: Office, now_s: float) -> dict[str, str]:
    """Return what a phone and a screen may show of a caller, flat text.

    A caller ID proves nothing, and codes are public: a customer who was merely learned is shown
    only if the tenant trusts that, and so is the name of one whose code was typed.

    Returns:
        `label, outcome, contact_id, url, company, customer_code, customer_status`.
    """
    decoded, who = routed.caller.decoded, routed.who
    holder = None if decoded.outcome == "ambiguous" else decoded.holder
    believed = learning_options(office.routing.learning).trust == "card"
    trusted = believed or who.source != "learned"
    customer = routed.customer.customer if routed.customer and trusted else None
    label = decoded.label
    if customer and customer.name and not decoded.holder and (believed or who.source == "crm"):
        label = clean_name(customer.name, office.settings.label)
    status = ""
    if customer:
        status = status_at(customer, now_s)
    elif holder and holder.status in STATUSES and trusted:
        status = holder.status
    return {
        "label": label,
        "outcome": decoded.outcome,
        "contact_id": holder.id if holder else "",
        "url": holder.url if holder else "",
        "company": holder.company if holder else "",
        "customer_code": who.code if trusted else "",
        "customer_status": status,
    }
