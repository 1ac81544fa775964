"""What the routes of rules and decisions take and give, field by field."""

# The annotations below are read at run time, so they are not postponed.
from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field, StringConstraints

from centralino.application.change_routing_options import MAX_KEEP_DAYS
from centralino.application.compile_condition import MAX_LENGTH
from centralino.application.compile_rules import (
    MAX_BLOCKED,
    MAX_DESTINATIONS,
    MAX_NAME,
    MAX_NOTE,
    MAX_PRIORITY,
    MAX_RULES,
    MAX_SAMPLES,
)
from centralino.entry.admin.models import JsonObject, Model, Number, Printable

MAX_RULES_VERSION = 99_999_999
Target = Annotated[Printable, StringConstraints(max_length=400)]
Language = Annotated[str, StringConstraints(pattern="^[a-z]{2}$")]
VersionPath = Annotated[
    int, Path(ge=1, le=MAX_RULES_VERSION, description="Of the rules", examples=[3])
]
PublishPath = Annotated[
    int,
    Path(
        ge=0,
        le=MAX_RULES_VERSION,
        description="Of the rules; 0 for what a tenant has before it writes any",
        examples=[3],
    ),
]


class DestinationBody(Model):
    """A destination whose number OMniLeads knows otherwise."""

    to: Target = Field(examples=["queue:600"])
    omnileads: Annotated[str, StringConstraints(pattern="^[0-9]{1,2},[0-9]{1,9}$")] = Field(
        description="OMniLeads' own type and number", examples=["1,3"]
    )


class RuleEntry(Model):
    """One rule: where calls go for which a condition holds."""

    name: Annotated[Printable, StringConstraints(min_length=1, max_length=MAX_NAME)] = Field(
        examples=["paying customers"]
    )
    when: Annotated[str, StringConstraints(max_length=MAX_LENGTH)] | None = Field(
        default=None,
        description="JMESPath over the facts of the call; left out, it always holds",
        examples=["customer.status == 'active'"],
    )
    to: Target = Field(
        description="The name of a destination, `type:id`, `hangup`, `continue`, "
        "`identify:<node>`, `owner`, `last-agent:30d`, `skill:trucks>=5,german`, `agents:21,22`",
        examples=["support"],
    )
    priority: int | None = Field(
        default=None, ge=0, le=MAX_PRIORITY, description="In the queue; else the customer's"
    )
    language: Language | None = Field(default=None, description="Else the customer's or the call's")
    note: Annotated[str, StringConstraints(max_length=MAX_NOTE)] | None = None


class RulesBody(Model):
    """The rules of a tenant as a whole."""

    destinations: dict[str, Target | DestinationBody] = Field(
        default={}, max_length=MAX_DESTINATIONS, examples=[{"support": "queue:600"}]
    )
    fallback: Target = Field(
        default="continue",
        description="Where calls go for which no rule decides, or none in time",
        examples=["support"],
    )
    languages: dict[Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")], Language] = Field(
        default={}, description="Country -> language of who calls from there"
    )
    blocked: list[Number] = Field(
        default=[],
        max_length=MAX_BLOCKED,
        description="Numbers, and blocks as +39899*, that are `caller.blocked`",
    )
    rules: list[RuleEntry] = Field(
        default=[], max_length=MAX_RULES, description="In order: the first that holds decides"
    )
    samples: list[JsonObject] = Field(
        default=[],
        max_length=MAX_SAMPLES,
        description="Calls to try the conditions on: some of the facts each",
    )


class SaveRules(Model):
    """A new version of the rules."""

    document: RulesBody
    note: Annotated[Printable, StringConstraints(max_length=MAX_NOTE)] = Field(
        default="", description="What it is for"
    )


class TryRules(Model):
    """Rules to try on the calls of the last days."""

    document: RulesBody
    days: int = Field(default=7, ge=0, le=MAX_KEEP_DAYS, description="0 only checks the rules")


class PublishBody(Model):
    """Which edition of the routing was looked at."""

    edition: int | None = Field(
        default=None, ge=0, description="If it is another one by now, the answer is 409"
    )


class VersionHead(Model):
    """A version of the rules, without them."""

    version: int
    saved_at: datetime
    saved_by: str = Field(description="The key's id and name")
    note: str
    published: bool = Field(description="Whether it is in force")


class VersionList(Model):
    """All versions, the newest first."""

    versions: list[VersionHead]


class RulesOut(Model):
    """A version of the rules."""

    version: int = Field(description="0 for what a tenant has before it writes any")
    saved_at: datetime | None
    saved_by: str
    note: str
    published: bool
    document: JsonObject


class SavedOut(Model):
    """A version that is kept, but not in force yet."""

    version: int
    warnings: list[str]


class PublishedOut(Model):
    """What is in force now."""

    version: int
    before: int = Field(description="The version that was in force until now")
    edition: int


class PlaceOut(Model):
    """Where a call goes."""

    destination: str = Field(examples=["queue:600"])
    name: str = Field(description="What the rules call it; empty if it is written out")
    agents: list[str] = Field(description="Extensions to try, the best first")
    rule: str = Field(description="What decided; empty for the fallback")
    fallback: str = Field(description="Why it is the fallback; empty if it isn't")
    priority: int
    language: str


class MovedOut(Model):
    """A call that would have gone elsewhere."""

    call_id: str
    at: datetime
    number: str
    customer_code: str
    before: PlaceOut
    after: PlaceOut


class RuleCount(Model):
    """How many calls a rule would have decided, or sent to an identify node."""

    rule: str = Field(description="Empty for the fallback")
    calls: int


class TrialOut(Model):
    """What would have been."""

    warnings: list[str]
    calls: int = Field(description="How many were tried")
    asked: int = Field(
        description="How many of them rules send to the identify node where they were asked, and "
        "then on: two of `decided` count them"
    )
    skipped: int = Field(description="Decided by identify nodes, or when there was no time")
    moved_count: int
    moved: list[MovedOut] = Field(description="The newest of them")
    decided: list[RuleCount]
    complete: bool = Field(description="False if only the newest calls could be tried")


class PassedOut(Model):
    """A rule that did not decide."""

    rule: str
    why: str = Field(examples=['customer.status is "expired", not "active"'])


class ExplainRouteOut(Model):
    """Where a call went, or would go, and why."""

    call_id: str = Field(description="Empty for a call that nobody made")
    at: datetime
    version: int = Field(description="Of the rules")
    node: str = Field(description="The identify node that decided; empty if the rules did")
    label: str = Field(description="What the phone would show; empty for a call that was made")
    decision: PlaceOut
    passed: list[PassedOut] = Field(description="Why the rules before it did not decide, in order")
    repeated: bool = Field(description="Whether the same rules come to the same today")
    facts: JsonObject


class DecisionOut(Model):
    """What was decided of a call."""

    call_id: str
    at: datetime
    provider: str
    node: str
    number: str
    customer_code: str
    version: int
    decision: PlaceOut


class DecisionList(Model):
    """A page of decisions, the newest first."""

    decisions: list[DecisionOut]
    cursor: str = Field(description="For the next page; empty at the end")
