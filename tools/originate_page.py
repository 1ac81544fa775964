"""The generated parts of `docs/originate.md` and `docs/api.md`: what the code says of placed calls.

`.venv/bin/cog -P -r docs/originate.md docs/api.md` writes them anew.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

from centralino.adapters import pbx
from centralino.domain.originate import FAILURES, REFUSALS
from centralino.entry.originate import FAILED, REFUSED

if TYPE_CHECKING:
    from centralino.ports.originate import Originator

# An address that is neither a link nor code yet.
_BARE = re.compile(r"(?<![<`(\w])(https?://[^\s;,]+[^\s;,.])(?![>`])")
# What each failure means to whoever clicked; `unknown` is no error, so it isn't here.
_MEANS = {
    "busy": "the agent's phone is busy, off, or set to do not disturb",
    "unknown_exten": "the PBX has no such extension",
    "credentials": "the PBX refuses our credentials: an operator has to act",
    "unreachable": "nobody answers at the PBX; nothing rings, trying again is safe",
    "refused": "the PBX took the request and said no",
}


def classes() -> list[type[Originator]]:
    """Return every PBX that places calls, the tenant's own last."""
    folder = Path(next(iter(pbx.__path__)))
    modules = [
        importlib.import_module(f"{pbx.__name__}.{path.stem}") for path in folder.glob("[a-z]*.py")
    ]
    found = [module.Originate for module in modules if hasattr(module, "Originate")]
    return sorted(found, key=lambda kind: (kind.slug == "generic", kind.slug))


def failures() -> str:
    """Return the table of reasons: why a call is not placed, and the status that says so."""
    lines = ["| `reason` | status | why |", "|---|---:|---|"]
    lines += [f"| `{word}` | {REFUSED.get(word, 403)} | {why} |" for word, why in REFUSALS.items()]
    lines += [
        f"| `{word}` | {FAILED[word]} | {_MEANS[word]} |" for word in FAILURES if word in FAILED
    ]
    return "\n".join(lines)


def providers() -> str:
    """Return the table of PBXs that place calls."""
    lines = ["| PBX | how | needs | takes our id |", "|---|---|---|---|"]
    for kind in classes():
        needs = [name for name in kind.needs if not name.endswith("?")]
        cells = (
            f"[`{kind.slug}`](#{kind.slug})",
            _first_sentence(kind),
            ", ".join(f"`{name.partition('.')[2]}`" for name in needs) or "nothing",
            "yes" if kind.dedupes else "no",
        )
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)


def details() -> str:
    """Return what each PBX needs, what is to be done there, and what is known to be uncertain."""
    parts = []
    for kind in classes():
        about = inspect.getdoc(kind) or ""
        lines = [f"### {kind.slug}", "", _page_text(about), ""]
        if kind.needs:
            lines += ["| setting | what it is |", "|---|---|"]
            lines += [
                f"| `{name.rstrip('?')}`{' (may be left out)' if name.endswith('?') else ''} "
                f"| {_cell(meaning)} |"
                for name, meaning in kind.needs.items()
            ]
            lines.append("")
        lines += [f"{number}. {_upper(step)}" for number, step in enumerate(kind.setup, 1)]
        parts.append("\n".join(lines).rstrip())
    return "\n\n".join(["", *parts, ""]).removeprefix("\n").removesuffix("\n")


def _first_sentence(kind: type[Originator]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0].rstrip(".")


def _page_text(text: str) -> str:
    """Return a docstring as a page has it: its contract's addresses as links."""
    return _BARE.sub(r"<\1>", text)


def _cell(text: str) -> str:
    return _BARE.sub(r"`\1`", text).replace("|", "\\|")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
