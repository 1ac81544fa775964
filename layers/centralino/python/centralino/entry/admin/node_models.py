"""What the routes of identify nodes take and give, field by field."""

# The annotations below are read at run time, so they are not postponed.
from typing import Annotated, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import BeforeValidator, Field, StringConstraints

from centralino.application.compile_codes import MAX_KINDS
from centralino.application.compile_nodes import (
    MAX_ATTEMPTS,
    MAX_BY,
    MAX_LENGTH,
    MAX_PROMPT,
    MAX_TIMEOUT_S,
)
from centralino.domain.customer import STATUSES
from centralino.entry.admin.models import Model, Printable

_NAME = "^[a-z0-9-]{1,20}$"
Kind = Annotated[
    Printable,
    StringConstraints(max_length=220, pattern="^(any|vat(:[A-Z]{2})?|tax:IT|pattern:.+)$"),
]
Target = Annotated[Printable, StringConstraints(max_length=100)]
When = Annotated[
    Printable, StringConstraints(pattern=rf"^((plan|tag):.{{1,64}}|status:({'|'.join(STATUSES)}))$")
]
Prompt = Annotated[Printable, StringConstraints(max_length=MAX_PROMPT)]
NodeNamePath = Annotated[
    str,
    BeforeValidator(unquote),
    StringConstraints(pattern=_NAME),
    Path(
        description="What URLs and rules call it",
        examples=["vat"],
        json_schema_extra={"pattern": _NAME},
    ),
]


class NodeIn(Model):
    """An identify node to save as a whole; what is left out gets its default."""

    mode: Literal["check", "route", "entered"] = Field(
        default="check",
        description="`check` says yes to a customer whose contract is active, `route` says where "
        "the call goes, `entered` says yes to any code that is well formed",
    )
    codes: list[Kind] = Field(
        default=["any"],
        min_length=1,
        max_length=MAX_KINDS,
        description="Kinds of codes: `any`, `vat`, `vat:IT`, `tax:IT`, `pattern:<regex>`",
        examples=[["vat:IT", r"pattern:C-\d{6}"]],
    )
    length: int = Field(
        default=0, ge=0, le=MAX_LENGTH, description="The most digits; 0: until `#`, or silence"
    )
    attempts: int = Field(default=3, ge=1, le=MAX_ATTEMPTS, description="How often it asks")
    timeout_s: float = Field(
        default=5.0, ge=1, le=MAX_TIMEOUT_S, description="How long it waits for digits, seconds"
    )
    prompt: Prompt = Field(
        default="",
        description="What is played or said: the PBX's name of an audio file, or text",
        examples=["custom/type-your-vat-number"],
    )
    again: Prompt = Field(default="", description="The same from the second time on")
    yes: Target | None = Field(
        default=None,
        description="Where whoever is identified goes: a destination's name or `type:id`; null to "
        "go on with the rules",
        examples=["support", "queue:600"],
    )
    no: Target | None = Field(
        default=None, description="Where everybody else goes", examples=["sales"]
    )
    by: dict[When, Target] = Field(
        default={},
        max_length=MAX_BY,
        description="Only for `route`: where some customers go, the first that holds",
        examples=[{"plan:gold": "queue:1", "status:expired": "sales"}],
    )
    teaches: bool = Field(
        default=True, description="Whether a code typed with a visible number is learned"
    )


class NodeOut(NodeIn):
    """An identify node."""

    name: str
    path: str = Field(
        description="Of its URL, after the service's address and `/v1/k/<key>`",
        examples=["/identify/vat"],
    )
    unspoken: list[str] = Field(
        description="Destinations that OMniLeads has no number for: there they mean `no`"
    )


class NodeList(Model):
    """All nodes, by name."""

    nodes: list[NodeOut]
