"""The items of calls that are placed, of their limits, and of whom not to call.

`adapters/store/table.py` is the table's one page; this is the part of it that `dialling.py` and
`traces.py` share.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.adapters.store.route_items import list_key
from centralino.adapters.store.table import SCHEMA, dump, tenant_key
from centralino.domain.dial_options import Budget, DialOptions, DialRule
from centralino.ports.dialling import PlacedCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from centralino.adapters.store.table import Item, Value

CALL_S = 730 * 86_400
# How long after its window a counter is kept, for clocks that differ.
COUNTER_S = 300
# How far a state is. Events move a call forward only; what was refused, or failed, stays so.
STEPS = {
    "requested": 0,
    "unknown": 1,
    "placed": 2,
    "ringing": 3,
    "answered": 4,
    "ended": 5,
    "failed": 8,
    "refused": 9,
}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
# What an item has beside its `doc`, because it changes: attribute -> field.
_CHANGING = {"state": "state", "why": "reason", "detail": "detail", "pbx_id": "provider_id"}


class Limit(NamedTuple):
    """One limit that a call counts against.

    Attributes:
        name: `agent_minute`, `tenant_day`, `country_day`, `cost_day`, ...
        whose: the exten or the country; empty for the tenant.
        window_s: how long it counts.
        add: what this call counts.
        most: what may be counted.
    """

    name: str
    whose: str
    window_s: int
    add: int
    most: int

    def key(self, tenant: str, at_ms: int) -> Item:
        """Return the key of what is counted in the window of a moment."""
        window = at_ms // 1000 // self.window_s
        return {
            "pk": {"S": f"T#{tenant}#O#{self.name}.{self.whose}.{window}"},
            "sk": {"S": "N"},
        }

    def ends_at(self, at_ms: int) -> int:
        """Return when the window of a moment ends, seconds since 1970."""
        return (at_ms // 1000 // self.window_s + 1) * self.window_s


def limits_of(call: PlacedCall, budget: Budget, home: str) -> list[Limit]:
    """Return what a call counts against; only what has a limit is counted."""
    limits = [
        Limit("agent_minute", call.exten, _MINUTE_S, 1, budget.agent_minute),
        Limit("agent_hour", call.exten, _HOUR_S, 1, budget.agent_hour),
        Limit("agent_day", call.exten, _DAY_S, 1, budget.agent_day),
        Limit("tenant_minute", "", _MINUTE_S, 1, budget.tenant_minute),
        Limit("tenant_day", "", _DAY_S, 1, budget.tenant_day),
    ]
    by_country = budget.country_day
    if call.country in by_country:
        limits.append(Limit("country_day", call.country, _DAY_S, 1, by_country[call.country]))
    elif call.country and call.country != home and "*" in by_country:
        limits.append(Limit("country_day", call.country, _DAY_S, 1, by_country["*"]))
    limits.append(cost_limit(call.cost, budget.cost_day))
    # A country's 0 is a limit and not the lack of one.
    return [one for one in limits if one.add and (one.most or one.name == "country_day")]


def cost_limit(cost: int, most: int = 0) -> Limit:
    """Return the limit of what a day's calls may cost."""
    return Limit("cost_day", "", _DAY_S, cost, most)


def options_key(tenant: str) -> Item:
    """Return the key of a tenant's dialling options."""
    return tenant_key(tenant, "DIALLING")


def block_key(tenant: str, key: str) -> Item:
    """Return the key of a number, or a block, that is not to be called."""
    return {"pk": {"S": f"T#{tenant}#B#{key}"}, "sk": {"S": "B"}}


def call_key(tenant: str, call_id: str, sk: str = "O") -> Item:
    """Return the key of a call that was asked for, or of an earlier attempt at it."""
    return {"pk": {"S": f"T#{tenant}#O#{call_id}"}, "sk": {"S": sk}}


def click_key(tenant: str, exten: str, number: str) -> Item:
    """Return the key of the claim of a click: the same exten and number once more are this call."""
    return {"pk": {"S": f"T#{tenant}#O#click.{exten}.{number}"}, "sk": {"S": "Q"}}


def write_call(tenant: str, call: PlacedCall, key: Item) -> Item:
    """Return the item of a call."""
    doc = call._asdict()
    for field in ("call_id", *_CHANGING.values(), "changed_ms"):
        del doc[field]
    item = {
        **key,
        "type": {"S": "PlacedCall"},
        "sv": {"N": SCHEMA},
        "doc": {"S": dump({name: value for name, value in doc.items() if value})},
        "step": {"N": str(STEPS[call.state])},
        "changed": {"N": str(call.changed_ms or call.asked_ms)},
        "lpk": {"S": list_key(tenant, "call", call.call_id)},
        "lsk": {"S": f"{call.asked_ms:014}#{call.call_id}{key['sk']['S'][1:]}"},
        "expires_at": {"N": str(call.asked_ms // 1000 + CALL_S)},
    }
    for name, field in _CHANGING.items():
        if value := getattr(call, field):
            item[name] = {"S": value}
    return item


def read_call(item: Mapping[str, Value]) -> PlacedCall:
    """Build a call from its item; newer code may have added to it."""
    stored = json.loads(item["doc"]["S"])
    known: dict[str, Any] = {k: v for k, v in stored.items() if k in PlacedCall._fields}
    for name, field in _CHANGING.items():
        if name in item:
            known[field] = item[name]["S"]
    known["changed_ms"] = int(item["changed"]["N"])
    known.setdefault("asked", "")
    known.setdefault("exten", "")
    return PlacedCall(call_id=item["pk"]["S"].rpartition("#")[2], **known)


def write_options(options: DialOptions) -> str:
    """Return dialling options as their item's `doc`; the version is elsewhere in the item."""
    doc = options._asdict()
    del doc["version"]
    doc["rules"] = [_told(rule) for rule in options.rules]
    doc["budget"] = _told(options.budget)
    return dump(doc)


def _told(fields: DialRule | Budget) -> dict[str, Any]:
    # Without what is as it is by default: that may become another one.
    defaults = fields._field_defaults
    return {name: value for name, value in fields._asdict().items() if value != defaults[name]}


def read_options_item(item: Mapping[str, Value] | None) -> DialOptions:
    """Build dialling options from their item; the defaults if there is none."""
    if not item:
        return DialOptions()
    stored = json.loads(item["doc"]["S"])
    known = {name: stored[name] for name in DialOptions._fields if name in stored}
    for name in ("countries", "short_numbers", "caller_ids"):
        known[name] = tuple(known.get(name, ()))
    known["rules"] = tuple(
        _known(DialRule, rule)._replace(extens=tuple(rule.get("extens", ())))
        for rule in known.get("rules", ())
    )
    known["budget"] = _known(Budget, known.get("budget", {}))
    known["version"] = int(item["v"]["N"])
    return DialOptions(**known)


def _known(kind: Any, stored: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a rule or a budget
    return kind(**{name: value for name, value in stored.items() if name in kind._fields})
