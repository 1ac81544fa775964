"""`/v1/contacts`: list, read, create, replace, delete, and many at once."""

# The annotations of routes are read at run time, so they are not postponed.
import uuid
from typing import Annotated, Any, cast
from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import ValidationError

from centralino.application.delete_contact import delete_contact
from centralino.application.list_contacts import list_contacts as contacts_on_page
from centralino.application.read_contact import read_contact
from centralino.application.save_contact import Saved, save_contact
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import (
    CentralinoError,
    ConflictError,
    PayloadError,
)
from centralino.domain.moments import from_milliseconds, to_milliseconds
from centralino.domain.number import index_number
from centralino.entry.admin.models import (
    OWN_SOURCE,
    Batch,
    BatchOutcome,
    BatchResult,
    BatchResults,
    ContactIdPath,
    ContactIn,
    ContactList,
    ContactOut,
    NewContact,
    NumberOut,
    Problem,
)
from centralino.entry.admin.problems import invalid, problem_document
from centralino.entry.admin.session import ALSO, Session, new_router, session_of

router = new_router()

MAX_PAGE = 100
_CONTENT = {"first_name", "last_name", "company", "customer_code", "owner", "status", "url"}


@router.get("/v1/contacts", summary="List contacts", tags=["contacts"])
def list_contacts(
    cursor: Annotated[str, Query(max_length=1024, description="Of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Contacts on a page")] = 50,
    problems: Annotated[  # noqa: FBT002 - it is a field of the query
        bool, Query(description="Only contacts with a number that can't be looked up")
    ] = False,
    number: Annotated[
        str, Query(max_length=64, description="Only contacts that have this number")
    ] = "",
) -> ContactList:
    """List the tenant's contacts, page by page, in no order that matters.

    A page may be short, even empty, before the end: go on until `cursor` is empty.
    """
    session = session_of(router)
    if number:
        if problems:
            raise PayloadError("problems", "false when a number is asked for")
        return _holders_of(session, number, cursor, limit)
    page = contacts_on_page(session.contacts, cursor=cursor, limit=limit, problems=problems)
    return ContactList(contacts=[contact_out(c) for c in page.contacts], cursor=page.cursor)


@router.post("/v1/contacts", summary="Create a contact", tags=["contacts"], status_code=201)
def create_contact(body: NewContact) -> Response[ContactOut]:
    """Create a contact. The answer's `location` is its place.

    One whose id exists already is a 409; to replace it, put it.
    """
    session = session_of(router)
    contact_id = _id_of(body)
    saved = _save(session, contact_id, body, new=True)
    headers = {"location": f"/v1/contacts/{quote(contact_id, safe=':')}"}
    return Response(201, "application/json", contact_out(saved.contact), headers)


@router.post(
    "/v1/contacts/batch",
    summary="Save many contacts",
    tags=["contacts"],
    openapi_extensions={ALSO: {"207": "Some of them failed"}},
)
def save_batch(body: Batch) -> Response[BatchResults]:
    """Create or replace up to 100 contacts, each judged on its own.

    Every contact gets a result, in the order of the batch. One that is bad does not hold up the
    others: the status is then 207, and its result says what is wrong with it. What could not be
    written because the store failed has status 503 in its result and may be sent again as it is.
    """
    session = session_of(router)
    results = [_batched(session, index, raw) for index, raw in enumerate(body.contacts)]
    counts = dict.fromkeys(("created", "changed", "unchanged", "stale", "failed"), 0)
    for result in results:
        counts[result.outcome] += 1
    status = 207 if counts["failed"] else 200
    return Response(status, "application/json", BatchResults(**counts, results=results))


@router.get("/v1/contacts/<contact_id>", summary="Read a contact", tags=["contacts"])
def get_contact(contact_id: ContactIdPath) -> ContactOut:
    """A contact by its id; one without a source is of source `api`."""
    return contact_out(read_contact(session_of(router).contacts, contact_id))


@router.put(
    "/v1/contacts/<contact_id>",
    summary="Save a contact",
    tags=["contacts"],
    openapi_extensions={ALSO: {"201": "Created"}},
)
def put_contact(contact_id: ContactIdPath, body: ContactIn) -> Response[ContactOut]:
    """Replace a contact as a whole, or create it (201).

    What is left out gets its default. With a `version` older than the stored one nothing is
    changed and the answer is 409; without a version this is the latest change.
    """
    session = session_of(router)
    stored = session.contacts.get(contact_id)
    saved = _save(session, contact_id, body, stored)
    status = 201 if saved.outcome == "created" else 200
    return Response(status, "application/json", contact_out(saved.contact))


