"""The text of `docs/openapi.json`: the same from run to run, so that a test can compare it."""

from __future__ import annotations

import json
from pathlib import Path

from centralino.entry.admin.document import build_document

PATH = Path(__file__).parents[2] / "docs" / "openapi.json"


def document_text() -> str:
    """Return the document as it is committed."""
    return json.dumps(build_document(), indent=2, ensure_ascii=False) + "\n"
