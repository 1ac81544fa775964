"""Write `docs/openapi.json` anew: `.venv/bin/python -m openapi`."""

from __future__ import annotations

from openapi.document import PATH, document_text

PATH.write_text(document_text(), encoding="utf-8")
print(f"{PATH.name} written")
