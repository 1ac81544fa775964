"""`/v1/routing`: the time zone, how numbers are learned, providers' options."""

# The annotations of routes are read at run time, so they are not postponed.
from centralino import bootstrap
from centralino.application.change_routing_options import change_routing_options
from centralino.application.compile_zone import time_zone_of
from centralino.domain.clock import local
from centralino.domain.learning import learning_options
from centralino.entry.admin.agent_models import LearningBody, RoutingOut, RoutingPatch
from centralino.entry.admin.session import Session, new_router, session_of

router = new_router()


@router.get("/v1/routing", summary="Read the options of routing", tags=["routing"])
def get_routing() -> RoutingOut:
    """The options as they count, defaults filled in; `edition` is for changing them."""
    return _routing_out(session_of(router))


@router.patch("/v1/routing", summary="Change options of routing", tags=["routing"])
def patch_routing(body: RoutingPatch) -> RoutingOut:
    """Change what is given and leave the rest (JSON merge patch, RFC 7396).

    Everything of the routing is compiled anew, schedules and the time zone from today on, so an
    empty patch is how to do just that. Calls see it within 30 seconds.
    """
    session = session_of(router)
    changes = body.model_dump(exclude_unset=True)
    edition = changes.pop("edition", None)
    change_routing_options(
        session.routing,
        session.visit.settings,
        changes,
        bootstrap.pbx_class,
        now_s=session.now(),
        edition=edition,
    )
    return _routing_out(session)


def _routing_out(session: Session) -> RoutingOut:
    parts, compiled = session.routing.parts(), session.routing.compiled()
    named = parts.options.get("time_zone", "")
    country = session.visit.settings.line.country
    # Before anything was saved nothing is worked out, a zone neither.
    known = time_zone_of(country, now_s=session.now()) if parts.edition else ""
    now = local(compiled.zone, session.now())
    return RoutingOut.model_construct(
        edition=parts.edition,
        published=parts.published,
        time_zone=named or known or "UTC",
        time_zone_set=bool(named),
        time=f"{now.date}T{now.time}",
        learning=LearningBody.model_construct(
            **learning_options(compiled.learning)._asdict(),
            webhook=compiled.learning.get("webhook", ""),
        ),
        pbx={provider: dict(options) for provider, options in compiled.pbx.items()},
        keep_days=compiled.keep_days,
    )
