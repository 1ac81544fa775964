"""`/v1/export` and `/v1/contacts/{id}/export`: everything kept of a tenant, of a person."""

# The annotations of routes are read at run time, so they are not postponed.
import json
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from centralino.application.export_person import export_person
from centralino.application.export_tenant import Exported, export_tenant
from centralino.entry.admin.models import ContactIdPath, ExportPage, JsonObject
from centralino.entry.admin.session import new_router, session_of

router = new_router()

NDJSON = "application/x-ndjson"
CURSOR_HEADER = "x-centralino-cursor"


@router.get(
    "/v1/export",
    summary="Export the tenant",
    tags=["privacy"],
    responses={
        200: {
            "description": "A page",
            "content": {
                "application/json": {"model": ExportPage},
                NDJSON: {"schema": {"type": "string"}},
            },
            "headers": {
                CURSOR_HEADER: {
                    "description": "As `ndjson`: for the next page; empty at the end",
                    "schema": {"type": "string"},
                }
            },
        }
    },
)
def export(
    cursor: Annotated[str, Query(max_length=1024, description="Of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="Contacts on a page")] = 100,
    format: Annotated[  # noqa: A002 - the field's name
        Literal["json", "ndjson"], Query(description="A page, or a record a line")
    ] = "json",
) -> Response[Any]:
    """Everything that is kept of the tenant, page by page; of keys all but what opens.

    As `ndjson` a page is a record a line and the next page's cursor is in the header
    `x-centralino-cursor`: pages can be appended to one file.
    """
    session = session_of(router)
    stores = Exported(
        session.tenants,
        session.contacts,
        session.customers,
        session.traces,
        session.routing,
        session.agents,
        session.dialling,
    )
    page = export_tenant(stores, cursor=cursor, limit=limit)
    if format == "json":
        body = {"records": page.records, "cursor": page.cursor}
        return Response(200, "application/json", body)
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in page.records)
    return Response(200, NDJSON, lines, {CURSOR_HEADER: page.cursor})


@router.get("/v1/contacts/<contact_id>/export", summary="Export a person", tags=["privacy"])
def export_contact(contact_id: ContactIdPath) -> JsonObject:
    """Everything that is kept of a contact: itself, and what is kept by each of its numbers.

    That is what its card shows of the contact, the customers that it was learned to be, earlier
    calls from it and what was decided of them.
    """
    session = session_of(router)
    return export_person(session.contacts, session.customers, session.traces, contact_id)
