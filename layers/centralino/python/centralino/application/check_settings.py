"""Check a tenant's settings before they are saved, so that a call can trust them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from centralino.domain.errors import PayloadError
from centralino.domain.label import check_style
from centralino.domain.plans import PLANS
from centralino.domain.rules import check_exten_pattern, check_rules
from centralino.domain.settings import CLI_FORMATS, Line, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from centralino.domain.settings import Settings

# Every cold start reads them.
MAX_BYTES = 100_000
MAX_RULES = 20
MIN_TIMEOUT_S = 0.5
MAX_TIMEOUT_S = 10.0
# One search asks all of them at once.
MAX_CRMS = 10
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_AREA_CODE = re.compile(r"\d{0,6}", re.ASCII)
_OUTSIDE_PREFIX = re.compile(r"[\d*#]{0,4}", re.ASCII)
_EXTEN = re.compile(r"[\d*#]{1,20}", re.ASCII)
_SOURCE = re.compile(r"[a-z0-9_-]{1,32}", re.ASCII)
_ORIGIN = re.compile(r"https://[a-z0-9.-]{1,253}(:\d{1,5})?", re.ASCII)


def check_settings(settings: Settings) -> None:
    """Refuse settings that a call could stumble over.

    Raises:
        PayloadError: names the field as it is nested, as `trunks.milan.rules[0].pattern`.
    """
    _check_line(settings.line, "line")
    for kind, overrides in (("trunks", settings.trunks), ("dids", settings.dids)):
        for name, override in overrides.items():
            _check_override(override, f"{kind}.{name}")
    check_style(settings.label)
    _check_extens(settings.extens)
    if settings.exten_pattern:
        check_exten_pattern(settings.exten_pattern, _lines(settings))
    for place, source in enumerate(settings.source_priority):
        if not _SOURCE.fullmatch(source):
            raise PayloadError(f"source_priority[{place}]", "a source's name of a-z, 0-9, _ and -")
    for place, origin in enumerate(settings.origins):
        if not _ORIGIN.fullmatch(origin):
            raise PayloadError(f"origins[{place}]", "a web origin as https://crm.example")
    _check_live_search(settings)
    # Their values alone, as a record's fields are the same in all settings.
    text = json.dumps(settings, ensure_ascii=False, default=lambda it: [*it._asdict().values()])
    if len(text.encode()) > MAX_BYTES:
        raise PayloadError("settings", f"at most {MAX_BYTES} bytes of JSON")


def _check_live_search(settings: Settings) -> None:
    if len(settings.crms) > MAX_CRMS:
        raise PayloadError("crms", f"at most {MAX_CRMS}")
    for place, provider in enumerate(settings.crms):
        if not _SOURCE.fullmatch(provider):
            raise PayloadError(f"crms[{place}]", "a CRM provider, as hubspot")
    live_search_s = settings.live_search_s
    if not isinstance(live_search_s, int | float) or not 0 <= live_search_s <= MAX_TIMEOUT_S:
        raise PayloadError("live_search_s", "seconds, 0 to 10; 0 for never")


def _lines(settings: Settings) -> Iterator[Line]:
    """Yield the tenant's line and each that a trunk or a DID makes of it."""
    yield settings.line
    for trunk in settings.trunks:
        yield settings.line_for(trunk=trunk)
    for did in settings.dids:
        yield settings.line_for(did=did)


def _check_extens(extens: Mapping[str, Any]) -> None:
    for exten, name in extens.items():
        if not _EXTEN.fullmatch(exten):
            raise PayloadError("extens", "extensions of digits, * and #, at most 20 of them")
        if not isinstance(name, str):
            raise PayloadError(f"extens.{exten}", "the name to show")


def _check_override(override: Mapping[str, Any], field: str) -> None:
    """Check the fields of a line that a trunk or a DID overrides."""
    unknown = set(override) - set(Line._fields)
    if unknown:
        raise PayloadError(f"{field}.{min(unknown)}", f"one of {', '.join(Line._fields)}")
    fields = dict(override)
    if "rules" in fields:
        try:
            fields["rules"] = tuple(
                Rule(rule["pattern"], rule["replacement"]) for rule in fields["rules"]
            )
        except (KeyError, TypeError) as error:
            expected = "a list of objects with pattern and replacement"
            raise PayloadError(f"{field}.rules", expected) from error
    _check_line(Line(**fields), field)


def _check_line(line: Line, field: str) -> None:
    for name in ("country", "area_code", "cli_format", "outside_prefix"):
        if not isinstance(getattr(line, name), str):
            raise PayloadError(f"{field}.{name}", "a text")
    if not _COUNTRY.fullmatch(line.country) or line.country not in PLANS:
        raise PayloadError(f"{field}.country", "a country, ISO 3166 alpha-2, as IT")
    if not _AREA_CODE.fullmatch(line.area_code):
        raise PayloadError(
            f"{field}.area_code", "at most 6 digits, as they follow the country code"
        )
    if line.cli_format not in CLI_FORMATS:
        raise PayloadError(f"{field}.cli_format", f"one of {', '.join(CLI_FORMATS)}")
    if not _OUTSIDE_PREFIX.fullmatch(line.outside_prefix):
        raise PayloadError(f"{field}.outside_prefix", "at most 4 digits, * and #")
    timeout_s = line.decode_timeout_s
    if not isinstance(timeout_s, int | float) or not MIN_TIMEOUT_S <= timeout_s <= MAX_TIMEOUT_S:
        raise PayloadError(f"{field}.decode_timeout_s", "seconds, 0.5 to 10")
    _check_rules(line.rules, f"{field}.rules")


def _check_rules(rules: Sequence[Rule], field: str) -> None:
    if len(rules) > MAX_RULES:
        raise PayloadError(field, f"at most {MAX_RULES}")
    for place, rule in enumerate(rules):
        if not isinstance(rule.pattern, str) or not isinstance(rule.replacement, str):
            raise PayloadError(f"{field}[{place}]", "a pattern and a replacement, both text")
    check_rules(rules, field)
