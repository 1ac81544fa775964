"""Choose the PBX that a tenant's calls are placed by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.domain.errors import ThrottledError

if TYPE_CHECKING:
    from centralino.ports.dialling import DialStore

ATTEMPTS = 5


def use_pbx(dialling: DialStore, provider: str, *, instead_of: str = "") -> None:
    """Have calls placed by a PBX.

    Args:
        dialling: the tenant's dialling options.
        provider: the provider's slug; empty for none.
        instead_of: only if it is this one that places them now; empty for whichever it is.

    Raises:
        NotFoundError: there is no such tenant.
        ThrottledError: somebody else saves the options again and again.
    """
    for _ in range(ATTEMPTS):
        options = dialling.options()
        if options.pbx == provider or (instead_of and options.pbx != instead_of):
            return
        if dialling.save_options(options._replace(pbx=provider)) is not None:
            return
    raise ThrottledError("contention")
