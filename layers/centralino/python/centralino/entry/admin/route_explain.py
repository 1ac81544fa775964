"""`/v1/route/explain` and `/v1/decisions`: why calls went where they went, or would go."""

# The annotations of routes are read at run time, so they are not postponed.
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Query

from centralino.application.explain_decision import explain_decision
from centralino.application.learn_number import Taught
from centralino.application.route_caller import Office, route_caller, shown
from centralino.domain.customer import normal_code
from centralino.domain.decision import Decision, Kept
from centralino.domain.errors import PayloadError, UnavailableError
from centralino.entry.admin.models import DATE_TIME, Moment, moment
from centralino.entry.admin.rule_models import (
    DecisionList,
    DecisionOut,
    ExplainRouteOut,
    PassedOut,
)
from centralino.entry.admin.rules import place_out
from centralino.entry.admin.session import Session, new_router, session_of
from centralino.ports.call_read import Read
from centralino.ports.pbx import PbxCall
from centralino.ports.route_read import Beside, CustomerRead, Found, Talk

router = new_router()

READ_S = 3.0
WEEK_S = 7 * 86_400
_NUMBER = Query(max_length=256, description="The CLI, as the carrier or PBX delivers it")
_WORD = 64


class _DryRun:
    """The ways of a call that nobody makes: reads what one would, and writes nothing.

    Args:
        session: the request.
        now_s: when the call would come, seconds since 1970.
        code: the customer code that the caller would have typed; empty for none.
    """

    def __init__(self, session: Session, now_s: float, code: str) -> None:
        self._session = session
        self._now_s = now_s
        self._code = code

    def now(self) -> float:
        """Return when the call would come."""
        return self._now_s

    def late(self) -> bool:
        """Nobody waits."""
        return False

    def read(self, numbers: Sequence[str], caller: str, beside: Beside) -> Read:
        """Read what a call reads, with the code as if it had been typed."""
        tenant = self._session.visit.tenant
        read = self._session.calls.read(
            tenant, numbers, caller=caller, beside=beside, timeout_s=READ_S
        )
        talk = Talk("", code=self._code) if self._code else None
        return read._replace(beside=(read.beside or Found())._replace(talk=talk))

    def search(self, found: Read) -> Mapping[str, Any]:  # noqa: ARG002 - the protocol's
        """Ask no CRM: a call that nobody made needn't cost one."""
        return {}

    def refresh(self, found: Read) -> None:
        """Leave cards as they are."""

    def customers(self, codes: Sequence[str]) -> Mapping[str, CustomerRead]:
        """Read customers with their history."""
        tenant = self._session.visit.tenant
        return self._session.calls.customers(tenant, codes, timeout_s=READ_S)

    def save_talk(self, call_id: str, talk: Talk) -> bool:  # noqa: ARG002 - the protocol's
        """Save nothing."""
        return True

    def learn(self, *_what: object) -> Taught:
        """Learn nothing."""
        return Taught("refused", "nobody calls")


@router.get("/v1/route/explain", summary="Explain where a call goes", tags=["calls"])
def explain_route(  # noqa: PLR0913, PLR0917 - what a call is made of
    call_id: Annotated[
        str, Query(max_length=256, description="A call that was made, as the PBX calls it")
    ] = "",
    number: Annotated[str, _NUMBER] = "",
    did: Annotated[str, Query(max_length=_WORD, description="The number that is called")] = "",
    trunk: Annotated[str, Query(max_length=_WORD, description="The line it comes in on")] = "",
    code: Annotated[
        str, Query(max_length=_WORD, description="The customer code that the caller types")
    ] = "",
    at: Annotated[Moment | None, Query(description="When; left out, now")] = None,
) -> ExplainRouteOut:
    """Say which rule decided of a call, by which facts, and why the rules before it did not.

    With `call_id` it is a call that was made, as long as its decision is kept; otherwise one that
    nobody makes, described by the rest: nothing is written, and no CRM is asked.
    """
    session = session_of(router)
    settings = session.visit.settings
    if call_id:
        told = explain_decision(session.routing, settings, call_id, now_s=session.now())
        kept = told.kept
        return _explained(
            kept.decision._replace(passed=told.passed),
            kept.facts,
            call_id=kept.call_id,
            at=moment(kept.at),
            node=kept.node,
            label="",
            repeated=told.repeated,
        )
    now_s = at.timestamp() if at else session.now()
    if now_s < 0:
        raise PayloadError("at", DATE_TIME)
    office = Office(settings, settings.line_for(trunk, did), session.routing.compiled())
    ways = _DryRun(session, now_s, normal_code(code) if code else "")
    call = PbxCall(number=number, did=did, trunk=trunk)
    routed = route_caller(call, office, ways, explain=True)
    if routed.decision is None or routed.facts is None:
        # Only the store can be to blame: a call that nobody makes meets no node.
        raise UnavailableError(routed.reason or "store")
    return _explained(
        routed.decision,
        routed.facts,
        call_id="",
        at=moment(now_s),
        node="",
        label=shown(routed, office, now_s)["label"],
        repeated=True,
    )


@router.get("/v1/decisions", summary="List decisions", tags=["calls"])
def get_decisions(
    since: Annotated[Moment | None, Query(description="Left out, a week ago")] = None,
    until: Annotated[Moment | None, Query(description="Not included; left out, now")] = None,
    cursor: Annotated[str, Query(max_length=64, description="Of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> DecisionList:
    """Decisions that are kept, the newest first; a page may be short and still have a cursor.

    They hold callers' numbers: they expire, and are exported and erased with the person.
    """
    session = session_of(router)
    now_s = int(session.now()) + 1
    page = session.routing.decisions(
        since=int(since.timestamp()) if since else now_s - WEEK_S,
        until=int(until.timestamp()) if until else now_s,
        cursor=cursor,
        limit=limit,
    )
    return DecisionList.model_construct(
        decisions=[_decision_out(kept) for kept in page.decisions], cursor=page.cursor
    )


def _explained(
    decision: Decision,
    facts: Mapping[str, Any],
    **more: Any,  # noqa: ANN401 - the rest
) -> ExplainRouteOut:
    return ExplainRouteOut.model_construct(
        version=decision.version,
        decision=place_out(decision),
        passed=[PassedOut.model_construct(**told._asdict()) for told in decision.passed],
        facts=dict(facts),
        **more,
    )


def _decision_out(kept: Kept) -> DecisionOut:
    return DecisionOut.model_construct(
        call_id=kept.call_id,
        at=moment(kept.at),
        provider=kept.provider,
        node=kept.node,
        number=kept.facts.get("caller", {}).get("number", ""),
        customer_code=kept.facts.get("customer", {}).get("code", ""),
        version=kept.decision.version,
        decision=place_out(kept.decision),
    )
