"""What conditions may ask for: every fact with its type and its meaning; not on the call path.

Conditions are checked against this table when rules are saved, `docs/routing.md` shows it, and a
test holds what `domain/facts.py` builds against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.domain.agent import STATES
from centralino.domain.customer import STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Fact(NamedTuple):
    """One fact.

    Attributes:
        path: `caller.number`; `[]` stands for the elements of a list, `*` for any name.
        type: `text`, `texts` (a list), `number`, `number or null`, `true or false`.
        meaning: what it is, and what it is when it is unknown.
        values: all that a text may be, beside empty; none for any text.
    """

    path: str
    type: str
    meaning: str
    values: tuple[str, ...] = ()


FACTS = (
    Fact("call.id", "text", "the PBX's id of the call"),
    Fact("call.did", "text", "the number that was called, as the PBX sends it"),
    Fact("call.trunk", "text", "the line it came in on"),
    Fact("call.language", "text", "what the PBX says, else by the caller's country; ISO 639-1"),
    Fact("call.provider", "text", "the PBX's slug; empty for `/v1/route`"),
    Fact("call.attestation", "text", "STIR/SHAKEN's, if the PBX passes it", ("A", "B", "C", "F")),
    Fact("call.asked", "true or false", "whether the caller can't be asked for a code any more"),
    Fact("call.typed", "text", "the customer code that was typed in this call"),
    Fact("caller.number", "text", "E.164; empty if withheld, internal or unreadable"),
    Fact("caller.country", "text", "the main country of the calling code (`+1` is `US`)"),
    Fact(
        "caller.kind",
        "text",
        "how the CLI was understood",
        ("number", "withheld", "internal", "unreadable"),
    ),
    Fact("caller.exten", "text", "of an internal caller"),
    Fact("caller.withheld", "true or false", "the same as `caller.kind == 'withheld'`"),
    Fact("caller.internal", "true or false", "the same as `caller.kind == 'internal'`"),
    Fact("caller.valid", "true or false", "whether the numbering plan knows such a number"),
    Fact("caller.blocked", "true or false", "whether it is among the rules' `blocked` numbers"),
    Fact("contact.id", "text", "`source:id` of the contact whose name is shown"),
    Fact("contact.name", "text", "its full name"),
    Fact("contact.company", "text", "its company"),
    Fact("contact.status", "text", "its status, in the CRM's own words"),
    Fact("contact.owner", "text", "who looks after it in the CRM, in the CRM's own words"),
    Fact("contact.tags", "texts", "its first 20 tags"),
    Fact("contact.customer_code", "text", "the code that the CRM declares"),
    Fact("customer.code", "text", "the customer's code; empty as long as nobody is sure of it"),
    Fact("customer.name", "text", "the customer's name"),
    Fact("customer.status", "text", "the contract's, now: a contract ends by itself", STATUSES),
    Fact("customer.plan", "text", "what the contract is called"),
    Fact("customer.tags", "texts", "the customer's tags"),
    Fact("customer.purchases[].what", "text", "what was bought"),
    Fact("customer.purchases[].on", "text", "the day, `YYYY-MM-DD`"),
    Fact("customer.purchases[].tags", "texts", "the purchase's tags"),
    Fact("customer.purchases[].days_ago", "number", "days since then"),
    Fact("customer.owner", "text", "the exten of the dedicated manager"),
    Fact("customer.priority", "number", "the higher the sooner answered; 0 is usual"),
    Fact("customer.language", "text", "ISO 639-1"),
    Fact("customer.days_left", "number or null", "whole days until the contract ends; null: none"),
    Fact("customer.source", "text", "how the code is known", ("crm", "learned", "typed")),
    Fact("customer.known", "true or false", "whether the code is a customer's here"),
    Fact("now.date", "text", "`YYYY-MM-DD` in the tenant's time zone"),
    Fact("now.time", "text", "`HH:MM` there"),
    Fact("now.weekday", "number", "1 (Monday) to 7"),
    Fact("now.hour", "number", "0 to 23"),
    Fact("now.open.*", "true or false", "by the name of a schedule: whether it is open"),
    Fact("now.holiday.*", "true or false", "by the name of a schedule: whether it is a holiday"),
    Fact("history.last_agent", "text", "the exten that spoke to them last"),
    Fact("history.last_agent_minutes", "number or null", "minutes since then; null: never"),
    Fact("history.calls_today", "number", "calls before this one on the tenant's date"),
    Fact("history.minutes_since_last", "number or null", "since the call before; null: none"),
    Fact("history.ticket", "text", "the open ticket"),
    Fact("agents[].exten", "text", "the extension"),
    Fact("agents[].name", "text", "the name"),
    Fact("agents[].available", "true or false", "whether a call may be sent there now"),
    Fact("agents[].state", "text", "as it was set", STATES),
    Fact("agents[].skills.*", "number", "by the name of a skill: its level, 1 to 10"),
    Fact("agents[].load", "number", "calls in hand or waiting"),
    Fact("agents[].idle_s", "number", "seconds since they became available"),
    Fact("agents[].substitutes", "texts", "extens that stand in"),
    Fact("agents[].customers", "texts", "plans, tags or statuses of the customers they are for"),
)
# The types of single values.
SCALARS = ("text", "number", "number or null", "true or false")
LIST_TYPES = {"texts": "text"}


class Shape(NamedTuple):
    """What a value looks like; all that a condition can be checked by before there is a call.

    Attributes:
        type: one of the facts' types, `object`, `list`, or `any` where it can't be told.
        fields: an object's, by name; `*` for any further name.
        element: a list's.
        fact: the fact that a single value, or a list of texts, is; None for what isn't one.
    """

    type: str = "any"
    fields: Mapping[str, Shape] = {}
    element: Shape | None = None
    fact: Fact | None = None


def shape_of_facts(schedules: Sequence[str] | None = None) -> Shape:
    """Return the shape of the facts as a whole.

    Args:
        schedules: the tenant's, by name: only those are under `now.open` and `now.holiday`; None
            for any.
    """
    tree: dict[str, object] = {}
    for fact in FACTS:
        *groups, last = fact.path.replace("[]", ".[]").split(".")
        branch = tree
        for name in groups:
            branch = branch.setdefault(name, {})  # type: ignore[assignment]  # dicts all the way
        names = [last]
        if last == "*" and groups[0] == "now" and schedules is not None:
            names = list(schedules)
        for name in names:
            branch[name] = fact
    return _shape(tree)


def _shape(branch: object) -> Shape:
    if isinstance(branch, Fact):
        element = LIST_TYPES.get(branch.type)
        return Shape(branch.type, element=Shape(element) if element else None, fact=branch)
    assert isinstance(branch, dict)  # noqa: S101 - the only other kind of branch
    if set(branch) == {"[]"}:
        return Shape("list", element=_shape(branch["[]"]))
    return Shape("object", {name: _shape(inner) for name, inner in branch.items()})
