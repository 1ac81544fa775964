"""`/v1/explain`: how a number is understood, what was found and whose name is shown."""

# The annotations of routes are read at run time, so they are not postponed.
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from centralino.application.decode_caller import Call
from centralino.application.explain_number import explain_number
from centralino.domain.card import Holder
from centralino.entry.admin.models import CandidateOut, ExplainOut, HolderOut, LostOut
from centralino.entry.admin.session import new_router, session_of
from centralino.entry.admin.settings import line_body

router = new_router()

MAX_NUMBER = 256


@router.get("/v1/explain", summary="Explain how a number is understood", tags=["calls"])
def explain(
    number: Annotated[
        str,
        Query(
            max_length=MAX_NUMBER,
            description="The CLI, exactly as the carrier or PBX delivers it",
            examples=["00390244556677"],
        ),
    ],
    did: Annotated[str, Query(max_length=64, description="The number that was called")] = "",
    trunk: Annotated[str, Query(max_length=64, description="The line it came in on")] = "",
    name: Annotated[str, Query(max_length=256, description="What the carrier sent")] = "",
) -> ExplainOut:
    """Decode a call as the lookup would, and say how the answer came about.

    Candidates are the readings of the number, each with its reason and why it lost; `rules` the
    steps from what was delivered to `cleaned`; `variants` the spellings to search a CRM for.
    """
    visit = session_of(router).visit
    call = Call(number=number, did=did, trunk=trunk, name=name)
    told = explain_number(call, visit.settings, visit.read)
    decoded, reading, choice = told.decoded, told.decoded.reading, told.decoded.choice
    decision = decoded.decision
    return ExplainOut(
        outcome=decoded.outcome,
        label=decoded.label,
        reason=decoded.reason,
        number=number,
        cleaned=reading.cleaned,
        kind=reading.kind,
        shape=reading.shape,
        exten=reading.exten,
        external=told.external,
        rules=list(reading.steps),
        line=line_body(told.line),
        candidates=[CandidateOut(**candidate._asdict()) for candidate in told.candidates],
        matched=decision.key if decision else "",
        ambiguous=list(decision.ambiguous_keys) if decision else [],
        contact=_holder(decoded.holder) if decoded.holder else None,
        others=choice.others if choice else 0,
        lost=[LostOut(id=lost_id, why=why) for lost_id, why in choice.lost] if choice else [],
        variants=list(told.variants),
    )


def _holder(holder: Holder) -> HolderOut:
    return HolderOut(
        id=holder.id,
        source=holder.id.partition(":")[0],
        name=holder.name,
        company=holder.company,
        kind=holder.kind,
        primary=holder.primary,
        customer_code=holder.customer_code,
        status=holder.status,
        url=holder.url,
    )
