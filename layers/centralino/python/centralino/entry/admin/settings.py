"""`/v1/settings`: read, replace, change."""

# The annotations of routes are read at run time, so they are not postponed.
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from centralino.application.save_settings import save_settings
from centralino.domain.errors import CredentialsError
from centralino.domain.settings import Line, Settings, read_settings
from centralino.entry.admin.models import (
    LabelBody,
    LineBody,
    LineOverride,
    RuleBody,
    SettingsIn,
    SettingsOut,
    SettingsPatch,
)
from centralino.entry.admin.problems import invalid
from centralino.entry.admin.session import Session, new_router, session_of

router = new_router()


@router.get("/v1/settings", summary="Read the settings", tags=["settings"])
def get_settings() -> SettingsOut:
    """The tenant's settings as they are now; `version` is for saving them."""
    return _settings_out(_stored(session_of(router)))


@router.put("/v1/settings", summary="Replace the settings", tags=["settings"])
def put_settings(body: SettingsIn) -> SettingsOut:
    """Replace the settings as a whole; what is left out gets its default.

    `version` names the version that was read. If somebody else saved meanwhile the answer is 409
    and nothing is changed. Functions that are running see the change within 30 seconds.
    """
    session = session_of(router)
    return _save(session, body)


@router.patch("/v1/settings", summary="Change some settings", tags=["settings"])
def patch_settings(body: SettingsPatch) -> SettingsOut:
    """Change what is given and leave the rest (JSON merge patch, RFC 7396).

    `{"trunks": {"milan": {"area_code": "02"}, "rome": null}}` changes one field of one trunk and
    takes another trunk away. Lists are replaced as a whole.
    """
    session = session_of(router)
    before = SettingsIn.model_construct(**_fields(_stored(session))).model_dump()
    changed = merged(before, body.model_dump(exclude_unset=True))
    try:
        settings = SettingsIn.model_validate(changed)
    except ValidationError as error:
        raise invalid(error.errors()) from None
    return _save(session, settings)


def line_body(line: Line) -> LineBody:
    """Show a line's settings."""
    rules = [RuleBody.model_construct(**rule._asdict()) for rule in line.rules]
    return LineBody.model_construct(**{**line._asdict(), "rules": rules})


def _save(session: Session, body: SettingsIn) -> SettingsOut:
    settings = read_settings(session.visit.tenant, body.model_dump())
    return _settings_out(save_settings(session.tenants, settings))


def _stored(session: Session) -> Settings:
    settings = session.tenants.settings()
    if settings is None:
        raise CredentialsError("the API key is unknown")
    return settings


def _settings_out(settings: Settings) -> SettingsOut:
    return SettingsOut.model_construct(
        tenant=settings.tenant, block_lengths=list(settings.block_lengths), **_fields(settings)
    )


def _fields(settings: Settings) -> dict[str, Any]:
    return {
        "version": settings.version,
        "line": line_body(settings.line),
        "trunks": {name: _override(fields) for name, fields in settings.trunks.items()},
        "dids": {name: _override(fields) for name, fields in settings.dids.items()},
        "label": LabelBody.model_construct(
            **{**settings.label._asdict(), "flags": dict(settings.label.flags)}
        ),
        "extens": dict(settings.extens),
        "exten_pattern": settings.exten_pattern,
        "source_priority": list(settings.source_priority),
        "origins": list(settings.origins),
        "crms": list(settings.crms),
        "live_search_s": settings.live_search_s,
    }


def _override(fields: Mapping[str, Any]) -> LineOverride:
    known = {name: value for name, value in fields.items() if name in LineOverride.model_fields}
    if known.get("rules") is not None:
        known["rules"] = [RuleBody.model_construct(**rule) for rule in known["rules"]]
    return LineOverride.model_construct(**known)


def merged(base: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value with a merge patch applied, as RFC 7396 says.

    Args:
        base: any JSON.
        patch: objects are merged field by field, null takes away, all else replaces.
    """
    if not isinstance(patch, dict):
        return patch
    fields = dict(base) if isinstance(base, dict) else {}
    for name, value in patch.items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = merged(fields.get(name), value)
    return fields
