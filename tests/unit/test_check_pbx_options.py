"""Options of PBX providers, before they are saved."""

from __future__ import annotations

import pytest

from centralino import bootstrap
from centralino.application.check_pbx_options import check_pbx_options
from centralino.domain.errors import PayloadError


def test_options_that_are_right_are_returned() -> None:
    options = {"twilio": {"sip_domain": "pbx.example.com", "ring_s": 25}, "asterisk": {}}
    assert check_pbx_options(options, bootstrap.pbx_class) == options


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ([], "pbx"),
        ({"nonesuch": {}}, "pbx.nonesuch"),
        ({"../crm/odoo": {}}, "pbx.../crm/odoo"),
        ({"twilio": None}, "pbx.twilio"),
        ({"twilio": {"ring_s": 0}}, "pbx.twilio.ring_s"),
        ({"twilio": {"urls": {"ivr:main": "http://a"}}}, "pbx.twilio.urls.ivr:main"),
        ({"asterisk": {"colour": "red"}}, "pbx.asterisk.colour"),
        ({"generic": {"replies": {"route": "{colour}"}}}, "pbx.generic.replies.route"),
    ],
)
def test_the_option_that_is_wrong_is_named(options: object, field: str) -> None:
    with pytest.raises(PayloadError) as refused:
        check_pbx_options(options, bootstrap.pbx_class)
    assert refused.value.field == field
