"""`/v1/keys`: list, make, revoke. A key itself is shown once, when it is made."""

# The annotations of routes are read at run time, so they are not postponed.
from aws_lambda_powertools.event_handler import Response

from centralino.application.create_key import create_key
from centralino.application.list_keys import ListedKey, list_keys
from centralino.application.revoke_key import revoke_key
from centralino.domain.errors import ConflictError, ForbiddenError, NotFoundError
from centralino.entry.admin.models import KeyCreated, KeyIdPath, KeyList, KeyOut, NewKey, moment
from centralino.entry.admin.session import Session, new_router, session_of

router = new_router()


@router.get("/v1/keys", summary="List the keys", tags=["keys"])
def get_keys() -> KeyList:
    """The keys that have not expired, the oldest first, without what opens."""
    session = session_of(router)
    return KeyList(keys=[_shown(session, listed) for listed in list_keys(session.tenants)])


@router.post("/v1/keys", summary="Make a key", tags=["keys"], status_code=201)
def make_key(body: NewKey) -> KeyCreated:
    """Make a key; the answer is the only time that it is shown.

    To rotate a key make a new one, put it into use, and revoke the old one: both are good
    meanwhile. A supervisor may make keys of role agent and no others.
    """
    session = session_of(router)
    _check_role(session, body.role)
    new = create_key(
        session.tenants,
        body.role,
        now_s=session.now(),
        name=body.name,
        expires_at=int(body.expires_at.timestamp()) if body.expires_at else 0,
        networks=body.networks,
        exten=body.exten,
    )
    listed = next(
        listed for listed in list_keys(session.tenants) if listed.key.hash == new.key.hash
    )
    return KeyCreated(key=new.text, **_shown(session, listed).model_dump())


@router.delete("/v1/keys/<key_id>", summary="Revoke a key", tags=["keys"], status_code=204)
def delete_key(key_id: KeyIdPath) -> Response[None]:
    """Revoke a key. Functions that are running believe it for up to 30 seconds more.

    The last admin key stays: nobody could make another one. A supervisor may revoke keys of role
    agent and no others.
    """
    session = session_of(router)
    keys = {listed.id: listed.key for listed in list_keys(session.tenants)}
    if key_id not in keys:
        raise NotFoundError("there is no such key")
    role = keys[key_id].role
    _check_role(session, role)
    if role == "admin" and sum(key.role == "admin" for key in keys.values()) == 1:
        raise ConflictError("this is the last admin key: make another one first")
    revoke_key(session.tenants, key_id)
    return Response(204)


def _check_role(session: Session, role: str) -> None:
    """Refuse to hand out, or take away, more than one's own rights."""
    if session.visit.key.role != "admin" and role != "agent":
        raise ForbiddenError("a supervisor may make and revoke keys of role agent only")


def _shown(session: Session, listed: ListedKey) -> KeyOut:
    key = listed.key
    return KeyOut(
        id=listed.id,
        role=key.role,
        name=key.name,
        created_at=moment(key.created_at),
        expires_at=moment(key.expires_at) if key.expires_at else None,
        networks=list(key.networks),
        exten=key.exten,
        current=key.hash == session.visit.key.hash,
    )
