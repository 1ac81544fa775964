"""Google Contacts: both CSV layouts (before and since 2024), and the People API's JSON.

https://support.google.com/contacts/answer/7199294
https://developers.google.com/people/api/rest/v1/people
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from centralino.application.map_row import NumberColumn, RowMap, TimeColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "Google Contacts"
MARKS = (
    {"first name", "last name", "phone 1 - value", "phone 1 - label"},
    {"given name", "family name", "phone 1 - value", "phone 1 - type"},
    {"name", "given name", "family name", "group membership"},
    {"first name", "last name", "organization name", "labels"},
    {"first name", "last name", "organisation name", "labels"},
    {"resourcename", "etag"},
)

# `Phone 1 - Value`, and the People API's list, counted from 0: as many as the fullest contact has.
_VALUE = re.compile(r"((?:phone |phonenumbers\.)(\d{1,4})(?: - |\.))value", re.ASCII)
_PLACES = ("mobile", "work", "home", "switchboard", "other", "fax")
# A word in the label -> the kind; the first that fits (`workMobile`, `Work Fax`).
_KINDS = (
    ("fax", "fax"),
    ("mobile", "mobile"),
    ("cell", "mobile"),
    ("work", "work"),
    ("lavoro", "work"),
    ("main", "switchboard"),
    ("principale", "switchboard"),
    ("home", "home"),
    ("casa", "home"),
)
# How several values in one cell are separated.
_SEPARATOR = ":::"


def _prepare(row: Mapping[str, str]) -> Mapping[str, str]:
    """Sort the numbers by the kind that each one's label names.

    A star before a label (`* Mobile`) marks the number to dial.
    """
    prepared = dict(row)
    for column in COLUMNS.tags:
        labels = row.get(column, "").split(_SEPARATOR)
        # Google's own groups begin with a star; `* myContacts` is everybody.
        own = (label for label in labels if not label.strip().startswith("*"))
        prepared[column] = _SEPARATOR.join(own)
    for label, number, starred in _labelled(row):
        if number:
            lower = label.lower()
            kind = next((kind for word, kind in _KINDS if word in lower), "other")
            column = f"number.{'*' * starred}{kind}"
            before = prepared.get(column, "")
            prepared[column] = f"{before} {_SEPARATOR} {number}" if before else number
    return prepared


def _labelled(row: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    values = [match for column in row if (match := _VALUE.fullmatch(column))]
    for match in sorted(values, key=lambda match: int(match[2])):
        column = match[1]
        label = row.get(f"{column}label") or row.get(f"{column}type") or ""
        starred = label.startswith("*") or row.get(f"{column}metadata.primary") == "true"
        yield label, row[match[0]], starred


COLUMNS = RowMap(
    source="google",
    record_id=("resourcename",),
    first_name=("first name", "given name", "names.0.givenname"),
    last_name=("last name", "family name", "names.0.familyname"),
    full_name=("name", "file as", "names.0.displayname"),
    company=(
        "organization name",
        "organisation name",
        "organization 1 - name",
        "organizations.0.name",
    ),
    numbers=(
        *(NumberColumn(f"number.*{kind}", kind, primary=True) for kind in _PLACES),
        *(NumberColumn(f"number.{kind}", kind) for kind in _PLACES),
    ),
    modified=(TimeColumn("metadata.sources.0.updatetime"),),
    tags=("labels", "group membership"),
    separator=_SEPARATOR,
    prepare=_prepare,
)
