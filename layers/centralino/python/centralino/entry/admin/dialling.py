"""`/v1/dialling` and `/v1/do-not-call`: how calls are placed, and which are not."""

# The annotations of routes are read at run time, so they are not postponed.
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import ValidationError

from centralino import bootstrap
from centralino.application.check_call import is_short
from centralino.application.save_dial_options import save_dial_options
from centralino.domain.dial_options import Budget, DialOptions, DialRule
from centralino.domain.errors import ForbiddenError, NotFoundError, PayloadError
from centralino.entry.admin.contacts import number_key
from centralino.entry.admin.customer_models import NumberPath
from centralino.entry.admin.dial_models import (
    BlockBody,
    BlockList,
    BlockOut,
    BudgetBody,
    DiallingIn,
    DiallingOut,
    DiallingPatch,
    DialRuleBody,
)
from centralino.entry.admin.problems import invalid
from centralino.entry.admin.session import Session, new_router, session_of
from centralino.entry.admin.settings import merged

router = new_router()

MAX_PAGE = 100
# Who decides what calls may cost; a supervisor only reads it.
ADMIN_ONLY = {"x-roles": ["admin"]}


@router.get("/v1/dialling", summary="Read the dialling options", tags=["dialling"])
def get_dialling() -> DiallingOut:
    """The options as they count, defaults filled in; `version` is for saving them."""
    session = session_of(router)
    return _dialling_out(session, session.dialling.options())


@router.put(
    "/v1/dialling",
    summary="Replace the dialling options",
    tags=["dialling"],
    openapi_extensions=ADMIN_ONLY,
)
def put_dialling(body: DiallingIn) -> DiallingOut:
    """Replace the options as a whole; what is left out gets its default.

    `version` names the version that was read. If somebody else saved meanwhile the answer is 409
    and nothing is changed. The next call that is placed counts on them.
    """
    return _save(_admins_session(), body)


@router.patch(
    "/v1/dialling",
    summary="Change some dialling options",
    tags=["dialling"],
    openapi_extensions=ADMIN_ONLY,
)
def patch_dialling(body: DiallingPatch) -> DiallingOut:
    """Change what is given and leave the rest (JSON merge patch, RFC 7396).

    `{"budget": {"country_day": {"CH": 50}}}` changes one limit. Lists are replaced as a whole. A
    country that routing sends calls to can't be taken away.
    """
    session = _admins_session()
    before = DiallingIn.model_construct(**_fields(session.dialling.options())).model_dump()
    changed = merged(before, body.model_dump(exclude_unset=True))
    try:
        options = DiallingIn.model_validate(changed)
    except ValidationError as error:
        raise invalid(error.errors()) from None
    return _save(session, options)


@router.get("/v1/do-not-call", summary="List whom nobody is to call", tags=["dialling"])
def list_do_not_call(
    cursor: Annotated[str, Query(max_length=1024, description="Of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Numbers on a page")] = 50,
) -> BlockList:
    """List the do-not-call list, page by page, in no order that matters."""
    found, after = session_of(router).dialling.blocked(cursor, limit)
    numbers = [BlockOut.model_construct(number=key, reason=reason) for key, reason in found]
    return BlockList.model_construct(numbers=numbers, cursor=after)


@router.put(
    "/v1/do-not-call/<number>", summary="Put a number on the do-not-call list", tags=["dialling"]
)
def put_do_not_call(number: NumberPath, body: BlockBody) -> BlockOut:
    """Let nobody call a number, or a block of them (`+39024455*`); the next call counts on it."""
    session = session_of(router)
    if is_short(number, session.visit.settings):
        expected = "no short number: those may be called only if the dialling options list them"
        raise PayloadError("number", expected)
    key = number_key(session, number)
    session.dialling.block(key, body.reason, now_ms=session.now_ms)
    return BlockOut.model_construct(number=key, reason=body.reason)


@router.delete(
    "/v1/do-not-call/<number>",
    summary="Take a number off the do-not-call list",
    tags=["dialling"],
    status_code=204,
)
def delete_do_not_call(number: NumberPath) -> Response[None]:
    """Let a number, or a block, be called again; blocks that it lies in stay."""
    session = session_of(router)
    if not session.dialling.unblock(number_key(session, number)):
        raise NotFoundError("that number is not on the list")
    return Response(204)


def _admins_session() -> Session:
    session = session_of(router)
    role = session.visit.key.role
    if role not in ADMIN_ONLY["x-roles"]:
        raise ForbiddenError(f"a key of role {role} may only read the dialling options")
    return session


def _save(session: Session, body: DiallingIn) -> DiallingOut:
    saved = save_dial_options(
        session.dialling,
        session.routing,
        session.visit.settings,
        _options(body),
        bootstrap.originator_class,
        now_s=session.now(),
    )
    return _dialling_out(session, saved)


def _options(body: DiallingIn) -> DialOptions:
    fields = body.model_dump()
    return DialOptions(
        **{
            **fields,
            **{name: tuple(fields[name]) for name in ("countries", "short_numbers", "caller_ids")},
            "rules": tuple(
                DialRule(**{**rule, "extens": tuple(rule["extens"])}) for rule in fields["rules"]
            ),
            "budget": Budget(**fields["budget"]),
        }
    )


def _dialling_out(session: Session, options: DialOptions) -> DiallingOut:
    country = session.visit.settings.line.country
    return DiallingOut.model_construct(country=country, **_fields(options))


def _fields(options: DialOptions) -> dict[str, Any]:
    budget = options.budget._asdict()
    return {
        **options._asdict(),
        "countries": list(options.countries),
        "short_numbers": list(options.short_numbers),
        "caller_ids": list(options.caller_ids),
        "rules": [
            DialRuleBody.model_construct(**{**rule._asdict(), "extens": list(rule.extens)})
            for rule in options.rules
        ],
        "budget": BudgetBody.model_construct(
            **{
                **budget,
                "country_day": dict(options.budget.country_day),
                "prices": dict(options.budget.prices),
            }
        ),
    }
