"""`/v1/keys`: list, make, revoke. A key itself is shown once, when it is made."""

# The annotations of routes are read at run time, so they are not postponed.
from aws_lambda_powertools.event_handler import Response

from centralino.application.create_key import create_key
from centralino.application.list_keys import ListedKey, list_keys, listed_key
from centralino.application.revoke_key import revoke_key
from centralino.domain.errors import ForbiddenError, NotFoundError
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
    return KeyCreated(key=new.text, **_shown(session, listed_key(new.key)).model_dump())


@router.delete("/v1/keys/<key_id>", summary="Revoke a key", tags=["keys"], status_code=204)
def delete_key(key_id: KeyIdPath) -> Response[None]:
    """Revoke a key. Functions that are running believe it for up to 30 seconds more.

    An admin key can be revoked while there is another one that is good for a week or more, and
    else is a 409: somebody has to be able to make keys. A supervisor may revoke keys of role agent
    and no others.
    """
    session = session_of(router)
    roles = {listed.id: listed.key.role for listed in list_keys(session.tenants)}
    if key_id not in roles:
        raise NotFoundError("there is no such key")
    _check_role(session, roles[key_id])
    revoke_key(session.tenants, key_id, now_s=session.now())
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
