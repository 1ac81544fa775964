"""`/v1/whoami` and `/v1/health`: does it work, and does it know me."""

# The annotations of routes are read at run time, so they are not postponed.
from aws_lambda_powertools.event_handler import Response

from centralino import VERSION
from centralino.domain.errors import UnavailableError
from centralino.entry.admin.models import Counts, HealthOut, WhoamiOut, moment
from centralino.entry.admin.session import ALSO, call_store_of, new_router, session_of

router = new_router()

# Counting is paid for by the entry; whoever has more knows without us.
COUNT_AT_MOST = 10_000
HEALTH_TIMEOUT_S = 1.0


@router.get("/v1/whoami", summary="Say whose key this is", tags=["service"])
def whoami() -> WhoamiOut:
    """Tenant, role and country of the key, and how much the tenant has of what."""
    session = session_of(router)
    key, settings = session.visit.key, session.visit.settings
    contacts = session.contacts.count(COUNT_AT_MOST)
    return WhoamiOut(
        tenant=session.visit.tenant,
        role=key.role,
        name=key.name,
        country=settings.line.country,
        expires_at=moment(key.expires_at) if key.expires_at else None,
        counts=Counts(
            contacts=contacts,
            contacts_at_least=contacts >= COUNT_AT_MOST,
            keys=len(session.tenants.keys()),
            extens=len(settings.extens),
            trunks=len(settings.trunks),
            dids=len(settings.dids),
        ),
    )


@router.get(
    "/v1/health",
    summary="Say whether the service works",
    tags=["service"],
    openapi_extensions={ALSO: {"503": "The store does not answer"}},
)
def health() -> Response[HealthOut]:
    """Version, and whether the store answers; 503 if it doesn't. Anyone may ask."""
    try:
        # A card of nobody's: the read that a call makes, with nothing to find.
        call_store_of(router).read("-health-", ("+0",), timeout_s=HEALTH_TIMEOUT_S)
    except UnavailableError:
        answers = False
    else:
        answers = True
    return Response(
        200 if answers else 503,
        "application/json",
        HealthOut(status="ok" if answers else "degraded", version=VERSION, store=answers),
    )
