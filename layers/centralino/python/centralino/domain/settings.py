"""A tenant's settings, and the line settings that a trunk or a DID overrides.

Settings are validated where they are saved (`application/save_settings.py`); here they are only
read, so an item that is older than the code still gives an answer: what is missing has a default.
"""

from __future__ import annotations

import re

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    CliFormat = Literal["national", "plus", "digits", "mixed"]

CLI_FORMATS = ("national", "plus", "digits", "mixed")
REPERTOIRES = ("utf-8", "latin-1", "ascii")
TENANT_PATTERN = re.compile(r"[a-z0-9-]{2,12}", re.ASCII)


class Rule(NamedTuple):
    """One rewriting of the CLI before it is understood: a regex and its replacement."""

    pattern: str
    replacement: str


class Line(Record):
    """How the numbers of one line (trunk or DID) are to be understood, and how long its PBX waits.

    Attributes:
        country: the line's country, ISO 3166 alpha-2.
        area_code: the area code for local numbers, as it follows the country code (`02`, `30`).
        cli_format: how the carrier spells the CLI; `digits` is international without `+`.
        outside_prefix: what the PBX puts before an outside number (`0`), empty for nothing.
        rules: rewritings, applied in order to the CLI once it is unwrapped and has no separators;
            each to its first match.
        decode_timeout_s: seconds that the PBX waits for the label, 0.5 to 10.
    """

    country: str = "IT"
    area_code: str = ""
    cli_format: CliFormat = "mixed"
    outside_prefix: str = ""
    rules: tuple[Rule, ...] = ()
    decode_timeout_s: float = 3.0


class LabelStyle(Record):
    """What a label may look like on this tenant's phones.

    Attributes:
        max_length: graphemes, wide ones count two; 10 to 60.
        template: words in braces are filled in, the rest stays; see `domain/label.py`.
        flags: customer status -> what the label begins with (`{"overdue": "!"}`).
        repertoire: `utf-8`, `latin-1` or `ascii`.
    """

    max_length: int = 15
    template: str = "{flag}{name}"
    flags: Mapping[str, str] = {}
    repertoire: str = "utf-8"


class Settings(Record):
    """A tenant's settings.

    Attributes:
        tenant: the tenant's id.
        version: counts up with every save; an edit names the version that it read.
        line: the tenant's default line.
        trunks: trunk name -> the fields of the line that it overrides.
        dids: DID as the PBX sends it -> the fields of the line that it overrides.
        label: the label's style.
        extens: registered extensions -> the name to show for an internal call.
        exten_pattern: a regex of further internal extensions, empty for none.
        source_priority: sources, the best first; the rest follow by name.
        block_lengths: how many digits after `+` the switchboard blocks in use have, the longest
            first.
        origins: web origins (`https://crm.example`) whose pages may call the API.
        crms: the connected CRM providers that are asked live when the index knows nobody.
        live_search_s: how long a call waits for them, seconds, 0 to 10; 0 is never. It never
            waits longer than its PBX does.
    """

    tenant: str
    version: int = 0
    line: Line = Line()
    trunks: Mapping[str, Mapping[str, Any]] = {}
    dids: Mapping[str, Mapping[str, Any]] = {}
    label: LabelStyle = LabelStyle()
    extens: Mapping[str, str] = {}
    exten_pattern: str = ""
    source_priority: tuple[str, ...] = ()
    block_lengths: tuple[int, ...] = ()
    origins: tuple[str, ...] = ()
    crms: tuple[str, ...] = ()
    live_search_s: float = 1.0

    def line_for(self, trunk: str = "", did: str = "") -> Line:
        """Return the tenant's line, overridden by the trunk's, then by the DID's."""
        line = self.line
        for override in (self.trunks.get(trunk), self.dids.get(did)):
            if override:
                line = _line(override, line)
        return line


def read_settings(tenant: str, stored: Mapping[str, Any]) -> Settings:
    """Build settings from their stored form; what is missing has its default.

    Args:
        tenant: the tenant's id.
        stored: the fields of `Settings` as plain JSON, `line` and `label` as nested objects.
    """
    label = stored.get("label") or {}
    return Settings(
        tenant=tenant,
        version=int(stored.get("version", 0)),
        line=_line(stored.get("line") or {}, Line()),
        trunks=stored.get("trunks") or {},
        dids=stored.get("dids") or {},
        label=LabelStyle(**{k: v for k, v in label.items() if k in LabelStyle._fields}),
        extens=stored.get("extens") or {},
        exten_pattern=stored.get("exten_pattern", ""),
        source_priority=tuple(stored.get("source_priority") or ()),
        block_lengths=tuple(
            sorted((int(n) for n in stored.get("block_lengths") or ()), reverse=True)
        ),
        origins=tuple(stored.get("origins") or ()),
        crms=tuple(stored.get("crms") or ()),
        live_search_s=float(stored.get("live_search_s", 1.0)),
    )


def _line(fields: Mapping[str, Any], base: Line) -> Line:
    known = {k: v for k, v in fields.items() if k in Line._fields}
    if "rules" in known:
        known["rules"] = tuple(Rule(r["pattern"], r["replacement"]) for r in known["rules"])
    return base._replace(**known)
