"""`/v1/schedules`: opening hours, special days and holidays, by name."""

# The annotations of routes are read at run time, so they are not postponed.
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from centralino.application.compile_schedule import FIELDS
from centralino.application.delete_schedule import delete_schedule
from centralino.application.save_schedule import save_schedule
from centralino.domain.clock import local
from centralino.domain.errors import NotFoundError
from centralino.domain.routing import Routing
from centralino.domain.schedule import holiday_at, open_at
from centralino.entry.admin.agent_models import (
    ScheduleIn,
    ScheduleList,
    ScheduleNamePath,
    ScheduleOut,
)
from centralino.entry.admin.session import ALSO, Session, new_router, session_of

router = new_router()


@router.get("/v1/schedules", summary="List the schedules", tags=["schedules"])
def get_schedules() -> ScheduleList:
    """All schedules, by name, and whether they are open now."""
    session = session_of(router)
    written, compiled = session.routing.parts().schedules, session.routing.compiled()
    shown = [_schedule_out(session, name, written[name], compiled) for name in sorted(written)]
    return ScheduleList.model_construct(schedules=shown)


@router.get("/v1/schedules/<name>", summary="Read a schedule", tags=["schedules"])
def get_schedule(name: ScheduleNamePath) -> ScheduleOut:
    """One schedule, and whether it is open now."""
    return _found(session_of(router), name)


@router.put(
    "/v1/schedules/<name>",
    summary="Save a schedule",
    tags=["schedules"],
    openapi_extensions={ALSO: {"201": "Created"}},
)
def put_schedule(name: ScheduleNamePath, body: ScheduleIn) -> Response[ScheduleOut]:
    """Replace a schedule as a whole, or create it (201). Calls see it within 30 seconds.

    Holidays of the next ten years are worked out now, and those of all other schedules anew.
    """
    session = session_of(router)
    created = save_schedule(
        session.routing,
        session.visit.settings,
        name,
        body.model_dump(exclude_defaults=True),
        now_s=session.now(),
    )
    return Response(201 if created else 200, "application/json", _found(session, name))


@router.delete(
    "/v1/schedules/<name>", summary="Delete a schedule", tags=["schedules"], status_code=204
)
def remove_schedule(name: ScheduleNamePath) -> Response[None]:
    """Delete a schedule; one that agents work by is a 409."""
    session = session_of(router)
    delete_schedule(
        session.routing, session.agents, session.visit.settings, name, now_s=session.now()
    )
    return Response(204)


def _found(session: Session, name: str) -> ScheduleOut:
    written = session.routing.parts().schedules
    if name not in written:
        raise NotFoundError(f"there is no schedule {name}")
    return _schedule_out(session, name, written[name], session.routing.compiled())


def _schedule_out(
    session: Session, name: str, written: Mapping[str, Any], compiled: Routing
) -> ScheduleOut:
    now = local(compiled.zone, session.now())
    # It may have been saved between the two reads: then it is closed, for this moment.
    schedule = compiled.schedules.get(name, {})
    fields = {field: written.get(field, ScheduleIn.model_fields[field].default) for field in FIELDS}
    return ScheduleOut.model_construct(
        name=name,
        open_now=open_at(schedule, now),
        holiday_now=holiday_at(schedule, now),
        known_until=schedule.get("until", ""),
        **fields,
    )
