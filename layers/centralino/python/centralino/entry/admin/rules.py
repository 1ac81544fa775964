"""`/v1/rules`: what is in force, versions, trials."""

# The annotations of routes are read at run time, so they are not postponed.
from typing import Any

from aws_lambda_powertools.event_handler import Response

from centralino.application.compile_routing import document_of
from centralino.application.list_keys import listed_key
from centralino.application.publish_rules import publish_rules
from centralino.application.save_rules import Author, save_rules
from centralino.application.try_rules import Moved, try_rules
from centralino.domain.decision import Decision
from centralino.domain.errors import NotFoundError
from centralino.entry.admin.models import moment
from centralino.entry.admin.rule_models import (
    MovedOut,
    PlaceOut,
    PublishBody,
    PublishedOut,
    PublishPath,
    RuleCount,
    RulesBody,
    RulesOut,
    SavedOut,
    SaveRules,
    TrialOut,
    TryRules,
    VersionHead,
    VersionList,
    VersionPath,
)
from centralino.entry.admin.session import Session, new_router, session_of
from centralino.ports.routing import RulesVersion

router = new_router()


@router.get("/v1/rules", summary="Read the rules in force", tags=["rules"])
def get_rules() -> RulesOut:
    """The rules that calls go by now; version 0 is what a tenant has before it writes any."""
    routing = session_of(router).routing
    version = routing.parts().published
    kept = routing.rules(version) if version else None
    if kept is None:
        return RulesOut.model_construct(
            version=0,
            saved_at=None,
            saved_by="",
            note="",
            published=True,
            document=dict(document_of(routing, 0)),
        )
    return _rules_out(kept, version)


@router.get("/v1/rules/versions", summary="List the versions of the rules", tags=["rules"])
def get_versions() -> VersionList:
    """All versions, the newest first, without the rules themselves."""
    routing = session_of(router).routing
    published = routing.parts().published
    return VersionList.model_construct(
        versions=[
            VersionHead.model_construct(**_head(version, published))
            for version in routing.versions()
        ]
    )


@router.get("/v1/rules/versions/<version>", summary="Read a version of the rules", tags=["rules"])
def get_version(version: VersionPath) -> RulesOut:
    """A version as it was written."""
    routing = session_of(router).routing
    kept = routing.rules(version)
    if kept is None:
        raise NotFoundError(f"there is no version {version} of the rules")
    return _rules_out(kept, routing.parts().published)


@router.post("/v1/rules", summary="Save a version of the rules", tags=["rules"], status_code=201)
def post_rules(body: SaveRules) -> Response[SavedOut]:
    """Check rules and keep them as a new version; calls go by it once it is published.

    Refused is what doesn't parse, names an unknown fact, node, schedule or destination, or could
    hold up a call. A warning is what can hardly be meant: a rule that holds for none of the
    samples, a status that there isn't, an agent who isn't there.
    """
    session = session_of(router)
    key = session.visit.key
    author = Author(f"{listed_key(key).id} {key.name}".strip(), body.note)
    saved = save_rules(
        session.routing,
        session.visit.settings,
        _document(body.document),
        author,
        now_s=session.now(),
        agents=_extens(session),
    )
    out = SavedOut.model_construct(version=saved.version.version, warnings=list(saved.warnings))
    return Response(201, "application/json", out)


@router.post("/v1/rules/versions/<version>/publish", summary="Publish rules", tags=["rules"])
def publish(version: PublishPath, body: PublishBody) -> PublishedOut:
    """Put a version in force; an old one again is how to roll back. Calls see it within 30 seconds.

    A version that names a node or a schedule that is gone since is refused.
    """
    session = session_of(router)
    done = publish_rules(
        session.routing,
        session.visit.settings,
        version,
        now_s=session.now(),
        edition=body.edition,
    )
    return PublishedOut.model_construct(
        version=done.parts.published, before=done.before, edition=done.parts.edition
    )


@router.post("/v1/rules/test", summary="Try rules on the last days' calls", tags=["rules"])
def test_rules(body: TryRules) -> TrialOut:
    """Say who would have gone elsewhere by these rules; nothing is saved.

    Kept decisions are made again from the facts of their calls, the newest 5,000 at most.
    """
    session = session_of(router)
    trial = try_rules(
        session.routing,
        session.visit.settings,
        _document(body.document),
        days=body.days,
        now_s=session.now(),
        agents=_extens(session),
    )
    return TrialOut.model_construct(
        warnings=list(trial.warnings),
        calls=trial.calls,
        asked=trial.asked,
        skipped=trial.skipped,
        moved_count=trial.moved_count,
        moved=[_moved_out(moved) for moved in trial.moved],
        decided=[
            RuleCount.model_construct(rule=rule, calls=calls)
            for rule, calls in trial.decided.items()
        ],
        complete=trial.complete,
    )


def place_out(decision: Decision) -> PlaceOut:
    """Show where a call goes."""
    return PlaceOut.model_construct(
        destination=decision.destination.text,
        name=decision.destination.name,
        agents=list(decision.agents),
        rule=decision.rule,
        fallback=decision.fallback,
        priority=decision.priority,
        language=decision.language,
    )


def _document(body: RulesBody) -> dict[str, Any]:
    """Return rules as they are kept: without what was left out."""
    return body.model_dump(exclude_unset=True, exclude_none=True)


def _extens(session: Session) -> set[str]:
    return {agent.exten for agent in session.agents.all()}


def _head(version: RulesVersion, published: int) -> dict[str, Any]:
    return {
        "version": version.version,
        "saved_at": moment(version.saved_at / 1000),
        "saved_by": version.saved_by,
        "note": version.note,
        "published": version.version == published,
    }


def _rules_out(version: RulesVersion, published: int) -> RulesOut:
    return RulesOut.model_construct(document=dict(version.document), **_head(version, published))


def _moved_out(moved: Moved) -> MovedOut:
    kept = moved.kept
    return MovedOut.model_construct(
        call_id=kept.call_id,
        at=moment(kept.at),
        number=kept.facts.get("caller", {}).get("number", ""),
        customer_code=kept.facts.get("customer", {}).get("code", ""),
        before=place_out(kept.decision),
        after=place_out(moved.decision),
    )
