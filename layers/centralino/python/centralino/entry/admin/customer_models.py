"""What the admin API takes and gives of customers, learned numbers and registrations."""

# The annotations below are read at run time, so they are not postponed.
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from centralino.application.save_customer import (
    CODE,
    MAX_PRIORITY,
    MAX_PURCHASES,
    MAX_TAGS,
)
from centralino.domain.customer import normal_code
from centralino.entry.admin.models import MAX_VERSION, Model, Name, Printable, refuse

_UNTIL = (
    "A day, covered whole in the tenant's time zone (`2026-12-31`), or a time with its offset "
    "(`2026-12-31T12:00:00+01:00`); empty for no end"
)
# What `normal_code` takes.
_SPELLED = r"^[\s./\-]*[A-Za-z0-9](?:[\s./\-]*[A-Za-z0-9_]){0,39}[\s./\-]*$"
Status = Literal["prospect", "pending", "active", "expired", "suspended"]
Until = Annotated[Printable, StringConstraints(max_length=40), Field(description=_UNTIL)]
Tag = Annotated[Printable, StringConstraints(min_length=1, max_length=200)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS)]
Exten = Annotated[str, StringConstraints(pattern=r"^[0-9*#]{0,20}$")]
Language = Annotated[str, StringConstraints(pattern=r"^([a-z]{2})?$")]


def _code(value: str) -> str:
    code = normal_code(value)
    if not code:
        refuse(CODE)
    return code


Code = Annotated[
    Printable,
    StringConstraints(max_length=80),
    AfterValidator(_code),
    Field(
        description=f"{CODE}; it is stored in upper case without them",
        examples=["IT01234567890"],
        json_schema_extra={"pattern": _SPELLED},
    ),
]
CodePath = Annotated[
    str,
    BeforeValidator(unquote),
    AfterValidator(_code),
    Path(
        description=CODE,
        examples=["IT01234567890"],
        json_schema_extra={"pattern": _SPELLED},
    ),
]
NumberPath = Annotated[
    str,
    BeforeValidator(unquote),
    StringConstraints(min_length=1, max_length=64),
    Path(description="In any spelling that can be looked up", examples=["+390244556677"]),
]


class PurchaseBody(Model):
    """Something that a customer bought."""

    what: Annotated[Printable, StringConstraints(min_length=1, max_length=200)] = Field(
        examples=["truck"]
    )
    on: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] = Field(
        description="The day", examples=["2026-01-31"]
    )
    tags: Tags = Field(default=[])


class CustomerIn(Model):
    """A customer as it is to be; what is left out is empty, but for the contract."""

    name: Name = ""
    status: Status | None = Field(
        default=None, description="Left out: as it is stored; a new customer is a `prospect`"
    )
    valid_until: Until | None = Field(default=None, description=f"{_UNTIL}. Left out: as stored")
    plan: Name = ""
    tags: Tags = Field(default=[])
    purchases: list[PurchaseBody] = Field(default=[], max_length=MAX_PURCHASES)
    owner: Exten = Field(default="", description="The exten of the dedicated agent")
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    language: Language = Field(default="", description="ISO 639-1", examples=["it"])
    version: Annotated[int, Field(ge=0, le=MAX_VERSION)] | None = Field(
        default=None,
        description="The version that this is an edit of, 0 for a new customer; a 409 if another "
        "one is stored. Left out: whatever is stored is replaced",
    )
    note: Name = Field(default="", description="The reason, for the audit trail")


class CustomerOut(Model):
    """A customer as it is stored."""

    code: str
    name: str
    status: str = Field(description="As it was set")
    status_now: str = Field(description="What it has become: an active contract that ended expired")
    valid_until: str
    ends_at: datetime | None = Field(description="The first instant that isn't covered")
    plan: str
    tags: list[str]
    purchases: list[PurchaseBody]
    owner: str
    priority: int
    language: str
    version: int
    updated_at: datetime | None


class CustomerList(Model):
    """A page of customers; it may be short, even empty, before the end."""

    customers: list[CustomerOut]
    cursor: str = Field(description="For the next page; empty at the end")


class AccessIn(Model):
    """What is to become of a customer's access."""

    action: Literal["grant", "revoke", "extend"]
    until: Until = ""
    reason: Name = Field(default="", description="For the audit trail")


class TicketBody(Model):
    """A customer's open ticket."""

    ticket: str = Field(
        max_length=64,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Its number in your helpdesk; empty: none is open",
        examples=["4711"],
    )


class ChangeOut(Model):
    """One line of an audit trail."""

    at: datetime
    who: str
    what: str = Field(examples=["granted"])
    before: str = Field(examples=["pending"])
    after: str = Field(examples=["active until 2026-12-31"])
    note: str


class TrailOut(Model):
    """A customer's audit trail, the newest change first."""

    code: str
    changes: list[ChangeOut]


class AssociationOut(Model):
    """A number that was learned to be a customer's."""

    number: str = Field(examples=["+390244556677"])
    code: str
    learned_at: datetime
    used_at: datetime
    expired: bool = Field(description="Unused for so long that it isn't believed any more")
    node: str = Field(description="Where the code was typed")
    call_id: str
    attestation: str = Field(description="STIR/SHAKEN's of that call: A, B or empty")


class AssociationList(Model):
    """Learned numbers; a page may be short, even empty, before the end."""

    associations: list[AssociationOut]
    cursor: str = Field(description="For the next page; empty at the end")


class RegistrationIn(Model):
    """Somebody who signed up on the tenant's own site."""

    code: Code
    name: Name = ""
    plan: Name = ""
    tags: Tags = Field(default=[])
    language: Language = ""


class RegistrationOut(Model):
    """What became of a registration."""

    code: str
    outcome: Literal["created", "pending", "known", "duplicate"] = Field(
        description="`created`: new, and pending; `pending`: was a prospect, pending now; `known`: "
        "a customer already, left alone; `duplicate`: this very registration was taken in before"
    )
