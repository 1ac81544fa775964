"""`OPTIONS` on any route: a browser asks whether a page may call the API at all.

A preflight carries no key, so it can't name a tenant: every https origin is told yes, without
credentials, and the request itself is refused when its origin is not one of the tenant's.
https://fetch.spec.whatwg.org/#cors-preflight-fetch
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer a preflight: 204 with permission for an https origin, without it for any other."""
    origin = (event.get("headers") or {}).get("origin", "")
    headers = {"cache-control": "no-store", "vary": "origin"}
    if origin.startswith("https://"):
        headers |= {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
            "access-control-allow-headers": "authorization, content-type, x-api-key",
            "access-control-max-age": "600",
        }
    return {"statusCode": 204, "headers": headers, "body": ""}
