"""Check the options of PBX providers before they are saved: a call has no time to find mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.domain.errors import NotFoundError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.ports.pbx import Pbx


def check_pbx_options(
    pbx: object, find: Callable[[str], type[Pbx]], *, field: str = "pbx"
) -> dict[str, dict[str, Any]]:
    """Check options of providers, and return them.

    Args:
        pbx: provider slug -> its options, as somebody wrote them.
        find: the class of a provider; NotFoundError if there is none.
        field: where they are in what was written.

    Raises:
        PayloadError: there is no such provider, or an option is not what it has to be; the field
            is `pbx.<provider>.<option>`.
    """
    if not isinstance(pbx, dict):
        raise PayloadError(field, "an object: provider -> its options")
    for provider, options in pbx.items():
        try:
            kind = find(provider)
        except NotFoundError:
            raise PayloadError(f"{field}.{provider}", "the slug of a provider") from None
        if not isinstance(options, dict):
            raise PayloadError(f"{field}.{provider}", "an object")
        try:
            kind.check_options(options)
        except PayloadError as error:
            raise PayloadError(f"{field}.{provider}.{error.field}", error.expected) from error
    return {provider: dict(options) for provider, options in pbx.items()}
