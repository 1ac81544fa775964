"""What the routes of dialling take and give, field by field."""

# The annotations below are read at run time, so they are not postponed.
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from centralino.application.check_dial_options import (
    CARRIER_CODE_PATTERN,
    COUNTRY_PATTERN,
    INTERNATIONAL_PREFIX_PATTERN,
    MAX_AMOUNT,
    MAX_CALLER_IDS,
    MAX_COUNT,
    MAX_COUNTRIES,
    MAX_EXTENS,
    MAX_MINUTES,
    MAX_PRICES,
    MAX_RULES,
    MAX_SHORT,
    OUTSIDE_PREFIX_PATTERN,
    PRICE_PREFIX_PATTERN,
    RULE_EXTEN_PATTERN,
    SHORT_PATTERN,
)
from centralino.domain.dial_options import Budget
from centralino.entry.admin.models import MAX_VERSION, Model, Number, Printable

Country = Annotated[str, StringConstraints(pattern=f"^({COUNTRY_PATTERN})$")]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]


class DialRuleBody(Model):
    """How one line of the PBX wants a number dialled."""

    extens: list[Annotated[str, StringConstraints(pattern=f"^({RULE_EXTEN_PATTERN})$")]] = Field(
        default=[],
        max_length=MAX_EXTENS,
        description="Who dials through this line, as 21 or 3*; empty for everybody else",
        examples=[["21", "3*"]],
    )
    country: Annotated[str, StringConstraints(pattern="^([A-Z]{2})?$")] = Field(
        default="", description="The line's, ISO 3166 alpha-2; empty for the tenant's"
    )
    outside_prefix: Annotated[str, StringConstraints(pattern=f"^{OUTSIDE_PREFIX_PATTERN}$")] = (
        Field(default="", description="What is dialled before an outside number", examples=["0"])
    )
    carrier_code: Annotated[str, StringConstraints(pattern=f"^{CARRIER_CODE_PATTERN}$")] = Field(
        default="", description="What chooses a carrier, behind the prefix", examples=["1055"]
    )
    spelling: Literal["national", "international", "plus", "digits"] = Field(
        default="national",
        description=(
            "Of the number: 0244556677 (other countries' as international), 0039…, +39… or 39…"
        ),
    )
    international_prefix: Annotated[
        str, StringConstraints(pattern=f"^{INTERNATIONAL_PREFIX_PATTERN}$")
    ] = Field(default="", description="Empty for the usual one of the country, as 00 or 011")


class BudgetBody(Model):
    """How much may be dialled; 0 is no limit, but for a country."""

    agent_minute: Count = Field(default=10, description="Calls that one extension may place")
    agent_hour: Count = 60
    agent_day: Count = 300
    tenant_minute: Count = Field(default=0, description="Calls of the whole tenant")
    tenant_day: Count = 0
    country_day: dict[
        Annotated[str, StringConstraints(pattern=f"^({COUNTRY_PATTERN}|[*])$")], Count
    ] = Field(
        default=dict(Budget().country_day),
        max_length=MAX_COUNTRIES + 2,
        description="Country -> calls a day; * for any other than the tenant's own",
        examples=[{"CH": 50, "*": 10}],
    )
    cost_day: Amount = Field(
        default=0, description="What a day's calls may cost by estimate, thousandths"
    )
    prices: dict[Annotated[str, StringConstraints(pattern=f"^{PRICE_PREFIX_PATTERN}$")], Amount] = (
        Field(
            default={},
            max_length=MAX_PRICES,
            description="Beginning of a number -> price of a minute, thousandths",
            examples=[{"+39": 10, "+393": 45}],
        )
    )
    minutes: Annotated[int, Field(ge=1, le=MAX_MINUTES)] = Field(
        default=3, description="How long a call is taken to last"
    )


class DiallingIn(Model):
    """A tenant's dialling options as a whole."""

    version: int = Field(
        ge=0, le=MAX_VERSION, description="The version that was read; another one by now is a 409"
    )
    pbx: Annotated[str, StringConstraints(pattern="^[a-z0-9_]{0,32}$")] = Field(
        default="", description="Calls are placed through it; empty for none", examples=["asterisk"]
    )
    countries: list[Country] = Field(
        default=[],
        max_length=MAX_COUNTRIES,
        description="What may be called beside the tenant's own; 001 for +800",
        examples=[["CH", "DE"]],
    )
    short_numbers: list[Annotated[str, StringConstraints(pattern=f"^{SHORT_PATTERN}$")]] = Field(
        default=[], max_length=MAX_SHORT, examples=[["1240"]]
    )
    internal: bool = Field(default=False, description="Extensions may be called")
    caller_ids: list[Number] = Field(
        default=[],
        max_length=MAX_CALLER_IDS,
        description="DIDs that may be shown, beside those of the settings",
    )
    rules: list[DialRuleBody] = Field(default=[], max_length=MAX_RULES)
    budget: BudgetBody = BudgetBody()


class DiallingOut(DiallingIn):
    """A tenant's dialling options."""

    country: str = Field(description="The tenant's own: it may be called in any case")


class DiallingPatch(BaseModel):
    """What to change: a JSON merge patch (RFC 7396); null brings a default back."""

    model_config = ConfigDict(extra="allow")

    version: Annotated[int, Field(strict=True, ge=0, le=MAX_VERSION)] | None = Field(
        default=None, description="If given, another one by now is a 409"
    )


class BlockBody(Model):
    """Why somebody is not to be called."""

    reason: Annotated[Printable, StringConstraints(max_length=200)] = Field(
        default="", examples=["asked not to be called, 2026-11-20"]
    )


class BlockOut(Model):
    """A number, or a block of them, that is not to be called."""

    number: str = Field(description="E.164, or a block", examples=["+390244556677"])
    reason: str


class BlockList(Model):
    """A page of the do-not-call list."""

    numbers: list[BlockOut]
    cursor: str = Field(description="For the next page; empty at the end")
