"""`/v1/agents`: list, read, save, delete; and who is available."""

# The annotations of routes are read at run time, so they are not postponed.
from aws_lambda_powertools.event_handler import Response

from centralino.application.save_agent import save_agent
from centralino.domain.agent import Agent
from centralino.domain.errors import ForbiddenError, NotFoundError
from centralino.entry.admin.agent_models import AgentIn, AgentList, AgentOut, ExtenPath, StateIn
from centralino.entry.admin.models import moment
from centralino.entry.admin.session import (
    ALSO,
    MANAGERS_ONLY,
    Session,
    managers_session,
    new_router,
    session_of,
)

router = new_router()


@router.get(
    "/v1/agents", summary="List the agents", tags=["agents"], openapi_extensions=MANAGERS_ONLY
)
def get_agents() -> AgentList:
    """All agents, by extension, with the state they are in."""
    agents = managers_session(router).agents.all()
    return AgentList.model_construct(agents=[_agent_out(agent) for agent in agents])


@router.get(
    "/v1/agents/<exten>",
    summary="Read an agent",
    tags=["agents"],
    openapi_extensions=MANAGERS_ONLY,
)
def get_agent(exten: ExtenPath) -> AgentOut:
    """One agent, with the state they are in."""
    return _agent_out(_found(managers_session(router), exten))


@router.put(
    "/v1/agents/<exten>",
    summary="Save an agent",
    tags=["agents"],
    openapi_extensions={ALSO: {"201": "Created"}, **MANAGERS_ONLY},
)
def put_agent(exten: ExtenPath, body: AgentIn) -> Response[AgentOut]:
    """Replace an agent as a whole, or create them (201); the next call counts on it.

    State and load stay as they are; who is created is available. At most 250 agents.
    """
    session = managers_session(router)
    agent = Agent(
        exten,
        body.name,
        body.skills,
        tuple(body.customer_types),
        body.mobile,
        body.schedule,
        tuple(body.substitutes),
    )
    created = save_agent(
        session.agents,
        agent,
        line=session.visit.settings.line,
        schedules=session.routing.parts().schedules if agent.schedule else (),
    )
    saved = _agent_out(_found(session, exten))
    return Response(201 if created else 200, "application/json", saved)


@router.delete(
    "/v1/agents/<exten>",
    summary="Delete an agent",
    tags=["agents"],
    status_code=204,
    openapi_extensions=MANAGERS_ONLY,
)
def delete_agent(exten: ExtenPath) -> Response[None]:
    """Delete an agent. Rules that name the extension pass it over from the next call on."""
    if not managers_session(router).agents.delete(exten):
        raise _absent(exten)
    return Response(204)


@router.put(
    "/v1/agents/<exten>/state", summary="Say who is available", tags=["agents"], status_code=204
)
def put_state(exten: ExtenPath, body: StateIn) -> Response[None]:
    """Say whether an agent can take calls; the next call counts on it.

    A key of role agent may say so of its own extension and of no other. The same state said again
    has begun when it was said first.
    """
    session = session_of(router)
    key = session.visit.key
    if key.role == "agent" and key.exten != exten:
        raise ForbiddenError("a key of role agent may set the state of its own extension only")
    if not session.agents.set_state(exten, body.state, at=int(session.now()), load=body.load):
        raise _absent(exten)
    return Response(204)


def _found(session: Session, exten: str) -> Agent:
    for agent in session.agents.all():
        if agent.exten == exten:
            return agent
    raise _absent(exten)


def _absent(exten: str) -> NotFoundError:
    return NotFoundError(f"there is no agent {exten}")


def _agent_out(agent: Agent) -> AgentOut:
    return AgentOut.model_construct(
        exten=agent.exten,
        name=agent.name,
        skills=dict(agent.skills),
        customer_types=list(agent.customer_types),
        mobile=agent.mobile,
        schedule=agent.schedule,
        substitutes=list(agent.substitutes),
        state=agent.state,
        since=moment(agent.since_s) if agent.since_s else None,
        load=agent.load,
    )
