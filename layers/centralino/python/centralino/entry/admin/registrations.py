"""`/v1/registrations`: the company's site tells of somebody who signed up."""

# The annotations of routes are read at run time, so they are not postponed.
from collections.abc import Mapping

from aws_lambda_powertools.event_handler import Response

from centralino.application.register_customer import register_customer
from centralino.application.registration_secret import registration_secrets
from centralino.domain.customer import Customer
from centralino.domain.errors import CredentialsError
from centralino.domain.standard_webhook import verify_webhook
from centralino.entry.admin.customer_models import RegistrationIn, RegistrationOut
from centralino.entry.admin.session import ALSO, Session, new_router, session_of

router = new_router()


@router.post(
    "/v1/registrations",
    summary="Register a customer",
    tags=["customers"],
    openapi_extensions={
        ALSO: {"201": "The customer is pending now"},
    },
)
def register(body: RegistrationIn) -> Response[RegistrationOut]:
    """Put a new customer, or a prospect, `pending`; other customers are left as they are.

    The request is signed as Standard Webhooks has it, with the secret that `centralino
    registrations secret` shows; without a secret every one is refused. The same `webhook-id` counts
    once in 25 hours. At most 30 a minute from one address and 120 in all; a 429 says when to try
    again.
    """
    session = session_of(router)
    event = router.current_event
    registered = register_customer(
        session.customers,
        Customer(
            body.code, body.name, plan=body.plan, tags=tuple(body.tags), language=body.language
        ),
        delivery=event.headers["webhook-id"],
        source=event.request_context.http.source_ip,
        now_ms=session.now_ms,
    )
    status = 201 if registered.outcome == "created" else 200
    return Response(
        status,
        "application/json",
        RegistrationOut.model_construct(**registered._asdict()),
    )


def verify_registration(session: Session, headers: Mapping[str, str], body: bytes) -> None:
    """Check the signature, with the secrets as they are now if those in memory don't fit.

    It is done before anything else is looked at: who can't sign is told nothing.

    Raises:
        CredentialsError: nobody who has a secret signed it.
    """
    now_s = session.now()
    known = registration_secrets(session.open_secrets().read, session.visit.tenant)
    try:
        verify_webhook(headers, body, known, now_s=now_s)
    except CredentialsError:
        renewed = registration_secrets(session.open_secrets().refresh, session.visit.tenant)
        if renewed == known:
            raise
        verify_webhook(headers, body, renewed, now_s=now_s)
