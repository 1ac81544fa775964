"""`/v1/associations`: numbers that were learned to be a customer's; list and forget them."""

# The annotations of routes are read at run time, so they are not postponed.
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from centralino.application.forget_number import forget_number
from centralino.domain.customer import normal_code
from centralino.domain.errors import PayloadError
from centralino.entry.admin.contacts import number_key
from centralino.entry.admin.customer_models import AssociationList, CodePath, NumberPath
from centralino.entry.admin.customers import MAX_PAGE, associations_out, who_of
from centralino.entry.admin.session import new_router, session_of

router = new_router()


@router.get("/v1/associations", summary="List learned numbers", tags=["customers"])
def list_associations(
    cursor: Annotated[str, Query(max_length=1024, description="Of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Numbers on a page")] = 50,
    number: Annotated[str, Query(max_length=64, description="Only of this number")] = "",
    code: Annotated[str, Query(max_length=80, description="Only of this customer")] = "",
) -> AssociationList:
    """List the numbers that taught a customer code, page by page, in no order that matters."""
    session = session_of(router)
    if not number and not code:
        page = session.customers.learned_page(cursor=cursor, limit=limit)
        shown = associations_out(session, page.learned)
        return AssociationList(associations=shown, cursor=page.cursor)
    wanted = normal_code(code)
    if code and not wanted:
        raise PayloadError("code", "a customer code")
    if number:
        learned = session.customers.learned_by(number_key(session, number))
    else:
        learned = session.customers.learned_of(wanted)
    found = tuple(one for one in learned if not code or one.code == wanted)
    return AssociationList(associations=associations_out(session, found), cursor="")


@router.delete(
    "/v1/associations/<number>/<code>",
    summary="Forget a learned number",
    tags=["customers"],
    status_code=204,
)
def delete_association(number: NumberPath, code: CodePath) -> Response[None]:
    """Forget that a number is a customer's: the next call from it is asked again."""
    session = session_of(router)
    forget_number(
        session.customers,
        number_key(session, number),
        code,
        who=who_of(session),
        now_ms=session.now_ms,
    )
    return Response(204)
