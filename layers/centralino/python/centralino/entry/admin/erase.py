"""Erasure (GDPR article 17): of a person by id or number, of the whole tenant."""

# The annotations of routes are read at run time, so they are not postponed.
from aws_lambda_powertools.event_handler import Response

from centralino.application.erase_person import erase_person
from centralino.application.erase_tenant import erase_tenant, purge_some
from centralino.application.list_holders import list_holders
from centralino.domain.errors import ConflictError, NotFoundError, PayloadError
from centralino.entry.admin.contacts import number_key
from centralino.entry.admin.customers import who_of
from centralino.entry.admin.models import (
    ContactIdPath,
    Erased,
    EraseNumberIn,
    EraseTenantIn,
    TenantErasure,
    moment,
)
from centralino.entry.admin.session import ALSO, Session, new_router, session_of

router = new_router()

# Well inside the gateway's 30 s; who has more contacts asks again.
ERASE_FOR_S = 20.0


@router.post("/v1/contacts/<contact_id>/erase", summary="Erase a person", tags=["privacy"])
def erase_contact(contact_id: ContactIdPath) -> Erased:
    """Remove everything that is kept of a contact; no late event brings it back.

    With it goes what its numbers were learned to be, and what calls from them left behind.
    The id stays taken for 30 days. Backups forget it after 35.
    """
    if not _erase(session_of(router), contact_id):
        raise NotFoundError("there is no such contact")
    return Erased(contact_ids=[contact_id])


@router.post("/v1/contacts/erase", summary="Erase a person by number", tags=["privacy"])
def erase_number(body: EraseNumberIn) -> Erased:
    """Erase who has a number.

    A number may be a whole company's. Where several contacts have it nothing is erased and the
    answer is 409, until the request says which ones (`contact_ids`).
    """
    session = session_of(router)
    number = number_key(session, body.number)
    there = [holder.id for holder in list_holders(session.contacts, number)]
    chosen = there if body.contact_ids is None else body.contact_ids
    if not there or not set(chosen) <= set(there):
        raise NotFoundError("there is no such contact with this number")
    if body.contact_ids is None and len(there) > 1:
        raise ConflictError(
            f"{len(there)} contacts have this number: name those to erase in contact_ids"
        )
    return Erased(contact_ids=[id_ for id_ in chosen if _erase(session, id_)])


@router.post(
    "/v1/erase",
    summary="Erase the tenant",
    tags=["privacy"],
    openapi_extensions={ALSO: {"202": "Contacts are left: send it again"}},
)
def erase_everything(body: EraseTenantIn) -> Response[TenantErasure]:
    """Erase the whole tenant: contacts, customers, calls, settings, keys. There is no way back.

    The body repeats the tenant's id. As long as contacts are left the answer is 202 and `closed`
    is false: send the request again, with the same key, until it is true; then keys and settings
    are gone too. What somebody wrote in that moment the operator removes after `again_at`, with
    AWS credentials and `centralino tenants erase`. The tenant's id stays taken for 35 days, as
    long as backups remember it.
    """
    session = session_of(router)
    if body.tenant != session.visit.tenant:
        raise PayloadError("tenant", "the id of this key's own tenant, to confirm")
    until = session.now() + ERASE_FOR_S
    removed = 0
    # Contacts first, the key last: it is needed to go on where this request stops.
    stores = (session.contacts, session.customers, session.traces)
    while part := purge_some(stores):
        removed += part
        if session.now() >= until:
            left = TenantErasure(removed=removed, closed=False, done=False, again_at=None)
            return Response(202, "application/json", left)
    end = erase_tenant(session.tenants, stores, now_s=session.now())
    erasure = TenantErasure(
        removed=removed + end.removed, closed=True, done=end.done, again_at=moment(end.again_at)
    )
    return Response(200, "application/json", erasure)


def _erase(session: Session, contact_id: str) -> bool:
    return erase_person(
        session.contacts,
        session.customers,
        session.traces,
        contact_id,
        who=who_of(session),
        now_ms=session.now_ms,
    )
