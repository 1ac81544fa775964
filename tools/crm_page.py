"""The generated parts of `docs/crm.md`: what the code says of each CRM.

`.venv/bin/cog -P -r docs/crm.md` writes them anew.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from centralino.adapters import crm

if TYPE_CHECKING:
    from types import ModuleType

DATA = Path(__file__).parents[1] / "tests" / "data" / "crm"
_ADDRESS = re.compile(r"https?://[a-z0-9.]+")


def slugs() -> list[str]:
    """Return every CRM that there is, the one of one's own last."""
    found = [path.stem for path in Path(next(iter(crm.__path__))).glob("[a-z]*.py")]
    return sorted(found, key=lambda slug: (slug == "generic", slug))


def providers() -> str:
    """Return the table of all CRMs."""
    lines = [
        "| CRM | in URLs | what is used of it | live search | reconciled | deletions | samples |",
        "|---|---|---|---|---|---|---:|",
    ]
    for slug in slugs():
        module = _module(slug)
        first = (module.__doc__ or "").splitlines()[0].rstrip(".")
        name, _, what = first.partition(": ")
        kind = module.Adapter
        able = [_yes(kind.searches), _yes(kind.reads), _yes(kind.lists_deletions)]
        if slug == "generic":
            able = ["if it offers it"] * 3
        cells = [name, f"`{slug}`", what, *able, str(len(_samples(slug)))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def settings(slug: str) -> str:
    """Return what `crm connect` wants to know of a CRM, and the steps to take there."""
    kind = _module(slug).Adapter
    lines = ["| setting | what it is |", "|---|---|"]
    for name, meaning in kind.needs.items():
        optional = " (may be left out)" if name.endswith("?") else ""
        text = _ADDRESS.sub(r"`\g<0>`", meaning)
        lines.append(f"| `{name.rstrip('?')}` | {text}{optional} |")
    if kind.setup:
        lines += ["", "At the CRM:", ""]
        for place, step in enumerate(kind.setup, 1):
            text = step.replace("{url}", "`URL`").replace("{secret}", "`SECRET`")
            lines.append(f"{place}. {text}")
    return "\n".join([*lines, ""])


def samples() -> str:
    """Return the table of sample deliveries and where each is from."""
    lines = ["| CRM | delivery | event in the URL | where it is from |", "|---|---|---|---|"]
    for slug in slugs():
        for entry in _samples(slug):
            event = f"`{entry['event']}`" if entry.get("event") else ""
            source = entry["from"].replace("|", "\\|")
            lines.append(f"| {slug} | `{entry['file']}` | {event} | {source} |")
    return "\n".join(lines)


def _module(slug: str) -> ModuleType:
    return importlib.import_module(f"centralino.adapters.crm.{slug}")


def _samples(slug: str) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = json.loads((DATA / slug / "deliveries.json").read_text())
    return entries


def _yes(able: object) -> str:
    return "yes" if able else "no"
