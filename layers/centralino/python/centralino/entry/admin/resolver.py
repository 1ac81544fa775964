"""The resolver: every route of the admin API, and how its errors are answered.

There is one for each container, since the Powertools routers know one resolver only; what differs
between requests travels in its context (`session.py`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from centralino.domain.errors import NotFoundError
from centralino.entry.admin import (
    agents,
    associations,
    contacts,
    customers,
    dialling,
    erase,
    explain,
    export,
    keys,
    nodes,
    registrations,
    reports,
    route_explain,
    routing_options,
    rules,
    schedules,
    settings,
    whoami,
)
from centralino.entry.admin.problems import (
    PROBLEM_JSON,
    failure,
    invalid,
    parse_json,
    problem_of_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable

resolver = APIGatewayHttpResolver(
    enable_validation=True,
    # Else an answer that breaks its own model would look like a mistake of the caller's.
    response_validation_error_http_code=500,
    json_body_deserializer=parse_json,
)
for module in (
    agents,
    associations,
    contacts,
    customers,
    dialling,
    erase,
    explain,
    export,
    keys,
    nodes,
    registrations,
    reports,
    route_explain,
    routing_options,
    rules,
    schedules,
    settings,
    whoami,
):
    resolver.include_router(module.router)


def _refused(error: RequestValidationError) -> Response[str]:
    return _broken(invalid(error.errors()))


def _broken(error: Exception) -> Response[str]:
    given = failure(error)
    return Response(given["statusCode"], PROBLEM_JSON, given["body"], given["headers"])


def _no_route(_error: NoRouteError) -> Response[str]:
    """Tell a path that there is not from a method that it doesn't have."""
    path = resolver.current_event.path
    # A path that is spelled out is no contact of that name.
    for routes in (resolver._static_routes, resolver._dynamic_routes):  # noqa: SLF001 - no other way
        methods = sorted({route.method for route in routes if route.rule.match(path)})
        if methods:
            break
    if not methods:
        return _broken(NotFoundError("there is nothing at this path"))
    allow = ", ".join(methods)
    problem = problem_of_status(405, "Method not allowed", f"here there is only {allow}")
    return Response(405, PROBLEM_JSON, json.dumps(problem), {"allow": allow})


_HANDLERS: dict[type[Exception], Callable[[Any], Response[str]]] = {
    RequestValidationError: _refused,
    NoRouteError: _no_route,
    Exception: _broken,
}
for kind, handler in _HANDLERS.items():
    resolver.exception_handler(kind)(handler)
