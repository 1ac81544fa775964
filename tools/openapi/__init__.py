"""Writes `docs/openapi.json`, the HTTP interface as a document."""
