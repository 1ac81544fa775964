"""What the routes of agents, schedules and routing's options take and give, field by field."""

# The annotations below are read at run time, so they are not postponed.
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from centralino.application.change_routing_options import MAX_KEEP_DAYS
from centralino.application.compile_schedule import MAX_DAYS, MAX_SPANS
from centralino.application.compile_schedules import NAME_PATTERN
from centralino.application.save_agent import (
    MAX_LEVEL,
    MAX_SKILLS,
    MAX_SUBSTITUTES,
    MAX_TYPES,
    SKILL_PATTERN,
)
from centralino.domain.learning import MOST_DAYS, MOST_PER_CUSTOMER
from centralino.entry.admin.models import (
    MAX_VERSION,
    Exten,
    JsonObject,
    Model,
    Name,
    Printable,
)

State = Literal["available", "busy", "away", "offline"]
ExtenPath = Annotated[
    str,
    BeforeValidator(unquote),
    StringConstraints(pattern="^[0-9*#]{1,20}$"),
    Path(
        description="The agent's extension",
        examples=["21"],
        json_schema_extra={"pattern": "^[0-9*#]{1,20}$"},
    ),
]


# --- agents ---------------------------------------------------------------------------------------


class AgentIn(Model):
    """An agent to save as a whole; what is left out gets its default."""

    name: Name = Field(default="", examples=["Anna Bianchi"])
    skills: dict[
        Annotated[str, StringConstraints(pattern=f"^{SKILL_PATTERN}$")],
        Annotated[int, Field(ge=1, le=MAX_LEVEL)],
    ] = Field(
        default={},
        max_length=MAX_SKILLS,
        description=f"Skill -> level, 1 (some) to {MAX_LEVEL} (best)",
        examples=[{"trucks": 8, "german": 5}],
    )
    customer_types: list[Annotated[Printable, StringConstraints(min_length=1, max_length=64)]] = (
        Field(
            default=[],
            max_length=MAX_TYPES,
            description="Plans, statuses or tags of the customers this agent is for; empty for all",
            examples=[["gold"]],
        )
    )
    mobile: Annotated[Printable, StringConstraints(max_length=64)] = Field(
        default="",
        description="Their mobile phone, which is never learned as a customer's; stored in E.164",
        examples=["+39 333 1234567"],
    )
    schedule: Annotated[str, StringConstraints(pattern=f"^({NAME_PATTERN})?$")] = Field(
        default="", description="The schedule they work by; empty for always", examples=["office"]
    )
    substitutes: list[Exten] = Field(
        default=[],
        max_length=MAX_SUBSTITUTES,
        description="Extensions that stand in, the first who is available",
        examples=[["22", "23"]],
    )


class AgentOut(AgentIn):
    """An agent."""

    exten: str
    state: State
    since: datetime | None = Field(description="Since when the state is what it is")
    load: int = Field(description="Calls in hand or waiting")


class AgentList(Model):
    """All agents, by extension."""

    agents: list[AgentOut]


class StateIn(Model):
    """Whether an agent can take calls."""

    state: State
    load: int | None = Field(
        default=None, ge=0, le=1000, description="Calls in hand or waiting; left out: as it was"
    )


# --- schedules ------------------------------------------------------------------------------------

Hours = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(pattern=r"^ ?[0-9]{1,2}:[0-9]{2} ?- ?[0-9]{1,2}:[0-9]{2} ?$"),
        ]
    ],
    Field(max_length=MAX_SPANS, examples=[["09:00-13:00", "14:00-18:00"]]),
]
Weekdays = Annotated[
    str,
    StringConstraints(pattern="^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$"),
]
Days = Annotated[
    str,
    StringConstraints(
        pattern=r"^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$|^[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{4}-[0-9]{2}-[0-9]{2}$"
    ),
]
ScheduleNamePath = Annotated[
    str,
    BeforeValidator(unquote),
    StringConstraints(pattern=f"^{NAME_PATTERN}$"),
    Path(
        description="What rules and agents call it",
        examples=["office"],
        json_schema_extra={"pattern": f"^{NAME_PATTERN}$"},
    ),
]


class ScheduleIn(Model):
    """A schedule to save as a whole; what is left out gets its default."""

    open: dict[Weekdays, Hours] = Field(
        default={},
        description="Weekdays, as `sat` or `mon-fri`, each once -> hours in their order; hours "
        "over midnight belong to the day on which they begin",
    )
    days: dict[Days, Hours] = Field(
        default={},
        max_length=MAX_DAYS,
        description="Special days -> their hours, `[]` for closed: `2026-12-24`, `12-24` of every "
        "year, or a period `2026-08-10/2026-08-21`; the former beats the latter",
    )
    holidays: Annotated[Printable, StringConstraints(max_length=44)] = Field(
        default="",
        description="Whose holidays: a country, or a region of it; `none` for none; empty for "
        "the tenant's country",
        examples=["IT-BZ"],
    )
    on_holidays: Hours = Field(default=[], description="Hours of a holiday; empty for closed")


class ScheduleOut(ScheduleIn):
    """A schedule."""

    name: str
    open_now: bool
    holiday_now: bool
    known_until: str = Field(
        description="The last day that special days and holidays are worked out for; saving "
        "anything of the routing works them out anew",
        examples=["2036-12-31"],
    )


class ScheduleList(Model):
    """All schedules, by name."""

    schedules: list[ScheduleOut]


# --- options --------------------------------------------------------------------------------------


class LearningBody(Model):
    """How numbers are learned from codes that callers type."""

    max_per_customer: int = Field(ge=1, le=MOST_PER_CUSTOMER, description="Numbers of a customer")
    days: int = Field(ge=1, le=MOST_DAYS, description="Unused for so long a number is forgotten")
    trust: Literal["routing", "card"] = Field(
        description="Whether a learned customer decides where a call goes only, or is shown as well"
    )
    min_attestation: Literal["", "A", "B"] = Field(
        description="What STIR/SHAKEN has to say of a call"
    )
    webhook: str = Field(description="Where the owner is told of each number; empty for nowhere")


class RoutingOut(Model):
    """The options of routing, as they count."""

    edition: int = Field(description="Counts up with every change of nodes, schedules, rules, ...")
    published: int = Field(description="The version of the rules in force; 0 for the defaults")
    time_zone: str = Field(description="Of the IANA database", examples=["Europe/Rome"])
    time_zone_set: bool = Field(description="Whether somebody set it; else it is the country's")
    time: str = Field(description="What rules take the time for", examples=["2026-11-22T09:05"])
    learning: LearningBody
    pbx: dict[str, JsonObject] = Field(description="Provider -> its own options")
    keep_days: int = Field(description="How long decisions are kept")


class RoutingPatch(BaseModel):
    """What to change: a JSON merge patch (RFC 7396); null brings a default back."""

    model_config = ConfigDict(extra="forbid")

    edition: Annotated[int, Field(strict=True, ge=0, le=MAX_VERSION)] | None = Field(
        default=None, description="If given, another one by now is a 409"
    )
    time_zone: Annotated[str, Field(strict=True, max_length=64)] | None = Field(
        default=None, description="Of the IANA database", examples=["Europe/Rome"]
    )
    learning: JsonObject | None = Field(default=None, examples=[{"days": 90}])
    pbx: JsonObject | None = Field(
        default=None, description="Provider -> its own options, merged field by field"
    )
    keep_days: Annotated[int, Field(strict=True, ge=1, le=MAX_KEEP_DAYS)] | None = Field(
        default=None, description="How long decisions are kept"
    )
