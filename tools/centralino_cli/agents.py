"""`agents list|set|state|delete`: who answers, with which skills, and who is available."""

# Typer reads the annotations at run time.
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from centralino.domain.errors import PayloadError
from centralino_cli.desk import find_desk, say
from centralino_cli.options import AsJson, Key, Url
from centralino_cli.service import ServiceError, path_of
from centralino_cli.show import print_json, print_table

app = typer.Typer(help="List, save and delete agents; say who is available.", no_args_is_help=True)
_NOT_FOUND = 404
# What an agent is read with and can't be saved with.
_READ_ONLY = ("exten", "state", "since", "load")

Exten = Annotated[str, typer.Argument(help="The agent's extension.", metavar="EXTEN")]


class State(StrEnum):
    """Whether an agent can take calls."""

    available = "available"
    busy = "busy"
    away = "away"
    offline = "offline"


@app.command("list")
def list_agents(
    context: typer.Context,
    url: Url = "",
    key: Key = "",
    as_json: AsJson = False,  # noqa: FBT002 - an option
) -> None:
    """List the agents and the state they are in, times as UTC."""
    with find_desk(context).service(url, key) as service:
        agents = service.get(path_of("agents"))["agents"]
    if as_json:
        print_json(agents)
        return
    header = ("EXTEN", "NAME", "STATE", "SINCE", "LOAD", "SKILLS", "FOR", "SCHEDULE", "STAND-INS")
    print_table(header, [_row(agent) for agent in agents])


@app.command("set")
def set_agent(  # noqa: PLR0913, PLR0917 - what an agent is made of
    context: typer.Context,
    exten: Exten,
    name: Annotated[str | None, typer.Option(help="Their name.")] = None,
    skill: Annotated[
        list[str] | None,
        typer.Option(help="A skill with its level, 1 to 10, as trucks=8; may be repeated."),
    ] = None,
    customer_type: Annotated[
        list[str] | None,
        typer.Option(
            "--for",
            help="A plan, status or tag of their customers; may be repeated.",
            metavar="TYPE",
        ),
    ] = None,
    mobile: Annotated[
        str | None, typer.Option(help="Their mobile phone.", metavar="NUMBER")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="The schedule they work by.", metavar="NAME")
    ] = None,
    substitute: Annotated[
        list[str] | None,
        typer.Option(
            help="Who stands in; may be repeated, the first choice first.", metavar="EXTEN"
        ),
    ] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Create an agent, or change what is given; an option that is repeated replaces the list.

    An empty one takes away: --schedule '' is for always, --skill '' is no skill.
    """
    given: dict[str, Any] = {
        "name": name,
        "skills": None if skill is None else _skills(skill),
        "customer_types": _words(customer_type),
        "mobile": mobile,
        "schedule": schedule,
        "substitutes": _words(substitute),
    }
    with find_desk(context).service(url, key) as service:
        try:
            agent = service.get(path_of("agents", exten))
        except ServiceError as error:
            if error.status != _NOT_FOUND:
                raise
            agent = {}
        body = {field: value for field, value in agent.items() if field not in _READ_ONLY}
        body |= {field: value for field, value in given.items() if value is not None}
        service.send("PUT", path_of("agents", exten), body)
    say(f"{'changed' if agent else 'created'} agent {exten}")


@app.command("state")
def set_state(  # noqa: PLR0913, PLR0917 - its arguments and options
    context: typer.Context,
    exten: Exten,
    state: Annotated[State, typer.Argument(help="Whether they can take calls.")],
    load: Annotated[
        int | None, typer.Option(help="Calls in hand or waiting.", min=0, max=1000)
    ] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Say whether an agent can take calls; the next call counts on it."""
    body: dict[str, object] = {"state": state.value}
    if load is not None:
        body["load"] = load
    with find_desk(context).service(url, key) as service:
        service.send("PUT", path_of("agents", exten, "state"), body)
    say(f"agent {exten} is {state.value}")


@app.command("delete")
def delete_agent(context: typer.Context, exten: Exten, url: Url = "", key: Key = "") -> None:
    """Delete an agent; rules that name the extension pass it over from the next call on."""
    with find_desk(context).service(url, key) as service:
        service.send("DELETE", path_of("agents", exten))
    say(f"deleted agent {exten}")


def _row(agent: dict[str, Any]) -> tuple[str, ...]:
    since = datetime.fromisoformat(agent["since"]) if agent["since"] else None
    return (
        agent["exten"],
        agent["name"],
        agent["state"],
        f"{since:%Y-%m-%d %H:%M}" if since else "",
        str(agent["load"]),
        ",".join(f"{skill}={level}" for skill, level in agent["skills"].items()),
        ",".join(agent["customer_types"]),
        agent["schedule"],
        ",".join(agent["substitutes"]),
    )


def _words(given: list[str] | None) -> list[str] | None:
    return None if given is None else [word for word in given if word]


def _skills(given: list[str]) -> dict[str, int]:
    skills = {}
    for text in given:
        if not text:
            continue
        skill, _, level = text.partition("=")
        if not skill or not level.isdecimal():
            raise PayloadError("--skill", "a skill with its level, as trucks=8")
        skills[skill] = int(level)
    return skills
