"""The generated parts of `docs/pbx.md`: what the code says of each PBX.

`.venv/bin/cog -P -r docs/pbx.md` writes them anew.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from centralino.adapters import pbx
from centralino.ports.pbx import ASKS

if TYPE_CHECKING:
    from types import ModuleType

DATA = Path(__file__).parents[1] / "tests" / "data" / "pbx"
# Of those that follow from a tenant's options.
_BY_OPTIONS = {"generic": "with a template `ask`", "kalliope": "with `ask_value`"}


def slugs() -> list[str]:
    """Return every PBX that asks us, our own words first and the tenant's own last."""
    files = [path.stem for path in Path(next(iter(pbx.__path__))).glob("[a-z]*.py")]
    found = [slug for slug in files if hasattr(_module(slug), "Adapter")]
    return sorted(found, key=lambda slug: (slug == "generic", slug != "centralino", slug))


def providers() -> str:
    """Return the table of all PBXs."""
    lines = [
        f"| PBX | in URLs | {' | '.join(ASKS)} | asks callers for us | let in by | samples |",
        f"|---|---|{'---|' * len(ASKS)}---|---|---:|",
    ]
    for slug in slugs():
        module = _module(slug)
        kind = module.Adapter
        first = (module.__doc__ or "").splitlines()[0].rstrip(".")
        signed = ", ".join(f"`{name}`" for name in kind.secrets)
        cells = [
            first.replace("|", "\\|"),
            f"`{slug}`",
            *("yes" if ask in kind.asks else "" for ask in ASKS),
            _BY_OPTIONS.get(slug, "yes" if kind.converses else "no"),
            f"the key and a signature ({signed})" if signed else "the key",
            str(len(samples_of(slug))),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def options(slug: str) -> str:
    """Return the table of a PBX's options; a sentence if it has none."""
    kind = _module(slug).Adapter
    if not kind.options:
        return "It has no options.\n"
    lines = ["| option | what it is |", "|---|---|"]
    for name, option in kind.options.items():
        table = " (an object)" if option.table else ""
        lines.append(f"| `{name}` | {option.what.replace('|', chr(92) + '|')}{table} |")
    return "\n".join([*lines, ""])


def samples() -> str:
    """Return the table of sample requests and where each is from."""
    lines = ["| PBX | asks | where it is from |", "|---|---|---|"]
    for slug in slugs():
        for entry in samples_of(slug):
            source = entry["from"].replace("|", "\\|")
            lines.append(f"| {slug} | {entry['ask']} | {source} |")
    return "\n".join(lines)


def samples_of(slug: str) -> list[dict[str, str]]:
    """Return a PBX's sample requests."""
    entries: list[dict[str, str]] = json.loads((DATA / f"{slug}.json").read_text())
    return entries


def _module(slug: str) -> ModuleType:
    return importlib.import_module(f"centralino.adapters.pbx.{slug}")
