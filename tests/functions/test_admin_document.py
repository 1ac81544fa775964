"""The OpenAPI document: it is the committed one, and it leaves nothing out."""

from __future__ import annotations

import tomllib
from pathlib import Path

from centralino import VERSION
from centralino.entry.admin.document import build_document
from openapi.document import PATH, document_text

ROOT = Path(__file__).parents[2]


def test_the_committed_document_is_the_one_that_the_code_makes() -> None:
    assert PATH.read_text(encoding="utf-8") == document_text(), "run .venv/bin/python -m openapi"


def test_every_error_of_the_document_is_a_problem() -> None:
    document = build_document()
    for response in document["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])
    # Bad input is 400; 422 is a call that is understood and makes none.
    refused = {path for path, methods in document["paths"].items() if "422" in str(methods)}
    assert refused == {"/v1/originate"}


def test_every_operation_says_what_it_does_and_who_may() -> None:
    document = build_document()
    ids = []
    for path, methods in document["paths"].items():
        for operation in methods.values():
            ids.append(operation["operationId"])
            assert operation["summary"]
            assert operation["description"]
            assert (path == "/v1/health") == (operation["security"] == [])
    assert len(ids) == len(set(ids))


def test_docs_api_md_names_every_route() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for path, methods in build_document()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in page


def test_there_is_one_version() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == VERSION
