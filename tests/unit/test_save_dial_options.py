"""Dialling options and routing agree on the countries, whoever saves what at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from centralino import bootstrap
from centralino.application.publish_rules import publish_rules
from centralino.application.save_dial_options import save_dial_options
from centralino.application.save_rules import Author, save_rules
from centralino.domain.errors import ConflictError, PayloadError, UnavailableError
from centralino.domain.settings import Line, Settings
from tests.support.admin import Desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.domain.dial_options import DialOptions
    from centralino.ports.dialling import DialStore

SETTINGS = Settings("acme", line=Line(country="IT"))
NOW_S = 1_795_000_000.0


class Meddled:
    """A tenant's dialling, before whose next save something else happens."""

    def __init__(self, dials: DialStore, meddle: Callable[[], object]) -> None:
        self._dials = dials
        self._meddle = meddle

    def options(self) -> DialOptions:
        return self._dials.options()

    def save_options(self, options: DialOptions) -> DialOptions | None:
        self._meddle()
        return self._dials.save_options(options)


def save(desk: Desk, *countries: str, dials: object = None) -> DialOptions:
    options = desk.dialling().options()._replace(countries=countries)
    store: DialStore = dials or desk.dialling()  # type: ignore[assignment]
    return save_dial_options(
        store, desk.routing(), SETTINGS, options, bootstrap.originator_class, now_s=NOW_S
    )


def send_calls_to(desk: Desk, number: str) -> None:
    document = {"rules": [{"name": "all", "to": f"external:{number}"}]}
    saved = save_rules(desk.routing(), SETTINGS, document, Author("test"), now_s=NOW_S)
    publish_rules(desk.routing(), SETTINGS, saved.version.version, now_s=NOW_S)


def leads_abroad(desk: Desk) -> bool:
    rules = desk.routing().compiled().rules
    return bool(rules) and rules["rules"][0]["to"][1:3] == ["external", "+41446681800"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_routing_that_is_published_while_its_country_is_taken_away_does_not_lead_there(
    desk: Desk,
) -> None:
    save(desk, "CH")

    def publish() -> None:
        with pytest.raises(PayloadError):
            send_calls_to(desk, "+41446681800")

    saved = save(desk, dials=Meddled(desk.dialling(), publish))

    assert saved.countries == ()
    assert not leads_abroad(desk)


def test_routing_that_was_published_just_before_keeps_its_country(desk: Desk) -> None:
    save(desk, "CH")
    send_calls_to(desk, "+41446681800")

    with pytest.raises(PayloadError) as caught:
        save(desk)

    assert caught.value.field == "countries"
    assert (desk.dialling().options().countries, leads_abroad(desk)) == (("CH",), True)


def test_routing_never_leads_where_the_options_don_t_when_a_save_breaks_off(desk: Desk) -> None:
    def break_off() -> None:
        raise UnavailableError("timeout")

    for before, after in (((), ("CH",)), (("CH",), ()), (("CH", "DE"), ("DE", "FR"))):
        save(desk, *before)
        with pytest.raises(UnavailableError):
            save(desk, *after, dials=Meddled(desk.dialling(), break_off))
        allowed = set(desk.dialling().options().countries)
        assert set(desk.routing().parts().options.get("countries", ())) <= allowed
        # The next save mends it.
        save(desk, *after)
        assert set(desk.routing().parts().options["countries"]) == set(after)


def test_of_two_who_save_at_once_one_has_to_read_again(desk: Desk) -> None:
    def be_faster() -> None:
        save(desk, "DE")

    with pytest.raises(ConflictError):
        save(desk, "CH", dials=Meddled(desk.dialling(), be_faster))

    assert desk.dialling().options().countries == ("DE",)
    assert desk.routing().parts().options["countries"] == ["DE"]


def test_options_that_change_no_country_leave_routing_alone(desk: Desk) -> None:
    save(desk, "CH")
    edition = desk.routing().parts().edition

    save_dial_options(
        desk.dialling(),
        desk.routing(),
        SETTINGS,
        desk.dialling().options()._replace(internal=True),
        bootstrap.originator_class,
        now_s=NOW_S,
    )

    assert desk.routing().parts().edition == edition
