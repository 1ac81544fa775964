"""`/v1/customers`: list, read, save, delete; grant, revoke and extend access; who did what."""

# The annotations of routes are read at run time, so they are not postponed.
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from centralino.application.change_access import change_access
from centralino.application.customer_zone import customer_zone
from centralino.application.save_customer import save_customer
from centralino.domain.customer import Customer, Learned, Purchase, status_at
from centralino.domain.errors import NotFoundError
from centralino.domain.learning import is_live, learning_options
from centralino.domain.moments import from_milliseconds
from centralino.entry.admin.customer_models import (
    AccessIn,
    AssociationList,
    AssociationOut,
    ChangeOut,
    CodePath,
    CustomerIn,
    CustomerList,
    CustomerOut,
    PurchaseBody,
    TicketBody,
    TrailOut,
)
from centralino.entry.admin.models import moment
from centralino.entry.admin.session import ALSO, Session, new_router, session_of
from centralino.ports.customers import Change

router = new_router()

MAX_PAGE = 100
ABSENT = "there is no such customer"


@router.get("/v1/customers", summary="List customers", tags=["customers"])
def list_customers(
    cursor: Annotated[str, Query(max_length=1024, description="Of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Customers on a page")] = 50,
) -> CustomerList:
    """List the tenant's customers, page by page, in no order that matters."""
    session = session_of(router)
    page = session.customers.page(cursor=cursor, limit=limit)
    shown = [customer_out(customer, session.now()) for customer in page.customers]
    return CustomerList(customers=shown, cursor=page.cursor)


@router.get("/v1/customers/<code>", summary="Read a customer", tags=["customers"])
def get_customer(code: CodePath) -> CustomerOut:
    """A customer by its code, in any spelling."""
    session = session_of(router)
    return customer_out(_found(session, code), session.now())


@router.put(
    "/v1/customers/<code>",
    summary="Save a customer",
    tags=["customers"],
    openapi_extensions={ALSO: {"201": "It is a new one"}},
)
def put_customer(code: CodePath, body: CustomerIn) -> Response[CustomerOut]:
    """Create or replace a customer; the change counts for the next call, and is in the trail.

    What was paid for is never changed by saying nothing of it: without `status` and `valid_until`
    these stay as they are, and a new customer is a `prospect`.
    """
    session = session_of(router)
    fields = {name: getattr(body, name) for name in body.__class__.model_fields}
    version, note = fields.pop("version"), fields.pop("note")
    fields["tags"] = tuple(body.tags)
    fields["purchases"] = tuple(
        Purchase(bought.what, bought.on, tuple(bought.tags)) for bought in body.purchases
    )
    keep = [name for name in _CONTRACT if fields[name] is None]
    fields = {name: value for name, value in fields.items() if name not in keep}
    saved = save_customer(
        session.customers,
        Customer(code, **{"status": "prospect", **fields}),
        who=who_of(session),
        now_ms=session.now_ms,
        time_zone=_zone(session),
        version=version,
        note=note,
        keep=keep,
    )
    status = 201 if saved.outcome == "created" else 200
    return Response(status, "application/json", customer_out(saved.customer, session.now()))


@router.delete(
    "/v1/customers/<code>", summary="Delete a customer", tags=["customers"], status_code=204
)
def delete_customer(code: CodePath) -> Response[None]:
    """Delete a customer with its learned numbers and its history; the audit trail stays 2 years."""
    session = session_of(router)
    if not session.customers.delete(code, Change(session.now_ms, who_of(session), "deleted")):
        raise NotFoundError(ABSENT)
    return Response(204)


@router.post("/v1/customers/<code>/access", summary="Change access", tags=["customers"])
def post_access(code: CodePath, body: AccessIn) -> CustomerOut:
    """Grant, revoke or extend what the contract pays for; the next call sees it.

    `grant` makes the customer active, `until` then or without an end; `revoke` suspends it at once;
    `extend` moves the end of a contract that is active or has run out.
    """
    session = session_of(router)
    customer = change_access(
        session.customers,
        code,
        body.action,
        until=body.until,
        reason=body.reason,
        who=who_of(session),
        now_ms=session.now_ms,
        time_zone=_zone(session),
    )
    return customer_out(customer, session.now())


@router.put("/v1/customers/<code>/ticket", summary="Say which ticket is open", tags=["customers"])
def put_ticket(code: CodePath, body: TicketBody) -> TicketBody:
    """Note a customer's open ticket, or that there is none any more; the next call sees it.

    A rule asks for it by `history.ticket`.
    """
    session = session_of(router)
    _found(session, code)
    session.routing.ticket(number="", code=code, ticket=body.ticket)
    return body


@router.get("/v1/customers/<code>/trail", summary="Read an audit trail", tags=["customers"])
def get_trail(
    code: CodePath,
    limit: Annotated[int, Query(ge=1, le=1000, description="Changes at most")] = 100,
) -> TrailOut:
    """Who changed what of a customer, and when; also of one that was deleted, for 2 years."""
    session = session_of(router)
    changes = session.customers.trail(code, limit=limit)
    if not changes:
        _found(session, code)
    return TrailOut(
        code=code,
        changes=[
            ChangeOut(at=from_milliseconds(change.at), **dict(zip(_TOLD, change[1:], strict=True)))
            for change in changes
        ],
    )


@router.get("/v1/customers/<code>/numbers", summary="List a customer's numbers", tags=["customers"])
def get_numbers(code: CodePath) -> AssociationList:
    """The numbers that were learned to be a customer's."""
    session = session_of(router)
    learned = session.customers.learned_of(code)
    if not learned:
        _found(session, code)
    return AssociationList(associations=associations_out(session, learned), cursor="")


def customer_out(customer: Customer, now_s: float) -> CustomerOut:
    """Show a customer as it is stored."""
    fields = customer._asdict()
    updated_at_ms = fields.pop("updated_at_ms")
    return CustomerOut.model_construct(
        **{
            **fields,
            "status_now": status_at(customer, now_s),
            "ends_at": moment(customer.ends_at) if customer.ends_at else None,
            "tags": list(customer.tags),
            "purchases": [
                PurchaseBody.model_construct(**{**bought._asdict(), "tags": list(bought.tags)})
                for bought in customer.purchases
            ],
            "updated_at": from_milliseconds(updated_at_ms) if updated_at_ms else None,
        }
    )


def associations_out(session: Session, learned: tuple[Learned, ...]) -> list[AssociationOut]:
    """Show what was learned, with whether it is believed now."""
    if not learned:
        return []
    options = learning_options(session.routing.compiled().learning)
    now_s = session.now()
    return [
        AssociationOut.model_construct(
            **{
                **one._asdict(),
                "learned_at": moment(one.learned_at),
                "used_at": moment(one.used_at),
                "expired": not is_live(one, options, now_s),
            }
        )
        for one in learned
    ]


def who_of(session: Session) -> str:
    """Name whose request it is, for audit trails: the key's id, and its name if it has one."""
    key = session.visit.key
    return f"{key.id} {key.name}".strip()


_TOLD = Change._fields[1:]
_CONTRACT = ("status", "valid_until")


def _zone(session: Session) -> str:
    return customer_zone(session.routing, session.visit.settings, now_s=session.now())


def _found(session: Session, code: str) -> Customer:
    customer = session.customers.get(code)
    if customer is None:
        raise NotFoundError(ABSENT)
    return customer
