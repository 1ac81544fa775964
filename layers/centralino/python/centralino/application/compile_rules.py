"""Compile a tenant's rules: check what was written and work out what a call reads.

`docs/routing.md` says what may be written. Everything that a call could stumble over is refused
here, with the place where it stands; what is only unlikely to be meant is a warning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from centralino.application.compile_condition import compile_condition
from centralino.application.compile_destination import compile_destination
from centralino.application.compile_sample import compile_sample
from centralino.domain.errors import PayloadError
from centralino.domain.fact_table import shape_of_facts
from centralino.domain.number import index_number
from centralino.domain.plans import PLANS
from centralino.domain.rulebook import condition_holds, window_minutes

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from centralino.application.compile_condition import Condition
    from centralino.domain.destination import Destination
    from centralino.domain.settings import Line

MAX_RULES = 300
MAX_DESTINATIONS = 200
MAX_SAMPLES = 100
MAX_BLOCKED = 1_000
MAX_NAME = 64
MAX_NOTE = 500
MAX_PRIORITY = 100
MAX_LEVEL = 10
MAX_SKILLS = 5
MAX_TARGET_AGENTS = 20

# What a tenant has before it writes rules; `domain/rulebook.py` has it compiled.
DEFAULTS: Mapping[str, Any] = {
    "destinations": {"support": "queue:support", "sales": "queue:sales"},
    "fallback": "sales",
    "rules": [
        {"name": "active customers", "when": "customer.status == 'active'", "to": "support"},
        {"name": "everybody else", "to": "sales"},
    ],
}

_FIELDS = ("destinations", "fallback", "languages", "blocked", "rules", "samples")
_RULE_FIELDS = ("name", "when", "to", "priority", "language", "note")
_LANGUAGE = re.compile(r"[a-z]{2}", re.ASCII)
_EXTEN = re.compile(r"[\d*#]{1,20}", re.ASCII)
_SKILL = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,39})(?:>=(\d{1,2}))?", re.ASCII)
_DESTINATION_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_TARGET = (
    "the name of a destination, type:id, hangup, continue, identify:<node>, owner, "
    "last-agent:30d, skill:trucks>=5,german or agents:21,22"
)
# Words that a target begins with; a destination of that name could not be reached.
_WORDS = ("owner", "last-agent", "skill", "agents", "hangup", "continue")


class World(NamedTuple):
    """What rules may refer to.

    Attributes:
        line: the tenant's, for blocked numbers without a country.
        nodes: the identify nodes' names.
        schedules: the schedules' names.
        agents: the agents' extens; None if they are not at hand, and not checked.
    """

    line: Line
    nodes: Container[str] = ()
    schedules: Sequence[str] = ()
    agents: Container[str] | None = None


class CompiledRules(NamedTuple):
    """What `Routing` gets of rules.

    Attributes:
        rules: for `domain/rulebook.py`.
        destinations: name -> destination.
        fallback: where calls go without a decision.
        languages: country -> language.
        blocked: numbers and blocks, E.164.
        warnings: what somebody should look at, in words.
    """

    rules: dict[str, Any]
    destinations: dict[str, Destination]
    fallback: Destination
    languages: dict[str, str]
    blocked: tuple[str, ...]
    warnings: tuple[str, ...]


def compile_rules(document: Mapping[str, Any], world: World) -> CompiledRules:
    """Compile a document of rules.

    Args:
        document: what was written, plain JSON.
        world: what it may refer to.

    Raises:
        PayloadError: naming the field, as `rules[3].when`.
    """
    _check_fields(document, _FIELDS, "")
    destinations = compile_destinations(document)
    rules = _list(document, "rules", MAX_RULES)
    facts = shape_of_facts(world.schedules)
    conditions = []
    compiled = []
    for place, rule in enumerate(rules):
        field = f"rules[{place}]"
        if not isinstance(rule, dict):
            raise PayloadError(field, "an object")
        _check_fields(rule, _RULE_FIELDS, f"{field}.")
        condition = compile_condition(_text(rule, "when", field), f"{field}.when", facts)
        conditions.append(condition)
        compiled.append(_rule(rule, condition, destinations, world, field))
    _check_names([rule["name"] for rule in compiled])
    _add_guards(compiled, conditions)
    samples = [
        compile_sample(sample, f"samples[{place}]", world.schedules)
        for place, sample in enumerate(_list(document, "samples", MAX_SAMPLES))
    ]
    return CompiledRules(
        {"rules": compiled},
        destinations,
        _fallback(document, destinations),
        _languages(document),
        _blocked(document, world.line),
        (
            *(warning for condition in conditions for warning in condition.warnings),
            *_absent_agents(compiled, world.agents),
            *_after_the_last(compiled),
            *_untried(compiled, samples),
        ),
    )


def compile_destinations(document: Mapping[str, Any]) -> dict[str, Destination]:
    """Compile the destinations of a document of rules: name -> destination.

    Args:
        document: what was written.

    Raises:
        PayloadError: naming the field, as `destinations.support`.
    """
    written = document.get("destinations", {})
    if not isinstance(written, dict) or len(written) > MAX_DESTINATIONS:
        raise PayloadError("destinations", f"an object of at most {MAX_DESTINATIONS} destinations")
    for name in written:
        if not _DESTINATION_NAME.fullmatch(name) or name in _WORDS:
            raise PayloadError(
                "destinations",
                f"names of a-z, 0-9, _ and -, at most 40, none of {', '.join(_WORDS)}",
            )
    return {
        name: compile_destination(value, f"destinations.{name}")._replace(name=name)
        for name, value in written.items()
    }


# --- rules ----------------------------------------------------------------------------------------


def _rule(
    rule: Mapping[str, Any],
    condition: Condition,
    destinations: Mapping[str, Destination],
    world: World,
    field: str,
) -> dict[str, Any]:
    name = _text(rule, "name", field)
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise PayloadError(f"{field}.name", f"1 to {MAX_NAME} characters")
    if len(_text(rule, "note", field)) > MAX_NOTE:
        raise PayloadError(f"{field}.note", f"at most {MAX_NOTE} characters")
    compiled: dict[str, Any] = {
        "name": name,
        "parts": list(condition.parts),
        "all": list(condition.packed),
        "to": _target(_text(rule, "to", field), destinations, world, f"{field}.to"),
    }
    priority = rule.get("priority")
    if priority is not None:
        if type(priority) is not int or not 0 <= priority <= MAX_PRIORITY:
            raise PayloadError(f"{field}.priority", f"a whole number, 0 to {MAX_PRIORITY}")
        compiled["priority"] = priority
    language = _text(rule, "language", field)
    if language:
        if not _LANGUAGE.fullmatch(language):
            raise PayloadError(f"{field}.language", "a language, ISO 639-1, as de")
        compiled["language"] = language
    return compiled


def _target(
    text: str, destinations: Mapping[str, Destination], world: World, field: str
) -> list[Any]:
    if text in destinations:
        return _go(destinations[text], world, field)
    word, _, rest = text.partition(":")
    if word == "owner" and not rest:
        return ["owner"]
    if word == "last-agent":
        minutes = window_minutes(rest) if rest else 0
        if rest and not minutes:
            raise PayloadError(
                field, "last-agent, last-agent:30d, last-agent:12h or last-agent:60m"
            )
        return ["last", minutes]
    if word == "skill":
        return ["skill", _skills(rest, field)]
    if word == "agents":
        extens = [exten.strip() for exten in rest.split(",")]
        if len(extens) > MAX_TARGET_AGENTS or not all(map(_EXTEN.fullmatch, extens)):
            raise PayloadError(field, f"agents:21,22, at most {MAX_TARGET_AGENTS} extens")
        return ["agents", list(dict.fromkeys(extens))]
    if word in {"hangup", "continue"} or ":" in text:
        return _go(compile_destination(text, field), world, field)
    known = f"; the destinations are {', '.join(destinations)}" if destinations else ""
    raise PayloadError(field, f"{_TARGET}{known}")


def _go(destination: Destination, world: World, field: str) -> list[Any]:
    if destination.type == "identify" and destination.id not in world.nodes:
        raise PayloadError(field, f"the name of an identify node; {destination.id} is none")
    return ["go", *destination]


def _skills(text: str, field: str) -> dict[str, int]:
    skills: dict[str, int] = {}
    for part in text.split(","):
        match = _SKILL.fullmatch(part.strip())
        level = int(match[2] or 1) if match else 0
        if match is None or not 1 <= level <= MAX_LEVEL or match[1] in skills:
            raise PayloadError(field, "skill:trucks or skill:trucks>=5,german, levels 1 to 10")
        skills[match[1]] = level
    if len(skills) > MAX_SKILLS:
        raise PayloadError(field, f"at most {MAX_SKILLS} skills")
    return skills


def _check_names(names: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in seen:
            raise PayloadError(
                f"rules[{place}].name", f"a name of its own; rules[{seen[name]}] has this one"
            )
        seen[name] = place


def _add_guards(compiled: Sequence[dict[str, Any]], conditions: Sequence[Condition]) -> None:
    """Give each rule the guard that leaves the fewest rules to look at.

    The more texts a fact is compared with, the fewer rules each call has to look at: DIDs and tags
    tell calls apart better than a status does.
    """
    values: dict[str, set[str]] = {}
    for condition in conditions:
        for guard in condition.guards:
            values.setdefault(guard.path, set()).update(guard.values)
    for rule, condition in zip(compiled, conditions, strict=True):
        if condition.guards:
            best = max(condition.guards, key=lambda guard: len(values[guard.path]))
            rule["guard"] = [best.place, best.path, list(best.values)]


# --- the rest -------------------------------------------------------------------------------------


def _fallback(document: Mapping[str, Any], destinations: Mapping[str, Destination]) -> Destination:
    text = document.get("fallback", "continue")
    if not isinstance(text, str):
        raise PayloadError("fallback", "the name of a destination, or type:id")
    fallback = destinations.get(text)
    if fallback is None:
        fallback = compile_destination(text, "fallback")
    if fallback.type == "identify":
        raise PayloadError("fallback", "a destination that needs no answer of ours")
    return fallback


def _languages(document: Mapping[str, Any]) -> dict[str, str]:
    languages = document.get("languages", {})
    if not isinstance(languages, dict):
        raise PayloadError("languages", "an object, country to language")
    for country, language in languages.items():
        if country not in PLANS or not country.isalpha():
            raise PayloadError("languages", f"countries, ISO 3166 alpha-2; {country} is none")
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            raise PayloadError(f"languages.{country}", "a language, ISO 639-1, as de")
    return languages


def _blocked(document: Mapping[str, Any], line: Line) -> tuple[str, ...]:
    numbers = _list(document, "blocked", MAX_BLOCKED)
    keys = []
    for place, number in enumerate(numbers):
        field = f"blocked[{place}]"
        if not isinstance(number, str) or not number:
            raise PayloadError(field, "a number, or a block as +39899*")
        if re.fullmatch(r"\+\d{2,15}\*", number, re.ASCII):
            # Any beginning of a number will do: nothing is looked up by it.
            keys.append(number)
            continue
        key, problem = index_number(number, line.country, line.area_code)
        if problem:
            raise PayloadError(field, f"a number, or a block as +39899* ({problem})")
        keys.append(key)
    return tuple(dict.fromkeys(keys))


def _absent_agents(
    compiled: Sequence[Mapping[str, Any]], agents: Container[str] | None
) -> list[str]:
    if agents is None:
        return []
    warnings = []
    for place, rule in enumerate(compiled):
        kind, *rest = rule["to"]
        extens = rest[0] if kind == "agents" else []
        if kind == "go" and rest[0] == "agent":
            extens = [rest[1]]
        warnings += [
            f"rules[{place}].to: there is no agent {exten}"
            for exten in extens
            if exten not in agents
        ]
    return warnings


def _after_the_last(compiled: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn of rules behind one that always decides."""
    for place, rule in enumerate(compiled[:-1]):
        goes_on = rule["to"][0] != "go" or rule["to"][1] == "identify"
        if not rule["all"] and not goes_on:
            return [f"rules[{place}].when: always holds, so no rule after it is ever reached"]
    return []


def _untried(
    compiled: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]]
) -> list[str]:
    if not samples:
        return []
    return [
        f"rules[{place}].when: holds for none of the samples"
        for place, rule in enumerate(compiled)
        if not any(condition_holds(rule, sample) for sample in samples)
    ]


def _check_fields(given: Mapping[str, Any], known: Sequence[str], prefix: str) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise PayloadError(f"{prefix}{unknown[0]}", f"one of {', '.join(known)}")


def _list(document: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = document.get(name, [])
    if not isinstance(value, list) or len(value) > most:
        raise PayloadError(name, f"a list of at most {most}")
    return value


def _text(rule: Mapping[str, Any], name: str, field: str) -> str:
    value = rule.get(name)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise PayloadError(f"{field}.{name}", "a text")
    return value
