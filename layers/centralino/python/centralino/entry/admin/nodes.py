"""`/v1/nodes`: who is asked for a code, how, and where that leads."""

# The annotations of routes are read at run time, so they are not postponed.
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from centralino.application.delete_node import delete_node
from centralino.application.node_url import unspoken
from centralino.application.save_node import save_node
from centralino.domain.errors import NotFoundError
from centralino.domain.routing import Node
from centralino.entry.admin.node_models import NodeIn, NodeList, NodeNamePath, NodeOut
from centralino.entry.admin.session import ALSO, Session, new_router, session_of

router = new_router()


@router.get("/v1/nodes", summary="List the identify nodes", tags=["nodes"])
def get_nodes() -> NodeList:
    """All identify nodes, by name."""
    session = session_of(router)
    written, compiled = session.routing.parts().nodes, session.routing.compiled().nodes
    shown = [_shown(name, written[name], compiled.get(name)) for name in sorted(written)]
    return NodeList.model_construct(nodes=shown)


@router.get("/v1/nodes/<name>", summary="Read an identify node", tags=["nodes"])
def get_node(name: NodeNamePath) -> NodeOut:
    """One identify node."""
    return _found(session_of(router), name)


@router.put(
    "/v1/nodes/<name>",
    summary="Save an identify node",
    tags=["nodes"],
    openapi_extensions={ALSO: {"201": "Created"}},
)
def put_node(name: NodeNamePath, body: NodeIn) -> Response[NodeOut]:
    """Replace a node as a whole, or create it (201). Calls meet it within 30 seconds."""
    session = session_of(router)
    created = save_node(
        session.routing,
        session.visit.settings,
        name,
        body.model_dump(exclude_defaults=True),
        now_s=session.now(),
    )
    return Response(201 if created else 200, "application/json", _found(session, name))


@router.delete(
    "/v1/nodes/<name>", summary="Delete an identify node", tags=["nodes"], status_code=204
)
def remove_node(name: NodeNamePath) -> Response[None]:
    """Delete a node; one that the rules in force or another node lead to is a 400."""
    session = session_of(router)
    delete_node(session.routing, session.visit.settings, name, now_s=session.now())
    return Response(204)


def _found(session: Session, name: str) -> NodeOut:
    written = session.routing.parts().nodes
    if name not in written:
        raise NotFoundError(f"there is no node {name}")
    return _shown(name, written[name], session.routing.compiled().nodes.get(name))


def _shown(name: str, written: Mapping[str, Any], compiled: Node | None) -> NodeOut:
    fields = {
        field: written.get(field, about.get_default())
        for field, about in NodeIn.model_fields.items()
    }
    return NodeOut.model_construct(
        name=name,
        path=f"/identify/{name}",
        # It may have been saved between the two reads.
        unspoken=sorted(set(unspoken(compiled))) if compiled else [],
        **fields,
    )