@router.delete(
    "/v1/contacts/<contact_id>", summary="Delete a contact", tags=["contacts"], status_code=204
)
def remove_contact(contact_id: ContactIdPath) -> Response[None]:
    """Delete a contact and its place on every number; it can be created again."""
    session = session_of(router)
    delete_contact(session.contacts, contact_id, now_ms=session.now_ms)
    return Response(204)


def number_key(session: Session, number: str) -> str:
    """Return what a number, in whatever spelling, is stored under.

    Raises:
        PayloadError: it is none that could be.
    """
    line = session.visit.settings.line
    key, problem = index_number(number, line.country, line.area_code)
    if problem:
        raise PayloadError("number", f"a number that can be looked up, but: {problem}")
    return key


def contact_out(contact: Contact) -> ContactOut:
    """Show a contact as it is stored."""
    fields = contact._asdict()
    updated_at_ms = fields.pop("updated_at_ms")
    return ContactOut.model_construct(
        **{
            **fields,
            "numbers": [NumberOut.model_construct(**n._asdict()) for n in contact.numbers],
            "tags": list(contact.tags),
            "updated_at": from_milliseconds(updated_at_ms) if updated_at_ms else None,
        }
    )


def _id_of(body: NewContact) -> str:
    return body.id or f"{OWN_SOURCE}:{uuid.uuid4().hex}"


def _save(
    session: Session,
    contact_id: str,
    body: ContactIn,
    stored: Contact | None = None,
    *,
    new: bool = False,
) -> Saved:
    """Save a contact; a body without a version is the latest change there is.

    Raises:
        ConflictError: a newer version is stored, or any if it was to be new.
    """
    if body.version is None and stored and _same(body, stored):
        return Saved("unchanged", stored)
    saved = save_contact(
        session.contacts,
        Contact(
            id=contact_id,
            version=body.version or 0,
            updated_at_ms=to_milliseconds(body.updated_at) if body.updated_at else 0,
            **_content(body),
        ),
        session.visit.settings.line,
        now_ms=session.now_ms,
        new=new,
    )
    if saved.outcome == "stale":
        raise ConflictError("a newer version of this contact is stored, or it was erased lately")
    return saved


def _content(body: ContactIn) -> dict[str, Any]:
    fields = body.model_dump(include=_CONTENT)
    return {
        **fields,
        "numbers": tuple(ContactNumber(n.number, n.kind, n.primary) for n in body.numbers),
        "tags": tuple(body.tags),
    }


def _same(body: ContactIn, stored: Contact) -> bool:
    """Tell whether there is nothing to change: the version and its time aside."""
    numbers = tuple(number._replace(indexed="", problem="") for number in stored.numbers)
    plain = stored._replace(numbers=numbers)
    return all(getattr(plain, name) == value for name, value in _content(body).items())


def _batched(session: Session, index: int, raw: object) -> BatchResult:
    """Save one contact of a batch, whatever is wrong with it."""
    contact_id = ""
    try:
        body = NewContact.model_validate(raw)
        contact_id = _id_of(body)
        # Only what has no version of its own has to be compared; a new id is nowhere yet.
        by_hand = body.id is not None and body.version is None
        stored = session.contacts.get(contact_id) if by_hand else None
        # Here nobody names a delivery, so nothing is a duplicate.
        outcome = cast("BatchOutcome", _save(session, contact_id, body, stored).outcome)
    except ValidationError as error:
        return _failed(index, contact_id, invalid(error.errors()))
    except ConflictError:
        return BatchResult(index=index, id=contact_id, outcome="stale")
    except CentralinoError as error:
        return _failed(index, contact_id, error)
    return BatchResult(index=index, id=contact_id, outcome=outcome)


def _failed(index: int, contact_id: str, error: CentralinoError) -> BatchResult:
    _, problem, _ = problem_document(error)
    return BatchResult(index=index, id=contact_id, outcome="failed", problem=Problem(**problem))


def _holders_of(session: Session, number: str, cursor: str, limit: int) -> ContactList:
    """List who has a number; the first page is the number's card."""
    page = session.contacts.holders(number_key(session, number), cursor=cursor, limit=limit)
    found = (session.contacts.get(holder.id) for holder in page.holders)
    return ContactList(contacts=[contact_out(c) for c in found if c], cursor=page.cursor)
