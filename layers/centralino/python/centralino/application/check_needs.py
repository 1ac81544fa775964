"""Refuse settings and secrets that are missing, or mistyped, before anybody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.domain.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


def check_needs(
    needs: Mapping[str, str],
    account: Mapping[str, str],
    secrets: Mapping[str, object],
    *,
    also: Collection[str] = (),
    spares: Callable[[str], bool] = lambda _name: False,
) -> None:
    """Check that all is there that a provider needs, and nothing that it doesn't know.

    Args:
        needs: `account.base_url` or `secrets.token` -> what that is; with `?` at its end it may be
            left out. Empty for a provider that takes anything.
        account: what is no secret.
        secrets: what is.
        also: names that are fine as well, as `account.allow_private`.
        spares: tells whether a name may be left out this time.

    Raises:
        PayloadError: it names `account.…` or `secrets.…`.
    """
    for name, meaning in needs.items():
        part, _, field = name.rstrip("?").partition(".")
        given = account if part == "account" else secrets
        if not name.endswith("?") and not given.get(field) and not spares(name):
            raise PayloadError(name, meaning)
    known = {name.rstrip("?") for name in needs} | set(also)
    for name in (*(f"account.{n}" for n in account), *(f"secrets.{n}" for n in secrets)):
        if needs and name not in known:
            raise PayloadError(name, f"one of {', '.join(sorted(known))}")
