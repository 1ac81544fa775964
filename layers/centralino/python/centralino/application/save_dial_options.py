"""Save a tenant's dialling options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from centralino.application.check_dial_options import check_dial_options
from centralino.application.compile_routing import COUNTRIES
from centralino.application.edit_routing import edit_routing
from centralino.domain.errors import ConflictError, PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from centralino.domain.dial_options import DialOptions
    from centralino.domain.settings import Settings
    from centralino.ports.dialling import DialStore
    from centralino.ports.originate import Originator
    from centralino.ports.routing import RoutingParts, RoutingStore


def save_dial_options(  # noqa: PLR0913 - all that they are checked with
    dials: DialStore,
    routing: RoutingStore,
    settings: Settings,
    options: DialOptions,
    find: Callable[[str], type[Originator]],
    *,
    now_s: float,
) -> DialOptions:
    """Save options over the version that they name; the next call counts on them.

    Routing may send calls only to countries that may be called, and is compiled with the list.
    The list there is made shorter before the options are saved and longer afterwards, so at no
    moment does routing lead to a country that the options don't allow, whatever fails in between.

    Args:
        dials: the tenant's dialling.
        routing: the tenant's.
        settings: the tenant's.
        options: complete.
        find: the class of a PBX that places calls; NotFoundError if there is none.
        now_s: seconds since 1970.

    Returns:
        The options with their new version.

    Raises:
        PayloadError: a field is not what it has to be, or a country is taken away that routing
            leads to.
        ConflictError: somebody else saved meanwhile.
        NotFoundError: there is no such tenant (any more).
    """
    checked = check_dial_options(options, settings, find)
    before = dials.options()
    if before.version != options.version:
        raise ConflictError("the dialling options were changed meanwhile: read them again")
    both = [country for country in before.countries if country in checked.countries]
    _tell_routing(routing, settings, lambda: both, now_s)
    saved = dials.save_options(checked)
    if saved is None:
        raise ConflictError("the dialling options were changed meanwhile: read them again")
    _tell_routing(routing, settings, lambda: dials.options().countries, now_s)
    return saved


def _tell_routing(
    routing: RoutingStore, settings: Settings, allowed: Callable[[], Iterable[str]], now_s: float
) -> None:
    """Compile routing with the countries that may be called, unless it is already."""

    def edit(parts: RoutingParts) -> RoutingParts:
        return parts._replace(options={**parts.options, COUNTRIES: sorted(allowed())})

    if sorted(allowed()) == sorted(routing.parts().options.get(COUNTRIES) or ()):
        return
    try:
        edit_routing(routing, settings, edit, now_s=now_s)
    except PayloadError as error:
        expected = f"what routing leads to as well: {error.field} needs {error.expected}"
        raise PayloadError("countries", expected) from error
