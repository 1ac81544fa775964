"""The facts of a call, as conditions see them; `domain/fact_table.py` says what each one means.

They are plain JSON, so that a decision can be kept with what it was made of and made again. An
unknown text is empty and an unknown list has nothing in it; only what is a number of minutes or
days may be null, since no number says "never".
"""

from __future__ import annotations

from centralino.domain.clock import days_between, local
from centralino.domain.customer import STATUSES, Customer, History, status_at
from centralino.domain.dialling import CODES
from centralino.domain.election import rows_of
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.domain.schedule import holiday_at, open_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from centralino.domain.agent import Agent
    from centralino.domain.card import Holder
    from centralino.domain.routing import Routing

_MINUTE_S = 60
_DAY_S = 86_400
_CODE_LENGTHS = (2, 3, 1)


class CallFacts(NamedTuple):
    """What the PBX says of a call.

    Attributes:
        id: the PBX's; ours if it gave none.
        language: that the PBX tells, ISO 639-1; empty to go by the caller's country.
        provider: the PBX's slug; empty for `/v1/route`.
        attestation: STIR/SHAKEN's `A`, `B` or `C`, `F` if its check failed; empty if the PBX says
            nothing.
        asked: whether the caller can't be asked (again): an identify node had its turn already.
        typed: the customer code that was typed in this call; empty if none was.
    """

    id: str = ""
    did: str = ""
    trunk: str = ""
    language: str = ""
    provider: str = ""
    attestation: str = ""
    asked: bool = False
    typed: str = ""


class CallerFacts(NamedTuple):
    """How the CLI was understood.

    Attributes:
        number: E.164: the number that has a contact, else the likeliest; empty if there is none.
        kind: `number`, `withheld`, `internal` or `unreadable`.
        exten: of an internal caller.
        valid: whether the numbering plan knows such a number.
    """

    number: str = ""
    kind: str = "number"
    exten: str = ""
    valid: bool = False


class Known(NamedTuple):
    """What we know of the caller, and of who could answer.

    Attributes:
        holder: the contact whose name is shown; None without one.
        code: the customer code; empty if unknown, or if it can't be told.
        source: how it is known: `crm`, `learned`, `typed`; empty if unknown.
        customer: the customer of that code; None if nobody entered it.
        history: the customer's where the customer is known, else the number's.
        agents: exten -> agent.
    """

    holder: Holder | None = None
    code: str = ""
    source: str = ""
    customer: Customer | None = None
    history: History = History()
    agents: Mapping[str, Agent] = {}


def build_facts(
    call: CallFacts, caller: CallerFacts, known: Known, routing: Routing, now_s: float
) -> dict[str, Any]:
    """Return the facts of a call, plain JSON.

    Args:
        call: what the PBX says.
        caller: how the CLI was understood.
        known: the contact, the customer, the history, the agents.
        routing: the tenant's: time zone, schedules, blocked numbers, languages.
        now_s: the time, seconds since 1970.
    """
    now = local(routing.zone, now_s)
    schedules = routing.schedules
    country = country_of(caller.number)
    return {
        "call": {
            **call._asdict(),
            "language": call.language or routing.languages.get(country, ""),
        },
        "caller": {
            "number": caller.number,
            "country": country,
            "kind": caller.kind,
            "exten": caller.exten,
            "withheld": caller.kind == "withheld",
            "internal": caller.kind == "internal",
            "valid": caller.valid,
            "blocked": is_blocked(caller.number, routing.blocked),
        },
        "contact": _contact(known.holder),
        "customer": _customer(known, now.date, now_s),
        "now": {
            "date": now.date,
            "time": now.time,
            "weekday": now.weekday,
            "hour": now.hour,
            "open": {name: open_at(schedule, now) for name, schedule in schedules.items()},
            "holiday": {name: holiday_at(schedule, now) for name, schedule in schedules.items()},
        },
        "history": _history(known.history, now.date, now_s),
        "agents": rows_of(known.agents.values(), schedules, now, now_s),
    }


def country_of(number: str) -> str:
    """Return the main country of a number's calling code, ISO 3166; empty if there is none.

    Countries that share a code count as the largest: `+1` is US, `+7` RU, `+44` GB.

    Args:
        number: E.164, or empty.
    """
    for length in _CODE_LENGTHS:
        country = CODES.get(number[1 : 1 + length])
        if country:
            return country if country.isalpha() else ""
    return ""


def is_blocked(number: str, blocked: Iterable[str]) -> bool:
    """Tell whether a number is among some numbers and blocks (`+39899*`).

    Args:
        number: E.164, or empty.
        blocked: as `Routing.blocked` has them.
    """
    return bool(number) and any(
        number.startswith(entry[:-1]) if entry[-1:] == "*" else number == entry for entry in blocked
    )


def _contact(holder: Holder | None) -> dict[str, Any]:
    if holder is None:
        return {
            **dict.fromkeys(("id", "name", "company", "status", "owner", "customer_code"), ""),
            "tags": [],
        }
    return {
        "id": holder.id,
        "name": holder.name,
        "company": holder.company,
        "status": holder.status,
        "owner": holder.owner,
        "tags": list(holder.tags),
        "customer_code": holder.customer_code,
    }


def _customer(known: Known, today: str, now_s: float) -> dict[str, Any]:
    """Say who the customer is; of one that only the CRM knows there is what the contact says."""
    customer = known.customer
    if customer is None:
        holder = known.holder
        customer = Customer(known.code, status="")
        # A code that was typed or learned, but never entered, says nothing of the contact.
        if known.code and holder is not None and holder.customer_code == known.code:
            customer = customer._replace(
                name=holder.company or holder.name,
                status=holder.status if holder.status in STATUSES else "",
                tags=tuple(holder.tags),
                owner=holder.owner,
            )
    return {
        "code": customer.code,
        "name": customer.name,
        "status": status_at(customer, now_s),
        "plan": customer.plan,
        "tags": list(customer.tags),
        "purchases": [
            {
                "what": purchase.what,
                "on": purchase.on,
                "tags": list(purchase.tags),
                "days_ago": days_between(purchase.on, today),
            }
            for purchase in customer.purchases
        ],
        "owner": customer.owner,
        "priority": customer.priority,
        "language": customer.language,
        "days_left": max(0, int(customer.ends_at - now_s) // _DAY_S) if customer.ends_at else None,
        "source": known.source,
        "known": known.customer is not None,
    }


def _history(history: History, today: str, now_s: float) -> dict[str, Any]:
    return {
        "last_agent": history.agent,
        "last_agent_minutes": _minutes_since(history.agent_at, now_s),
        "calls_today": history.calls if history.day == today else 0,
        "minutes_since_last": _minutes_since(history.last_at, now_s),
        "ticket": history.ticket,
    }


def _minutes_since(at_s: int, now_s: float) -> int | None:
    return max(0, int(now_s - at_s)) // _MINUTE_S if at_s else None
